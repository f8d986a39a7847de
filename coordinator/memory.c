#include "coordinator/memory.h"

#include "coordinator/task/oracle.h"
#include "core/base/mem.h"
#include "core/model/cost.h"
#include "core/model/slice.h"

#include <inttypes.h>
#include <string.h>

/* What cannot be computed was measured; DECISIONS.md has the figures. */
enum {
  MPI_BYTES = 11000000,   /* an idle process of Open MPI 4.1 has more than one without MPI */
  THREAD_BYTES = 760000,  /* a thread: stack, static scratch of kernels and embeddings */
  TYPICAL_TOKENS = 128,   /* of a row */
  ROW_BYTES = 900,        /* of a row under way, besides its text and tokens */
  TEXT_A_TOKEN = 5,       /* bytes */
  IDS_A_TOKEN = 8,        /* and types */
  PLACES_A_TOKEN = 14,    /* for tasks that answer with places */
  KEPT_BYTES = 1000000,   /* of what weights are read into, the heap keeps */
  READ_AHEAD = 4096,      /* rows the feed holds (encode/feed.c) */
  BYTES_A_BYTE = 4,       /* of text that is under way, likewise more for places */
  OUTPUT_BYTES = 1500000, /* results on their way to the disk, and the journal */
};

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

/* ---- frames ---- */

/* Payloads of the largest frames of the job; open_links() of worker.c refuses what does not fit. */
typedef struct {
  int64_t activations, results;
} payloads;

static payloads payloads_of(const tfm_job *job)
{
  size_t activations = 0;
  size_t results = 0;
  (void)tfm_frame_activation_bytes(tfm_frame_table_most(job->max_sequences, job->max_tokens),
                                   job->max_tokens, job->model.config.H,
                                   job->engine.wire == TFM_BFLOAT16, &activations);
  (void)tfm_frame_result_bytes(job->max_sequences, job->max_rows, job->context.shape.width,
                               &results);
  return (payloads){(int64_t)activations, (int64_t)results};
}

static int64_t buffers(int64_t payload)
{
  return TFM_LINK_BUFFERS * (payload + TFM_FRAME_HEADER);
}

/* Hidden states of a micro-batch beside the frame they do not travel in as they are. */
static int64_t beside_frame(const tfm_job *job)
{
  return job->engine.wire == TFM_FLOAT32
             ? 0
             : job->max_tokens * job->model.config.H * (int64_t)sizeof(float);
}

/* ---- a worker ---- */

static tfm_status add_worker(const tfm_job *job, tfm_plan_rank *rank, int threads,
                             bool processes, tfm_err *err)
{
  const payloads frames = payloads_of(job);
  const bool head = rank->stage == job->plan.stages - 1;
  const tfm_slice_options options = {.first = rank->units.first,
                                     .last = rank->units.last,
                                     .head = head,
                                     .engine = job->engine,
                                     .max_tokens = job->max_tokens,
                                     .max_sequences = job->max_sequences,
                                     .nthread = threads,
                                     .slots = job->turns.slots,
                                     .pages = job->turns.pages};
  tfm_slice_need need;
  tfm_status st = tfm_slice_measure(&need, &job->model, &options, err);
  if (st != TFM_OK) {
    return st;
  }
  const int64_t out = head ? frames.results : frames.activations;
  int64_t later = buffers(frames.activations) + (head ? buffers(out) : 0);
  later += (int64_t)(threads - (processes ? 1 : 0)) * THREAD_BYTES;
  later += 2 * job->max_sequences * (int64_t)sizeof(int32_t); /* lengths, of sources too */
  later += beside_frame(job);
  if (processes) {
    later += tfm_world_shared_bytes(out);
  }
  rank->shared_bytes = need.shared;
  rank->memory_bytes += KEPT_BYTES + need.weights + need.scratch + most(need.passing, later);
  return TFM_OK;
}

/* ---- rank 0 ---- */

/* The whole model once more, of --verify; `passing`: what there is beside it while it is opened. */
static tfm_status add_oracle(const tfm_job *job, tfm_plan_rank *rank, int64_t later,
                             tfm_err *err)
{
  const tfm_config *config = &job->model.config;
  const int64_t tokens = tfm_oracle_tokens(job);
  const tfm_slice_options options = {.last = 2 * config->L,
                                     .head = true,
                                     .engine = job->engine,
                                     .max_tokens = tokens,
                                     .max_sequences = 1,
                                     .nthread = 1};
  tfm_slice_need need = {0};
  const tfm_status st = tfm_slice_measure(&need, &job->model, &options, err);
  rank->memory_bytes += need.weights + need.scratch + most(0, need.passing - later) +
                        tfm_cost_embed_bytes(config) +
                        tokens * config->H * (int64_t)sizeof(float);
  return st;
}

static int64_t values_of_row(tfm_rows rows, int64_t tokens)
{
  switch (rows) {
  case TFM_ROWS_TOKEN:
    return tokens;
  case TFM_ROWS_MARK:
    return 2; /* a text has one or two masks */
  case TFM_ROWS_NONE:
  case TFM_ROWS_SEQUENCE:
    break;
  }
  return 1;
}

/* Rows between reading and writing. */
static int64_t row_bytes(const tfm_job *job)
{
  const tfm_head_shape shape = job->context.shape;
  const int64_t tokens = least(TYPICAL_TOKENS, job->max_length);
  const int64_t limit = job->options->limit > 0 ? job->options->limit : INT64_MAX;
  const int64_t rows = least(READ_AHEAD + 2 * job->window, limit);
  const int64_t each = TEXT_A_TOKEN + IDS_A_TOKEN + (job->task->places ? PLACES_A_TOKEN : 0);
  const int64_t text = each * tokens + ROW_BYTES;
  const int64_t values =
      shape.width * values_of_row(shape.rows, tokens) * (int64_t)sizeof(float);
  const int64_t bounded = rows * text + least(job->window, limit) * values;
  const int64_t inputs = job->reader ? tfm_reader_total_bytes(job->reader) : -1;
  const int64_t most_of_it = (job->task->places ? 2 : 1) * BYTES_A_BYTE * inputs;
  return inputs < 0 ? bounded : least(bounded, most_of_it);
}

static tfm_status add_coordinator(const tfm_job *job, tfm_plan_rank *rank, int threads,
                                  bool processes, tfm_err *err)
{
  const payloads frames = payloads_of(job);
  const int64_t lines = job->plan.replicas;
  int64_t bytes = tfm_cost_embed_bytes(&job->model.config);
  bytes += lines * (buffers(frames.activations) + buffers(frames.results));
  bytes += 4 * job->max_tokens * (int64_t)sizeof(int32_t); /* of a micro-batch on its way out */
  bytes += beside_frame(job);
  bytes += (int64_t)threads * THREAD_BYTES;
  bytes += row_bytes(job) + OUTPUT_BYTES;
  if (processes) {
    bytes += lines * tfm_world_shared_bytes(frames.activations);
  }
  rank->memory_bytes += bytes;
  return job->options->verify_of ? add_oracle(job, rank, bytes, err) : TFM_OK;
}

tfm_status tfm_memory_predict(tfm_job *job, const tfm_memory_rank *ranks, bool processes,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int r = 0; r < job->plan.nrank; ++r) {
    tfm_plan_rank *rank = &job->plan.ranks[r];
    rank->memory_bytes = r == 0 || processes ? ranks[r].idle : 0;
    if (r == 0) {
      TFM_TRY(add_coordinator(job, rank, ranks[r].threads, processes, err));
    } else if (rank->stage >= 0) {
      TFM_TRY(add_worker(job, rank, ranks[r].threads, processes, err));
    }
  }

fail:
  return st;
}

tfm_status tfm_memory_predict_crew(tfm_job *job, int own_threads, tfm_err *err)
{
  const int n = job->crew.nrank;
  tfm_memory_rank *ranks = tfm_calloc((size_t)n, sizeof *ranks);
  if (!ranks) {
    return tfm_fail(err, TFM_E_NOMEM, "memory of %d ranks", n);
  }
  for (int r = 0; r < n; ++r) {
    const tfm_crew_rank *rank = &job->crew.ranks[r];
    ranks[r] = (tfm_memory_rank){.idle = rank->hello.resident_bytes,
                                 .threads = r == 0 ? own_threads : rank->assign.threads};
  }
  tfm_crew_find_lenders(&job->crew);
  const tfm_status st = tfm_memory_predict(job, ranks, tfm_world_is_mpi(job->world), err);
  tfm_free(ranks);
  return st;
}

int64_t tfm_memory_total(const tfm_plan *plan)
{
  int64_t bytes = 0;
  for (int r = 0; r < plan->nrank; ++r) {
    bytes += plan->ranks[r].memory_bytes;
  }
  return bytes;
}

int64_t tfm_memory_idle(const tfm_world *world, int64_t now)
{
  return tfm_world_is_mpi(world) ? now : now + MPI_BYTES;
}

/* ---- a host ---- */

/* What the ranks of a host will take beyond what they have, and what it has left. */
typedef struct {
  int nrank;
  int64_t more, left;
} host_sum;

static host_sum sum_host(const tfm_job *job, const char *host)
{
  host_sum sum = {.left = -1};
  const bool processes = tfm_world_is_mpi(job->world);
  for (int r = 0; r < job->crew.nrank; ++r) {
    const tfm_msg_hello *hello = &job->crew.ranks[r].hello;
    if (strcmp(hello->host, host) != 0) {
      continue;
    }
    const tfm_plan_rank *rank = &job->plan.ranks[r];
    const int64_t idle = r == 0 || processes ? hello->resident_bytes : 0;
    const int64_t lent = job->crew.ranks[r].lender > 0 ? rank->shared_bytes : 0;
    sum.more += most(0, rank->memory_bytes - idle - lent);
    sum.nrank += 1;
    if (hello->available_bytes >= 0 && (sum.left < 0 || hello->available_bytes < sum.left)) {
      sum.left = hello->available_bytes;
    }
  }
  return sum;
}

tfm_status tfm_memory_check(const tfm_job *job, tfm_err *err)
{
  for (int r = 0; r < job->crew.nrank; ++r) {
    const char *host = job->crew.ranks[r].hello.host;
    const host_sum sum = sum_host(job, host);
    if (sum.left >= 0 && sum.more > sum.left) {
      return tfm_fail(err, TFM_E_NOMEM,
                      "host %.64s: %d rank%s will take %" PRId64 " MB more, and %" PRId64
                      " MB are available (the system's memory and its control groups); fewer "
                      "ranks a node, a smaller --max-batch-tokens or --dtype need less",
                      host, sum.nrank, sum.nrank == 1 ? "" : "s", sum.more / 1000000,
                      sum.left / 1000000);
    }
  }
  return TFM_OK;
}
