/* Folders with vocab.txt, a token a line: BERT and its like, and MPNet. Source: transformers 5.23,
 * models/bert and mpnet (tokenization_*.py); load_vocab() of BERT. */
#include "core/base/file.h"
#include "core/base/utf8.h"
#include "core/text/recipe.h"
#include "core/text/unicode.h"

#include <string.h>

/* ---- the file ---- */

static size_t trimmed(const char *p, size_t n)
{
  while (n > 0) {
    size_t k = n - 1;
    size_t len = 0;
    while (k > 0 && ((unsigned char)p[k] & 0xc0) == 0x80) {
      --k;
    }
    if (!(tfm__unicode_class(tfm_utf8_decode(p + k, &len)) & TFM__SPACE)) {
      break;
    }
    n = k;
  }
  return n;
}

/* A line's number is its token's id; of a token that stands there twice the last line counts. */
static tfm_status add_line(tfm__recipe *r, tfm_span token, size_t line, const char *name,
                           tfm_err *err)
{
  if (line > TFM__HIGHEST_ID) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: more than %d lines", name, TFM__HIGHEST_ID + 1);
  }
  tfm__vocab_answer answer = tfm__vocab_add(&r->t->vocab, token, (int32_t)line);
  if (answer == TFM__SAME_TEXT) {
    answer = tfm__vocab_move(&r->t->vocab, token, (int32_t)line);
  }
  return answer == TFM__ADDED ? TFM_OK
                              : tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
}

static tfm_status read_lines(tfm__recipe *r, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_buf *text = &r->file[0];
  TFM_TRY(tfm__recipe_text(r, 0, path, err));
  for (size_t i = 0, line = 0; i < text->n; ++line) {
    const char *p = text->data + i;
    const char *end = memchr(p, '\n', text->n - i);
    size_t n = end ? (size_t)(end - p) : text->n - i;
    TFM_TRY(add_line(r, (tfm_span){p, trimmed(p, n)}, line, tfm_path_base(path), err));
    i += n + 1;
  }

fail:
  return st;
}

/* ---- the kinds ---- */

static tfm_status put_normalizer(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool lower = true;
  bool ideographs = true;
  bool strip = false;
  const tfm_json_node *root = r->f.config ? tfm_json_root(r->f.config) : NULL;
  const bool said = tfm_json_get(root, "strip_accents") != NULL;
  TFM_TRY(tfm__folder_bool(&r->f, "do_lower_case", &lower, err));
  TFM_TRY(tfm__folder_bool(&r->f, "tokenize_chinese_chars", &ideographs, err));
  TFM_TRY(tfm__folder_bool(&r->f, "strip_accents", &strip, err));
  (void)tfm_buf_printf(&r->json,
                       ",\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
                       "\"handle_chinese_chars\":%s,\"strip_accents\":%s,\"lowercase\":%s}",
                       tfm__recipe_word(ideographs), said ? tfm__recipe_word(strip) : "null",
                       tfm__recipe_word(lower));

fail:
  return st;
}

/* Everything but the order of special tokens. */
static tfm_status put_wordpiece(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span unknown;
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  if (tfm__vocab_id(&r->t->vocab, unknown) < 0) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "vocab.txt: the unknown token \"%.*s\" is not in the vocabulary",
                    unknown.n > 64 ? 64 : (int)unknown.n, unknown.p);
  }
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(put_normalizer(r, err));
  (void)tfm_buf_str(&r->json,
                    ",\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
                    "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
                    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":");
  (void)tfm_buf_json_string(&r->json, unknown);
  (void)tfm_buf_str(&r->json, ",\"continuing_subword_prefix\":\"##\","
                              "\"max_input_chars_per_word\":100,\"vocab\":null}");

fail:
  return st;
}

static tfm_status build_bert(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {[TFM__UNK] = "[UNK]",
                                                [TFM__SEP] = "[SEP]",
                                                [TFM__PAD] = "[PAD]",
                                                [TFM__CLS] = "[CLS]",
                                                [TFM__MASK] = "[MASK]"};
  tfm_status st = TFM_OK;
  tfm__recipe_usual(r, roles);
  TFM_TRY(put_wordpiece(r, err));
  TFM_TRY(tfm__recipe_template(r, "c0A0s0", "c0A0s0B1s1", err));

fail:
  return st;
}

static tfm_status build_mpnet(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {"<s>",   "</s>", "[UNK]", "</s>",
                                                "<pad>", "<s>",  "<mask>"};
  tfm_status st = TFM_OK;
  tfm__recipe_usual(r, roles);
  tfm__folder_strip(&r->f, TFM__MASK, false);
  TFM_TRY(put_wordpiece(r, err));
  TFM_TRY(tfm__recipe_roberta(r, TFM__CLS, TFM__SEP, true, false, err));

fail:
  return st;
}

/* Families that tokenize exactly as BERT does; a folder that names none is BERT's. */
#define AS_BERT(name, types)                                                                   \
  {                                                                                            \
    name, types, NULL, read_lines, build_bert                                                  \
  }

static const tfm__recipe_kind kinds[] = {
    {"MPNetTokenizer", " mpnet ", NULL, read_lines, build_mpnet},
    AS_BERT("BertTokenizer", NULL),
    AS_BERT("DistilBertTokenizer", ""),
    AS_BERT("ElectraTokenizer", ""),
    AS_BERT("MobileBertTokenizer", ""),
    AS_BERT("SqueezeBertTokenizer", ""),
    AS_BERT("LayoutLMTokenizer", ""),
    AS_BERT("LxmertTokenizer", ""),
    AS_BERT("RetriBertTokenizer", ""),
    AS_BERT("ConvBertTokenizer", ""),
    AS_BERT("DPRQuestionEncoderTokenizer", "")};

tfm_status tfm__load_vocab_txt(tfm_tokenizer *t, const char *path, const char *folder,
                               tfm_err *err)
{
  return tfm__recipe_run(t, path, folder, kinds, sizeof kinds / sizeof kinds[0], err);
}
