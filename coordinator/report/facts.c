#include "coordinator/report/facts.h"

#include "coordinator/bench/table.h"
#include "coordinator/engine.h"
#include "coordinator/growth.h"
#include "coordinator/memory.h"
#include "coordinator/pace.h"
#include "coordinator/report/draw.h"
#include "coordinator/simulate/simulate.h"
#include "coordinator/task/card.h"
#include "coordinator/task/sentence_files.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/model/cost.h"
#include "core/plan/plan_print.h"
#include "core/topo/bind.h"
#include "core/topo/memory.h"
#include "core/topo/placement.h"

#include <string.h>

tfm_status tfm_facts_topo(const tfm_options *options, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_hosts hosts = {0};
  const tfm_drawing drawing = {
      .title = "The machine, its cores by the number of their first cpu", .hosts = &hosts};
  TFM_TRY(tfm_hosts_here(&hosts, err));
  TFM_TRY(tfm_machine_print(&hosts.kinds->machine, out, err));
  TFM_TRY(options->svg ? tfm_draw_file(&drawing, options->svg, err) : TFM_OK);

fail:
  tfm_hosts_fini(&hosts);
  return st;
}

/* ---- inspect ----------------------------------------------------------------------------- */

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

/* A layer in each dtype, and what rank 0 keeps in float32. */
static void put_memory(const tfm_config *c, tfm_buf *out)
{
  (void)tfm_buf_printf(out, "%-18s a layer: ", "memory");
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    int64_t units = 0;
    for (int64_t u = 0; u < 2 * c->L; ++u) {
      units += tfm_cost_unit_bytes(c, (tfm_precision)p, u);
    }
    (void)tfm_buf_printf(out, "%s%.1f MB %s", p ? ", " : "", (double)units / 1e6 / (double)c->L,
                         tfm_precision_name((tfm_precision)p));
  }
  (void)tfm_buf_printf(out, "; embeddings (rank 0): %.1f MB\n",
                       (double)tfm_cost_embed_bytes(c) / 1e6);
}

static bool starts(const char *text, const char *with)
{
  return text && strncmp(text, with, strlen(with)) == 0;
}

/* What the names of task_specific_params are for: translation_en_to_de, summarization. */
static const char *named_task(const tfm_json *json)
{
  bool translates = false;
  bool summarizes = false;
  const tfm_json_node *all = tfm_json_get(tfm_json_root(json), "task_specific_params");
  for (const tfm_json_node *n = tfm_json_first(all); n; n = tfm_json_next(n)) {
    translates = translates || starts(tfm_json_key(n), "translation");
    summarizes = summarizes || starts(tfm_json_key(n), "summarization");
  }
  return translates == summarizes ? "text2text-generation"
         : translates             ? "translation"
                                  : "summarization";
}

/* What a model with an encoder and a decoder is for: the model card's word, else what its family
 * is made for, else config.json's. */
static tfm_status put_answering(const tfm_model *model, tfm_buf *out, tfm_err *err)
{
  static const char *const cards[] = {"translation", "summarization", "text2text-generation"};
  static const char *const families[][2] = {{"marian", "translation"},
                                            {"mbart", "translation"},
                                            {"m2m_100", "translation"},
                                            {"pegasus", "summarization"}};
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  tfm_buf tag = {0};
  const char *task = NULL;
  TFM_TRY(tfm_card_tag(model->folder, &tag, err));
  TFM_TRY(tfm_sentence_file(model->folder, "config.json", &json, err));
  for (size_t i = 0; i < sizeof cards / sizeof *cards; ++i) {
    task = strcmp(tfm_buf_cstr(&tag), cards[i]) == 0 ? cards[i] : task;
  }
  for (size_t i = 0; !task && i < sizeof families / sizeof *families; ++i) {
    task = strcmp(model->config.model_type, families[i][0]) == 0 ? families[i][1] : NULL;
  }
  (void)tfm_buf_printf(out, "%s (verbs translate, summarize, generate)\n",
                       task ? task : named_task(json));

fail:
  tfm_json_close(json);
  tfm_buf_fini(&tag);
  return st;
}

static tfm_status put_task(const tfm_model *model, tfm_buf *out, tfm_err *err)
{
  const tfm_config *c = &model->config;
  (void)tfm_buf_printf(out, "%-18s ", "task");
  if (tfm_config_decoder(c) && c->task == TFM_TASK_TEXT_GENERATION) {
    return put_answering(model, out, err);
  }
  (void)tfm_buf_printf(out, "%s\n", tfm_task_name(c->task));
  return TFM_OK;
}

static tfm_status put_shape(const tfm_model *model, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *c = &model->config;
  (void)tfm_buf_printf(out, "%-18s %s (%s)\n", "family", c->model_type,
                       c->architecture[0] ? c->architecture : "no architecture named");
  TFM_TRY(put_task(model, out, err));
  (void)tfm_buf_printf(out, "%-18s %lld layers, hidden %lld, %lld heads of %lld, ffn %lld\n",
                       "shape", (long long)c->L, (long long)c->H, (long long)c->N,
                       (long long)c->D, (long long)c->F);
  (void)tfm_buf_printf(out, "%-18s %lld tokens a row, vocabulary %lld\n", "limits",
                       (long long)c->max_length, (long long)c->V);
  (void)tfm_buf_printf(out, "%-18s %.2f million\n", "parameters",
                       (double)tfm_config_parameters(c) / 1e6);
  put_memory(c, out);

fail:
  return st;
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
  TFM_TRY(put_shape(&model, out, err));
  put_labels(&model.config, out);
  put_weights(&model, out);
  TFM_TRY(put_tokenizer(folder, out, err));
  (void)tfm_buf_printf(out, "%-18s %s\n", "digest", digest);
  if (!tfm_task_of_head(model.config.task)) {
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

/* ---- plan -------------------------------------------------------------------------------- */

/* Several ranks of one host may have been bound so that they share cores: say so, with the flag
 * that mends it. */
static tfm_status put_placement(const tfm_job *job, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int n = job->crew.nrank;
  tfm_placed *placed = tfm_calloc((size_t)n, sizeof *placed);
  bool *judged = tfm_calloc((size_t)n, sizeof *judged);
  if (!placed || !judged) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "placement of %d ranks", n));
  }
  for (int first = 0; first < n; ++first) {
    const tfm_msg_hello *host = &job->crew.ranks[first].hello;
    int count = 0;
    for (int rank = first; rank < n && !judged[first]; ++rank) {
      const tfm_msg_hello *hello = &job->crew.ranks[rank].hello;
      if (strcmp(hello->host, host->host) != 0) {
        continue;
      }
      judged[rank] = rank != first;
      placed[count] = (tfm_placed){.rank = rank, .ncore = hello->ncore};
      placed[count].threads = job->crew.ranks[rank].assign.threads;
      TFM_TRY(tfm_cpuset_parse(&placed[count].allowed, hello->cpuset, err));
      ++count;
    }
    tfm_placement fault = TFM_PLACEMENT_FINE;
    size_t before = out->n;
    TFM_TRY(tfm_placement_check(placed, count, host->host, host->ncore_host, &fault, out));
    if (out->n > before) {
      (void)tfm_buf_char(out, '\n');
    }
  }

fail:
  tfm_free(placed);
  tfm_free(judged);
  return st;
}

static void put_notes(const tfm_job *job, tfm_buf *out)
{
  for (int rank = 0; rank < job->crew.nrank; ++rank) {
    const char *own = job->store ? tfm_store_note(job->store) : "";
    const char *note = rank == 0 ? own : job->crew.ranks[rank].ready.note;
    if (note[0]) {
      (void)tfm_buf_printf(out, "rank %d: %s\n", rank, note);
    }
  }
}

static void put_batching(const tfm_job *job, tfm_buf *out)
{
  (void)tfm_buf_printf(
      out,
      "rows of up to %lld tokens, micro-batches of %lld, a window of %lld rows, "
      "backend %s, isa %s\n",
      (long long)tfm_growth_cut(job), (long long)job->budget, (long long)job->window,
      tfm_backend_name(job->engine.backend), job->isa);
  if (job->task->grows) {
    (void)tfm_buf_printf(
        out,
        "up to %lld texts in flight on a line; %lld pages of %lld tokens, %lld bytes of keys "
        "and values a rank at most\n",
        (long long)job->turns.slots, (long long)job->turns.pages,
        (long long)job->turns.page_tokens, (long long)tfm_growth_bytes(job));
  }
}

static tfm_plan_fact fact_of(const tfm_crew_rank *r, bool coordinator)
{
  const tfm_msg_ready *ready = &r->ready;
  tfm_plan_fact fact = {.host = r->hello.host,
                        .cpuset = ready->cpuset[0] ? ready->cpuset : r->hello.cpuset,
                        .node = coordinator || !ready->cpuset[0] ? -1 : ready->node,
                        .threads = r->assign.threads,
                        .locality_known = ready->locality_known && ready->pages > 0};
  if (fact.locality_known) {
    fact.local_share = (double)ready->local_pages / (double)ready->pages;
  }
  return fact;
}

tfm_status tfm_facts_job_plan(const tfm_job *job, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_plan_fact *facts = tfm_calloc((size_t)job->crew.nrank, sizeof *facts);
  if (!facts) {
    return tfm_fail(err, TFM_E_NOMEM, "facts of %d ranks", job->crew.nrank);
  }
  for (int rank = 0; rank < job->crew.nrank; ++rank) {
    facts[rank] = fact_of(&job->crew.ranks[rank], rank == 0);
  }
  const tfm_plan_facts all = {.ranks = facts,
                              .numeric_id = job->numeric_id,
                              .request = &job->request,
                              .rows_per_s = job->plan.nrank > 1 ? tfm_pace_rate(job) : 0,
                              .length = tfm_pace_length(job)};
  TFM_TRY(tfm_plan_print(&job->plan, &all, out, err));
  put_batching(job, out);
  TFM_TRY(put_placement(job, out, err));
  put_notes(job, out);

fail:
  tfm_free(facts);
  return st;
}

static tfm_status put_binding(const tfm_job *job, int rank, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_crew_rank *r = &job->crew.ranks[rank];
  tfm_cpuset set = {{0}};
  if (rank > 0) {
    TFM_TRY(tfm_cpuset_parse(&set, r->ready.cpuset, err));
  } else if (!tfm_bind_seen(&set)) {
    set = job->machine.allowed;
  }
  (void)tfm_buf_printf(out, "[%s:%lld] MCW rank %d ", r->hello.host, (long long)r->hello.pid,
                       rank);
  if (strcmp(r->hello.host, job->machine.host) == 0) {
    (void)!tfm_binding_print(&job->machine, &set, out);
  } else {
    (void)tfm_buf_printf(out, "bound to cpus %s", r->ready.cpuset);
  }
  (void)tfm_buf_char(out, '\n');

fail:
  return st;
}

tfm_status tfm_facts_bindings(const tfm_job *job, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int rank = 0; st == TFM_OK && rank < job->crew.nrank; ++rank) {
    if (rank == 0 || job->crew.ranks[rank].ready.cpuset[0]) {
      st = put_binding(job, rank, out, err);
    }
  }
  return st;
}

/* A rank of mpirun's gets its share of this machine's cores, or what --threads says. */
static tfm_status predict(tfm_job *job, int64_t idle, bool processes, tfm_err *err)
{
  const int n = job->plan.nrank;
  const int64_t asked = job->options->threads;
  const int share = job->machine.ncore / (n - 1);
  const int threads = asked ? (int)asked : share > 1 ? share : 1;
  tfm_memory_rank *ranks = tfm_calloc((size_t)n, sizeof *ranks);
  if (!ranks) {
    return tfm_fail(err, TFM_E_NOMEM, "memory of %d ranks", n);
  }
  for (int r = 0; r < n; ++r) {
    ranks[r] = (tfm_memory_rank){.idle = idle, .threads = threads};
  }
  /* Rank 0 has its tokenizer already. */
  ranks[0].idle = tfm_memory_of_process().now;
  ranks[0].idle = processes ? tfm_memory_idle(job->world, ranks[0].idle) : ranks[0].idle;
  const tfm_status st = tfm_memory_predict(job, ranks, processes, err);
  tfm_free(ranks);
  return st;
}

/* The worker that needs most, in each dtype. */
static tfm_status put_dtypes(tfm_job *job, int64_t idle, bool processes, tfm_buf *out,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_precision own = job->engine.precision;
  (void)tfm_buf_str(out, "memory of the largest worker:");
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    int64_t most = 0;
    job->engine.precision = p == (int)tfm_precision_dtype(own) ? own : (tfm_precision)p;
    TFM_TRY(predict(job, idle, processes, err));
    for (int r = 1; r < job->plan.nrank; ++r) {
      const int64_t bytes = job->plan.ranks[r].memory_bytes;
      most = bytes > most ? bytes : most;
    }
    (void)tfm_buf_printf(out, "%s %.0f MB %s", p ? "," : "", (double)most / 1e6,
                         tfm_precision_name((tfm_precision)p));
  }
  (void)tfm_buf_char(out, '\n');

fail:
  job->engine.precision = own;
  return st;
}

static void put_memory_of_ranks(const tfm_job *job, bool processes, tfm_buf *out)
{
  const int64_t left = tfm_memory_available("");
  const int64_t total = tfm_memory_total(&job->plan);
  (void)tfm_buf_printf(out, "memory of all ranks%s: %.0f MB", processes ? "" : " (one process)",
                       (double)total / 1e6);
  if (left >= 0) {
    (void)tfm_buf_printf(out, "; available on this host: %.0f MB", (double)left / 1e6);
  }
  (void)tfm_buf_char(out, '\n');
}

/* A line a rank, for programs. */
static tfm_status put_ranks(const tfm_plan *plan, tfm_bench_format format, tfm_buf *out,
                            tfm_err *err)
{
  static const tfm_bench_column columns[] = {
      {"rank", "rank", 0},       {"role", "role", -1},
      {"replica", "replica", 0}, {"stage", "stage", 0},
      {"slice", "slice", -1},    {"weight_bytes", "weight bytes", 0},
      {"cost", "cost", 6},       {"memory_bytes", "memory bytes", 0}};
  tfm_bench_table table = {.column = columns, .ncolumn = sizeof columns / sizeof columns[0]};
  tfm_status st = TFM_OK;
  for (int r = 0; r < plan->nrank && st == TFM_OK; ++r) {
    const tfm_plan_rank *rank = &plan->ranks[r];
    tfm_buf slice = {0};
    if (rank->stage >= 0) {
      (void)tfm_range_print(rank->units, &slice);
    }
    (void)!tfm_bench_table_number(&table, r);
    (void)!tfm_bench_table_text(&table, r == 0             ? "coordinator"
                                        : rank->stage >= 0 ? "stage"
                                                           : "spare");
    (void)!tfm_bench_table_number(&table, rank->replica + 1);
    (void)!tfm_bench_table_number(&table, rank->stage + 1);
    (void)!tfm_bench_table_text(&table, tfm_buf_cstr(&slice));
    (void)!tfm_bench_table_number(&table, (double)rank->weight_bytes);
    (void)!tfm_bench_table_number(&table, rank->cost_share);
    st = tfm_bench_table_number(&table, (double)rank->memory_bytes);
    tfm_buf_fini(&slice);
  }
  st = st == TFM_OK ? tfm_bench_table_print(&table, format, out) : st;
  tfm_bench_table_fini(&table);
  return st == TFM_OK ? st : tfm_fail(err, st, "a table of %d ranks", plan->nrank);
}

static tfm_status put_plan(tfm_job *job, int64_t idle, bool processes, tfm_buf *out,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_plan_facts facts = {.request = &job->request,
                                .numeric_id = job->numeric_id,
                                .rows_per_s = tfm_pace_rate_alone(job),
                                .length = tfm_pace_length(job)};
  TFM_TRY(tfm_plan_print(&job->plan, &facts, out, err));
  (void)tfm_buf_printf(
      out, "embeddings on rank 0: %.1f MB; a frame of %lld tokens: %.1f MB of %s\n",
      (double)tfm_cost_embed_bytes(&job->model.config) / 1e6, (long long)job->max_tokens,
      1e-6 * (double)tfm_engine_wire_bytes(&job->engine) * (double)job->max_tokens *
          (double)job->model.config.H,
      tfm_precision_name(job->engine.wire));
  put_memory_of_ranks(job, processes, out);
  if (job->engine.backend == TFM_BACKEND_NATIVE) {
    TFM_TRY(put_dtypes(job, idle, processes, out, err));
  }

fail:
  return st;
}

/* All ranks on this machine, where they would run if they were started there. */
static tfm_status draw_here(tfm_job *job, const tfm_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_hosts hosts = {0};
  tfm_crowd crowd = {0};
  TFM_TRY(tfm_hosts_here(&hosts, err));
  TFM_TRY(tfm_crowd_gather(&crowd, &job->crew, &hosts, job->plan.nrank, err));
  tfm_crowd_divide(&job->crew, options);
  tfm_crowd_place(&crowd, &job->crew, &hosts);
  TFM_TRY(tfm_draw_plan(&hosts, &crowd, &job->plan, options->svg, err));

fail:
  tfm_crew_fini(&job->crew); /* nobody is there to be told to leave */
  tfm_crowd_fini(&crowd);
  tfm_hosts_fini(&hosts);
  return st;
}

tfm_status tfm_facts_plan(tfm_job *job, tfm_world *world, const tfm_options *options,
                          tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (options->simulate) {
    return tfm_simulate(job, world, options, out, err);
  }
  const int64_t ranks = options->ranks ? options->ranks : tfm_world_size(world);
  const bool processes = options->ranks > 0 || tfm_world_is_mpi(world);
  const bool table = tfm_option_source_of(options, "table") != TFM_FROM_DEFAULT;
  const int64_t idle = tfm_memory_idle(world, tfm_memory_of_process().now);
  TFM_TRY(tfm_job_open(job, world, options, false, err));
  TFM_TRY(tfm_engine_choose(job, tfm_engine_isa(job), err));
  TFM_TRY(tfm_job_plan_for(job, ranks > 2 ? (int)ranks - 1 : 1, err));
  TFM_TRY(tfm_pace_measure(job, NULL, err));
  TFM_TRY(tfm_job_plan_again(job, err));
  TFM_TRY(tfm_growth_plan(job, err));
  TFM_TRY(predict(job, idle, processes, err));
  TFM_TRY(table ? put_ranks(&job->plan, options->bench_format, out, err)
                : put_plan(job, idle, processes, out, err));
  TFM_TRY(options->svg ? draw_here(job, options, err) : TFM_OK);

fail:
  return st;
}
