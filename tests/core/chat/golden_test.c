/* What a chat_template makes of messages equals transformers' rendering, byte for byte, for
 * templates in the manner of the published ones; where the template raises an error, so do we. Made
 * by tests/reference/make_chat_goldens.py. */
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "core/chat/chat.h"
#include "tests/support/check.h"

#include <stdlib.h>

static const time_t now = 1767225600; /* what the goldens were made with */

typedef struct {
  tfm_buf style, text;
  tfm_span messages;
  bool refused;
} row;

static void read_row(row *w, tfm_span line)
{
  tfm_span key = {0};
  tfm_err err = {0};
  tfm_jread *r = tfm_jread_open("expected.jsonl", line.p, line.n, TFM_JSON_STRICT);
  assert_non_null(r);
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "style")) {
      (void)tfm_buf_span(&w->style, tfm_jread_string(r));
    } else if (tfm_span_is(key, "text")) {
      (void)tfm_buf_span(&w->text, tfm_jread_string(r));
    } else if (tfm_span_is(key, "messages")) {
      w->messages = tfm_jread_skip(r);
    } else {
      w->refused = tfm_jread_bool(r);
    }
  }
  CHECK_OK(tfm_jread_status(r, &err), &err);
  tfm_jread_close(r);
}

static void check_row(tfm_span line, int number)
{
  row w = {0};
  tfm_err err = {0};
  tfm_chat *chat = NULL;
  tfm_buf out = {0};
  read_row(&w, line);
  char *folder = tfm_path_join(TFM_FIXTURES "/chat", tfm_buf_cstr(&w.style));
  assert_non_null(folder);
  CHECK_OK(tfm_chat_open(&chat, folder, now, &err), &err);
  const tfm_status st = tfm_chat_render(chat, w.messages, &out, &err);
  if (w.refused) {
    assert_int_equal(st, TFM_E_FORMAT);
  } else {
    CHECK_OK(st, &err);
    if (!tfm_span_eq(tfm_buf_view(&out), tfm_buf_view(&w.text))) {
      fail_msg("row %d, %s: want\n%s\ngot\n%s", number, tfm_buf_cstr(&w.style),
               tfm_buf_cstr(&w.text), tfm_buf_cstr(&out));
    }
  }
  tfm_chat_close(chat);
  tfm_free(folder);
  tfm_buf_fini(&out);
  tfm_buf_fini(&w.style);
  tfm_buf_fini(&w.text);
}

static void renderings_equal_the_reference(void **state)
{
  (void)state;
  tfm_buf all = {0};
  tfm_err err = {0};
  int rows = 0;
  (void)setenv("TZ", "UTC", 1);
  CHECK_OK(tfm_file_read_all(TFM_FIXTURES "/chat/expected.jsonl", 1 << 24, &all, &err), &err);
  for (size_t at = 0; at < all.n; ++rows) {
    const char *end = memchr(all.data + at, '\n', all.n - at);
    assert_non_null(end);
    const size_t n = (size_t)(end - (all.data + at));
    check_row((tfm_span){all.data + at, n}, rows);
    at += n + 1;
  }
  assert_true(rows > 100);
  tfm_buf_fini(&all);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(renderings_equal_the_reference)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
