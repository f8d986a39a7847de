#include "coordinator/report/summary.h"

#include "coordinator/engine.h"
#include "coordinator/memory.h"
#include "coordinator/pace.h"
#include "coordinator/report/advice.h"
#include "coordinator/task/spot.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/whole_file.h"
#include "core/kernels/peak.h"
#include "core/topo/memory.h"

#include <math.h>
#include <string.h>

static double rate(double amount, double seconds)
{
  return seconds > 0 ? amount / seconds : 0;
}

tfm_coordination tfm_coordination_of(const tfm_job *job)
{
  double computing_s = 0;
  for (int rank = 1; rank < job->crew.nrank; ++rank) {
    computing_s += job->crew.ranks[rank].stats.compute_cpu_s;
  }
  tfm_coordination c = {.start_s = job->cpu.load,
                        .load_s = job->cpu.run - job->cpu.load,
                        .run_s = job->cpu.end - job->cpu.run};
  if (!tfm_world_is_mpi(job->world)) {
    c.run_s = fmax(0, c.run_s - computing_s);
  }
  c.share = rate(c.run_s, computing_s);
  return c;
}

static tfm_pace_rows rows_sent(const tfm_job *job)
{
  return (tfm_pace_rows){.count = tfm_pump_lengths(job->pump),
                         .longest = job->max_tokens,
                         .batches = tfm_pump_counted(job->pump).batches};
}

tfm_rank_use tfm_rank_use_of(const tfm_job *job, int rank, double peak_flops)
{
  const tfm_msg_stats *stats = &job->crew.ranks[rank].stats;
  const tfm_pace_rows rows = rows_sent(job);
  const double tokens = (double)tfm_pump_counted(job->pump).tokens;
  tfm_rank_use use = {0};
  if (rows.count && tokens > 0) {
    /* Lines get rows of like lengths, so each has its share of the flops by tokens. */
    use.flops = tfm_pace_flops(job, rank, &rows) * (double)stats->tokens / tokens;
  }
  const double possible = peak_flops * stats->compute_cpu_s;
  use.share = possible > 0 ? use.flops / possible : 0;
  return use;
}

double tfm_summary_predicted(const tfm_job *job)
{
  const tfm_pace_rows rows = rows_sent(job);
  const double seconds = rows.count ? tfm_pace_predict(job, &rows) : 0;
  return rate((double)tfm_pump_counted(job->pump).rows, seconds);
}

/* Of rank 0's core, which others are held against: 0 where there is nothing to hold. */
static double peak_of(tfm_job *job)
{
  if (job->peak_flops <= 0 && tfm_pump_lengths(job->pump)) {
    job->peak_flops = tfm_linear_peak(job->engine.precision);
  }
  return job->peak_flops;
}

/* Only of the same processor is the peak known. */
double tfm_summary_peak(tfm_job *job, int rank)
{
  const tfm_crew_rank *ranks = job->crew.ranks;
  return strcmp(ranks[rank].hello.cpu, ranks[0].hello.cpu) == 0 ? peak_of(job) : 0;
}

/* What each stage did with its time: what a person looks at to find the slow one. */
static void log_stages(tfm_job *job, double run_s)
{
  for (int rank = 1; rank < job->crew.nrank; ++rank) {
    const tfm_crew_rank *r = &job->crew.ranks[rank];
    if (!r->have_stats) {
      continue;
    }
    const tfm_rank_use use = tfm_rank_use_of(job, rank, tfm_summary_peak(job, rank));
    /* A stage also waits before the first row and behind the last. */
    const double all_s = fmax(run_s, r->stats.busy_s + r->stats.wait_s + r->stats.send_s);
    tfm_buf text = {0};
    if (use.share > 0) {
      (void)tfm_buf_printf(&text, ", %.0f %% of the peak", 100 * use.share);
    }
    tfm_log(TFM_LOG_INFO,
            "rank %d, stage %d/%d: busy %.1f %%, waiting %.1f %%, sending %.1f %%%s", rank,
            r->assign.stage + 1, r->assign.stages, 100 * rate(r->stats.busy_s, all_s),
            100 * rate(r->stats.wait_s, all_s), 100 * rate(r->stats.send_s, all_s),
            tfm_buf_cstr(&text));
    tfm_buf_fini(&text);
  }
}

/* Milliseconds are starts and ends, of which a prediction knows nothing. */
static void log_prediction(const tfm_job *job, double run_s)
{
  const double predicted = tfm_summary_predicted(job);
  const double got = rate((double)tfm_pump_counted(job->pump).rows, run_s);
  if (predicted > 0 && got > 0 && run_s >= TFM_ADVICE_LEAST_S) {
    tfm_log(TFM_LOG_INFO, "predicted for these rows: %.1f rows/s; the run was %+.1f %% from it",
            predicted, 100 * (got / predicted - 1));
  }
}

static void log_coordination(const tfm_job *job, double run_s)
{
  const tfm_coordination c = tfm_coordination_of(job);
  const tfm_feed_times feed = tfm_feed_timed(job->feed);
  const tfm_pump_counts sent = tfm_pump_counted(job->pump);
  tfm_log(
      TFM_LOG_INFO,
      "rank 0, of %.2f s: reading %.1f %%, tokenizing %.1f %% (%d %s), embedding and sending "
      "%.1f %%, writing %.1f %%",
      run_s, 100 * rate(feed.read_s, run_s), 100 * rate(feed.encode_s, run_s * feed.threads),
      feed.threads, feed.threads == 1 ? "thread" : "threads", 100 * rate(sent.embed_s, run_s),
      100 * rate(sent.write_s, run_s));
  if (c.share > 0) {
    tfm_log(TFM_LOG_INFO,
            "rank 0: %.2f s of CPU to read, encode and write, %.2f %% of what the stages "
            "computed with; %.2f s before that",
            c.run_s, 100 * c.share, c.start_s + c.load_s);
  }
}

/* What it cost that the job could have been interrupted, and what that saved. all_s: from the start
 * of the job until now, since commits are made before the first row and behind the last. */
static void log_journal(const tfm_outlet *outlet, double all_s)
{
  if (outlet->resumed_rows) {
    tfm_log(TFM_LOG_INFO, "%lld of the rows were there from earlier attempts",
            (long long)outlet->resumed_rows);
  }
  if (outlet->costs.commits) {
    tfm_log(TFM_LOG_INFO, "journal: %lld commits in %.3f s, %.2f %% of all %.2f s",
            (long long)outlet->costs.commits, outlet->costs.seconds,
            100 * rate(outlet->costs.seconds, all_s), all_s);
  }
}

static void log_verified(const tfm_job *job, double run_s)
{
  const tfm_spot_count count = tfm_spot_counted(job->spot);
  if (job->spot) {
    tfm_log(TFM_LOG_INFO,
            "--verify: %lld rows compared, and %lld sequences before commits: %s; %.2f %% of "
            "the run",
            (long long)count.rows, (long long)count.commits,
            count.mismatches ? "one differs" : "every bit the same",
            100 * rate(count.seconds, run_s));
  }
}

/* Append the line of advice. busy: of the busiest stage. What memory does not allow to say is not
 * worth an error. */
static void advise(const tfm_job *job, double run_s, double busy, tfm_buf *out)
{
  const tfm_pump_counts sent = tfm_pump_counted(job->pump);
  const tfm_advice_facts facts = {.request = job->task->grows ? NULL : &job->request,
                                  .plan = &job->plan,
                                  .run_s = run_s,
                                  .busy = busy,
                                  .feed = tfm_feed_timed(job->feed),
                                  .embed_s = sent.embed_s,
                                  .write_s = sent.write_s};
  tfm_err ignored = {0};
  (void)!tfm_advice_give(&facts, out, &ignored);
}

static void log_advice(const tfm_job *job, double run_s, double busy)
{
  tfm_buf text = {0};
  advise(job, run_s, busy, &text);
  if (text.n > 0) {
    tfm_log(TFM_LOG_INFO, "advice: %s", tfm_buf_cstr(&text));
  }
  tfm_buf_fini(&text);
}

void tfm_summary_log(tfm_job *job, const tfm_outlet *outlet)
{
  if (!tfm_log_enabled(TFM_LOG_INFO)) {
    return;
  }
  double run_s = job->times.end - job->times.run;
  tfm_pump_counts sent = tfm_pump_counted(job->pump);
  tfm_pop pop = tfm_pop_of(&job->crew, run_s);
  const tfm_tally *tally = &outlet->tally;
  tfm_log(TFM_LOG_INFO,
          "%lld rows in, %lld out, %lld errors, %lld truncated, %lld blank lines skipped",
          (long long)tally->mark.rows, (long long)tally->mark.rows,
          (long long)tally->row_errors, (long long)tally->rows_truncated,
          (long long)tally->mark.blank_lines);
  log_journal(outlet, tfm_now_s() - job->times.begin);
  log_verified(job, run_s);
  tfm_log(TFM_LOG_INFO,
          "%lld tokens in %.2f s: %.1f rows/s, %.0f tokens/s (start %.2f s, load %.2f s)",
          (long long)sent.tokens, run_s, rate((double)sent.rows, run_s),
          rate((double)sent.tokens, run_s), job->times.load - job->times.begin,
          job->times.run - job->times.load);
  log_prediction(job, run_s);
  log_coordination(job, run_s);
  log_stages(job, run_s);
  tfm_log(TFM_LOG_INFO,
          "parallel efficiency %.2f = load balance %.2f x communication efficiency %.2f",
          pop.parallel, pop.load_balance, pop.communication);
  log_advice(job, run_s, pop.communication);
}

/* ---- JSON
 * ------------------------------------------------------------------------------------- */

static void put_string(tfm_buf *out, const char *before, const char *value)
{
  (void)tfm_buf_str(out, before);
  (void)tfm_buf_json_string(out, tfm_span_of(value));
}

static void put_number(tfm_buf *out, const char *before, double value)
{
  (void)tfm_buf_str(out, before);
  (void)tfm_buf_printf(out, "%.6g", value);
}

/* 0 is what nobody knows. */
static void put_or_null(tfm_buf *out, const char *before, double value)
{
  if (value > 0) {
    put_number(out, before, value);
  } else {
    (void)tfm_buf_printf(out, "%snull", before);
  }
}

static void put_int(tfm_buf *out, const char *before, int64_t value)
{
  (void)tfm_buf_printf(out, "%s%lld", before, (long long)value);
}

/* Only where --verify was asked for. */
static void put_verified(const tfm_job *job, tfm_buf *out)
{
  const tfm_spot_count count = tfm_spot_counted(job->spot);
  if (job->spot) {
    put_int(out, ",\"rows_verified\":", count.rows);
    put_int(out, ",\"commit_rows_verified\":", count.commits);
    put_int(out, ",\"verify_mismatches\":", count.mismatches);
    put_number(out, ",\"verify_s\":", count.seconds);
  }
}

static void put_rows(const tfm_job *job, const tfm_outlet *outlet, tfm_buf *out)
{
  tfm_pump_counts sent = tfm_pump_counted(job->pump);
  double run_s = job->times.end - job->times.run;
  put_int(out, "\"rows_in\":", outlet->tally.mark.rows);
  put_int(out, ",\"rows_out\":", outlet->tally.mark.rows);
  put_int(out, ",\"row_errors\":", outlet->tally.row_errors);
  put_int(out, ",\"rows_truncated\":", outlet->tally.rows_truncated);
  put_int(out, ",\"rows_windowed\":", outlet->tally.rows_windowed);
  put_int(out, ",\"rows_resumed\":", outlet->resumed_rows);
  put_int(out, ",\"blank_lines\":", outlet->tally.mark.blank_lines);
  put_int(out, ",\"tokens\":", outlet->tally.tokens);
  put_int(out, ",\"tokens_sent\":", sent.tokens);
  put_int(out, ",\"tokens_shared\":", sent.shared);
  put_number(out, ",\"seconds\":{\"start\":", job->times.load - job->times.begin);
  put_number(out, ",\"load\":", job->times.run - job->times.load);
  put_number(out, ",\"run\":", run_s);
  put_number(out, ",\"total\":", tfm_now_s() - job->times.begin);
  put_number(out, "},\"rows_per_s\":", rate((double)sent.rows, run_s));
  put_number(out, ",\"tokens_per_s\":", rate((double)sent.tokens, run_s));
  put_int(out, ",\"journal\":{\"commits\":", outlet->costs.commits);
  put_number(out, ",\"seconds\":", outlet->costs.seconds);
  (void)tfm_buf_char(out, '}');
  put_verified(job, out);
}

static void put_slice(tfm_buf *out, const char *before, tfm_range units)
{
  tfm_buf text = {0};
  (void)tfm_range_print(units, &text);
  put_string(out, before, tfm_buf_cstr(&text));
  tfm_buf_fini(&text);
}

static void put_layout(const tfm_job *job, tfm_buf *out)
{
  const tfm_config *config = &job->model.config;
  put_string(out, ",\"model\":{\"family\":", config->model_type);
  put_string(out, ",\"task\":", job->task->name);
  put_int(out, ",\"layers\":", config->L);
  put_int(out, ",\"parameters\":", tfm_config_parameters(config));
  put_string(out,
             ",\"dtype\":", tfm_precision_name(tfm_precision_dtype(job->engine.precision)));
  if (tfm_engine_mode(&job->engine)[0]) {
    put_string(out, ",\"float32_mode\":", tfm_engine_mode(&job->engine));
  }
  if (tfm_engine_int8_mode(&job->engine)[0]) {
    put_string(out, ",\"int8_mode\":", tfm_engine_int8_mode(&job->engine));
  }
  put_string(out, ",\"wire_dtype\":", tfm_precision_name(job->engine.wire));
  put_string(out, ",\"digest\":", job->digest);
  put_int(out, "},\"layout\":{\"ranks\":", job->crew.nrank);
  put_int(out, ",\"stages\":", job->plan.stages);
  put_int(out, ",\"replicas\":", job->plan.replicas);
  put_int(out, ",\"threads\":", job->crew.nrank > 1 ? job->crew.ranks[1].assign.threads : 1);
  (void)tfm_buf_str(out, ",\"slices\":[");
  for (int s = 0; s < job->plan.stages; ++s) {
    put_slice(out, s ? "," : "", job->plan.cuts[s]);
  }
  put_int(out, "],\"max_batch_tokens\":", job->budget);
  put_int(out, ",\"sort_window\":", job->window);
  put_string(out, "},\"backend\":", tfm_backend_name(job->engine.backend));
  put_string(out, ",\"isa\":", job->isa);
  put_string(out, ",\"numeric_id\":", job->numeric_id);
}

/* Of the process the rank is, or all ranks are. */
static int64_t predicted(const tfm_job *job, int rank)
{
  return tfm_world_is_mpi(job->world) ? job->plan.ranks[rank].memory_bytes
                                      : tfm_memory_total(&job->plan);
}

/* The coordinator's own line: what it cost, so that "it shares a core" can be checked. */
static void put_coordinator(const tfm_job *job, tfm_buf *out)
{
  const tfm_coordination c = tfm_coordination_of(job);
  put_string(out, "{\"rank\":0,\"host\":", job->crew.ranks[0].hello.host);
  put_string(out, ",\"cpuset\":", job->crew.ranks[0].hello.cpuset);
  (void)tfm_buf_str(out, ",\"numa\":null,\"slice\":null,\"busy_s\":null,\"wait_s\":null,"
                         "\"send_s\":null");
  put_number(out, ",\"cpu_s\":", tfm_cpu_s());
  put_number(out, ",\"start_cpu_s\":", c.start_s);
  put_number(out, ",\"load_cpu_s\":", c.load_s);
  put_number(out, ",\"run_cpu_s\":", c.run_s);
  const tfm_feed_times feed = tfm_feed_timed(job->feed);
  const tfm_pump_counts sent = tfm_pump_counted(job->pump);
  put_int(out, ",\"sent_bytes\":", sent.bytes);
  put_int(out, ",\"threads\":", feed.threads);
  put_number(out, ",\"read_s\":", feed.read_s);
  put_number(out, ",\"encode_cpu_s\":", feed.encode_s);
  put_number(out, ",\"embed_s\":", sent.embed_s);
  put_number(out, ",\"deliver_s\":", sent.write_s);
  put_int(out, ",\"peak_rss_bytes\":", tfm_memory_of_process().peak);
  put_int(out, ",\"predicted_rss_bytes\":", predicted(job, 0));
  (void)tfm_buf_str(out, ",\"local_pages_share\":null}");
}

static void put_rank(tfm_job *job, int rank, tfm_buf *out)
{
  const tfm_crew_rank *r = &job->crew.ranks[rank];
  const tfm_rank_use use = tfm_rank_use_of(job, rank, tfm_summary_peak(job, rank));
  put_int(out, ",{\"rank\":", rank);
  put_string(out, ",\"host\":", r->hello.host);
  put_string(out, ",\"cpuset\":", r->ready.cpuset);
  if (r->ready.node >= 0) {
    put_int(out, ",\"numa\":", r->ready.node);
  } else {
    (void)tfm_buf_str(out, ",\"numa\":null");
  }
  if (r->assign.stage >= 0) {
    put_slice(out, ",\"slice\":", r->assign.units);
  } else {
    (void)tfm_buf_str(out, ",\"slice\":null");
  }
  put_number(out, ",\"busy_s\":", r->stats.busy_s);
  put_number(out, ",\"wait_s\":", r->stats.wait_s);
  put_number(out, ",\"send_s\":", r->stats.send_s);
  put_number(out, ",\"cpu_s\":", r->stats.cpu_s);
  put_number(out, ",\"compute_cpu_s\":", r->stats.compute_cpu_s);
  put_or_null(out, ",\"flops\":", use.flops);
  put_or_null(out, ",\"share_of_peak\":", use.share);
  put_int(out, ",\"peak_rss_bytes\":", r->stats.peak_rss_bytes);
  put_int(out, ",\"predicted_rss_bytes\":", predicted(job, rank));
  if (r->stats.locality_known && r->stats.pages > 0) {
    put_number(
        out, ",\"local_pages_share\":", (double)r->stats.local_pages / (double)r->stats.pages);
  } else {
    (void)tfm_buf_str(out, ",\"local_pages_share\":null");
  }
  (void)tfm_buf_char(out, '}');
}

static void put_advice(const tfm_job *job, double busy, tfm_buf *out)
{
  tfm_buf text = {0};
  advise(job, job->times.end - job->times.run, busy, &text);
  if (text.n > 0) {
    put_string(out, ",\"advice\":", tfm_buf_cstr(&text));
  } else {
    (void)tfm_buf_str(out, ",\"advice\":null");
  }
  tfm_buf_fini(&text);
}

tfm_status tfm_summary_json(tfm_job *job, const tfm_outlet *outlet, tfm_buf *out)
{
  tfm_pop pop = tfm_pop_of(&job->crew, job->times.end - job->times.run);
  (void)tfm_buf_char(out, '{');
  put_rows(job, outlet, out);
  put_layout(job, out);
  put_or_null(out, ",\"predicted_rows_per_s\":", tfm_summary_predicted(job));
  put_or_null(out, ",\"peak_flops\":", peak_of(job));
  (void)tfm_buf_str(out, ",\"ranks\":[");
  put_coordinator(job, out);
  for (int rank = 1; rank < job->crew.nrank; ++rank) {
    put_rank(job, rank, out);
  }
  put_number(out, "],\"pop\":{\"parallel_efficiency\":", pop.parallel);
  put_number(out, ",\"load_balance\":", pop.load_balance);
  put_number(out, ",\"communication_efficiency\":", pop.communication);
  put_number(out, ",\"serialisation\":", pop.serialisation);
  put_number(out, ",\"transfer\":", pop.transfer);
  put_number(out, ",\"bubble\":", pop.bubble);
  put_number(out, "},\"coordination_share\":", tfm_coordination_of(job).share);
  put_advice(job, pop.communication, out);
  (void)tfm_buf_str(out, ",\"output_sha256\":");
  if (outlet->sha256[0]) {
    (void)tfm_buf_json_string(out, tfm_span_of(outlet->sha256));
  } else {
    (void)tfm_buf_str(out, "null");
  }
  (void)tfm_buf_str(out, "}\n");
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}

tfm_status tfm_summary_write(const tfm_options *options, const tfm_buf *text, tfm_err *err)
{
  if (!options->summary_json) {
    return TFM_OK;
  }
  if (text->failed) {
    return tfm_fail(err, TFM_E_NOMEM, "the summary");
  }
  const tfm_status st = tfm_whole_file_write(options->summary_json, tfm_buf_view(text), err);
  return st == TFM_OK ? st : tfm_err_prefix(err, "--summary-json");
}
