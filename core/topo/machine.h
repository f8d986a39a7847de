/** The machine as this process sees it, in plain data: packages, NUMA nodes, cores, and which
 * of them this process may use. hwloc is known only inside this room.
 *
 *  Three sizes of "the machine" appear below, each inside the one before:
 *    whole    every online core of the computer (ncore_machine, objects)
 *    granted  what the control group leaves of it (ncore_granted): mpirun's flags reach this far
 *    allowed  what the calling thread's binding leaves of that: where this process runs
 */
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

/** pu outside 0..TFM_MACHINE_MAX_PU-1: has() is false, add() is our own bug (TFM_ASSERT). */
bool tfm_cpuset_has(const tfm_cpuset *set, int pu);
void tfm_cpuset_add(tfm_cpuset *set, int pu);
int tfm_cpuset_count(const tfm_cpuset *set);
bool tfm_cpuset_equal(const tfm_cpuset *a, const tfm_cpuset *b);
/** Whether every member of a is in b. */
bool tfm_cpuset_inside(const tfm_cpuset *a, const tfm_cpuset *b);
/** Keep in *a only what is in b too. */
void tfm_cpuset_and(tfm_cpuset *a, const tfm_cpuset *b);

/** Linux list syntax: "0-3,8"; the empty set is "". Errors: TFM_E_NOMEM. */
tfm_status tfm_cpuset_print(const tfm_cpuset *set, tfm_buf *out);

/** Read that syntax, strictly: no spaces, no strides, no empty list or part, numbers below
 *  TFM_MACHINE_MAX_PU. On failure *set is empty. Errors: TFM_E_FORMAT with the place. */
tfm_status tfm_cpuset_parse(tfm_cpuset *set, const char *text, tfm_err *err) TFM_MUST_USE;

/** One core: its units (hyperthreads), and where it sits. Cores are listed in the machine's
 * logical order: package by package, node by node, neighbours in cache next to each other. The
 * OS numbers of its units are machine->pus[pu_at .. pu_at + npu - 1]; they need not be
 * neighbours. Where the system does not say what a core is, each unit counts as one. */
typedef struct {
  int pu_first; /* the first hardware thread's OS number */
  int npu;      /* hardware threads this process may use of it, >= 1 */
  int pu_at;    /* where its units begin in machine->pus */
  int node;     /* NUMA node, OS number; the lowest where memory of several kinds is near */
  int package;  /* logical number */
} tfm_core;

typedef enum {
  TFM_OBJECT_MACHINE,
  TFM_OBJECT_PACKAGE,
  TFM_OBJECT_NODE,
  TFM_OBJECT_L3,
  TFM_OBJECT_CORES /* neighbouring cores under one parent */
} tfm_object_kind;

/** One line of the hardware tree. Covers the whole machine, allowed or not. */
typedef struct {
  tfm_object_kind kind;
  int depth;      /* of the line: 0 is the machine */
  int number;     /* logical number; a NUMA node's OS number; the first core of CORES */
  int count;      /* cores of CORES, else 1 */
  int64_t bytes;  /* memory of a node, size of a cache, else 0 */
  tfm_cpuset set; /* the units below it */
} tfm_object;

/** Plain data; release with tfm_machine_fini(). Zero-initialised is empty and can be released.
 */
typedef struct {
  char host[256];
  int npackage, nnode, ncore; /* of what this process may use */
  int ncore_machine;          /* of the whole machine */
  int nnode_machine;          /* likewise, those without cores too; >= nnode */
  int ncore_granted;          /* of it, what the control group leaves; >= ncore */
  tfm_core *cores;            /* [ncore], only cores of `allowed` */
  int *pus;                   /* OS numbers of the allowed units, core by core */
  tfm_core *whole;      /* [ncore_machine] every core of the machine, with all its units */
  int *whole_pus;       /* where those stand (pu_at) */
  tfm_cpuset allowed;   /* the cpuset mpirun, Slurm or the cgroup gave */
  char cpu_model[128];  /* "" when the system does not say */
  int64_t memory_bytes; /* of the whole machine; 0 when the system does not say */
  tfm_object *objects;  /* [nobject] the hardware tree, depth first */
  int nobject;
  bool here; /* it is this computer: its cores can be bound to */
} tfm_machine;

/** Look at this machine. The binding is the calling thread's: call it before anything is
 * pinned. gives: *machine, release with tfm_machine_fini(); on failure it is empty. Errors:
 * TFM_E_UNSUPPORTED (unit or node numbers beyond the limits above), TFM_E_CONFIG (no core is
 * left to use), TFM_E_INTERNAL (hwloc cannot read the machine), TFM_E_NOMEM. Costs some
 * milliseconds: once a process. */
tfm_status tfm_machine_open(tfm_machine *machine, tfm_err *err) TFM_MUST_USE;

/** The same for an hwloc synthetic description ("pack:2 numa:1 core:4 pu:1") with everything
 * allowed, or with `allowed` in list syntax when not NULL: for tests and plans of machines that
 * are not here. Give the description a numa level: hwloc 2.9 copies overlapping memory where it
 * has to add one. Errors besides: TFM_E_FORMAT (description or list cannot be read, or the list
 * names units the machine does not have). */
tfm_status tfm_machine_open_synthetic(tfm_machine *machine, const char *description,
                                      const char *allowed, tfm_err *err) TFM_MUST_USE;

/** The same from a file that `lstopo FILE.xml` wrote on another computer; host is the name in it,
 * else the file's. Errors besides: TFM_E_MISSING, TFM_E_FORMAT. */
tfm_status tfm_machine_open_xml(tfm_machine *machine, const char *path, const char *allowed,
                                tfm_err *err) TFM_MUST_USE;

void tfm_machine_fini(tfm_machine *machine);

/** The hardware tree as text, a line an object, with what is not allowed marked, and a last
 * line with what this process may use: the verb `topo`. Appends. Errors: TFM_E_NOMEM. */
tfm_status tfm_machine_print(const tfm_machine *machine, tfm_buf *out,
                             tfm_err *err) TFM_MUST_USE;

#endif
