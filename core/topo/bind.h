/** Pinning: refine the cpuset a rank was given, never widen it (DESIGN D7). */
#ifndef TFM_CORE_TOPO_BIND_H
#define TFM_CORE_TOPO_BIND_H

#include "core/topo/machine.h"

/** A rank's own part of what it may use. */
typedef struct {
  tfm_cpuset set; /* cores' hardware threads to run on */
  int ncore;      /* cores in it, >= 1 */
  int node;       /* the NUMA node all of it lies on; -1 when it spans several */
  bool shared;    /* fewer cores than ranks: several ranks share cores, so nobody is pinned */
} tfm_share;

/** Pure: split machine->allowed among `count` ranks of this host that all have the same cpuset
 * and give the `index`-th part: contiguous runs of cores in machine order, sizes differing by
 * at most one, and not crossing a NUMA node where the counts allow. With fewer cores than ranks
 * the share is the whole set and `shared` is set. */
void tfm_share_of(const tfm_machine *machine, int index, int count, tfm_share *out);

/** Pin the calling thread to one core's hardware threads (index modulo share->ncore), or to the
 * whole share when index < 0. Never outside machine->allowed. Errors: TFM_E_IO with the reason;
 * callers may go on unpinned and say so. */
tfm_status tfm_bind_thread(const tfm_machine *machine, const tfm_share *share, int index,
                           tfm_err *err) TFM_MUST_USE;

/** Prefer the share's node for memory this thread touches first from now on; no-op on one node.
 */
tfm_status tfm_bind_memory(const tfm_share *share, tfm_err *err) TFM_MUST_USE;

/** Which share of the pages of some memory is really on a node. known = false when the system
 * does not say (forbidden, no NUMA support): never assumed. */
typedef struct {
  bool known;
  int64_t pages, local_pages;
} tfm_locality;

/** Ask the system (move_pages without moving) about n bytes at p and add to *sum. */
void tfm_locality_add(tfm_locality *sum, const void *p, size_t n, int node);

/** The same from the text of a numa_maps file, for all anonymous memory: the reader behind the
 *  fallback, and what recorded files are tested with. */
tfm_status tfm_locality_of_numa_maps(tfm_locality *out, const char *text, size_t n, int node,
                                     tfm_err *err) TFM_MUST_USE;

#endif
