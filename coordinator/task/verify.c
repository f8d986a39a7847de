#include "coordinator/task/verify.h"

#include "coordinator/task/accuracy.h"
#include "coordinator/task/compare.h"
#include "coordinator/task/oracle.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/whole_file.h"

#include <math.h>
#include <string.h>

enum { EXPECTED_MOST = 1 << 30 /* bytes */ };

/* Parity with a reference library: what INTERFACE section 6 promises. */
static const double tolerance = 1e-4;

struct tfm_verifier {
  const tfm_job *job;
  tfm_oracle *oracle;
  tfm_accuracy *accuracy; /* NULL in float32, on the wire too */
  tfm_smooth *seen;       /* NULL: --calibrate was not asked for */
  tfm_buf expected;       /* the file */
  size_t expected_at;     /* of the next line */
  tfm_buf answer;         /* the answer's fields as one object */
  const char *fields[TFM_ANSWER_MAX_FIELDS];
  int nfield;
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
  TFM_TRY(tfm_oracle_open(&v->oracle, job, err));
  const bool plain = job->engine.precision == TFM_FLOAT32 && job->engine.wire == TFM_FLOAT32;
  if (!job->task->grows && !plain) {
    TFM_TRY(tfm_accuracy_open(&v->accuracy, job, err));
  }
  if (job->options->calibrate) {
    TFM_TRY(tfm_oracle_watch(v->oracle, &v->seen, err));
  }
  v->nfield = job->task->fields(&job->context, v->fields);
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

static bool far_apart(tfm_verifier *v, double want, double got)
{
  double difference = fabs(want - got);
  v->worst = difference > v->worst ? difference : v->worst;
  return !(difference <= tolerance);
}

static bool same_value(tfm_verifier *v, const tfm_json_node *want, const tfm_json_node *got);

/* Every member that is expected is there and the same. */
static bool same_object(tfm_verifier *v, const tfm_json_node *want, const tfm_json_node *got)
{
  bool same = true;
  for (const tfm_json_node *w = tfm_json_first(want); w; w = tfm_json_next(w)) {
    same = same_value(v, w, tfm_json_get(got, tfm_json_key(w))) && same;
  }
  return same;
}

static bool same_array(tfm_verifier *v, const tfm_json_node *want, const tfm_json_node *got)
{
  bool same = tfm_json_count(want) == tfm_json_count(got);
  const tfm_json_node *g = tfm_json_first(got);
  for (const tfm_json_node *w = tfm_json_first(want); same && w; w = tfm_json_next(w)) {
    same = same_value(v, w, g);
    g = tfm_json_next(g);
  }
  return same;
}

/* Numbers within the tolerance, everything else equal. Depth is bounded by the JSON reader. */
static bool same_value(tfm_verifier *v, const tfm_json_node *want, const tfm_json_node *got)
{
  const tfm_json_kind kind = tfm_json_kind_of(want);
  double a = 0;
  double b = 0;
  if (kind == TFM_JSON_NULL || kind != tfm_json_kind_of(got)) {
    return kind == TFM_JSON_NULL && !got; /* a getter takes null for missing */
  }
  if (kind == TFM_JSON_OBJECT) {
    return same_object(v, want, got);
  }
  if (kind == TFM_JSON_ARRAY) {
    return same_array(v, want, got);
  }
  if (tfm_json_number(want, &a) && tfm_json_number(got, &b)) {
    return !far_apart(v, a, b);
  }
  return kind != TFM_JSON_STRING || strcmp(tfm_json_text(want), tfm_json_text(got)) == 0;
}

/* Fields of the result that the expected line has, as this program writes them; at least one. */
static bool same_fields(tfm_verifier *v, const tfm_json_node *want, const tfm_json_node *got)
{
  int compared = 0;
  bool same = true;
  for (int f = 0; f < v->nfield; ++f) {
    const tfm_json_node *w = tfm_json_get(want, v->fields[f]);
    if (w) {
      ++compared;
      same = same_value(v, w, tfm_json_get(got, v->fields[f])) && same;
    }
  }
  return same && compared > 0;
}

static tfm_status compare_expected(tfm_verifier *v, const tfm_item *item,
                                   const tfm_answer *answer, tfm_err *err)
{
  tfm_json *want = NULL;
  tfm_json *got = NULL;
  tfm_err odd = {0}; /* a line that is no JSON is a line that differs */
  tfm_span line = next_line(v);
  tfm_status st =
      tfm__answer_json(&v->job->context, v->job->task, answer, &v->answer, &got, &odd);
  if (st == TFM_OK) {
    st = tfm_json_parse(&want, "--expected", line.p ? line.p : "", line.n, &odd);
  }
  bool bad = st != TFM_OK || !same_fields(v, tfm_json_root(want), tfm_json_root(got));
  tfm_json_close(want);
  tfm_json_close(got);
  if (st == TFM_E_NOMEM) {
    *err = odd;
    return st;
  }
  ++v->expected_rows;
  v->expected_differ += bad;
  if (bad) {
    note_bad(v, item);
  }
  return TFM_OK;
}

/* Whether the oracle says the same of one sequence, alone in its batch. */
static bool same_bits(tfm_verifier *v, const tfm_sequence *s, int64_t width)
{
  const size_t floats = (size_t)(s->rows * width);
  if (floats == 0) {
    return true;
  }
  const float *want = tfm_oracle_run(v->oracle, s, s->item->row->number);
  return memcmp(want, s->values, floats * sizeof *s->values) == 0;
}

tfm_status tfm_verifier_row(tfm_verifier *verifier, const tfm_item *item,
                            const tfm_answer *answer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool same = true;
  if (item->status != TFM_OK || answer->status != TFM_OK) {
    ++verifier->skipped;
    if (verifier->expected.n) {
      (void)next_line(verifier);
    }
    return TFM_OK;
  }
  for (int64_t i = 0; i < item->nseq; ++i) {
    same = same_bits(verifier, &item->seqs[i], item->width) && same;
  }
  ++verifier->rows;
  if (!same) {
    ++verifier->bits_differ;
    note_bad(verifier, item);
  }
  if (verifier->job->options->expected) {
    TFM_TRY(compare_expected(verifier, item, answer, err));
  }
  if (verifier->accuracy) {
    TFM_TRY(tfm_accuracy_row(verifier->accuracy, item, answer, err));
  }

fail:
  return st;
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
  if (v->accuracy) {
    tfm_accuracy_report(v->accuracy, out);
  }
  (void)tfm_buf_printf(out, "numeric_id               %s\n", v->job->numeric_id);
  bool passed = v->rows > 0 && v->bits_differ == 0 && v->expected_differ == 0;
  (void)tfm_buf_str(out, passed ? "PASSED\n" : "FAILED\n");
  return passed;
}

tfm_status tfm_verifier_calibrate(const tfm_verifier *v, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {.data = NULL};
  if (!v->seen) {
    return TFM_OK;
  }
  TFM_TRY(tfm_smooth_write(v->seen, &v->job->model, v->rows, &text, err));
  TFM_TRY(tfm_whole_file_write(v->job->options->calibrate, tfm_buf_view(&text), err));

fail:
  tfm_buf_fini(&text);
  return st;
}

void tfm_verifier_close(tfm_verifier *verifier)
{
  if (!verifier) {
    return;
  }
  tfm_oracle_close(verifier->oracle);
  tfm_smooth_close(verifier->seen);
  tfm_accuracy_close(verifier->accuracy);
  tfm_buf_fini(&verifier->answer);
  tfm_buf_fini(&verifier->expected);
  tfm_free(verifier);
}
