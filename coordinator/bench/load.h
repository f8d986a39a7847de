/** Micro-batches of one kind, made once, for bench to run again and
 * again, and for simulations. */
#ifndef TFM_COORDINATOR_BENCH_LOAD_H
#define TFM_COORDINATOR_BENCH_LOAD_H

#include "coordinator/job.h"
#include "core/model/embed.h"

/** Zero-initialised is empty; release with tfm__load_fini(). */
typedef struct {
  char name[32]; /* "128", or "as read" */
  tfm_ids *batch;
  size_t nbatch, cap;
  double rows, tokens;
  double flops; /* of all its rows, two a multiply-add of a real token */
} tfm__load;

/** Rows of n random ids. borrows: job, with its encoder. Errors: TFM_E_NOMEM. */
tfm_status tfm__load_make(tfm__load *l, const tfm_job *job, int64_t n,
                          tfm_err *err) TFM_MUST_USE;

/** All rows of the job's input, tokenized and packed as the job would; rows that fail are left out.
 *  borrows: job, with its encoder. Errors: of the reader, TFM_E_MISSING (no rows), TFM_E_NOMEM. */
tfm_status tfm__load_read(tfm__load *l, const tfm_job *job, tfm_err *err) TFM_MUST_USE;

void tfm__load_fini(tfm__load *l);

#endif
