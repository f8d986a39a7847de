#include "coordinator/scale/check.h"

#include "core/base/mem.h"

#include <math.h>
#include <string.h>

enum { KEPT_FLOATS = 16 << 20 };

/* A row as the first run with it had it. */
typedef struct {
  char line[TFM_SHA256_HEX];
  size_t at, n; /* of its numbers in values */
  bool kept;    /* all of them are there */
} known;

struct tfm_scale_check {
  known *rows;
  int64_t nrow, cap;
  float *values;
  size_t nvalue, vcap;
  int64_t next;   /* row of this run */
  size_t at;      /* numbers of that row so far */
  bool fresh;     /* nobody had it before */
  bool differs;   /* it does already */
  tfm_sha256 all; /* lines of this run */
  tfm_scale_verdict seen;
  int64_t nrun;
};

tfm_status tfm_scale_check_open(tfm_scale_check **out, tfm_err *err)
{
  *out = tfm_calloc(1, sizeof **out);
  if (!*out) {
    return tfm_fail(err, TFM_E_NOMEM, "a comparison");
  }
  return TFM_OK;
}

void tfm_scale_check_begin(tfm_scale_check *check)
{
  check->next = 0;
  check->fresh = false;
  check->differs = false;
  check->nrun += 1;
  tfm_sha256_init(&check->all);
}

static void differ(tfm_scale_check *check)
{
  check->seen.differing += !check->differs;
  check->differs = true;
}

/* The row before is complete: as many numbers as it had. */
static void close_row(tfm_scale_check *check)
{
  if (check->next == 0) {
    return;
  }
  const known *row = &check->rows[check->next - 1];
  if (!check->fresh && row->kept && check->at != row->n) {
    differ(check);
  }
}

static tfm_status add_row(tfm_scale_check *check, const char *digest, tfm_err *err)
{
  if (check->nrow == check->cap) {
    const int64_t cap = check->cap ? 2 * check->cap : 1024;
    known *more = tfm_realloc(check->rows, (size_t)cap, sizeof *more);
    if (!more) {
      return tfm_fail(err, TFM_E_NOMEM, "%lld rows to compare", (long long)cap);
    }
    check->rows = more;
    check->cap = cap;
  }
  known *row = &check->rows[check->nrow++];
  *row = (known){.at = check->nvalue, .kept = true};
  memcpy(row->line, digest, sizeof row->line);
  return TFM_OK;
}

tfm_status tfm_scale_check_row(tfm_scale_check *check, const void *line, size_t n, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_sha256 sum;
  char digest[TFM_SHA256_HEX];
  tfm_sha256_init(&sum);
  tfm_sha256_add(&sum, line, n);
  tfm_sha256_hex(&sum, digest);
  close_row(check);
  check->differs = false;
  check->at = 0;
  check->fresh = check->next == check->nrow;
  tfm_sha256_add(&check->all, line, n);
  TFM_TRY(check->fresh ? add_row(check, digest, err) : TFM_OK);
  if (strcmp(check->rows[check->next].line, digest) != 0) {
    differ(check);
  }
  check->next += 1;

fail:
  return st;
}

static tfm_status keep_values(tfm_scale_check *check, known *row, const float *values, size_t n,
                              tfm_err *err)
{
  if (!row->kept || n > KEPT_FLOATS - check->nvalue) {
    check->nvalue = row->at; /* the row is compared by its line alone */
    row->kept = false;
    return TFM_OK;
  }
  if (check->nvalue + n > check->vcap) {
    size_t cap = check->vcap ? check->vcap : 1 << 16;
    while (cap < check->nvalue + n) {
      cap *= 2;
    }
    float *more = tfm_realloc(check->values, cap, sizeof *more);
    if (!more) {
      return tfm_fail(err, TFM_E_NOMEM, "%zu numbers to compare", cap);
    }
    check->values = more;
    check->vcap = cap;
  }
  memcpy(check->values + check->nvalue, values, n * sizeof *values);
  check->nvalue += n;
  row->n += n;
  return TFM_OK;
}

static void compare_values(tfm_scale_check *check, const float *values, const float *before,
                           size_t n)
{
  if (memcmp(values, before, n * sizeof *values) == 0) {
    return;
  }
  differ(check);
  for (size_t i = 0; i < n; ++i) {
    const double delta = fabs((double)values[i] - (double)before[i]);
    const bool worse = !(delta <= check->seen.max_delta); /* NaN is worse than anything */
    if (worse && !isnan(check->seen.max_delta) && !(isnan(values[i]) && isnan(before[i]))) {
      check->seen.max_delta = delta;
    }
  }
}

tfm_status tfm_scale_check_values(tfm_scale_check *check, const float *values, size_t n,
                                  tfm_err *err)
{
  known *row = &check->rows[check->next - 1];
  if (n == 0) {
    return TFM_OK;
  }
  if (check->fresh) {
    return keep_values(check, row, values, n, err);
  }
  if (row->kept && check->at + n > row->n) {
    differ(check);
  } else if (row->kept) {
    compare_values(check, values, check->values + row->at + check->at, n);
  }
  check->at += n;
  return TFM_OK;
}

void tfm_scale_check_end(tfm_scale_check *check, int64_t wanted)
{
  close_row(check);
  check->seen.differing += wanted > check->next ? wanted - check->next : 0;
  check->seen.runs = check->nrun - 1;
  if (check->next > check->seen.rows) { /* the first that had so many */
    check->seen.rows = check->next;
    tfm_sha256_hex(&check->all, check->seen.sha256);
  }
}

tfm_scale_verdict tfm_scale_check_verdict(const tfm_scale_check *check)
{
  return check->seen;
}

bool tfm_scale_check_passed(const tfm_scale_check *check)
{
  return check->seen.runs > 0 && check->seen.rows > 0 && check->seen.differing == 0;
}

void tfm_scale_check_close(tfm_scale_check *check)
{
  if (check) {
    tfm_free(check->rows);
    tfm_free(check->values);
    tfm_free(check);
  }
}
