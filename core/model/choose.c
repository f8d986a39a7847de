#include "core/model/choose.h"

#include "core/base/mem.h"
#include "core/kernels/activation.h"
#include "core/model/lm.h"
#include "core/model/narrow.h"
#include "core/model/process.h"
#include "core/model/rank.h"

#include <float.h>
#include <math.h>
#include <string.h>

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static int64_t branches_of(const tfm__chooser *c)
{
  return most(c->spec->choice.branches, 1);
}

/* How many of the likeliest are looked at. */
static int64_t candidates_of(const tfm_head_spec *spec, int64_t V)
{
  const int64_t asked = spec->choice.candidates;
  if (!spec->choice.sample) {
    return asked < V ? asked : V;
  }
  const int64_t least = asked > 0 ? spec->nonly + 1 : 1;
  const int64_t n = spec->top_k > 0 ? most(spec->top_k, least) : V;
  return n < V ? n : V;
}

/* A slot that goes on from another takes its history over, into a row that is not used. */
static tfm_status open_history(tfm__chooser *chooser, int64_t slots, int64_t longest,
                               tfm_err *err)
{
  const size_t rows = 2 * (size_t)slots;
  const size_t ids = rows * (size_t)longest;
  chooser->slots = slots;
  chooser->bytes += ids * sizeof *chooser->history;
  chooser->history = tfm_alloc_aligned(ids + 1, sizeof *chooser->history);
  chooser->of = tfm_calloc(rows + 1, sizeof *chooser->of);
  chooser->length = tfm_calloc((size_t)slots + 1, sizeof *chooser->length);
  chooser->prompt = tfm_calloc((size_t)slots + 1, sizeof *chooser->prompt);
  chooser->row = tfm_calloc((size_t)slots + 1, sizeof *chooser->row);
  if (!chooser->history || !chooser->of || !chooser->length || !chooser->prompt ||
      !chooser->row) {
    return tfm_fail(err, TFM_E_NOMEM, "what texts hold already: %zu bytes", chooser->bytes);
  }
  for (size_t r = 0; r < rows; ++r) {
    chooser->of[r] = chooser->history + r * (size_t)longest;
  }
  return TFM_OK;
}

tfm_status tfm__chooser_open(tfm__chooser *chooser, const tfm_head_spec *spec, int64_t V,
                             int64_t tile, int64_t slots, int64_t longest, tfm_err *err)
{
  const tfm_choice *c = &spec->choice;
  *chooser = (tfm__chooser){.spec = spec, .V = V, .longest = longest};
  chooser->chooses = spec->lm == TFM_LM_NEXT && (c->sample || c->candidates > 0 ||
                                                 c->branches > 1 || tfm__processes(spec));
  if (!chooser->chooses) {
    return TFM_OK;
  }
  const size_t rows = (size_t)tile;
  chooser->candidates = candidates_of(spec, V);
  chooser->best_floats = tfm__narrow_floats(c, most(chooser->candidates, 1)) +
                         2 * most(chooser->candidates, c->candidates);
  const size_t best = rows * (size_t)chooser->best_floats;
  chooser->bytes = (rows * (size_t)V + best) * sizeof(float) + rows * (size_t)V;
  chooser->scores = tfm_alloc_aligned(rows * (size_t)V, sizeof *chooser->scores);
  chooser->best = tfm_alloc_aligned(best, sizeof *chooser->best);
  chooser->seen = tfm_calloc(rows * (size_t)V, 1);
  if (!chooser->scores || !chooser->best || !chooser->seen) {
    return tfm_fail(err, TFM_E_NOMEM, "the choice of tokens: %zu bytes", chooser->bytes);
  }
  const tfm_status st = tfm__said_check(spec, V, err);
  return st == TFM_OK ? open_history(chooser, slots, longest, err) : st;
}

void tfm__chooser_fini(tfm__chooser *chooser)
{
  tfm_free(chooser->history);
  tfm_free(chooser->of);
  tfm_free(chooser->length);
  tfm_free(chooser->prompt);
  tfm_free(chooser->row);
  tfm_free(chooser->scores);
  tfm_free(chooser->best);
  tfm_free(chooser->seen);
  *chooser = (tfm__chooser){.V = 0};
}

/* Slots that go on from others, all at once: those others may do so too. Row slots + s of `of` is
 * slot s's spare one. */
static void take_over(tfm__chooser *c, const tfm_batch *batch)
{
  for (int64_t b = 0; batch->parent && b < batch->B; ++b) {
    const int32_t slot = batch->slot[b];
    const int32_t from = batch->parent[b];
    memcpy(c->of[c->slots + slot], c->of[from],
           (size_t)batch->start[b] * (from != slot) * sizeof **c->of);
  }
  for (int64_t b = 0; batch->parent && b < batch->B; ++b) {
    const int32_t slot = batch->slot[b];
    if (batch->parent[b] != slot && batch->start[b] > 0) {
      int32_t *row = c->of[slot];
      c->of[slot] = c->of[c->slots + slot];
      c->of[c->slots + slot] = row;
      /* All branches of a text have the same; another text has one of its own. */
      c->prompt[slot] =
          c->row[batch->parent[b]] == batch->row[b] ? c->prompt[batch->parent[b]] : 0;
    }
  }
}

void tfm__chooser_take(tfm__chooser *chooser, const tfm_batch *batch)
{
  int64_t m = 0;
  if (!chooser->chooses) {
    return;
  }
  take_over(chooser, batch);
  for (int64_t b = 0; b < batch->B; ++b) {
    const int32_t slot = batch->slot[b];
    const int32_t first = batch->cu_len[b];
    const int64_t n = batch->cu_len[b + 1] - first;
    if (batch->start[b] == 0) {
      chooser->prompt[slot] = 0;
    }
    chooser->row[slot] = batch->row[b];
    memcpy(chooser->of[slot] + batch->start[b], batch->ids + first,
           (size_t)n * sizeof *batch->ids);
    chooser->length[slot] = batch->start[b] + n;
    const bool marked = m < batch->nmark && batch->marks[m] < batch->cu_len[b + 1];
    m += marked;
    if (marked && chooser->prompt[slot] == 0) {
      chooser->prompt[slot] = chooser->length[slot];
    }
  }
}

/* ---- random numbers ---- */

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

/* In 0 <= u < 1, of 53 bits; `use` tells those of one step apart. */
static double uniform(const tfm__chooser *c, const tfm__past *p, uint32_t use)
{
  const uint64_t seed = (uint64_t)c->spec->choice.seed;
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  const uint32_t counter[4] = {p->row, (uint32_t)p->made, (uint32_t)p->branch, use};
  uint32_t out[4];
  tfm__philox(counter, key, out);
  const uint64_t bits = ((uint64_t)out[0] << 32 | out[1]) >> 11;
  return (double)bits * 0x1p-53;
}

/* ---- choosing ---- */

/* Candidates, best first: scores, ids, probabilities of c->candidates each. Returns how many. */
static int64_t narrow(const tfm__chooser *c, float *z, float *best)
{
  const tfm_choice *choice = &c->spec->choice;
  for (int64_t i = 0; choice->temperature > 0.0 && i < c->V; ++i) {
    z[i] /= (float)choice->temperature;
  }
  tfm__rank(z, c->V, c->candidates, best);
  return tfm__narrow(choice, choice->candidates > 0 ? c->spec->nonly + 1 : 1, best,
                     c->candidates);
}

static int64_t draw(const tfm__chooser *c, const tfm__past *text, float *z, float *best)
{
  const int64_t n = c->candidates;
  const int64_t kept = narrow(c, z, best);
  const float *p = best + 2 * n;
  double all = 0.0;
  for (int64_t i = 0; i < kept; ++i) {
    all += (double)p[i];
  }
  const double mark = uniform(c, text, 0) * all;
  double sum = 0.0;
  for (int64_t i = 0; i < kept; ++i) {
    sum += (double)p[i];
    if (mark < sum) {
      return (int64_t)best[n + i];
    }
  }
  return (int64_t)best[n + kept - 1];
}

/* A number that is finite, as all that travel are. */
static float lowest(float x)
{
  return x < -FLT_MAX ? -FLT_MAX : x;
}

/* The k best of n candidates that are drawn without replacement by their scores: with noise of
 * Gumbel's distribution added, the best are such a draw (Yellott 1977; Vieira 2014). */
static void draw_several(const tfm__chooser *c, const tfm__past *text, float *z, float *best,
                         float *result)
{
  const int64_t k = c->spec->choice.candidates;
  const int64_t n = c->candidates;
  const int64_t kept = narrow(c, z, best);
  float *key = z; /* the scores are in `best` now */
  float *order = best + tfm__narrow_floats(&c->spec->choice, n);
  double all = 0.0;
  for (int64_t i = 0; i < kept; ++i) {
    const double u = uniform(c, text, (uint32_t)best[n + i] + 1);
    key[i] = best[i] - (float)log(-log(u + 0x1p-54));
    all += (double)best[2 * n + i];
  }
  const int64_t given = kept < k ? kept : k;
  for (int64_t i = 0; c->spec->choice.renormalize && i < kept; ++i) {
    best[i] = (float)log((double)best[2 * n + i] / all);
  }
  tfm__rank(key, kept, given, order);
  for (int64_t i = 0; i < k; ++i) {
    const int64_t at = i < given ? (int64_t)order[given + i] : 0;
    result[i] = i < given ? best[n + at] : 0.0f;
    result[k + i] = i < given ? lowest(best[at]) : -FLT_MAX;
    result[2 * k + i] = i < given ? lowest(key[at]) : -FLT_MAX;
  }
}

static void take_best(const tfm__chooser *c, float *z, int64_t place, float *result)
{
  const int64_t k = c->spec->choice.candidates;
  const int64_t given = c->candidates;
  float *best = c->best + place * c->best_floats;
  if (c->spec->choice.renormalize) {
    tfm__log_probabilities(z, c->V, c->scores + place * c->V);
  }
  tfm__rank(z, c->V, given, best);
  for (int64_t i = 0; i < k; ++i) {
    result[i] = i < given ? best[given + i] : 0.0f;
    result[k + i] = i < given ? lowest(best[i]) : -FLT_MAX;
  }
}

/* ---- a row ---- */

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

static tfm__past look_back(const tfm__chooser *c, const tfm_batch *batch, int64_t m)
{
  const int64_t at = batch->marks[m];
  const int64_t b = sequence_of(batch, at);
  const int32_t first = batch->cu_len[b];
  tfm__past p = {.row = batch->row ? batch->row[b] : 0};
  if (batch->slot) {
    const int32_t slot = batch->slot[b];
    p.ids = c->of[slot];
    p.n = c->length[slot];
    p.made = p.n - c->prompt[slot];
    p.branch = slot % branches_of(c);
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

static int64_t pick(const tfm__chooser *c, const tfm__past *p, float *z, int64_t place)
{
  tfm__process(c->spec, p, z, c->V, c->longest, c->seen + place * c->V);
  return c->spec->choice.sample ? draw(c, p, z, c->best + place * c->best_floats)
                                : tfm__likeliest(z, c->V);
}

/* Pairs of id and log-probability: of each branch where they part, else of one. */
static void pick_branches(const tfm__chooser *c, tfm__past *p, float *z, int64_t place,
                          float *result)
{
  const int64_t branches = branches_of(c);
  const size_t bytes = (size_t)c->V * sizeof *z;
  float *scores = c->scores + place * c->V;
  const int64_t n = p->made == 0 ? branches : 1;
  memset(result, 0, (size_t)(2 * branches) * sizeof *result);
  for (int64_t i = 0; i < n; ++i) {
    p->branch = n > 1 ? i : p->branch;
    memcpy(scores, z, bytes);
    const int64_t id = pick(c, p, scores, place);
    memcpy(scores, z, bytes);
    result[2 * i] = (float)id;
    result[2 * i + 1] = tfm__log_probability(scores, c->V, id);
  }
}

void tfm__chooser_row(const tfm__chooser *chooser, const tfm_batch *batch, int64_t m, float *z,
                      int64_t place, float *result)
{
  const tfm__chooser *c = chooser;
  if (!c->chooses) {
    const int64_t id = tfm__likeliest(z, c->V);
    result[0] = (float)id;
    result[1] = tfm__log_probability(z, c->V, id);
    return;
  }
  tfm__past p = look_back(c, batch, m);
  if (c->spec->choice.candidates == 0) {
    pick_branches(c, &p, z, place, result);
    return;
  }
  tfm__log_probabilities(z, c->V, c->scores + place * c->V);
  tfm__process(c->spec, &p, z, c->V, c->longest, c->seen + place * c->V);
  if (c->spec->choice.sample) {
    draw_several(c, &p, z, c->best + place * c->best_floats, result);
  } else {
    take_best(c, z, place, result);
  }
}
