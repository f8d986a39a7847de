/** What attention sees beside q.k in one model: made once, for the longest sequence a slice may
 * get, and only by slices that have an attention unit. Room-private. */
#ifndef TFM_CORE_MODEL_SIGHT_H
#define TFM_CORE_MODEL_SIGHT_H

#include "core/kernels/attention.h"
#include "core/model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What kinds of layers there are: those that see all that config->causal lets them see, local
 * ones, and a decoder's behind an encoder, which see what comes before. */
typedef enum { TFM__SEES_ALL, TFM__SEES_LOCAL, TFM__SEES_PAST, TFM__SEES_COUNT } tfm__sees;

/** Zero-initialised: every key, q.k alone. Its address may not change while it is in use. */
typedef struct {
  bool more; /* there are terms */
  tfm_attention_terms terms;
  float *bias;    /* of terms, owned */
  int32_t *place; /* of terms, owned */
  float *rope; /* tfm_rope_table() of `longest` places; NULL: queries and keys are not turned */
  const tfm_config *by_length; /* whose angles are others in texts beyond config->trained; NULL:
                                  all have `rope`. Borrowed */
  size_t bytes;
} tfm__sight;

/** Everything of it that needs no weights: what it will see of sequences of up to `longest` tokens,
 * and how many bytes all of it takes. Release with tfm__sight_fini() either way. Errors:
 * TFM_E_NOMEM. */
tfm_status tfm__sight_measure(tfm__sight *sight, const tfm_config *config,
                              const tfm_heads *heads, int64_t longest, tfm__sees sees,
                              tfm_err *err) TFM_MUST_USE;

/** Read and make the terms of one kind of layers for sequences of up to `longest` tokens. On
 * failure *sight holds what was made; release with tfm__sight_fini() either way. Errors: of
 * weights.h, TFM_E_NOMEM. */
tfm_status tfm__sight_open(tfm__sight *sight, const tfm_model *model, const tfm_heads *heads,
                           int64_t longest, tfm__sees sees, tfm_err *err) TFM_MUST_USE;
void tfm__sight_fini(tfm__sight *sight);

/** The angles of n tokens from `start` on, as tfm_rope_table() has them, where they depend on how
 * long a text is: the tokens come together, when it has start + n of them. made [n + 1, turned]:
 * where they may be put. */
const float *tfm__sight_angles(const tfm__sight *sight, int64_t start, int64_t n, float *made);

/** The row of a bias by distance: half of the buckets are for keys behind the query, half for those
 * ahead; of each half, half are for a distance alone and half grow with its logarithm up to
 * `farthest`. Source: Raffel et al. 2019 (arXiv 1910.10683), section 2.1.
 *  Numerics: float32 steps, as the reference takes them, around a logarithm in double precision. */
int64_t tfm__sight_bucket(int64_t distance, int64_t buckets, int64_t farthest);

/** The same where all buckets are for keys behind the query. */
int64_t tfm__sight_bucket_behind(int64_t distance, int64_t buckets, int64_t farthest);

/** The bucket of a distance where `buckets` lie on either side of zero: the nearer half of them are
 * for a distance alone, the others grow with its logarithm up to `farthest`. Source: DeBERTa-v2's
 * own program, as make_log_bucket_position() of the reference. Numerics as above. */
int64_t tfm__sight_log_bucket(int64_t distance, int64_t buckets, int64_t farthest);

#endif
