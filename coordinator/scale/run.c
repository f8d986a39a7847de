/* One run of a layout: a job like any other, whose rows are compared in place of written. */
#include "coordinator/report/recording.h"
#include "coordinator/report/summary.h"
#include "coordinator/scale/study.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

static const double keep_limit_s = 20.0; /* of writing packed weights for later runs */

/* What deliver() works with. */
typedef struct {
  tfm__study *study;
  tfm_job *job;
  tfm__study_record *record; /* or NULL */
  tfm_recording recording;   /* for it */
  tfm_layout layout;
  const char *fields[TFM_ANSWER_MAX_FIELDS];
  tfm_answer answer;
  tfm_buf line;
  bool answered;          /* some row was */
  char why[TFM_ERR_TEXT]; /* the first that was not says */
} delivery;

int64_t tfm__study_rows(const tfm__study *s, const tfm_scale_layout *layout)
{
  const bool weak = s->options->scale_mode == TFM_SCALE_WEAK;
  return weak ? s->rows * tfm_scale_layout_workers(layout) : s->rows;
}

/* As coordinator/deliver.c does it, but for what becomes of the line. */
static tfm_status deliver(void *arg, const tfm_item *item, tfm_err *err)
{
  tfm_status st = TFM_OK;
  delivery *d = arg;
  tfm_scale_check *check = d->study->check;
  tfm_answer_clear(&d->answer);
  tfm_buf_clear(&d->line);
  if (item->status == TFM_OK) {
    TFM_TRY(d->job->task->answer(&d->job->context, item, &d->answer, err));
  } else {
    tfm_answer_fail(&d->answer, item->status, tfm_item_error(item));
  }
  d->answered = d->answered || d->answer.status == TFM_OK;
  if (!d->answered && !d->why[0]) {
    memcpy(d->why, d->answer.error, sizeof d->why);
  }
  if (tfm_layout_row(&d->layout, item->row, &d->answer, &d->line) != TFM_OK) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a row"));
  }
  TFM_TRY(tfm_scale_check_row(check, d->line.data, d->line.n, err));
  for (int64_t i = 0; i < item->nseq && item->status == TFM_OK; ++i) {
    const tfm_sequence *q = &item->seqs[i];
    TFM_TRY(tfm_scale_check_values(check, q->values, (size_t)(q->rows * item->width), err));
  }

fail:
  return st;
}

static tfm_status rest(void *arg, bool idle, tfm_err *err)
{
  (void)arg;
  (void)idle;
  (void)err;
  return TFM_OK;
}

/* The options of a job of this layout. A copy borrows: it is never released. */
static tfm_options options_of(const tfm__study *s, const tfm_scale_layout *layout)
{
  tfm_options o = *s->options;
  o.stages = layout->stages;
  o.replicas = layout->replicas;
  o.limit = tfm__study_rows(s, layout);
  if (s->made) {
    o.nlength = 1; /* no reader is wanted but the one over the made rows */
    o.max_length = s->length;
    o.on_overflow = TFM_OVERFLOW_TRUNCATE;
    o.input_format = TFM_IN_TEXT;
  }
  return o;
}

/* What the ranks say of a run, added to what they said before. */
static void count(tfm__study *s, tfm_scale_runs *runs, tfm_job *job)
{
  const double run_s = job->times.end - job->times.run;
  const tfm_pump_counts sent = tfm_pump_counted(job->pump);
  job->peak_flops = s->peak;
  runs->rows = (double)sent.rows;
  runs->tokens = (double)sent.tokens;
  runs->run_s[runs->nrun++] = run_s;
  runs->total_s += run_s;
  for (int i = 0; i < tfm_scale_layout_workers(&runs->layout); ++i) {
    const tfm_msg_stats *stats = &job->crew.ranks[1 + i].stats;
    const double peak = tfm_summary_peak(job, 1 + i);
    runs->stages[i].busy_s += stats->busy_s;
    runs->stages[i].wait_s += stats->wait_s;
    runs->stages[i].send_s += stats->send_s;
    if (peak > 0) {
      runs->flops += tfm_rank_use_of(job, 1 + i, peak).flops;
      runs->possible += peak * stats->compute_cpu_s;
    }
  }
  s->peak = job->peak_flops;
}

/* What the report says of all runs. */
static void note(tfm__study *s, const tfm_job *job)
{
  const char *name = strrchr(job->folder, '/');
  const tfm_precision dtype = tfm_precision_dtype(job->engine.precision);
  (void)snprintf(s->model, sizeof s->model, "%.63s", name && name[1] ? name + 1 : job->folder);
  (void)snprintf(s->dtype, sizeof s->dtype, "%s", tfm_precision_name(dtype));
  (void)snprintf(s->task, sizeof s->task, "%s", job->task->name);
  (void)snprintf(s->numeric_id, sizeof s->numeric_id, "%s", job->numeric_id);
  (void)snprintf(s->host, sizeof s->host, "%s", job->machine.host);
  s->threads = job->crew.ranks[1].assign.threads;
  s->ncore = job->machine.ncore_granted;
}

/* What makes the run no measurement. */
static tfm_status judge(const delivery *d, const tfm_options *o, tfm_err *err)
{
  const int64_t rows = tfm_pump_counted(d->job->pump).rows;
  if (!d->answered) {
    return tfm_fail(err, TFM_E_FORMAT, "no row could be scored: %.512s", d->why);
  }
  if (rows < o->limit) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "the input has %lld rows, %d stages and %d replicas are to have %lld: lower "
        "--limit, or name more input",
        (long long)rows, (int)o->stages, (int)o->replicas, (long long)o->limit);
  }
  return TFM_OK;
}

/* Ranks are told to say what they do, or not: by rule nobody asks. */
static tfm_status listen(delivery *d, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (d->record) {
    TFM_TRY(tfm_recording_init(&d->recording, &d->job->crew, err));
    d->job->crew.listener = tfm_recording_listener(&d->recording);
  }

fail:
  return st;
}

/* What was heard, as much of it as can be drawn. */
static tfm_status keep_record(delivery *d, tfm_err *err)
{
  tfm__study_record *r = d->record;
  const tfm_job *job = d->job;
  const int workers = tfm_scale_layout_workers(&d->study->runs[r->layout].layout);
  const int shown = workers < TFM__STUDY_ROWS ? workers : TFM__STUDY_ROWS;
  r->timeline = tfm_calloc(1, sizeof *r->timeline);
  if (!r->timeline) {
    return tfm_fail(err, TFM_E_NOMEM, "the time line of a run");
  }
  r->run_s = job->times.end - job->times.run;
  for (int rank = 1; rank <= workers; ++rank) {
    const tfm_msg_stats *stats = &job->crew.ranks[rank].stats;
    r->busy += stats->busy_s / (r->run_s * workers);
    r->send += stats->send_s / (r->run_s * workers);
  }
  tfm_timeline_cut(r->timeline, d->recording.events, d->recording.n, 1 + shown);
  return TFM_OK;
}

static tfm_status work(delivery *d, const tfm_options *o, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__study *s = d->study;
  tfm_job *job = d->job;
  TFM_TRY(tfm_job_open(job, s->world, o, false, err));
  if (s->made) {
    TFM_TRY(tfm_reader_open_text(&job->reader, o, tfm_buf_view(&s->text), err));
  }
  TFM_TRY(tfm_job_plan(job, err));
  d->layout = (tfm_layout){.format = TFM_OUT_JSONL, .fields = d->fields};
  d->layout.nfield = job->task->fields(&job->context, d->fields);
  TFM_TRY(listen(d, err));
  TFM_TRY(tfm_job_load(job, deliver, rest, d, err));
  tfm_scale_check_begin(s->check);
  TFM_TRY(tfm_job_run(job, err));
  tfm_scale_check_end(s->check, o->limit);
  note(s, job);
  TFM_TRY(judge(d, o, err));
  TFM_TRY(d->record ? keep_record(d, err) : TFM_OK);

fail:
  return st;
}

tfm_status tfm__study_run(tfm__study *s, tfm_scale_runs *runs, bool keep,
                          tfm__study_record *record, double *took_s, tfm_err *err)
{
  const tfm_options o = options_of(s, &runs->layout);
  tfm_job *job = tfm_calloc(1, sizeof *job);
  delivery d = {.study = s, .job = job, .record = record};
  if (!job) {
    return tfm_fail(err, TFM_E_NOMEM, "a job");
  }
  const tfm_status st = work(&d, &o, err);
  if (st == TFM_OK) {
    *took_s = job->times.end - job->times.run;
    if (keep) {
      count(s, runs, job);
    }
    if (job->store) {
      tfm_store_keep(job->store, keep_limit_s);
    }
  }
  tfm_answer_fini(&d.answer);
  tfm_buf_fini(&d.line);
  job->crew.listener = (tfm_crew_listener){0};
  tfm_recording_fini(&d.recording);
  tfm_job_fini(job);
  tfm_free(job);
  return st;
}
