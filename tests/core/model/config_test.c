/* config.json: what is read, what is refused, and that the message names the key. Broken files
 * are one good configuration with one member changed. */
#include "core/model/config.h"

#include "tests/core/model/support.h"
#include "tests/support/check.h"

typedef struct {
  const char *key;
  const char *value; /* JSON text; NULL: the member is left out */
} member;

static const member good[] = {
    {"architectures", "[\"BertForSequenceClassification\"]"},
    {"model_type", "\"bert\""},
    {"hidden_size", "48"},
    {"num_hidden_layers", "2"},
    {"num_attention_heads", "4"},
    {"intermediate_size", "96"},
    {"vocab_size", "100"},
    {"max_position_embeddings", "64"},
    {"type_vocab_size", "2"},
    {"hidden_act", "\"gelu\""},
    {"layer_norm_eps", "1e-12"},
    {"pad_token_id", "0"},
    {"id2label", "{\"1\":\"YES\",\"0\":\"NO\"}"},
};

static tfm_status read_with(const member *change, tfm_config *config, tfm_err *err)
{
  tfm_buf text = {.data = NULL};
  folder f = open_folder();
  const char *comma = "{";
  for (size_t i = 0; i < COUNT_OF(good); ++i) {
    if (!change || strcmp(good[i].key, change->key) != 0) {
      (void)tfm_buf_printf(&text, "%s\"%s\":%s", comma, good[i].key, good[i].value);
      comma = ",";
    }
  }
  if (change && change->value) {
    (void)tfm_buf_printf(&text, "%s\"%s\":%s", comma, change->key, change->value);
  }
  (void)tfm_buf_str(&text, "}");
  put_text(&f, "config.json", tfm_buf_cstr(&text));
  const tfm_status st = tfm_config_read(config, f.path, err);
  tfm_buf_fini(&text);
  close_folder(&f);
  return st;
}

static void good_configuration_is_read(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_config c;
  CHECK_OK(read_with(NULL, &c, &err), &err);
  assert_string_equal(c.architecture, "BertForSequenceClassification");
  assert_int_equal(c.task, TFM_TASK_TEXT_CLASSIFICATION);
  assert_true(c.H == 48 && c.L == 2 && c.N == 4 && c.D == 12 && c.F == 96 && c.V == 100);
  assert_true(c.positions == 64 && c.position_offset == 0 && c.max_length == 64);
  assert_true(c.types == 2 && c.pad_id == 0 && c.act == TFM_ACT_GELU);
  assert_true(c.norm_eps == 1e-12f);
  assert_true(c.nlabel == 2 && c.score == TFM_SCORE_SOFTMAX);
  assert_string_equal(c.labels[0], "NO");
  assert_string_equal(c.labels[1], "YES");
  tfm_config_fini(&c);
}

static const char *const sizes[] = {
    "hidden_size", "num_hidden_layers",       "num_attention_heads", "intermediate_size",
    "vocab_size",  "max_position_embeddings", "type_vocab_size",
};

static void absurd_sizes_are_refused_by_key(void **state)
{
  (void)state;
  static const char *const values[] = {"0",          "-1",
                                       "1.5",        "\"48\"",
                                       "null",       "true",
                                       "[]",         "{}",
                                       "NaN",        "1000000000",
                                       "2147483648", "9007199254740993",
                                       "1e2000",     "18446744073709551616",
                                       NULL};
  for (size_t i = 0; i < COUNT_OF(sizes); ++i) {
    for (size_t k = 0; k < COUNT_OF(values); ++k) {
      tfm_err err = {.status = TFM_OK};
      tfm_config c;
      const member change = {sizes[i], values[k]};
      CHECK_FAILS(read_with(&change, &c, &err), TFM_E_FORMAT, &err, sizes[i]);
      assert_non_null(strstr(err.text, "config.json"));
      assert_null(c.labels); /* nothing is left behind */
    }
  }
}

static const struct {
  member change;
  tfm_status st;
  const char *named;
} bad_members[] = {
    {{"num_attention_heads", "5"}, TFM_E_FORMAT, "multiple of num_attention_heads (5)"},
    {{"layer_norm_eps", "-1.0"}, TFM_E_FORMAT, "layer_norm_eps"},
    {{"layer_norm_eps", "\"1e-12\""}, TFM_E_FORMAT, "layer_norm_eps"},
    {{"layer_norm_eps", "null"}, TFM_E_FORMAT, "layer_norm_eps"},
    {{"layer_norm_eps", "[]"}, TFM_E_FORMAT, "layer_norm_eps"},
    {{"layer_norm_eps", "1e999"}, TFM_E_FORMAT, "layer_norm_eps"},
    {{"layer_norm_eps", "2"}, TFM_E_FORMAT, "layer_norm_eps"},
    {{"hidden_act", "\"nonsense\""}, TFM_E_UNSUPPORTED, "hidden_act: activation \"nonsense\""},
    {{"hidden_act", "\"\""}, TFM_E_UNSUPPORTED, "hidden_act"},
    {{"hidden_act", "null"}, TFM_E_FORMAT, "hidden_act"},
    {{"hidden_act", "3"}, TFM_E_FORMAT, "hidden_act"},
    {{"model_type", "\"rwkv\""}, TFM_E_UNSUPPORTED, "model_type: \"rwkv\""},
    {{"model_type", "\"BERT\""}, TFM_E_UNSUPPORTED, "supported are: bert"},
    {{"model_type", "\"bert \""}, TFM_E_UNSUPPORTED, "model_type"},
    {{"model_type", "\"\\u001b[31m\""}, TFM_E_UNSUPPORTED, "\"?[31m\""},
    {{"model_type", "null"}, TFM_E_FORMAT, "model_type"},
    {{"model_type", "3"}, TFM_E_FORMAT, "model_type"},
    {{"model_type", NULL}, TFM_E_FORMAT, "model_type"},
    {{"architectures", "\"BertModel\""}, TFM_E_FORMAT, "architectures"},
    {{"architectures", "[1]"}, TFM_E_FORMAT, "architectures"},
    {{"id2label", "[]"}, TFM_E_FORMAT, "id2label"},
    {{"id2label", "{}"}, TFM_E_FORMAT, "id2label"},
    {{"id2label", "\"x\""}, TFM_E_FORMAT, "id2label"},
    {{"id2label", "{\"a\":\"x\",\"b\":\"y\"}"}, TFM_E_FORMAT, "id2label: \"a\""},
    {{"id2label", "{\"0\":\"x\",\"2\":\"y\"}"}, TFM_E_FORMAT, "id2label: \"2\""},
    {{"id2label", "{\"0\":\"x\",\"00\":\"y\"}"}, TFM_E_FORMAT, "id2label: \"00\""},
    {{"id2label", "{\"0\":\"x\",\"+1\":\"y\"}"}, TFM_E_FORMAT, "id2label: \"+1\""},
    {{"id2label", "{\"-1\":\"x\",\"0\":\"y\"}"}, TFM_E_FORMAT, "id2label: \"-1\""},
    {{"id2label", "{\"0\":\"x\",\"\":\"y\"}"}, TFM_E_FORMAT, "id2label"},
    {{"id2label", "{\"0\":1,\"1\":2}"}, TFM_E_FORMAT, "id2label: \"0\""},
    {{"id2label", "{\"0\":\"x\",\"99999999999999999999999\":\"y\"}"}, TFM_E_FORMAT, "id2label"},
    {{"id2label", "{\"0\":\"x\",\"0\":\"y\"}"}, TFM_E_FORMAT, "twice"},
    {{"problem_type", "\"guessing\""}, TFM_E_UNSUPPORTED, "problem_type: \"guessing\""},
    {{"problem_type", "1"}, TFM_E_FORMAT, "problem_type"},
    {{"pad_token_id", "1000000000"}, TFM_E_FORMAT, "pad_token_id"},
    {{"pad_token_id", "-1"}, TFM_E_FORMAT, "pad_token_id"},
    {{"is_decoder", "true"}, TFM_E_UNSUPPORTED, "is_decoder"},
    {{"is_decoder", "1"}, TFM_E_FORMAT, "is_decoder"},
    {{"add_cross_attention", "true"}, TFM_E_UNSUPPORTED, "add_cross_attention"},
    {{"position_embedding_type", "\"relative_key\""}, TFM_E_UNSUPPORTED, "relative_key"},
    {{"position_embedding_type", "0"}, TFM_E_FORMAT, "position_embedding_type"},
    {{"quantization_config", "{\"bits\":4}"}, TFM_E_UNSUPPORTED, "quantization_config"},
};

static void wrong_members_are_refused_by_key(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(bad_members); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_config c;
    CHECK_FAILS(read_with(&bad_members[i].change, &c, &err), bad_members[i].st, &err,
                bad_members[i].named);
    assert_non_null(strstr(err.text, "config.json"));
  }
}

static void harmless_members_are_accepted(void **state)
{
  (void)state;
  static const member changes[] = {
      {"layer_norm_eps", NULL},
      {"layer_norm_eps", "0"},
      {"hidden_act", NULL},
      {"pad_token_id", NULL},
      {"pad_token_id", "null"},
      {"is_decoder", "false"},
      {"is_decoder", "null"},
      {"position_embedding_type", "\"absolute\""},
      {"problem_type", "null"},
      {"auto_map", "{\"AutoModel\":\"evil.py\"}"},
      {"torch_dtype", "\"float16\""},
      {"label2id", "{\"nonsense\":-1}"},
      {"num_labels", "7"}, /* the map says how many */
  };
  for (size_t i = 0; i < COUNT_OF(changes); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_config c;
    CHECK_OK(read_with(&changes[i], &c, &err), &err);
    assert_int_equal(c.nlabel, 2);
    assert_int_equal(c.act, TFM_ACT_GELU);
    tfm_config_fini(&c);
  }
}

static void tasks_come_from_the_architecture(void **state)
{
  (void)state;
  static const struct {
    const char *architectures;
    tfm_task task;
    int64_t nlabel;
  } rows[] = {
      {"[\"BertForSequenceClassification\"]", TFM_TASK_TEXT_CLASSIFICATION, 2},
      {"[\"BertForTokenClassification\"]", TFM_TASK_TOKEN_CLASSIFICATION, 2},
      {"[\"BertForQuestionAnswering\"]", TFM_TASK_QUESTION_ANSWERING, 0},
      {"[\"BertForMaskedLM\"]", TFM_TASK_FILL_MASK, 0},
      {"[\"BertForPreTraining\"]", TFM_TASK_FILL_MASK, 0},
      {"[\"BertModel\",\"BertForMaskedLM\"]", TFM_TASK_FEATURE_EXTRACTION, 0},
      {"[\"BertLMHeadModel\"]", TFM_TASK_TEXT_GENERATION, 0},
      {"[\"BertForCausalLM\"]", TFM_TASK_TEXT_GENERATION, 0},
      {"[\"BertForNothing\"]", TFM_TASK_NONE, 0},
      {"[]", TFM_TASK_NONE, 0},
      {"null", TFM_TASK_NONE, 0},
  };
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_config c;
    const member change = {"architectures", rows[i].architectures};
    CHECK_OK(read_with(&change, &c, &err), &err);
    assert_int_equal(c.task, rows[i].task);
    assert_int_equal(c.nlabel, rows[i].nlabel);
    tfm_config_fini(&c);
  }
}

/* The rules of the reference's text-classification pipeline. */
static void score_rules_follow_the_reference(void **state)
{
  (void)state;
  static const struct {
    member change;
    tfm_score_rule rule;
  } rows[] = {
      {{"problem_type", "\"single_label_classification\""}, TFM_SCORE_SOFTMAX},
      {{"problem_type", "\"multi_label_classification\""}, TFM_SCORE_SIGMOID},
      {{"problem_type", "\"regression\""}, TFM_SCORE_NONE},
      {{"id2label", "{\"0\":\"LABEL_0\"}"}, TFM_SCORE_SIGMOID},
      {{"id2label", "{\"0\":\"a\",\"1\":\"b\",\"2\":\"c\"}"}, TFM_SCORE_SOFTMAX},
  };
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_config c;
    CHECK_OK(read_with(&rows[i].change, &c, &err), &err);
    assert_int_equal(c.score, rows[i].rule);
    tfm_config_fini(&c);
  }
}

static void labels_may_be_any_text(void **state)
{
  (void)state;
  static const struct {
    const char *json, *text;
  } rows[] = {
      {"\"a\\nb\"", "a\nb"},
      {"\"a\\t\\\"b\"", "a\t\"b"},
      {"\"\\u0001\"", "\x01"},
      {"\"=cmd|' /C calc'!A0\"", "=cmd|' /C calc'!A0"},
      {"\"\"", ""},
      {"\"YES\"", "YES"}, /* the same as its neighbour */
      {"\"\\u00fc\\ud83d\\ude00\"", "\xc3\xbc\xf0\x9f\x98\x80"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_config c;
    char map[128];
    (void)snprintf(map, sizeof map, "{\"0\":%s,\"1\":\"YES\"}", rows[i].json);
    const member change = {"id2label", map};
    CHECK_OK(read_with(&change, &c, &err), &err);
    assert_string_equal(c.labels[0], rows[i].text);
    tfm_config_fini(&c);
  }
}

static void labels_without_names_are_numbered(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_config c;
  const member change = {"id2label", NULL};
  CHECK_OK(read_with(&change, &c, &err), &err);
  assert_int_equal(c.nlabel, 2);
  assert_string_equal(c.labels[1], "LABEL_1");
  tfm_config_fini(&c);
}

static void broken_files_are_refused(void **state)
{
  (void)state;
  static const char *const texts[] = {
      "", "[]", "null", "{", "{}}", "// c\n{}", "{}", "{\"a\":\"\xff\"}", "\xff\xfe{\0}"};
  for (size_t i = 0; i < COUNT_OF(texts); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_config c;
    folder f = open_folder();
    put_text(&f, "config.json", texts[i]);
    CHECK_FAILS(tfm_config_read(&c, f.path, &err), TFM_E_FORMAT, &err, "config.json");
    close_folder(&f);
  }
}

static void a_missing_file_is_missing(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_config c;
  folder f = open_folder();
  CHECK_FAILS(tfm_config_read(&c, f.path, &err), TFM_E_MISSING, &err, "config.json");
  close_folder(&f);
}

static void task_names_are_transformers(void **state)
{
  (void)state;
  tfm_task task = TFM_TASK_NONE;
  assert_true(tfm_task_parse("text-classification", &task));
  assert_int_equal(task, TFM_TASK_TEXT_CLASSIFICATION);
  assert_string_equal(tfm_task_name(TFM_TASK_FILL_MASK), "fill-mask");
  assert_false(tfm_task_parse("text_classification", &task));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_configuration_is_read),
      cmocka_unit_test(absurd_sizes_are_refused_by_key),
      cmocka_unit_test(wrong_members_are_refused_by_key),
      cmocka_unit_test(harmless_members_are_accepted),
      cmocka_unit_test(tasks_come_from_the_architecture),
      cmocka_unit_test(score_rules_follow_the_reference),
      cmocka_unit_test(labels_may_be_any_text),
      cmocka_unit_test(labels_without_names_are_numbered),
      cmocka_unit_test(broken_files_are_refused),
      cmocka_unit_test(a_missing_file_is_missing),
      cmocka_unit_test(task_names_are_transformers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
