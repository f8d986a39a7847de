#include "coordinator/report/env.h"

#include "core/kernels/isa.h"
#include "core/kernels/linear.h"
#include "core/topo/machine.h"

#include <stdlib.h>
#include <string.h>

static const char *commit = "";

void tfm_env_set_commit(const char *id)
{
  commit = id ? id : "";
}

const char *tfm_env_commit(void)
{
  return commit;
}

/* Where facts go, and how they look there. */
typedef struct {
  tfm_buf *out;
  bool json;
  int n; /* facts so far */
} sheet;

static void put_json(tfm_buf *out, const char *text)
{
  (void)tfm_buf_json_string(out, (tfm_span){text, strlen(text)});
}

/* A fact; name "": one more of the last name, in text. JSON has `key` for it. */
static void put(sheet *s, const char *name, const char *key, const char *value)
{
  if (s->json) {
    (void)tfm_buf_str(s->out, s->n ? ",\n  " : "{\n  ");
    put_json(s->out, key);
    (void)tfm_buf_str(s->out, ": ");
    put_json(s->out, value);
  } else {
    (void)tfm_buf_printf(s->out, "%-18s %s\n", name, value);
  }
  ++s->n;
}

/* The variables that decide how the program runs here. */
static void put_variables(sheet *s)
{
  static const char *const names[] = {"OMPI_COMM_WORLD_SIZE",
                                      "OMPI_ALLOW_RUN_AS_ROOT",
                                      "OMPI_MCA_rmaps_base_oversubscribe",
                                      "OMPI_MCA_hwloc_base_binding_policy",
                                      "OPENBLAS_NUM_THREADS",
                                      "OPENBLAS_CORETYPE",
                                      "OMP_NUM_THREADS",
                                      "SLURM_JOB_ID",
                                      "SLURM_NTASKS",
                                      "SLURM_CPUS_PER_TASK",
                                      "TFM_LINK",
                                      "TFM_CACHE_DIR"};
  bool first = true;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    const char *value = getenv(names[i]);
    if (!value) {
      continue;
    }
    tfm_buf text = {0};
    (void)tfm_buf_printf(&text, "%s=%s", names[i], value);
    put(s, first ? "environment" : "", names[i], s->json ? value : tfm_buf_cstr(&text));
    s->out->failed = s->out->failed || text.failed;
    tfm_buf_fini(&text);
    first = false;
  }
}

/* What a backend's library computes with, or why it is missing. */
static const char *library(tfm_backend backend, tfm_err *missing)
{
  return tfm_backend_check(backend, missing) == TFM_OK ? tfm_backend_arithmetic(backend)
                                                       : missing->text;
}

static tfm_status put_machine(sheet *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_machine machine = {0};
  tfm_buf cpus = {0}, text = {0};
  TFM_TRY(tfm_machine_open(&machine, err));
  TFM_TRY(tfm_cpuset_print(&machine.allowed, &cpus));
  put(s, "host", "host", machine.host);
  put(s, "processor", "processor", machine.cpu_model);
  (void)tfm_buf_printf(&text, "%d of %d, cpuset %s, %d NUMA node%s", machine.ncore,
                       machine.ncore_machine, tfm_buf_cstr(&cpus), machine.nnode,
                       machine.nnode == 1 ? "" : "s");
  put(s, "cores", "cores", tfm_buf_cstr(&text));
  tfm_buf_clear(&text);
  (void)tfm_buf_printf(&text, "%.1f GiB", (double)machine.memory_bytes / (double)(1 << 30));
  put(s, "memory", "memory", tfm_buf_cstr(&text));

fail:
  tfm_buf_fini(&text);
  tfm_buf_fini(&cpus);
  tfm_machine_fini(&machine);
  return st;
}

tfm_status tfm_env_print(tfm_world *world, bool json, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  sheet s = {.out = out, .json = json};
  tfm_err missing = {0};
  tfm_buf text = {0};
  const int n = tfm_world_size(world);
  put(&s, "tfm-cluster", "version", TFM_VERSION);
  put(&s, "commit", "commit", *commit ? commit : "not known");
  put(&s, "compiler", "compiler", __VERSION__);
  TFM_TRY(put_machine(&s, err));
  put(&s, "instruction set", "isa", tfm_isa_name(tfm_isa_best()));
  if (*tfm_isa_note()) {
    put(&s, "note", "isa_note", tfm_isa_note());
  }
  put(&s, "openblas", "openblas", library(TFM_BACKEND_OPENBLAS, &missing));
  put(&s, "onednn", "onednn", library(TFM_BACKEND_ONEDNN, &missing));
  (void)tfm_buf_printf(&text, "%s, %d rank%s",
                       tfm_world_is_mpi(world) ? "MPI" : "local threads", n, n == 1 ? "" : "s");
  put(&s, "transport", "transport", tfm_buf_cstr(&text));
  put(&s, "MPI", "mpi", tfm_world_library());
  put_variables(&s);
  (void)tfm_buf_str(out, json ? "\n}\n" : "");
  if (out->failed || text.failed) {
    st = tfm_fail(err, TFM_E_NOMEM, "a sheet of %d facts", s.n);
  }

fail:
  tfm_buf_fini(&text);
  return st;
}

tfm_status tfm_env_version(tfm_buf *out)
{
  tfm_err no_openblas = {0};
  tfm_err no_onednn = {0};
  (void)tfm_buf_printf(out, "tfm-cluster %s%s%s%s\n", TFM_VERSION, *commit ? " (" : "", commit,
                       *commit ? ")" : "");
  return tfm_buf_printf(out, "%s, %s, %s, %s\n", tfm_world_library(),
                        library(TFM_BACKEND_OPENBLAS, &no_openblas),
                        library(TFM_BACKEND_ONEDNN, &no_onednn), tfm_isa_name(tfm_isa_best()));
}
