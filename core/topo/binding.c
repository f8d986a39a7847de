#include "core/topo/bind.h"

static bool holds(const tfm_machine *m, const tfm_core *core, int unit, const tfm_cpuset *set)
{
  return tfm_cpuset_has(set, m->whole_pus[core->pu_at + unit]);
}

static int units_of(const tfm_machine *m, const tfm_core *core, const tfm_cpuset *set)
{
  int n = 0;
  for (int u = 0; u < core->npu; ++u) {
    n += holds(m, core, u, set);
  }
  return n;
}

/* "0", "0-1", "0,2": the hardware threads of a core, by their place in it. */
static tfm_status print_threads(const tfm_machine *m, const tfm_core *core,
                                const tfm_cpuset *set, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  const char *between = "";
  for (int u = 0; u < core->npu && st == TFM_OK; ++u) {
    const int first = u;
    if (!holds(m, core, u, set)) {
      continue;
    }
    while (u + 1 < core->npu && holds(m, core, u + 1, set)) {
      ++u;
    }
    st = tfm_buf_printf(out, "%s%d", between, first);
    if (st == TFM_OK && u > first) {
      st = tfm_buf_printf(out, "-%d", u);
    }
    between = ",";
  }
  return st;
}

static tfm_status print_cores(const tfm_machine *m, const tfm_cpuset *set, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  const char *between = "";
  for (int c = 0; c < m->ncore_machine; ++c) {
    const tfm_core *core = &m->whole[c];
    if (units_of(m, core, set) == 0) {
      continue;
    }
    TFM_TRY(tfm_buf_printf(out, "%ssocket %d[core %d[hwt ", between, core->package, c));
    TFM_TRY(print_threads(m, core, set, out));
    TFM_TRY(tfm_buf_str(out, "]]"));
    between = ", ";
  }

fail:
  return st;
}

static tfm_status print_map(const tfm_machine *m, const tfm_cpuset *set, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  for (int c = 0; c < m->ncore_machine; ++c) {
    const tfm_core *core = &m->whole[c];
    const bool first = c == 0 || core->package != m->whole[c - 1].package;
    TFM_TRY(tfm_buf_str(out, c == 0 ? "[" : first ? "][" : "/"));
    for (int u = 0; u < core->npu; ++u) {
      TFM_TRY(tfm_buf_char(out, holds(m, core, u, set) ? 'B' : '.'));
    }
  }
  TFM_TRY(tfm_buf_char(out, ']'));

fail:
  return st;
}

tfm_status tfm_binding_print(const tfm_machine *machine, const tfm_cpuset *set, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  int cores = 0;
  for (int c = 0; c < machine->ncore_machine; ++c) {
    cores += units_of(machine, &machine->whole[c], set) > 0;
  }
  if (cores >= machine->ncore_granted) {
    return tfm_buf_str(out, "is not bound (or bound to all available processors)");
  }
  TFM_TRY(tfm_buf_str(out, "bound to "));
  TFM_TRY(print_cores(machine, set, out));
  TFM_TRY(tfm_buf_str(out, ": "));
  TFM_TRY(print_map(machine, set, out));

fail:
  return st;
}
