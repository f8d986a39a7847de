/* Folders with a SentencePiece model and no tokenizer.json. Each kind puts its own ids on top of
 * the file's pieces. Source: transformers 5.23, models/t5, albert, xlm_roberta, camembert,
 * deberta_v2, llama, gemma, pegasus (tokenization_*.py), convert_slow_tokenizer.py
 * (SentencePieceExtractor, convert_from_spm, build_tokenizer_from_spm_proto). */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/recipe_pieces.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *scheme_of(bool always)
{
  return always ? "always" : "never";
}

/* ---- the kinds ---- */

/* They are in the vocabulary from the last to the first. */
static tfm_status put_extra_ids(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t n = 100;
  char room[32];
  TFM_TRY(tfm__folder_int(&r->f, "extra_ids", 0, TFM__EXTRA_MOST, &n, err));
  for (int64_t i = n - 1; i >= 0; --i) {
    int len = snprintf(room, sizeof room, "<extra_id_%d>", (int)i);
    TFM_TRY(tfm__pieces_token(r, (tfm_span){room, (size_t)len}, 0, err));
  }
  TFM_TRY(tfm__recipe_extra_ids(r, n, err));

fail:
  return st;
}

static tfm_status build_t5(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {
      [TFM__EOS] = "</s>", [TFM__UNK] = "<unk>", [TFM__PAD] = "<pad>"};
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__pieces_from(r, 0, err));
  TFM_TRY(put_extra_ids(r, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  if (r->piece.charsmap.n) {
    (void)tfm_buf_str(&r->json, ",\"normalizer\":");
    tfm__pieces_charsmap(r);
  }
  tfm__pieces_words(r, "always");
  TFM_TRY(tfm__recipe_template(r, "A0e0", "A0e0B0e0", err));
  tfm__pieces_unigram(r, 2, false);

fail:
  return st;
}

static void put_albert_normalizer(tfm__recipe *r, bool lower, bool accents)
{
  (void)tfm_buf_printf(&r->json,
                       ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":["
                       "{\"type\":\"Replace\",\"pattern\":{\"String\":\"``\"},\"content\":"
                       "\"\\\"\"},{\"type\":\"Replace\",\"pattern\":{\"String\":\"''\"},"
                       "\"content\":\"\\\"\"}%s%s%s",
                       accents ? "" : ",{\"type\":\"NFKD\"},{\"type\":\"StripAccents\"}",
                       lower ? ",{\"type\":\"Lowercase\"}" : "",
                       r->piece.charsmap.n ? "," : "");
  tfm__pieces_charsmap(r);
  (void)tfm_buf_str(&r->json, "]}");
}

/* Where the files say whether bos and eos are added, only these are. */
static tfm_status put_albert_order(tfm__recipe *r, tfm_err *err)
{
  const tfm_json_node *root = r->f.config ? tfm_json_root(r->f.config) : NULL;
  const bool said = tfm_json_get(root, "add_bos_token") || tfm_json_get(root, "add_eos_token");
  return said ? tfm__recipe_bos_eos(r, err)
              : tfm__recipe_template(r, "c0A0s0", "c0A0s0B1s1", err);
}

static tfm_status build_albert(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {"[CLS]", "[SEP]", "<unk>", "[SEP]",
                                                "<pad>", "[CLS]", "[MASK]"};
  tfm_status st = TFM_OK;
  bool lower = true;
  bool accents = false;
  bool prefix = true;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "do_lower_case", &lower, err));
  TFM_TRY(tfm__folder_bool(&r->f, "keep_accents", &accents, err));
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &prefix, err));
  TFM_TRY(tfm__pieces_from(r, 0, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  put_albert_normalizer(r, lower, accents);
  tfm__pieces_words(r, scheme_of(prefix));
  TFM_TRY(put_albert_order(r, err));
  tfm__pieces_unigram(r, 1, false);

fail:
  return st;
}

/* XLM-RoBERTa and CamemBERT, whose pieces are in the vocabulary. */
static tfm_status finish_fairseq(tfm__recipe *r, int64_t unknown, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool prefix = true;
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &prefix, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  if (r->piece.charsmap.n) {
    (void)tfm_buf_str(&r->json, ",\"normalizer\":");
    tfm__pieces_charsmap(r);
  }
  tfm__pieces_words(r, scheme_of(prefix));
  TFM_TRY(tfm__recipe_template(r, "b0A0e0", "b0A0e0e0B0e0", err));
  tfm__pieces_unigram(r, unknown, false);

fail:
  return st;
}

static const char *const fairseq_roles[TFM__ROLES] = {"<s>",   "</s>", "<unk>", "</s>",
                                                      "<pad>", "<s>",  "<mask>"};

static tfm_status build_xlm_roberta(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, fairseq_roles);
  TFM_TRY(tfm__pieces_fairseq(r, TFM__BOS, err));
  TFM_TRY(tfm__pieces_role(r, TFM__MASK, err));
  TFM_TRY(finish_fairseq(r, 3, err));

fail:
  return st;
}

static tfm_status build_camembert(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span unknown;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, fairseq_roles);
  tfm__folder_strip(&r->f, TFM__MASK, false);
  TFM_TRY(tfm__pieces_token(r, tfm_span_of("<s>NOTUSED"), 0, err));
  TFM_TRY(tfm__pieces_role(r, TFM__PAD, err));
  TFM_TRY(tfm__pieces_token(r, tfm_span_of("</s>NOTUSED"), 0, err));
  TFM_TRY(tfm__pieces_role(r, TFM__UNK, err));
  TFM_TRY(tfm__pieces_token(r, tfm_span_of("<unk>NOTUSED"), -100, err));
  TFM_TRY(tfm__pieces_from(r, 1, err));
  TFM_TRY(tfm__pieces_role(r, TFM__MASK, err));
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  TFM_TRY(finish_fairseq(r, tfm__vocab_id(&r->t->vocab, unknown), err));

fail:
  return st;
}

/* The unknown token's piece, when that has the score 0, as it has in all known files. */
static int64_t deberta_unknown(const tfm__recipe *r)
{
  const int32_t id = tfm__vocab_id(&r->t->vocab, r->f.role[TFM__UNK].content);
  const bool named = id >= 0 && fpclassify(r->score[id]) == FP_ZERO;
  return named ? id : r->piece.unk_id;
}

static tfm_status build_deberta(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {"[CLS]", "[SEP]", "[UNK]", "[SEP]",
                                                "[PAD]", "[CLS]", "[MASK]"};
  tfm_status st = TFM_OK;
  bool lower = false;
  bool punctuation = false;
  bool prefix = true;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "do_lower_case", &lower, err));
  TFM_TRY(tfm__folder_bool(&r->f, "split_by_punct", &punctuation, err));
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &prefix, err));
  TFM_TRY(tfm__pieces_from(r, 0, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_printf(&r->json,
                       ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s{\"type\":"
                       "\"Replace\",\"pattern\":{\"Regex\":\"\\\\s{2,}|[\\\\n\\\\r\\\\t]\"},"
                       "\"content\":\" \"},{\"type\":\"NFC\"},{\"type\":\"Strip\","
                       "\"strip_left\":false,\"strip_right\":true}]}"
                       ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[%s",
                       lower ? "{\"type\":\"Lowercase\"}," : "",
                       punctuation ? "{\"type\":\"Punctuation\",\"behavior\":\"Isolated\"},"
                                   : "");
  tfm__pieces_metaspace(r, "", prefix ? "always" : "first", true);
  tfm__pieces_metaspace(r, "]},\"decoder\":", prefix ? "always" : "first", true);
  TFM_TRY(tfm__recipe_template(r, "c0A0s0", "c0A0s0B1s1", err));
  tfm__pieces_unigram(r, deberta_unknown(r), false);

fail:
  return st;
}

static tfm_status build_llama(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {
      [TFM__BOS] = "<s>", [TFM__EOS] = "</s>", [TFM__UNK] = "<unk>"};
  tfm_status st = TFM_OK;
  bool legacy = false;
  bool prefix = true;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_BPE, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "legacy", &legacy, err));
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &prefix, err));
  TFM_TRY(tfm__pieces_from(r, 0, err));
  TFM_TRY(tfm__pieces_merges(r, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  tfm__pieces_metaspace(
      r, ",\"pre_tokenizer\":", prefix ? legacy ? "always" : "first" : "never", false);
  tfm__pieces_byte_decoder(r, prefix);
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  tfm__pieces_bpe(r, (tfm_span){NULL, 0}, true);

fail:
  return st;
}

static void put_blanks_as_marks(tfm__recipe *r)
{
  (void)tfm_buf_str(&r->json, "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},"
                              "\"content\":\"\xe2\x96\x81\"}");
}

static tfm_status build_gemma(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {[TFM__BOS] = "<bos>",
                                                [TFM__EOS] = "<eos>",
                                                [TFM__UNK] = "<unk>",
                                                [TFM__PAD] = "<pad>",
                                                [TFM__MASK] = "<mask>"};
  tfm_status st = TFM_OK;
  tfm_span unknown;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_BPE, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  TFM_TRY(tfm__pieces_from(r, 0, err));
  TFM_TRY(tfm__pieces_merges(r, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_str(&r->json, ",\"normalizer\":");
  put_blanks_as_marks(r);
  (void)tfm_buf_str(&r->json,
                    ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
                    "\"behavior\":\"MergedWithPrevious\",\"invert\":false}");
  tfm__pieces_byte_decoder(r, false);
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  tfm__pieces_bpe(r, unknown, true);

fail:
  return st;
}

/* The token of whole sentences that are masked, which tokenizer_config.json may say is none; the
 * usual one where it does not say. */
static tfm_status read_sentence_mask(const tfm__recipe *r, const char *usual, tfm_span *token,
                                     tfm_err *err)
{
  static const char key[] = "mask_token_sent";
  const tfm_json_node *root = r->f.config ? tfm_json_root(r->f.config) : NULL;
  for (const tfm_json_node *x = tfm_json_first(root); x; x = tfm_json_next(x)) {
    if (strcmp(tfm_json_key(x), key) == 0 && tfm_json_kind_of(x) == TFM_JSON_NULL) {
      usual = "";
    }
  }
  const tfm_status st = tfm__folder_string(&r->f, key, &usual, err);
  *token = tfm_span_of(usual);
  return st;
}

/* The two masks. Where no file names them, the reference's vocabulary has them the other way round
 * than its class. */
static tfm_status put_masks(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span mask = tfm_span_of("<mask_1>");
  tfm_span sentence;
  tfm_span marked;
  TFM_TRY(read_sentence_mask(r, "<mask_2>", &sentence, err));
  TFM_TRY(read_sentence_mask(r, "<mask_1>", &marked, err));
  mask = r->f.said[TFM__MASK] ? r->f.role[TFM__MASK].content : mask;
  if (mask.n) {
    TFM_TRY(tfm__pieces_token(r, mask, 0, err));
  }
  if (sentence.n && !tfm_span_eq(sentence, mask)) {
    TFM_TRY(tfm__pieces_token(r, sentence, 0, err));
  }
  if (marked.n) {
    TFM_TRY(tfm__folder_usual_extra(&r->f, marked, true, err));
  }

fail:
  return st;
}

/* <unk_2> and so on, which training alone used. */
static tfm_status put_unknowns(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t offset = 103;
  char room[32];
  TFM_TRY(tfm__folder_int(&r->f, "offset", 0, TFM__EXTRA_MOST, &offset, err));
  for (int64_t i = 2; i < offset; ++i) {
    const int len = snprintf(room, sizeof room, "<unk_%d>", (int)i);
    const tfm_span name = {tfm_arena_strndup(&r->f.memory, room, (size_t)len), (size_t)len};
    if (!name.p) {
      return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
    }
    TFM_TRY(tfm__pieces_token(r, name, -100, err));
    TFM_TRY(tfm__folder_usual_extra(&r->f, name, true, err));
  }

fail:
  return st;
}

static tfm_status build_pegasus(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {[TFM__EOS] = "</s>",
                                                [TFM__UNK] = "<unk>",
                                                [TFM__PAD] = "<pad>",
                                                [TFM__MASK] = "<mask_2>"};
  tfm_status st = TFM_OK;
  tfm_span unknown;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  tfm__folder_drop_extra(&r->f); /* the file's marks are none here */
  TFM_TRY(tfm__pieces_role(r, TFM__PAD, err));
  TFM_TRY(tfm__pieces_role(r, TFM__EOS, err));
  TFM_TRY(put_masks(r, err));
  TFM_TRY(put_unknowns(r, err));
  TFM_TRY(tfm__pieces_from(r, 2, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  tfm__pieces_runs(r, "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\n\"},"
                      "\"content\":\" \"},");
  tfm__pieces_marks(r);
  TFM_TRY(tfm__recipe_template(r, "A0e0", "A0B0e0", err));
  tfm__pieces_unigram(r, tfm__vocab_id(&r->t->vocab, unknown), false);

fail:
  return st;
}

/* A role that the file itself has a piece for. */
static tfm_status usual_piece(tfm__recipe *r, tfm__role role, int32_t id, tfm_span piece,
                              tfm_err *err)
{
  if (id < 0) {
    return TFM_OK;
  }
  const char *content = tfm_arena_strndup(&r->f.memory, piece.p, piece.n);
  if (!content) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
  }
  tfm__folder_usual(&r->f, role, content);
  return TFM_OK;
}

/* The file as it is, for classes without ids of their own. */
static tfm_status build_plain(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__piece_file *file = &r->piece;
  const bool bpe = file->model != TFM__PIECES_UNIGRAM;
  TFM_TRY(usual_piece(r, TFM__BOS, file->bos_id, file->bos, err));
  TFM_TRY(usual_piece(r, TFM__EOS, file->eos_id, file->eos, err));
  TFM_TRY(usual_piece(r, TFM__UNK, file->unk_id, file->unk, err));
  TFM_TRY(tfm__pieces_from(r, 0, err));
  if (bpe) {
    TFM_TRY(tfm__pieces_merges(r, err));
  }
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_str(&r->json, ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
  tfm__pieces_charsmap(r);
  (void)tfm_buf_str(&r->json, file->charsmap.n ? "," : "");
  put_blanks_as_marks(r);
  (void)tfm_buf_str(&r->json, "]}");
  if (file->byte_fallback) {
    tfm__pieces_byte_decoder(r, false);
  } else {
    (void)tfm_buf_str(&r->json,
                      ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
                      "\"pattern\":{\"String\":\"\xe2\x96\x81\"},\"content\":\" \"}]}");
  }
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  if (bpe) {
    tfm__pieces_bpe(r, file->unk, file->byte_fallback);
  } else {
    tfm__pieces_unigram(r, file->unk_id, file->byte_fallback);
  }

fail:
  return st;
}

static const tfm__recipe_kind kinds[] = {
    {"TokenizersBackend", " umt5 ", " mistral mixtral phi3 ", tfm__recipe_pieces, build_plain},
    {"T5Tokenizer", " t5 mt5 switch_transformers longt5 ", NULL, tfm__recipe_pieces, build_t5},
    {"AlbertTokenizer", " albert ", NULL, tfm__recipe_pieces, build_albert},
    {"XLMRobertaTokenizer", " xlm-roberta ", NULL, tfm__recipe_pieces, build_xlm_roberta},
    {"CamembertTokenizer", " camembert ", NULL, tfm__recipe_pieces, build_camembert},
    {"DebertaV2Tokenizer", " deberta-v2 ", NULL, tfm__recipe_pieces, build_deberta},
    {"LlamaTokenizer", " llama ", NULL, tfm__recipe_pieces, build_llama},
    {"GemmaTokenizer", " gemma gemma2 ", NULL, tfm__recipe_pieces, build_gemma},
    {"PegasusTokenizer", " pegasus ", NULL, tfm__recipe_pieces, build_pegasus},
    {"MBartTokenizer", " mbart ", NULL, tfm__recipe_pieces, tfm__build_mbart},
    {"MBart50Tokenizer", " mbart50 ", NULL, tfm__recipe_pieces, tfm__build_mbart50},
    {"NllbTokenizer", " nllb nllb-moe ", NULL, tfm__recipe_pieces, tfm__build_nllb}};

tfm_status tfm__load_pieces(tfm_tokenizer *t, const char *path, const char *folder,
                            tfm_err *err)
{
  return tfm__recipe_run(t, path, folder, kinds, sizeof kinds / sizeof kinds[0], err);
}
