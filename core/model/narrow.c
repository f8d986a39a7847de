#include "core/model/narrow.h"

#include "core/kernels/activation.h"
#include "core/model/rank.h"

#include <math.h>

/* The candidates that are left, best first; p adds up to `all`. */
typedef struct {
  float *score, *id, *p;
  int64_t n, least;
  double all;
} left;

static void drop_last(left *l)
{
  --l->n;
  l->all -= (double)l->p[l->n];
}

static void sum_up(left *l)
{
  l->all = 0.0;
  for (int64_t i = 0; i < l->n; ++i) {
    l->all += (double)l->p[i];
  }
}

static void by_mass(left *l, double top_p)
{
  double tail = 0.0;
  while (l->n > l->least && tail + (double)l->p[l->n - 1] / l->all <= 1.0 - top_p) {
    tail += (double)l->p[l->n - 1] / l->all;
    --l->n;
  }
  sum_up(l);
}

static void below(left *l, double p)
{
  while (l->n > l->least && (double)l->p[l->n - 1] < p) {
    drop_last(l);
  }
}

static double entropy_of(const left *l)
{
  double h = 0.0;
  for (int64_t i = 0; i < l->n; ++i) {
    const double p = (double)l->p[i] / l->all;
    h -= p > 0.0 ? p * log(p) : 0.0;
  }
  return h;
}

/* Those whose surprise is nearest to the expected one, until they have the mass. far [n],
 * order [2n]: scratch. */
static void by_typicality(left *l, double mass, float *far, float *order)
{
  const double expected = entropy_of(l);
  double sum = 0.0;
  int64_t last = 0;
  for (int64_t i = 0; i < l->n; ++i) {
    far[i] = -(float)fabs(-log((double)l->p[i] / l->all) - expected);
  }
  tfm__rank(far, l->n, l->n, order);
  while (last < l->n - 1 &&
         (sum += (double)l->p[(int64_t)order[l->n + last]] / l->all) < mass) {
    ++last;
  }
  const int64_t least = l->least < l->n ? l->least : l->n;
  last = last < least - 1 ? least - 1 : last;
  int64_t kept = 0;
  for (int64_t i = 0; i < l->n; ++i) {
    if (far[i] >= order[last]) {
      l->score[kept] = l->score[i];
      l->id[kept] = l->id[i];
      l->p[kept] = l->p[i];
      ++kept;
    }
  }
  l->n = kept;
  sum_up(l);
}

int64_t tfm__narrow(const tfm_choice *choice, int64_t least, float *best, int64_t n)
{
  left l = {.score = best, .id = best + n, .p = best + 2 * n, .n = n, .least = least};
  tfm_softmax(l.score, n, l.p);
  sum_up(&l);
  if (choice->top_p > 0.0) {
    by_mass(&l, choice->top_p);
  }
  below(&l, choice->min_p * (double)l.p[0]);
  if (choice->typical_p > 0.0 && choice->typical_p < 1.0) {
    by_typicality(&l, choice->typical_p, best + 3 * n, best + 4 * n);
  }
  below(&l, choice->epsilon_cutoff * l.all);
  if (choice->eta_cutoff > 0.0) {
    const double eta = sqrt(choice->eta_cutoff) * exp(-entropy_of(&l));
    below(&l, (eta < choice->eta_cutoff ? eta : choice->eta_cutoff) * l.all);
  }
  return l.n;
}
