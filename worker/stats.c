#include "worker/stats.h"

typedef struct {
  tfm_locality sum;
  int node;
} locality_ask;

static void ask_block(void *arg, const void *p, size_t bytes)
{
  locality_ask *ask = arg;
  tfm_locality_add(&ask->sum, p, bytes, ask->node);
}

tfm_locality tfm__slice_locality(const tfm_slice *slice, int node)
{
  locality_ask ask = {.node = node};
  if (slice && node >= 0) {
    tfm_slice_each_block(slice, ask_block, &ask);
  }
  if (ask.sum.refused) {
    return tfm_locality_of_process(
        node); /* coarser, but of the same memory for the most part */
  }
  return ask.sum;
}
