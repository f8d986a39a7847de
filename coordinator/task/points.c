#include "coordinator/task/points.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"

static tfm_status reserve(int32_t **at, size_t *cap, size_t n, tfm_err *err)
{
  if (n <= *cap) {
    return TFM_OK;
  }
  int32_t *larger = tfm_realloc(*at, n, sizeof *larger);
  if (!larger) {
    return tfm_fail(err, TFM_E_NOMEM, "offsets of %zu bytes", n - 1);
  }
  *at = larger;
  *cap = n;
  return TFM_OK;
}

tfm_status tfm_points_find(tfm_points *points, tfm_span text, tfm_offsets unit, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const bool wide = unit == TFM_OFFSETS_UTF16;
  int32_t units = 0;
  int32_t n = 0;
  TFM_TRY(reserve(&points->byte, &points->cap, text.n + 1, err));
  if (wide) {
    TFM_TRY(reserve(&points->utf16, &points->cap16, text.n + 1, err));
  }
  for (size_t i = 0; i < text.n; ++n) {
    size_t len = 0;
    const uint32_t c = tfm_utf8_decode(text.p + i, &len);
    points->byte[n] = (int32_t)i;
    if (wide) {
      points->utf16[n] = units;
      units += c >= 0x10000 ? 2 : 1;
    }
    i += len;
  }
  points->byte[n] = (int32_t)text.n;
  if (wide) {
    points->utf16[n] = units;
  }
  points->text = text;
  points->n = n;
  points->unit = unit;

fail:
  return st;
}

tfm_span tfm_points_slice(const tfm_points *points, int32_t begin, int32_t end)
{
  const int32_t from = points->byte[begin];
  return (tfm_span){points->text.p + from, (size_t)(points->byte[end] - from)};
}

int32_t tfm_points_place(const tfm_points *points, int32_t point)
{
  switch (points->unit) {
  case TFM_OFFSETS_BYTE:
    return points->byte[point];
  case TFM_OFFSETS_UTF16:
    return points->utf16[point];
  case TFM_OFFSETS_CHAR:
    break;
  }
  return point;
}

void tfm_points_fini(tfm_points *points)
{
  tfm_free(points->byte);
  tfm_free(points->utf16);
  *points = (tfm_points){0};
}
