#include "coordinator/task/card.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/span.h"

#include <string.h>

enum { LARGEST_CARD = 16 << 20 };

/* The next line of *rest without its end; false when there is none. */
static bool take_line(tfm_span *rest, tfm_span *line)
{
  if (rest->n == 0) {
    return false;
  }
  const char *end = memchr(rest->p, '\n', rest->n);
  const size_t n = end ? (size_t)(end - rest->p) : rest->n;
  *line = (tfm_span){rest->p, n};
  rest->p += n + (end ? 1 : 0);
  rest->n -= n + (end ? 1 : 0);
  if (line->n && line->p[line->n - 1] == '\r') {
    --line->n;
  }
  return true;
}

/* A plain or quoted YAML scalar: without quotes, blanks around it and a comment behind it. */
static tfm_span scalar(tfm_span s)
{
  while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
    ++s.p;
    --s.n;
  }
  if (s.n && (s.p[0] == '"' || s.p[0] == '\'')) {
    const char *close = memchr(s.p + 1, s.p[0], s.n - 1);
    return (tfm_span){s.p + 1, close ? (size_t)(close - s.p) - 1 : s.n - 1};
  }
  size_t n = 0;
  while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t' && s.p[n] != '#') {
    ++n;
  }
  return (tfm_span){s.p, n};
}

static tfm_status read_tag(tfm_span card, tfm_buf *tag)
{
  static const char key[] = "pipeline_tag:";
  tfm_span line;
  if (!take_line(&card, &line) || !tfm_span_is(line, "---")) {
    return TFM_OK;
  }
  while (take_line(&card, &line) && !tfm_span_is(line, "---")) {
    if (line.n >= sizeof key - 1 && memcmp(line.p, key, sizeof key - 1) == 0) {
      return tfm_buf_span(tag,
                          scalar((tfm_span){line.p + sizeof key - 1, line.n - sizeof key + 1}));
    }
  }
  return TFM_OK;
}

tfm_status tfm_card_tag(const char *folder, tfm_buf *tag, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf card = {.data = NULL};
  char *path = tfm_path_join(folder, "README.md");
  if (!path) {
    return tfm_fail(err, TFM_E_NOMEM, "a path");
  }
  if (tfm_path_look(path) == TFM_PATH_FILE) {
    TFM_TRY(tfm_file_read_all(path, LARGEST_CARD, &card, err));
    TFM_TRY(read_tag(tfm_buf_view(&card), tag));
  }

fail:
  tfm_buf_fini(&card);
  tfm_free(path);
  return st;
}
