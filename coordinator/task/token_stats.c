#include "coordinator/task/token_stats.h"

#include "core/base/mem.h"

#include <string.h>

static tfm_status reserve(tfm_token_stats *s, size_t length, tfm_err *err)
{
  if (length < s->cap) {
    return TFM_OK;
  }
  size_t cap = 2 * length + 1024;
  int64_t *counts = tfm_realloc(s->of_length, cap, sizeof *counts);
  if (!counts) {
    return tfm_fail(err, TFM_E_NOMEM, "counting rows of %zu tokens", length);
  }
  memset(counts + s->cap, 0, (cap - s->cap) * sizeof *counts);
  s->of_length = counts;
  s->cap = cap;
  return TFM_OK;
}

tfm_status tfm_token_stats_add(tfm_token_stats *s, size_t bytes, const tfm_encoding *e,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(reserve(s, e->n, err));
  ++s->rows;
  ++s->of_length[e->n];
  s->bytes += (int64_t)bytes;
  s->tokens += (int64_t)e->n;
  s->over += s->max_length && e->n > s->max_length;
  for (size_t i = 0; i < e->n; ++i) {
    s->specials += e->special[i];
    s->unknown += !e->special[i] && e->ids[i] == s->unknown_id;
  }

fail:
  return st;
}

static size_t percentile(const tfm_token_stats *s, int64_t percent)
{
  int64_t wanted = (s->rows * percent + 99) / 100;
  int64_t seen = 0;
  for (size_t n = 0; n < s->cap; ++n) {
    seen += s->of_length[n];
    if (seen >= wanted) {
      return n;
    }
  }
  return 0;
}

tfm_status tfm_token_stats_print(const tfm_token_stats *s, tfm_buf *out)
{
  int64_t own = s->tokens - s->specials;
  (void)tfm_buf_printf(out,
                       "{\"rows\":%lld,\"row_errors\":%lld,\"bytes\":%lld,\"tokens\":%lld,",
                       (long long)(s->rows + s->row_errors), (long long)s->row_errors,
                       (long long)s->bytes, (long long)s->tokens);
  (void)tfm_buf_printf(out, "\"special_tokens\":%lld,\"unknown_tokens\":%lld,",
                       (long long)s->specials, (long long)s->unknown);
  (void)tfm_buf_printf(out, "\"bytes_per_token\":%.4f,\"tokens_mean\":%.2f,",
                       own ? (double)s->bytes / (double)own : 0.0,
                       s->rows ? (double)s->tokens / (double)s->rows : 0.0);
  (void)tfm_buf_printf(out, "\"tokens_p50\":%zu,\"tokens_p99\":%zu,\"tokens_max\":%zu,",
                       percentile(s, 50), percentile(s, 99), percentile(s, 100));
  return tfm_buf_printf(out, "\"max_length\":%zu,\"rows_truncated\":%lld}\n", s->max_length,
                        (long long)s->over);
}

void tfm_token_stats_fini(tfm_token_stats *s)
{
  tfm_free(s->of_length);
  *s = (tfm_token_stats){0};
}
