#include "coordinator/task/verify.h"

#include "coordinator/task/classify.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "core/model/whole.h"

#include <math.h>
#include <string.h>

enum { EXPECTED_MOST = 1 << 30 /* bytes */ };

/* Parity with a reference library: what INTERFACE section 6 promises. */
static const double tolerance = 1e-4;

struct tfm_verifier {
  const tfm_job *job;
  tfm_whole *whole;
  float *values;      /* [width] the oracle's */
  tfm_buf expected;   /* the file */
  size_t expected_at; /* of the next line */
  tfm_jread *reader;
  float *wanted; /* [width] logits of one expected line */
  int64_t rows, skipped, bits_differ, expected_rows, expected_differ;
  double worst;      /* largest difference from expected logits or scores */
  int64_t first_bad; /* row number, -1 for none */
};

tfm_status tfm_verifier_open(tfm_verifier **out, const tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm_verifier *v = tfm_calloc(1, sizeof *v);
  if (!v) {
    return tfm_fail(err, TFM_E_NOMEM, "the oracle");
  }
  v->job = job;
  v->first_bad = -1;
  TFM_TRY(tfm_whole_open(&v->whole, &job->model, job->backend, job->max_tokens, 1, err));
  size_t width = (size_t)tfm_whole_width(v->whole);
  v->values = tfm_calloc(width, sizeof *v->values);
  v->wanted = tfm_calloc(width, sizeof *v->wanted);
  v->reader = tfm_jread_open("--expected", "", 0, TFM_JSON_STRICT);
  if (!v->values || !v->wanted || !v->reader) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the oracle's results"));
  }
  if (job->options->expected) {
    TFM_TRY(tfm_file_read_all(job->options->expected, EXPECTED_MOST, &v->expected, err));
  }
  *out = v;
  return TFM_OK;

fail:
  tfm_verifier_close(v);
  return st;
}

static void note_bad(tfm_verifier *v, const tfm_item *item)
{
  if (v->first_bad < 0) {
    v->first_bad = item->row->number;
  }
}

/* The next line of --expected, empty at the end. */
static tfm_span next_line(tfm_verifier *v)
{
  const char *p = v->expected.data + v->expected_at;
  size_t left = v->expected.n - v->expected_at;
  const char *newline = left ? memchr(p, '\n', left) : NULL;
  size_t n = newline ? (size_t)(newline - p) : left;
  v->expected_at += newline ? n + 1 : n;
  return (tfm_span){p, n};
}

/* An expected line has `logits`, or `label` and `score`, as this program writes them. */
typedef struct {
  bool have_logits, have_score, label_differs;
  double score;
} expectation;

static void read_logits(tfm_verifier *v, expectation *e)
{
  int64_t width = tfm_whole_width(v->whole);
  int64_t i = 0;
  tfm_jread_array(v->reader);
  while (tfm_jread_element(v->reader)) {
    double x = tfm_jread_double(v->reader);
    if (i < width) {
      v->wanted[i] = (float)x;
    }
    ++i;
  }
  e->have_logits = i == width;
}

static bool read_expectation(tfm_verifier *v, tfm_span line, tfm_span best, expectation *e)
{
  tfm_span key = {0};
  tfm_jread_restart(v->reader, line.p, line.n);
  tfm_jread_object(v->reader);
  while (tfm_jread_key(v->reader, &key)) {
    if (tfm_span_is(key, "logits")) {
      read_logits(v, e);
    } else if (tfm_span_is(key, "score")) {
      e->score = tfm_jread_double(v->reader);
      e->have_score = true;
    } else if (tfm_span_is(key, "label")) {
      e->label_differs = !tfm_span_eq(tfm_jread_string(v->reader), best);
    } else {
      (void)tfm_jread_skip(v->reader);
    }
  }
  tfm_jread_end(v->reader);
  return tfm_jread_ok(v->reader) && (e->have_logits || e->have_score);
}

static bool far_apart(tfm_verifier *v, double want, double got)
{
  double difference = fabs(want - got);
  v->worst = difference > v->worst ? difference : v->worst;
  return !(difference <= tolerance);
}

static tfm_status compare_expected(tfm_verifier *v, const tfm_item *item, tfm_err *err)
{
  const tfm_config *config = &v->job->model.config;
  float *scores = tfm_calloc((size_t)config->nlabel, sizeof *scores);
  if (!scores) {
    return tfm_fail(err, TFM_E_NOMEM, "scores of %lld labels", (long long)config->nlabel);
  }
  tfm_classify_scores(config, TFM_APPLY_AUTO, item->values, scores);
  int64_t best = tfm_classify_best(scores, config->nlabel);
  tfm_span label = tfm_span_of(config->labels[best]);
  expectation e = {0};
  bool bad = !read_expectation(v, next_line(v), label, &e) || e.label_differs;
  for (int64_t i = 0; e.have_logits && i < item->width; ++i) {
    bad = far_apart(v, (double)v->wanted[i], (double)item->values[i]) || bad;
  }
  if (e.have_score) {
    bad = far_apart(v, e.score, (double)scores[best]) || bad;
  }
  tfm_free(scores);
  ++v->expected_rows;
  v->expected_differ += bad;
  if (bad) {
    note_bad(v, item);
  }
  return TFM_OK;
}

tfm_status tfm_verifier_row(tfm_verifier *verifier, const tfm_item *item, tfm_err *err)
{
  if (item->status != TFM_OK) {
    ++verifier->skipped;
    if (verifier->expected.n) {
      (void)next_line(verifier);
    }
    return TFM_OK;
  }
  int32_t cu_len[2] = {0, (int32_t)item->n};
  tfm_ids ids = {
      .B = 1, .T = item->n, .cu_len = cu_len, .ids = item->ids, .type_ids = item->type_ids};
  tfm_whole_run(verifier->whole, &ids, verifier->values, NULL, NULL);
  ++verifier->rows;
  if (memcmp(verifier->values, item->values, (size_t)item->width * sizeof *item->values) != 0) {
    ++verifier->bits_differ;
    note_bad(verifier, item);
  }
  return verifier->job->options->expected ? compare_expected(verifier, item, err) : TFM_OK;
}

bool tfm_verifier_report(const tfm_verifier *verifier, tfm_buf *out)
{
  const tfm_verifier *v = verifier;
  (void)tfm_buf_printf(out, "rows compared            %lld\n", (long long)v->rows);
  (void)tfm_buf_printf(out, "error rows, not compared %lld\n", (long long)v->skipped);
  (void)tfm_buf_printf(out, "bits differ from oracle  %lld\n", (long long)v->bits_differ);
  if (v->job->options->expected) {
    (void)tfm_buf_printf(out, "expected rows            %lld\n", (long long)v->expected_rows);
    (void)tfm_buf_printf(out, "differ from expected     %lld\n", (long long)v->expected_differ);
    (void)tfm_buf_printf(out, "largest difference       %.3g (allowed %.0e)\n", v->worst,
                         tolerance);
  }
  if (v->first_bad >= 0) {
    (void)tfm_buf_printf(out, "first row that differs   %lld\n", (long long)v->first_bad);
  }
  (void)tfm_buf_printf(out, "numeric_id               %s\n", v->job->numeric_id);
  bool passed = v->rows > 0 && v->bits_differ == 0 && v->expected_differ == 0;
  (void)tfm_buf_str(out, passed ? "PASSED\n" : "FAILED\n");
  return passed;
}

void tfm_verifier_close(tfm_verifier *verifier)
{
  if (!verifier) {
    return;
  }
  tfm_whole_close(verifier->whole);
  tfm_jread_close(verifier->reader);
  tfm_buf_fini(&verifier->expected);
  tfm_free(verifier->values);
  tfm_free(verifier->wanted);
  tfm_free(verifier);
}
