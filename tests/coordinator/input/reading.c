#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

reading reading_begin(void)
{
  return (reading){.options = {.limit = -1}};
}

static void take_rows(reading *r)
{
  for (;;) {
    tfm_row *row = NULL;
    r->st = tfm_reader_next(r->reader, &row, &r->err);
    if (r->st != TFM_OK || !row) {
      return;
    }
    if (r->nrow < MOST_ROWS) {
      r->rows[r->nrow] = row;
    } else {
      tfm_row_free(row);
    }
    ++r->nrow;
  }
}

void read_bytes(reading *r, const char *ending, const char *bytes, size_t n)
{
  char path[64];
  (void)snprintf(path, sizeof path, "/tmp/tfm-rows-XXXXXX%s", ending);
  int fd = mkstemps(path, (int)strlen(ending));
  if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || close(fd) != 0) {
    abort();
  }
  const char *inputs[] = {path};
  r->options.inputs = inputs;
  r->options.ninput = 1;
  r->st = tfm_reader_open(&r->reader, &r->options, &r->wants, &r->err);
  if (r->st == TFM_OK) {
    take_rows(r);
  }
  r->options.inputs = NULL;
  (void)unlink(path);
}

void read_text(reading *r, const char *ending, const char *text)
{
  read_bytes(r, ending, text, strlen(text));
}

void reading_end(reading *r)
{
  for (int i = 0; i < r->nrow && i < MOST_ROWS; ++i) {
    tfm_row_free(r->rows[i]);
  }
  tfm_reader_close(r->reader);
}

bool text_is(const reading *r, int i, const char *text)
{
  return i < r->nrow && r->rows[i]->status == TFM_OK && tfm_span_is(r->rows[i]->text, text);
}
