/** Did the launcher place the ranks of a host well? mpirun's defaults bind every process of a
 *  second job to the first core, and a rank with several threads to one core; both look like a
 *  slow program. Pure: sets and counts in, a fault and a sentence with the mending flag out. */
#ifndef TFM_CORE_TOPO_PLACEMENT_H
#define TFM_CORE_TOPO_PLACEMENT_H

#include "core/topo/machine.h"

/** One process of the host as its launcher placed it. */
typedef struct {
  int rank;           /* for the text */
  tfm_cpuset allowed; /* what it was bound to (tfm_machine.allowed) */
  int ncore;          /* cores in that (tfm_machine.ncore) */
  int threads;        /* it wants to compute with; 0 for one that hardly computes (the
                         coordinator), which may share a core and is never complained about */
} tfm_placed;

typedef enum {
  TFM_PLACEMENT_FINE,
  TFM_PLACEMENT_CROWDED, /* several ranks have one set with fewer cores than ranks, while the
                            host has cores that no rank may use */
  TFM_PLACEMENT_NARROW   /* a rank is bound to fewer cores than it has threads, while the host
                            has more */
} tfm_placement;

/** Judge the n processes of one host (all of them: the flags count processes). ncore_host is
 * what mpirun's flags could reach there: tfm_machine.ncore_granted.
 *  CROWDED is looked for first, the largest group of ranks winning, then NARROW, the lowest index
 * winning. Appends one sentence without a newline to *text unless FINE. More ranks than cores
 * on a host whose cores are all in use is FINE: no flag mends it.
 *  Errors: TFM_E_NOMEM. */
tfm_status tfm_placement_check(const tfm_placed *ranks, int n, const char *host, int ncore_host,
                               tfm_placement *fault, tfm_buf *text) TFM_MUST_USE;

#endif
