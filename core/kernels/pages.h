/** Attention over keys and values that are kept in pages while a sequence grows. */
#ifndef TFM_CORE_KERNELS_PAGES_H
#define TFM_CORE_KERNELS_PAGES_H

#include "core/kernels/attention.h"

#include <stddef.h>
#include <stdint.h>

enum { TFM_PAGE_KEYS = 64 };

/** Floats one attention layer has in a page: TFM_PAGE_KEYS keys and values of all its heads, in
 * heads->kv: as they are, rounded to the nearest bfloat16, or to the nearest of 127 steps to either
 * side of the head's own largest (int8; a scale a token and head, of keys and of values). A
 * multiple of 16. */
int64_t tfm_page_floats(const tfm_heads *heads);

/** The pages of the sequences of a call. Borrows. page[b][i] holds keys i*TFM_PAGE_KEYS on of
 * sequence b, one layer's part of it `offset` floats from its start, TFM_ALIGN-aligned. */
typedef struct {
  float *const *const *page; /* [B] */
  int64_t offset;
  const int32_t *keys; /* [B] for tfm_attention_look() alone */
  void *
      scratch; /* nthread pieces of tfm_attention_paged_scratch_bytes(), TFM_ALIGN-aligned, in a
                    row */
} tfm_pages;

/** Bytes of scratch ONE thread needs for sequences of up to max_len tokens, old ones included. */
size_t tfm_attention_paged_scratch_bytes(const tfm_heads *heads, int64_t max_len);

/** Put the keys and values of new tokens into their pages, and let the tokens attend to them and to
 * the older ones of their sequence, as far as heads->terms lets them see; nothing is ahead of a
 * token, and of tables terms have a bias only.
 *
 *  qkv     [T, (N+2*G)*D] f32 in   as of tfm_attention()
 *  seqs    the new tokens; seqs->start [B] is the place of the first in its sequence
 *  out     [T, N*D]   f32 out
 *
 *  Numerics: those of tfm_attention() for the same token of the whole sequence, bit for bit,
 *            however the sequence was cut into calls: scores, softmax and blocks of keys are
 *            counted from the sequence's first key. With another heads->kv than float32 those of
 *            attention to keys and values that were rounded one by one: cuts change nothing either.
 *  Threads:  a task is a (sequence, head of keys) pair or some query rows of it. */
void tfm_attention_paged(const tfm_heads *heads, const float *qkv, int64_t ldqkv,
                         const tfm_sequences *seqs, const tfm_pages *pages, float *out,
                         int64_t ldo, tfm_par *par);

/** The two halves of it for tokens that attend to other sequences than their own: keys and values
 * of whole sequences into their pages, and queries that see all of them.
 *
 *  kv      [S, 2*G*D] f32 in   a row is k | v; seqs are the sequences they come from, each anew
 *  q       [T, N*D]   f32 in   seqs are those the queries belong to; of each one's pages the
 *                              first pages->keys are seen, at least 1; heads->terms is NULL
 *
 *  Numerics: of the kernel above, for a query that sees `keys` keys. */
void tfm_attention_keep(const tfm_heads *heads, const float *kv, int64_t ldkv,
                        const tfm_sequences *seqs, const tfm_pages *pages, tfm_par *par);
void tfm_attention_look(const tfm_heads *heads, const float *q, int64_t ldq,
                        const tfm_sequences *seqs, const tfm_pages *pages, float *out,
                        int64_t ldo, tfm_par *par);

#endif
