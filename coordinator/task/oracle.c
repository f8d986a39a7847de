#include "coordinator/task/oracle.h"

#include "coordinator/task/compare.h"
#include "core/base/mem.h"

#include <math.h>
#include <string.h>

struct tfm_oracle {
  const tfm_job *job;
  tfm_whole *whole;
  float *values; /* [rows, width] of one sequence */
  int32_t *ids, *marks,
      *no_types; /* [places] of a text that grew; NULL where rows come whole */
};

int64_t tfm_oracle_tokens(const tfm_job *job)
{
  const int64_t sides = tfm_config_decoder(&job->model.config) ? 2 : 1;
  const int64_t places = sides * job->model.config.max_length;
  return job->task->grows && places > job->max_tokens ? places : job->max_tokens;
}

static tfm_status open_grown(tfm_oracle *o, tfm_err *err)
{
  const size_t places = (size_t)o->job->model.config.max_length;
  o->ids = tfm_calloc(places, sizeof *o->ids);
  o->marks = tfm_calloc(places, sizeof *o->marks);
  o->no_types = tfm_calloc(places, sizeof *o->no_types);
  return o->ids && o->marks && o->no_types
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "the oracle's texts of %zu tokens", places);
}

tfm_status tfm_oracle_open(tfm_oracle **out, const tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm_oracle *o = tfm_calloc(1, sizeof *o);
  if (!o) {
    return tfm_fail(err, TFM_E_NOMEM, "the oracle");
  }
  o->job = job;
  TFM_TRY(tfm_whole_open(&o->whole, &job->model, job->engine, tfm_oracle_tokens(job), 1, err));
  TFM_TRY(job->task->grows ? open_grown(o, err) : TFM_OK);
  const int64_t longest = job->task->grows ? job->model.config.max_length : job->max_length;
  const int64_t rows = tfm_head_rows(job->context.shape.rows, longest, longest);
  o->values = tfm_calloc((size_t)(rows * job->context.shape.width), sizeof *o->values);
  if (!o->values) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the oracle's results"));
  }
  *out = o;
  return TFM_OK;

fail:
  tfm_oracle_close(o);
  return st;
}

static void run_grown(tfm_oracle *o, const tfm_sequence *s, int64_t number)
{
  const int64_t n = s->n + s->rows - 1;
  const int32_t cu_len[] = {0, (int32_t)n};
  const int32_t cu_source[] = {0, (int32_t)s->nsource};
  const uint32_t row = (uint32_t)number;
  memcpy(o->ids, s->ids, (size_t)s->n * sizeof *o->ids);
  for (int64_t i = 0; i < s->rows; ++i) {
    o->marks[i] = (int32_t)(s->n - 1 + i);
    if (i + 1 < s->rows) {
      o->ids[s->n + i] = (int32_t)s->values[2 * i];
    }
  }
  const tfm_ids ids = {.B = 1,
                       .T = n,
                       .cu_len = cu_len,
                       .ids = o->ids,
                       .type_ids = o->no_types,
                       .nmark = s->rows,
                       .marks = o->marks,
                       .row = &row,
                       .cu_source = s->nsource ? cu_source : NULL,
                       .source = s->source};
  tfm_whole_run(o->whole, &ids, o->values, NULL, NULL);
}

const float *tfm_oracle_run(tfm_oracle *oracle, const tfm_sequence *s, int64_t number)
{
  if (oracle->job->task->grows) {
    run_grown(oracle, s, number);
  } else {
    tfm__run_alone(oracle->whole, s, oracle->values, NULL, NULL);
  }
  return oracle->values;
}

tfm_status tfm_oracle_watch(tfm_oracle *oracle, tfm_smooth **seen, tfm_err *err)
{
  return tfm_smooth_watch(seen, oracle->whole, &oracle->job->model, err);
}

static bool all_finite(const float *x, int64_t n)
{
  int64_t i = 0;
  while (i < n && isfinite(x[i])) {
    ++i;
  }
  return i == n;
}

static void look(void *arg, int64_t unit, const float *x, int64_t T, int64_t H)
{
  bool *finite = arg;
  (void)unit;
  *finite = *finite && all_finite(x, T * H);
}

bool tfm_oracle_finite(tfm_oracle *oracle, const tfm_sequence *s)
{
  bool finite = true;
  tfm__run_alone(oracle->whole, s, oracle->values, look, &finite);
  return finite && all_finite(oracle->values, s->rows * oracle->job->context.shape.width);
}

void tfm_oracle_close(tfm_oracle *oracle)
{
  if (!oracle) {
    return;
  }
  tfm_whole_close(oracle->whole);
  tfm_free(oracle->values);
  tfm_free(oracle->ids);
  tfm_free(oracle->marks);
  tfm_free(oracle->no_types);
  tfm_free(oracle);
}
