#include "core/plan/plan.h"

#include "core/base/mem.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN = 32 }; /* characters of a part that a message repeats */

/* One part of the list while it is read. */
typedef struct {
  const char *begin, *end; /* its characters */
  const char *p;           /* where reading is */
  int number;              /* from 1 */
  char shown[SHOWN + 1];   /* safe to print whatever was typed */
} part;

static part part_at(const char *begin, int number)
{
  part t = {.begin = begin, .end = begin + strcspn(begin, ","), .p = begin, .number = number};
  size_t n = (size_t)(t.end - t.begin);
  for (size_t i = 0; i < n && i < SHOWN; ++i) {
    t.shown[i] = begin[i] >= ' ' && begin[i] <= '~' ? begin[i] : '?';
  }
  return t;
}

static tfm_status refuse(const part *t, tfm_err *err, const char *why)
{
  return tfm_fail(err, TFM_E_USAGE, "--layers: part %d, \"%s\": %s", t->number, t->shown, why);
}

/* A layer number; larger ones than any model has are all the same. */
static tfm_status read_layer(part *t, int64_t *layer, tfm_err *err)
{
  enum { TOO_LARGE = 1000000 };
  if (t->p == t->end) {
    return refuse(t, err,
                  t->begin == t->end ? "empty; wanted a layer or a range like 0-2a"
                                     : "a layer number is missing at its end");
  }
  if (*t->p < '0' || *t->p > '9') {
    return refuse(t, err, "wanted a layer number, like 2, 2a (attention) or 2f (ffn)");
  }
  *layer = 0;
  for (; t->p < t->end && *t->p >= '0' && *t->p <= '9'; ++t->p) {
    *layer = *layer * 10 + (*t->p - '0');
    *layer = *layer > TOO_LARGE ? TOO_LARGE : *layer;
  }
  return TFM_OK;
}

/* A layer and its suffix as the units [first, last) it names. */
static tfm_status read_place(part *t, tfm_range *place, tfm_err *err)
{
  int64_t layer = 0;
  tfm_status st = read_layer(t, &layer, err);
  *place = (tfm_range){2 * layer, 2 * layer + 2};
  if (st == TFM_OK && t->p < t->end && *t->p == 'a') {
    --place->last;
    ++t->p;
  } else if (st == TFM_OK && t->p < t->end && *t->p == 'f') {
    ++place->first;
    ++t->p;
  }
  return st;
}

static tfm_status read_part(part *t, tfm_range *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_range begin = {0};
  TFM_TRY(read_place(t, &begin, err));
  tfm_range end = begin;
  if (t->p < t->end && *t->p == '-') {
    ++t->p;
    TFM_TRY(read_place(t, &end, err));
  }
  if (t->p < t->end) {
    return refuse(t, err,
                  "wanted a layer (2, 2a, 2f) or a range (0-2a), and nothing behind it");
  }
  if (end.last <= begin.first) {
    return refuse(t, err, "it ends before it begins");
  }
  *out = (tfm_range){begin.first, end.last};

fail:
  return st;
}

/* The name of one unit: "layer 2's attention". */
static tfm_status refuse_unit(const part *t, tfm_err *err, const char *before, int64_t unit,
                              const char *after)
{
  return tfm_fail(err, TFM_E_USAGE, "--layers: part %d, \"%s\": %s layer %" PRId64 "'s %s %s",
                  t->number, t->shown, before, unit / 2, unit % 2 ? "ffn" : "attention", after);
}

/* Whether the range goes on where the last one ended. */
static tfm_status check_joint(const part *t, tfm_range range, int64_t at, int64_t nunit,
                              tfm_err *err)
{
  if (range.last > nunit) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--layers: part %d, \"%s\": the model has layers 0-%" PRId64 " only",
                    t->number, t->shown, (nunit - 1) / 2);
  }
  if (range.first < at) {
    return refuse_unit(t, err, "it holds", range.first, "again, which an earlier part has");
  }
  if (range.first > at) {
    return refuse_unit(t, err, "before it", at, "is in no part");
  }
  return TFM_OK;
}

static size_t count_parts(const char *text)
{
  size_t count = 1;
  for (; *text; ++text) {
    count += *text == ',';
  }
  return count;
}

tfm_status tfm_range_parse(const char *text, int64_t nunit, tfm_range **cuts, int *k,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  part t = part_at(text, 1);
  int64_t at = 0;
  /* No part is empty and none may overlap: more than nunit of them end in a refusal before the
   * array does. */
  size_t room = count_parts(text);
  room = room < (uint64_t)nunit ? room : (size_t)nunit;
  *cuts = tfm_calloc(room, sizeof **cuts);
  *k = 0;
  if (!*cuts) {
    return tfm_fail(err, TFM_E_NOMEM, "--layers: not enough memory for %zu parts", room);
  }
  for (;;) {
    tfm_range range = {0};
    TFM_TRY(read_part(&t, &range, err));
    TFM_TRY(check_joint(&t, range, at, nunit, err));
    (*cuts)[(*k)++] = range;
    at = range.last;
    if (*t.end == '\0') {
      break;
    }
    t = part_at(t.end + 1, t.number + 1);
  }
  if (at < nunit) {
    TFM_TRY(refuse_unit(&t, err, "after it", at, "is in no part"));
  }
  return TFM_OK;

fail:
  tfm_free(*cuts);
  *cuts = NULL;
  *k = 0;
  return st;
}

tfm_status tfm_range_print(tfm_range range, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  if (range.last <= range.first) {
    return tfm_buf_char(out, '-');
  }
  int64_t first = range.first / 2;
  int64_t last = (range.last - 1) / 2;
  TFM_TRY(tfm_buf_printf(out, "%" PRId64, first));
  if (range.first % 2) {
    TFM_TRY(tfm_buf_char(out, 'f'));
  }
  if (last > first) {
    TFM_TRY(tfm_buf_printf(out, "-%" PRId64, last));
  }
  if (range.last % 2) {
    TFM_TRY(tfm_buf_char(out, 'a'));
  }

fail:
  return st;
}
