#include "core/model/choose.h"

#include "core/base/mem.h"
#include "core/kernels/activation.h"
#include "core/model/lm.h"
#include "core/model/rank.h"

#include <math.h>
#include <string.h>

/* What a pick looks back on. */
typedef struct {
  const int32_t *ids; /* [n] */
  int64_t n, made;    /* of which so many were added */
  uint32_t row;
} past;

static bool differs_from_one(double x)
{
  return x > 0.0 && (x < 1.0 || x > 1.0);
}

tfm_status tfm__chooser_open(tfm__chooser *chooser, const tfm_head_spec *spec, int64_t V,
                             int64_t tile, int64_t slots, int64_t longest, tfm_err *err)
{
  const tfm_choice *c = &spec->choice;
  *chooser = (tfm__chooser){.spec = spec, .V = V, .longest = longest};
  chooser->chooses =
      spec->lm == TFM_LM_NEXT && (c->sample || differs_from_one(c->repetition_penalty) ||
                                  c->no_repeat_ngram > 0 || c->min_new > 0);
  if (!chooser->chooses) {
    return TFM_OK;
  }
  chooser->candidates = spec->top_k > 0 && spec->top_k < V ? spec->top_k : V;
  const size_t rows = (size_t)tile;
  const size_t history = (size_t)(slots * longest);
  const size_t best = rows * 3 * (size_t)chooser->candidates;
  chooser->bytes =
      (rows * (size_t)V + best) * sizeof(float) + rows * (size_t)V + history * sizeof(int32_t);
  chooser->history = tfm_alloc_aligned(history + 1, sizeof *chooser->history);
  chooser->length = tfm_calloc((size_t)slots + 1, sizeof *chooser->length);
  chooser->prompt = tfm_calloc((size_t)slots + 1, sizeof *chooser->prompt);
  chooser->scores = tfm_alloc_aligned(rows * (size_t)V, sizeof *chooser->scores);
  chooser->best = tfm_alloc_aligned(best, sizeof *chooser->best);
  chooser->seen = tfm_calloc(rows * (size_t)V, 1);
  if (!chooser->history || !chooser->length || !chooser->prompt || !chooser->scores ||
      !chooser->best || !chooser->seen) {
    return tfm_fail(err, TFM_E_NOMEM, "what texts hold already: %zu bytes", chooser->bytes);
  }
  return TFM_OK;
}

void tfm__chooser_fini(tfm__chooser *chooser)
{
  tfm_free(chooser->history);
  tfm_free(chooser->length);
  tfm_free(chooser->prompt);
  tfm_free(chooser->scores);
  tfm_free(chooser->best);
  tfm_free(chooser->seen);
  *chooser = (tfm__chooser){.V = 0};
}

void tfm__chooser_take(tfm__chooser *chooser, const tfm_batch *batch)
{
  int64_t m = 0;
  for (int64_t b = 0; chooser->chooses && b < batch->B; ++b) {
    const int32_t slot = batch->slot[b];
    const int32_t first = batch->cu_len[b];
    const int64_t n = batch->cu_len[b + 1] - first;
    if (batch->start[b] == 0) {
      chooser->prompt[slot] = 0;
    }
    memcpy(chooser->history + slot * chooser->longest + batch->start[b], batch->ids + first,
           (size_t)n * sizeof *batch->ids);
    chooser->length[slot] = batch->start[b] + n;
    const bool marked = m < batch->nmark && batch->marks[m] < batch->cu_len[b + 1];
    m += marked;
    if (marked && chooser->prompt[slot] == 0) {
      chooser->prompt[slot] = chooser->length[slot];
    }
  }
}

/* ---- what the text holds already ---- */

/* Positive scores of tokens that are there are divided, negative ones multiplied, each once. */
static void penalize(float *z, const past *p, float penalty, unsigned char *seen)
{
  for (int64_t i = 0; i < p->n; ++i) {
    const int32_t id = p->ids[i];
    if (!seen[id]) {
      seen[id] = 1;
      z[id] = z[id] < 0.0f ? z[id] * penalty : z[id] / penalty;
    }
  }
  for (int64_t i = 0; i < p->n; ++i) {
    seen[p->ids[i]] = 0;
  }
}

/* Tokens that would complete a run of `n` that is there already cannot follow. */
static void forbid_runs(float *z, const past *p, int64_t n)
{
  if (p->n < n) {
    return;
  }
  const int32_t *tail = p->ids + p->n - (n - 1);
  for (int64_t i = 0; i + n <= p->n; ++i) {
    if (memcmp(p->ids + i, tail, (size_t)(n - 1) * sizeof *tail) == 0) {
      z[p->ids[i + n - 1]] = -INFINITY;
    }
  }
}

static void change_scores(const tfm__chooser *c, const past *p, float *z, unsigned char *seen)
{
  const tfm_choice *choice = &c->spec->choice;
  if (differs_from_one(choice->repetition_penalty)) {
    penalize(z, p, (float)choice->repetition_penalty, seen);
  }
  if (choice->no_repeat_ngram > 0) {
    forbid_runs(z, p, choice->no_repeat_ngram);
  }
  for (int32_t i = 0; p->made < choice->min_new && i < c->spec->nonly; ++i) {
    z[c->spec->only[i]] = -INFINITY;
  }
}

/* ---- sampling ---- */

void tfm__philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
  uint32_t k0 = key[0];
  uint32_t k1 = key[1];
  memcpy(out, counter, 4 * sizeof *out);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = UINT64_C(0xD2511F53) * out[0];
    const uint64_t b = UINT64_C(0xCD9E8D57) * out[2];
    const uint32_t next[4] = {(uint32_t)(b >> 32) ^ out[1] ^ k0, (uint32_t)b,
                              (uint32_t)(a >> 32) ^ out[3] ^ k1, (uint32_t)a};
    memcpy(out, next, sizeof next);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

/* In 0 <= u < 1, of 53 bits. */
static double uniform(const tfm__chooser *c, const past *p)
{
  const uint64_t seed = (uint64_t)c->spec->choice.seed;
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  const uint32_t counter[4] = {p->row, (uint32_t)p->made, 0, 0};
  uint32_t out[4];
  tfm__philox(counter, key, out);
  const uint64_t bits = ((uint64_t)out[0] << 32 | out[1]) >> 11;
  return (double)bits * 0x1p-53;
}

/* How many of the candidates, best first with their probabilities, stay. */
static int64_t narrow(const tfm_choice *choice, const float *p, int64_t n)
{
  double tail = 0.0;
  int64_t kept = n;
  while (choice->top_p > 0.0 && kept > 1 && tail + (double)p[kept - 1] <= 1.0 - choice->top_p) {
    tail += (double)p[kept - 1];
    --kept;
  }
  while (kept > 1 && (double)p[kept - 1] < choice->min_p * (double)p[0]) {
    --kept;
  }
  return kept;
}

static int64_t draw(const tfm__chooser *c, const past *text, float *z, float *best)
{
  const tfm_choice *choice = &c->spec->choice;
  const int64_t n = c->candidates;
  float *p = best + 2 * n;
  for (int64_t i = 0; choice->temperature > 0.0 && i < c->V; ++i) {
    z[i] /= (float)choice->temperature;
  }
  tfm__rank(z, c->V, n, best);
  tfm_softmax(best, n, p);
  const int64_t kept = narrow(choice, p, n);
  double all = 0.0;
  for (int64_t i = 0; i < kept; ++i) {
    all += (double)p[i];
  }
  const double mark = uniform(c, text) * all;
  double sum = 0.0;
  for (int64_t i = 0; i < kept; ++i) {
    sum += (double)p[i];
    if (mark < sum) {
      return (int64_t)best[n + i];
    }
  }
  return (int64_t)best[n + kept - 1];
}

/* ---- a pick ---- */

static int64_t sequence_of(const tfm_batch *batch, int64_t row)
{
  int64_t b = 0;
  int64_t high = batch->B; /* the last b with cu_len[b] <= row is in b .. high - 1 */
  while (high - b > 1) {
    const int64_t middle = b + (high - b) / 2;
    b = batch->cu_len[middle] <= row ? middle : b;
    high = batch->cu_len[middle] <= row ? high : middle;
  }
  return b;
}

static past look_back(const tfm__chooser *c, const tfm_batch *batch, int64_t m)
{
  const int64_t at = batch->marks[m];
  const int64_t b = sequence_of(batch, at);
  const int32_t first = batch->cu_len[b];
  past p = {.row = batch->row ? batch->row[b] : 0};
  if (batch->slot) {
    const int32_t slot = batch->slot[b];
    p.ids = c->history + slot * c->longest;
    p.n = c->length[slot];
    p.made = p.n - c->prompt[slot];
    return p;
  }
  int64_t begin = m;
  while (begin > 0 && batch->marks[begin - 1] >= first) {
    --begin;
  }
  p.ids = batch->ids + first;
  p.n = at + 1 - first;
  p.made = at - batch->marks[begin];
  return p;
}

int64_t tfm__chooser_pick(const tfm__chooser *chooser, const tfm_batch *batch, int64_t m,
                          const float *z, int64_t place)
{
  if (!chooser->chooses) {
    return tfm__likeliest(z, chooser->V);
  }
  const past p = look_back(chooser, batch, m);
  float *scores = chooser->scores + place * chooser->V;
  memcpy(scores, z, (size_t)chooser->V * sizeof *scores);
  change_scores(chooser, &p, scores, chooser->seen + place * chooser->V);
  if (!chooser->spec->choice.sample) {
    return tfm__likeliest(scores, chooser->V);
  }
  return draw(chooser, &p, scores, chooser->best + place * 3 * chooser->candidates);
}
