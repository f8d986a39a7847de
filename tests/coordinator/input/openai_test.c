/* Lines of OpenAI batch files: what a request becomes, and what is wrong with others. */
#include "reading.h"
#include "tests/support/check.h"

static const char *const every_url[] = {"/v1/embeddings", "/v1/rerank", "/v1/score", NULL};

static reading read_line(const char *line)
{
  reading r = reading_begin();
  r.options.input_format = TFM_IN_OPENAI;
  r.wants.urls = every_url;
  read_text(&r, ".jsonl", line);
  assert_int_equal(r.st, TFM_OK);
  assert_int_equal(r.nrow, 1);
  return r;
}

#define REQUEST(url, body)                                                                     \
  "{\"custom_id\":\"a\",\"method\":\"POST\",\"url\":\"" url "\",\"body\":" body "}"

static void a_request_becomes_a_row(void **state)
{
  (void)state;
  reading r = read_line(REQUEST("/v1/embeddings",
                                "{\"model\":\"m\",\"input\":\"one\",\"dimensions\":null,"
                                "\"encoding_format\":\"base64\",\"user\":[1]}"));
  const tfm_row *row = r.rows[0];
  assert_true(text_is(&r, 0, "one") && !row->has_list);
  CHECK_SPAN(row->id, SPAN("\"a\""));
  CHECK_SPAN(tfm_row_extra(row, "url"), SPAN("/v1/embeddings"));
  CHECK_SPAN(tfm_row_extra(row, "model"), SPAN("\"m\""));
  CHECK_SPAN(tfm_row_extra(row, "encoding_format"), SPAN("\"base64\""));
  assert_null(tfm_row_extra(row, "user").p);
  reading_end(&r);
}

static void texts_are_lists(void **state)
{
  (void)state;
  static const struct {
    const char *line, *text;
    int n;
    const char *last;
  } cases[] = {
      {REQUEST("/v1/embeddings", "{\"input\":[\"one\",\"two\"]}"), NULL, 2, "two"},
      {REQUEST("/v1/score", "{\"text_1\":\"q\",\"text_2\":\"d\"}"), "q", 1, "d"},
      {REQUEST("/v1/score", "{\"text_2\":[\"c\",\"d\"],\"text_1\":\"q\"}"), "q", 2, "d"},
      {REQUEST("/v1/rerank",
               "{\"query\":\"q\",\"documents\":[{\"text\":\"c\"},\"d\"],\"top_n\":1}"),
       "q", 2, "d"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    reading r = read_line(cases[i].line);
    const tfm_row *row = r.rows[0];
    assert_int_equal(row->status, TFM_OK);
    assert_true(row->has_list);
    assert_int_equal(row->nlist, cases[i].n);
    CHECK_SPAN(row->list[row->nlist - 1], tfm_span_of(cases[i].last));
    if (cases[i].text) {
      assert_true(text_is(&r, 0, cases[i].text));
    }
    reading_end(&r);
  }
}

static void wrong_requests_are_error_rows(void **state)
{
  (void)state;
  static const struct {
    const char *line, *word, *id;
  } cases[] = {
      {"{bad", "want a key", "0"},
      {"[]", "array", "0"},
      {"{\"custom_id\":5,\"url\":\"/v1/embeddings\",\"body\":{\"input\":\"x\"}}",
       "custom_id: want a string", "0"},
      {"{\"custom_id\":\"a\",\"method\":\"GET\",\"url\":\"/v1/embeddings\",\"body\":"
       "{\"input\":\"x\"}}",
       "method: want \"POST\"", "\"a\""},
      {REQUEST("/v1/completions", "{\"input\":\"x\"}"), "\"/v1/completions\" is not", "\"a\""},
      {"{\"custom_id\":\"a\",\"body\":{\"input\":\"x\"}}", "url \"\" is not", "\"a\""},
      {"{\"custom_id\":\"a\",\"url\":\"/v1/embeddings\"}", "body: want an object", "\"a\""},
      {REQUEST("/v1/embeddings", "{}"), "body.input: want a string or an array", "\"a\""},
      {REQUEST("/v1/embeddings", "{\"input\":5}"), "body.input: want a string", "\"a\""},
      {REQUEST("/v1/embeddings", "{\"input\":[]}"), "at least one text", "\"a\""},
      {REQUEST("/v1/embeddings", "{\"input\":[\"a\",[1,2]]}"), "element 1", "\"a\""},
      {REQUEST("/v1/embeddings", "{\"input\":\"x\",\"dimensions\":8}"), "--truncate-dim",
       "\"a\""},
      {REQUEST("/v1/embeddings", "{\"input\":\"x\",\"encoding_format\":\"hex\"}"),
       "encoding_format", "\"a\""},
      {REQUEST("/v1/rerank", "{\"query\":\"q\"}"), "body.documents: want an array", "\"a\""},
      {REQUEST("/v1/rerank", "{\"documents\":[\"d\"]}"), "body.query: want a string", "\"a\""},
      {REQUEST("/v1/rerank", "{\"query\":\"q\",\"documents\":[{\"title\":\"d\"}]}"),
       "element 0", "\"a\""},
      {REQUEST("/v1/rerank", "{\"query\":\"q\",\"documents\":[\"d\"],\"top_n\":0}"), "top_n",
       "\"a\""},
      {REQUEST("/v1/rerank", "{\"query\":\"q\",\"documents\":[\"d\"],\"top_n\":1.5}"), "top_n",
       "\"a\""},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    reading r = read_line(cases[i].line);
    char text[TFM_ERR_TEXT + 1] = "";
    memcpy(text, r.rows[0]->error.p, r.rows[0]->error.n);
    if (r.rows[0]->status != TFM_E_FORMAT || !strstr(text, cases[i].word)) {
      fail_msg("%s: status %d: %s", cases[i].line, r.rows[0]->status, text);
    }
    CHECK_SPAN(r.rows[0]->id, tfm_span_of(cases[i].id));
    reading_end(&r);
  }
}

static void a_task_without_urls_reads_none(void **state)
{
  (void)state;
  reading r = reading_begin();
  r.options.input_format = TFM_IN_OPENAI;
  read_text(&r, ".jsonl", REQUEST("/v1/embeddings", "{\"input\":\"x\"}"));
  assert_int_equal(r.st, TFM_E_USAGE);
  assert_non_null(strstr(r.err.text, "openai-batch"));
  reading_end(&r);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_request_becomes_a_row),
      cmocka_unit_test(texts_are_lists),
      cmocka_unit_test(wrong_requests_are_error_rows),
      cmocka_unit_test(a_task_without_urls_reads_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
