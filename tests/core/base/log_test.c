#include "core/base/log.h"

#include "core/base/buf.h"
#include "core/base/json_reader.h"
#include "tests/support/check.h"

#include <pthread.h>
#include <stdlib.h>

static FILE *caught;
static int real_stderr;

/* From here on stderr goes to a file that release() returns whole. */
static void catch_stderr(void)
{
  caught = tmpfile();
  assert_non_null(caught);
  real_stderr = dup(STDERR_FILENO);
  assert_true(dup2(fileno(caught), STDERR_FILENO) >= 0);
}

static const char *release(tfm_buf *text)
{
  assert_true(dup2(real_stderr, STDERR_FILENO) >= 0);
  close(real_stderr);
  rewind(caught);
  tfm_buf_clear(text);
  for (int c = 0; (c = fgetc(caught)) != EOF;) {
    (void)tfm_buf_char(text, (char)c);
  }
  fclose(caught);
  return tfm_buf_cstr(text);
}

static void lines_carry_the_program_and_the_level(void **state)
{
  (void)state;
  tfm_buf text = {0};
  tfm_log_setup(TFM_LOG_DEBUG, false);
  catch_stderr();
  tfm_log(TFM_LOG_INFO, "%d rows", 3);
  tfm_log(TFM_LOG_WARN, "slow");
  tfm_log(TFM_LOG_ERROR, "broken");
  tfm_log(TFM_LOG_DEBUG, "detail");
  assert_string_equal(release(&text), "tfm-cluster: 3 rows\n"
                                      "tfm-cluster: warning: slow\n"
                                      "tfm-cluster: error: broken\n"
                                      "tfm-cluster: debug: detail\n");
  tfm_buf_fini(&text);
}

static void what_is_below_the_level_is_silent(void **state)
{
  (void)state;
  tfm_buf text = {0};
  tfm_log_setup(TFM_LOG_WARN, false);
  assert_true(tfm_log_enabled(TFM_LOG_ERROR) && tfm_log_enabled(TFM_LOG_WARN));
  assert_false(tfm_log_enabled(TFM_LOG_INFO) || tfm_log_enabled(TFM_LOG_DEBUG));
  catch_stderr();
  tfm_log(TFM_LOG_INFO, "no");
  tfm_log(TFM_LOG_WARN, "yes");
  assert_string_equal(release(&text), "tfm-cluster: warning: yes\n");
  tfm_buf_fini(&text);
}

/* A file name with line ends or an escape sequence must not forge lines or colours. */
static void a_message_is_one_tame_line(void **state)
{
  (void)state;
  tfm_buf text = {0};
  tfm_log_setup(TFM_LOG_INFO, false);
  catch_stderr();
  tfm_log(TFM_LOG_INFO, "%s", "a\nb\r\x1b[31mc\x7f\n\n");
  assert_string_equal(release(&text), "tfm-cluster: a b  [31mc \n");
  tfm_buf_fini(&text);
}

/* Members are for programs: behind the message in JSON, nowhere in text. */
static void members_are_for_json(void **state)
{
  (void)state;
  tfm_buf text = {0};
  tfm_log_setup(TFM_LOG_INFO, false);
  catch_stderr();
  tfm_log_with(TFM_LOG_INFO, "\"rows\":3", "%s", "three rows");
  assert_string_equal(release(&text), "tfm-cluster: three rows\n");
  tfm_log_setup(TFM_LOG_INFO, true);
  catch_stderr();
  tfm_log_with(TFM_LOG_INFO, "\"rows\":3", "%s", "three rows");
  assert_non_null(strstr(release(&text), ",\"message\":\"three rows\",\"rows\":3}\n"));
  tfm_buf_fini(&text);
}

static void a_long_message_is_cut_not_lost(void **state)
{
  (void)state;
  tfm_buf text = {0};
  tfm_buf longer = {0};
  for (int i = 0; i < 10000; ++i) {
    (void)tfm_buf_char(&longer, 'x');
  }
  tfm_log_setup(TFM_LOG_INFO, false);
  catch_stderr();
  tfm_log(TFM_LOG_INFO, "%s", tfm_buf_cstr(&longer));
  release(&text);
  assert_in_range(text.n, 4000, 5000);
  assert_int_equal(text.data[text.n - 1], '\n');
  tfm_buf_fini(&longer);
  tfm_buf_fini(&text);
}

static void json_lines_are_json(void **state)
{
  (void)state;
  tfm_buf text = {0};
  tfm_log_setup(TFM_LOG_INFO, true);
  catch_stderr();
  tfm_log(TFM_LOG_ERROR, "a \"quoted\" \\ name\n");
  release(&text);
  tfm_log_setup(TFM_LOG_INFO, false);
  tfm_jread *r = tfm_jread_open("line", text.data, text.n, TFM_JSON_STRICT);
  tfm_span key;
  int seen = 0;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "time")) {
      assert_true(tfm_jread_double(r) > 1.6e9); /* seconds since 1970, not since boot */
    } else if (tfm_span_is(key, "level")) {
      CHECK_SPAN(tfm_jread_string(r), SPAN("error"));
    } else {
      CHECK_SPAN(key, SPAN("message"));
      CHECK_SPAN(tfm_jread_string(r), SPAN("a \"quoted\" \\ name"));
    }
    ++seen;
  }
  tfm_jread_end(r);
  assert_true(tfm_jread_ok(r));
  assert_int_equal(seen, 3);
  tfm_jread_close(r);
  tfm_buf_fini(&text);
}

enum { WRITERS = 4, LINES = 300 };

static void *write_lines(void *arg)
{
  for (int i = 0; i < LINES; ++i) {
    tfm_log(TFM_LOG_INFO, "%s", (const char *)arg);
  }
  return NULL;
}

static void lines_of_several_threads_never_mix(void **state)
{
  (void)state;
  static char message[WRITERS][200];
  pthread_t thread[WRITERS];
  tfm_buf text = {0};
  tfm_log_setup(TFM_LOG_INFO, false);
  catch_stderr();
  for (int t = 0; t < WRITERS; ++t) {
    memset(message[t], 'a' + t, sizeof message[t] - 1);
    pthread_create(&thread[t], NULL, write_lines, message[t]);
  }
  for (int t = 0; t < WRITERS; ++t) {
    pthread_join(thread[t], NULL);
  }
  const char *line = release(&text);
  int lines = 0;
  for (const char *end; (end = strchr(line, '\n')); line = end + 1, ++lines) {
    assert_int_equal(end - line, 13 + 199);
    assert_int_equal(strspn(line + 13, (char[2]){line[13], 0}), 199);
  }
  assert_int_equal(lines, WRITERS * LINES);
  tfm_buf_fini(&text);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_carry_the_program_and_the_level),
      cmocka_unit_test(what_is_below_the_level_is_silent),
      cmocka_unit_test(a_message_is_one_tame_line),
      cmocka_unit_test(members_are_for_json),
      cmocka_unit_test(a_long_message_is_cut_not_lost),
      cmocka_unit_test(json_lines_are_json),
      cmocka_unit_test(lines_of_several_threads_never_mix),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
