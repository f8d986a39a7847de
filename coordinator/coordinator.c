#include "coordinator/coordinator.h"

#include "coordinator/bare.h"
#include "coordinator/bench/bench.h"
#include "coordinator/deliver.h"
#include "coordinator/explain/explain.h"
#include "coordinator/report/env.h"
#include "coordinator/report/facts.h"
#include "coordinator/report/report.h"
#include "coordinator/report/rundir.h"
#include "coordinator/report/summary.h"
#include "coordinator/scale/scale.h"
#include "coordinator/stop.h"
#include "coordinator/submit/submit.h"
#include "coordinator/task/spot.h"
#include "coordinator/task/tokenize.h"
#include "coordinator/task/verify.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOCAL_WORKERS_MOST = 512 };

/* How long packed weights may take to be written for later jobs; the others do the same now, and
 * wait for each other three times as long (leave_limit_s). */
static const double keep_limit_s = 20.0;

int tfm_coordinator_local_workers(const tfm_options *options)
{
  if (options->verb == TFM_VERB_SCALE) {
    const int workers = tfm_scale_workers(options);
    return workers < LOCAL_WORKERS_MOST ? workers : LOCAL_WORKERS_MOST;
  }
  int64_t stages = options->stages > 0 ? options->stages : 1;
  for (const char *p = options->layers; p && *p; ++p) {
    stages += *p == ','; /* each cut is one stage more */
  }
  int64_t replicas = options->replicas > 0 ? options->replicas : 1;
  if (stages > LOCAL_WORKERS_MOST || replicas > LOCAL_WORKERS_MOST / stages) {
    return LOCAL_WORKERS_MOST; /* the plan says no to what is too much */
  }
  return (int)(stages * replicas);
}

/* ---- results that are text --------------------------------------------------------------- */

static tfm_status print_text(tfm_buf *text, tfm_err *err)
{
  if (text->failed) {
    return tfm_fail(err, TFM_E_NOMEM, "the text to print");
  }
  if (fwrite(text->data, 1, text->n, stdout) != text->n || fflush(stdout) != 0) {
    return tfm_fail(err, TFM_E_IO, "standard output cannot be written: %s", strerror(errno));
  }
  return TFM_OK;
}

static void log_lines(tfm_log_level level, tfm_buf *text)
{
  char *save = NULL;
  (void)tfm_buf_cstr(text);
  for (char *line = text->data ? strtok_r(text->data, "\n", &save) : NULL; line;
       line = strtok_r(NULL, "\n", &save)) {
    tfm_log(level, "%s", line);
  }
}

/* ---- scoring ----------------------------------------------------------------------------- */

static tfm_status write_summary(tfm_job *job, const tfm_delivery *d, tfm_run_state state,
                                tfm_err *err)
{
  if (!job->options->summary_json && !job->options->outdir) {
    return TFM_OK;
  }
  tfm_buf text = {0};
  tfm_status st = tfm_summary_json(job, &d->outlet, &text);
  st = st == TFM_OK ? tfm_summary_write(job->options, &text, err)
                    : tfm_fail(err, st, "the summary");
  st = st == TFM_OK ? tfm_rundir_write(job, state, &d->history, &text, err) : st;
  tfm_buf_fini(&text);
  return st;
}

static tfm_status say_plan(const tfm_job *job, tfm_err *err)
{
  if (!tfm_log_enabled(TFM_LOG_INFO)) {
    return TFM_OK;
  }
  tfm_buf text = {0};
  tfm_status st = TFM_OK;
  TFM_TRY(tfm_facts_job_plan(job, &text, err));
  log_lines(TFM_LOG_INFO, &text);
  if (tfm_log_enabled(TFM_LOG_DEBUG)) {
    tfm_buf_fini(&text);
    TFM_TRY(tfm_facts_bindings(job, &text, err));
    log_lines(TFM_LOG_DEBUG, &text);
  }

fail:
  tfm_buf_fini(&text);
  return st;
}

static tfm_status conclude(tfm_job *job, tfm_delivery *d, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  TFM_TRY(tfm_delivery_finish(d, err));
  TFM_TRY(write_summary(job, d, TFM_RUN_COMPLETE, err));
  tfm_summary_log(job, &d->outlet);
  if (d->verifier) {
    bool passed = tfm_verifier_report(d->verifier, &text);
    TFM_TRY(print_text(&text, err));
    if (!passed) {
      TFM_TRY(tfm_fail(err, TFM_E_VERIFY, "verification failed; see the report"));
    }
    TFM_TRY(tfm_verifier_calibrate(d->verifier, err));
  }

fail:
  tfm_buf_fini(&text);
  return st;
}

/* The job ended early without figures: run.json of --outdir says so. The reason is the error. */
static void leave_folder(tfm_job *job, const tfm_delivery *d)
{
  tfm_err ignored = {0};
  if (job->pump) {
    (void)!tfm_rundir_write(job, TFM_RUN_STOPPED, &d->history, NULL, &ignored);
  }
}

/* --verify found a difference: the error says which, the summary that there was one. */
static void conclude_differing(tfm_job *job, const tfm_delivery *d)
{
  tfm_err ignored = {0};
  if (tfm_spot_counted(job->spot).mismatches > 0) {
    (void)!write_summary(job, d, TFM_RUN_STOPPED, &ignored);
  }
}

/* A signal ended the job early: what is there is kept, and said. */
static void conclude_early(tfm_job *job, tfm_delivery *d, tfm_err *err)
{
  tfm_err ignored = {0}; /* the signal is what is told */
  tfm_delivery_stop(d, err);
  if (job->pump && tfm_pump_ended(job->pump)) {
    (void)!write_summary(job, d, TFM_RUN_STOPPED, &ignored);
    tfm_summary_log(job, &d->outlet);
  } else {
    leave_folder(job, d);
  }
}

/* The launcher took the ranks along: there are none left to leave with. */
static void leave_alone(tfm_status st, const tfm_err *err)
{
  if (st == TFM_E_STOPPED && tfm_stop_launcher_gone()) {
    tfm_log(TFM_LOG_ERROR, "%s", err->text);
    _exit(tfm_status_exit(st));
  }
}

static tfm_status score(tfm_job *job, tfm_world *world, const tfm_options *options,
                        tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_delivery d = {0};
  bool done = false, made = false;
  bool demo = options->bare && tfm_bare_input(tfm_world_launched_by_mpi());
  if (tfm_dialog_wanted(options, tfm_world_launched_by_mpi())) {
    TFM_TRY(tfm_dialog_open(&job->dialog, options, &options, err));
  }
  TFM_TRY(tfm_rundir_make(options, &made, err));
  TFM_TRY(tfm_job_open(job, world, options, demo, err));
  tfm_stop_heed(world);
  TFM_TRY(tfm_job_plan(job, err));
  TFM_TRY(tfm_delivery_open(&d, job, &done, err));
  if (done) {
    goto fail;
  }
  if (options->dry_run) {
    TFM_TRY(say_plan(job, err));
    goto fail;
  }
  TFM_TRY(tfm_job_load(job, tfm_delivery_row, tfm_delivery_rest, &d, err));
  TFM_TRY(say_plan(job, err));
  TFM_TRY(tfm_rundir_write(job, TFM_RUN_RUNNING, &d.history, NULL, err));
  TFM_TRY(job->dialog ? tfm_dialog_begin(job->dialog, job->tokenizer, err) : TFM_OK);
  TFM_TRY(tfm_job_run(job, err));
  TFM_TRY(conclude(job, &d, err));

fail:
  if (st == TFM_E_STOPPED) {
    conclude_early(job, &d, err);
  } else if (st == TFM_E_INTERNAL) {
    conclude_differing(job, &d);
  } else if (st != TFM_OK) {
    leave_folder(job, &d);
  }
  tfm_stop_wake_nobody();
  tfm_delivery_fini(&d);
  if (made && (options->dry_run || st != TFM_OK)) {
    tfm_rundir_unmake(options);
  }
  leave_alone(st, err);
  return st;
}

static tfm_status scale(tfm_world *world, const tfm_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  bool passed = false;
  TFM_TRY(tfm_scale_run(world, options, &text, &passed, err));
  TFM_TRY(print_text(&text, err));
  if (!passed) {
    TFM_TRY(
        tfm_fail(err, TFM_E_VERIFY, "layouts gave different results; see the check's line"));
  }

fail:
  tfm_buf_fini(&text);
  leave_alone(st, err);
  return st;
}

/* ---- verbs ------------------------------------------------------------------------------- */

static tfm_status do_verb(tfm_job *job, tfm_world *world, const tfm_options *options,
                          tfm_buf *text, tfm_err *err)
{
  switch (options->verb) {
  case TFM_VERB_RUN:
  case TFM_VERB_CLASSIFY:
  case TFM_VERB_NER:
  case TFM_VERB_QA:
  case TFM_VERB_FILL_MASK:
  case TFM_VERB_ZERO_SHOT:
  case TFM_VERB_RERANK:
  case TFM_VERB_EMBED:
  case TFM_VERB_SCORE:
  case TFM_VERB_GENERATE:
  case TFM_VERB_TRANSLATE:
  case TFM_VERB_SUMMARIZE:
  case TFM_VERB_CHAT:
  case TFM_VERB_VERIFY:
    return score(job, world, options, err);
  case TFM_VERB_TOKENIZE:
    return tfm_tokenize_run(options, err);
  case TFM_VERB_INSPECT:
    return tfm_facts_inspect(options, text, err);
  case TFM_VERB_PLAN:
    return tfm_facts_plan(job, world, options, text, err);
  case TFM_VERB_TOPO:
    return tfm_facts_topo(options, text, err);
  case TFM_VERB_ENV:
    return tfm_env_print(world, options->json, text, err);
  case TFM_VERB_BENCH:
    return tfm_bench_run(world, options, text, err);
  case TFM_VERB_SCALE:
    return scale(world, options, err);
  case TFM_VERB_EXPLAIN:
    return tfm_explain_run(job, world, options, text, err);
  case TFM_VERB_REPORT:
    return tfm_report_run(options, text, err);
  case TFM_VERB_SBATCH:
    return tfm_submit_print(options, environ, text, err);
  case TFM_VERB_COMPLETION:
    return tfm_options_completion(options->shell, text);
  case TFM_VERB_HELP:
  case TFM_VERB_COUNT:
    break;
  }
  return tfm_options_help(options->verb, true, text);
}

static void set_up_log(const tfm_options *o)
{
  static const char *const names[] = {"error", "warn", "info", "debug"};
  tfm_log_level level = TFM_LOG_INFO;
  for (int i = 0; i < (int)(sizeof names / sizeof names[0]); ++i) {
    if (strcmp(o->log_level, names[i]) == 0) {
      level = (tfm_log_level)i;
    }
  }
  level = o->verbose ? TFM_LOG_DEBUG : o->quiet ? TFM_LOG_WARN : level;
  tfm_log_setup(level, strcmp(o->log_format, "json") == 0);
}

/* Help and version are text like the fact verbs; --help wins over everything else. */
static tfm_status do_options(tfm_job *job, tfm_world *world, const tfm_options *options,
                             tfm_buf *text, tfm_err *err)
{
  if (options->man) {
    return tfm_options_manual(text);
  }
  if (options->help || options->verb == TFM_VERB_HELP) {
    bool all = options->verb == TFM_VERB_HELP || !options->verb_given;
    return tfm_options_help(options->verb, all, text);
  }
  if (options->version) {
    return tfm_env_version(text);
  }
  return do_verb(job, world, options, text, err);
}

/* What ran out of memory is told where it did, what that means here. */
static void say_error(tfm_status st, const tfm_err *err)
{
  const char *text = err->status == TFM_OK ? tfm_status_text(st) : err->text;
  const bool bare = st == TFM_E_NOMEM && !strstr(text, "memory");
  tfm_log(TFM_LOG_ERROR, "%s%s", bare ? "not enough memory for " : "", text);
}

void tfm_coordinator_set_commit(const char *id)
{
  tfm_env_set_commit(id);
}

int tfm_coordinator_main(tfm_world *world, const tfm_options *options)
{
  tfm_err err = {0};
  tfm_buf text = {0};
  tfm_job job = {0};
  set_up_log(options);
  tfm_status st = do_options(&job, world, options, &text, &err);
  if (st == TFM_OK && text.n) {
    st = print_text(&text, &err);
  }
  if (st == TFM_OK && fflush(stdout) != 0) {
    st = tfm_fail(&err, TFM_E_IO, "standard output cannot be written: %s", strerror(errno));
  }
  if (st != TFM_OK) {
    say_error(st, &err);
  }
  int code = tfm_status_exit(st);
  if (st == TFM_E_PEER) {
    tfm_world_abort(code,
                    NULL); /* a rank that does not answer does not leave with the others */
  }
  tfm_crew everyone = {.world = world, .nrank = tfm_world_size(world)};
  tfm_crew_dismiss(job.crew.ranks ? &job.crew : &everyone, code);
  if (code == 0 && job.store) {
    tfm_store_keep(job.store, keep_limit_s);
  }
  tfm_job_fini(&job);
  tfm_buf_fini(&text);
  return code;
}

int tfm_coordinator_refuse(tfm_world *world, const tfm_err *err)
{
  int code = tfm_status_exit(err->status);
  say_error(err->status, err);
  if (world) {
    tfm_crew everyone = {.world = world, .nrank = tfm_world_size(world)};
    tfm_crew_dismiss(&everyone, code);
  }
  return code;
}
