/** The code points of one text: slices of it, and where they stand in the unit a user asked for. */
#ifndef TFM_COORDINATOR_TASK_POINTS_H
#define TFM_COORDINATOR_TASK_POINTS_H

#include "coordinator/cli/options.h"
#include "core/base/span.h"

#include <stddef.h>
#include <stdint.h>

/** Zero-initialised is the empty text. One serves many texts: its memory is kept. */
typedef struct {
  tfm_span text;  /* borrowed */
  int32_t n;      /* code points */
  int32_t *byte;  /* [n + 1] where each begins, in bytes */
  int32_t *utf16; /* [n + 1] the same in UTF-16 units; only when asked for */
  tfm_offsets unit;
  size_t cap, cap16;
} tfm_points;

/** Find the code points of a text, which must be well-formed UTF-8 of less than 2^31 bytes. Errors:
 * TFM_E_NOMEM. */
tfm_status tfm_points_find(tfm_points *points, tfm_span text, tfm_offsets unit,
                           tfm_err *err) TFM_MUST_USE;

/** The text between two code points, 0 <= begin <= end <= n. */
tfm_span tfm_points_slice(const tfm_points *points, int32_t begin, int32_t end);

/** Where a code point stands, 0 <= point <= n, in the unit. */
int32_t tfm_points_place(const tfm_points *points, int32_t point);

void tfm_points_fini(tfm_points *points);

#endif
