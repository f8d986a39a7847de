#include "coordinator/output/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const char *const fields[] = {"label", "score", "predictions"};
static const char *const files[] = {"a.jsonl", "b,c.jsonl"};

static tfm_span span(const char *s)
{
  return tfm_span_of(s);
}

/* One row as a line: its id, passed-through fields and up to three values (NULL: left out). */
typedef struct {
  tfm_output_format format;
  const char *id;
  tfm_field extra[2];
  int nextra;
  const char *value[3];
  const char *error; /* instead of values */
  bool files;
  const char *want;
} row_case;

#define NO_EXTRA                                                                               \
  {                                                                                            \
    {                                                                                          \
      {NULL, 0},                                                                               \
      {                                                                                        \
        NULL, 0                                                                                \
      }                                                                                        \
    }                                                                                          \
  }

static void check_row(const row_case *c)
{
  const tfm_span columns[] = {span("x"), span("label")};
  tfm_layout layout = {.format = c->format,
                       .nfield = 3,
                       .fields = fields,
                       .nextra = c->nextra,
                       .extra = columns,
                       .files = c->files ? files : NULL};
  tfm_row row = {.id = span(c->id), .nextra = c->nextra, .extra = c->extra, .file = 1};
  tfm_answer answer = {0};
  tfm_buf out = {0};
  for (int i = 0; i < 3; ++i) {
    (void)tfm_buf_str(&answer.value[i], c->value[i] ? c->value[i] : "");
  }
  if (c->error) {
    tfm_answer_fail(&answer, TFM_E_FORMAT, c->error);
  }
  assert_int_equal(tfm_layout_row(&layout, &row, &answer, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out), c->want);
  tfm_answer_fini(&answer);
  tfm_buf_fini(&out);
}

static void rows_are_written_in_each_format(void **state)
{
  (void)state;
  static const row_case cases[] = {
      {TFM_OUT_JSONL,
       "0",
       NO_EXTRA,
       0,
       {"\"POS\"", "0.5"},
       NULL,
       false,
       "{\"id\":0,\"label\":\"POS\",\"score\":0.5}\n"},
      {TFM_OUT_JSONL,
       "\"a\"",
       NO_EXTRA,
       0,
       {"\"POS\"", "0.5"},
       "no \"text\"\n",
       false,
       "{\"id\":\"a\",\"error\":{\"code\":\"format\",\"message\":\"no \\\"text\\\"\\n\"}}\n"},
      {TFM_OUT_JSONL,
       "7",
       {{{"x", 1}, {"[1, 2]", 6}}, {{"label", 5}, {"1", 1}}},
       2,
       {"\"POS\""},
       NULL,
       true,
       "{\"id\":7,\"file\":\"b,c.jsonl\",\"x\":[1, 2],\"input_label\":1,\"label\":\"POS\"}\n"},
      {TFM_OUT_CSV,
       "7",
       {{{"x", 1}, {"[1,2]", 5}}, {{"label", 5}, {"null", 4}}},
       2,
       {"\"a\\\"b\\u00e9\\ud83d\\ude00\\ud800\"", "1e-05", "[{\"label\":\"A\"}]"},
       NULL,
       true,
       "7,\"b,c.jsonl\",\"[1,2]\",,\"a\"\"b\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbd\",1e-05,"
       "\"[{\"\"label\"\":\"\"A\"\"}]\",\n"},
      {TFM_OUT_CSV,
       "\"x\\ny\"",
       NO_EXTRA,
       0,
       {"\"a b\"", "0"},
       NULL,
       false,
       "\"x\ny\",a b,0,,\n"},
      {TFM_OUT_CSV,
       "1",
       NO_EXTRA,
       0,
       {NULL},
       "bad",
       false,
       "1,,,,\"{\"\"code\"\":\"\"format\"\",\"\"message\"\":\"\"bad\"\"}\"\n"},
      {TFM_OUT_TSV,
       "\"t\\tn\\nr\\rb\\\\q\\\"\"",
       NO_EXTRA,
       0,
       {"\"a,b\"", "1"},
       NULL,
       false,
       "t\\tn\\nr\\rb\\\\q\"\ta,b\t1\t\t\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    check_row(&cases[i]);
  }
}

/* Cells are found by name: a row of another file may have them in another order, or not. */
static void columns_are_found_by_name(void **state)
{
  (void)state;
  const tfm_span columns[] = {span("a"), span("b"), span("c")};
  const tfm_field extra[] = {{span("c"), span("3")}, {span("a"), span("1")}};
  tfm_layout layout = {.format = TFM_OUT_CSV, .nextra = 3, .extra = columns};
  tfm_row row = {.id = span("0"), .nextra = 2, .extra = extra};
  tfm_answer answer = {0};
  tfm_buf out = {0};
  assert_int_equal(tfm_layout_row(&layout, &row, &answer, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out), "0,1,,3,\n");
  tfm_buf_fini(&out);
}

static void headers_fit_the_rows(void **state)
{
  (void)state;
  const tfm_span columns[] = {span("a,b"), span("label")};
  tfm_layout layout = {.format = TFM_OUT_CSV,
                       .nfield = 2,
                       .fields = fields,
                       .nextra = 2,
                       .extra = columns,
                       .files = files};
  tfm_buf out = {0};
  assert_int_equal(tfm_layout_header(&layout, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out), "id,file,\"a,b\",input_label,label,score,error\n");
  tfm_buf_clear(&out);
  layout.format = TFM_OUT_TSV;
  layout.files = NULL;
  assert_int_equal(tfm_layout_header(&layout, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out), "id\ta,b\tinput_label\tlabel\tscore\terror\n");
  tfm_buf_clear(&out);
  layout.format = TFM_OUT_JSONL;
  assert_int_equal(tfm_layout_header(&layout, &out), TFM_OK);
  assert_int_equal(out.n, 0);
  tfm_buf_fini(&out);
}

/* As numpy.save writes it: a header of 128 bytes, then the numbers; an error row is zeros. */
static void arrays_are_numpys(void **state)
{
  (void)state;
  static const char text[] = "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 3), }";
  const tfm_layout layout = {.format = TFM_OUT_NPY,
                             .array = {.type = "|i1", .bytes = 1, .rows = 2, .width = 3}};
  const tfm_row row = {.id = span("0")};
  tfm_answer answer = {0};
  tfm_buf out = {0};
  assert_int_equal(tfm_layout_header(&layout, &out), TFM_OK);
  assert_int_equal(out.n, 128);
  assert_memory_equal(out.data, "\x93NUMPY\1\0\x76\0", 10);
  assert_memory_equal(out.data + 10, text, sizeof text - 1);
  assert_int_equal(out.data[127], '\n');
  (void)tfm_buf_append(&answer.numbers, "\1\2\3", 3);
  assert_int_equal(tfm_layout_row(&layout, &row, &answer, &out), TFM_OK);
  tfm_answer_fail(&answer, TFM_E_FORMAT, "no text");
  assert_int_equal(tfm_layout_row(&layout, &row, &answer, &out), TFM_OK);
  assert_int_equal(out.n, 128 + 6);
  assert_memory_equal(out.data + 128, "\1\2\3\0\0\0", 6);
  tfm_answer_fini(&answer);
  tfm_buf_fini(&out);
}

static void batches_are_answered_in_their_form(void **state)
{
  (void)state;
  const tfm_layout layout = {.format = TFM_OUT_OPENAI};
  const tfm_field model = {span("model"), span("\"m\"")};
  const tfm_row row = {.number = 7, .id = span("\"a\""), .nextra = 1, .extra = &model};
  tfm_answer answer = {.tokens = 5};
  tfm_buf out = {0};
  (void)tfm_buf_str(&answer.value[0], "\"object\":\"list\"");
  assert_int_equal(tfm_layout_header(&layout, &out), TFM_OK);
  assert_int_equal(tfm_layout_row(&layout, &row, &answer, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out),
                      "{\"id\":\"batch_req_7\",\"custom_id\":\"a\",\"response\":{"
                      "\"status_code\":200,\"request_id\":\"req_7\",\"body\":{\"object\":"
                      "\"list\",\"model\":\"m\",\"usage\":{\"prompt_tokens\":5,"
                      "\"total_tokens\":5}}},\"error\":null}\n");
  tfm_buf_clear(&out);
  tfm_answer_fail(&answer, TFM_E_FORMAT, "no");
  assert_int_equal(tfm_layout_row(&layout, &row, &answer, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out),
                      "{\"id\":\"batch_req_7\",\"custom_id\":\"a\",\"response\":{"
                      "\"status_code\":400,\"request_id\":\"req_7\",\"body\":{\"error\":{"
                      "\"code\":\"format\",\"message\":\"no\"}}},\"error\":{\"code\":"
                      "\"format\",\"message\":\"no\"}}\n");
  tfm_answer_fini(&answer);
  tfm_buf_fini(&out);
}

static void errors_tell_where(void **state)
{
  (void)state;
  tfm_layout layout = {.format = TFM_OUT_CSV, .files = files};
  tfm_row row = {.id = span("3"), .file = 0, .line = 4, .byte_offset = 99};
  tfm_answer answer = {0};
  tfm_buf out = {0};
  tfm_answer_fail(&answer, TFM_E_UNSUPPORTED, "why \xff");
  assert_int_equal(tfm_layout_error(&layout, &row, &answer, &out), TFM_OK);
  assert_string_equal(tfm_buf_cstr(&out),
                      "{\"id\":3,\"file\":\"a.jsonl\",\"line\":4,\"byte_offset\":99,"
                      "\"code\":\"unsupported\",\"message\":\"why \xef\xbf\xbd\"}\n");
  tfm_answer_clear(&answer);
  assert_int_equal(answer.status, TFM_OK);
  tfm_buf_fini(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_written_in_each_format),
      cmocka_unit_test(columns_are_found_by_name),
      cmocka_unit_test(headers_fit_the_rows),
      cmocka_unit_test(errors_tell_where),
      cmocka_unit_test(arrays_are_numpys),
      cmocka_unit_test(batches_are_answered_in_their_form),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
