/** The machine as this process sees it, in plain data: packages, NUMA nodes, cores, and which
 * of them this process may use. hwloc is known only inside this room. */
#ifndef TFM_CORE_TOPO_MACHINE_H
#define TFM_CORE_TOPO_MACHINE_H

#include "core/base/buf.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TFM_MACHINE_MAX_PU = 4096, TFM_MACHINE_MAX_NODE = 256 };

/** A set of processing units by their operating system numbers. Plain data: copy it freely. */
typedef struct {
  uint64_t bits[TFM_MACHINE_MAX_PU / 64];
} tfm_cpuset;

bool tfm_cpuset_has(const tfm_cpuset *set, int pu);
void tfm_cpuset_add(tfm_cpuset *set, int pu);
int tfm_cpuset_count(const tfm_cpuset *set);
bool tfm_cpuset_equal(const tfm_cpuset *a, const tfm_cpuset *b);
/** Whether every member of a is in b. */
bool tfm_cpuset_inside(const tfm_cpuset *a, const tfm_cpuset *b);
/** Linux list syntax: "0-3,8". Parsing: TFM_E_FORMAT. */
tfm_status tfm_cpuset_print(const tfm_cpuset *set, tfm_buf *out);
tfm_status tfm_cpuset_parse(tfm_cpuset *set, const char *text, tfm_err *err) TFM_MUST_USE;

/** One core: its units (hyperthreads), and where it sits. Cores are listed in the machine's
 * logical order: package by package, node by node, neighbours in cache next to each other. */
typedef struct {
  int pu_first; /* the first hardware thread's OS number */
  int npu;      /* hardware threads this process may use of it, >= 1 */
  int node;     /* NUMA node, OS number */
  int package;  /* logical number */
} tfm_core;

typedef struct {
  char host[256];
  int npackage, nnode, ncore; /* of what this process may use */
  int ncore_machine;          /* of the whole machine */
  tfm_core *cores;            /* [ncore], only cores of `allowed` */
  tfm_cpuset allowed;         /* the cpuset mpirun, Slurm or the cgroup gave */
  char cpu_model[128];
  int64_t memory_bytes;
} tfm_machine;

/** Look at this machine. gives: *machine, release with tfm_machine_fini(). */
tfm_status tfm_machine_open(tfm_machine *machine, tfm_err *err) TFM_MUST_USE;

/** The same for an hwloc synthetic description ("pack:2 numa:1 core:4 pu:1") with everything
 * allowed, or with `allowed` in list syntax when not NULL: for tests and plans of machines that
 * are not here. */
tfm_status tfm_machine_open_synthetic(tfm_machine *machine, const char *description,
                                      const char *allowed, tfm_err *err) TFM_MUST_USE;

void tfm_machine_fini(tfm_machine *machine);

/** The hardware tree as text, a line an object, with what is allowed: the verb `topo`. */
tfm_status tfm_machine_print(const tfm_machine *machine, tfm_buf *out,
                             tfm_err *err) TFM_MUST_USE;

#endif
