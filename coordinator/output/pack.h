/** Lines to compressed members. A way to compress is one row of the table in pack.c.
 *
 *  The bytes of a member depend on its lines alone, never on when somebody flushed: an
 * interrupted and resumed output equals an uninterrupted one.
 */
#ifndef TFM_COORDINATOR_OUTPUT_PACK_H
#define TFM_COORDINATOR_OUTPUT_PACK_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>

enum { TFM__MEMBER_LINES = 4096 };

typedef struct {
  const char *ending; /* of the file's name: ".gz" */
  /* gives: *state, release with close. Errors: TFM_E_NOMEM. */
  tfm_status (*open)(void **state, tfm_err *err);
  /* Add bytes to the member that is open (the first add opens one); compressed bytes are
   * appended to out as they come. end: the member ends behind them. Errors: TFM_E_NOMEM. */
  tfm_status (*add)(void *state, tfm_span bytes, bool end, tfm_buf *out, tfm_err *err);
  /* Accepts NULL. */
  void (*close)(void *state);
} tfm__packing;

/** By the path's ending; NULL: plain. */
const tfm__packing *tfm__packing_of(const char *path);

#endif
