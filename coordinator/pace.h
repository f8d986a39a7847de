/** How fast a job will be: seconds measured for parts of a model (core/model/speed.h), put into the
 * plan's costs before the layout is chosen, and into a prediction once every stage has measured
 * itself. Nothing here changes a result: the layout may depend on time, bits may not. */
#ifndef TFM_COORDINATOR_PACE_H
#define TFM_COORDINATOR_PACE_H

#include "coordinator/job.h"

enum { TFM_PACE_LENGTH = 128 }; /* tokens of the row that plans are compared at */

/** Measure the model's last layer, its head and what a frame costs, on rank 0, and keep it in
 *  job->pace. Does nothing where it would not help (texts that grow) or cost too much (a layer
 *  larger than the embeddings that rank 0 is about to hold anyway): costs stay flops then.
 *  borrows: store, until return; NULL for none.
 *  Errors: TFM_E_NOMEM, of tfm_slice_open(). */
tfm_status tfm_pace_measure(tfm_job *job, tfm_store *store, tfm_err *err) TFM_MUST_USE;

/** The same whatever it costs. The task's rows come whole. */
tfm_status tfm_pace_measure_anyway(tfm_job *job, tfm_store *store, tfm_err *err) TFM_MUST_USE;

/** Put seconds for a row into job->cost, in place of flops, where they were measured. */
void tfm_pace_costs(tfm_job *job);

/** Seconds a stage needs beside computing for so many values and other bytes of a frame: checking,
 *  turning, copying, sealing. 0: nothing was measured. */
double tfm_pace_pass_s(const tfm_job *job, double values, double bytes);

/** Workers that can compute at once: of those with the same cores no more than the cores. Counted
 *  from what the crew said; threads: of each. */
double tfm_pace_parallel(const tfm_crew *crew, int threads);

/** Rows of whole sequences, by length. */
typedef struct {
  const int64_t *count; /* [longest + 1] sequences of each length */
  int64_t longest;
  int64_t batches; /* micro-batches they went in; 0: so many that the first does not matter */
} tfm_pace_rows;

/** Seconds the plan's stages need for these rows: the slowest stage, or the cores where ranks share
 * them, and the way of one micro-batch through the others. Stages count as they measured
 * themselves, or others on their cores did (SPEED); what nobody did as rank 0 did. 0: nothing was
 * measured. */
double tfm_pace_predict(const tfm_job *job, const tfm_pace_rows *rows);

/** Tokens of a typical row: TFM_PACE_LENGTH, or as many as rows may have. */
int64_t tfm_pace_length(const tfm_job *job);

/** Typical rows a second by tfm_pace_predict(), and without the ranks by what rank 0 measured, if
 * each has cores of its own. 0: nothing was measured. */
double tfm_pace_rate(const tfm_job *job);
double tfm_pace_rate_alone(const tfm_job *job);

/** Flops (two a multiply-add) of these rows through a rank's slice. */
double tfm_pace_flops(const tfm_job *job, int rank, const tfm_pace_rows *rows);

#endif
