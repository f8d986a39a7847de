#include "core/topo/machine.h"

#include <inttypes.h>

static const char *plural(int n)
{
  return n == 1 ? "" : "s";
}

/* Binary units, as memory and caches are sold; one digit unless it is a whole number. */
static tfm_status print_bytes(int64_t bytes, tfm_buf *out)
{
  static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int unit = 0;
  double scaled = (double)bytes;
  while (scaled >= 1024.0 && unit < 5) {
    scaled /= 1024.0;
    ++unit;
  }
  bool whole = bytes % ((int64_t)1 << (10 * unit)) == 0;
  return tfm_buf_printf(out, "%.*f %s", whole ? 0 : 1, scaled, units[unit]);
}

static tfm_status print_cores(const tfm_object *object, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm_buf_printf(out, "core%s %d", plural(object->count), object->number));
  if (object->count > 1) {
    TFM_TRY(tfm_buf_printf(out, "-%d", object->number + object->count - 1));
  }
  TFM_TRY(tfm_buf_str(out, ": cpus "));
  TFM_TRY(tfm_cpuset_print(&object->set, out));

fail:
  return st;
}

static tfm_status print_name(const tfm_machine *machine, const tfm_object *object, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  switch (object->kind) {
  case TFM_OBJECT_MACHINE:
    TFM_TRY(tfm_buf_printf(out, "machine %s: %d core%s", machine->host, machine->ncore_machine,
                           plural(machine->ncore_machine)));
    if (machine->memory_bytes > 0) {
      TFM_TRY(tfm_buf_str(out, ", "));
      TFM_TRY(print_bytes(machine->memory_bytes, out));
    }
    if (machine->cpu_model[0]) {
      TFM_TRY(tfm_buf_printf(out, ", %s", machine->cpu_model));
    }
    break;
  case TFM_OBJECT_PACKAGE:
    TFM_TRY(tfm_buf_printf(out, "package %d", object->number));
    break;
  case TFM_OBJECT_NODE:
    TFM_TRY(tfm_buf_printf(out, "NUMA node %d: ", object->number));
    TFM_TRY(print_bytes(object->bytes, out));
    break;
  case TFM_OBJECT_L3:
    TFM_TRY(tfm_buf_str(out, "L3 "));
    TFM_TRY(print_bytes(object->bytes, out));
    break;
  case TFM_OBJECT_CORES:
    TFM_TRY(print_cores(object, out));
    break;
  }

fail:
  return st;
}

/* Everything above a half-allowed object would be half-allowed too: the part is named only where
 * the cores are. */
static tfm_status print_mark(const tfm_machine *machine, const tfm_object *object, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  tfm_cpuset part = object->set;
  tfm_cpuset_and(&part, &machine->allowed);
  if (tfm_cpuset_count(&part) == 0) {
    bool has_cores = tfm_cpuset_count(&object->set) > 0;
    return tfm_buf_str(out, has_cores ? "  [not allowed]" : "  [no cores]");
  }
  if (object->kind == TFM_OBJECT_CORES && !tfm_cpuset_equal(&part, &object->set)) {
    TFM_TRY(tfm_buf_str(out, "  [allowed: cpus "));
    TFM_TRY(tfm_cpuset_print(&part, out));
    TFM_TRY(tfm_buf_char(out, ']'));
  }

fail:
  return st;
}

static tfm_status print_use(const tfm_machine *machine, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm_buf_printf(out, "this process may use %d of %d core%s (cpus ", machine->ncore,
                         machine->ncore_machine, plural(machine->ncore_machine)));
  TFM_TRY(tfm_cpuset_print(&machine->allowed, out));
  TFM_TRY(tfm_buf_printf(out, ") on %d NUMA node%s of %d package%s\n", machine->nnode,
                         plural(machine->nnode), machine->npackage, plural(machine->npackage)));
  if (machine->ncore_granted < machine->ncore_machine) {
    TFM_TRY(tfm_buf_printf(out, "its control group holds it to %d core%s\n",
                           machine->ncore_granted, plural(machine->ncore_granted)));
  }

fail:
  return st;
}

tfm_status tfm_machine_print(const tfm_machine *machine, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int i = 0; i < machine->nobject; ++i) {
    const tfm_object *object = &machine->objects[i];
    TFM_TRY(tfm_buf_printf(out, "%*s", 2 * object->depth, ""));
    TFM_TRY(print_name(machine, object, out));
    TFM_TRY(print_mark(machine, object, out));
    TFM_TRY(tfm_buf_char(out, '\n'));
  }
  TFM_TRY(print_use(machine, out));
  return TFM_OK;

fail:
  return tfm_fail(err, st, "printing the machine: %s", tfm_status_text(st));
}
