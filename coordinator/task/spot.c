#include "coordinator/task/spot.h"

#include "coordinator/task/oracle.h"
#include "core/base/clock.h"
#include "core/base/mem.h"

#include <inttypes.h>
#include <string.h>

/* What a line computed last of the rows that were delivered. */
typedef struct {
  tfm_sequence seq; /* its ids and what follows them lie in `ints` */
  int32_t *ints;
  int64_t room; /* of ints */
  int64_t number;
  bool owed;     /* it was not compared yet */
  uint64_t sure; /* of a micro-batch that was compared */
} latest;

struct tfm_spot {
  const tfm_job *job;
  tfm_oracle *oracle;
  latest *lines;
  int nline;
  tfm_spot_count count;
};

bool tfm_spot_chosen(int64_t number, int64_t of)
{
  uint64_t h = (uint64_t)number + 0x9e3779b97f4a7c15u;
  h = (h ^ h >> 30) * 0xbf58476d1ce4e5b9u;
  h = (h ^ h >> 27) * 0x94d049bb133111ebu;
  h ^= h >> 31;
  return of > 0 && h % (uint64_t)of == 0;
}

tfm_status tfm_spot_open(tfm_spot **out, const tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm_spot *spot = tfm_calloc(1, sizeof *spot);
  if (!spot) {
    return tfm_fail(err, TFM_E_NOMEM, "the oracle");
  }
  spot->job = job;
  spot->nline = job->plan.replicas;
  spot->lines = tfm_calloc((size_t)spot->nline, sizeof *spot->lines);
  if (!spot->lines) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the oracle for %d lines", spot->nline));
  }
  TFM_TRY(tfm_oracle_open(&spot->oracle, job, err));
  *out = spot;
  return TFM_OK;

fail:
  tfm_spot_close(spot);
  return st;
}

/* ---- comparing ---- */

/* Who computed it: "rank 1 on a (0-2a), rank 2 on a (2f-6)". */
static void put_line(const tfm_job *job, int line, tfm_buf *out)
{
  for (int stage = 0; stage < job->plan.stages; ++stage) {
    const int rank = 1 + line * job->plan.stages + stage;
    (void)tfm_buf_printf(out, "%srank %d on %.64s (", stage ? ", " : "", rank,
                         job->crew.ranks[rank].hello.host);
    (void)tfm_range_print(job->plan.cuts[stage], out);
    (void)tfm_buf_char(out, ')');
  }
}

static void put_values(float got, float want, tfm_buf *out)
{
  uint32_t bits[2];
  memcpy(&bits[0], &got, sizeof got);
  memcpy(&bits[1], &want, sizeof want);
  (void)tfm_buf_printf(out, "%.9g (%08" PRIx32 "), and %.9g (%08" PRIx32 ")", (double)got,
                       bits[0], (double)want, bits[1]);
}

/* at: the first value that differs; -1: all of them should be finite. */
static tfm_status refuse(tfm_spot *spot, const tfm_sequence *s, int64_t number, int64_t at,
                         const float *want, tfm_err *err)
{
  tfm_buf ranks = {0};
  tfm_buf values = {0};
  const int64_t width = spot->job->context.shape.width;
  put_line(spot->job, s->line, &ranks);
  if (at < 0) {
    (void)tfm_buf_str(&values, "it is not finite, and all values are finite");
  } else {
    (void)tfm_buf_printf(&values, "value %" PRId64 " of %" PRId64 " is ", at, s->rows * width);
    put_values(s->values[at], want[at], &values);
  }
  ++spot->count.mismatches;
  (void)tfm_fail(err, TFM_E_INTERNAL,
                 "row %" PRId64 " is not what the model says of it: %.120s when one process "
                 "computes it (--verify): %.300s or rank 0 on %.64s computes wrongly or has "
                 "faulty memory; neither this row nor those since the last commit are kept: "
                 "run the same command again, on other nodes",
                 number, tfm_buf_cstr(&values), tfm_buf_cstr(&ranks),
                 spot->job->crew.ranks[0].hello.host);
  tfm_buf_fini(&ranks);
  tfm_buf_fini(&values);
  return TFM_E_INTERNAL;
}

static int64_t first_difference(const float *a, const float *b, int64_t n)
{
  int64_t i = 0;
  while (i < n && memcmp(&a[i], &b[i], sizeof *a) == 0) {
    ++i;
  }
  return i;
}

/* s has values, or had some that were not finite. */
static tfm_status compare(tfm_spot *spot, const tfm_sequence *s, int64_t number, tfm_err *err)
{
  const int64_t n = s->rows * spot->job->context.shape.width;
  const double begin_s = tfm_now_s();
  const float *want = NULL;
  int64_t at = n;
  if (!s->values) {
    at = tfm_oracle_finite(spot->oracle, s) ? -1 : n;
  } else {
    want = tfm_oracle_run(spot->oracle, s, number);
    at = first_difference(want, s->values, n);
  }
  spot->count.seconds += tfm_now_s() - begin_s;
  return at < n ? refuse(spot, s, number, at, want, err) : TFM_OK;
}

/* ---- remembering ---- */

static int32_t *copy_ints(latest *l, int64_t *at, const int32_t *from, int64_t n)
{
  int32_t *to = l->ints + *at;
  if (n > 0) {
    memcpy(to, from, (size_t)n * sizeof *to);
  }
  *at += n;
  return to;
}

static tfm_status remember(latest *l, const tfm_sequence *s, int64_t number, int64_t width,
                           tfm_err *err)
{
  const int64_t floats = s->values ? s->rows * width : 0;
  const int64_t need = 2 * s->n + s->nmark + s->nsource + floats;
  int64_t at = 0;
  if (need > l->room) {
    int32_t *more = tfm_realloc(l->ints, (size_t)(2 * need), sizeof *more);
    if (!more) {
      return tfm_fail(err, TFM_E_NOMEM, "a copy of row %" PRId64, number);
    }
    l->ints = more;
    l->room = 2 * need;
  }
  l->seq = *s;
  l->number = number;
  l->owed = true;
  l->seq.ids = copy_ints(l, &at, s->ids, s->n);
  l->seq.type_ids = copy_ints(l, &at, s->type_ids, s->n);
  l->seq.marks = copy_ints(l, &at, s->marks, s->nmark);
  l->seq.source = copy_ints(l, &at, s->source, s->nsource);
  l->seq.values = NULL;
  if (s->values) {
    l->seq.values = memcpy(l->ints + at, s->values, (size_t)floats * sizeof *s->values);
  }
  return TFM_OK;
}

tfm_status tfm_spot_row(tfm_spot *spot, const tfm_item *item, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (!spot) {
    return TFM_OK;
  }
  const int64_t number = item->row->number;
  const bool chosen = tfm_spot_chosen(number, spot->job->options->verify_of);
  bool compared = false;
  for (int64_t i = 0; i < item->nseq; ++i) {
    const tfm_sequence *s = &item->seqs[i];
    latest *l = &spot->lines[s->line];
    if (s->batch == 0 || s->rows * item->width == 0) {
      continue; /* it was never sent, or nothing came back */
    }
    if (chosen) {
      compared = true;
      TFM_TRY(compare(spot, s, number, err));
      l->sure = s->batch > l->sure ? s->batch : l->sure;
    } else if (s->batch > l->sure && (!l->owed || s->batch >= l->seq.batch)) {
      TFM_TRY(remember(l, s, number, item->width, err));
    }
  }

fail:
  spot->count.rows += compared;
  return st;
}

tfm_status tfm_spot_vouch(tfm_spot *spot, tfm_err *err)
{
  for (int r = 0; spot && r < spot->nline; ++r) {
    latest *l = &spot->lines[r];
    if (l->owed && l->seq.batch > l->sure) {
      const tfm_status st = compare(spot, &l->seq, l->number, err);
      ++spot->count.commits;
      if (st != TFM_OK) {
        return st;
      }
      l->sure = l->seq.batch;
    }
    l->owed = false;
  }
  return TFM_OK;
}

tfm_spot_count tfm_spot_counted(const tfm_spot *spot)
{
  return spot ? spot->count : (tfm_spot_count){0};
}

void tfm_spot_close(tfm_spot *spot)
{
  if (!spot) {
    return;
  }
  for (int r = 0; spot->lines && r < spot->nline; ++r) {
    tfm_free(spot->lines[r].ints);
  }
  tfm_free(spot->lines);
  tfm_oracle_close(spot->oracle);
  tfm_free(spot);
}
