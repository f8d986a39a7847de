#include "core/base/json.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

static tfm_json *parse(const char *text)
{
  tfm_json *json = NULL;
  tfm_err err = {0};
  CHECK_OK(tfm_json_parse(&json, "config.json", text, strlen(text), &err), &err);
  return json;
}

static void check_refused(tfm_span text, const char *part)
{
  tfm_json *json = (tfm_json *)&json;
  tfm_err err = {0};
  CHECK_FAILS(tfm_json_parse(&json, "config.json", text.p, text.n, &err), TFM_E_FORMAT, &err,
              part);
  assert_null(json);
}

static void a_config_is_read(void **state)
{
  (void)state;
  tfm_json *json = parse("\xef\xbb\xbf{\"hidden_size\": 768, \"eps\": 1e-12, \"act\": \"gelu\","
                         " \"tie\": true, \"none\": null}");
  const tfm_json_node *root = tfm_json_root(json);
  tfm_err err = {0};
  int64_t hidden = 0;
  double eps = 0;
  const char *act = NULL;
  bool tie = false;
  CHECK_OK(tfm_json_want_int(json, root, "hidden_size", 1, 768, &hidden, &err), &err);
  CHECK_OK(tfm_json_want_double(json, root, "eps", 0, 1, &eps, &err), &err);
  CHECK_OK(tfm_json_want_string(json, root, "act", &act, &err), &err);
  CHECK_OK(tfm_json_opt_bool(json, root, "tie", &tie, &err), &err);
  assert_int_equal(hidden, 768);
  assert_true(check_same_double(eps, 1e-12));
  assert_string_equal(act, "gelu");
  assert_true(tie);
  tfm_json_close(json);
  tfm_json_close(NULL);
}

static void missing_and_null_are_the_same(void **state)
{
  (void)state;
  tfm_json *json = parse("{\"none\": null}");
  const tfm_json_node *root = tfm_json_root(json);
  tfm_err err = {0};
  static const char *const keys[] = {"none", "gone"};
  for (size_t i = 0; i < COUNT_OF(keys); ++i) {
    int64_t x = 7;
    double d = 7;
    bool b = true;
    const char *s = "7";
    assert_null(tfm_json_get(root, keys[i]));
    CHECK_OK(tfm_json_opt_int(json, root, keys[i], 0, 1, &x, &err), &err);
    CHECK_OK(tfm_json_opt_double(json, root, keys[i], 0, 1, &d, &err), &err);
    CHECK_OK(tfm_json_opt_bool(json, root, keys[i], &b, &err), &err);
    CHECK_OK(tfm_json_opt_string(json, root, keys[i], &s, &err), &err);
    assert_true(x == 7 && check_same_double(d, 7) && b && strcmp(s, "7") == 0); /* left alone */
    CHECK_FAILS(tfm_json_want_int(json, root, keys[i], 0, 1, &x, &err), TFM_E_FORMAT, &err,
                "want an integer from 0 to 1, got nothing");
    CHECK_FAILS(tfm_json_want_double(json, root, keys[i], 0, 1, &d, &err), TFM_E_FORMAT, &err,
                "want a number from 0 to 1, got nothing");
    CHECK_FAILS(tfm_json_want_string(json, root, keys[i], &s, &err), TFM_E_FORMAT, &err,
                "want a string, got nothing");
  }
  tfm_json_close(json);
}

/* What a hostile hidden_size may look like, and the sentence it gets. */
static void integers_are_whole_and_in_range(void **state)
{
  (void)state;
  static const struct {
    const char *value, *got;
  } cases[] = {{"0", "0"},
               {"-1", "-1"},
               {"1.5", "1.5"},
               {"\"768\"", "\"768\""},
               {"true", "true"},
               {"1e9", "1000000000"},
               {"2147483648", "2147483648"},
               {"1e999", "inf"},
               {"9007199254740993", "9007199254740992"},
               {"-1e999", "-inf"},
               {"[1]", "an array"},
               {"{}", "an object"},
               {"1e-9", "1.0000000000000001e-09"},
               {"false", "false"},
               {"\"a\\nb\"", "\"a\\nb\""},
               {"\"0123456789012345678901234567890123456789tail\"",
                "\"0123456789012345678901234567890123456789\"..."}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    char text[128];
    char want[256];
    int64_t x = 7;
    tfm_err err = {0};
    snprintf(text, sizeof text, "{\"hidden_size\": %s}", cases[i].value);
    snprintf(want, sizeof want,
             "config.json: hidden_size: want an integer from 1 to 1048576, got %s",
             cases[i].got);
    tfm_json *json = parse(text);
    CHECK_FAILS(
        tfm_json_opt_int(json, tfm_json_root(json), "hidden_size", 1, 1048576, &x, &err),
        TFM_E_FORMAT, &err, want);
    assert_string_equal(err.text, want);
    assert_int_equal(x, 7);
    tfm_json_close(json);
  }
}

/* Integers that a double cannot hold exactly are refused even where the range would allow them,
 * because their digits are gone. */
static void integers_beyond_2_to_the_53_are_refused(void **state)
{
  (void)state;
  tfm_json *json =
      parse("[9007199254740991, 9007199254740993, -9007199254740993, 9223372036854775807]");
  tfm_err err = {0};
  const tfm_json_node *node = tfm_json_first(tfm_json_root(json));
  int64_t x = 0;
  CHECK_OK(tfm_json_node_int(json, node, "n", INT64_MIN, INT64_MAX, &x, &err), &err);
  assert_int_equal(x, 9007199254740991);
  while ((node = tfm_json_next(node))) {
    CHECK_FAILS(tfm_json_node_int(json, node, "n", INT64_MIN, INT64_MAX, &x, &err),
                TFM_E_FORMAT, &err, "config.json: n: want an integer");
  }
  tfm_json_close(json);
}

static void doubles_are_finite_and_in_range(void **state)
{
  (void)state;
  static const char *const values[] = {"1e999", "-1e999", "2", "-0.5", "\"0.5\"", "true"};
  for (size_t i = 0; i < COUNT_OF(values); ++i) {
    char text[64];
    double x = 7;
    tfm_err err = {0};
    snprintf(text, sizeof text, "{\"eps\": %s}", values[i]);
    tfm_json *json = parse(text);
    const tfm_json_node *root = tfm_json_root(json);
    CHECK_FAILS(tfm_json_opt_double(json, root, "eps", 0, 1, &x, &err), TFM_E_FORMAT, &err,
                "config.json: eps: want a number from 0 to 1, got ");
    if (i < 2) { /* not even a range without ends lets infinity in */
      CHECK_FAILS(tfm_json_want_double(json, root, "eps", -HUGE_VAL, HUGE_VAL, &x, &err),
                  TFM_E_FORMAT, &err, "want a number");
    }
    assert_true(check_same_double(x, 7));
    tfm_json_close(json);
  }
}

static void other_kinds_are_refused(void **state)
{
  (void)state;
  tfm_json *json = parse("{\"s\": 1, \"b\": \"true\", \"c\": 1, \"t\": [\"x\"]}");
  const tfm_json_node *root = tfm_json_root(json);
  tfm_err err = {0};
  const char *s = NULL;
  bool b = false;
  CHECK_FAILS(tfm_json_opt_string(json, root, "s", &s, &err), TFM_E_FORMAT, &err,
              "config.json: s: want a string, got 1");
  CHECK_FAILS(tfm_json_want_string(json, root, "t", &s, &err), TFM_E_FORMAT, &err,
              "t: want a string, got an array");
  CHECK_FAILS(tfm_json_opt_bool(json, root, "b", &b, &err), TFM_E_FORMAT, &err,
              "config.json: b: want true or false, got \"true\"");
  CHECK_FAILS(tfm_json_opt_bool(json, root, "c", &b, &err), TFM_E_FORMAT, &err, "got 1");
  tfm_json_close(json);
}

/* A getter on something that is no object finds nothing, instead of crashing. */
static void getters_accept_any_node(void **state)
{
  (void)state;
  tfm_json *json = parse("[1]");
  const tfm_json_node *root = tfm_json_root(json);
  tfm_err err = {0};
  int64_t x = 0;
  assert_null(tfm_json_get(root, "a"));
  assert_null(tfm_json_get(NULL, "a"));
  assert_null(tfm_json_first(NULL));
  assert_null(tfm_json_next(NULL));
  assert_null(tfm_json_first(tfm_json_first(root)));
  assert_null(tfm_json_text(root));
  assert_int_equal(tfm_json_count(NULL), 0);
  assert_string_equal(tfm_json_key(NULL), "");
  CHECK_FAILS(tfm_json_want_int(json, root, "a", 0, 1, &x, &err), TFM_E_FORMAT, &err,
              "got nothing");
  tfm_json_close(json);
}

static void children_come_in_order_with_their_keys(void **state)
{
  (void)state;
  tfm_json *json = parse("{\"0\":\"A\",\"1\":null,\"b\\u00e9\":[1,2,3]}");
  const tfm_json_node *root = tfm_json_root(json);
  const tfm_json_node *node = tfm_json_first(root);
  assert_int_equal(tfm_json_count(root), 3);
  assert_int_equal(tfm_json_kind_of(root), TFM_JSON_OBJECT);
  assert_string_equal(tfm_json_key(node), "0");
  assert_string_equal(tfm_json_text(node), "A");
  node = tfm_json_next(node);
  assert_string_equal(tfm_json_key(node), "1");
  assert_int_equal(tfm_json_kind_of(node), TFM_JSON_NULL); /* seen here, unlike by get */
  node = tfm_json_next(node);
  assert_string_equal(tfm_json_key(node), "b\xc3\xa9");
  assert_int_equal(tfm_json_count(node), 3);
  assert_string_equal(tfm_json_key(tfm_json_first(node)), "");
  assert_null(tfm_json_next(node));
  tfm_json_close(json);
}

static void keys_are_exact(void **state)
{
  (void)state;
  tfm_json *json = parse("{\"Key\": 1, \"key\": 2}");
  tfm_err err = {0};
  int64_t x = 0;
  CHECK_OK(tfm_json_want_int(json, tfm_json_root(json), "key", 0, 9, &x, &err), &err);
  assert_int_equal(x, 2);
  assert_null(tfm_json_get(tfm_json_root(json), "KEY"));
  tfm_json_close(json);
}

/* Everything cJSON alone lets pass or cuts silently. */
static void what_cjson_would_spoil_is_refused_first(void **state)
{
  (void)state;
  check_refused(SPAN(""), "text ends");
  check_refused(SPAN("{\"a\":1} x"), "nothing more");
  check_refused(SPAN("{\"a\":1}\0"), "nothing more");
  check_refused(SPAN("{\"a\":1,\"a\":2}"), "$.a: this key stands twice");
  check_refused(SPAN("{\"a\":\"\xff\"}"), "UTF-8");
  check_refused(SPAN("{\"a\":\"x\\u0000y\"}"), "$.a: a string holds U+0000");
  check_refused(SPAN("{\"x\\u0000y\":1}"), "a key holds U+0000");
  check_refused(SPAN("[\"\\ud800\"]"), "surrogate");
  check_refused(SPAN("{\"a\":01}"), "leading zero");
  check_refused(
      SPAN("{\"a\":1111111111111111111111111111111111111111111111111111111111111111}"),
      "has 64 characters");
}

static void depth_64_is_parsed_and_65_refused(void **state)
{
  (void)state;
  char text[200];
  memset(text, '[', 65);
  memset(text + 65, ']', 65);
  tfm_json *json = NULL;
  tfm_err err = {0};
  CHECK_OK(tfm_json_parse(&json, "deep", text + 1, 128, &err), &err);
  tfm_json_close(json);
  check_refused((tfm_span){text, 130}, "deeper than 64");
}

/* A shard index has this shape; parsing, walking and closing 100,000 members stays quick. */
static void a_large_flat_object_is_quick(void **state)
{
  (void)state;
  enum { MEMBERS = 100000 };
  tfm_buf b = {0};
  tfm_err err = {0};
  (void)tfm_buf_char(&b, '{');
  for (int i = 0; i < MEMBERS; ++i) {
    (void)tfm_buf_printf(&b, "%s\"layer.%d\":\"model-%d.safetensors\"", i ? "," : "", i, i % 7);
  }
  (void)tfm_buf_char(&b, '}');
  double start = tfm_cpu_s();
  tfm_json *json = NULL;
  CHECK_OK(tfm_json_parse(&json, "index.json", b.data, b.n, &err), &err);
  assert_int_equal(tfm_json_count(tfm_json_root(json)), MEMBERS);
  tfm_json_close(json);
  assert_true(tfm_cpu_s() - start < 3);
  tfm_buf_fini(&b);
}

static void files_are_named_by_their_last_part(void **state)
{
  (void)state;
  char path[] = "/tmp/tfm_json_test_XXXXXX";
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "{\"a\": tru}", 10), 10);
  close(fd);
  tfm_json *json = NULL;
  tfm_err err = {0};
  CHECK_FAILS(tfm_json_open(&json, path, 100, &err), TFM_E_FORMAT, &err, "want true");
  assert_int_equal(strncmp(err.text, "tfm_json_test_", 14), 0);
  CHECK_FAILS(tfm_json_open(&json, path, 9, &err), TFM_E_FORMAT, &err,
              "has 10 bytes, want at most 9");
  assert_int_equal(truncate(path, 0), 0);
  CHECK_FAILS(tfm_json_open(&json, path, 9, &err), TFM_E_FORMAT, &err, "text ends");
  assert_int_equal(unlink(path), 0);
  CHECK_FAILS(tfm_json_open(&json, path, 9, &err), TFM_E_MISSING, &err, "no such file");
  assert_null(json);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_config_is_read),
      cmocka_unit_test(missing_and_null_are_the_same),
      cmocka_unit_test(integers_are_whole_and_in_range),
      cmocka_unit_test(integers_beyond_2_to_the_53_are_refused),
      cmocka_unit_test(doubles_are_finite_and_in_range),
      cmocka_unit_test(other_kinds_are_refused),
      cmocka_unit_test(getters_accept_any_node),
      cmocka_unit_test(children_come_in_order_with_their_keys),
      cmocka_unit_test(keys_are_exact),
      cmocka_unit_test(what_cjson_would_spoil_is_refused_first),
      cmocka_unit_test(depth_64_is_parsed_and_65_refused),
      cmocka_unit_test(a_large_flat_object_is_quick),
      cmocka_unit_test(files_are_named_by_their_last_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
