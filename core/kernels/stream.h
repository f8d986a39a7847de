/** How fast memory is read and written, by STREAM's four loops (J. McCalpin, "Memory Bandwidth and
 *  Machine Balance in Current High Performance Computers", 1995), to hold against weights that are
 *  read once a micro-batch. */
#ifndef TFM_CORE_KERNELS_STREAM_H
#define TFM_CORE_KERNELS_STREAM_H

#include "core/base/status.h"

#include <stdint.h>

/** Bytes a second of the arrays that a loop names, each counted once; what a cache fetches before
 *  it writes is not counted. */
typedef struct {
  double copy;  /* c = a */
  double scale; /* b = s c */
  double add;   /* c = a + b */
  double triad; /* a = b + s c */
} tfm_stream;

/** Measure with nthread threads, each on three arrays of its own of so many bytes, which it touches
 *  first: the best of `passes` passes, a first one left out; a pass is over when the last thread is
 *  through. Threads run where the caller may. Blocks. Errors: TFM_E_NOMEM (arrays, a thread). */
tfm_status tfm_stream_measure(tfm_stream *out, int nthread, int64_t bytes, int passes,
                              tfm_err *err) TFM_MUST_USE;

#endif
