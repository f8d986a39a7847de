#include "coordinator/simulate/simulate.h"

#include "coordinator/bench/load.h"
#include "coordinator/bench/table.h"
#include "coordinator/engine.h"
#include "coordinator/pace.h"
#include "coordinator/report/draw.h"
#include "coordinator/simulate/crowd.h"
#include "coordinator/simulate/measure.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/plan/plan_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  EMBEDDED = 4, /* micro-batches that rank 0 embeds to tell what that takes */
  STEADY = 32,  /* micro-batches a line, of made rows: how it begins and ends matters little */
  MADE_LENGTH = 128,
  RANKS_MOST = 65536 /* as --ranks has it */
};

typedef struct {
  tfm_job *job;
  tfm_hosts hosts;
  tfm_crowd crowd;
  tfm__load load;
  int64_t rounds; /* made rows come as often */
  tfm_speed speed;
  double encode_s, embed_s; /* rank 0, a token */
  tfm_sim sim;
  tfm_sim_batch *batches;
  double *compute_s;
  double rows, tokens;
  tfm_sim_outcome outcome;
} simulation;

/* ---- what is known before ---- */

static tfm_status refuse_what_grows(const tfm_job *job, tfm_err *err)
{
  if (job->task->grows || tfm_config_decoder(&job->model.config)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "--simulate: rows that come whole can be simulated, not %s of a %s model",
                    job->task->name, job->model.config.model_type);
  }
  return TFM_OK;
}

/* The job as it would be with those ranks. */
static tfm_status plan_crowd(simulation *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_job *job = s->job;
  const int64_t asked = job->options->ranks;
  const int64_t n = asked ? asked : tfm_hosts_ranks(&s->hosts);
  if (n < 2) {
    TFM_TRY(tfm_fail(err, TFM_E_USAGE,
                     "--simulate: want two ranks or more: --ranks N, or `ranks` of the hosts"));
  }
  if (n > RANKS_MOST) {
    TFM_TRY(tfm_fail(err, TFM_E_USAGE,
                     "--simulate: the hosts have %lld ranks, want at most %d: give --ranks, or "
                     "each host fewer `ranks`",
                     (long long)n, RANKS_MOST));
  }
  TFM_TRY(tfm_engine_choose(job, tfm_engine_isa(job), err));
  TFM_TRY(tfm_job_plan_for(job, (int)n - 1, err));
  TFM_TRY(tfm_pace_measure_anyway(job, NULL, err));
  TFM_TRY(tfm_crowd_gather(&s->crowd, &job->crew, &s->hosts, (int)n, err));
  TFM_TRY(tfm_job_plan_crew(job, err));
  tfm_crowd_place(&s->crowd, &job->crew, &s->hosts);

fail:
  return st;
}

/* ---- the rows ---- */

static tfm_status length_of(const tfm_job *job, int64_t *n, tfm_err *err)
{
  const tfm_options *o = job->options;
  *n = MADE_LENGTH < job->max_length ? MADE_LENGTH : job->max_length;
  if (o->nlength > 0) {
    char *end = NULL;
    *n = strtol(o->lengths[0], &end, 10);
    if (o->nlength > 1 || *end || *n < 1 || *n > job->max_length) {
      return tfm_fail(
          err, TFM_E_USAGE,
          "--simulate: --lengths: want a number of tokens from 1 to %lld, got %.32s",
          (long long)job->max_length, o->lengths[o->nlength > 1]);
    }
  }
  return TFM_OK;
}

/* What rank 0 does with each token, measured on rows that were read; made rows cost nothing to
 * encode. */
static tfm_status measure_rank_0(simulation *s, double read_s, tfm_err *err)
{
  const tfm_job *job = s->job;
  int64_t tokens = 0;
  float *x = tfm_alloc_aligned((size_t)(job->max_tokens * job->model.config.H), sizeof *x);
  if (!x) {
    return tfm_fail(err, TFM_E_NOMEM, "a micro-batch of %lld tokens",
                    (long long)job->max_tokens);
  }
  tfm_embed_run(job->embed, &s->load.batch[0], x, NULL); /* pages are touched */
  const double begin = tfm_thread_cpu_s();
  for (size_t i = 0; i < s->load.nbatch && i < EMBEDDED; ++i) {
    tfm_embed_run(job->embed, &s->load.batch[i], x, NULL);
    tokens += s->load.batch[i].T;
  }
  s->embed_s = (tfm_thread_cpu_s() - begin) / (double)tokens;
  s->encode_s = job->reader ? read_s / s->load.tokens : 0;
  tfm_free(x);
  return TFM_OK;
}

static tfm_status load_rows(simulation *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_job *job = s->job;
  s->rounds = 1;
  TFM_TRY(tfm_job_encoder(job, err));
  const double read = tfm_thread_cpu_s();
  if (job->reader) {
    TFM_TRY(tfm__load_read(&s->load, job, err));
  } else {
    int64_t n = 0;
    TFM_TRY(length_of(job, &n, err));
    TFM_TRY(tfm__load_make(&s->load, job, n, err));
    const int64_t wanted = (int64_t)STEADY * job->plan.replicas * (1 + job->plan.stages / 8);
    s->rounds = 1 + wanted / (int64_t)s->load.nbatch;
  }
  TFM_TRY(measure_rank_0(s, tfm_thread_cpu_s() - read, err));
  s->rows = s->load.rows * (double)s->rounds;
  s->tokens = s->load.tokens * (double)s->rounds;

fail:
  return st;
}

/* What the first worker's host has of the model, and how many threads of it compute at once. */
static tfm_status measure_stages(simulation *s, tfm_err *err)
{
  const tfm_job *job = s->job;
  const int host = s->crowd.places[1].host;
  tfm_measure_request request = {
      .units = job->plan.ranks[1].units, .batches = s->load.batch, .nbatch = s->load.nbatch};
  for (int rank = 1; rank < job->plan.nrank; ++rank) {
    const tfm_plan_rank *r = &job->plan.ranks[rank];
    if (r->stage < 0 || s->crowd.places[rank].host != host) {
      continue;
    }
    request.at_once += s->crowd.ranks[rank].threads;
    request.units.first =
        r->units.first < request.units.first ? r->units.first : request.units.first;
    request.units.last =
        r->units.last > request.units.last ? r->units.last : request.units.last;
  }
  return tfm_simulate_measure(s->job, &request, &s->speed, err);
}

/* ---- their cost ---- */

static double stage_s(const simulation *s, int stage, int64_t len)
{
  const tfm_job *job = s->job;
  const tfm_config *config = &job->model.config;
  const tfm_range units = job->plan.cuts[stage];
  double sum = 0;
  for (int64_t u = units.first; u < units.last; ++u) {
    sum += tfm_speed_unit_s(&s->speed, config, job->engine.precision, u, len);
  }
  return units.last < 2 * config->L
             ? sum
             : sum + tfm_speed_head_s(&s->speed, config, job->engine.precision, len);
}

static void cost_batch(simulation *s, int64_t at, const tfm_ids *ids, const double *by_length)
{
  const tfm_job *job = s->job;
  const int stages = job->plan.stages;
  const double T = (double)ids->T;
  const double values = T * (double)job->model.config.H;
  const double lengths = 4 * (double)ids->B;
  tfm_sim_batch *b = &s->batches[at];
  b->bytes = (double)tfm_engine_wire_bytes(&job->engine) * values + lengths;
  b->result_bytes = 4 * (double)ids->B * (double)(1 + job->context.shape.width);
  b->pass_s = tfm_pace_pass_s(job, values, lengths);
  b->send_s = b->pass_s + (s->encode_s + s->embed_s) * T;
  b->take_s = tfm_pace_pass_s(job, 0, b->result_bytes);
  for (int64_t i = 0; i < ids->B; ++i) {
    const int64_t len = ids->cu_len[i + 1] - ids->cu_len[i];
    for (int stage = 0; stage < stages; ++stage) {
      s->compute_s[at * stages + stage] += by_length[len * stages + stage];
    }
  }
}

static tfm_status cost_batches(simulation *s, tfm_err *err)
{
  const tfm_job *job = s->job;
  const int stages = job->plan.stages;
  const int64_t n = s->rounds * (int64_t)s->load.nbatch;
  double *by_length =
      tfm_calloc((size_t)(job->max_length + 1) * (size_t)stages, sizeof(double));
  s->batches = tfm_calloc((size_t)n, sizeof *s->batches);
  s->compute_s = tfm_calloc((size_t)n * (size_t)stages, sizeof *s->compute_s);
  if (!by_length || !s->batches || !s->compute_s) {
    tfm_free(by_length);
    return tfm_fail(err, TFM_E_NOMEM, "%lld micro-batches through %d stages", (long long)n,
                    stages);
  }
  for (int64_t len = 1; len <= job->max_length; ++len) {
    for (int stage = 0; stage < stages; ++stage) {
      by_length[len * stages + stage] = stage_s(s, stage, len);
    }
  }
  for (int64_t at = 0; at < n; ++at) {
    cost_batch(s, at, &s->load.batch[at % (int64_t)s->load.nbatch], by_length);
  }
  tfm_free(by_length);
  s->sim = (tfm_sim){.stages = stages,
                     .replicas = job->plan.replicas,
                     .ranks = s->crowd.ranks,
                     .cores = s->crowd.cores,
                     .npool = s->crowd.npool,
                     .nhost = s->crowd.nhost,
                     .inside = s->hosts.inside,
                     .between = s->hosts.between,
                     .batches = s->batches,
                     .nbatch = n,
                     .compute_s = s->compute_s};
  return TFM_OK;
}

/* ---- what is told ---- */

typedef struct {
  double mean, least, most; /* shares of the time */
} shares;

static shares busy_stages(const simulation *s)
{
  shares busy = {.least = 1};
  const int n = s->sim.stages * s->sim.replicas;
  for (int rank = 1; rank <= n; ++rank) {
    const double share = s->outcome.busy_s[rank] / s->outcome.seconds;
    busy.mean += share / n;
    busy.least = fmin(busy.least, share);
    busy.most = fmax(busy.most, share);
  }
  return busy;
}

/* CPU seconds of the stages against what all cores they have could have given. */
static double cores_used(const simulation *s)
{
  double used = 0;
  double cores = 0;
  for (int rank = 1; rank <= s->sim.stages * s->sim.replicas; ++rank) {
    used += s->outcome.cpu_s[rank] / s->sim.ranks[rank].speed;
  }
  for (int p = 0; p < s->sim.npool; ++p) {
    double threads = 0;
    for (int rank = 1; rank <= s->sim.stages * s->sim.replicas; ++rank) {
      threads += s->sim.ranks[rank].pool == p ? s->sim.ranks[rank].threads : 0;
    }
    cores += fmin(threads, s->sim.cores[p]);
  }
  return used / (cores * s->outcome.seconds);
}

static tfm_status put_figures(const simulation *s, tfm_bench_format format, tfm_buf *out,
                              tfm_err *err)
{
  static const tfm_bench_column columns[] = {{"kind", "kind", -1},
                                             {"hosts", "hosts", 0},
                                             {"ranks", "ranks", 0},
                                             {"stages", "stages", 0},
                                             {"replicas", "replicas", 0},
                                             {"threads", "threads", 0},
                                             {"rows", "rows", 0},
                                             {"tokens", "tokens", 0},
                                             {"micro_batches", "micro-batches", 0},
                                             {"seconds", "seconds", 4},
                                             {"rows_per_s", "rows/s", 2},
                                             {"tokens_per_s", "tokens/s", 1},
                                             {"stages_busy", "stages busy", 4},
                                             {"cores_used", "cores used", 4},
                                             {"rank_0_busy", "rank 0 busy", 4},
                                             {"network_busy", "network busy", 4}};
  tfm_bench_table table = {.column = columns, .ncolumn = sizeof columns / sizeof columns[0]};
  tfm_status st = TFM_OK;
  const double seconds = s->outcome.seconds;
  const double cells[] = {tfm_hosts_count(&s->hosts),
                          s->job->plan.nrank,
                          s->sim.stages,
                          s->sim.replicas,
                          s->job->crew.ranks[1].assign.threads,
                          s->rows,
                          s->tokens,
                          (double)s->sim.nbatch,
                          seconds,
                          s->rows / seconds,
                          s->tokens / seconds,
                          busy_stages(s).mean,
                          cores_used(s),
                          s->outcome.busy_s[0] / seconds,
                          s->outcome.wire_s / seconds};
  st = tfm_bench_table_text(&table, "simulated");
  for (size_t i = 0; st == TFM_OK && i < sizeof cells / sizeof cells[0]; ++i) {
    st = tfm_bench_table_number(&table, cells[i]);
  }
  st = st == TFM_OK ? tfm_bench_table_print(&table, format, out) : st;
  tfm_bench_table_fini(&table);
  return st == TFM_OK ? st : tfm_fail(err, st, "the simulated figures");
}

static tfm_status put_sentences(const simulation *s, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  const shares busy = busy_stages(s);
  const double seconds = s->outcome.seconds;
  TFM_TRY(tfm_buf_printf(out,
                         "simulated: %.1f rows/s, %.0f tokens/s: %.0f rows %s in %lld "
                         "micro-batches take %.3f s\n",
                         s->rows / seconds, s->tokens / seconds, s->rows,
                         s->job->reader ? "of the input" : "made up", (long long)s->sim.nbatch,
                         seconds));
  TFM_TRY(
      tfm_buf_printf(out,
                     "simulated: stages have work %.1f %% of the time (%.1f to %.1f), their "
                     "cores compute %.1f %%; rank 0 is busy %.1f %%, the busiest network "
                     "port %.1f %%\n",
                     100 * busy.mean, 100 * busy.least, 100 * busy.most, 100 * cores_used(s),
                     100 * s->outcome.busy_s[0] / seconds, 100 * s->outcome.wire_s / seconds));
  return tfm_buf_printf(out,
                        "simulated: none of these ranks was there; a core's speed was measured "
                        "on this machine (%s, isa %s)\n",
                        s->job->machine.cpu_model[0] ? s->job->machine.cpu_model : "unknown",
                        s->job->isa);

fail:
  return st;
}

/* Where each rank would be bound, as `-v` tells of ranks that are there. */
static tfm_status put_bindings(const simulation *s, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  for (int rank = 0; st == TFM_OK && rank < s->crowd.nrank; ++rank) {
    const tfm_host_kind *kind = &s->hosts.kinds[s->crowd.places[rank].kind];
    (void)tfm_buf_printf(out, "simulated: [%s] MCW rank %d ", s->crowd.facts[rank].host, rank);
    (void)!tfm_binding_print(&kind->machine, &s->crowd.shares[rank].set, out);
    st = tfm_buf_char(out, '\n');
  }
  return st;
}

static tfm_status put_plan(const simulation *s, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_plan_facts facts = {
      .ranks = s->crowd.facts, .request = &s->job->request, .numeric_id = s->job->numeric_id};
  TFM_TRY(tfm_plan_print(&s->job->plan, &facts, out, err));
  TFM_TRY(s->job->options->verbose ? put_bindings(s, out) : TFM_OK);
  TFM_TRY(put_sentences(s, out));

fail:
  return st;
}

tfm_status tfm_simulate(tfm_job *job, tfm_world *world, const tfm_options *options,
                        tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  simulation s = {.job = job};
  const bool table = tfm_option_source_of(options, "table") != TFM_FROM_DEFAULT;
  TFM_TRY(tfm_hosts_read(&s.hosts, options->simulate, err));
  TFM_TRY(tfm_job_open(job, world, options, false, err));
  TFM_TRY(refuse_what_grows(job, err));
  TFM_TRY(tfm_isa_use(tfm_engine_isa(job), err));
  job->isa = tfm_isa_name(tfm_isa_used());
  TFM_TRY(plan_crowd(&s, err));
  TFM_TRY(load_rows(&s, err));
  TFM_TRY(measure_stages(&s, err));
  TFM_TRY(cost_batches(&s, err));
  TFM_TRY(tfm_sim_run(&s.sim, &s.outcome, err));
  TFM_TRY(table ? put_figures(&s, options->bench_format, out, err) : put_plan(&s, out, err));
  TFM_TRY(options->svg ? tfm_draw_plan(&s.hosts, &s.crowd, &job->plan, options->svg, err)
                       : TFM_OK);

fail:
  tfm_sim_outcome_fini(&s.outcome);
  tfm__load_fini(&s.load);
  tfm_free(s.batches);
  tfm_free(s.compute_s);
  tfm_crew_fini(&job->crew); /* nobody is there to be told to leave */
  tfm_crowd_fini(&s.crowd);
  tfm_hosts_fini(&s.hosts);
  return st;
}
