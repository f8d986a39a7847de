#include "core/model/rank.h"

#include <math.h>
#include <stdbool.h>

/* A heap of the best so far with the worst on top: scores in best [k], places in best [k..2k). */
typedef struct {
  float *score, *place;
  int64_t n;
} heap;

static bool worse(float score_a, float place_a, float score_b, float place_b)
{
  if (score_a > score_b || score_a < score_b) {
    return score_a < score_b;
  }
  if (isnan(score_a) != isnan(score_b)) {
    return isnan(score_a);
  }
  return place_a > place_b;
}

static bool worse_at(const heap *h, int64_t a, int64_t b)
{
  return worse(h->score[a], h->place[a], h->score[b], h->place[b]);
}

static void swap(heap *h, int64_t a, int64_t b)
{
  const float score = h->score[a];
  const float place = h->place[a];
  h->score[a] = h->score[b];
  h->place[a] = h->place[b];
  h->score[b] = score;
  h->place[b] = place;
}

static void sink(heap *h, int64_t i)
{
  for (;;) {
    int64_t worst = i;
    for (int64_t child = 2 * i + 1; child <= 2 * i + 2 && child < h->n; ++child) {
      worst = worse_at(h, child, worst) ? child : worst;
    }
    if (worst == i) {
      return;
    }
    swap(h, i, worst);
    i = worst;
  }
}

void tfm__rank(const float *p, int64_t n, int64_t k, float *best)
{
  heap h = {.score = best, .place = best + k, .n = k};
  for (int64_t i = 0; i < k; ++i) {
    h.score[i] = p[i];
    h.place[i] = (float)i;
  }
  for (int64_t i = k / 2; i-- > 0;) {
    sink(&h, i);
  }
  for (int64_t i = k; i < n; ++i) {
    if (worse(h.score[0], h.place[0], p[i], (float)i)) {
      h.score[0] = p[i];
      h.place[0] = (float)i;
      sink(&h, 0);
    }
  }
  while (h.n > 1) { /* the worst goes to the end, again and again */
    --h.n;
    swap(&h, 0, h.n);
    sink(&h, 0);
  }
}
