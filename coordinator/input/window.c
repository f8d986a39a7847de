#include "coordinator/input/window.h"

#include "coordinator/input/reader.h"
#include "core/base/crc32c.h"
#include "core/base/mem.h"

#include <string.h>

enum { FIRST_BYTES = 256 << 10 };

tfm_status tfm__window_more(tfm__window *w, tfm_err *err)
{
  size_t held = w->n - w->at;
  if (w->at && w->at * 2 >= w->cap) { /* moving less often than half a window costs nothing */
    memmove(w->data, w->data + w->at, held);
    w->offset += (int64_t)w->at;
    w->at = 0;
    w->n = held;
  }
  if (w->n == w->cap) {
    size_t cap = w->cap ? w->cap * 2 : FIRST_BYTES;
    char *data = tfm_realloc(w->data, cap, 1);
    if (!data) {
      return tfm_fail(err, TFM_E_NOMEM, "%.400s: no memory for a row of %zu bytes",
                      tfm__stream_name(w->stream), held);
    }
    w->data = data;
    w->cap = cap;
  }
  size_t got = 0;
  tfm_status st = tfm__stream_read(w->stream, w->data + w->n, w->cap - w->n, &got, err);
  w->n += got;
  w->ended = st == TFM_OK && got == 0;
  return st;
}

tfm_status tfm__window_skip_bom(tfm__window *w, tfm_err *err)
{
  static const unsigned char mark[] = {0xef, 0xbb, 0xbf};
  tfm_status st = TFM_OK;
  while (w->n < sizeof mark && !w->ended &&
         (w->n == 0 || (unsigned char)w->data[0] >= mark[0])) {
    TFM_TRY(tfm__window_more(w, err));
  }
  if (w->n >= sizeof mark && memcmp(w->data, mark, sizeof mark) == 0) {
    tfm__window_use(w, sizeof mark, 0);
  } else if (w->n >= 2 &&
             (memcmp(w->data, "\xff\xfe", 2) == 0 || memcmp(w->data, "\xfe\xff", 2) == 0)) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "%.400s is UTF-16; want UTF-8: iconv -f UTF-16 -t UTF-8 makes it so",
                     tfm__stream_name(w->stream)));
  }

fail:
  return st;
}

void tfm__window_use(tfm__window *w, size_t n, int64_t lines)
{
  w->crc = tfm_crc32c(w->crc, w->data + w->at, n);
  w->at += n;
  w->looked = 0;
  w->lines += lines;
}

tfm_status tfm__window_pass(tfm__window *w, int64_t offset, tfm_err *err)
{
  for (;;) {
    int64_t left = offset - tfm__window_offset(w);
    size_t held = w->n - w->at;
    tfm__window_use(w, left < (int64_t)held ? (size_t)left : held, 0);
    if (left <= (int64_t)held || w->ended) {
      return TFM_OK;
    }
    tfm_status st = tfm__window_more(w, err);
    if (st != TFM_OK) {
      return st;
    }
  }
}

static void describe(const tfm__window *w, tfm__record *record)
{
  *record = (tfm__record){.line = w->lines + 1, .offset = tfm__window_offset(w)};
}

tfm_status tfm__window_drop_line(tfm__window *w, tfm__record *record, tfm_err *err)
{
  record->too_long = true;
  record->bytes = (tfm_span){NULL, 0};
  for (;;) {
    const char *from = w->data + w->at;
    const char *end = memchr(from, '\n', w->n - w->at);
    if (end) {
      tfm__window_use(w, (size_t)(end - from) + 1, 1);
      return TFM_OK;
    }
    tfm__window_use(w, w->n - w->at, 0);
    tfm_status st = w->ended ? TFM_OK : tfm__window_more(w, err);
    if (st != TFM_OK || w->ended) {
      return st;
    }
  }
}

tfm_status tfm__window_line(tfm__window *w, tfm__record *record, bool *there, tfm_err *err)
{
  *there = true;
  describe(w, record);
  for (;;) {
    const char *from = w->data + w->at;
    size_t held = w->n - w->at;
    const char *end =
        held > w->looked ? memchr(from + w->looked, '\n', held - w->looked) : NULL;
    size_t n = end ? (size_t)(end - from) : held;
    if (n > TFM_ROW_MAX_BYTES) {
      return tfm__window_drop_line(w, record, err);
    }
    if (end || (w->ended && n)) {
      record->bytes = (tfm_span){from, n && from[n - 1] == '\r' ? n - 1 : n};
      tfm__window_use(w, n + (end ? 1 : 0), 1);
      return TFM_OK;
    }
    if (w->ended) {
      *there = false;
      return TFM_OK;
    }
    w->looked = held;
    tfm_status st = tfm__window_more(w, err);
    if (st != TFM_OK) {
      return st;
    }
  }
}

void tfm__window_fini(tfm__window *w)
{
  tfm_free(w->data);
  *w = (tfm__window){0};
}
