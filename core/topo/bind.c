#include "core/topo/bind.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Cores [first, last) in machine order. */
typedef struct {
  int first, last;
} core_run;

/* The n cores from `first` cut into `parts`, the larger ones first: the i-th. */
static core_run part_of(int first, int n, int parts, int i)
{
  int each = n / parts;
  int extra = n % parts;
  int at = first + i * each + (i < extra ? i : extra);
  return (core_run){at, at + each + (i < extra)};
}

/* The run of cores from `first` that lie on one node. */
static core_run node_run(const tfm_machine *machine, int first)
{
  core_run run = {first, first + 1};
  while (run.last < machine->ncore &&
         machine->cores[run.last].node == machine->cores[first].node) {
    ++run.last;
  }
  return run;
}

/* How many ranks fit a node of n cores when every rank has `each` or each + 1 of them. */
static int fewest_ranks(int n, int each)
{
  return (n + each) / (each + 1);
}

static int most_ranks(int n, int each)
{
  return n / each;
}

/* Whether every node can be filled with whole ranks; *spare is how many ranks the nodes must take
 * over their fewest. */
static bool nodes_divide(const tfm_machine *machine, int count, int *spare)
{
  int each = machine->ncore / count;
  int fewest = 0;
  int most = 0;
  for (int at = 0; at < machine->ncore;) {
    core_run run = node_run(machine, at);
    int n = run.last - run.first;
    if (fewest_ranks(n, each) > most_ranks(n, each)) {
      return false;
    }
    fewest += fewest_ranks(n, each);
    most += most_ranks(n, each);
    at = run.last;
  }
  *spare = count - fewest;
  return fewest <= count && count <= most;
}

/* The index-th part when no part crosses a node: ranks go to nodes in order, each node taking its
 * fewest and as many of the spare ones as it holds. */
static core_run part_within_nodes(const tfm_machine *machine, int index, int count, int spare)
{
  int each = machine->ncore / count;
  for (int at = 0; at < machine->ncore;) {
    core_run run = node_run(machine, at);
    int n = run.last - run.first;
    int ranks = fewest_ranks(n, each);
    int more = most_ranks(n, each) - ranks;
    more = more < spare ? more : spare;
    ranks += more;
    spare -= more;
    if (index < ranks) {
      return part_of(run.first, n, ranks, index);
    }
    index -= ranks;
    at = run.last;
  }
  return (core_run){0, machine->ncore};
}

static void add_core(const tfm_machine *machine, const tfm_core *core, tfm_cpuset *set)
{
  for (int i = 0; i < core->npu; ++i) {
    tfm_cpuset_add(set, machine->pus[core->pu_at + i]);
  }
}

void tfm_share_of(const tfm_machine *machine, int index, int count, tfm_share *out)
{
  TFM_ASSERT(index >= 0 && index < count && machine->ncore > 0);
  *out = (tfm_share){.nnode = machine->nnode, .shared = machine->ncore < count};
  int spare = 0;
  core_run run = {0, machine->ncore};
  if (!out->shared) {
    run = nodes_divide(machine, count, &spare) ? part_within_nodes(machine, index, count, spare)
                                               : part_of(0, machine->ncore, count, index);
  }
  out->ncore = run.last - run.first;
  out->node = machine->cores[run.first].node;
  for (int c = run.first; c < run.last; ++c) {
    const tfm_core *core = &machine->cores[c];
    add_core(machine, core, &out->set);
    if (core->node != out->node) {
      out->node = -1;
    }
  }
}

/* The index-th core of a share, as a set. */
static tfm_cpuset core_of_share(const tfm_machine *machine, const tfm_share *share, int index)
{
  tfm_cpuset set = {{0}};
  for (int c = 0; c < machine->ncore; ++c) {
    const tfm_core *core = &machine->cores[c];
    if (tfm_cpuset_has(&share->set, core->pu_first) && index-- == 0) {
      add_core(machine, core, &set);
      break;
    }
  }
  return set;
}

static tfm_status bind_failed(const tfm_cpuset *set, const char *reason, tfm_err *err)
{
  tfm_buf text = {0};
  (void)tfm_cpuset_print(set, &text);
  tfm_status st = tfm_fail(err, TFM_E_IO, "cannot pin a thread to cpus %s: %s",
                           tfm_buf_cstr(&text), reason);
  tfm_buf_fini(&text);
  return st;
}

tfm_status tfm_bind_thread(const tfm_machine *machine, const tfm_share *share, int index,
                           tfm_err *err)
{
  TFM_ASSERT(share->ncore > 0);
  tfm_cpuset set = share->set;
  if (index >= 0) {
    set = core_of_share(machine, share, index % share->ncore);
  }
  tfm_cpuset_and(&set, &machine->allowed);
  if (!machine->here) {
    return bind_failed(&set, "the machine is a description, not this computer", err);
  }
  if (tfm_cpuset_count(&set) == 0) {
    return bind_failed(&share->set, "none of them is allowed to this process", err);
  }
  cpu_set_t masks[TFM_MACHINE_MAX_PU / CPU_SETSIZE];
  memset(masks, 0, sizeof masks);
  for (int word = 0; word < TFM_MACHINE_MAX_PU / 64; ++word) {
    for (uint64_t bits = set.bits[word]; bits; bits &= bits - 1) {
      CPU_SET_S((size_t)(64 * word + __builtin_ctzll(bits)), sizeof masks, masks);
    }
  }
  if (sched_setaffinity(0, sizeof masks, masks) != 0) {
    return bind_failed(&set, strerror(errno), err);
  }
  return TFM_OK;
}

int tfm_share_core_here(const tfm_machine *machine, const tfm_share *share)
{
  const int here = sched_getcpu();
  int index = 0;
  for (int c = 0; c < machine->ncore; ++c) {
    const tfm_core *core = &machine->cores[c];
    if (!tfm_cpuset_has(&share->set, core->pu_first)) {
      continue;
    }
    for (int i = 0; i < core->npu; ++i) {
      if (machine->pus[core->pu_at + i] == here) {
        return index;
      }
    }
    ++index;
  }
  return -1;
}

bool tfm_bind_seen(tfm_cpuset *out)
{
  cpu_set_t masks[TFM_MACHINE_MAX_PU / CPU_SETSIZE];
  *out = (tfm_cpuset){{0}};
  if (sched_getaffinity(0, sizeof masks, masks) != 0) {
    return false;
  }
  for (int pu = 0; pu < TFM_MACHINE_MAX_PU; ++pu) {
    if (CPU_ISSET_S((size_t)pu, sizeof masks, masks)) {
      tfm_cpuset_add(out, pu);
    }
  }
  return true;
}

tfm_status tfm_bind_memory(const tfm_share *share, tfm_err *err)
{
  enum { WORD_BITS = 8 * sizeof(unsigned long) };
  if (share->node < 0 || share->nnode <= 1) {
    return TFM_OK;
  }
  unsigned long nodes[TFM_MACHINE_MAX_NODE / WORD_BITS] = {0};
  nodes[share->node / WORD_BITS] = 1UL << (share->node % WORD_BITS);
  /* The kernel reads one bit less than it is told: set_mempolicy(2), notes. */
  long rc = syscall(SYS_set_mempolicy, MPOL_PREFERRED, nodes, TFM_MACHINE_MAX_NODE + 1UL);
  if (rc == 0 || errno == EPERM || errno == ENOSYS) {
    return TFM_OK;
  }
  return tfm_fail(err, TFM_E_IO, "cannot prefer memory of NUMA node %d: %s", share->node,
                  strerror(errno));
}
