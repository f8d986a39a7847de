/** Credits: how many micro-batches may be in flight on a line. The coordinator takes one to
 * send and gets it back with the result, so nothing between the ranks can grow with the input.
 * Pure. */
#ifndef TFM_PROTO_CREDIT_H
#define TFM_PROTO_CREDIT_H

#include <stdbool.h>

typedef struct {
  int limit; /* most in flight */
  int taken;
} tfm_credit;

/** Enough to keep every stage of a line busy with one arriving and one leaving: 2 a stage and
 * one. */
static inline tfm_credit tfm_credit_for(int stages)
{
  return (tfm_credit){.limit = 2 * stages + 1, .taken = 0};
}

static inline bool tfm_credit_take(tfm_credit *credit)
{
  if (credit->taken >= credit->limit) {
    return false;
  }
  ++credit->taken;
  return true;
}

static inline void tfm_credit_give(tfm_credit *credit)
{
  --credit->taken;
}

/** Whether a line can take another, and rather than one with the credit of `best` (NULL: none): it
 * has more left. Of equals the one that was found first stays. */
static inline bool tfm_credit_freer(const tfm_credit *credit, const tfm_credit *best)
{
  return credit->taken < credit->limit && (!best || credit->taken < best->taken);
}

#endif
