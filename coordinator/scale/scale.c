#include "coordinator/scale/scale.h"

#include "coordinator/engine.h"
#include "coordinator/output/sink.h"
#include "coordinator/scale/study.h"
#include "coordinator/stop.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/whole_file.h"

#include <math.h>
#include <stdlib.h>

enum {
  LENGTH = 128,       /* tokens of a made row, where the model takes them */
  FIRST_ROWS = 32,    /* of the run that says how many are enough */
  MOST_ROWS = 1 << 16 /* made by rule */
};

static const double enough_s = 2.0; /* what the first layout should take by rule */

int tfm_scale_workers(const tfm_options *options)
{
  tfm_machine machine = {0};
  tfm_err ignored = {0};
  int workers = tfm_scale_layouts_workers(options);
  if (workers == 0) {
    const int64_t asked = (options->stages > 0 ? options->stages : 1) *
                          (options->replicas > 0 ? options->replicas : 1);
    workers = tfm_machine_open(&machine, &ignored) == TFM_OK ? machine.ncore : 1;
    workers = asked > workers ? (int)asked : workers;
    tfm_machine_fini(&machine);
  }
  return workers > 1 ? workers : 1;
}

/* ---- rows ---- */

/* n lines of words of one letter: at least as many tokens as words, whatever the tokenizer, and cut
 * to as many as asked. */
static tfm_status make_text(tfm__study *s, int64_t n, tfm_err *err)
{
  uint32_t seed = 1;
  tfm_buf_clear(&s->text);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t t = 0; t < s->length; ++t) {
      seed = seed * 1664525U + 1013904223U;
      (void)tfm_buf_char(&s->text, (char)('a' + (seed >> 8) % 26));
      (void)tfm_buf_char(&s->text, t + 1 < s->length ? ' ' : '\n');
    }
  }
  s->ntext = n;
  return s->text.failed ? tfm_fail(err, TFM_E_NOMEM, "%lld made rows", (long long)n) : TFM_OK;
}

static tfm_status read_length(tfm__study *s, const tfm_job *job, tfm_err *err)
{
  const tfm_options *o = s->options;
  char *end = NULL;
  if (o->nlength == 0) {
    s->length = job->max_length < LENGTH ? job->max_length : LENGTH;
    return TFM_OK;
  }
  s->length = strtol(o->lengths[0], &end, 10);
  if (o->nlength > 1 || *end || s->length < 1 || s->length > job->max_length) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--lengths: scale wants one number from 1 to %lld, got %.32s",
                    (long long)job->max_length, o->lengths[o->nlength > 1 ? 1 : 0]);
  }
  return TFM_OK;
}

/* Rows come from the input, which is read once a run, or are made up. */
static tfm_status find_rows(tfm__study *s, const tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = s->options;
  const tfm_row_wants *wants = &job->task->wants;
  tfm_reader *reader = NULL;
  if (o->limit == 0) {
    return tfm_fail(err, TFM_E_USAGE, "--limit: scale wants at least one row a run");
  }
  s->made = o->ninput == 0;
  s->rows = o->limit > 0 ? o->limit : 0;
  if (s->made) {
    if (wants->pair_needed || wants->list_needed) {
      return tfm_fail(err, TFM_E_USAGE,
                      "rows of %s are more than a text and cannot be made up: name an input "
                      "(--input FILE)",
                      job->task->name);
    }
    return read_length(s, job, err);
  }
  if (o->nlength > 0) {
    return tfm_fail(err, TFM_E_USAGE, "--lengths is for made rows: leave it out, or the input");
  }
  TFM_TRY(tfm_reader_open(&reader, o, wants, err)); /* what is not there is told as such */
  TFM_TRY(tfm_reader_count(o, wants, &s->input, err));
  if (s->input == 0) {
    TFM_TRY(tfm_fail(err, TFM_E_MISSING, "the input holds no row to run with"));
  }

fail:
  tfm_reader_close(reader);
  return st;
}

/* ---- layouts ---- */

static tfm_status make_runs(tfm__study *s, const tfm_scale_layout *layouts, tfm_err *err)
{
  const size_t n = (size_t)s->options->repetitions;
  s->runs = tfm_calloc((size_t)s->nlayout, sizeof *s->runs);
  bool all = s->runs != NULL;
  for (int i = 0; all && i < s->nlayout; ++i) {
    tfm_scale_runs *r = &s->runs[i];
    r->layout = layouts[i];
    r->run_s = tfm_calloc(n, sizeof *r->run_s);
    r->stages = tfm_calloc((size_t)tfm_scale_layout_workers(&r->layout), sizeof *r->stages);
    all = r->run_s && r->stages;
  }
  return all ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "%d layouts", s->nlayout);
}

/* A job that is opened and never run: what the model and its task are, and the layouts by rule. */
static tfm_status look(tfm__study *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_options o = *s->options;
  tfm_scale_layout *layouts = NULL;
  tfm_job *job = tfm_calloc(1, sizeof *job);
  const int nworker = tfm_world_size(s->world) - 1;
  if (!job) {
    return tfm_fail(err, TFM_E_NOMEM, "a job");
  }
  o.nlength = 1; /* no reader */
  TFM_TRY(tfm_job_open(job, NULL, &o, false, err));
  TFM_TRY(find_rows(s, job, err));
  TFM_TRY(tfm_engine_choose(job, tfm_engine_isa(job), err));
  TFM_TRY(tfm_job_plan_for(job, nworker, err));
  TFM_TRY(tfm_scale_layouts(s->options, nworker, &job->request, &layouts, &s->nlayout, err));
  TFM_TRY(make_runs(s, layouts, err));

fail:
  tfm_free(layouts);
  tfm_job_fini(job);
  tfm_free(job);
  return st;
}

/* ---- running ---- */

static const tfm_scale_layout *largest(const tfm__study *s)
{
  return &s->runs[s->nlayout - 1].layout;
}

/* How many rows a run has, where nobody said so. */
static tfm_status settle_rows(tfm__study *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const bool weak = s->options->scale_mode == TFM_SCALE_WEAK;
  const int most = weak ? tfm_scale_layout_workers(largest(s)) : 1;
  double took_s = 0;
  if (!s->made && s->rows == 0) {
    s->rows = s->input / most;
  }
  if (!s->made) {
    return s->rows > 0
               ? TFM_OK
               : tfm_fail(err, TFM_E_USAGE,
                          "the input has %lld rows, and %d workers want one each at least",
                          (long long)s->input, most);
  }
  if (s->rows == 0) {
    tfm_scale_runs *first = &s->runs[0];
    s->rows = FIRST_ROWS;
    TFM_TRY(make_text(s, tfm__study_rows(s, &first->layout), err));
    TFM_TRY(tfm__study_run(s, first, false, NULL, &took_s, err));
    s->rows = (int64_t)fmin(fmax(FIRST_ROWS, FIRST_ROWS * enough_s / took_s), MOST_ROWS);
  }
  TFM_TRY(make_text(s, s->rows * most, err));

fail:
  return st;
}

static tfm_status run_one(tfm__study *s, int i, int64_t k, tfm_err *err)
{
  tfm_scale_runs *runs = &s->runs[i];
  const bool keep = k >= s->options->warmup;
  double took_s = 0;
  const tfm_status st = tfm__study_run(s, runs, keep, NULL, &took_s, err);
  if (st == TFM_OK) {
    const int64_t of = keep ? s->options->repetitions : s->options->warmup;
    tfm_log(TFM_LOG_INFO, "%d ranks, %d x %d: %s %lld of %lld, %.1f rows/s",
            1 + tfm_scale_layout_workers(&runs->layout), runs->layout.stages,
            runs->layout.replicas, keep ? "run" : "warm-up",
            (long long)(keep ? k - s->options->warmup : k) + 1, (long long)of,
            (double)tfm__study_rows(s, &runs->layout) / took_s);
  }
  return st;
}

static tfm_status run_all(tfm__study *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t turns = s->options->warmup + s->options->repetitions;
  const bool weave = s->options->interleave;
  for (int64_t n = 0; n < turns * s->nlayout; ++n) {
    const int64_t layout = weave ? n % s->nlayout : n / turns;
    TFM_TRY(run_one(s, (int)layout, weave ? n / s->nlayout : n % turns, err));
  }

fail:
  return st;
}

/* The fastest layout, and that of most stages (of several the one of most workers). */
static void choose_records(tfm__study *s)
{
  int best = 0;
  int longest = 0;
  double most = 0;
  for (int i = 0; i < s->nlayout; ++i) {
    const double rate = tfm_scale_figures_of(&s->runs[i], &s->runs[0]).rows_median;
    best = rate > most ? i : best;
    most = fmax(most, rate);
    longest = s->runs[i].layout.stages >= s->runs[longest].layout.stages ? i : longest;
  }
  s->records[0] = (tfm__study_record){.layout = best};
  s->records[1] = (tfm__study_record){.layout = longest};
  s->nrecord = best == longest ? 1 : 2;
}

/* Runs more, that no figure counts: those that do are not disturbed by telling. */
static tfm_status record_runs(tfm__study *s, tfm_err *err)
{
  tfm_status st = TFM_OK;
  double took_s = 0;
  choose_records(s);
  for (int i = 0; i < s->nrecord; ++i) {
    tfm_scale_runs *runs = &s->runs[s->records[i].layout];
    tfm_log(TFM_LOG_INFO, "%d ranks, %d x %d: recorded for --svg",
            1 + tfm_scale_layout_workers(&runs->layout), runs->layout.stages,
            runs->layout.replicas);
    TFM_TRY(tfm__study_run(s, runs, false, &s->records[i], &took_s, err));
  }

fail:
  return st;
}

static tfm_status write_svg(const tfm__study *s, tfm_err *err)
{
  tfm_buf text = {0};
  tfm_status st = tfm__study_draw(s, &text);
  if (st != TFM_OK) {
    st = tfm_fail(err, st, "the drawing");
  } else if (tfm_whole_file_write(s->options->svg, tfm_buf_view(&text), err) != TFM_OK) {
    st = tfm_err_prefix(err, "--svg");
  }
  tfm_buf_fini(&text);
  return st;
}

static void fini(tfm__study *s)
{
  for (int i = 0; s->runs && i < s->nlayout; ++i) {
    tfm_free(s->runs[i].run_s);
    tfm_free(s->runs[i].stages);
  }
  tfm_free(s->runs);
  for (int i = 0; i < s->nrecord; ++i) {
    tfm_free(s->records[i].timeline);
  }
  tfm_scale_check_close(s->check);
  tfm_buf_fini(&s->text);
}

/* What can be refused before anything runs. */
static tfm_status check_options(const tfm_options *o, tfm_err *err)
{
  if (!o->svg) {
    return TFM_OK;
  }
  const tfm_sink_named file = {"--svg", o->svg};
  return tfm_sink_check_beside(&file, NULL, 0, o->inputs, o->ninput, err);
}

tfm_status tfm_scale_run(tfm_world *world, const tfm_options *options, tfm_buf *out,
                         bool *passed, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__study s = {.options = options, .world = world};
  *passed = false;
  TFM_TRY(check_options(options, err));
  TFM_TRY(look(&s, err));
  if (options->warmup + options->repetitions < 2 && s.nlayout < 2) {
    TFM_TRY(tfm_fail(err, TFM_E_USAGE,
                     "one run alone has nothing to be compared with: want --repetitions 2, or "
                     "--warmup 1"));
  }
  tfm_stop_heed(world);
  TFM_TRY(tfm_scale_check_open(&s.check, err));
  TFM_TRY(settle_rows(&s, err));
  tfm_log(TFM_LOG_INFO, "%d layouts, %lld runs of each; up to %lld rows a run", s.nlayout,
          (long long)(options->warmup + options->repetitions),
          (long long)tfm__study_rows(&s, largest(&s)));
  TFM_TRY(run_all(&s, err));
  TFM_TRY(options->svg ? record_runs(&s, err) : TFM_OK);
  *passed = tfm_scale_check_passed(s.check);
  if (tfm__study_print(&s, out) != TFM_OK) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the report"));
  }
  TFM_TRY(options->svg ? write_svg(&s, err) : TFM_OK);

fail:
  tfm_stop_wake_nobody();
  fini(&s);
  return st;
}
