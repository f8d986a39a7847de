#include "coordinator/report/metrics.h"

#include "coordinator/output/sink.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/whole_file.h"

#include <math.h>
#include <string.h>

static const double every_s = 5.0;

/* ---- the text --------------------------------------------------------------------------- */

static void put_head(tfm_buf *out, const char *name, const char *type, const char *help)
{
  (void)tfm_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_value(tfm_buf *out, double value)
{
  (void)tfm_buf_char(out, ' ');
  (void)tfm_buf_double(out, isfinite(value) ? value : 0);
  (void)tfm_buf_char(out, '\n');
}

static void put(tfm_buf *out, const char *name, const char *type, const char *help,
                double value)
{
  put_head(out, name, type, help);
  (void)tfm_buf_str(out, name);
  put_value(out, value);
}

/* A label's value: what the format gives a meaning is escaped. */
static void put_label(tfm_buf *out, const char *before, const char *value)
{
  (void)tfm_buf_printf(out, "%s=\"", before);
  for (const char *p = value; *p; ++p) {
    if (*p == '\n') {
      (void)tfm_buf_str(out, "\\n");
    } else {
      (void)tfm_buf_printf(out, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    }
  }
  (void)tfm_buf_char(out, '"');
}

static void put_info(const tfm_job *job, tfm_buf *out)
{
  put_head(out, "tfm_info", "gauge", "What runs, as labels; always 1.");
  put_label(out, "tfm_info{version", TFM_VERSION);
  put_label(out, ",family", job->model.config.model_type);
  put_label(out, ",task", job->task->name);
  put_label(out, ",numeric_id", job->numeric_id);
  (void)tfm_buf_printf(out, ",ranks=\"%d\",stages=\"%d\",replicas=\"%d\"} 1\n", job->crew.nrank,
                       job->plan.stages, job->plan.replicas);
}

/* What a rank has done: by its statistics, which come at the end, else by its last heartbeat. */
typedef struct {
  double busy_s, wait_s, send_s, tokens;
} doing;

static doing doing_of(const tfm_crew_rank *r)
{
  if (r->have_stats) {
    return (doing){r->stats.busy_s, r->stats.wait_s, r->stats.send_s, (double)r->stats.tokens};
  }
  return (doing){r->beat.busy_s, r->beat.wait_s, r->beat.send_s, (double)r->beat.tokens};
}

static void put_stages(const tfm_job *job, tfm_buf *out)
{
  static const struct {
    const char *name, *help;
    size_t offset;
  } all[] = {
      {"tfm_stage_busy_seconds_total", "Time a rank has computed.", offsetof(doing, busy_s)},
      {"tfm_stage_wait_seconds_total", "Time a rank has waited for input.",
       offsetof(doing, wait_s)},
      {"tfm_stage_send_seconds_total",
       "Time a rank has checked, sealed and waited to send frames.", offsetof(doing, send_s)},
      {"tfm_stage_tokens_total", "Tokens a rank has computed.", offsetof(doing, tokens)},
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; ++i) {
    put_head(out, all[i].name, "counter", all[i].help);
    for (int rank = 1; rank < job->crew.nrank; ++rank) {
      const tfm_crew_rank *r = &job->crew.ranks[rank];
      const doing d = doing_of(r);
      double value = 0;
      if (r->assign.stage < 0) {
        continue;
      }
      memcpy(&value, (const char *)&d + all[i].offset, sizeof value);
      (void)tfm_buf_printf(out, "%s{rank=\"%d\",stage=\"%d\",replica=\"%d\"", all[i].name, rank,
                           r->assign.stage, r->assign.replica);
      put_label(out, ",host", r->hello.host);
      (void)tfm_buf_char(out, '}');
      put_value(out, value);
    }
  }
}

void tfm_metrics_print(const tfm_metrics *m, tfm_buf *out)
{
  const tfm_progress_rates *rates = &m->rates;
  put_info(m->job, out);
  put(out, "tfm_rows_in_total", "counter", "Rows read, earlier attempts included.",
      (double)m->rows_in);
  put(out, "tfm_rows_out_total", "counter", "Rows written, earlier attempts included.",
      (double)m->rows_out);
  put(out, "tfm_row_errors_total", "counter", "Rows written that are error rows.",
      (double)m->row_errors);
  put(out, "tfm_rows_truncated_total", "counter", "Rows written whose text was cut.",
      (double)m->rows_truncated);
  put(out, "tfm_tokens_total", "counter", "Tokens of the rows written, specials included.",
      (double)m->tokens);
  put(out, "tfm_run_seconds", "gauge", "Time since this attempt's first row.", rates->seconds);
  put(out, "tfm_rows_per_second", "gauge", "Rows a second over that time.", rates->rows_per_s);
  put(out, "tfm_tokens_per_second", "gauge", "Tokens a second over that time.",
      rates->tokens_per_s);
  if (m->now.share >= 0) {
    put(out, "tfm_input_read_ratio", "gauge", "Share of the input that was read, 0 to 1.",
        m->now.share);
  }
  if (rates->eta_s >= 0) {
    put(out, "tfm_eta_seconds", "gauge", "Time to the end if it goes on like this.",
        rates->eta_s);
  }
  put(out, "tfm_complete", "gauge", "1 when the output is whole, 0 before.", m->complete);
  put_stages(m->job, out);
}

/* ---- the file --------------------------------------------------------------------------- */

bool tfm_metrics_due(const tfm_metrics_file *file, const tfm_options *options)
{
  return options->metrics_file && tfm_now_s() - file->written_s >= every_s;
}

void tfm_metrics_write(tfm_metrics_file *file, const tfm_metrics *metrics)
{
  const char *path = metrics->job->options->metrics_file;
  tfm_err err = {0};
  if (!path) {
    return;
  }
  tfm_buf text = {0};
  tfm_metrics_print(metrics, &text);
  file->written_s = tfm_now_s();
  const tfm_status st = text.failed ? tfm_fail(&err, TFM_E_NOMEM, "not enough memory")
                                    : tfm_whole_file_write(path, tfm_buf_view(&text), &err);
  if (st != TFM_OK && !file->failed) {
    file->failed = true;
    tfm_log(TFM_LOG_WARN, "--metrics-file: %s", err.text);
  }
  tfm_buf_fini(&text);
}
