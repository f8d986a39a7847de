#include "core/model/wanted.h"

#include "core/model/arch/registry.h"

#include <stddef.h>
#include <string.h>

/* What one of the poolings looks at. A prompt's tokens come first, and are left out by some. */
static tfm_wanted wanted_by(tfm_pooling pooling)
{
  return pooling == TFM_POOLING_CLS          ? TFM_WANTED_FIRST
         : pooling == TFM_POOLING_LAST_TOKEN ? TFM_WANTED_LAST
                                             : TFM_WANTED_ALL;
}

static tfm_wanted wanted_by_pooling(const tfm_model *model)
{
  const tfm_sentence *s = &model->sentence;
  const bool own = model->spec.pooling != TFM_POOLING_AUTO || !s->there;
  if (s->after_prompt || (!own && s->npool < 1)) {
    return TFM_WANTED_ALL;
  }
  const tfm_wanted first = wanted_by(own ? model->spec.pooling : s->pool[0]);
  for (int i = 1; !own && i < s->npool; ++i) {
    if (wanted_by(s->pool[i]) != first) {
      return TFM_WANTED_ALL;
    }
  }
  return first;
}

tfm_wanted tfm__wanted_of(const tfm_model *model)
{
  const tfm__head_row *row = tfm__arch_head(model->config.arch, model->config.task);
  if (!row) {
    return TFM_WANTED_ALL;
  }
  switch (row->view) {
  case TFM__VIEW_FIRST:
    return model->config.head_mean ? TFM_WANTED_ALL : TFM_WANTED_FIRST;
  case TFM__VIEW_LAST:
    return TFM_WANTED_LAST;
  case TFM__VIEW_MARKED:
    return TFM_WANTED_MARKED;
  case TFM__VIEW_LM:
    return model->spec.lm == TFM_LM_NEXT ? TFM_WANTED_MARKED : TFM_WANTED_ALL;
  case TFM__VIEW_POOLED:
    return wanted_by_pooling(model);
  case TFM__VIEW_EACH:
    break;
  }
  return TFM_WANTED_ALL;
}

/* The token of sequence [first, end) that is looked at in the last one's place; a mark that is not
 * its own, which a sender that is not ours might say, is none. */
static int32_t last_of(const tfm_batch *batch, int64_t b, int32_t first, int32_t end)
{
  const int32_t mark = batch->nmark == batch->B ? batch->marks[b] : end - 1;
  return (mark >= first && mark < end ? mark : end - 1) - first;
}

void tfm__wanted_spans(tfm_wanted wanted, const tfm_batch *batch, int32_t *spans)
{
  int64_t mark = 0;
  for (int64_t b = 0; b < batch->B; ++b, spans += 2) {
    const int32_t first = batch->cu_len[b];
    const int32_t end = batch->cu_len[b + 1];
    spans[0] = 0;
    spans[1] = wanted == TFM_WANTED_FIRST ? 1 : end - first;
    if (wanted == TFM_WANTED_LAST) {
      spans[0] = last_of(batch, b, first, end);
      spans[1] = spans[0] + 1;
    } else if (wanted == TFM_WANTED_MARKED) {
      spans[1] = 0;
      for (; mark < batch->nmark && batch->marks[mark] < end; ++mark) {
        spans[0] = spans[1] == 0 ? batch->marks[mark] - first : spans[0];
        spans[1] = batch->marks[mark] - first + 1;
      }
    }
  }
}

int64_t tfm__wanted_count(const int32_t *spans, int64_t B)
{
  int64_t n = 0;
  for (int64_t b = 0; b < B; ++b) {
    n += spans[2 * b + 1] - spans[2 * b];
  }
  return n;
}

int64_t tfm__wanted_to_front(const int32_t *spans, const int32_t *cu_len, int64_t B,
                             int64_t width, float *x)
{
  int64_t n = 0;
  for (int64_t b = 0; b < B; ++b, spans += 2) {
    const int64_t rows = spans[1] - spans[0];
    memmove(x + n * width, x + (cu_len[b] - cu_len[0] + spans[0]) * width,
            (size_t)(rows * width) * sizeof *x);
    n += rows;
  }
  return n;
}

void tfm__wanted_back(const int32_t *spans, const int32_t *cu_len, int64_t B, int64_t width,
                      float *x)
{
  int64_t n = tfm__wanted_count(spans, B);
  for (int64_t b = B - 1; b >= 0; --b) {
    const int64_t rows = spans[2 * b + 1] - spans[2 * b];
    n -= rows;
    memmove(x + (cu_len[b] - cu_len[0] + spans[2 * b]) * width, x + n * width,
            (size_t)(rows * width) * sizeof *x);
  }
}

void tfm__wanted_lengths(const int32_t *spans, int64_t B, int32_t *cu_len)
{
  cu_len[0] = 0;
  for (int64_t b = 0; b < B; ++b, spans += 2) {
    cu_len[b + 1] = cu_len[b] + spans[1] - spans[0];
  }
}
