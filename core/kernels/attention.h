/** Scaled dot-product attention over packed sequences: no padding, no mask. */
#ifndef TFM_CORE_KERNELS_ATTENTION_H
#define TFM_CORE_KERNELS_ATTENTION_H

#include "core/base/par.h"
#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

/** The shape one attention call works on. */
typedef struct {
  int64_t N;   /* heads */
  int64_t D;   /* head dim */
  float scale; /* what scores are multiplied with, 1/sqrt(D) for BERT */
} tfm_heads;

/** Packed sequences: sequence b owns rows cu_len[b] .. cu_len[b+1]-1, maybe none. Borrows. */
typedef struct {
  const int32_t *cu_len; /* [B+1], ascending from 0 */
  int64_t B;
} tfm_sequences;

/** Bytes of scratch ONE thread needs for sequences of up to max_len tokens. */
size_t tfm_attention_scratch_bytes(const tfm_heads *heads, int64_t max_len);

/** Every token of a sequence attends to every token of the same sequence.
 *
 *  qkv     [T, 3*N*D] f32 in   a row is q | k | v, each N heads of D; rows ldqkv apart
 *  out     [T, N*D]   f32 out  rows ldo apart; may not overlap qkv
 *  scratch nthread pieces of tfm_attention_scratch_bytes(), TFM_ALIGN-aligned, in a row
 *
 *  Numerics: a score is one chain of fused multiply-adds over d ascending, then times scale;
 *            softmax as tfm_softmax() over the sequence's own length; p*v walks the keys in
 *            blocks of TFM_LINEAR_K_BLOCK counted from the sequence's first key, each block one
 *            chain, block sums added in order. A sequence's bits depend on that sequence alone.
 *  Threads:  a task is some (sequence, head) pairs, or a run of query rows of a long one, well
 *            under 2 ms at 100 GFLOP/s; no allocation, no locks.
 *  Source:   Vaswani et al. 2017, section 3.2 (arXiv 1706.03762). */
void tfm_attention(const tfm_heads *heads, const float *qkv, int64_t ldqkv,
                   const tfm_sequences *seqs, float *out, int64_t ldo, void *scratch,
                   tfm_par *par);

#endif
