#include "coordinator/output/array.h"

#include <string.h>

enum { ALIGN = 64, MAGIC = 10 };

tfm_status tfm_array_header(const tfm_array *array, tfm_buf *out)
{
  tfm_buf text = {0};
  (void)tfm_buf_printf(&text,
                       "{'descr': '%s', 'fortran_order': False, 'shape': (%lld, %lld), }",
                       array->type, (long long)array->rows, (long long)array->width);
  while ((MAGIC + text.n + 1) % ALIGN && !text.failed) {
    (void)tfm_buf_char(&text, ' ');
  }
  (void)tfm_buf_char(&text, '\n');
  const char start[MAGIC] = {
      '\x93', 'N', 'U', 'M', 'P', 'Y', '\1', '\0', (char)(text.n & 0xff), (char)(text.n >> 8)};
  (void)tfm_buf_append(out, start, sizeof start);
  (void)tfm_buf_span(out, tfm_buf_view(&text));
  const bool failed = text.failed || out->failed;
  tfm_buf_fini(&text);
  return failed ? TFM_E_NOMEM : TFM_OK;
}

tfm_status tfm_array_row(const tfm_array *array, tfm_span numbers, tfm_buf *out)
{
  const size_t n = (size_t)array->width * array->bytes;
  if (numbers.n) {
    TFM_ASSERT(numbers.n == n);
    return tfm_buf_span(out, numbers);
  }
  tfm_status st = tfm_buf_reserve(out, n);
  if (st == TFM_OK) {
    memset(out->data + out->n, 0, n);
    out->n += n;
  }
  return st;
}
