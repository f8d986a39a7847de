/* A template over many conversations, for tests/reference/differ_chat.py: argv[1] is a checkpoint's
 * folder; each line of standard input is a JSON array of messages; each answer is a line of JSON,
 * the text or an object with the error's exit code and text. */
#include "core/chat/chat.h"

#include <stdio.h>
#include <stdlib.h>

static void answer(const tfm_chat *chat, tfm_span messages)
{
  tfm_err err = {0};
  tfm_buf text = {0};
  tfm_buf line = {0};
  if (tfm_chat_render(chat, messages, &text, &err) == TFM_OK) {
    (void)tfm_buf_json_string(&line, tfm_buf_view(&text));
  } else {
    (void)tfm_buf_printf(&line, "{\"exit\":%d,\"error\":", tfm_status_exit(err.status));
    (void)tfm_buf_json_string(&line, tfm_span_of(err.text));
    (void)tfm_buf_char(&line, '}');
  }
  (void)puts(tfm_buf_cstr(&line));
  tfm_buf_fini(&text);
  tfm_buf_fini(&line);
}

int main(int argc, char **argv)
{
  tfm_chat *chat = NULL;
  tfm_err err = {0};
  char *line = NULL;
  size_t cap = 0;
  if (argc != 2) {
    return 64;
  }
  if (tfm_chat_open(&chat, argv[1], 1767225600, &err) != TFM_OK) {
    (void)fprintf(stderr, "%s\n", err.text);
    return tfm_status_exit(err.status);
  }
  for (ssize_t n; (n = getline(&line, &cap, stdin)) >= 0;) {
    answer(chat, (tfm_span){line, (size_t)n});
  }
  free(line);
  tfm_chat_close(chat);
  return 0;
}
