/** A contiguous range of units with their weights, and the head when the range is the model's
 * last.
 *
 *  This is all a worker rank computes with; whole.h is a slice of everything. A slice reads
 * only its own tensors. Results do not depend on where the cuts are: a unit sees only x and
 * cu_len.
 */
#ifndef TFM_CORE_MODEL_SLICE_H
#define TFM_CORE_MODEL_SLICE_H

#include "core/base/par.h"
#include "core/kernels/linear.h"
#include "core/model/batch.h"
#include "core/model/model.h"
#include "core/model/store.h"

typedef struct tfm_slice tfm_slice;

typedef struct {
  int64_t first, last;   /* units [first, last) of 0..2L */
  bool head;             /* also the head (the range ends at 2L) */
  tfm_engine engine;     /* of the units' linear layers; the head's have its backend in float32.
                          With a wire of bfloat16, x is rounded before unit 0 and after each unit */
  int64_t max_tokens;    /* the largest T a batch may have: scratch is made for it once */
  int64_t max_sequences; /* the largest B */
  int nthread;           /* threads of the executor that will run it */
  int64_t slots, pages;  /* sequences that grow, and the pages of 64 tokens they share; 0: all
                            sequences come whole */
  tfm_store *store;      /* of packed weights, NULL: the heap; outlives the slice */
  tfm_par *par;          /* who reads and packs the weights, NULL: the calling thread; not used
                            after tfm_slice_open() */
} tfm_slice_options;

/** Bytes a slice of these options takes. */
typedef struct {
  int64_t weights, scratch; /* as the slice itself will say, but for padding of the weights */
  int64_t passing; /* what there is beside them at most while nthread threads open it */
  int64_t shared;  /* of the weights, what others can have of it through a store */
} tfm_slice_need;

/** The same without opening one: from the config, no weight is read. Errors: TFM_E_NOMEM. */
tfm_status tfm_slice_measure(tfm_slice_need *need, const tfm_model *model,
                             const tfm_slice_options *options, tfm_err *err) TFM_MUST_USE;

/** Read and pack the weights, first touched by the threads that do it, and make all scratch memory,
 *  first touched by the calling thread. Neither a bit nor a failure depends on the threads.
 *  borrows: model until return. gives: *out, release with tfm_slice_close().
 *  Errors: of safetensors.h, TFM_E_UNSUPPORTED (a head this task has none of, named),
 *  TFM_E_NOMEM (with the bytes wanted). */
tfm_status tfm_slice_open(tfm_slice **out, const tfm_model *model,
                          const tfm_slice_options *options, tfm_err *err) TFM_MUST_USE;
void tfm_slice_close(tfm_slice *slice);

/** Bytes of packed weights, and of scratch. */
size_t tfm_slice_weight_bytes(const tfm_slice *slice);
size_t tfm_slice_scratch_bytes(const tfm_slice *slice);

/** Where the weights lie in memory, for asking the system which node holds them: calls fn for
 * each block of memory. */
void tfm_slice_each_block(const tfm_slice *slice,
                          void (*fn)(void *arg, const void *p, size_t bytes), void *arg);

/** Let the tokens of a batch with slots join what the slice keeps of them: once for each such
 * batch, before it is run. Errors: TFM_E_FORMAT (a slot or place that cannot be, no page left),
 * named. */
tfm_status tfm_slice_take(tfm_slice *slice, const tfm_batch *batch, tfm_err *err) TFM_MUST_USE;

/** Run the slice's units over batch->x in place. T and B within the options, each sequence of
 * 1..config.max_length tokens (TFM_ASSERT: frames are checked before they come here). Tasks stay
 * below about 2 ms. No failure, no allocation. */
void tfm_slice_run(tfm_slice *slice, const tfm_batch *batch, tfm_par *par);

/** Where a run leaves the attention weights of a batch of one whole sequence (not of an encoder's
 * behind a decoder); all borrowed. */
typedef struct {
  float *weights; /* [layers, N, T, T] layer, head, query, key; layers: those the range has a
                     part of, T: tokens of the batch */
  bool *seen;     /* [layers] whether the slice computed this one's */
} tfm_slice_look;

/** Look at the runs from now on; NULL: no more. The weights are what the run used, bit for bit,
 * and the run's own results do not change. */
void tfm_slice_watch(tfm_slice *slice, const tfm_slice_look *look);

/** Floats one row of the result has, as tfm_model_shape() said of the model. Only for a slice with
 * the head. */
int64_t tfm_slice_result_width(const tfm_slice *slice);

/** The head: result [rows, width] f32 out, rows as head_spec.h counts them. Call after
 * tfm_slice_run() of the last units. */
void tfm_slice_head(tfm_slice *slice, const tfm_batch *batch, float *result, tfm_par *par);

/** False when every linear layer of the slice passed tfm_linear_probe(); *name (when not NULL)
 * is the family's name of the first that did not, "@" for the prefix and "#" for the layer;
 * static. */
bool tfm_slice_probe_failed(const tfm_slice *slice, const char **name);

#endif
