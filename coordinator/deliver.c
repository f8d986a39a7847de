#include "coordinator/deliver.h"

#include "coordinator/report/table.h"
#include "coordinator/task/spot.h"
#include "coordinator/task/verify.h"

/* What the array of -f npy is, once the input's rows are counted. */
static tfm_status begin_array(tfm_delivery *d, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_job *job = d->job;
  tfm_array *array = &d->outlet.array;
  if (job->options->output_format != TFM_OUT_NPY) {
    return TFM_OK;
  }
  if (!job->task->array) {
    return tfm_fail(err, TFM_E_USAGE,
                    "-f npy: %s gives no array of numbers, only feature-extraction does",
                    job->task->name);
  }
  TFM_TRY(job->task->array(&job->context, array, err));
  TFM_TRY(tfm_reader_count(job->options, &job->task->wants, &array->rows, err));

fail:
  return st;
}

static tfm_status vouch(void *arg, tfm_err *err)
{
  const tfm_job *job = arg;
  return tfm_spot_vouch(job->spot, err);
}

tfm_status tfm_delivery_open(tfm_delivery *d, tfm_job *job, bool *done, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_identity identity = {0};
  const tfm_options *o = job->options;
  bool rows = !job->demo && !job->dialog && o->verb != TFM_VERB_VERIFY;
  bool writes = rows && !(o->dry_run && o->restart); /* a dry run throws nothing away */
  *d = (tfm_delivery){.job = job};
  d->outlet.vouch = o->verify_of ? vouch : NULL;
  d->outlet.arg = job;
  int nfield = job->task->fields(&job->context, d->outlet.fields);
  TFM_TRY(rows ? begin_array(d, err) : TFM_OK);
  TFM_TRY(tfm_job_identity(job, &identity, err));
  TFM_TRY(tfm_outlet_open(&d->outlet, o, job->reader, nfield, writes ? &identity : NULL, done,
                          err));
  if (*done) {
    goto fail;
  }
  if (o->verb == TFM_VERB_VERIFY) {
    TFM_TRY(tfm_verifier_open(&d->verifier, job, err));
  } else if (job->demo) {
    TFM_TRY(tfm_table_begin(job, err));
  }
  if (o->trace && !o->dry_run) {
    TFM_TRY(tfm_trace_open(&d->trace, o->trace, &job->crew, TFM_TRACE_MOST, err));
    job->crew.listener = tfm_trace_listener(d->trace);
  }
  tfm_progress_init(&d->progress, o);

fail:
  tfm_identity_fini(&identity);
  return st;
}

tfm_status tfm_delivery_row(void *arg, const tfm_item *item, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_delivery *d = arg;
  tfm_job *job = d->job;
  TFM_TRY(tfm_spot_row(job->spot, item, err));
  tfm_answer_clear(&d->answer);
  d->answer.tokens = item->tokens;
  if (item->status == TFM_OK) {
    TFM_TRY(job->task->answer(&job->context, item, &d->answer, err));
  } else {
    tfm_answer_fail(&d->answer, item->status, tfm_item_error(item));
  }
  d->outlet.tally.rows_truncated += item->truncated;
  d->outlet.tally.rows_windowed += item->windowed;
  d->outlet.tally.tokens += item->tokens;
  TFM_TRY(tfm_outlet_count(&d->outlet, item->row, &d->answer, err));
  if (d->verifier) {
    return tfm_verifier_row(d->verifier, item, &d->answer, err);
  }
  if (job->demo) {
    return tfm_table_row(job, item, err);
  }
  if (job->dialog) {
    return tfm_dialog_answer(job->dialog, item, &d->answer, err);
  }
  TFM_TRY(tfm_outlet_write(&d->outlet, item->row, &d->answer, err));

fail:
  return st;
}

static tfm_progress_counts count(const tfm_delivery *d)
{
  const tfm_job *job = d->job;
  const int64_t total = tfm_reader_total_bytes(job->reader);
  double share = -1;
  if (total > 0) {
    share = (double)tfm_reader_counted(job->reader).bytes / (double)total;
  }
  return (tfm_progress_counts){.rows = d->outlet.tally.mark.rows - d->outlet.resumed_rows,
                               .rows_read = tfm_reader_counted(job->reader).rows -
                                            d->outlet.resumed_rows,
                               .row_errors = d->outlet.tally.row_errors,
                               .tokens = tfm_pump_counted(job->pump).tokens,
                               .share = share};
}

static void write_metrics(tfm_delivery *d, const tfm_progress_counts *now,
                          const tfm_progress_rates *rates, bool complete)
{
  const tfm_tally *tally = &d->outlet.tally;
  const tfm_metrics metrics = {.job = d->job,
                               .now = *now,
                               .rates = *rates,
                               .rows_in = tfm_reader_counted(d->job->reader).rows,
                               .rows_out = tally->mark.rows,
                               .row_errors = tally->row_errors,
                               .rows_truncated = tally->rows_truncated,
                               .tokens = tally->tokens,
                               .complete = complete};
  tfm_metrics_write(&d->metrics, &metrics);
}

tfm_status tfm_delivery_rest(void *arg, bool idle, tfm_err *err)
{
  tfm_delivery *d = arg;
  const tfm_progress_counts now = count(d);
  const tfm_progress_rates rates = tfm_progress_show(&d->progress, &now);
  tfm_history_note(&d->history, &now, rates.seconds, false);
  if (tfm_metrics_due(&d->metrics, d->job->options)) {
    write_metrics(d, &now, &rates, false);
  }
  /* With nothing to do, what is there should be seen: somebody may be waiting for it. */
  return tfm_outlet_rest(&d->outlet, idle, err);
}

/* The last moment of the history, and the last word of --metrics-file, whatever has become of the
 * job. */
static void end_counts(tfm_delivery *d, bool complete)
{
  const tfm_job *job = d->job;
  if (!job || !job->pump) { /* it ended before it was opened, or before rows ran */
    return;
  }
  const tfm_progress_counts now = count(d);
  tfm_progress_rates rates =
      tfm_progress_rate(&now, d->progress.begin_share, job->times.end - job->times.run);
  rates.eta_s = complete ? 0 : rates.eta_s;
  tfm_history_note(&d->history, &now, rates.seconds, true);
  write_metrics(d, &now, &rates, complete);
}

tfm_status tfm_delivery_finish(tfm_delivery *d, tfm_err *err)
{
  tfm_progress_clear(&d->progress);
  tfm_mark end = tfm_reader_mark(d->job->reader);
  const tfm_status st = tfm_outlet_finish(&d->outlet, &end, err);
  if (st == TFM_OK) {
    end_counts(d, true);
  }
  return st;
}

void tfm_delivery_stop(tfm_delivery *d, tfm_err *err)
{
  tfm_progress_clear(&d->progress);
  tfm_outlet_stop(&d->outlet, err);
  end_counts(d, false);
}

void tfm_delivery_fini(tfm_delivery *d)
{
  tfm_progress_clear(&d->progress);
  if (d->trace) {
    d->job->crew.listener = (tfm_crew_listener){0};
    tfm_trace_close(d->trace);
  }
  tfm_outlet_fini(&d->outlet);
  tfm_verifier_close(d->verifier);
  tfm_answer_fini(&d->answer);
}
