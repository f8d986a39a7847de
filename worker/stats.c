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

static void count_block(void *arg, const void *p, size_t bytes)
{
  int64_t *pages = arg;
  *pages += p ? (int64_t)((bytes + 4095) / 4096) : 0;
}

/* There is nowhere else to be. */
static tfm_locality all_of(const tfm_slice *slice)
{
  int64_t pages = 0;
  tfm_slice_each_block(slice, count_block, &pages);
  return (tfm_locality){.known = pages > 0, .pages = pages, .local_pages = pages};
}

tfm_locality tfm__slice_locality(const tfm_slice *slice, const tfm_machine *machine, int node)
{
  locality_ask ask = {.node = node};
  if (slice && node >= 0 && machine->nnode_machine == 1) {
    return all_of(slice);
  }
  if (slice && node >= 0) {
    tfm_slice_each_block(slice, ask_block, &ask);
  }
  if (ask.sum.refused) {
    return tfm_locality_of_process(
        node); /* coarser, but of the same memory for the most part */
  }
  return ask.sum;
}
