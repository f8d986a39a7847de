#include "coordinator/task/spans.h"

#include "core/base/mem.h"
#include "core/kernels/activation.h"

#include <string.h>

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static tfm_status reserve(tfm_spans *s, int64_t n, int64_t most, tfm_err *err)
{
  if (most > s->cap) {
    tfm_free(s->v);
    s->v = tfm_calloc((size_t)most, sizeof *s->v);
    s->cap = s->v ? most : 0;
  }
  if (n > s->token_cap) {
    tfm_free(s->start);
    s->start = tfm_calloc((size_t)n, 2 * sizeof *s->start);
    s->token_cap = s->start ? n : 0;
  }
  s->end = s->start ? s->start + n : NULL;
  return s->cap >= most && s->token_cap >= n
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "spans of %lld tokens", (long long)n);
}

/* Keep it if it is among the best so far: in its place, behind its equals. */
static void offer(tfm_spans *s, int64_t most, tfm_token_span span)
{
  int64_t low = 0;
  int64_t high = s->n;
  if (s->n == most && span.score <= s->v[most - 1].score) {
    return;
  }
  while (low < high) {
    const int64_t mid = low + (high - low) / 2;
    if (s->v[mid].score < span.score) {
      high = mid;
    } else {
      low = mid + 1;
    }
  }
  s->n = least(s->n + 1, most);
  memmove(s->v + low + 1, s->v + low, (size_t)(s->n - 1 - low) * sizeof *s->v);
  s->v[low] = span;
}

static float score_of(const tfm_spans *s, int64_t first, int64_t last, int64_t longest)
{
  return last >= first && last - first < longest ? s->start[first] * s->end[last] : 0.0F;
}

/* Every span with a score, then pairs without one as far as they are needed, row by row. */
static void find_best(tfm_spans *s, int64_t n, int64_t longest, int64_t most)
{
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i; j < least(n, i + longest); ++j) {
      const float score = s->start[i] * s->end[j];
      if (score > 0) {
        offer(s, most, (tfm_token_span){(int32_t)i, (int32_t)j, score});
      }
    }
  }
  for (int64_t i = 0; i < n && s->n < most; ++i) {
    for (int64_t j = 0; j < n && s->n < most; ++j) {
      if (!(score_of(s, i, j, longest) > 0)) {
        s->v[s->n++] = (tfm_token_span){(int32_t)i, (int32_t)j, 0};
      }
    }
  }
}

static void drop_not_allowed(tfm_spans *s, const bool *allowed)
{
  int64_t kept = 0;
  for (int64_t i = 0; i < s->n; ++i) {
    if (allowed[s->v[i].first] && allowed[s->v[i].last]) {
      s->v[kept++] = s->v[i];
    }
  }
  s->n = kept;
}

tfm_status tfm_spans_find(tfm_spans *s, const float *logits, const bool *allowed, int64_t n,
                          int64_t longest, int64_t most, tfm_err *err)
{
  static const float out = -10000.0F; /* the reference's logit of what takes no part */
  most = least(most, n * n);
  s->n = 0;
  tfm_status st = reserve(s, n, most, err);
  if (st != TFM_OK) {
    return st;
  }
  for (int64_t i = 0; i < n; ++i) {
    s->start[i] = allowed[i] ? logits[2 * i] : out;
    s->end[i] = allowed[i] ? logits[2 * i + 1] : out;
  }
  tfm_softmax(s->start, n, s->start);
  tfm_softmax(s->end, n, s->end);
  s->none = s->start[0] * s->end[0];
  s->start[0] = s->end[0] = 0;
  find_best(s, n, longest, most);
  drop_not_allowed(s, allowed);
  return TFM_OK;
}

void tfm_spans_fini(tfm_spans *s)
{
  tfm_free(s->v);
  tfm_free(s->start);
  *s = (tfm_spans){0};
}
