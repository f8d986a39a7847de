/* Folders with a SentencePiece model and no tokenizer.json. Each kind puts its own ids on top of
 * the file's pieces. Source: transformers 5.23, models/t5, albert, xlm_roberta, camembert,
 * deberta_v2, llama, gemma (tokenization_*.py), convert_slow_tokenizer.py (SentencePieceExtractor,
 * convert_from_spm, tfm__recipe_pieces, build_tokenizer_from_spm_proto). */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/recipe.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the vocabulary ---- */

/* The next id is that of a token with a score. */
static tfm_status put_token(tfm__recipe *r, tfm_span token, double score, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const size_t id = r->t->vocab.n;
  if (id == r->score_cap) {
    size_t cap = id ? id * 2 : 1024;
    double *v = tfm_realloc(r->score, cap, sizeof *v);
    if (!v) {
      return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
    }
    r->score = v;
    r->score_cap = cap;
  }
  TFM_TRY(tfm__recipe_token(r, token, (int64_t)id, r->f.folder, "piece", id, err));
  r->score[id] = score;

fail:
  return st;
}

/* The file's pieces from one on. */
static tfm_status put_pieces(tfm__recipe *r, size_t from, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (size_t i = from; i < r->piece.n; ++i) {
    TFM_TRY(put_token(r, r->piece.v[i].text, (double)r->piece.v[i].score, err));
  }

fail:
  return st;
}

static tfm_status put_role(tfm__recipe *r, tfm__role role, tfm_err *err)
{
  tfm_span token;
  tfm_status st = tfm__folder_want(&r->f, role, &token, err);
  return st == TFM_OK ? put_token(r, token, 0, err) : st;
}

/* bos, pad, eos, unk, the pieces but for their three, mask: as fairseq had it. */
static tfm_status put_fairseq(tfm__recipe *r, tfm_err *err)
{
  static const tfm__role first[] = {TFM__BOS, TFM__PAD, TFM__EOS, TFM__UNK};
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < sizeof first / sizeof first[0]; ++i) {
    TFM_TRY(put_role(r, first[i], err));
  }
  TFM_TRY(put_pieces(r, 3, err));
  TFM_TRY(put_role(r, TFM__MASK, err));

fail:
  return st;
}

/* Which lengths tokens have: lengths[n]. *longest: the greatest. NULL when memory is out. */
static bool *token_lengths(const tfm__vocab *vocab, size_t *longest)
{
  *longest = 0;
  for (size_t i = 0; i < vocab->n; ++i) {
    *longest = vocab->entry[i].n > *longest ? vocab->entry[i].n : *longest;
  }
  bool *lengths = tfm_calloc(*longest + 1, sizeof *lengths);
  for (size_t i = 0; lengths && i < vocab->n; ++i) {
    lengths[vocab->entry[i].n] = true;
  }
  return lengths;
}

/* Every way to cut a piece into two others, by the pieces' ids, then by the length of the left.
 * Only lengths that tokens have are tried: a file of n bytes has few more than the square root of
 * n, so a piece of a megabyte costs no more than many short ones. */
static tfm_status put_merges(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__vocab *vocab = &r->t->vocab;
  size_t longest = 0;
  bool *lengths = token_lengths(vocab, &longest);
  if (!lengths) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
  }
  for (size_t i = 0; i < r->piece.n; ++i) {
    const tfm_span piece = r->piece.v[i].text;
    for (size_t k = 1; k < piece.n; ++k) {
      const tfm_span left = {piece.p, k};
      const tfm_span right = {piece.p + k, piece.n - k};
      const bool within = ((unsigned char)piece.p[k] & 0xc0) == 0x80;
      if (!within && lengths[left.n] && lengths[right.n] && tfm__vocab_id(vocab, left) >= 0 &&
          tfm__vocab_id(vocab, right) >= 0) {
        TFM_TRY(tfm__recipe_merge(r, left, right, err));
      }
    }
  }

fail:
  tfm_free(lengths);
  return st;
}

/* ---- parts of the tokenizer.json ---- */

static void put_metaspace(tfm__recipe *r, const char *key, const char *scheme, bool split)
{
  (void)tfm_buf_printf(&r->json,
                       "%s{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\","
                       "\"prepend_scheme\":\"%s\",\"split\":%s}",
                       key, scheme, tfm__recipe_word(split));
}

/* Words between blanks, each with a mark before it. */
static void put_words(tfm__recipe *r, const char *scheme)
{
  put_metaspace(r,
                ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
                "\"WhitespaceSplit\"},",
                scheme, true);
  put_metaspace(r, "]},\"decoder\":", scheme, true);
}

static const char *scheme_of(bool always)
{
  return always ? "always" : "never";
}

static void put_charsmap(tfm__recipe *r)
{
  if (r->piece.charsmap.n) {
    (void)tfm_buf_str(&r->json, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":null}");
  }
}

static void put_unigram(tfm__recipe *r, int64_t unknown, bool byte_fallback)
{
  (void)tfm_buf_printf(&r->json,
                       ",\"model\":{\"type\":\"Unigram\",\"unk_id\":%lld,\"vocab\":null,"
                       "\"byte_fallback\":%s}",
                       (long long)unknown, tfm__recipe_word(byte_fallback));
}

static void put_bpe(tfm__recipe *r, tfm_span unknown, bool byte_fallback)
{
  (void)tfm_buf_printf(&r->json,
                       ",\"model\":{\"type\":\"BPE\",\"vocab\":null,\"merges\":null,"
                       "\"fuse_unk\":true,\"byte_fallback\":%s",
                       tfm__recipe_word(byte_fallback));
  if (unknown.n) {
    (void)tfm_buf_str(&r->json, ",\"unk_token\":");
    (void)tfm_buf_json_string(&r->json, unknown);
  }
  (void)tfm_buf_str(&r->json, "}");
}

static void put_byte_decoder(tfm__recipe *r, bool strip)
{
  (void)tfm_buf_printf(
      &r->json,
      ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":"
      "{\"String\":\"\xe2\x96\x81\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},"
      "{\"type\":\"Fuse\"}%s]}",
      strip ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}" : "");
}

/* ---- the file ---- */

static tfm_status want_model(const tfm__recipe *r, tfm__pieces_model model, tfm_err *err)
{
  static const char *const names[] = {"", "Unigram", "BPE", "word", "character"};
  if (r->piece.model != model) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "%s: the SentencePiece model is a %s model; a %s has a %s model",
                    r->f.folder, names[r->piece.model], r->kind, names[model]);
  }
  return TFM_OK;
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
    TFM_TRY(put_token(r, (tfm_span){room, (size_t)len}, 0, err));
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
  TFM_TRY(want_model(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(put_pieces(r, 0, err));
  TFM_TRY(put_extra_ids(r, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  if (r->piece.charsmap.n) {
    (void)tfm_buf_str(&r->json, ",\"normalizer\":");
    put_charsmap(r);
  }
  put_words(r, "always");
  TFM_TRY(tfm__recipe_template(r, "A0e0", "A0e0B0e0", err));
  put_unigram(r, 2, false);

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
  put_charsmap(r);
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
  TFM_TRY(want_model(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "do_lower_case", &lower, err));
  TFM_TRY(tfm__folder_bool(&r->f, "keep_accents", &accents, err));
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &prefix, err));
  TFM_TRY(put_pieces(r, 0, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  put_albert_normalizer(r, lower, accents);
  put_words(r, scheme_of(prefix));
  TFM_TRY(put_albert_order(r, err));
  put_unigram(r, 1, false);

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
    put_charsmap(r);
  }
  put_words(r, scheme_of(prefix));
  TFM_TRY(tfm__recipe_template(r, "b0A0e0", "b0A0e0e0B0e0", err));
  put_unigram(r, unknown, false);

fail:
  return st;
}

static const char *const fairseq_roles[TFM__ROLES] = {"<s>",   "</s>", "<unk>", "</s>",
                                                      "<pad>", "<s>",  "<mask>"};

static tfm_status build_xlm_roberta(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(want_model(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, fairseq_roles);
  TFM_TRY(put_fairseq(r, err));
  TFM_TRY(finish_fairseq(r, 3, err));

fail:
  return st;
}

static tfm_status build_camembert(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span unknown;
  TFM_TRY(want_model(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, fairseq_roles);
  tfm__folder_strip(&r->f, TFM__MASK, false);
  TFM_TRY(put_token(r, tfm_span_of("<s>NOTUSED"), 0, err));
  TFM_TRY(put_role(r, TFM__PAD, err));
  TFM_TRY(put_token(r, tfm_span_of("</s>NOTUSED"), 0, err));
  TFM_TRY(put_role(r, TFM__UNK, err));
  TFM_TRY(put_token(r, tfm_span_of("<unk>NOTUSED"), -100, err));
  TFM_TRY(put_pieces(r, 1, err));
  TFM_TRY(put_role(r, TFM__MASK, err));
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
  TFM_TRY(want_model(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "do_lower_case", &lower, err));
  TFM_TRY(tfm__folder_bool(&r->f, "split_by_punct", &punctuation, err));
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &prefix, err));
  TFM_TRY(put_pieces(r, 0, err));
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
  put_metaspace(r, "", prefix ? "always" : "first", true);
  put_metaspace(r, "]},\"decoder\":", prefix ? "always" : "first", true);
  TFM_TRY(tfm__recipe_template(r, "c0A0s0", "c0A0s0B1s1", err));
  put_unigram(r, deberta_unknown(r), false);

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
  TFM_TRY(want_model(r, TFM__PIECES_BPE, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "legacy", &legacy, err));
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &prefix, err));
  TFM_TRY(put_pieces(r, 0, err));
  TFM_TRY(put_merges(r, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  put_metaspace(r, ",\"pre_tokenizer\":", prefix ? legacy ? "always" : "first" : "never",
                false);
  put_byte_decoder(r, prefix);
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  put_bpe(r, (tfm_span){NULL, 0}, true);

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
  TFM_TRY(want_model(r, TFM__PIECES_BPE, err));
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  TFM_TRY(put_pieces(r, 0, err));
  TFM_TRY(put_merges(r, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_str(&r->json, ",\"normalizer\":");
  put_blanks_as_marks(r);
  (void)tfm_buf_str(&r->json,
                    ",\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},"
                    "\"behavior\":\"MergedWithPrevious\",\"invert\":false}");
  put_byte_decoder(r, false);
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  put_bpe(r, unknown, true);

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
  TFM_TRY(put_pieces(r, 0, err));
  if (bpe) {
    TFM_TRY(put_merges(r, err));
  }
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_str(&r->json, ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
  put_charsmap(r);
  (void)tfm_buf_str(&r->json, file->charsmap.n ? "," : "");
  put_blanks_as_marks(r);
  (void)tfm_buf_str(&r->json, "]}");
  if (file->byte_fallback) {
    put_byte_decoder(r, false);
  } else {
    (void)tfm_buf_str(&r->json,
                      ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\","
                      "\"pattern\":{\"String\":\"\xe2\x96\x81\"},\"content\":\" \"}]}");
  }
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  if (bpe) {
    put_bpe(r, file->unk, file->byte_fallback);
  } else {
    put_unigram(r, file->unk_id, file->byte_fallback);
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
    {"GemmaTokenizer", " gemma gemma2 ", NULL, tfm__recipe_pieces, build_gemma}};

tfm_status tfm__load_pieces(tfm_tokenizer *t, const char *path, const char *folder,
                            tfm_err *err)
{
  return tfm__recipe_run(t, path, folder, kinds, sizeof kinds / sizeof kinds[0], err);
}
