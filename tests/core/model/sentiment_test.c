/* The model that ships with the program, against the answers recorded when it was trained: the
 * logits within the tolerance, every label the same. */
#include "tests/core/model/support.h"

#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "tests/core/model/tolerance.h"

#include <string.h>

#define SENTIMENT TFM_SOURCE_DIR "/deploy/models/tfm-sentiment"

enum { MOST_TOKENS = 512 };

typedef struct {
  int32_t ids[MOST_TOKENS];
  int32_t n;
  float logits[2];
  char label[16];
} answer;

static answer read_answer(tfm_jread *r)
{
  answer a = {.n = 0};
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "input_ids")) {
      for (tfm_jread_array(r); tfm_jread_element(r);) {
        assert_true(a.n < MOST_TOKENS);
        a.ids[a.n++] = (int32_t)tfm_jread_int(r, 0, INT32_MAX);
      }
    } else if (tfm_span_is(key, "logits")) {
      int c = 0;
      for (tfm_jread_array(r); tfm_jread_element(r);) {
        assert_true(c < 2);
        a.logits[c++] = (float)tfm_jread_double(r);
      }
    } else if (tfm_span_is(key, "label")) {
      const tfm_span label = tfm_jread_string(r);
      assert_true(label.n < sizeof a.label);
      memcpy(a.label, label.p, label.n);
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  return a;
}

static void check_answer(const answer *a, const tfm_model *model, tfm_whole *whole)
{
  static const int32_t type_ids[MOST_TOKENS] = {0};
  const int32_t cu_len[] = {0, a->n};
  const tfm_ids ids = {
      .B = 1, .T = a->n, .cu_len = cu_len, .ids = a->ids, .type_ids = type_ids};
  float logits[2];
  tfm_whole_run(whole, &ids, logits, NULL, NULL);
  check_near(a->label, logits, a->logits, 2, TOL_MODEL);
  assert_string_equal(model->config.labels[logits[1] > logits[0]], a->label);
}

static void default_model_answers_as_recorded(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model(SENTIMENT);
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &model, native_float32, MOST_TOKENS, 1, &err), &err);
  tfm_buf text = get_file(SENTIMENT "/expected.jsonl");
  int compared = 0;
  for (size_t at = 0; at < text.n;) {
    const char *line = text.data + at;
    const char *end = memchr(line, '\n', text.n - at);
    const size_t n = end ? (size_t)(end - line) : text.n - at;
    tfm_jread *r = tfm_jread_open("expected.jsonl", line, n, TFM_JSON_STRICT);
    assert_non_null(r);
    const answer a = read_answer(r);
    want_ok(tfm_jread_status(r, &err), &err);
    tfm_jread_close(r);
    if (a.n > 0) { /* two rows give a text to repeat instead: those need a tokenizer */
      check_answer(&a, &model, whole);
      compared += 1;
    }
    at += n + 1;
  }
  assert_int_equal(compared, 50);
  tfm_buf_fini(&text);
  tfm_whole_close(whole);
  tfm_model_fini(&model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(default_model_answers_as_recorded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
