#include "core/topo/machine.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <hwloc.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A loaded topology on its way into plain data. */
typedef struct {
  hwloc_topology_t topology;
  hwloc_bitmap_t allowed, granted;
  hwloc_obj_type_t core_type; /* PU where the system does not tell cores apart */
  int object_cap;
} reading;

static tfm_status reading_open(reading *r, tfm_err *err)
{
  r->allowed = hwloc_bitmap_alloc();
  r->granted = hwloc_bitmap_alloc();
  if (!r->allowed || !r->granted || hwloc_topology_init(&r->topology) != 0) {
    return tfm_fail(err, TFM_E_NOMEM, "reading the machine: not enough memory for hwloc");
  }
  /* Disallowed objects are wanted for the tree. The binding must not move under other threads,
   * and distances, memory attributes and core kinds would only cost time at every start. */
  unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED |
                        HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
                        HWLOC_TOPOLOGY_FLAG_NO_DISTANCES | HWLOC_TOPOLOGY_FLAG_NO_MEMATTRS |
                        HWLOC_TOPOLOGY_FLAG_NO_CPUKINDS;
  if (hwloc_topology_set_flags(r->topology, flags) != 0 ||
      hwloc_topology_set_cache_types_filter(r->topology, HWLOC_TYPE_FILTER_KEEP_NONE) != 0 ||
      hwloc_topology_set_type_filter(r->topology, HWLOC_OBJ_L3CACHE,
                                     HWLOC_TYPE_FILTER_KEEP_ALL) != 0) {
    return tfm_fail(err, TFM_E_INTERNAL, "reading the machine: hwloc %x refuses our settings",
                    hwloc_get_api_version());
  }
  return TFM_OK;
}

static void reading_close(reading *r)
{
  if (r->topology) {
    hwloc_topology_destroy(r->topology);
  }
  hwloc_bitmap_free(r->allowed);
  hwloc_bitmap_free(r->granted);
}

/* Some virtual machines tell units but no cores, or cores for a part of the units only. */
static tfm_status choose_core_type(reading *r, hwloc_const_bitmap_t whole, tfm_err *err)
{
  hwloc_bitmap_t covered = hwloc_bitmap_alloc();
  if (!covered) {
    return tfm_fail(err, TFM_E_NOMEM, "reading the machine: not enough memory for a cpuset");
  }
  for (hwloc_obj_t core = hwloc_get_next_obj_by_type(r->topology, HWLOC_OBJ_CORE, NULL); core;
       core = hwloc_get_next_obj_by_type(r->topology, HWLOC_OBJ_CORE, core)) {
    (void)hwloc_bitmap_or(covered, covered, core->cpuset);
  }
  r->core_type = hwloc_bitmap_isequal(covered, whole) ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  hwloc_bitmap_free(covered);
  return TFM_OK;
}

/* What a file tells is not believed: arrays are as long as there are units. */
static tfm_status check_cores(const reading *r, hwloc_const_bitmap_t whole, tfm_err *err)
{
  hwloc_bitmap_t covered = hwloc_bitmap_alloc();
  bool apart = true;
  if (!covered) {
    return tfm_fail(err, TFM_E_NOMEM, "reading the machine: not enough memory for a cpuset");
  }
  for (hwloc_obj_t core = hwloc_get_next_obj_by_type(r->topology, r->core_type, NULL); core;
       core = hwloc_get_next_obj_by_type(r->topology, r->core_type, core)) {
    apart = apart && !hwloc_bitmap_intersects(covered, core->cpuset) &&
            hwloc_bitmap_isincluded(core->cpuset, whole);
    (void)hwloc_bitmap_or(covered, covered, core->cpuset);
  }
  const bool all = hwloc_bitmap_isequal(covered, whole) && !hwloc_bitmap_iszero(whole);
  hwloc_bitmap_free(covered);
  return apart && all ? TFM_OK
                      : tfm_fail(err, TFM_E_FORMAT,
                                 "the description of the machine contradicts itself: want each "
                                 "of its processing units in one core");
}

static tfm_status check_loaded(reading *r, tfm_err *err)
{
  hwloc_const_bitmap_t whole = hwloc_topology_get_topology_cpuset(r->topology);
  if (hwloc_bitmap_last(whole) >= TFM_MACHINE_MAX_PU) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "the machine has a processing unit number %d: this build handles numbers "
                    "below %d; raise TFM_MACHINE_MAX_PU in core/topo/machine.h",
                    hwloc_bitmap_last(whole), TFM_MACHINE_MAX_PU);
  }
  hwloc_const_bitmap_t nodes = hwloc_topology_get_topology_nodeset(r->topology);
  if (hwloc_bitmap_last(nodes) >= TFM_MACHINE_MAX_NODE) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "the machine has a NUMA node number %d: this build handles numbers below "
                    "%d; raise TFM_MACHINE_MAX_NODE in core/topo/machine.h",
                    hwloc_bitmap_last(nodes), TFM_MACHINE_MAX_NODE);
  }
  const tfm_status st = choose_core_type(r, whole, err);
  return st == TFM_OK ? check_cores(r, whole, err) : st;
}

static tfm_status reading_load(reading *r, tfm_err *err)
{
  if (hwloc_topology_load(r->topology) != 0) {
    return tfm_fail(err, errno == ENOMEM ? TFM_E_NOMEM : TFM_E_INTERNAL,
                    "reading the machine: hwloc: %s", strerror(errno));
  }
  return check_loaded(r, err);
}

static void set_of(hwloc_const_bitmap_t bitmap, tfm_cpuset *set)
{
  *set = (tfm_cpuset){{0}};
  for (int pu = hwloc_bitmap_first(bitmap); pu >= 0 && pu < TFM_MACHINE_MAX_PU;
       pu = hwloc_bitmap_next(bitmap, pu)) {
    tfm_cpuset_add(set, pu);
  }
}

/* The lowest node: memory of a faster kind beside it (HBM) has a higher number, and the system
 * does not hand that out unasked either. */
static int node_of(const struct hwloc_obj *core)
{
  int node = hwloc_bitmap_first(core->nodeset);
  return node < 0 || node >= TFM_MACHINE_MAX_NODE ? 0 : node;
}

/* A core with those of its units that `among` has, which go to pus[at]...; NULL: all. */
static tfm_core read_core(hwloc_obj_t core, const reading *r, const tfm_cpuset *among, int *pus,
                          int at)
{
  hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(r->topology, HWLOC_OBJ_PACKAGE, core);
  const bool numbered = package && package->logical_index < TFM_MACHINE_MAX_PU;
  tfm_core to = {.pu_first = -1,
                 .pu_at = at,
                 .node = node_of(core),
                 .package = numbered ? (int)package->logical_index : 0};
  for (int pu = hwloc_bitmap_first(core->cpuset); pu >= 0;
       pu = hwloc_bitmap_next(core->cpuset, pu)) {
    if (among && !tfm_cpuset_has(among, pu)) {
      continue;
    }
    if (to.npu++ == 0) {
      to.pu_first = pu;
    }
    pus[at++] = pu;
  }
  return to;
}

static void count_nodes(tfm_machine *m)
{
  bool node_seen[TFM_MACHINE_MAX_NODE] = {false};
  bool package_seen[TFM_MACHINE_MAX_PU] = {false}; /* every package has a unit of its own */
  for (int c = 0; c < m->ncore; ++c) {
    const tfm_core *core = &m->cores[c];
    m->nnode += !node_seen[core->node];
    node_seen[core->node] = true;
    m->npackage += !package_seen[core->package];
    package_seen[core->package] = true;
  }
}

static tfm_status read_cores(tfm_machine *m, reading *r, tfm_err *err)
{
  m->ncore_machine = hwloc_get_nbobjs_by_type(r->topology, r->core_type);
  m->nnode_machine = hwloc_get_nbobjs_by_type(r->topology, HWLOC_OBJ_NUMANODE);
  hwloc_const_bitmap_t units = hwloc_topology_get_topology_cpuset(r->topology);
  m->cores = tfm_calloc((size_t)m->ncore_machine, sizeof *m->cores);
  m->pus = tfm_calloc((size_t)tfm_cpuset_count(&m->allowed), sizeof *m->pus);
  m->whole = tfm_calloc((size_t)m->ncore_machine, sizeof *m->whole);
  m->whole_pus = tfm_calloc((size_t)hwloc_bitmap_weight(units), sizeof *m->whole_pus);
  if (!m->cores || !m->pus || !m->whole || !m->whole_pus) {
    return tfm_fail(err, TFM_E_NOMEM, "reading the machine: not enough memory for %d cores",
                    m->ncore_machine);
  }
  int npu = 0;
  int nunit = 0;
  int ncore = 0;
  for (hwloc_obj_t core = hwloc_get_next_obj_by_type(r->topology, r->core_type, NULL); core;
       core = hwloc_get_next_obj_by_type(r->topology, r->core_type, core)) {
    m->ncore_granted += hwloc_bitmap_intersects(core->cpuset, r->granted);
    m->whole[ncore] = read_core(core, r, NULL, m->whole_pus, nunit);
    nunit += m->whole[ncore++].npu;
    m->cores[m->ncore] = read_core(core, r, &m->allowed, m->pus, npu);
    npu += m->cores[m->ncore].npu;
    m->ncore += m->cores[m->ncore].npu > 0;
  }
  count_nodes(m);
  return m->ncore > 0 ? TFM_OK
                      : tfm_fail(err, TFM_E_CONFIG, "%s: no core is left to use", m->host);
}

static tfm_status add_object(tfm_machine *m, reading *r, const tfm_object *object, tfm_err *err)
{
  if (m->nobject == r->object_cap) {
    int cap = r->object_cap ? 2 * r->object_cap : 32;
    tfm_object *grown = tfm_realloc(m->objects, (size_t)cap, sizeof *grown);
    if (!grown) {
      return tfm_fail(err, TFM_E_NOMEM, "reading the machine: not enough memory for %d objects",
                      cap);
    }
    m->objects = grown;
    r->object_cap = cap;
  }
  m->objects[m->nobject++] = *object;
  return TFM_OK;
}

/* A core joins the line before it when that one is a run of cores of the same parent. */
static tfm_status add_cores(tfm_machine *m, reading *r, hwloc_obj_t core, int depth,
                            tfm_err *err)
{
  tfm_object *last = m->nobject ? &m->objects[m->nobject - 1] : NULL;
  bool first = core->prev_sibling == NULL || core->prev_sibling->type != core->type;
  if (last && !first && last->kind == TFM_OBJECT_CORES && last->depth == depth) {
    tfm_cpuset more = {{0}};
    set_of(core->cpuset, &more);
    for (int i = 0; i < TFM_MACHINE_MAX_PU / 64; ++i) {
      last->set.bits[i] |= more.bits[i];
    }
    ++last->count;
    return TFM_OK;
  }
  tfm_object object = {
      .kind = TFM_OBJECT_CORES, .depth = depth, .number = (int)core->logical_index, .count = 1};
  set_of(core->cpuset, &object.set);
  return add_object(m, r, &object, err);
}

/* NUMA nodes hang beside the tree, at the object whose cores are near them, some below a
 * memory-side cache; as text they are a level of it. */
static tfm_status add_nodes(tfm_machine *m, reading *r, hwloc_obj_t memory, int depth,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (; memory; memory = memory->next_sibling) {
    if (memory->type == HWLOC_OBJ_NUMANODE) {
      tfm_object object = {.kind = TFM_OBJECT_NODE,
                           .depth = depth,
                           .number = (int)memory->os_index,
                           .count = 1,
                           .bytes = (int64_t)memory->attr->numanode.local_memory};
      set_of(memory->cpuset, &object.set);
      TFM_TRY(add_object(m, r, &object, err));
    }
    TFM_TRY(add_nodes(m, r, memory->memory_first_child, depth, err));
  }

fail:
  return st;
}

static tfm_object object_of(hwloc_obj_t from, int depth, bool *listed)
{
  tfm_object object = {.depth = depth, .number = (int)from->logical_index, .count = 1};
  *listed = true;
  if (from->type == HWLOC_OBJ_MACHINE) {
    object.kind = TFM_OBJECT_MACHINE;
  } else if (from->type == HWLOC_OBJ_PACKAGE) {
    object.kind = TFM_OBJECT_PACKAGE;
  } else if (from->type == HWLOC_OBJ_L3CACHE) {
    object.kind = TFM_OBJECT_L3;
    object.bytes = (int64_t)from->attr->cache.size;
  } else {
    *listed = false; /* groups, dies: only what is below them is shown */
  }
  set_of(from->cpuset, &object.set);
  return object;
}

/* Depth first; the depth is bounded by hwloc's own levels. */
static tfm_status walk(tfm_machine *m, reading *r, hwloc_obj_t from, int depth, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (from->type == r->core_type) {
    return add_cores(m, r, from, depth, err);
  }
  bool listed = false;
  tfm_object object = object_of(from, depth, &listed);
  if (listed) {
    TFM_TRY(add_object(m, r, &object, err));
    ++depth;
  }
  if (from->memory_first_child) {
    TFM_TRY(add_nodes(m, r, from->memory_first_child, depth, err));
    /* Memory without cores of its own (an expander) holds nothing below it. */
    depth += !hwloc_bitmap_iszero(from->memory_first_child->cpuset);
  }
  for (hwloc_obj_t child = from->first_child; child; child = child->next_sibling) {
    TFM_TRY(walk(m, r, child, depth, err));
  }

fail:
  return st;
}

static void read_facts(tfm_machine *m, const reading *r)
{
  hwloc_obj_t root = hwloc_get_root_obj(r->topology);
  hwloc_obj_t package = hwloc_get_obj_by_type(r->topology, HWLOC_OBJ_PACKAGE, 0);
  const char *model = package ? hwloc_obj_get_info_by_name(package, "CPUModel") : NULL;
  if (!model) {
    model = hwloc_obj_get_info_by_name(root, "CPUModel");
  }
  (void)snprintf(m->cpu_model, sizeof m->cpu_model, "%s", model ? model : "");
  m->memory_bytes = (int64_t)root->total_memory;
}

static tfm_status read_machine(tfm_machine *m, reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  set_of(r->allowed, &m->allowed);
  if (hwloc_bitmap_iszero(r->allowed)) {
    return tfm_fail(err, TFM_E_CONFIG,
                    "%s: no core is left to use: binding and control group have none in common",
                    m->host);
  }
  read_facts(m, r);
  TFM_TRY(read_cores(m, r, err));
  TFM_TRY(walk(m, r, hwloc_get_root_obj(r->topology), 0, err));

fail:
  return st;
}

tfm_status tfm_machine_open(tfm_machine *machine, tfm_err *err)
{
  tfm_status st = TFM_OK;
  reading r = {0};
  *machine = (tfm_machine){0};
  TFM_TRY(reading_open(&r, err));
  TFM_TRY(reading_load(&r, err));
  if (gethostname(machine->host, sizeof machine->host - 1) != 0 || !machine->host[0]) {
    (void)snprintf(machine->host, sizeof machine->host, "localhost");
  }
  /* False when HWLOC_SYNTHETIC or HWLOC_XMLFILE put another machine in this one's place. */
  machine->here = hwloc_topology_is_thissystem(r.topology) == 1;
  if (hwloc_bitmap_copy(r.granted, hwloc_topology_get_allowed_cpuset(r.topology)) != 0 ||
      hwloc_bitmap_copy(r.allowed, r.granted) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "reading the machine: not enough memory for a cpuset"));
  }
  if (machine->here) {
    if (hwloc_get_cpubind(r.topology, r.allowed, HWLOC_CPUBIND_THREAD) != 0) {
      TFM_TRY(tfm_fail(err, TFM_E_INTERNAL, "%s: cannot read this process's binding: %s",
                       machine->host, strerror(errno)));
    }
    (void)hwloc_bitmap_and(r.allowed, r.allowed, r.granted);
  }
  TFM_TRY(read_machine(machine, &r, err));

fail:
  reading_close(&r);
  if (st != TFM_OK) {
    tfm_machine_fini(machine);
  }
  return st;
}

static tfm_status restrict_to(reading *r, const char *allowed, tfm_err *err)
{
  tfm_cpuset list = {{0}};
  tfm_cpuset whole = {{0}};
  tfm_status st = tfm_cpuset_parse(&list, allowed, err);
  if (st != TFM_OK) {
    return st;
  }
  set_of(r->granted, &whole);
  if (!tfm_cpuset_inside(&list, &whole)) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "cpu list \"%.64s\" names units that the described machine does not have",
                    allowed);
  }
  if (hwloc_bitmap_list_sscanf(r->allowed, allowed) != 0) {
    return tfm_fail(err, TFM_E_NOMEM, "reading a description: not enough memory for a cpuset");
  }
  return TFM_OK;
}

/* What was described is loaded, everything in it allowed that the description allows. */
static tfm_status read_description(tfm_machine *machine, reading *r, const char *allowed,
                                   tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (hwloc_bitmap_copy(r->granted, hwloc_topology_get_allowed_cpuset(r->topology)) != 0 ||
      hwloc_bitmap_copy(r->allowed, r->granted) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "reading a description: not enough memory"));
  }
  if (allowed) {
    TFM_TRY(restrict_to(r, allowed, err));
  }
  TFM_TRY(read_machine(machine, r, err));

fail:
  return st;
}

tfm_status tfm_machine_open_synthetic(tfm_machine *machine, const char *description,
                                      const char *allowed, tfm_err *err)
{
  tfm_status st = TFM_OK;
  reading r = {0};
  *machine = (tfm_machine){0};
  (void)snprintf(machine->host, sizeof machine->host, "synthetic");
  TFM_TRY(reading_open(&r, err));
  if (hwloc_topology_set_synthetic(r.topology, description) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "machine description \"%.200s\" cannot be read; wanted the synthetic form "
                     "of hwloc, like \"pack:2 numa:1 core:4 pu:1\"",
                     description));
  }
  TFM_TRY(reading_load(&r, err));
  TFM_TRY(read_description(machine, &r, allowed, err));

fail:
  reading_close(&r);
  if (st != TFM_OK) {
    tfm_machine_fini(machine);
  }
  return st;
}

/* Machines that are not here are told apart by the name their description has. */
static void read_name(tfm_machine *machine, const reading *r, const char *path)
{
  hwloc_obj_t root = hwloc_get_root_obj(r->topology);
  const char *name = hwloc_obj_get_info_by_name(root, "HostName");
  (void)snprintf(machine->host, sizeof machine->host, "%s", name ? name : tfm_path_base(path));
}

tfm_status tfm_machine_open_xml(tfm_machine *machine, const char *path, const char *allowed,
                                tfm_err *err)
{
  static const char wanted[] = "wanted a topology that lstopo has written as XML";
  tfm_status st = TFM_OK;
  reading r = {0};
  *machine = (tfm_machine){0};
  TFM_TRY(reading_open(&r, err));
  if (tfm_path_look(path) == TFM_PATH_NOTHING) {
    TFM_TRY(tfm_fail(err, TFM_E_MISSING, "%.512s: there is no such file; %s", path, wanted));
  }
  if (tfm_path_look(path) != TFM_PATH_FILE) { /* a pipe would never end */
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%.512s: not a regular file; %s", path, wanted));
  }
  if (hwloc_topology_set_xml(r.topology, path) != 0 || hwloc_topology_load(r.topology) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%.512s: cannot be read; %s", path, wanted));
  }
  st = check_loaded(&r, err);
  TFM_TRY(st == TFM_OK ? st : tfm_err_prefix(err, "%.400s", path));
  read_name(machine, &r, path);
  TFM_TRY(read_description(machine, &r, allowed, err));

fail:
  reading_close(&r);
  if (st != TFM_OK) {
    tfm_machine_fini(machine);
  }
  return st;
}

void tfm_machine_fini(tfm_machine *machine)
{
  tfm_free(machine->cores);
  tfm_free(machine->pus);
  tfm_free(machine->whole);
  tfm_free(machine->whole_pus);
  tfm_free(machine->objects);
  *machine = (tfm_machine){0};
}
