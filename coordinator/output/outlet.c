#include "coordinator/output/outlet.h"

#include <errno.h>
#include <string.h>

static tfm_status open_rows(tfm_outlet *outlet, const tfm_reader *reader, const char *identity,
                            bool *done, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = outlet->options;
  TFM_TRY(tfm_sink_open(&outlet->sink, done, o->output, identity, o->restart, err));
  if (*done) {
    return TFM_OK;
  }
  outlet->layout.nextra = tfm_reader_passthrough(reader, &outlet->layout.extra);
  TFM_TRY(tfm_layout_header(&outlet->layout, &outlet->line));
  if (outlet->line.n) {
    TFM_TRY(tfm_sink_write(outlet->sink, tfm_buf_view(&outlet->line), err));
  }

fail:
  return st;
}

tfm_status tfm_outlet_open(tfm_outlet *outlet, const tfm_options *options,
                           const tfm_reader *reader, int nfield, const char *identity,
                           bool *done, tfm_err *err)
{
  *done = false;
  outlet->options = options;
  outlet->layout = (tfm_layout){.format = options->output_format,
                                .nfield = nfield,
                                .fields = outlet->fields,
                                .files = options->ninput > 1 ? options->inputs : NULL};
  if (options->errors) {
    outlet->errors = fopen(options->errors, "we");
    if (!outlet->errors) {
      return tfm_fail(err, TFM_E_OUTPUT, "--errors %.512s cannot be written: %s",
                      options->errors, strerror(errno));
    }
  }
  return identity ? open_rows(outlet, reader, identity, done, err) : TFM_OK;
}

static tfm_status errors_failed(const tfm_outlet *outlet, tfm_err *err)
{
  return tfm_fail(err, TFM_E_IO, "--errors %.512s: writing failed: %s", outlet->options->errors,
                  strerror(errno));
}

tfm_status tfm_outlet_count(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err)
{
  int64_t most = outlet->options->max_errors;
  ++outlet->rows;
  if (answer->status == TFM_OK) {
    return TFM_OK;
  }
  ++outlet->row_errors;
  if (outlet->errors) {
    tfm_buf_clear(&outlet->line);
    if (tfm_layout_error(&outlet->layout, row, answer, &outlet->line) != TFM_OK) {
      return tfm_fail(err, TFM_E_NOMEM, "the error of row %lld", (long long)row->number);
    }
    if (fwrite(outlet->line.data, 1, outlet->line.n, outlet->errors) != outlet->line.n) {
      return errors_failed(outlet, err);
    }
  }
  if (most >= 0 && outlet->row_errors > most) {
    return tfm_fail(err, TFM_E_ERRORS,
                    "%lld row errors, --max-errors allows %lld; the last, line %lld: %.300s",
                    (long long)outlet->row_errors, (long long)most, (long long)row->line,
                    answer->error);
  }
  return TFM_OK;
}

tfm_status tfm_outlet_write(tfm_outlet *outlet, const tfm_row *row, const tfm_answer *answer,
                            tfm_err *err)
{
  tfm_buf_clear(&outlet->line);
  if (tfm_layout_row(&outlet->layout, row, answer, &outlet->line) != TFM_OK) {
    return tfm_fail(err, TFM_E_NOMEM, "the line of row %lld", (long long)row->number);
  }
  return tfm_sink_write(outlet->sink, tfm_buf_view(&outlet->line), err);
}

tfm_status tfm_outlet_finish(tfm_outlet *outlet, tfm_err *err)
{
  if (outlet->errors) {
    FILE *errors = outlet->errors;
    outlet->errors = NULL;
    if (fclose(errors) != 0) {
      return errors_failed(outlet, err);
    }
  }
  return outlet->sink ? tfm_sink_finish(outlet->sink, outlet->sha256, err) : TFM_OK;
}

void tfm_outlet_fini(tfm_outlet *outlet)
{
  if (outlet->errors) {
    (void)fclose(outlet->errors);
  }
  tfm_sink_close(outlet->sink);
  tfm_buf_fini(&outlet->line);
  *outlet = (tfm_outlet){0};
}
