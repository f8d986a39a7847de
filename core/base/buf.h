/** A growing byte buffer, and the few ways text is written into it.
 *
 *  Zero-initialised is empty and ready. Appending returns TFM_OK or TFM_E_NOMEM; on failure the
 *  contents are as before the call and `failed` stays set, so a run of appends can be checked
 * once at its end. Not thread-safe.
 */
#ifndef TFM_CORE_BASE_BUF_H
#define TFM_CORE_BASE_BUF_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
  char *data; /* not terminated; tfm_buf_cstr() terminates */
  size_t n;   /* bytes in use */
  size_t cap;
  bool failed; /* an append ran out of memory since the last clear */
} tfm_buf;

/** Make room for n more bytes. */
tfm_status tfm_buf_reserve(tfm_buf *b, size_t n);

tfm_status tfm_buf_append(tfm_buf *b, const void *bytes, size_t n);
tfm_status tfm_buf_span(tfm_buf *b, tfm_span s);
tfm_status tfm_buf_str(tfm_buf *b, const char *s);
tfm_status tfm_buf_char(tfm_buf *b, char c);
tfm_status tfm_buf_printf(tfm_buf *b, const char *format, ...) TFM_PRINTF(2, 3);

/** Append s as a JSON string with its quotes. Bytes that are not valid UTF-8 become U+FFFD;
 * control characters, quote and backslash are escaped; everything else is copied as it is. */
tfm_status tfm_buf_json_string(tfm_buf *b, tfm_span s);

/** Append the shortest decimal that gives the same float back, in a form JSON accepts: plainly
 * from 1e-4 up to 1e16 ("0.5", "16777216"), else with an exponent ("1e-05"), as Python's repr does.
 *  x must be finite: NaN and Infinity have no such form (TFM_ASSERT). */
tfm_status tfm_buf_float(tfm_buf *b, float x);

/** The same for a double. */
tfm_status tfm_buf_double(tfm_buf *b, double x);

/** The contents as a NUL-terminated string, borrowed until the next append; "" when memory is
 * out. */
const char *tfm_buf_cstr(tfm_buf *b);

static inline tfm_span tfm_buf_view(const tfm_buf *b)
{
  return (tfm_span){b->data, b->n};
}

/** Bytes [at, at + n) of the contents; an empty buffer has an empty part too. */
static inline tfm_span tfm_buf_part(const tfm_buf *b, size_t at, size_t n)
{
  return n ? (tfm_span){b->data + at, n} : (tfm_span){NULL, 0};
}

/** Empty it, keep the memory. */
static inline void tfm_buf_clear(tfm_buf *b)
{
  b->n = 0;
  b->failed = false;
}

void tfm_buf_fini(tfm_buf *b);

#endif
