#include "coordinator/job.h"

#include "coordinator/cache.h"
#include "coordinator/engine.h"
#include "coordinator/growth.h"
#include "coordinator/memory.h"
#include "coordinator/output/outlet.h"
#include "coordinator/pace.h"
#include "coordinator/task/card.h"
#include "coordinator/task/spot.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/model/cost.h"
#include "core/model/smooth.h"
#include "core/topo/memory.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  BUDGET_LEAST = 512,      /* tokens; a kernel is at full speed from here on */
  BUDGET_FLOATS = 1 << 18, /* floats of x a micro-batch holds: a megabyte on the wire */
  WINDOW = 1024,           /* sequences */
  SEQUENCES_MOST = 4096,   /* of one micro-batch */
  RESULT_FLOATS = 1 << 24, /* of one micro-batch, unless a single sequence has more */
  TOKENS_MOST =
      1 << 22 /* a micro-batch of more could not be addressed by the frame's lengths */
};

/* ---- opening ---- */

static tfm_status find_folder(tfm_job *job, tfm_err *err)
{
  const char *named = job->options->model;
  if (!named) {
    job->folder = tfm_job_shipped("models/tfm-sentiment");
    return job->folder ? TFM_OK
                       : tfm_fail(err, TFM_E_MISSING,
                                  "the embedded model is not beside this program; name a "
                                  "checkpoint with --model DIR");
  }
  switch (tfm_path_look(named)) {
  case TFM_PATH_FOLDER:
    break;
  case TFM_PATH_NOTHING:
    return tfm_fail(err, TFM_E_MISSING, "--model %.512s: there is no such folder", named);
  case TFM_PATH_FILE:
  case TFM_PATH_OTHER:
    return tfm_fail(err, TFM_E_FORMAT,
                    "--model %.512s is not a folder; name the folder that holds config.json",
                    named);
  }
  job->folder = realpath(named, NULL); /* other ranks may start elsewhere */
  if (!job->folder) {
    return tfm_fail(err, TFM_E_IO, "--model %.512s cannot be reached", named);
  }
  return TFM_OK;
}

static tfm_status open_tokenizer(tfm_job *job, tfm_err *err)
{
  const char *named = job->options->tokenizer;
  if (!named) {
    return tfm_tokenizer_open_folder(&job->tokenizer, job->model.folder, err);
  }
  if (tfm_path_look(named) == TFM_PATH_FOLDER) {
    return tfm_tokenizer_open_folder(&job->tokenizer, named, err);
  }
  return tfm_tokenizer_open_file(&job->tokenizer, named, err);
}

/* The task that was asked for, before the model is opened with its head. */
static tfm_status ask_task(tfm_job *job, tfm_err *err)
{
  const char *asked = tfm_options_task(job->options);
  job->spec = (tfm_head_spec){.task = TFM_TASK_NONE};
  job->context = (tfm_task_context){.options = job->options, .spec = &job->spec};
  if (!asked) {
    return TFM_OK;
  }
  job->task = tfm_task_find(asked);
  if (!job->task) {
    return tfm_fail(err, TFM_E_UNSUPPORTED, "--task %.64s is not supported", asked);
  }
  job->spec.task = job->task->head;
  return job->task->ask ? job->task->ask(&job->context, err) : TFM_OK;
}

static tfm_status unsupported_task(const tfm_job *job, tfm_err *err)
{
  const tfm_config *config = &job->model.config;
  tfm_buf names = {0};
  tfm_task_list(&names);
  if (config->architecture[0]) {
    (void)tfm_fail(err, TFM_E_UNSUPPORTED,
                   "config.json: architectures %.64s: the task %s is not supported; supported "
                   "are: %.400s",
                   config->architecture, tfm_task_name(config->task), tfm_buf_cstr(&names));
  } else {
    (void)tfm_fail(
        err, TFM_E_UNSUPPORTED,
        "config.json has no architectures, README.md no pipeline_tag: pass --task with "
        "one of: %.400s",
        tfm_buf_cstr(&names));
  }
  tfm_buf_fini(&names);
  return TFM_E_UNSUPPORTED;
}

/* What the model card says of a checkpoint whose other files are silent. */
static tfm_status ask_card(tfm_job *job, tfm_err *err)
{
  tfm_buf tag = {0};
  tfm_status st = tfm_card_tag(job->folder, &tag, err);
  if (st == TFM_OK && tag.n > 0) {
    job->task = tfm_task_find(tfm_buf_cstr(&tag));
    if (!job->task) {
      st = tfm_fail(err, TFM_E_UNSUPPORTED,
                    "README.md: pipeline_tag: %.64s is not supported; name a task with --task",
                    tfm_buf_cstr(&tag));
    }
  }
  tfm_buf_fini(&tag);
  return st;
}

/* The model's own task when none was asked for. */
static tfm_status find_task(tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_task of_model = job->model.config.task;
  if (!job->task && of_model != TFM_TASK_NONE) {
    job->task = tfm_task_of_head(of_model);
  } else if (!job->task) {
    st = ask_card(job, err);
  }
  return st == TFM_OK && !job->task ? unsupported_task(job, err) : st;
}

/* A task that nobody named may still ask for something: then the model is opened again. */
static tfm_status open_model(tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(ask_task(job, err));
  TFM_TRY(tfm_model_open_for(&job->model, job->folder, &job->spec, err));
  bool named = job->task != NULL;
  TFM_TRY(find_task(job, err));
  TFM_TRY(tfm_options_fit_task(job->options, job->task->name, err));
  if (!named && (job->task->ask || job->model.config.task != job->task->head)) {
    job->spec.task = job->task->head;
    TFM_TRY(job->task->ask ? job->task->ask(&job->context, err) : TFM_OK);
    tfm_model_fini(&job->model);
    TFM_TRY(tfm_model_open_for(&job->model, job->folder, &job->spec, err));
  }
  if (tfm_model_shape(&job->model).rows == TFM_ROWS_NONE) {
    TFM_TRY(unsupported_task(job, err));
  }

fail:
  return st;
}

/* What tasks look at, now that everything is open. */
static tfm_status begin_task(tfm_job *job, tfm_err *err)
{
  job->context.folder = job->folder;
  job->context.config = &job->model.config;
  job->context.model = &job->model;
  job->context.tokenizer = job->tokenizer;
  job->context.max_length = job->max_length;
  job->context.start_id = (int32_t)job->model.config.start_id;
  if (job->dialog) {
    job->context.listener = tfm_dialog_listener(job->dialog);
  }
  if (job->options->on_overflow == TFM_OVERFLOW_WINDOW && !job->task->windows) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--on-overflow window: %s takes a row whole; pass truncate or error",
                    job->task->name);
  }
  tfm_status st = job->task->begin ? job->task->begin(&job->context, err) : TFM_OK;
  if (st == TFM_OK && job->task->begin) {
    st = tfm_model_ask(&job->model, &job->spec, err);
  }
  job->context.shape = tfm_model_shape(&job->model);
  job->max_length = job->context.max_length;
  return st;
}

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

/* Ids outside the embedding are the checkpoint's fault, not some row's: found before any row. No
 * row can then hold an id that the embedding lacks: added tokens and specials count too. */
static tfm_status check_vocabulary(const tfm_job *job, tfm_err *err)
{
  tfm_tokenizer_facts facts = tfm_tokenizer_describe(job->tokenizer);
  if (facts.highest_id < job->model.config.V) {
    return TFM_OK;
  }
  tfm_span token = tfm_tokenizer_token(job->tokenizer, facts.highest_id);
  const char *named = job->options->tokenizer;
  return tfm_fail(
      err, TFM_E_FORMAT,
      "%.512s: the tokenizer's token \"%.*s\" has id %d, but the embedding has %lld "
      "rows (config.json: vocab_size); the tokenizer belongs to another checkpoint",
      named ? named : job->model.folder, token.n > 64 ? 64 : (int)token.n,
      token.n ? token.p : "", facts.highest_id, (long long)job->model.config.V);
}

/* Rows of results of one micro-batch: as many as its sequences or tokens give, as long as the
 * frames stay small; a single sequence always fits. */
static void set_rows(tfm_job *job)
{
  tfm_head_shape shape = job->context.shape;
  bool sequence = shape.rows == TFM_ROWS_SEQUENCE;
  int64_t rows = sequence ? job->max_sequences : job->max_tokens;
  int64_t single = sequence ? 1 : job->max_length;
  job->max_rows = least(rows, most(single, RESULT_FLOATS / shape.width));
}

/* Where pieces come from and what they attend to is wanted. */
static bool explains(const tfm_job *job)
{
  return job->options->verb == TFM_VERB_EXPLAIN;
}

static tfm_status set_limits(tfm_job *job, tfm_err *err)
{
  const tfm_options *o = job->options;
  const tfm_config *config = &job->model.config;
  tfm_tokenizer_facts facts = tfm_tokenizer_describe(job->tokenizer);
  const int64_t limit = tfm_growth_limit(job);
  int64_t own = config->max_length;
  if (facts.model_max_length > 0 && facts.model_max_length < (size_t)own) {
    own = (int64_t)facts.model_max_length;
  }
  if (o->max_length > limit) {
    return tfm_fail(err, TFM_E_USAGE, "--max-length %lld: this model takes at most %lld tokens",
                    (long long)o->max_length, (long long)limit);
  }
  job->max_length = o->max_length ? o->max_length : own;
  tfm_config_reach(&job->model.config, job->max_length);
  if (explains(job)) {
    job->max_length = least(job->max_length, TFM_JOB_EXPLAINED);
  }
  int64_t specials = (int64_t)most((int64_t)facts.added_single, (int64_t)facts.added_pair);
  if (job->max_length < specials) {
    return tfm_fail(err, TFM_E_USAGE, "--max-length %lld: the %lld special tokens need room",
                    (long long)job->max_length, (long long)specials);
  }
  int64_t rule = most(BUDGET_LEAST, BUDGET_FLOATS / config->H);
  /* Prompts that travel in pieces need no frame as long as they are. */
  const bool dynamic = job->task->grows && config->scaling.dynamic;
  const bool pieces = job->task->grows && !tfm_config_decoder(config) && !dynamic;
  const int64_t whole = pieces ? least(job->max_length, own) : job->max_length;
  job->budget = o->max_batch_tokens ? o->max_batch_tokens : most(rule, whole);
  if (job->budget > TOKENS_MOST) {
    return tfm_fail(err, TFM_E_USAGE, "--max-batch-tokens %lld: want at most %d",
                    (long long)job->budget, TOKENS_MOST);
  }
  /* Where a decoder stands behind an encoder, both may have as many of one row. */
  const int64_t row = (tfm_config_decoder(config) ? 2 : 1) * whole;
  job->max_tokens = most(job->budget, dynamic ? most(row, 2 * config->trained) : row);
  job->max_sequences = least(job->max_tokens, SEQUENCES_MOST);
  job->window = o->sort_window ? o->sort_window : WINDOW;
  return TFM_OK;
}

static tfm_status open_sample(tfm_job *job, tfm_err *err)
{
  char *path = tfm_job_shipped("models/sample.txt");
  tfm_status st =
      path ? tfm_file_read_all(path, 1 << 20, &job->sample, err)
           : tfm_fail(err, TFM_E_MISSING,
                      "the bundled sample is not beside this program; name an input");
  tfm_free(path);
  return st == TFM_OK
             ? tfm_reader_open_text(&job->reader, job->options, tfm_buf_view(&job->sample), err)
             : st;
}

/* The words of explain are a text, which is one row. */
static tfm_status open_words(tfm_job *job, tfm_err *err)
{
  const tfm_options *o = job->options;
  for (int i = 0; i < o->ninput; ++i) {
    (void)tfm_buf_printf(&job->sample, "%s%s", i ? " " : "", o->inputs[i]);
  }
  for (size_t i = 0; i < job->sample.n; ++i) {
    char *c = &job->sample.data[i];
    *c = *c == '\n' || *c == '\r' ? ' ' : *c;
  }
  return job->sample.failed
             ? tfm_fail(err, TFM_E_NOMEM, "the text")
             : tfm_reader_open_text(&job->reader, o, tfm_buf_view(&job->sample), err);
}

static void mark_phase(double *now_s, double *cpu_s)
{
  *now_s = tfm_now_s();
  *cpu_s = tfm_cpu_s();
}

tfm_status tfm_job_open(tfm_job *job, tfm_world *world, const tfm_options *options, bool demo,
                        tfm_err *err)
{
  tfm_status st = TFM_OK;
  *job = (tfm_job){.options = options, .world = world, .demo = demo, .dialog = job->dialog};
  mark_phase(&job->times.begin, &job->cpu.begin);
  TFM_TRY(tfm_outlet_check(options, err));
  TFM_TRY(find_folder(job, err));
  TFM_TRY(open_model(job, err));
  TFM_TRY(open_tokenizer(job, err));
  TFM_TRY(check_vocabulary(job, err));
  TFM_TRY(set_limits(job, err));
  TFM_TRY(begin_task(job, err));
  set_rows(job);
  if (demo) {
    TFM_TRY(open_sample(job, err));
  } else if (options->verb == TFM_VERB_EXPLAIN) {
    TFM_TRY(open_words(job, err));
  } else if (options->nlength == 0 &&
             (options->verb != TFM_VERB_PLAN || (options->simulate && options->ninput > 0))) {
    TFM_TRY(tfm_reader_open(&job->reader, options, &job->task->wants, err));
  }
  TFM_TRY(tfm_machine_open(&job->machine, err));

fail:
  return st;
}

/* ---- planning ---- */

static tfm_status own_hello(tfm_job *job, tfm_msg_hello *hello, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  TFM_TRY(tfm_model_digest(&job->model, strcmp(job->options->digest, "full") == 0, job->digest,
                           err));
  TFM_TRY(tfm_cpuset_print(&job->machine.allowed, &text));
  (void)snprintf(hello->version, sizeof hello->version, "%s", TFM_VERSION);
  (void)snprintf(hello->digest, sizeof hello->digest, "%s", job->digest);
  (void)snprintf(hello->host, sizeof hello->host, "%s", job->machine.host);
  (void)snprintf(hello->cpuset, sizeof hello->cpuset, "%s", tfm_buf_cstr(&text));
  (void)snprintf(hello->cpu, sizeof hello->cpu, "%s", job->machine.cpu_model);
  (void)snprintf(hello->isa, sizeof hello->isa, "%s", tfm_isa_name(tfm_isa_best()));
  (void)snprintf(hello->arithmetic, sizeof hello->arithmetic, "%s",
                 tfm_backend_arithmetic(job->engine.backend));
  const tfm_engine plain = {job->engine.backend, tfm_precision_dtype(job->engine.precision),
                            job->engine.kv, job->engine.wire, job->engine.smooth};
  tfm_engine_numeric_id(plain, hello->numeric_id);
  (void)snprintf(hello->denormals, sizeof hello->denormals, "%s", tfm_fp_denormals());
  hello->ncore = job->machine.ncore;
  hello->ncore_host = job->machine.ncore_granted;
  hello->nnode = job->machine.nnode;
  hello->node = -1;
  hello->pid = getpid();
  hello->resident_bytes = tfm_memory_of_process().now;
  hello->available_bytes = tfm_memory_available("");

fail:
  tfm_buf_fini(&text);
  return st;
}

static bool typed(const tfm_options *options, const char *name)
{
  return tfm_option_source_of(options, name) == TFM_FROM_FLAG;
}

/* As the plan's interface has it: 0 by rule, TFM_PLAN_AUTO for `--replicas auto` when it was asked
 * for (the option's word stands for 0, so who asked decides). */
static int asked_replicas(const tfm_options *o)
{
  if (o->replicas == 0 && tfm_option_source_of(o, "replicas") != TFM_FROM_DEFAULT) {
    return TFM_PLAN_AUTO;
  }
  return (int)least(o->replicas, INT_MAX);
}

tfm_status tfm_job_plan_for(tfm_job *job, int nworker, tfm_err *err)
{
  const tfm_options *o = job->options;
  const tfm_config *config = &job->model.config;
  int64_t nunit = 2 * config->L;
  job->cost = tfm_calloc((size_t)nunit, sizeof *job->cost);
  job->bytes = tfm_calloc((size_t)nunit, sizeof *job->bytes);
  job->twin = tfm_calloc((size_t)nunit, sizeof *job->twin);
  if (!job->cost || !job->bytes || !job->twin) {
    return tfm_fail(err, TFM_E_NOMEM, "a plan of %lld units", (long long)nunit);
  }
  int64_t length = least(TFM_PACE_LENGTH, job->max_length);
  for (int64_t u = 0; u < nunit; ++u) {
    job->cost[u] = tfm_cost_unit(config, job->engine.precision, u, length);
    job->bytes[u] = tfm_cost_unit_bytes(config, job->engine.precision, u);
    job->twin[u] = tfm_cost_unit_twin(config, u);
  }
  job->cost[nunit - 1] += tfm_cost_head(config, job->engine.precision, length);
  job->request = (tfm_plan_request){
      .nunit = nunit,
      .cost = job->cost,
      .bytes = job->bytes,
      .twin = job->twin,
      .head_bytes = tfm_cost_head_bytes(config, job->engine.precision),
      .nworker = nworker,
      .stages = (int)least(o->stages, INT_MAX),
      .replicas = asked_replicas(o),
      .layers = o->layers,
      .typed = typed(o, "stages") || typed(o, "replicas") || typed(o, "layers"),
  };
  return tfm_plan_make(&job->plan, &job->request, err);
}

tfm_status tfm_job_plan_again(tfm_job *job, tfm_err *err)
{
  tfm_pace_costs(job);
  tfm_plan_fini(&job->plan);
  return tfm_plan_make(&job->plan, &job->request, err);
}

/* Threads of one rank: what was asked for, else its share of the cores it may use. */
static int threads_of(const tfm_job *job, int rank, int count)
{
  if (job->options->threads > 0) {
    return (int)least(job->options->threads, INT_MAX);
  }
  int cores = job->crew.ranks[rank].hello.ncore;
  return (int)most(1, cores / (int)most(1, count));
}

/* Threads that read and tokenize: rank 0 shares its cores with the workers that have them too. */
static int own_threads(const tfm_job *job)
{
  int index = 0;
  int count = 0;
  tfm_crew_share(&job->crew, 0, &index, &count);
  return threads_of(job, 0, count);
}

/* Threads of the first worker, which stands for all where layouts are compared. */
static int threads_of_first(const tfm_job *job)
{
  int index = 0;
  int count = 0;
  tfm_crew_share(&job->crew, 1, &index, &count);
  return threads_of(job, 1, count);
}

static void assign_rank(tfm_job *job, int rank)
{
  const tfm_plan_rank *planned = &job->plan.ranks[rank];
  tfm_msg_assign *a = &job->crew.ranks[rank].assign;
  int index = 0;
  int count = 0;
  tfm_crew_share(&job->crew, rank, &index, &count);
  *a = (tfm_msg_assign){.replica = planned->replica,
                        .stage = planned->stage,
                        .stages = job->plan.stages,
                        .units = planned->units,
                        .head = planned->stage == job->plan.stages - 1,
                        .hidden = job->model.config.H,
                        .result_width = job->context.shape.width,
                        .max_tokens = job->max_tokens,
                        .max_sequences = job->max_sequences,
                        .max_rows = job->max_rows,
                        .slots = job->turns.slots,
                        .pages = job->turns.pages,
                        .longest = job->model.config.max_length,
                        .threads = threads_of(job, rank, count),
                        .probe = job->options->openblas_probe,
                        .look = explains(job)};
  a->previous = planned->stage > 0 ? rank - 1 : 0;
  a->next = a->head ? 0 : rank + 1;
  switch (job->options->bind) {
  case TFM_BIND_AUTO:
    a->share_index = index;
    a->share_count = count;
    a->keeper = tfm_crew_keeper(&job->crew, rank);
    break;
  case TFM_BIND_INHERIT:
    a->share_count = 1;
    break;
  case TFM_BIND_NONE:
    break;
  }
  (void)snprintf(a->numeric_id, sizeof a->numeric_id, "%s", job->numeric_id);
  (void)snprintf(a->isa, sizeof a->isa, "%s", job->isa);
  (void)snprintf(a->precision, sizeof a->precision, "%s",
                 tfm_precision_name(job->engine.precision));
  (void)snprintf(a->backend, sizeof a->backend, "%s", tfm_backend_name(job->engine.backend));
}

tfm_status tfm_job_plan_crew(tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  job->request.parallel = tfm_pace_parallel(&job->crew, threads_of_first(job));
  TFM_TRY(tfm_job_plan_again(job, err));
  TFM_TRY(tfm_growth_plan(job, err));
  for (int rank = 1; rank < job->crew.nrank; ++rank) {
    assign_rank(job, rank);
  }

fail:
  return st;
}

/* The head every rank opens its model with. */
static void say_head(const tfm_job *job, tfm_msg_start *start)
{
  const tfm_head_spec *spec = &job->spec;
  _Static_assert((int)TFM_MSG_IDS == (int)TFM_HEAD_ONLY_MOST, "one list");
  (void)snprintf(start->task, sizeof start->task, "%s", tfm_task_name(spec->task));
  start->pooling = (int32_t)spec->pooling;
  start->normalize = (int32_t)spec->normalize;
  start->dims = spec->dims;
  start->top_k = spec->top_k;
  start->lm = (int32_t)spec->lm;
  start->sample = spec->choice.sample;
  start->seed = spec->choice.seed;
  start->temperature = spec->choice.temperature;
  start->top_p = spec->choice.top_p;
  start->min_p = spec->choice.min_p;
  start->typical_p = spec->choice.typical_p;
  start->epsilon_cutoff = spec->choice.epsilon_cutoff;
  start->eta_cutoff = spec->choice.eta_cutoff;
  start->repetition_penalty = spec->choice.repetition_penalty;
  start->no_repeat_ngram = spec->choice.no_repeat_ngram;
  start->min_new = spec->choice.min_new;
  start->min_length = spec->choice.min_length;
  start->force_first = spec->choice.force_first;
  start->force_last = spec->choice.force_last;
  start->last_new = spec->choice.last_new;
  start->last_length = spec->choice.last_length;
  start->decay_after = spec->choice.decay_after;
  start->decay = spec->choice.decay;
  start->renormalize = spec->choice.renormalize;
  start->branches = spec->choice.branches;
  start->candidates = spec->choice.candidates;
  start->said.n = spec->nsaid;
  memcpy(start->said.v, spec->said, sizeof start->said.v);
  start->only.n = spec->nonly;
  memcpy(start->only.v, spec->only, sizeof start->only.v);
}

/* How long ranks wait for each other. A slow file system gives 5 MB/s. */
static void set_patience(tfm_job *job)
{
  const tfm_options *o = job->options;
  double bytes = (double)job->request.head_bytes;
  for (int64_t u = 0; u < job->request.nunit; ++u) {
    bytes += (double)job->bytes[u];
  }
  job->crew.stall_s = (double)o->stall_limit;
  job->crew.load_s = o->load_limit ? (double)o->load_limit : fmax(600, bytes / 5e6);
}

static tfm_status open_store(tfm_job *job, tfm_err *err)
{
  const tfm_store_options kept = {.folder = job->cache,
                                  .digest = job->digest,
                                  .digest_full = strcmp(job->options->digest, "full") == 0};
  return job->store ? TFM_OK : tfm_store_open(&job->store, &job->model, &kept, err);
}

tfm_status tfm_job_plan(tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_msg_start start = {.digest_full = strcmp(job->options->digest, "full") == 0};
  tfm_msg_hello hello = {0};
  if (strlen(job->folder) >= sizeof start.model) {
    TFM_TRY(tfm_fail(err, TFM_E_USAGE, "--model: a path of %zu bytes is too long",
                     strlen(job->folder)));
  }
  memcpy(start.model, job->folder, strlen(job->folder) + 1);
  tfm_cache_folder(job->options, job->cache, sizeof job->cache);
  memcpy(start.cache, job->cache, sizeof start.cache);
  say_head(job, &start);
  TFM_TRY(tfm_engine_choose(job, tfm_engine_isa(job), err));
  TFM_TRY(tfm_engine_smooth_word(job, start.smooth, sizeof start.smooth, err));
  (void)snprintf(start.backend, sizeof start.backend, "%s",
                 tfm_backend_name(job->engine.backend));
  (void)snprintf(start.dtype, sizeof start.dtype, "%s",
                 tfm_precision_name(tfm_precision_dtype(job->engine.precision)));
  (void)snprintf(start.kv, sizeof start.kv, "%s", tfm_precision_name(job->engine.kv));
  (void)snprintf(start.wire, sizeof start.wire, "%s", tfm_precision_name(job->engine.wire));
  TFM_TRY(tfm_job_plan_for(job, tfm_world_size(job->world) - 1, err));
  TFM_TRY(tfm_crew_init(&job->crew, job->world, err));
  set_patience(job);
  start.stall_s = job->crew.stall_s;
  start.load_s = job->crew.load_s;
  TFM_TRY(own_hello(job, &hello, err));
  TFM_TRY(tfm_crew_start(&job->crew, &start, &hello, err));
  if (job->request.nworker > 1) { /* while the others look around; one worker has no layouts */
    TFM_TRY(open_store(job, err));
    TFM_TRY(tfm_pace_measure(job, job->store, err));
  }
  TFM_TRY(tfm_crew_await_hello(&job->crew, err));
  TFM_TRY(tfm_engine_settle(job, err));
  TFM_TRY(tfm_job_plan_crew(job, err));
  TFM_TRY(tfm_memory_predict_crew(job, own_threads(job), err));
  TFM_TRY(tfm_memory_check(job, err));

fail:
  return st;
}

/* ---- loading and running ---- */

/* A library is trusted only where it proved itself (DESIGN D4). */
static tfm_status check_probes(const tfm_job *job, tfm_err *err)
{
  for (int rank = 1; rank < job->crew.nrank; ++rank) {
    const char *layer = job->crew.ranks[rank].ready.probe_failed;
    if (layer[0]) {
      return tfm_fail(err, TFM_E_CONFIG,
                      "--backend %s: rank %d: %.128s gives a row other bits at another "
                      "place of the batch (%s kernels); use --backend native",
                      tfm_backend_name(job->engine.backend), rank, layer,
                      tfm_backend_arithmetic(job->engine.backend));
    }
  }
  return TFM_OK;
}

static void wake_world(void *arg)
{
  tfm_world_wake(arg);
}

/* Decoders classify by a text's last token that is no padding. */
static bool marks_last(const tfm_config *config)
{
  return config->causal && config->pad_id >= 0 && config->task == TFM_TASK_TEXT_CLASSIFICATION;
}

/* What becomes of a text when there are an encoder and a decoder. */
static tfm_status set_answering(tfm_job *job, tfm_err *err)
{
  const tfm_config *config = &job->model.config;
  tfm_encoder *encoder = &job->encoder;
  if (!tfm_config_decoder(config)) {
    return TFM_OK;
  }
  const bool repeats = config->task == TFM_TASK_TEXT_CLASSIFICATION;
  if (!repeats && (job->spec.lm != TFM_LM_NEXT || job->task == &tfm_task_chat)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "config.json: model_type: %s has an encoder and a decoder: %s is not "
                    "supported, translate, summarize and generate are",
                    config->model_type, job->task->name);
  }
  encoder->answering = repeats ? TFM_ANSWER_REPEATS : TFM_ANSWER_GROWS;
  encoder->start_id = job->context.start_id;
  encoder->eos_id = (int32_t)config->eos_id;
  if (encoder->start_id < 0 || (repeats && encoder->eos_id < 0)) {
    return tfm_fail(err, TFM_E_FORMAT, "config.json: %s: want a token id",
                    encoder->start_id < 0 ? "decoder_start_token_id" : "eos_token_id");
  }
  return TFM_OK;
}

tfm_status tfm_job_encoder(tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(open_store(job, err));
  TFM_TRY(tfm_embed_open(&job->embed, &job->model, job->store, err));
  job->encoder = (tfm_encoder){.tokenizer = job->tokenizer,
                               .limits = tfm_embed_limits(job->embed),
                               .max_length = tfm_growth_cut(job),
                               .overflow = job->options->on_overflow,
                               .places = job->task->places || explains(job),
                               .mark_last = marks_last(&job->model.config),
                               .pad_id = (int32_t)job->model.config.pad_id,
                               .cut = job->task->cut,
                               .shape = job->context.shape,
                               .row = job->task->row,
                               .task = &job->context};
  TFM_TRY(set_answering(job, err));

fail:
  return st;
}

tfm_status tfm_job_load(tfm_job *job,
                        tfm_status (*deliver)(void *arg, const tfm_item *item, tfm_err *err),
                        tfm_status (*rest)(void *arg, bool idle, tfm_err *err), void *arg,
                        tfm_err *err)
{
  tfm_status st = TFM_OK;
  mark_phase(&job->times.load, &job->cpu.load);
  TFM_TRY(tfm_crew_assign(&job->crew, err));
  TFM_TRY(tfm_job_encoder(job, err));
  TFM_TRY(job->options->verify_of ? tfm_spot_open(&job->spot, job, err) : TFM_OK);
  tfm_pump_options options = {.crew = &job->crew,
                              .plan = &job->plan,
                              .embed = job->embed,
                              .hidden = job->model.config.H,
                              .bfloat16 = job->engine.wire == TFM_BFLOAT16,
                              .ids = job->spec.lm != TFM_LM_NONE,
                              .shape = job->context.shape,
                              .budget = job->budget,
                              .max_tokens = job->max_tokens,
                              .max_sequences = job->max_sequences,
                              .max_rows = job->max_rows,
                              .window = job->window,
                              .turns = job->task->grows ? &job->turns : NULL,
                              .deliver = deliver,
                              .rest = rest,
                              .arg = arg};
  TFM_TRY(tfm_feed_open(&job->feed, job->reader, &job->encoder, own_threads(job), wake_world,
                        job->world, err));
  options.feed = job->feed;
  tfm_world_place_buffers(job->world, job->machine.nnode_machine > 1);
  TFM_TRY(tfm_pump_open(&job->pump, &options, err));
  TFM_TRY(tfm_crew_await_ready(&job->crew, err));
  TFM_TRY(check_probes(job, err));
  TFM_TRY(tfm_crew_measure(&job->crew, job->budget, err));

fail:
  return st;
}

tfm_status tfm_job_run(tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  mark_phase(&job->times.run, &job->cpu.run);
  tfm_err stats = {0};
  st = tfm_pump_run(job->pump, err);
  mark_phase(&job->times.end, &job->cpu.end);
  if (tfm_pump_ended(job->pump) && tfm_crew_await_stats(&job->crew, &stats) != TFM_OK) {
    *err = stats;
    st = stats.status;
  }
  return st;
}

/* ---- identity ---- */

tfm_status tfm_job_identity(const tfm_job *job, tfm_identity *identity, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = job->options;
  tfm_identity_add(identity, "model", "%s", job->digest);
  tfm_identity_add(identity, "numeric_id", "%s", job->numeric_id);
  tfm_identity_add(identity, "task", "%s", job->task->name);
  tfm_identity_add(identity, "--max-length", "%lld", (long long)job->max_length);
  tfm_identity_options(identity, o);
  TFM_TRY(tfm_identity_folder(identity, job->folder, err));
  if (o->tokenizer) {
    TFM_TRY(tfm_identity_folder(identity, o->tokenizer, err));
  }
  TFM_TRY(tfm_identity_inputs(identity, o, err));

fail:
  return st;
}

void tfm_job_fini(tfm_job *job)
{
  tfm_dialog_close(job->dialog); /* its rows end, or the feed would wait for them */
  /* A reading thread that could not be joined still uses the reader, encoder and tokenizer; the
   * process is about to end and takes them along. */
  if (tfm_feed_close(job->feed)) {
    tfm_reader_close(job->reader);
    tfm_tokenizer_close(job->tokenizer);
    tfm_embed_close(job->embed);
    tfm_store_close(job->store);
    tfm_buf_fini(&job->sample);
    if (job->task && job->task->end) {
      job->task->end(&job->context);
    }
  }
  tfm_pump_close(job->pump);
  tfm_spot_close(job->spot);
  tfm_crew_fini(&job->crew);
  tfm_plan_fini(&job->plan);
  tfm_free(job->cost);
  tfm_free(job->bytes);
  tfm_free(job->twin);
  tfm_machine_fini(&job->machine);
  tfm_smooth_close(job->smooth);
  tfm_model_fini(&job->model);
  tfm_free(job->folder);
}
