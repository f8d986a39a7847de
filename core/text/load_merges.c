/* Folders with vocab.json, and merges.txt (GPT-2, GPT-NeoX, Qwen2, RoBERTa, CLIP), source.spm
 * (Marian) or sentencepiece.bpe.model (M2M100). Source: transformers 5.23, models/gpt2, gpt_neox,
 * qwen2, roberta, clip, marian and m2m_100; the `tokenizers` library's BPE::read_file. */
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "core/text/recipe_pieces.h"

#include <string.h>

/* ---- the files ---- */

static tfm_status read_vocab(tfm__recipe *r, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span key;
  tfm_buf token = {0};
  tfm_jread *j = NULL;
  const char *name = tfm_path_base(path);
  TFM_TRY(tfm__recipe_text(r, 0, path, err));
  j = tfm_jread_open(name, r->file[0].data, r->file[0].n, TFM_JSON_STRICT);
  if (!j) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
  }
  tfm_jread_object(j);
  for (size_t at = 1; tfm_jread_key(j, &key); ++at) {
    tfm_buf_clear(&token);
    if (tfm_buf_span(&token, key) != TFM_OK) {
      st = tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
      goto fail;
    }
    int64_t id = tfm_jread_int(j, 0, TFM__HIGHEST_ID);
    if (tfm_jread_ok(j)) {
      TFM_TRY(tfm__recipe_token(r, tfm_buf_view(&token), id, name, "entry", at, err));
    }
  }
  tfm_jread_end(j);
  st = tfm_jread_status(j, err);

fail:
  tfm_jread_close(j);
  tfm_buf_fini(&token);
  return st;
}

/* One line: two tokens with a blank between, all three texts of the vocabulary. */
static tfm_status read_merge(tfm__recipe *r, tfm_span line, size_t at, tfm_err *err)
{
  const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
  size_t left = blank ? (size_t)(blank - line.p) : line.n;
  size_t right = blank ? line.n - left - 1 : 0;
  if (!blank || memchr(blank + 1, ' ', right)) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "merges.txt: line %zu: want two tokens with a blank between", at);
  }
  tfm_buf made = {0};
  (void)tfm_buf_append(&made, line.p, left);
  (void)tfm_buf_append(&made, blank + 1, right);
  const tfm_span all[] = {{line.p, left}, {blank + 1, right}, tfm_buf_view(&made)};
  tfm_status st =
      made.failed ? tfm_fail(err, TFM_E_NOMEM, "merges.txt: not enough memory") : TFM_OK;
  for (size_t i = 0; st == TFM_OK && i < 3; ++i) {
    if (tfm__vocab_id(&r->t->vocab, all[i]) < 0) {
      st = tfm_fail(err, TFM_E_FORMAT, "merges.txt: line %zu: \"%.*s\" is not in vocab.json",
                    at, all[i].n > 64 ? 64 : (int)all[i].n, all[i].n ? all[i].p : "");
    }
  }
  tfm_buf_fini(&made);
  return st == TFM_OK ? tfm__recipe_merge(r, all[0], all[1], err) : st;
}

static tfm_status read_merges(tfm__recipe *r, tfm_err *err)
{
  static const char version[] = "#version";
  tfm_status st = TFM_OK;
  const char *path = NULL;
  TFM_TRY(tfm__recipe_file(r, "merges.txt", &path, err));
  TFM_TRY(tfm__recipe_text(r, 1, path, err));
  const tfm_buf *text = &r->file[1];
  for (size_t i = 0, at = 1; i < text->n; ++at) {
    const char *p = text->data + i;
    const char *end = memchr(p, '\n', text->n - i);
    size_t n = end ? (size_t)(end - p) : text->n - i;
    i += n + 1;
    n -= end && n && p[n - 1] == '\r';
    if (n >= sizeof version - 1 && memcmp(p, version, sizeof version - 1) == 0) {
      continue;
    }
    TFM_TRY(read_merge(r, (tfm_span){p, n}, at, err));
  }

fail:
  return st;
}

static tfm_status read_files(tfm__recipe *r, const char *path, tfm_err *err)
{
  tfm_status st = read_vocab(r, path, err);
  return st == TFM_OK ? read_merges(r, err) : st;
}

/* ---- the kinds ---- */

#define BYTE_LEVEL                                                                             \
  "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":"     \
  "true}"

static void put_model(tfm__recipe *r, tfm_span unknown, const char *suffix)
{
  (void)tfm_buf_str(&r->json, ",\"model\":{\"type\":\"BPE\",\"vocab\":null,\"merges\":null,"
                              "\"continuing_subword_prefix\":\"\",\"end_of_word_suffix\":");
  (void)tfm_buf_json_string(&r->json, tfm_span_of(suffix));
  if (unknown.n) {
    (void)tfm_buf_str(&r->json, ",\"unk_token\":");
    (void)tfm_buf_json_string(&r->json, unknown);
  }
  (void)tfm_buf_str(&r->json, "}");
}

static void put_byte_level(tfm__recipe *r, bool space)
{
  (void)tfm_buf_printf(&r->json,
                       ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":%s,"
                       "\"trim_offsets\":true,\"use_regex\":true}",
                       tfm__recipe_word(space));
}

static tfm_status build_gpt2(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {
      [TFM__UNK] = "<|endoftext|>", [TFM__BOS] = "<|endoftext|>", [TFM__EOS] = "<|endoftext|>"};
  tfm_status st = TFM_OK;
  bool space = false;
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &space, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  put_byte_level(r, space);
  (void)tfm_buf_str(&r->json, ",\"decoder\":" BYTE_LEVEL);
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  put_model(r, (tfm_span){NULL, 0}, "");

fail:
  return st;
}

static tfm_status build_neox(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {[TFM__UNK] = "<|endoftext|>",
                                                [TFM__BOS] = "<|endoftext|>",
                                                [TFM__EOS] = "<|endoftext|>",
                                                [TFM__PAD] = "<|padding|>"};
  tfm_status st = TFM_OK;
  bool space = false;
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &space, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_str(&r->json, ",\"normalizer\":{\"type\":\"NFC\"}");
  put_byte_level(r, space);
  (void)tfm_buf_str(&r->json, ",\"decoder\":" BYTE_LEVEL);
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  put_model(r, (tfm_span){NULL, 0}, "");

fail:
  return st;
}

/* Words with what stands before them, digits one by one, the rest, lines and blanks. */
#define QWEN2_WORDS                                                                            \
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "                        \
  "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

static tfm_status build_qwen2(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {
      [TFM__UNK] = "<|endoftext|>", [TFM__EOS] = "<|endoftext|>", [TFM__PAD] = "<|endoftext|>"};
  tfm_status st = TFM_OK;
  bool space = false;
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &space, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_str(&r->json, ",\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":"
                              "\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
                              "{\"Regex\":");
  (void)tfm_buf_json_string(&r->json, tfm_span_of(QWEN2_WORDS));
  (void)tfm_buf_printf(&r->json,
                       "},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":"
                       "\"ByteLevel\",\"add_prefix_space\":%s,\"trim_offsets\":true,"
                       "\"use_regex\":false}]},\"decoder\":" BYTE_LEVEL,
                       tfm__recipe_word(space));
  TFM_TRY(tfm__recipe_bos_eos(r, err));
  put_model(r, (tfm_span){NULL, 0}, "");

fail:
  return st;
}

static tfm_status build_roberta(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {"<s>",   "</s>", "<unk>", "</s>",
                                                "<pad>", "<s>",  "<mask>"};
  tfm_status st = TFM_OK;
  bool space = false;
  bool trim = true;
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_bool(&r->f, "add_prefix_space", &space, err));
  TFM_TRY(tfm__folder_bool(&r->f, "trim_offsets", &trim, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  put_byte_level(r, space);
  (void)tfm_buf_str(&r->json, ",\"decoder\":" BYTE_LEVEL);
  TFM_TRY(tfm__recipe_roberta(r, TFM__CLS, TFM__SEP, trim, space, err));
  put_model(r, (tfm_span){NULL, 0}, "");

fail:
  return st;
}

/* Letters, digits one by one, the rest; the specials of the text as they are. */
#define CLIP_WORDS                                                                             \
  "<\\\\|startoftext\\\\|>|<\\\\|endoftext\\\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\\\p{L}]+|[\\\\p{"  \
  "N}]|"                                                                                       \
  "[^\\\\s\\\\p{L}\\\\p{N}]+"

static tfm_status build_clip(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {[TFM__UNK] = "<|endoftext|>",
                                                [TFM__BOS] = "<|startoftext|>",
                                                [TFM__EOS] = "<|endoftext|>",
                                                [TFM__PAD] = "<|endoftext|>"};
  tfm_status st = TFM_OK;
  tfm_span unknown;
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  (void)tfm_buf_str(
      &r->json,
      ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},"
      "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"},"
      "{\"type\":\"Lowercase\"}]}"
      ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
      "\"pattern\":{\"Regex\":\"" CLIP_WORDS "\"},\"behavior\":\"Removed\",\"invert\":true},"
      "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
      "\"use_regex\":true}]}"
      ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[" BYTE_LEVEL
      ",{\"type\":\"Replace\",\"pattern\":{\"String\":\"</w>\"},\"content\":\" \"},"
      "{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":1}]}");
  TFM_TRY(tfm__recipe_roberta(r, TFM__BOS, TFM__EOS, false, false, err));
  put_model(r, unknown, "</w>");

fail:
  return st;
}

/* Ids are vocab.json's, whatever those of the model are. */
static tfm_status read_beside(tfm__recipe *r, const char *path, const char *name, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *model = NULL;
  TFM_TRY(read_vocab(r, path, err));
  tfm_buf_fini(&r->file[0]);
  TFM_TRY(tfm__recipe_file(r, name, &model, err));
  TFM_TRY(tfm__recipe_own_pieces(r, model, err));

fail:
  return st;
}

/* The texts are of the source language. */
static tfm_status read_marian(tfm__recipe *r, const char *path, tfm_err *err)
{
  return read_beside(r, path, "source.spm", err);
}

static tfm_status read_m2m100(tfm__recipe *r, const char *path, tfm_err *err)
{
  return read_beside(r, path, "sentencepiece.bpe.model", err);
}

static tfm_status build_marian(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {
      [TFM__EOS] = "</s>", [TFM__UNK] = "<unk>", [TFM__PAD] = "<pad>"};
  tfm_status st = TFM_OK;
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(tfm__recipe_by_pieces(r, "A0e0", "A0B0e0", true, err));

fail:
  return st;
}

static const tfm__recipe_kind kinds[] = {
    {"GPT2Tokenizer", " gpt2 gpt_neo gptj opt ", NULL, read_files, build_gpt2},
    {"RobertaTokenizer", " roberta bart roberta-prelayernorm ", NULL, read_files,
     build_roberta},
    {"BartTokenizer", "", NULL, read_files, build_roberta},
    {"GPTNeoXTokenizer", " gpt_neox ", NULL, read_files, build_neox},
    {"Qwen2Tokenizer", " qwen3 qwen2_moe qwen3_moe ", " qwen2 ", read_files, build_qwen2},
    {"CLIPTokenizer", " clip clip_text_model ", NULL, read_files, build_clip},
    {"MarianTokenizer", " marian ", NULL, read_marian, build_marian},
    {"M2M100Tokenizer", " m2m_100 ", NULL, read_m2m100, tfm__build_m2m100}};

tfm_status tfm__load_merges(tfm_tokenizer *t, const char *path, const char *folder,
                            tfm_err *err)
{
  return tfm__recipe_run(t, path, folder, kinds, sizeof kinds / sizeof kinds[0], err);
}
