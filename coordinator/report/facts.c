#include "coordinator/report/facts.h"

#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/model/arch/registry.h"
#include "core/model/cost.h"

#include <stdlib.h>
#include <string.h>

tfm_status tfm_facts_topo(tfm_buf *out, tfm_err *err)
{
  tfm_machine machine = {0};
  tfm_status st = tfm_machine_open(&machine, err);
  if (st == TFM_OK) {
    st = tfm_machine_print(&machine, out, err);
  }
  tfm_machine_fini(&machine);
  return st;
}

/* ---- env -------------------------------------------------------------------------------------- */

static void put_variables(tfm_buf *out)
{
  static const char *const names[] = {
      "OMPI_COMM_WORLD_SIZE",   "OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_rmaps_base_oversubscribe",
      "OPENBLAS_NUM_THREADS",   "OPENBLAS_CORETYPE",      "OMP_NUM_THREADS",
      "SLURM_JOB_ID",           "SLURM_NTASKS",           "SLURM_CPUS_PER_TASK",
      "OMPI_MCA_hwloc_base_binding_policy"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    const char *value = getenv(names[i]);
    if (value) {
      (void)tfm_buf_printf(out, "%-18s %s=%s\n", i ? "" : "environment", names[i], value);
    }
  }
}

tfm_status tfm_facts_env(tfm_world *world, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_machine machine = {0};
  tfm_buf cpus = {0};
  TFM_TRY(tfm_machine_open(&machine, err));
  TFM_TRY(tfm_cpuset_print(&machine.allowed, &cpus));
  (void)tfm_buf_printf(out, "%-18s %s\n", "tfm-cluster", TFM_VERSION);
  (void)tfm_buf_printf(out, "%-18s %s\n", "compiler", __VERSION__);
  (void)tfm_buf_printf(out, "%-18s %s\n", "host", machine.host);
  (void)tfm_buf_printf(out, "%-18s %s\n", "processor", machine.cpu_model);
  (void)tfm_buf_printf(out, "%-18s %d of %d, cpuset %s, %d NUMA node%s\n", "cores",
                       machine.ncore, machine.ncore_machine, tfm_buf_cstr(&cpus), machine.nnode,
                       machine.nnode == 1 ? "" : "s");
  (void)tfm_buf_printf(out, "%-18s %.1f GiB\n", "memory",
                       (double)machine.memory_bytes / (double)(1 << 30));
  (void)tfm_buf_printf(out, "%-18s %s (best here)\n", "instruction set",
                       tfm_isa_name(tfm_isa_best()));
  (void)tfm_buf_printf(out, "%-18s %s\n", "openblas",
                       tfm_backend_arithmetic(TFM_BACKEND_OPENBLAS));
  (void)tfm_buf_printf(out, "%-18s %s, %d rank%s\n", "transport",
                       tfm_world_is_mpi(world) ? "MPI" : "local threads", tfm_world_size(world),
                       tfm_world_size(world) == 1 ? "" : "s");
  (void)tfm_buf_printf(out, "%-18s %s\n", "MPI", tfm_world_library());
  put_variables(out);

fail:
  tfm_buf_fini(&cpus);
  tfm_machine_fini(&machine);
  return st;
}

/* ---- inspect ---------------------------------------------------------------------------------- */

static void put_weights(const tfm_model *model, tfm_buf *out)
{
  int64_t count[TFM_DTYPE_COUNT] = {0};
  uint64_t bytes[TFM_DTYPE_COUNT] = {0};
  for (int64_t i = 0; i < tfm_checkpoint_count(model->checkpoint); ++i) {
    const tfm_tensor_info *info = tfm_checkpoint_at(model->checkpoint, i);
    ++count[info->dtype];
    bytes[info->dtype] += info->bytes;
  }
  const char *name = "weights";
  for (int d = 0; d < TFM_DTYPE_COUNT; ++d) {
    if (count[d]) {
      (void)tfm_buf_printf(out, "%-18s %s: %lld tensors, %.1f MB\n", name,
                           tfm_dtype_name((tfm_dtype)d), (long long)count[d],
                           (double)bytes[d] / 1e6);
      name = "";
    }
  }
}

static void put_labels(const tfm_config *config, tfm_buf *out)
{
  enum { SHOWN = 12 };
  if (config->nlabel == 0) {
    return;
  }
  (void)tfm_buf_printf(out, "%-18s", "labels");
  for (int64_t i = 0; i < config->nlabel && i < SHOWN; ++i) {
    (void)tfm_buf_printf(out, "%s %.60s", i ? "," : "", config->labels[i]);
  }
  if (config->nlabel > SHOWN) {
    (void)tfm_buf_printf(out, " ... %lld in all", (long long)config->nlabel);
  }
  (void)tfm_buf_char(out, '\n');
}

static void put_shape(const tfm_model *model, tfm_buf *out)
{
  const tfm_config *c = &model->config;
  int64_t units = 0;
  for (int64_t u = 0; u < 2 * c->L; ++u) {
    units += tfm_cost_unit_bytes(c, u);
  }
  (void)tfm_buf_printf(out, "%-18s %s (%s)\n", "family", c->arch->model_type,
                       c->architecture[0] ? c->architecture : "no architecture named");
  (void)tfm_buf_printf(out, "%-18s %s\n", "task", tfm_task_name(c->task));
  (void)tfm_buf_printf(out, "%-18s %lld layers, hidden %lld, %lld heads of %lld, ffn %lld\n",
                       "shape", (long long)c->L, (long long)c->H, (long long)c->N,
                       (long long)c->D, (long long)c->F);
  (void)tfm_buf_printf(out, "%-18s %lld tokens a row, vocabulary %lld\n", "limits",
                       (long long)c->max_length, (long long)c->V);
  (void)tfm_buf_printf(out, "%-18s %.2f million\n", "parameters",
                       (double)tfm_config_parameters(c) / 1e6);
  (void)tfm_buf_printf(out, "%-18s %.1f MB a stage of one layer, %.1f MB embeddings (rank 0)\n",
                       "memory, float32", (double)units / 1e6 / (double)c->L,
                       (double)tfm_cost_embed_bytes(c) / 1e6);
}

static tfm_status put_tokenizer(const char *folder, tfm_buf *out, tfm_err *err)
{
  tfm_tokenizer *tokenizer = NULL;
  tfm_status st = tfm_tokenizer_open_folder(&tokenizer, folder, err);
  if (st == TFM_OK) {
    tfm_tokenizer_facts facts = tfm_tokenizer_describe(tokenizer);
    (void)tfm_buf_printf(out, "%-18s %s, %zu tokens\n", "tokenizer", facts.model, facts.vocab);
  } else {
    (void)tfm_buf_printf(out, "%-18s %s\n", "not supported", err->text);
    st = st == TFM_E_UNSUPPORTED ? TFM_OK : st;
  }
  tfm_tokenizer_close(tokenizer);
  return st;
}

tfm_status tfm_facts_inspect(const tfm_options *options, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_model model = {0};
  char digest[TFM_SHA256_HEX];
  char *shipped = options->model ? NULL : tfm_job_shipped("models/tfm-sentiment");
  const char *folder = options->model ? options->model : shipped;
  if (!folder) {
    TFM_TRY(tfm_fail(err, TFM_E_MISSING, "name a checkpoint with --model DIR"));
  }
  TFM_TRY(tfm_model_open(&model, folder, err));
  TFM_TRY(tfm_model_digest(&model, strcmp(options->digest, "full") == 0, digest, err));
  (void)tfm_buf_printf(out, "%-18s %s\n", "checkpoint", folder);
  put_shape(&model, out);
  put_labels(&model.config, out);
  put_weights(&model, out);
  TFM_TRY(put_tokenizer(folder, out, err));
  (void)tfm_buf_printf(out, "%-18s %s\n", "digest", digest);
  if (!tfm_task_find(model.config.task)) {
    (void)tfm_buf_printf(out, "%-18s the task %s; supported: ", "not supported",
                         tfm_task_name(model.config.task));
    tfm_task_list(out);
    (void)tfm_buf_char(out, '\n');
  }

fail:
  tfm_model_fini(&model);
  tfm_free(shipped);
  return st;
}
