/** What travels through a model: packed sequences in, results out. Plain views, nothing owned.
 */
#ifndef TFM_CORE_MODEL_BATCH_H
#define TFM_CORE_MODEL_BATCH_H

#include <stdint.h>

/** A micro-batch in flight. Sequence b owns rows cu_len[b]..cu_len[b+1]-1 of x. Marks are rows of
 * x the head looks at (fill-mask: the masks; pooling without the prompt: each sequence's first
 * row that counts; classification by a token that is not the last: that one); of the units only
 * those of a last layer see them, which leave out what the head does not look at. */
typedef struct {
  int64_t B;             /* sequences, >= 1 */
  int64_t T;             /* tokens = cu_len[B] */
  const int32_t *cu_len; /* [B+1], cu_len[0] = 0, ascending strictly: no empty sequence */
  float *x;              /* [T,H] the residual stream, changed in place by every unit; rows that
                            config.wanted leaves out hold anything behind a last layer */
  int64_t nmark;
  const int32_t *marks; /* [nmark] in 0..T-1, ascending strictly */
  const int32_t *ids;   /* [T] in 0..V-1; only language models look at them: NULL for others */

  /* Sequences that grow: what comes now joins what the slice keeps. NULL: whole sequences. */
  const int32_t *slot;  /* [B] below the slice's slots, each at most once */
  const int32_t *start; /* [B] place of the first token; 0 begins anew in that slot */
  const uint32_t *row;  /* [B] number of its row, modulo 2^32 */
  const int32_t
      *parent; /* [B] the slot it goes on from: its own, or of another one what was there
                            before this batch, up to `start`; NULL: its own */
  int64_t nfreed;
  const int32_t *freed; /* [nfreed] slots that nobody uses any more */

  /* A decoder behind an encoder: what the encoder reads of each sequence. Units of the encoder
   * change `source`, those of the decoder x. Sequences that grow bring theirs when they begin;
   * whole ones always. NULL: no sequence brings any. */
  const int32_t *cu_source; /* [B+1] from 0, not descending */
  float *source;            /* [cu_source[B],H] */
} tfm_batch;

/** The ids of a micro-batch before embedding. */
typedef struct {
  int64_t B, T;
  const int32_t *cu_len;   /* [B+1] */
  const int32_t *ids;      /* [T] in 0..V-1 */
  const int32_t *type_ids; /* [T] in 0..types-1 */
  int64_t nmark;
  const int32_t *marks;        /* [nmark], as of tfm_batch */
  const int32_t *slot, *start; /* [B], as of tfm_batch */
  const uint32_t *row;
  const int32_t *cu_source; /* [B+1], as of tfm_batch */
  const int32_t *source;    /* [cu_source[B]] ids of the encoder's tokens */
} tfm_ids;

#endif
