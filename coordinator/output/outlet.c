#include "coordinator/output/outlet.h"

#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"

/* No two of a run's files may be one. */
static tfm_status check_beside(const tfm_options *o, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char *run = o->outdir ? tfm_path_join(o->outdir, "run.json") : NULL;
  const tfm_sink_named files[] = {{"--summary-json", o->summary_json},
                                  {"--metrics-file", o->metrics_file},
                                  {"--trace", o->trace},
                                  {"--calibrate", o->calibrate},
                                  {"--outdir", run}};
  tfm_sink_named checked[2 + sizeof files / sizeof files[0]] = {{"--output", o->output}};
  int n = 1;
  if (o->outdir && !run) {
    return tfm_fail(err, TFM_E_NOMEM, "--outdir %.400s", o->outdir);
  }
  if (o->errors) {
    checked[n++] = (tfm_sink_named){"--errors", o->errors};
  }
  for (size_t i = 0; i < sizeof files / sizeof files[0]; ++i) {
    if (files[i].path) {
      TFM_TRY(tfm_sink_check_beside(&files[i], checked, n, o->inputs, o->ninput, err));
      checked[n++] = files[i];
    }
  }

fail:
  tfm_free(run);
  return st;
}

tfm_status tfm_outlet_check(const tfm_options *o, tfm_err *err)
{
  tfm_status st = tfm_sink_check(o->output, o->inputs, o->ninput, err);
  if (st == TFM_OK && o->errors) {
    st = tfm_sink_check_errors(o->errors, o->output, o->inputs, o->ninput, err);
  }
  return st == TFM_OK ? check_beside(o, err) : st;
}

static tfm_status write_header(tfm_outlet *outlet, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm_layout_header(&outlet->layout, &outlet->line));
  if (outlet->line.n) {
    TFM_TRY(tfm_sink_write(outlet->sink, tfm_buf_view(&outlet->line), err));
  }

fail:
  return st;
}

static void say_done(const tfm_outlet *outlet)
{
  tfm_log(TFM_LOG_INFO,
          "%.400s is complete already and was made by the same job: nothing to do",
          outlet->options->output);
}

/* An earlier attempt's rows are in the sink: go on behind them, or finish when they are all. */
static tfm_status go_on(tfm_outlet *outlet, tfm_reader *reader, const tfm_sink_start *start,
                        bool *done, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_mark *mark = &start->tally.mark;
  outlet->tally = start->tally;
  outlet->written = start->tally;
  outlet->resumed_rows = mark->rows;
  TFM_TRY(tfm_reader_resume(reader, mark, &start->since, start->reread, err));
  if (start->final) {
    TFM_TRY(tfm_outlet_finish(outlet, mark, err));
    say_done(outlet);
    *done = true;
  } else {
    tfm_log(TFM_LOG_INFO, "%.400s was begun before: going on behind row %lld",
            outlet->options->output, (long long)mark->rows);
  }

fail:
  return st;
}

tfm_status tfm_outlet_open(tfm_outlet *outlet, const tfm_options *options, tfm_reader *reader,
                           int nfield, const tfm_identity *identity, bool *done, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_sink_start start = {0};
  const tfm_sink_options sink = {.path = options->output,
                                 .errors = options->errors,
                                 .identity = identity,
                                 .resume = options->resume,
                                 .restart = options->restart,
                                 .vouch = outlet->vouch,
                                 .arg = outlet->arg};
  *done = false;
  outlet->options = options;
  outlet->layout = (tfm_layout){.format = options->output_format,
                                .nfield = nfield,
                                .fields = outlet->fields,
                                .array = outlet->array,
                                .files = options->ninput > 1 ? options->inputs : NULL};
  if (!identity) {
    return TFM_OK;
  }
  TFM_TRY(tfm_sink_open(&outlet->sink, &start, &sink, err));
  if (start.done) {
    say_done(outlet);
    *done = true;
    return TFM_OK;
  }
  outlet->layout.nextra = tfm_reader_passthrough(reader, &outlet->layout.extra);
  if (start.resumed) {
    TFM_TRY(go_on(outlet, reader, &start, done, err));
  } else if (nfield >= 0) {
    TFM_TRY(write_header(outlet, err));
  }

fail:
  return st;
}

static tfm_status list_error(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                             tfm_err *err)
{
  tfm_buf_clear(&outlet->line);
  if (tfm_layout_error(&outlet->layout, row, answer, &outlet->line) != TFM_OK) {
    return tfm_fail(err, TFM_E_NOMEM, "the error of row %lld", (long long)row->number);
  }
  return tfm_sink_error(outlet->sink, tfm_buf_view(&outlet->line), err);
}

/* The row that is one error too many is in the list of errors, but not in the output: what comes
 * before it is kept first. */
static tfm_status give_up(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (outlet->sink) {
    TFM_TRY(tfm_sink_commit(outlet->sink, &outlet->written, err));
    outlet->within = true;
    TFM_TRY(outlet->options->errors ? list_error(outlet, row, answer, err) : TFM_OK);
    TFM_TRY(tfm_sink_flush(outlet->sink, err));
  }
  TFM_TRY(tfm_fail(err, TFM_E_ERRORS,
                   "%lld row errors, --max-errors allows %lld; the last, line %lld: %.300s",
                   (long long)outlet->tally.row_errors, (long long)outlet->options->max_errors,
                   (long long)row->line, answer->error));

fail:
  return st;
}

tfm_status tfm_outlet_count(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err)
{
  int64_t most = outlet->options->max_errors;
  outlet->tally.mark = row->after;
  if (answer->status == TFM_OK) {
    return TFM_OK;
  }
  ++outlet->tally.row_errors;
  if (most >= 0 && outlet->tally.row_errors > most) {
    return give_up(outlet, row, answer, err);
  }
  outlet->within = true;
  return outlet->sink && outlet->options->errors ? list_error(outlet, row, answer, err)
                                                 : TFM_OK;
}

tfm_status tfm_outlet_write(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  outlet->within = true;
  tfm_buf_clear(&outlet->line);
  if (tfm_layout_row(&outlet->layout, row, answer, &outlet->line) != TFM_OK) {
    return tfm_fail(err, TFM_E_NOMEM, "the line of row %lld", (long long)row->number);
  }
  TFM_TRY(tfm_sink_write(outlet->sink, tfm_buf_view(&outlet->line), err));
  outlet->written = outlet->tally;
  outlet->within = false;
  TFM_TRY(tfm_outlet_rest(outlet, false, err));

fail:
  return st;
}

tfm_status tfm_outlet_rest(tfm_outlet *outlet, bool idle, tfm_err *err)
{
  if (!outlet->sink) {
    return TFM_OK;
  }
  if (tfm_sink_due(outlet->sink)) {
    return tfm_sink_commit(outlet->sink, &outlet->written, err);
  }
  return idle ? tfm_sink_flush(outlet->sink, err) : TFM_OK;
}

/* The number of rows stands at the beginning of an array. */
static tfm_status check_array(const tfm_outlet *outlet, int64_t rows, tfm_err *err)
{
  if (!outlet->array.type || rows == outlet->array.rows) {
    return TFM_OK;
  }
  return tfm_fail(
      err, TFM_E_FORMAT,
      "the input changed while it was read: %lld rows at first, then %lld; an array "
      "of the first number was begun",
      (long long)outlet->array.rows, (long long)rows);
}

tfm_status tfm_outlet_finish(tfm_outlet *outlet, const tfm_mark *end, tfm_err *err)
{
  tfm_status st = TFM_OK;
  outlet->tally.mark = *end;
  if (outlet->sink) {
    TFM_TRY(check_array(outlet, end->rows, err));
    TFM_TRY(tfm_sink_finish(outlet->sink, &outlet->tally, outlet->sha256, err));
    outlet->costs = tfm_sink_cost(outlet->sink);
  }

fail:
  return st;
}

/* What ended the job is told; what cannot be kept is done once more. */
static bool keep_rows(tfm_outlet *outlet)
{
  tfm_err ignored = {0};
  return outlet->sink && !outlet->within &&
         tfm_sink_commit(outlet->sink, &outlet->written, &ignored) == TFM_OK;
}

void tfm_outlet_stop(tfm_outlet *outlet, tfm_err *err)
{
  const tfm_err why = *err;
  long long rows = (long long)outlet->written.mark.rows;
  if (!keep_rows(outlet)) {
    return;
  }
  if (tfm_sink_keeps(outlet->sink)) {
    (void)tfm_fail(err, TFM_E_STOPPED,
                   "%.64s: the %lld rows so far are kept; the same command goes on behind them",
                   why.text, rows);
  } else {
    (void)tfm_fail(
        err, TFM_E_STOPPED,
        "%.64s after %lld rows; this output cannot be gone on with (name a file with "
        "--output): the same command begins anew",
        why.text, rows);
  }
}

void tfm_outlet_fini(tfm_outlet *outlet)
{
  (void)keep_rows(outlet);
  tfm_sink_close(outlet->sink);
  tfm_buf_fini(&outlet->line);
  *outlet = (tfm_outlet){0};
}
