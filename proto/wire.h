/** Writing and reading little-endian fields, for payloads of control messages.
 *
 *  The writer appends to a tfm_buf, whose `failed` is sticky; the reader keeps its first
 * failure and gives zeros from then on. So both directions are written straight down and
 * checked once.
 */
#ifndef TFM_PROTO_WIRE_H
#define TFM_PROTO_WIRE_H

#include "core/base/buf.h"
#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

void tfm__put_u32(tfm_buf *out, uint32_t value);
void tfm__put_u64(tfm_buf *out, uint64_t value);

/** The bit pattern as u64. */
void tfm__put_f64(tfm_buf *out, double value);

/** u32 byte count and the bytes before the first NUL. text [cap] need not be terminated: at most
 * cap - 1 bytes are written, so that the receiver can terminate them. */
void tfm__put_text(tfm_buf *out, const char *text, size_t cap);

/** A position in received bytes. Plain data; made by tfm__reader_open(). */
typedef struct {
  const char *what; /* the message, for errors; borrowed */
  const unsigned char *bytes;
  size_t n, at;
  tfm_err why; /* the first failure; status TFM_OK until then */
} tfm__reader;

/** borrows: what and bytes, as long as the reader is used. bytes may be NULL when n is 0. */
tfm__reader tfm__reader_open(const char *what, const void *bytes, size_t n);

/** The next field; 0 after a failure. `field` names it in the error. Never reads past n. */
uint32_t tfm__get_u32(tfm__reader *r, const char *field);
uint64_t tfm__get_u64(tfm__reader *r, const char *field);

/** NaN and Infinity are refused: no field of ours has a use for them. */
double tfm__get_f64(tfm__reader *r, const char *field);

/** Into text [cap], always terminated. A text that does not fit or holds a NUL is refused. Any
 * other bytes pass: host names and paths are not always UTF-8. */
void tfm__get_text(tfm__reader *r, const char *field, char *text, size_t cap);

/** Fail at `field`: "message: field: want ..., got ...". No effect after an earlier failure. */
void tfm__reader_fail(tfm__reader *r, const char *field, const char *format, ...)
    TFM_PRINTF(3, 4);

/** After the last field: nothing may follow. TFM_OK or the first failure (TFM_E_FORMAT). */
tfm_status tfm__reader_close(tfm__reader *r, tfm_err *err) TFM_MUST_USE;

#endif
