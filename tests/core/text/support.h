/** What the tests of the text room share. */
#ifndef TFM_TESTS_CORE_TEXT_SUPPORT_H
#define TFM_TESTS_CORE_TEXT_SUPPORT_H

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/text/tokenizer_private.h"
#include "tests/support/check.h"

/** A tokenizer from the text of a tokenizer.json. */
static inline tfm_status open_text(tfm_tokenizer **out, tfm_span json, tfm_err *err)
{
  *out = tfm__tokenizer_new();
  assert_non_null(*out);
  tfm_status st = tfm__load_json(*out, "tokenizer.json", json, NULL, err);
  if (st != TFM_OK) {
    tfm_tokenizer_close(*out);
    *out = NULL;
  }
  return st;
}

/** The parts that most small tokenizers of the tests share. */
#define NORMALIZER                                                                             \
  "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"                           \
  "\"handle_chinese_chars\":true,\"strip_accents\":null,\"lowercase\":true}"
#define SPLITTER "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"}"
#define MODEL(vocab)                                                                           \
  "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","                                 \
  "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":{" vocab    \
  "}}"

/** Encode a text (and pair, unless NULL) as the options say; fails the test on an error. */
static inline void encode(const tfm_tokenizer *t, tfm_span text, const char *pair,
                          tfm_encode_options options, tfm_encoding *e)
{
  tfm_err err = {0};
  tfm_span second = pair ? tfm_span_of(pair) : (tfm_span){NULL, 0};
  CHECK_OK(tfm_tokenizer_encode(t, text, second, &options, e, &err), &err);
}

/** Compare the ids of an encoding. */
#define CHECK_IDS(e, ...)                                                                      \
  do {                                                                                         \
    const int32_t wanted_[] = {__VA_ARGS__};                                                   \
    assert_int_equal((e)->n, COUNT_OF(wanted_));                                               \
    assert_memory_equal((e)->ids, wanted_, sizeof wanted_);                                    \
  } while (0)

#endif
