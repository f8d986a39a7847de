#include "coordinator/explain/explain.h"

#include "coordinator/explain/told.h"
#include "coordinator/output/sink.h"
#include "core/base/whole_file.h"

static tfm_status take_row(void *arg, const tfm_item *item, tfm_err *err)
{
  tfm_told *told = arg;
  return told->pieces ? TFM_OK : tfm_told_row(told, item, err);
}

static tfm_status rest(void *arg, bool idle, tfm_err *err)
{
  (void)arg;
  (void)idle;
  (void)err;
  return TFM_OK;
}

/* What is one text, and comes whole. */
static tfm_status check_task(const tfm_job *job, tfm_err *err)
{
  const tfm_row_wants *wants = &job->task->wants;
  if (tfm_config_decoder(&job->model.config) > 0) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "explain: models with an encoder and a decoder are not supported");
  }
  if (job->task->grows) {
    return tfm_fail(err, TFM_E_USAGE,
                    "explain: %s makes texts; pass --task score to see a given one",
                    job->task->name);
  }
  if (wants->pair_needed || wants->list_name) {
    return tfm_fail(err, TFM_E_USAGE,
                    "explain: %s takes more than one text; pass --task text-classification, "
                    "feature-extraction or another that takes one",
                    job->task->name);
  }
  return TFM_OK;
}

static tfm_status write_page(const tfm_told *told, const char *path, tfm_err *err)
{
  tfm_buf page = {0};
  tfm_told_page(told, &page);
  const tfm_status st = page.failed ? tfm_fail(err, TFM_E_NOMEM, "the page")
                                    : tfm_whole_file_write(path, tfm_buf_view(&page), err);
  tfm_buf_fini(&page);
  return st == TFM_OK ? st : tfm_err_prefix(err, "--html");
}

static tfm_status tell(const tfm_told *told, const tfm_options *options, tfm_buf *out,
                       tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (!told->pieces) {
    return tfm_fail(err, TFM_E_USAGE, "explain: there is no text");
  }
  if (told->rows != told->L * told->N * told->T) {
    return tfm_fail(err, TFM_E_INTERNAL, "explain: %lld of %lld rows of attention came",
                    (long long)told->rows, (long long)(told->L * told->N * told->T));
  }
  if (options->json) {
    tfm_told_json(told, out);
  } else {
    tfm_told_print(told, out);
  }
  if (options->html) {
    TFM_TRY(write_page(told, options->html, err));
  }
  st = out->failed ? tfm_fail(err, TFM_E_NOMEM, "what is told") : TFM_OK;

fail:
  return st;
}

tfm_status tfm_explain_run(tfm_job *job, tfm_world *world, const tfm_options *options,
                           tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_told told = {0};
  if (options->ninput == 0) {
    return tfm_fail(err, TFM_E_USAGE,
                    "explain what? Name the text: tfm-cluster explain \"...\"");
  }
  if (options->html) {
    const tfm_sink_named page = {"--html", options->html};
    TFM_TRY(tfm_sink_check_beside(&page, NULL, 0, NULL, 0, err));
  }
  TFM_TRY(tfm_job_open(job, world, options, false, err));
  TFM_TRY(check_task(job, err));
  TFM_TRY(tfm_job_plan(job, err));
  told = (tfm_told){.job = job,
                    .text = tfm_buf_cstr(&job->sample),
                    .L = job->model.config.L,
                    .N = job->model.config.N,
                    .H = job->model.config.H};
  job->crew.listener = (tfm_crew_listener){.arg = &told, .attention = tfm_told_attention};
  TFM_TRY(tfm_job_load(job, take_row, rest, &told, err));
  TFM_TRY(tfm_job_run(job, err));
  TFM_TRY(tell(&told, options, out, err));

fail:
  job->crew.listener = (tfm_crew_listener){0};
  tfm_told_fini(&told);
  return st;
}
