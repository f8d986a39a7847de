#include "core/model/process.h"

#include <math.h>
#include <string.h>

static bool differs_from_one(double x)
{
  return x > 0.0 && (x < 1.0 || x > 1.0);
}

bool tfm__processes(const tfm_head_spec *spec)
{
  const tfm_choice *c = &spec->choice;
  return differs_from_one(c->repetition_penalty) || c->no_repeat_ngram > 0 || c->min_new > 0 ||
         c->min_length > 0 || c->force_first > 0 || c->force_last > 0 || c->decay > 0.0 ||
         spec->nsaid > 0;
}

/* One entry of spec->said. */
typedef struct {
  tfm_said kind;
  int32_t n;
  const int32_t *ids;
  float bias;
} said;

/* The entry at *at, which moves behind it; false at the end. */
static bool next_said(const tfm_head_spec *spec, int32_t *at, said *out)
{
  if (*at >= spec->nsaid) {
    return false;
  }
  const int32_t *p = spec->said + *at;
  *out = (said){.kind = (tfm_said)p[0], .n = p[1], .ids = p + 2};
  memcpy(&out->bias, p + 2 + p[1], sizeof out->bias);
  *at += p[1] + 3;
  return true;
}

tfm_status tfm__said_check(const tfm_head_spec *spec, int64_t V, tfm_err *err)
{
  for (int32_t at = 0; at < spec->nsaid;) {
    const int32_t left = spec->nsaid - at;
    const int32_t *p = spec->said + at;
    bool bad = left < 4 || p[0] < 0 || p[0] >= TFM_SAID_COUNT || p[1] < 1 || p[1] > left - 3;
    for (int32_t i = 0; !bad && i < p[1]; ++i) {
      bad = p[2 + i] < 0 || p[2 + i] >= V;
    }
    if (bad) {
      return tfm_fail(err, TFM_E_CONFIG,
                      "what is said of tokens: want a kind, a length and ids below %lld at %d",
                      (long long)V, at);
    }
    at += p[1] + 3;
  }
  return TFM_OK;
}

/* Biases (or bad words) whose first tokens are the text's last ones. */
static void say(const tfm_head_spec *spec, tfm_said kind, const tfm__past *p, float *z)
{
  said s;
  for (int32_t at = 0; next_said(spec, &at, &s);) {
    const int32_t before = s.n - 1;
    if (s.kind == kind && (before == 0 || s.n <= p->n) &&
        memcmp(p->ids + p->n - before, s.ids, (size_t)before * sizeof *s.ids) == 0) {
      z[s.ids[before]] = kind == TFM_SAID_BIAS ? z[s.ids[before]] + s.bias : -INFINITY;
    }
  }
}

/* Positive scores of tokens that are there are divided, negative ones multiplied, each once. */
static void penalize(float *z, const tfm__past *p, float penalty, unsigned char *seen)
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
static void forbid_runs(float *z, const tfm__past *p, int64_t n)
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

/* Whether the token that comes is the last there is room for. */
static bool is_last(const tfm_choice *c, const tfm__past *p, int64_t places)
{
  const int64_t prompt = p->n - p->made;
  const int64_t by_total = c->last_length > prompt ? c->last_length - prompt : 1;
  const int64_t asked = c->last_new ? c->last_new : c->last_length ? by_total : INT64_MAX;
  const int64_t room = places - prompt + 1;
  return p->made + 1 >= (asked < room ? asked : room);
}

static void force(float *z, int64_t V, int64_t id)
{
  for (int64_t i = 0; i < V; ++i) {
    z[i] = -INFINITY;
  }
  z[id] = 0.0f;
}

static void grow_ends(const tfm_head_spec *spec, const tfm__past *p, float *z)
{
  const tfm_choice *c = &spec->choice;
  const double grown = pow(c->decay, (double)(p->made - c->decay_after)) - 1.0;
  for (int32_t i = 0; p->made > c->decay_after && i < spec->nonly; ++i) {
    float *score = &z[spec->only[i]];
    *score += fabsf(*score) * (float)grown;
  }
}

void tfm__process(const tfm_head_spec *spec, const tfm__past *past, float *z, int64_t V,
                  int64_t places, unsigned char *seen)
{
  const tfm_choice *c = &spec->choice;
  const int64_t first = c->force_first > 0 && past->n - past->made == 1 ? 1 : 0;
  say(spec, TFM_SAID_BIAS, past, z);
  if (differs_from_one(c->repetition_penalty)) {
    penalize(z, past, (float)c->repetition_penalty, seen);
  }
  if (c->no_repeat_ngram > 0) {
    forbid_runs(z, past, c->no_repeat_ngram);
  }
  say(spec, TFM_SAID_BAD, past, z);
  const bool early = past->made < c->min_new || past->n < c->min_length;
  for (int32_t i = 0; early && i < spec->nonly; ++i) {
    z[spec->only[i]] = -INFINITY;
  }
  if (c->force_first > 0 && past->n == 1) {
    force(z, V, c->force_first - 1);
  }
  if (c->force_last > 0 && is_last(c, past, places)) {
    force(z, V, c->force_last - 1);
  }
  if (c->decay > 0.0) {
    grow_ends(spec, past, z);
  }
  say(spec, TFM_SAID_NEVER, past, z);
  if (past->made == first) {
    say(spec, TFM_SAID_NOT_FIRST, past, z);
  }
}
