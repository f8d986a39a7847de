/** Pinning: refine the cpuset a rank was given, never widen it (DESIGN D7). */
#ifndef TFM_CORE_TOPO_BIND_H
#define TFM_CORE_TOPO_BIND_H

#include "core/topo/machine.h"

/** A rank's own part of what it may use. */
typedef struct {
  tfm_cpuset set; /* cores' hardware threads to run on */
  int ncore;      /* cores in it, >= 1 */
  int node;       /* the NUMA node all of it lies on; -1 when it spans several */
  int nnode;      /* NUMA nodes of everything the process may use, >= 1 */
  bool shared;    /* fewer cores than ranks: several ranks share cores, so nobody is pinned */
} tfm_share;

/** Pure: split machine->allowed among `count` ranks of this host that all have the same cpuset
 * and give the `index`-th part: contiguous runs of cores in machine order, sizes differing by
 * at most one, and not crossing a NUMA node where the counts allow. A core's hardware threads
 * stay together. With fewer cores than ranks the share is the whole set and `shared` is set.
 *  0 <= index < count, and the machine has a core (TFM_ASSERT). */
void tfm_share_of(const tfm_machine *machine, int index, int count, tfm_share *out);

/** Pin the calling thread to one core's hardware threads (index modulo share->ncore), or to the
 * whole share when index < 0. Never outside machine->allowed. Errors: TFM_E_IO with the reason;
 * callers may go on unpinned and say so. */
tfm_status tfm_bind_thread(const tfm_machine *machine, const tfm_share *share, int index,
                           tfm_err *err) TFM_MUST_USE;

/** Which core of the share the calling thread is on at this moment, for tfm_bind_thread(); -1 where
 * it is on none of them. */
int tfm_share_core_here(const tfm_machine *machine, const tfm_share *share);

/** What the system says the calling thread may run on; false where it does not say. */
bool tfm_bind_seen(tfm_cpuset *out);

/** Append a set of units in the words of mpirun --report-bindings, by the machine's own cores:
 *    bound to socket 0[core 0[hwt 0-1]], socket 0[core 1[hwt 0-1]]: [BB/BB/../..][../../../..]
 *  or, where it holds a unit of every core that the control group leaves,
 *    is not bound (or bound to all available processors)
 *  Errors: TFM_E_NOMEM. Source: what Open MPI 4.1 prints. */
tfm_status tfm_binding_print(const tfm_machine *machine, const tfm_cpuset *set, tfm_buf *out);

/** Prefer the share's node for memory this thread touches first from now on; threads it starts
 *  inherit that. Full nodes overflow to others: nothing fails for want of near memory.
 *  No-op on one node, on a share that spans nodes, and where the system forbids memory policies
 *  (containers often do): there the first touch of a pinned thread has the same effect, and
 *  tfm_locality_add() tells what came of it. Errors: TFM_E_IO with the reason. */
tfm_status tfm_bind_memory(const tfm_share *share, tfm_err *err) TFM_MUST_USE;

/** Which share of the pages of some memory is really on a node. known = false when the system
 * does not say (forbidden, no NUMA support): never assumed. Zero-initialised is the empty sum.
 */
typedef struct {
  bool known;
  int64_t pages, local_pages; /* in units of 4 KiB, however large the system's pages are */
  bool refused;               /* the system refused once: stays unknown */
} tfm_locality;

/** Ask the system (move_pages without moving) about n bytes at p and add to *sum. Pages that
 * were never touched lie nowhere and are not counted. node < 0 adds nothing. Cost: one system
 *  call for 2 MiB. Source: move_pages(2). */
void tfm_locality_add(tfm_locality *sum, const void *p, size_t n, int node);

/** The same from the text of a numa_maps file, for all anonymous memory: the reader behind the
 *  fallback, and what recorded files are tested with.
 *
 *  Counted are the N<node>=<pages> fields, each page as large as the line's kernelpagesize_kB,
 *  of lines that map no file. "/anon_hugepage" is no file: anonymous huge pages carry that name.
 *  Everything else is skipped: empty lines, mapped files, fields this build does not know.
 *  known is whether any page was counted.
 *  Errors: TFM_E_FORMAT with the line, when it does not begin with an address and a policy, when
 *  a count or size that matters is no number, or when the text ends inside a line; *out is then
 *  unknown. Source: Linux Documentation/filesystems/proc.rst, section 1.1 (numa_maps). */
tfm_status tfm_locality_of_numa_maps(tfm_locality *out, const char *text, size_t n, int node,
                                     tfm_err *err) TFM_MUST_USE;

/** Fallback where move_pages is forbidden: all anonymous memory of this process, from
 *  /proc/self/numa_maps. Unknown when that cannot be read either. Coarser than
 *  tfm_locality_add(): it cannot tell weights from other memory. */
tfm_locality tfm_locality_of_process(int node);

#endif
