/** A layer's two units, attention and ffn, as parts every family shares. Room-private.
 *
 *  A unit changes the residual stream x [T,H] in place. It sees x and cu_len only, one of a last
 * layer also which rows are wanted (wanted.h; the others hold anything after it), and what it does
 * to a row depends on that row's sequence alone: this is why a cut may fall after any unit, and why
 * batches may be composed freely (DESIGN D3, D5).
 */
#ifndef TFM_CORE_MODEL_BLOCK_H
#define TFM_CORE_MODEL_BLOCK_H

#include "core/base/par.h"
#include "core/base/status.h"
#include "core/kernels/attention.h"
#include "core/kernels/linear.h"
#include "core/model/batch.h"
#include "core/model/cache.h"
#include "core/model/look.h"
#include "core/model/sight.h"
#include "core/model/source.h"
#include "core/model/unit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What the units of one model share: its shape, and scratch memory for one batch at a time. */
typedef struct {
  int64_t H, F;    /* F: of the widest layer */
  tfm_heads heads; /* a unit has its own scale and terms */
  tfm__sight sight[TFM__SEES_COUNT];
  tfm__cache cache;      /* of sequences that grow */
  tfm__sources sources;  /* of a decoder behind an encoder */
  int32_t *spans;        /* [2*max_sequences] made by tfm__wanted_spans() for a last layer */
  const int32_t *wanted; /* these, while it runs; NULL: each row of the batch is wanted */
  tfm__look *look; /* of the layer that runs next, one whole sequence; NULL: nobody looks */
  float norm_eps;
  bool rms; /* norms are by the root mean square */
  bool pre; /* norms come first */
  tfm_activation act;
  bool gated; /* ffn: down(act(gate(x)) * up(x)) */
  tfm_activation convolution_act;

  int64_t rows;    /* attention runs over whole sequences, at most this many rows at a time, */
  int64_t run;     /* and several only up to so many */
  int64_t tile;    /* ffn runs over this many rows at a time */
  float *wide;     /* attention [rows,(N+2G)*D], ffn [tile,F] in words or, gated, [tile,2F] */
  float *context;  /* [rows,N*D] */
  float *before;   /* [rows,H] what goes into a layer with a convolution beside it, or into the
                     ffn of one whose halves see the same; NULL: none */
  int64_t strip;   /* the convolution runs over this many rows at a time, spread in wide */
  float *normed;   /* [rows or tile,H] what a unit sees where norms come first */
  float *angles;   /* [rows + 1,turned] where they depend on how long a text is; NULL: not */
  int32_t *cu_len; /* [max_sequences + 1] of a run, from 0 */
  int32_t *cu_source; /* likewise, of its sources */
  void *attention;    /* one piece a thread */
  size_t attention_bytes;
  size_t bytes; /* of all scratch */
} tfm__bench;

/** How a family orders a unit's steps. Both: batch->T within what tfm__bench_open() was told,
 * each sequence within config->max_length. */
typedef struct {
  void (*attention)(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
                    tfm_par *par);
  void (*ffn)(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
              tfm_par *par);
} tfm__block;

/** x = norm(x + sublayer(x)), as in Vaswani et al. 2017, section 3.1 (arXiv 1706.03762). */
extern const tfm__block tfm__block_post_norm;

/** x = x + sublayer(norm(x)), as in Radford et al. 2019 (GPT-2), section 2.3. */
extern const tfm__block tfm__block_pre_norm;

/** The norm that ends the last unit of a model, in place. */
void tfm__final_norm(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
                     tfm_par *par);

typedef struct {
  int64_t max_tokens;    /* largest T */
  int64_t max_sequences; /* largest B */
  int nthread;
  int64_t rows_at_once;          /* of a product: tfm_linear_rows_at_once() */
  int64_t convolution;           /* tokens of the one beside a unit; 0: there is none */
  bool parallel;                 /* some units do layers whose halves see the same input */
  int64_t nattention;            /* units of attention that keep keys and values */
  bool attends[TFM__SEES_COUNT]; /* there are some of this kind */
  bool bfloat16;                 /* attention's products too (kernels/attention.h says where) */
  int64_t slots, pages;          /* for sequences that grow; 0: all come whole */
  tfm_precision kv;              /* what pages hold */
} tfm__bench_size;

/** Bytes of all that tfm__bench_open() makes: its own bench.bytes. Errors: TFM_E_NOMEM. */
tfm_status tfm__bench_measure(int64_t *bytes, const tfm_config *config,
                              const tfm__bench_size *size, tfm_err *err) TFM_MUST_USE;

/** Make the scratch, first touched by this thread, and read what all attention units share. gives:
 * *bench, which may not be moved; release with tfm__bench_fini(). Errors: of weights.h, TFM_E_NOMEM
 * with the bytes wanted. */
tfm_status tfm__bench_open(tfm__bench *bench, const tfm_model *model,
                           const tfm__bench_size *size, tfm_err *err) TFM_MUST_USE;
void tfm__bench_fini(tfm__bench *bench);

#endif
