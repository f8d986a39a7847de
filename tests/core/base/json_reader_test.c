#include "core/base/json_reader.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "tests/support/check.h"

#include <malloc.h>
#include <stdlib.h>

static tfm_jread *open_text(tfm_span text)
{
  tfm_jread *r = tfm_jread_open("t.json", text.p, text.n, TFM_JSON_STRICT);
  assert_non_null(r);
  return r;
}

static tfm_status validate(tfm_span text, tfm_err *err)
{
  return tfm_json_validate("t.json", text.p, text.n, err);
}

/* Reads a whole text by skipping its one value. */
static tfm_status skip_all(tfm_span text, tfm_json_unicode unicode, tfm_err *err)
{
  tfm_jread *r = tfm_jread_open("t.json", text.p, text.n, unicode);
  (void)tfm_jread_skip(r);
  tfm_jread_end(r);
  tfm_status st = tfm_jread_status(r, err);
  tfm_jread_close(r);
  return st;
}

/* ---- what is JSON and what is not ---- */

static void json_is_accepted(void **state)
{
  (void)state;
  static const tfm_span texts[] = {BYTES("{}"),
                                   BYTES("[]"),
                                   BYTES("0"),
                                   BYTES("-0"),
                                   BYTES("1e5"),
                                   BYTES("1E-5"),
                                   BYTES("-1.5e+10"),
                                   BYTES("\"\""),
                                   BYTES("true"),
                                   BYTES("false"),
                                   BYTES("null"),
                                   BYTES(" \t\r\n1 \t\r\n"),
                                   BYTES("[ ]"),
                                   BYTES("{ }"),
                                   BYTES("[1,2]"),
                                   BYTES("[ 1 , 2 ]"),
                                   BYTES("{\"\":0}"),
                                   BYTES("{ \"a\" : 1 , \"b\" : [ { } ] }"),
                                   BYTES("[[],[[]],{}]"),
                                   BYTES("\"\\u0000\""),
                                   BYTES("\"\x7f\""),
                                   BYTES("\"\xe2\x80\xa8\""),
                                   BYTES("\"\xef\xbf\xbe\""),
                                   BYTES("[1e999]"),
                                   BYTES("[123456789012345678901234567890]"),
                                   BYTES("{\"a\":1,\"A\":2}"),
                                   BYTES("[{\"a\":1},{\"a\":1}]"),
                                   BYTES("{\"a\":{\"a\":{\"a\":1}}}"),
                                   BYTES("\"\\ud83d\\ude00\""),
                                   BYTES("\"/\"")};
  for (size_t i = 0; i < COUNT_OF(texts); ++i) {
    tfm_err err = {0};
    CHECK_OK(validate(texts[i], &err), &err);
    CHECK_OK(skip_all(texts[i], TFM_JSON_STRICT, &err), &err);
    CHECK_OK(skip_all(texts[i], TFM_JSON_LOSSY, &err), &err);
  }
}

static const tfm_span not_json[] = {BYTES(""),
                                    BYTES(" "),
                                    BYTES("{"),
                                    BYTES("["),
                                    BYTES("}"),
                                    BYTES("]"),
                                    BYTES(","),
                                    BYTES(":"),
                                    BYTES("[1"),
                                    BYTES("[1,"),
                                    BYTES("[1,]"),
                                    BYTES("[,1]"),
                                    BYTES("[,]"),
                                    BYTES("[1 2]"),
                                    BYTES("[1,,2]"),
                                    BYTES("[1}"),
                                    BYTES("{]"),
                                    BYTES("{,}"),
                                    BYTES("{\"a\"}"),
                                    BYTES("{\"a\":}"),
                                    BYTES("{\"a\":1,}"),
                                    BYTES("{\"a\" 1}"),
                                    BYTES("{\"a\"::1}"),
                                    BYTES("{\"a\":1 \"b\":2}"),
                                    BYTES("{a:1}"),
                                    BYTES("{'a':1}"),
                                    BYTES("{1:1}"),
                                    BYTES("{null:1}"),
                                    BYTES("{\"a\":1"),
                                    BYTES("{\"a\""),
                                    BYTES("{\"a"),
                                    BYTES("'a'"),
                                    BYTES("\"a"),
                                    BYTES("tru"),
                                    BYTES("truE"),
                                    BYTES("True"),
                                    BYTES("nul"),
                                    BYTES("nulll"),
                                    BYTES("none"),
                                    BYTES("undefined"),
                                    BYTES("NaN"),
                                    BYTES("Infinity"),
                                    BYTES("-Infinity"),
                                    BYTES("+1"),
                                    BYTES("01"),
                                    BYTES("1."),
                                    BYTES(".1"),
                                    BYTES("0x1"),
                                    BYTES("1e"),
                                    BYTES("-"),
                                    BYTES("1 2"),
                                    BYTES("1,2"),
                                    BYTES("{}{}"),
                                    BYTES("[][]"),
                                    BYTES("[]]"),
                                    BYTES("{}}"),
                                    BYTES("1\0"),
                                    BYTES("\0"),
                                    BYTES("\0{}"),
                                    BYTES("{}\0"),
                                    BYTES("[\0]"),
                                    BYTES("[1]x"),
                                    BYTES("/**/1"),
                                    BYTES("1//"),
                                    BYTES("[1/**/]"),
                                    BYTES("#\n1"),
                                    BYTES("\f1"),
                                    BYTES("\v1"),
                                    BYTES("\xc2\xa0[]"),
                                    BYTES("\xef\xbb\xbf{}"),
                                    BYTES("\"\n\""),
                                    BYTES("\"\t\""),
                                    BYTES("\"\\x41\""),
                                    BYTES("\"\\\""),
                                    BYTES("\"\\u12\""),
                                    BYTES("\"\\"),
                                    BYTES("\xff"),
                                    BYTES("[\xff]"),
                                    BYTES("\xfe\xff\0[\0]")};

static void what_is_not_json_is_refused(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(not_json); ++i) {
    tfm_err err = {0};
    CHECK_FAILS(validate(not_json[i], &err), TFM_E_FORMAT, &err, "t.json: byte ");
    CHECK_FAILS(skip_all(not_json[i], TFM_JSON_STRICT, &err), TFM_E_FORMAT, &err,
                "t.json: byte ");
    CHECK_FAILS(skip_all(not_json[i], TFM_JSON_LOSSY, &err), TFM_E_FORMAT, &err,
                "t.json: byte ");
  }
}

/* Only strict reading minds these; lossy reading takes them. */
static void improper_unicode_depends_on_the_mode(void **state)
{
  (void)state;
  static const tfm_span texts[] = {BYTES("\"\\ud800\""),        BYTES("\"\\udfff\""),
                                   BYTES("\"\\ud800\\ud800\""), BYTES("\"\xff\""),
                                   BYTES("\"\xc0\x80\""),       BYTES("\"\xed\xa0\x80\""),
                                   BYTES("{\"\x80\":1}"),       BYTES("[\"\xf0\x9f\"]")};
  for (size_t i = 0; i < COUNT_OF(texts); ++i) {
    tfm_err err = {0};
    CHECK_FAILS(validate(texts[i], &err), TFM_E_FORMAT, &err, "t.json: byte ");
    CHECK_FAILS(skip_all(texts[i], TFM_JSON_STRICT, &err), TFM_E_FORMAT, &err, "t.json: byte ");
    CHECK_OK(skip_all(texts[i], TFM_JSON_LOSSY, &err), &err);
  }
}

/* A text cut anywhere is not JSON; the sanitizers watch that nothing is read past the cut. */
static void every_cut_is_noticed(void **state)
{
  (void)state;
  static const tfm_span whole = BYTES("{\"a\\u00e9\":[1,-2.5e-3,true,false,null,"
                                      "\"\\ud83d\\ude00\xe2\x82\xac\"],\"b\":{\"c\":[]}}");
  tfm_err err = {0};
  CHECK_OK(validate(whole, &err), &err);
  for (size_t n = 0; n < whole.n; ++n) {
    char *copy = malloc(n ? n : 1); /* exactly n bytes, so that one more is an error */
    memcpy(copy, whole.p, n);
    assert_int_equal(validate((tfm_span){copy, n}, &err), TFM_E_FORMAT);
    assert_int_equal(skip_all((tfm_span){copy, n}, TFM_JSON_LOSSY, &err), TFM_E_FORMAT);
    free(copy);
  }
}

/* Random damage never crashes, and what both walks accept is the same (validate also knows
 * duplicate keys). */
static void damaged_texts_never_crash(void **state)
{
  (void)state;
  static const char whole[] = "{\"a\\u00e9\":[1,-2.5e-3,true,false,null,"
                              "\"\\ud83d\\ude00\xe2\x82\xac\"],\"b\":{\"c\":[]}}";
  uint64_t seed = 10;
  for (int round = 0; round < 30000; ++round) {
    char text[sizeof whole];
    memcpy(text, whole, sizeof whole);
    for (int hits = (int)(check_random(&seed) % 4); hits >= 0; --hits) {
      static const char bytes[] = "{}[]\",:\\u0eE+-.tn \x80\xff";
      text[check_random(&seed) % (sizeof whole - 1)] =
          bytes[check_random(&seed) % (sizeof bytes)];
    }
    tfm_err err = {0};
    tfm_status st = skip_all((tfm_span){text, sizeof whole - 1}, TFM_JSON_STRICT, &err);
    tfm_status both = validate((tfm_span){text, sizeof whole - 1}, &err);
    if (st != both && !strstr(err.text, "twice")) {
      fail_msg("skip and validate disagree about %s", text);
    }
  }
}

/* ---- bounds ---- */

static void nest(tfm_buf *b, int levels, const char *open, const char *middle,
                 const char *close)
{
  tfm_buf_clear(b);
  for (int i = 0; i < levels; ++i) {
    (void)tfm_buf_str(b, open);
  }
  (void)tfm_buf_str(b, middle);
  for (int i = 0; i < levels; ++i) {
    (void)tfm_buf_str(b, close);
  }
}

static void depth_is_bounded(void **state)
{
  (void)state;
  tfm_buf b = {0};
  tfm_err err = {0};
  static const char *const open[] = {"[", "{\"k\":", "[{\"k\":"};
  static const char *const close[] = {"]", "}", "}]"};
  for (int form = 0; form < 3; ++form) {
    int most = form == 2 ? TFM_JSON_DEPTH / 2 : TFM_JSON_DEPTH;
    nest(&b, most, open[form], "1", close[form]);
    CHECK_OK(validate(tfm_buf_view(&b), &err), &err);
    CHECK_OK(skip_all(tfm_buf_view(&b), TFM_JSON_STRICT, &err), &err);
    nest(&b, most + 1, open[form], "1", close[form]);
    CHECK_FAILS(validate(tfm_buf_view(&b), &err), TFM_E_FORMAT, &err, "deeper than 64");
    CHECK_FAILS(skip_all(tfm_buf_view(&b), TFM_JSON_STRICT, &err), TFM_E_FORMAT, &err,
                "deeper");
    nest(&b, 1000000, open[form], "", "");
    CHECK_FAILS(validate(tfm_buf_view(&b), &err), TFM_E_FORMAT, &err, "deeper than 64");
    CHECK_FAILS(skip_all(tfm_buf_view(&b), TFM_JSON_LOSSY, &err), TFM_E_FORMAT, &err, "deeper");
  }
  tfm_buf_fini(&b);
}

/* Skipping inside an open container counts the levels that are already open. */
static void skipping_does_not_reset_the_depth(void **state)
{
  (void)state;
  tfm_buf b = {0};
  nest(&b, TFM_JSON_DEPTH + 1, "[", "1", "]");
  tfm_jread *r = open_text(tfm_buf_view(&b));
  for (int i = 0; i < 40; ++i) {
    tfm_jread_array(r);
    assert_true(tfm_jread_element(r));
  }
  (void)tfm_jread_skip(r);
  assert_false(tfm_jread_ok(r));
  tfm_jread_close(r);
  tfm_buf_fini(&b);
}

static void trailing_space_of_megabytes_is_fine(void **state)
{
  (void)state;
  tfm_buf b = {0};
  tfm_err err = {0};
  (void)tfm_buf_str(&b, "{\"a\":1}");
  (void)tfm_buf_reserve(&b, 10 << 20);
  memset(b.data + b.n, ' ', 10 << 20);
  b.n += 10 << 20;
  CHECK_OK(validate(tfm_buf_view(&b), &err), &err);
  b.data[b.n - 1] = 'x';
  CHECK_FAILS(validate(tfm_buf_view(&b), &err), TFM_E_FORMAT, &err, "got 'x'");
  tfm_buf_fini(&b);
}

/* n distinct keys, with a long common front, which is what makes careless look-ups quadratic. */
static void write_keys(tfm_buf *b, int n)
{
  tfm_buf_clear(b);
  (void)tfm_buf_char(b, '{');
  for (int i = 0; i < n; ++i) {
    (void)tfm_buf_printf(b, "%s\"model.encoder.layer.%07d\":%d", i ? "," : "", i, i);
  }
  (void)tfm_buf_char(b, '}');
}

static double validate_time(tfm_buf *b)
{
  tfm_err err = {0};
  double start = tfm_cpu_s();
  CHECK_OK(validate(tfm_buf_view(b), &err), &err);
  return tfm_cpu_s() - start;
}

/* Eight times the keys may take about eight times as long; quadratic work would take 64 times. */
static void many_keys_take_linear_time(void **state)
{
  (void)state;
  tfm_buf b = {0};
  write_keys(&b, 25000);
  double few = validate_time(&b);
  write_keys(&b, 200000);
  double many = validate_time(&b);
  assert_true(many < 24 * few + 0.2);
  tfm_buf_fini(&b);
}

/* A key of a megabyte, with an escape at its end, before many values: nothing may walk it again. */
static void a_key_of_a_megabyte_takes_linear_time(void **state)
{
  (void)state;
  tfm_buf b = {0};
  tfm_err err = {0};
  (void)tfm_buf_str(&b, "{\"");
  for (int i = 0; i < 1 << 20; ++i) {
    (void)tfm_buf_char(&b, 'k');
  }
  (void)tfm_buf_str(&b, "\\n\":[0");
  for (int i = 0; i < 100000; ++i) {
    (void)tfm_buf_str(&b, ",1");
  }
  (void)tfm_buf_str(&b, "]}");
  double start = tfm_cpu_s();
  CHECK_OK(validate(tfm_buf_view(&b), &err), &err);
  assert_true(tfm_cpu_s() - start < 2);
  b.data[b.n - 2] = '!';
  CHECK_FAILS(validate(tfm_buf_view(&b), &err), TFM_E_FORMAT, &err, "kkk...");
  tfm_buf_fini(&b);
}

/* ---- duplicate keys ---- */

static void duplicate_keys_are_found_at_every_level(void **state)
{
  (void)state;
  static const char *const texts[] = {"{\"a\":1,\"a\":1}",
                                      "{\"a\":1,\"b\":2,\"a\":{}}",
                                      "{\"\":1,\"\":2}",
                                      "[[{\"x\":{\"a\":1,\"a\":2}}]]",
                                      "{\"a\":{\"a\":1},\"a\":2}",
                                      "{\"a\":1,\"\\u0061\":2}", /* the same after unescaping */
                                      "{\"\xc3\xa9\":1,\"\\u00E9\":2}", /* and for two bytes */
                                      "{\"/\":1,\"\\/\":2}"};
  for (size_t i = 0; i < COUNT_OF(texts); ++i) {
    tfm_err err = {0};
    CHECK_FAILS(validate(tfm_span_of(texts[i]), &err), TFM_E_FORMAT, &err, "stands twice");
  }
  /* Same key, but different objects, or different after a NUL, or another normal form. */
  static const char *const fine[] = {
      "[{\"a\":1},{\"a\":1}]", "{\"a\":{\"a\":1},\"b\":{\"a\":1}}",
      "{\"a\\u0000b\":1,\"a\\u0000c\":2}", "{\"\xc3\xa9\":1,\"e\xcc\x81\":2}"};
  for (size_t i = 0; i < COUNT_OF(fine); ++i) {
    tfm_err err = {0};
    CHECK_OK(validate(tfm_span_of(fine[i]), &err), &err);
  }
}

/* ---- reading ---- */

static void a_document_is_read_straight_down(void **state)
{
  (void)state;
  tfm_jread *r = open_text(
      SPAN("{\"i\":-5,\"u\":18446744073709551615,\"d\":2.5,\"s\":\"a\\u0000b\",\"t\":true,"
           "\"f\":false,"
           "\"n\":null,\"l\":[1,[2],{}],\"raw\": {\"x\" : 9007199254740993.50} ,\"e\":{}}"));
  tfm_span key;
  int seen = 0;
  tfm_jread_object(r);
  for (; tfm_jread_key(r, &key); ++seen) {
    if (tfm_span_is(key, "i")) {
      assert_int_equal(tfm_jread_int(r, -5, 5), -5);
    } else if (tfm_span_is(key, "u")) {
      assert_int_equal(tfm_jread_u64(r), UINT64_MAX);
    } else if (tfm_span_is(key, "d")) {
      assert_true(check_same_double(tfm_jread_double(r), 2.5));
    } else if (tfm_span_is(key, "s")) {
      CHECK_SPAN(tfm_jread_string(r), SPAN("a\0b"));
    } else if (tfm_span_is(key, "t")) {
      assert_true(tfm_jread_bool(r));
    } else if (tfm_span_is(key, "f")) {
      assert_false(tfm_jread_bool(r));
    } else if (tfm_span_is(key, "n")) {
      assert_true(tfm_jread_null(r));
    } else if (tfm_span_is(key, "l")) {
      tfm_jread_array(r);
      assert_true(tfm_jread_element(r));
      assert_false(tfm_jread_null(r)); /* leaves the value alone */
      assert_int_equal(tfm_jread_int(r, 0, 9), 1);
      assert_true(tfm_jread_element(r));
      CHECK_SPAN(tfm_jread_skip(r), SPAN("[2]"));
      assert_true(tfm_jread_element(r));
      tfm_jread_object(r);
      assert_false(tfm_jread_key(r, &key));
      assert_false(tfm_jread_element(r));
    } else if (tfm_span_is(key, "raw")) {
      CHECK_SPAN(tfm_jread_skip(r), SPAN("{\"x\" : 9007199254740993.50}")); /* digits survive */
    } else {
      CHECK_SPAN(key, SPAN("e"));
      CHECK_SPAN(tfm_jread_skip(r), SPAN("{}"));
    }
  }
  tfm_jread_end(r);
  tfm_err err = {0};
  CHECK_OK(tfm_jread_status(r, &err), &err);
  assert_int_equal(seen, 10);
  tfm_jread_close(r);
}

static void peek_tells_the_kind_and_reads_nothing(void **state)
{
  (void)state;
  static const struct {
    const char *text;
    tfm_json_kind kind;
  } cases[] = {{" {}", TFM_JSON_OBJECT},  {"[]", TFM_JSON_ARRAY},  {"\"\"", TFM_JSON_STRING},
               {"-1", TFM_JSON_NUMBER},   {"9", TFM_JSON_NUMBER},  {"true", TFM_JSON_TRUE},
               {"false", TFM_JSON_FALSE}, {"null", TFM_JSON_NULL}, {"", TFM_JSON_NONE},
               {"]", TFM_JSON_NONE},      {"+", TFM_JSON_NONE}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_jread *r = open_text(tfm_span_of(cases[i].text));
    assert_int_equal(tfm_jread_peek(r), cases[i].kind);
    assert_int_equal(tfm_jread_peek(r), cases[i].kind);
    assert_true(tfm_jread_ok(r));
    (void)tfm_jread_skip(r);
    assert_int_equal(tfm_jread_peek(r), TFM_JSON_NONE);
    tfm_jread_close(r);
  }
}

/* Each failure names the source, the byte, the path, what was wanted and what was got. */
static void messages_say_where_and_what(void **state)
{
  (void)state;
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"{\"model\":{\"vocab\":\"x\"}}",
       "t.json: byte 18, $.model.vocab: want an integer, got a string"},
      {"{\"model\":{\"vocab\":2.0}}",
       "t.json: byte 18, $.model.vocab: want an integer from 0 to 99, got 2.0"},
      {"{\"model\":{\"vocab\":100}}",
       "t.json: byte 18, $.model.vocab: want an integer from 0 to 99, got 100"},
      {"{\"model\":{\"vocab\":123456789012345678901234567890123456789}}",
       "t.json: byte 18, $.model.vocab: want an integer from 0 to 99, got "
       "12345678901234567890123456789012..."},
      {"{\"model\":[]}", "t.json: byte 9, $.model: want an object, got an array"},
      {"{\"model\":{\"vocab\":}}", "t.json: byte 18, $.model.vocab: want an integer, got '}'"},
      {"{\"model\":{\"vocab\"", "t.json: byte 17, $.model.vocab: want ':', but the text ends"},
      {"[]", "t.json: byte 0, $: want an object, got an array"},
      {"\xef\xbb\xbf{}", "t.json: byte 0, $: want an object, got a byte order mark"},
      {"\x01", "t.json: byte 0, $: want an object, got byte 0x01"},
      {"{\"model\":{\"vocab\":1}} x",
       "t.json: byte 22, $: want nothing more after the value, got 'x'"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_jread *r = open_text(tfm_span_of(cases[i].text));
    tfm_span key;
    tfm_err err = {0};
    tfm_jread_object(r);
    while (tfm_jread_key(r, &key)) {
      tfm_jread_object(r);
      while (tfm_jread_key(r, &key)) {
        (void)tfm_jread_int(r, 0, 99);
      }
    }
    tfm_jread_end(r);
    assert_int_equal(tfm_jread_status(r, &err), TFM_E_FORMAT);
    assert_string_equal(err.text, cases[i].message);
    tfm_jread_close(r);
  }
}

static void check_path(const char *text, const char *path)
{
  tfm_err err = {0};
  CHECK_FAILS(skip_all(tfm_span_of(text), TFM_JSON_LOSSY, &err), TFM_E_FORMAT, &err, path);
}

static void paths_stay_short_and_printable(void **state)
{
  (void)state;
  check_path("{\"added_tokens\":[1,2,3,!]}", ", $.added_tokens[3]: ");
  check_path("[[1],[[2,!]]]", ", $[1][0][1]: ");
  check_path("[[1],[[2],[3]] !", ", $[1]: ");
  check_path("{\"a b\":!}", ", $[\"a b\"]: ");
  check_path("{\"\":!}", ", $[\"\"]: ");
  check_path("{\"0\":!}", ", $[\"0\"]: ");
  check_path("{\"a\xff\x7f\":!}", ", $[\"a?\?\"]: ");
  check_path("{\"\xc3\xa9\xc3\xa9\":!}", ", $[\"\xc3\xa9\xc3\xa9\"]: ");
  check_path("{\"aaaaaaaaaabbbbbbbbbbccccccccccddddd\":!}",
             ", $[\"aaaaaaaaaabbbbbbbbbbccccccccccdd...\"]: ");
  check_path("[[[[[[[[[[[!", ", $[0][0][0][0]...[0][0][0][0]: ");
}

/* The longest message there can be: eight long keys, each cut, fit with the rest of the text. */
static void the_longest_path_fits_the_message(void **state)
{
  (void)state;
  tfm_buf b = {0};
  tfm_err err = {0};
  for (int i = 0; i < TFM_JSON_DEPTH; ++i) {
    (void)tfm_buf_str(&b,
                      "{\"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
                      "\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
                      "\xac\xe2\x82\xac\xe2\x82\xac\":");
  }
  (void)tfm_buf_str(&b, "!");
  CHECK_FAILS(validate(tfm_buf_view(&b), &err), TFM_E_FORMAT, &err, "want a value, got '!'");
  assert_in_range(strlen(err.text), 300, 500);
  tfm_buf_fini(&b);
}

static void the_first_failure_stays(void **state)
{
  (void)state;
  tfm_jread *r = open_text(SPAN("{\"a\":[1,\"x\",3],\"b\":{\"c\":1}}"));
  tfm_span key;
  tfm_jread_object(r);
  assert_true(tfm_jread_key(r, &key));
  tfm_jread_array(r);
  int64_t sum = 0;
  int steps = 0;
  while (tfm_jread_element(r)) {
    sum += tfm_jread_int(r, 0, 9);
    ++steps;
  }
  assert_int_equal(sum, 1);
  assert_int_equal(steps, 2);
  /* From here on everything is empty, and nothing asserts. */
  assert_false(tfm_jread_key(r, &key));
  assert_int_equal(key.n, 0);
  tfm_jread_object(r);
  tfm_jread_array(r);
  assert_int_equal(tfm_jread_peek(r), TFM_JSON_NONE);
  assert_int_equal(tfm_jread_string(r).n, 0);
  assert_int_equal(tfm_jread_skip(r).n, 0);
  assert_int_equal(tfm_jread_u64(r), 0);
  assert_true(check_same_double(tfm_jread_double(r), 0));
  assert_false(tfm_jread_bool(r) || tfm_jread_null(r) || tfm_jread_ok(r));
  tfm_jread_end(r);
  tfm_jread_fail(r, TFM_E_UNSUPPORTED, "later");
  tfm_err err = {0};
  assert_int_equal(tfm_jread_status(r, &err), TFM_E_FORMAT);
  assert_string_equal(err.text, "t.json: byte 8, $.a[1]: want an integer, got a string");
  tfm_jread_close(r);
}

static void callers_fail_at_what_was_just_read(void **state)
{
  (void)state;
  static const char text[] = "{\"a\": \"x\", \"b\": [1, {\"c\": 2}]}";
  static const char *const want[] = {
      "t.json: byte 1, $.a: no 0", "t.json: byte 6, $.a: no 1", "t.json: byte 11, $.b: no 2",
      "t.json: byte 17, $.b[0]: no 3", "t.json: byte 16, $.b: no 4"};
  for (int fail_after = 0; fail_after < 5; ++fail_after) {
    tfm_jread *r = open_text(tfm_span_of(text));
    tfm_span key;
    int step = 0;
    tfm_err err = {0};
#define STEP()                                                                                 \
  if (step++ == fail_after) {                                                                  \
    tfm_jread_fail(r, TFM_E_UNSUPPORTED, "no %d", fail_after);                                 \
  }
    tfm_jread_object(r);
    (void)tfm_jread_key(r, &key);
    STEP()
    (void)tfm_jread_string(r);
    STEP()
    (void)tfm_jread_key(r, &key);
    STEP()
    tfm_jread_array(r);
    (void)tfm_jread_element(r);
    (void)tfm_jread_int(r, 0, 9);
    STEP()
    while (tfm_jread_element(r)) {
      (void)tfm_jread_skip(r);
    }
    STEP()
#undef STEP
    assert_int_equal(tfm_jread_status(r, &err), TFM_E_UNSUPPORTED);
    assert_string_equal(err.text, want[fail_after]);
    tfm_jread_close(r);
  }
}

static void integers_are_written_with_digits_only(void **state)
{
  (void)state;
  static const char *const refused[] = {
      "2.0",   "1e3",  "-0",  "9223372036854775808", "-9223372036854775809", "1E0",
      "\"1\"", "true", "null"};
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_jread *r = open_text(tfm_span_of(refused[i]));
    assert_int_equal(tfm_jread_int(r, INT64_MIN, INT64_MAX), 0);
    assert_false(tfm_jread_ok(r));
    tfm_jread_restart(r, refused[i], strlen(refused[i]));
    assert_int_equal(tfm_jread_u64(r), i == 3 ? (uint64_t)INT64_MAX + 1 : 0);
    assert_int_equal(tfm_jread_ok(r), i == 3);
    tfm_jread_close(r);
  }
  tfm_jread *r = open_text(SPAN("[-9223372036854775808,9223372036854775807]"));
  tfm_jread_array(r);
  assert_true(tfm_jread_element(r));
  assert_true(tfm_jread_int(r, INT64_MIN, INT64_MAX) == INT64_MIN);
  assert_true(tfm_jread_element(r));
  assert_true(tfm_jread_int(r, INT64_MIN, INT64_MAX) == INT64_MAX);
  tfm_jread_close(r);
}

static void doubles_must_be_finite(void **state)
{
  (void)state;
  tfm_err err = {0};
  tfm_jread *r = open_text(SPAN("1e999"));
  assert_true(check_same_double(tfm_jread_double(r), 0));
  CHECK_FAILS(tfm_jread_status(r, &err), TFM_E_FORMAT, &err, "a double can hold, got 1e999");
  tfm_jread_restart(r, "1e-999", 6); /* rounds to 0, as everywhere */
  assert_true(check_same_double(tfm_jread_double(r), 0));
  assert_true(tfm_jread_ok(r));
  tfm_jread_close(r);
}

static void lossy_reading_replaces_and_lossy_skipping_copies(void **state)
{
  (void)state;
  static const tfm_span text = BYTES("{\"k\xff\":\"a\xe2\x82\\ud800z\",\"raw\":[\"\xff\"]}");
  tfm_jread *r = tfm_jread_open("row", text.p, text.n, TFM_JSON_LOSSY);
  tfm_span key;
  tfm_jread_object(r);
  assert_true(tfm_jread_key(r, &key));
  CHECK_SPAN(key, SPAN("k\xef\xbf\xbd"));
  CHECK_SPAN(tfm_jread_string(r), SPAN("a\xef\xbf\xbd\xef\xbf\xbdz"));
  assert_true(tfm_jread_key(r, &key));
  CHECK_SPAN(tfm_jread_skip(r), SPAN("[\"\xff\"]"));
  assert_false(tfm_jread_key(r, &key));
  tfm_jread_end(r);
  assert_true(tfm_jread_ok(r));
  tfm_jread_close(r);
}

/* One reader for a million rows: a restart forgets an earlier failure and takes no memory. */
static void restarting_is_clean_and_takes_no_memory(void **state)
{
  (void)state;
  tfm_jread *r = open_text(SPAN("[1,"));
  (void)tfm_jread_skip(r);
  assert_false(tfm_jread_ok(r));
  static const char row[] = "{\"text\":\"a\\nb\",\"id\":7}";
  size_t before = 0;
  for (int i = 0; i < 1000; ++i) {
    tfm_span key;
    tfm_jread_restart(r, row, sizeof row - 1);
    tfm_jread_object(r);
    assert_true(tfm_jread_key(r, &key));
    CHECK_SPAN(tfm_jread_string(r), SPAN("a\nb"));
    assert_true(tfm_jread_key(r, &key));
    assert_int_equal(tfm_jread_int(r, 0, 9), 7);
    assert_false(tfm_jread_key(r, &key));
    tfm_jread_end(r);
    assert_true(tfm_jread_ok(r));
    size_t now = mallinfo2().uordblks;
    assert_true(i < 2 || now == before);
    before = now;
  }
  tfm_jread_close(r);
  tfm_jread_close(NULL);
}

/* What is read after rewinding is what was read before, stepped over or entered. Of two values
 * the longer one is remembered, so both ways through skipping are taken. */
static void rewinding_reads_the_same_again(void **state)
{
  (void)state;
  tfm_jread *r = open_text(SPAN("{\"a\": [1, [2, 3]] ,\"b\":[4],\"c\":5}"));
  for (int round = 0; round < 3; ++round) {
    tfm_span key;
    tfm_jread_object(r);
    assert_true(tfm_jread_key(r, &key));
    CHECK_SPAN(tfm_jread_skip(r), SPAN("[1, [2, 3]]"));
    assert_true(tfm_jread_key(r, &key));
    CHECK_SPAN(tfm_jread_skip(r), SPAN("[4]"));
    assert_true(tfm_jread_key(r, &key));
    assert_int_equal(tfm_jread_int(r, 0, 9), 5);
    assert_false(tfm_jread_key(r, &key));
    tfm_jread_end(r);
    assert_true(tfm_jread_ok(r));
    tfm_jread_rewind(r);
  }
  tfm_jread_close(r);
}

/* Another text at the same address is another text: nothing known of the first one holds. */
static void restarting_forgets_what_was_stepped_over(void **state)
{
  (void)state;
  char text[] = "[1, 2, 3]";
  tfm_jread *r = open_text((tfm_span){text, sizeof text - 1});
  CHECK_SPAN(tfm_jread_skip(r), SPAN("[1, 2, 3]"));
  memcpy(text, "[1]   ,7 ", sizeof text - 1);
  tfm_jread_restart(r, text, sizeof text - 1);
  CHECK_SPAN(tfm_jread_skip(r), SPAN("[1]"));
  tfm_jread_close(r);
}

/* ---- misuse is a bug of ours ---- */

static void read_twice(void *arg)
{
  (void)tfm_jread_int(arg, 0, 9);
  (void)tfm_jread_int(arg, 0, 9);
}

static void forget_the_value(void *arg)
{
  tfm_span key;
  tfm_jread_object(arg);
  (void)tfm_jread_key(arg, &key);
  (void)tfm_jread_key(arg, &key);
}

static void wrong_loop(void *arg)
{
  tfm_jread_object(arg);
  (void)tfm_jread_element(arg);
}

static void end_too_early(void *arg)
{
  tfm_jread_end(arg);
}

static void misuse_asserts(void **state)
{
  (void)state;
  tfm_jread *r = open_text(SPAN("1"));
  assert_true(check_aborts(read_twice, r));
  assert_true(check_aborts(end_too_early, r));
  tfm_jread_close(r);
  r = open_text(SPAN("{\"a\":1,\"b\":2}"));
  assert_true(check_aborts(forget_the_value, r));
  assert_true(check_aborts(wrong_loop, r));
  tfm_jread_close(r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(json_is_accepted),
      cmocka_unit_test(what_is_not_json_is_refused),
      cmocka_unit_test(improper_unicode_depends_on_the_mode),
      cmocka_unit_test(every_cut_is_noticed),
      cmocka_unit_test(damaged_texts_never_crash),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(skipping_does_not_reset_the_depth),
      cmocka_unit_test(trailing_space_of_megabytes_is_fine),
      cmocka_unit_test(many_keys_take_linear_time),
      cmocka_unit_test(a_key_of_a_megabyte_takes_linear_time),
      cmocka_unit_test(duplicate_keys_are_found_at_every_level),
      cmocka_unit_test(a_document_is_read_straight_down),
      cmocka_unit_test(peek_tells_the_kind_and_reads_nothing),
      cmocka_unit_test(messages_say_where_and_what),
      cmocka_unit_test(paths_stay_short_and_printable),
      cmocka_unit_test(the_longest_path_fits_the_message),
      cmocka_unit_test(the_first_failure_stays),
      cmocka_unit_test(callers_fail_at_what_was_just_read),
      cmocka_unit_test(integers_are_written_with_digits_only),
      cmocka_unit_test(doubles_must_be_finite),
      cmocka_unit_test(lossy_reading_replaces_and_lossy_skipping_copies),
      cmocka_unit_test(restarting_is_clean_and_takes_no_memory),
      cmocka_unit_test(rewinding_reads_the_same_again),
      cmocka_unit_test(restarting_forgets_what_was_stepped_over),
      cmocka_unit_test(misuse_asserts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
