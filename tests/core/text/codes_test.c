/* Folders without a vocabulary file: bytes (ByT5) or characters (CANINE). The ids are those
 * AutoTokenizer of transformers 5.23.0 gives for the same configuration files. */
#include "tests/core/text/support.h"

#include <stdlib.h>

static char folder[] = "/tmp/tfm_codes_XXXXXX";

static void put_config(const char *content)
{
  char path[128];
  (void)snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_true(fputs(content, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static int make_folder(void **state)
{
  (void)state;
  return mkdtemp(folder) ? 0 : 1;
}

static int remove_folder(void **state)
{
  char path[128];
  (void)state;
  (void)snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
  (void)remove(path);
  return rmdir(folder);
}

static tfm_tokenizer *open_config(const char *content)
{
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  put_config(content);
  CHECK_OK(tfm_tokenizer_open_folder(&t, folder, &err), &err);
  return t;
}

static const tfm_encode_options whole = {.add_special_tokens = true};

static void bytes_are_tokens(void **state)
{
  (void)state;
  tfm_encoding e = {0};
  tfm_tokenizer *t = open_config("{\"tokenizer_class\":\"ByT5Tokenizer\"}");
  encode(t, SPAN("a\xc3\xa9 </s> <extra_id_3>"), "b", whole, &e);
  CHECK_IDS(&e, 100, 198, 172, 1, 262, 1, 101, 1);
  assert_int_equal(e.begin[2], 1); /* both bytes of a character cover it */
  assert_int_equal(e.end[2], 2);
  CHECK_SPAN(tfm_tokenizer_token(t, 198), SPAN("\xc3\x83"));
  CHECK_SPAN(tfm_tokenizer_token(t, 383), SPAN("<extra_id_124>"));
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
  t = open_config("{\"tokenizer_class\":\"ByT5Tokenizer\",\"extra_ids\":0}");
  assert_int_equal(tfm_tokenizer_describe(t).highest_id, 258);
  tfm_tokenizer_close(t);
}

/* An end that the text brings is not added again; an empty text brings none. */
static void an_end_is_added_once(void **state)
{
  (void)state;
  tfm_encoding e = {0};
  tfm_tokenizer *t = open_config("{\"tokenizer_class\":\"ByT5Tokenizer\"}");
  encode(t, SPAN("a</s>"), NULL, whole, &e);
  CHECK_IDS(&e, 100, 1);
  encode(t, SPAN("a</s></s>"), NULL, whole, &e);
  CHECK_IDS(&e, 100, 1, 1);
  encode(t, SPAN("a</s>"), "b</s>", whole, &e);
  CHECK_IDS(&e, 100, 1, 101, 1);
  encode(t, SPAN("a</s>"), "", whole, &e);
  CHECK_IDS(&e, 100, 1, 1);
  encode(t, SPAN(""), NULL, whole, &e);
  CHECK_IDS(&e, 1);
  encode(t, SPAN("a</s>b"), NULL,
         (tfm_encode_options){.add_special_tokens = true, .max_length = 3}, &e);
  CHECK_IDS(&e, 100, 1); /* cut behind the one it brings */
  encode(t, SPAN("a</s>"), NULL, (tfm_encode_options){0}, &e);
  CHECK_IDS(&e, 100, 1);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

/* What is no UTF-8 is left out, as the reference does it. */
static void bytes_become_text(void **state)
{
  (void)state;
  static const int32_t ids[] = {100, 198, 172, 258, 101, 198};
  tfm_err err = {0};
  tfm_buf text = {0};
  tfm_tokenizer *t = open_config("{\"tokenizer_class\":\"ByT5Tokenizer\"}");
  CHECK_OK(tfm_tokenizer_decode(t, ids, COUNT_OF(ids), true, &text, &err), &err);
  CHECK_SPAN(tfm_buf_view(&text), SPAN("a\xc3\xa9"
                                       "b"));
  tfm_buf_fini(&text);
  tfm_tokenizer_close(t);
}

static void characters_are_tokens(void **state)
{
  (void)state;
  tfm_encoding e = {0};
  tfm_tokenizer *t = open_config("{\"tokenizer_class\":\"CanineTokenizer\"}");
  encode(t, SPAN("a\xf0\x9f\x98\x80"), "b \xee\x80\x83", whole, &e);
  CHECK_IDS(&e, 0xe000, 97, 0x1f600, 0xe001, 98, 0xe003, 0xe001);
  assert_int_equal(e.type_ids[5], 0);
  tfm_encoding_fini(&e);
  tfm_tokenizer_close(t);
}

static void other_folders_have_no_tokenizer(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_tokenizer *t = NULL;
  put_config("{\"tokenizer_class\":\"BertTokenizer\"}");
  CHECK_FAILS(tfm_tokenizer_open_folder(&t, folder, &err), TFM_E_MISSING, &err,
              "none of tokenizer.json, vocab.txt");
  CHECK_FAILS(open_text(&t, SPAN("{\"version\":\"1.0\",\"model\":{\"type\":\"Codes\"}}"), &err),
              TFM_E_UNSUPPORTED, &err, "is no model of a tokenizer.json");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_are_tokens),
      cmocka_unit_test(an_end_is_added_once),
      cmocka_unit_test(bytes_become_text),
      cmocka_unit_test(characters_are_tokens),
      cmocka_unit_test(other_folders_have_no_tokenizer),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
