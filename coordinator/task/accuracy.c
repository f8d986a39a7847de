/* Two answers differ in words (a label, an entity, a place) or in numbers only. A row whose words
 * differ is changed; numbers count as scores where the words around them are the same, or, for a
 * task with scores() of its own, label by label in every row.
 */
#include "coordinator/task/accuracy.h"

#include "coordinator/task/compare.h"
#include "core/base/mem.h"

#include <math.h>
#include <string.h>

struct tfm_accuracy {
  const tfm_job *job;
  tfm_whole *whole;
  tfm_answer answer; /* of float32 */
  tfm_buf text;
  int64_t rows, changed;
  int64_t scores;
  double largest, sum; /* of the differences */
};

tfm_status tfm_accuracy_open(tfm_accuracy **out, const tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_engine engine = {.backend = job->engine.backend, .precision = TFM_FLOAT32};
  *out = NULL;
  tfm_accuracy *a = tfm_calloc(1, sizeof *a);
  if (!a) {
    return tfm_fail(err, TFM_E_NOMEM, "the model in float32");
  }
  a->job = job;
  TFM_TRY(tfm_whole_open(&a->whole, &job->model, engine, job->max_tokens, 1, err));
  *out = a;
  return TFM_OK;

fail:
  tfm_accuracy_close(a);
  return st;
}

static void count_score(tfm_accuracy *a, double want, double got)
{
  const double off = fabs(want - got);
  a->largest = off > a->largest ? off : a->largest;
  a->sum += off;
  ++a->scores;
}

/* Places and counts are words; scores are whole numbers by chance only. */
static bool is_whole(double x)
{
  return floor(x) >= x && fabs(x) > 1;
}

/* Whether all but scores is the same; counts the scores it comes across, when it should. Depth is
 * bounded by the JSON reader. */
static bool same_words(tfm_accuracy *a, bool count, const tfm_json_node *want,
                       const tfm_json_node *got)
{
  const tfm_json_kind kind = tfm_json_kind_of(want);
  double x = 0;
  double y = 0;
  if (kind != tfm_json_kind_of(got) || tfm_json_count(want) != tfm_json_count(got)) {
    return false;
  }
  if (tfm_json_number(want, &x) && tfm_json_number(got, &y)) {
    if (is_whole(x) || is_whole(y)) {
      return !(x < y || x > y);
    }
    if (count) {
      count_score(a, x, y);
    }
    return true;
  }
  if (kind == TFM_JSON_STRING) {
    return strcmp(tfm_json_text(want), tfm_json_text(got)) == 0;
  }
  bool same = true;
  const tfm_json_node *g = tfm_json_first(got);
  for (const tfm_json_node *w = tfm_json_first(want); same && w; w = tfm_json_next(w)) {
    same = strcmp(tfm_json_key(w), tfm_json_key(g)) == 0 && same_words(a, count, w, g);
    g = tfm_json_next(g);
  }
  return same;
}

/* The item as float32 sees it: its sequences with other values, which `values` gets. */
static tfm_status score_again(tfm_accuracy *a, const tfm_item *item, tfm_item *again,
                              float **values, tfm_err *err)
{
  int64_t floats = 0;
  for (int64_t i = 0; i < item->nseq; ++i) {
    floats += item->seqs[i].rows * item->width;
  }
  *again = *item;
  again->seqs = tfm_calloc((size_t)item->nseq + 1, sizeof *again->seqs);
  *values = tfm_calloc((size_t)floats + 1, sizeof **values);
  if (!again->seqs || !*values) {
    return tfm_fail(err, TFM_E_NOMEM, "a row in float32");
  }
  float *next = *values;
  for (int64_t i = 0; i < item->nseq; ++i) {
    again->seqs[i] = item->seqs[i];
    if (item->seqs[i].values) {
      again->seqs[i].values = next;
      tfm__run_alone(a->whole, &item->seqs[i], next, NULL, NULL);
      next += item->seqs[i].rows * item->width;
    }
  }
  return TFM_OK;
}

/* By the task's own scores: the values of `want` become them, and those of `got` in a copy. */
static tfm_status compare_scores(tfm_accuracy *a, const tfm_item *want, const tfm_item *got,
                                 tfm_err *err)
{
  const int64_t width = got->width;
  float *scores = tfm_calloc((size_t)(2 * width), sizeof *scores);
  if (!scores) {
    return tfm_fail(err, TFM_E_NOMEM, "scores of %lld labels", (long long)width);
  }
  for (int64_t i = 0; i < got->nseq; ++i) {
    for (int64_t row = 0; row < got->seqs[i].rows; ++row) {
      a->job->task->scores(&a->job->context, want->seqs[i].values + row * width, scores);
      a->job->task->scores(&a->job->context, got->seqs[i].values + row * width, scores + width);
      for (int64_t k = 0; k < width; ++k) {
        count_score(a, (double)scores[k], (double)scores[width + k]);
      }
    }
  }
  tfm_free(scores);
  return TFM_OK;
}

tfm_status tfm_accuracy_row(tfm_accuracy *a, const tfm_item *item, const tfm_answer *answer,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_job *job = a->job;
  tfm_item again = {.seqs = NULL};
  float *values = NULL;
  tfm_json *want = NULL;
  tfm_json *got = NULL;
  tfm_answer_clear(&a->answer);
  TFM_TRY(score_again(a, item, &again, &values, err));
  TFM_TRY(job->task->answer(&job->context, &again, &a->answer, err));
  if (answer->status == TFM_OK && a->answer.status == TFM_OK) {
    TFM_TRY(tfm__answer_json(&job->context, job->task, &a->answer, &a->text, &want, err));
    TFM_TRY(tfm__answer_json(&job->context, job->task, answer, &a->text, &got, err));
    const bool own = job->task->scores != NULL;
    ++a->rows;
    a->changed += !same_words(a, !own, tfm_json_root(want), tfm_json_root(got));
    if (own) {
      TFM_TRY(compare_scores(a, &again, item, err));
    }
  }

fail:
  tfm_json_close(want);
  tfm_json_close(got);
  tfm_free(again.seqs);
  tfm_free(values);
  return st;
}

void tfm_accuracy_report(const tfm_accuracy *a, tfm_buf *out)
{
  const double rows = a->rows ? (double)a->rows : 1.0;
  const double scores = a->scores ? (double)a->scores : 1.0;
  const tfm_engine *engine = &a->job->engine;
  (void)tfm_buf_printf(
      out, "%s%s against float32, %lld rows:\n", tfm_precision_name(engine->precision),
      engine->wire == TFM_BFLOAT16 ? " with bfloat16 on the wire" : "", (long long)a->rows);
  (void)tfm_buf_printf(out, "  answers changed        %lld (%.2f %%)\n", (long long)a->changed,
                       100.0 * (double)a->changed / rows);
  (void)tfm_buf_printf(out, "  score difference       largest %.3g, mean %.3g\n", a->largest,
                       a->sum / scores);
}

void tfm_accuracy_close(tfm_accuracy *a)
{
  if (!a) {
    return;
  }
  tfm_whole_close(a->whole);
  tfm_answer_fini(&a->answer);
  tfm_buf_fini(&a->text);
  tfm_free(a);
}
