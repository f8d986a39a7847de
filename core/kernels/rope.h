/** Rotary positions: queries and keys turned by angles that grow with their place in the
 *  sequence. */
#ifndef TFM_CORE_KERNELS_ROPE_H
#define TFM_CORE_KERNELS_ROPE_H

#include "core/base/par.h"
#include "core/kernels/attention.h"

#include <stdint.h>

/** Fill a table [places, 2*half]: of each place from `first` on `half` cosines, then the sines, of
 *  the angles place * frequency[i], frequencies in 0..1 and places below 2^24.
 *
 *  Numerics: an angle is one float32 product, as the reference computes it; sine and cosine are
 *            double precision polynomials, rounded once. */
void tfm_rope_table(const float *frequency, int64_t first, int64_t places, int64_t half,
                    float *table);

/** Turn the queries and keys of packed sequences in place: of the floats of each head that are
 * turned, pairs (i, i + half of them) by the angles of the row's place in its sequence.
 *
 *  qkv   [T, (N+2*G)*D] f32 in, out   as of tfm_attention()
 *  table tfm_rope_table() of all places there are
 *  Numerics: x*cos - y*sin and y*cos + x*sin, each product and sum rounded.
 *  Threads:  tasks are runs of rows; no allocation, no locks.
 *  Source:   Su et al. 2021 (arXiv 2104.09864), section 3.4.2, in the halves form. */
void tfm_rope(const tfm_heads *heads, const float *table, float *qkv, int64_t ldqkv,
              const tfm_sequences *seqs, tfm_par *par);

#endif
