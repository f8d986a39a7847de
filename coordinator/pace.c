#include "coordinator/pace.h"

#include "coordinator/engine.h"
#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/mem.h"
#include "core/kernels/bfloat16.h"
#include "core/model/cost.h"

#include <string.h>

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

int64_t tfm_pace_length(const tfm_job *job)
{
  return least(TFM_PACE_LENGTH, job->max_length);
}

/* ---- measuring ---- */

/* Seconds a byte costs a stage: checked, sealed, and copied in and out of a link. */
static tfm_status measure_hop(double *byte_s, tfm_err *err)
{
  enum { BYTES = 1 << 18, PASSES = 4 };
  unsigned char *from = tfm_calloc(BYTES, 1);
  unsigned char *to = tfm_calloc(BYTES, 1);
  uint32_t crc = 0;
  double best = 0;
  for (int pass = 0; from && to && pass < PASSES; ++pass) {
    const double begin = tfm_thread_cpu_s();
    memcpy(to, from, BYTES);
    crc = tfm_crc32c(crc, to, BYTES);
    memcpy(from, to, BYTES);
    crc = tfm_crc32c(crc, from, BYTES);
    const double took = tfm_thread_cpu_s() - begin;
    from[pass] = (unsigned char)crc;
    best = pass == 0 || took < best ? took : best;
  }
  *byte_s = best / BYTES;
  const bool made = from && to;
  tfm_free(from);
  tfm_free(to);
  return made ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "measuring a frame");
}

/* Seconds a value costs a stage where it travels as bfloat16. */
static tfm_status measure_turn(double *value_s, tfm_err *err)
{
  enum { VALUES = 1 << 16, PASSES = 4 };
  float *wide = tfm_calloc(VALUES, sizeof *wide);
  uint16_t *narrow = tfm_calloc(VALUES, sizeof *narrow);
  double best = 0;
  for (int pass = 0; wide && narrow && pass < PASSES; ++pass) {
    const double begin = tfm_thread_cpu_s();
    tfm_bfloat16_widen(narrow, VALUES, wide, NULL);
    tfm_bfloat16_narrow(wide, VALUES, narrow, NULL);
    const double took = tfm_thread_cpu_s() - begin;
    best = pass == 0 || took < best ? took : best;
  }
  *value_s = best / VALUES;
  const bool made = wide && narrow;
  tfm_free(wide);
  tfm_free(narrow);
  return made ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "measuring a frame");
}

/* The last layer and the head. */
static tfm_slice_options options_for(const tfm_job *job, tfm_store *store)
{
  enum { TOKENS = 256, SEQUENCES = 16 };
  const int64_t units = 2 * job->model.config.L;
  return (tfm_slice_options){.first = units - 2,
                             .last = units,
                             .head = true,
                             .engine = job->engine,
                             .max_tokens = TOKENS,
                             .max_sequences = SEQUENCES,
                             .nthread = 1,
                             .store = store};
}

static bool worth_it(const tfm_job *job, const tfm_slice_options *options)
{
  int64_t bytes = tfm_cost_head_bytes(&job->model.config, job->engine.precision);
  for (int64_t u = options->first; u < options->last; ++u) {
    bytes += tfm_cost_unit_bytes(&job->model.config, job->engine.precision, u);
  }
  return !job->task->grows && bytes <= tfm_cost_embed_bytes(&job->model.config);
}

tfm_status tfm_pace_measure_anyway(tfm_job *job, tfm_store *store, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_slice_options options = options_for(job, store);
  tfm_slice *slice = NULL;
  TFM_TRY(tfm_slice_open(&slice, &job->model, &options, err));
  TFM_TRY(tfm_speed_measure(&job->pace.speed, slice, &job->model, &options, err));
  TFM_TRY(measure_hop(&job->pace.byte_s, err));
  if (job->engine.wire == TFM_BFLOAT16) {
    TFM_TRY(measure_turn(&job->pace.turn_s, err));
  }

fail:
  tfm_slice_close(slice);
  return st;
}

tfm_status tfm_pace_measure(tfm_job *job, tfm_store *store, tfm_err *err)
{
  const tfm_slice_options options = options_for(job, store);
  return worth_it(job, &options) ? tfm_pace_measure_anyway(job, store, err) : TFM_OK;
}

/* ---- the plan's costs ---- */

double tfm_pace_pass_s(const tfm_job *job, double values, double bytes)
{
  const double each = (double)tfm_engine_wire_bytes(&job->engine);
  return job->pace.byte_s * (each * values + bytes) + job->pace.turn_s * values;
}

static double hop_s(const tfm_job *job, int64_t len)
{
  return tfm_pace_pass_s(job, (double)(len * job->model.config.H), 0);
}

/* A model may have no attention at all in its last layer, or a head without products. */
static bool is_known(const tfm_speed *speed)
{
  return speed->attention > 0 && speed->scores > 0 && speed->ffn > 0;
}

void tfm_pace_costs(tfm_job *job)
{
  const tfm_config *config = &job->model.config;
  const int64_t nunit = 2 * config->L;
  const int64_t len = tfm_pace_length(job);
  if (!is_known(&job->pace.speed)) {
    return;
  }
  for (int64_t u = 0; u < nunit; ++u) {
    job->cost[u] = tfm_speed_unit_s(&job->pace.speed, config, job->engine.precision, u, len);
  }
  job->cost[nunit - 1] +=
      tfm_speed_head_s(&job->pace.speed, config, job->engine.precision, len);
  job->request.hop = hop_s(job, len);
}

double tfm_pace_parallel(const tfm_crew *crew, int threads)
{
  double sum = 0;
  for (int rank = 1; rank < crew->nrank; ++rank) {
    int index = 0;
    int count = 0;
    tfm_crew_share(crew, rank, &index, &count);
    const double fit = (double)crew->ranks[rank].hello.ncore / threads;
    sum += fit < count ? fit / count : 1;
  }
  return sum;
}

/* ---- predictions ---- */

static tfm_speed said_speed(const tfm_crew *crew, int rank)
{
  const tfm_msg_speed *said = &crew->ranks[rank].speed;
  return (tfm_speed){said->attention_s, said->scores_s, said->ffn_s, said->head_s};
}

/* As it measured itself, else as another on its cores did, else as rank 0 did. */
static tfm_speed speed_of(const tfm_job *job, int rank)
{
  tfm_speed speed = said_speed(&job->crew, rank);
  for (int other = job->crew.nrank - 1; other > 0 && !(is_known(&speed) && speed.head > 0);
       --other) {
    if (tfm_crew_same_cores(&job->crew, rank, other)) {
      const tfm_speed theirs = said_speed(&job->crew, other);
      tfm_speed_fill(&speed, &theirs);
    }
  }
  tfm_speed_fill(&speed, &job->pace.speed);
  return speed;
}

/* Seconds of one thread that a rank needs for a line's share of the rows. */
static double rank_s(const tfm_job *job, int rank, const tfm_pace_rows *rows)
{
  const tfm_config *config = &job->model.config;
  const tfm_range units = job->plan.ranks[rank].units;
  const tfm_speed speed = speed_of(job, rank);
  double sum = 0;
  for (int64_t len = 1; len <= rows->longest; ++len) {
    if (rows->count[len] == 0) {
      continue;
    }
    double one = hop_s(job, len);
    for (int64_t u = units.first; u < units.last; ++u) {
      one += tfm_speed_unit_s(&speed, config, job->engine.precision, u, len);
    }
    if (units.last == 2 * config->L) {
      one += tfm_speed_head_s(&speed, config, job->engine.precision, len);
    }
    sum += one * (double)rows->count[len];
  }
  return sum / job->plan.replicas;
}

/* Seconds until the ranks that share this one's cores have had the time they need on them; while
 * the last micro-batch goes down the line it has one of them, and the others have nothing. */
static double cores_s(const tfm_job *job, int rank, const double *need, double last)
{
  const double ncore = job->crew.ranks[rank].hello.ncore;
  double sum = 0;
  for (int other = 1; other < job->plan.nrank; ++other) {
    sum += tfm_crew_same_cores(&job->crew, rank, other) ? need[other] : 0;
  }
  return sum / ncore + last * (1 - 1 / ncore);
}

static int threads_of(const tfm_job *job, int rank)
{
  const int threads = job->crew.ranks[rank].assign.threads;
  return threads > 0 ? threads : 1;
}

/* need [nrank] out. */
static double predict(const tfm_job *job, const tfm_pace_rows *rows, double *need)
{
  double slowest = 0;
  double line = 0; /* of the first: its stages one after the other */
  double cores = 0;
  for (int rank = 1; rank < job->plan.nrank; ++rank) {
    const bool works = job->plan.ranks[rank].stage >= 0;
    need[rank] = works ? rank_s(job, rank, rows) : 0;
    const double alone = need[rank] / threads_of(job, rank);
    slowest = alone > slowest ? alone : slowest;
    line += rank <= job->plan.stages ? alone : 0;
  }
  const double batches = (double)rows->batches / job->plan.replicas;
  const double share = batches >= 1 ? 1 / batches : 0;
  for (int rank = 1; rank < job->plan.nrank; ++rank) {
    int index = 0;
    int count = 0;
    tfm_crew_share(&job->crew, rank, &index, &count);
    const double one = index == 0 ? cores_s(job, rank, need, share * line) : 0;
    cores = one > cores ? one : cores;
  }
  const double stages = slowest + share * (line - slowest);
  return stages > cores ? stages : cores;
}

double tfm_pace_predict(const tfm_job *job, const tfm_pace_rows *rows)
{
  for (int rank = 1; rank <= job->plan.stages; ++rank) {
    const tfm_speed speed = speed_of(job, rank);
    const tfm_range units = job->plan.ranks[rank].units;
    const bool both = units.last - units.first > 1;
    if (both ? !is_known(&speed) : !(speed.attention > 0 || speed.ffn > 0)) {
      return 0;
    }
  }
  double *need = tfm_calloc((size_t)job->plan.nrank, sizeof *need);
  const double seconds = need ? predict(job, rows, need) : 0;
  tfm_free(need);
  return seconds;
}

double tfm_pace_rate(const tfm_job *job)
{
  int64_t count[TFM_PACE_LENGTH + 1] = {0};
  const tfm_pace_rows rows = {.count = count, .longest = tfm_pace_length(job)};
  count[rows.longest] = 1;
  const double seconds = tfm_pace_predict(job, &rows);
  return seconds > 0 ? 1 / seconds : 0;
}

double tfm_pace_rate_alone(const tfm_job *job)
{
  if (!is_known(&job->pace.speed)) {
    return 0;
  }
  const int64_t asked = job->options->threads;
  const double rate =
      tfm_plan_rate(&job->request, job->plan.cuts, job->plan.stages, job->plan.replicas);
  return asked > 0 ? rate * (double)asked : rate;
}

double tfm_pace_flops(const tfm_job *job, int rank, const tfm_pace_rows *rows)
{
  const tfm_config *config = &job->model.config;
  const tfm_range units = job->plan.ranks[rank].units;
  double sum = 0;
  for (int64_t len = 1; len <= rows->longest; ++len) {
    double one = units.last == 2 * config->L ? tfm_cost_head(config, TFM_FLOAT32, len) : 0;
    for (int64_t u = units.first; rows->count[len] && u < units.last; ++u) {
      one += tfm_cost_unit(config, TFM_FLOAT32, u, len);
    }
    sum += one * (double)rows->count[len];
  }
  return sum;
}
