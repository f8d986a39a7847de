/** Scaled dot-product attention over packed sequences: no padding. */
#ifndef TFM_CORE_KERNELS_ATTENTION_H
#define TFM_CORE_KERNELS_ATTENTION_H

#include "core/base/par.h"
#include "core/base/status.h"
#include "core/kernels/precision.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a score has beside q.k, and which scores there are. Tables go by distance = query - key:
 * entry reach - 1 + distance of 2*reach - 1, where no sequence is longer than reach. Everything is
 * borrowed; a zeroed field is a term that is not there. */
typedef struct {
  bool windowed; /* a query sees the keys query - before .. query + after only */
  int64_t before, after;
  int64_t reach;
  const float *bias; /* [N][2*reach-1], added to q.k before it is scaled */

  /* Disentangled attention: q.key_rows[place] and k.query_rows[place] are added too, rows of R
   * positions by head, packed by tfm_attention_pack(). */
  const int32_t *place; /* [2*reach-1] in 0..R-1, not descending */
  const float *key_rows, *query_rows;
  int64_t R;
} tfm_attention_terms;

/** The shape one attention call works on. */
typedef struct {
  int64_t N;      /* heads of queries */
  int64_t G;      /* heads of keys and of values, each for N/G heads of queries
                                       side by side; 0: N */
  int64_t D;      /* head dim */
  int64_t turned; /* floats of a head that positions turn (rope.h); 0: D */
  float scale;    /* what scores are multiplied with, 1/sqrt(D) for BERT */
  float cap;      /* scaled scores are then tfm_softcap() of it; 0: they are as they are */
  const tfm_attention_terms *terms; /* NULL: every key, q.k alone */
  bool bfloat16; /* q.k and p.v of numbers rounded to bfloat16, where every key is seen by every
                    query and nothing but a bias is added to q.k */
  tfm_precision kv; /* what pages (pages.h) keep keys and values in */
} tfm_heads;

/** Heads of keys; of values there are as many. */
static inline int64_t tfm_heads_of_keys(const tfm_heads *heads)
{
  return heads->G > 0 ? heads->G : heads->N;
}

/** Packed sequences: sequence b owns rows cu_len[b] .. cu_len[b+1]-1, maybe none. Borrows. */
typedef struct {
  const int32_t *cu_len; /* [B+1], ascending from 0 */
  int64_t B;
  const int32_t
      *start; /* [B] place of the first row in its sequence, for tfm_rope(); NULL: 0 */
  /* [2*B] of sequence b only rows span[2*b] .. span[2*b+1]-1, counted from its first, attend; the
   * others' rows of `out` stay as they are. NULL: all */
  const int32_t *span;
} tfm_sequences;

/** Floats of R packed rows of positions. */
size_t tfm_attention_pack_floats(const tfm_heads *heads, int64_t R);

/** Pack rows [R, N*D] of positions for tfm_attention_terms. */
void tfm_attention_pack(const tfm_heads *heads, const float *rows, int64_t R, float *packed);

/** Bytes of scratch ONE thread needs for sequences of up to max_len tokens. */
size_t tfm_attention_scratch_bytes(const tfm_heads *heads, int64_t max_len);

/** Every token of a sequence attends to the tokens of the same sequence, to all of them or to
 * those heads->terms lets it see.
 *
 *  qkv     [T, (N+2*G)*D] f32 in  a row is q | k | v, heads of D; rows ldqkv apart
 *  out     [T, N*D]   f32 out  rows ldo apart; may not overlap qkv
 *  scratch nthread pieces of tfm_attention_scratch_bytes(), TFM_ALIGN-aligned, in a row
 *
 *  Numerics: a score is one chain of fused multiply-adds over d ascending, plus bias, plus the
 *            chain with key_rows, plus the chain with query_rows, then times scale, capped
 *            where heads->cap says so, and -infinity where the query does not see the key;
 *            softmax as tfm_softmax() over the sequence's own length; p*v walks the keys in
 *            blocks of TFM_LINEAR_K_BLOCK counted from the sequence's first key, each block one
 *            chain, block sums added in order. A sequence's bits depend on that sequence alone.
 *            With heads->bfloat16, where it applies, a score is what a bfloat16 linear layer with
 *            the keys as weights gives (linear.h), and p*v what one with the transposed values
 *            gives: the same roundings, pairs and blocks; bias, scale and softmax stay float32.
 *  Threads:  a task is some (sequence, head) pairs, or a run of query rows of a long one, well
 *            under 2 ms at 100 GFLOP/s; no allocation, no locks.
 *  Source:   Vaswani et al. 2017, section 3.2 (arXiv 1706.03762). */
void tfm_attention(const tfm_heads *heads, const float *qkv, int64_t ldqkv,
                   const tfm_sequences *seqs, float *out, int64_t ldo, void *scratch,
                   tfm_par *par);

#endif
