#include "core/plan/plan.h"

#include "core/base/checked.h"
#include "core/base/mem.h"

#include <math.h>

/* Sums of squares of numbers below 2^52 need more than 64 bits. */
typedef struct {
  uint64_t high, low;
} wide;

static const wide WIDE_MAX = {UINT64_MAX, UINT64_MAX};

static wide wide_square(uint64_t x)
{
  uint64_t top = x >> 32;
  uint64_t bottom = x & UINT32_MAX;
  uint64_t cross = top * bottom; /* twice 2^32 times it is wanted: shift by 33 */
  uint64_t low = bottom * bottom;
  uint64_t sum = low + (cross << 33);
  return (wide){top * top + (cross >> 31) + (sum < low), sum};
}

static wide wide_add(wide a, wide b)
{
  uint64_t low = a.low + b.low;
  return (wide){a.high + b.high + (low < a.low), low};
}

static bool wide_less(wide a, wide b)
{
  return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* The units that may begin the last j parts, and for each the best first cut of those. */
typedef struct {
  int64_t lo, hi; /* begins, both included */
  int32_t *cut;   /* [hi - lo + 1] end of the first of the j parts */
} layer;

typedef struct {
  int64_t n;
  int k;
  uint64_t *sum;  /* [n+1] prefix sums of the scaled costs */
  uint64_t limit; /* the smallest largest sum */
  int32_t *reach; /* [n] where a part that begins there must end at the latest */
  int32_t *runs;  /* [n+1] parts that [i, n) needs at least */
  layer *layers;  /* [k+1], by number of parts left */
  int32_t *cut;   /* what the layers' cuts point into */
  wide *best;     /* [n+1] smallest sum of squares of [i, n) in j - 1 parts */
  wide *next;     /* [n+1] the same for j */
} work;

/* Scale by a power of two, which is exact, then round: see "Numerics" in the header. */
static void scale_costs(work *w, const double *cost)
{
  double total = 0;
  for (int64_t i = 0; i < w->n; ++i) {
    TFM_ASSERT(isfinite(cost[i]) && cost[i] >= 0);
    total += cost[i];
  }
  TFM_ASSERT(isfinite(total));
  int exponent = 0;
  (void)frexp(total, &exponent); /* total < 2^exponent, and so is every part of it */
  for (int64_t i = 0; i < w->n; ++i) {
    w->sum[i + 1] = w->sum[i] + (uint64_t)nearbyint(ldexp(cost[i], 52 - exponent));
  }
}

/* Where the part that begins at i ends when it takes all that the limit allows: the largest c
 * with sum[c] - sum[i] <= limit, at least i + 1. */
static int64_t furthest(const work *w, int64_t i, uint64_t limit)
{
  int64_t lo = i + 1;
  int64_t hi = w->n;
  while (lo < hi) {
    int64_t mid = lo + (hi - lo + 1) / 2;
    if (w->sum[mid] - w->sum[i] <= limit) {
      lo = mid;
    } else {
      hi = mid - 1;
    }
  }
  return lo;
}

/* Greedy: whether k parts of at most `limit` hold everything. Fewer parts can always be split
 * further, so "at most k" is "exactly k". */
static bool fits(const work *w, uint64_t limit)
{
  int64_t at = 0;
  for (int part = 0; part < w->k && at < w->n; ++part) {
    at = furthest(w, at, limit);
  }
  return at == w->n;
}

static uint64_t largest_cost(const work *w)
{
  uint64_t largest = 0;
  for (int64_t i = 0; i < w->n; ++i) {
    uint64_t cost = w->sum[i + 1] - w->sum[i];
    largest = cost > largest ? cost : largest;
  }
  return largest;
}

static void find_limit(work *w)
{
  uint64_t lo = largest_cost(w);
  uint64_t hi = w->sum[w->n];
  while (lo < hi) {
    uint64_t mid = lo + (hi - lo) / 2;
    if (fits(w, mid)) {
      hi = mid;
    } else {
      lo = mid + 1;
    }
  }
  w->limit = lo;
  for (int64_t i = 0; i < w->n; ++i) {
    w->reach[i] = (int32_t)furthest(w, i, lo);
  }
  for (int64_t i = w->n - 1; i >= 0; --i) {
    w->runs[i] = w->runs[w->reach[i]] + 1;
  }
}

/* Which units can begin the last j parts: those that k - j parts can reach, from where j parts
 * reach the end, with a unit for each part on both sides. */
static tfm_status lay_out(work *w)
{
  int64_t furthest_begin = 0;
  size_t room = 0;
  w->layers[w->k] = (layer){.lo = 0, .hi = 0};
  for (int j = w->k - 1; j >= 1; --j) {
    layer *l = &w->layers[j];
    furthest_begin = w->reach[furthest_begin < w->n ? furthest_begin : w->n - 1];
    l->hi = furthest_begin < w->n - j ? furthest_begin : w->n - j;
    l->lo = w->layers[j + 1].lo + 1;
    while (w->runs[l->lo] > j) {
      ++l->lo;
    }
  }
  for (int j = 1; j <= w->k; ++j) {
    TFM_ASSERT(w->layers[j].lo <= w->layers[j].hi);
    room += (size_t)(w->layers[j].hi - w->layers[j].lo + 1);
  }
  w->cut = tfm_calloc(room, sizeof *w->cut);
  if (!w->cut) {
    return TFM_E_NOMEM;
  }
  int32_t *at = w->cut;
  for (int j = 1; j <= w->k; ++j) {
    w->layers[j].cut = at;
    at += w->layers[j].hi - w->layers[j].lo + 1;
  }
  return TFM_OK;
}

/* The best first cut for one begin, looked for in [from, to]; the earliest among equals. */
static int64_t best_cut(work *w, int j, int64_t begin, int64_t from, int64_t to)
{
  const layer *after = &w->layers[j - 1];
  int64_t lo = begin + 1 > after->lo ? begin + 1 : after->lo;
  int64_t hi = w->reach[begin] < after->hi ? w->reach[begin] : after->hi;
  lo = lo > from ? lo : from;
  hi = hi < to ? hi : to;
  TFM_ASSERT(lo <= hi);
  wide least = WIDE_MAX;
  int64_t best = lo;
  for (int64_t c = lo; c <= hi; ++c) {
    wide squares = wide_add(wide_square(w->sum[c] - w->sum[begin]), w->best[c]);
    if (wide_less(squares, least)) {
      least = squares;
      best = c;
    }
  }
  w->next[begin] = least;
  w->layers[j].cut[begin - w->layers[j].lo] = (int32_t)best;
  return best;
}

/* Begins [first, last], whose best cuts are known to lie in [from, to]. A later begin never has
 * an earlier best cut (x^2 of a growing sum obeys the quadrangle inequality, and the limit cuts
 * the table on both sides along rising steps), so the middle one splits the work for the rest.
 * The depth is log2 n. */
static void solve(work *w, int j, tfm_range begins, tfm_range within)
{
  if (begins.first > begins.last) {
    return;
  }
  int64_t mid = begins.first + (begins.last - begins.first) / 2;
  int64_t cut = best_cut(w, j, mid, within.first, within.last);
  solve(w, j, (tfm_range){begins.first, mid - 1}, (tfm_range){within.first, cut});
  solve(w, j, (tfm_range){mid + 1, begins.last}, (tfm_range){cut, within.last});
}

static void choose(work *w, tfm_range *cuts)
{
  const layer *one = &w->layers[1];
  for (int64_t i = one->lo; i <= one->hi; ++i) {
    w->best[i] = wide_square(w->sum[w->n] - w->sum[i]);
    one->cut[i - one->lo] = (int32_t)w->n;
  }
  for (int j = 2; j <= w->k; ++j) {
    solve(w, j, (tfm_range){w->layers[j].lo, w->layers[j].hi}, (tfm_range){0, w->n});
    wide *swap = w->best;
    w->best = w->next;
    w->next = swap;
  }
  int64_t at = 0;
  for (int part = 0; part < w->k; ++part) {
    const layer *l = &w->layers[w->k - part];
    int64_t end = l->cut[at - l->lo];
    cuts[part] = (tfm_range){at, end};
    at = end;
  }
}

static void work_fini(work *w)
{
  tfm_free(w->sum);
  tfm_free(w->reach);
  tfm_free(w->runs);
  tfm_free(w->layers);
  tfm_free(w->cut);
  tfm_free(w->best);
  tfm_free(w->next);
}

tfm_status tfm_partition(const double *cost, int64_t n, int k, tfm_range *cuts, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_ASSERT(k >= 1 && k <= n && n < INT32_MAX);
  size_t room = (size_t)n + 1;
  work w = {.n = n, .k = k};
  w.sum = tfm_calloc(room, sizeof *w.sum);
  w.reach = tfm_calloc(room, sizeof *w.reach);
  w.runs = tfm_calloc(room, sizeof *w.runs);
  w.layers = tfm_calloc((size_t)k + 1, sizeof *w.layers);
  w.best = tfm_calloc(room, sizeof *w.best);
  w.next = tfm_calloc(room, sizeof *w.next);
  st = TFM_E_NOMEM;
  if (w.sum && w.reach && w.runs && w.layers && w.best && w.next) {
    scale_costs(&w, cost);
    find_limit(&w);
    st = lay_out(&w);
  }
  if (st == TFM_OK) {
    choose(&w, cuts);
  } else {
    (void)tfm_fail(err, st, "plan: not enough memory to cut %lld units into %d stages",
                   (long long)n, k);
  }
  work_fini(&w);
  return st;
}
