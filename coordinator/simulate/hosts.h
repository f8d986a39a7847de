/** Machines that need not be there: what `plan --simulate FILE` reads of them, and which rank would
 *  be on which.
 *
 *    {"hosts": [{"topology": "pack:2 numa:1 core:16 pu:1", "count": 4, "ranks": 8}],
 *     "network": {"latency_us": 2, "gb_per_s": 12}}
 *
 *  A kind of host is described by `topology` (hwloc's synthetic form, or "here": this machine), or
 * by `xml`, a file of lstopo's beside this one; `count` (1) are there, called `name` (which no
 * other kind has) with a number behind; `cpus` (all) they leave to us, in list syntax; `ranks` (as
 * many as cores) are started on each; `speed` (1) is that of a core against one of this machine.
 * `network` lies between hosts (no latency, no limit), `memory` between ranks of one. Any other
 * name is refused.
 */
#ifndef TFM_COORDINATOR_SIMULATE_HOSTS_H
#define TFM_COORDINATOR_SIMULATE_HOSTS_H

#include "coordinator/simulate/events.h"
#include "core/topo/machine.h"

typedef struct {
  char name[128];
  int count, ranks;
  double speed;
  tfm_machine machine;
} tfm_host_kind;

/** Zero-initialised is empty; release with tfm_hosts_fini(). */
typedef struct {
  tfm_host_kind *kinds; /* [nkind] */
  int nkind;
  tfm_sim_wire inside, between;
} tfm_hosts;

/** A rank's host. */
typedef struct {
  int kind;
  int host; /* over all kinds, from 0 */
} tfm_host_place;

/** gives: *hosts; on failure it is empty. Errors: TFM_E_MISSING, TFM_E_FORMAT, TFM_E_IO,
 *  TFM_E_NOMEM; of tfm_machine_open*(). */
tfm_status tfm_hosts_read(tfm_hosts *hosts, const char *path, tfm_err *err) TFM_MUST_USE;

/** This machine alone. Errors: of tfm_machine_open(). */
tfm_status tfm_hosts_here(tfm_hosts *hosts, tfm_err *err) TFM_MUST_USE;

/** Ranks that all hosts take together, and how many hosts there are. */
int64_t tfm_hosts_ranks(const tfm_hosts *hosts);
int tfm_hosts_count(const tfm_hosts *hosts);

/** Deal n ranks as mpirun does by slot: host by host in order, each taking its ranks; while some
 * are left, once more. places [n] out. Pure. */
void tfm_hosts_deal(const tfm_hosts *hosts, int n, tfm_host_place *places);

/** "node-3", or the name alone where there is one such host. Pure. */
void tfm_hosts_name(const tfm_hosts *hosts, tfm_host_place place, char *out, size_t n);

void tfm_hosts_fini(tfm_hosts *hosts);

#endif
