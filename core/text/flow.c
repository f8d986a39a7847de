#include "core/text/flow.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <string.h>

/* The capacity to grow to: twice the old one or what is needed; 0 when that is no number. */
static size_t grown(size_t cap, size_t n, size_t more, size_t least)
{
  size_t need = 0;
  if (!tfm_add_size(n, more, &need) || need > SIZE_MAX / 2) {
    return 0;
  }
  size_t twice = cap < SIZE_MAX / 4 ? cap * 2 : cap;
  cap = twice < least ? least : twice;
  return cap < need ? need : cap;
}

tfm_status tfm__text_reserve(tfm__text *t, size_t n)
{
  if (t->at && n <= t->cap - t->n) {
    return TFM_OK;
  }
  size_t cap = grown(t->cap, t->n, n, 256);
  if (cap == 0 || t->n + n > UINT32_MAX) {
    return TFM_E_NOMEM;
  }
  char *p = tfm_realloc(t->p, cap + TFM__TEXT_SLACK, 1);
  if (!p) {
    return TFM_E_NOMEM;
  }
  t->p = p;
  memset(p + t->n, 0, cap + TFM__TEXT_SLACK - t->n); /* what may be read beyond n */
  int32_t *at = tfm_realloc(t->at, cap + TFM__TEXT_SLACK, sizeof *at);
  if (!at) {
    return TFM_E_NOMEM;
  }
  t->at = at;
  t->cap = cap;
  return TFM_OK;
}

int32_t tfm__text_count(const char *p, size_t n, int32_t first, int32_t *at)
{
  int32_t now = first - 1;
  size_t i = 0;
  while (i < n) {
    uint64_t x = 0;
    memcpy(&x, p + i, n - i < sizeof x ? n - i : sizeof x);
    if (n - i >= sizeof x && !(x & 0x8080808080808080u)) {
      for (int k = 0; k < 8; ++k) {
        at[i + (size_t)k] = now + 1 + k;
      }
      now += 8;
      i += 8;
      continue;
    }
    for (size_t end = n - i < 8 ? n : i + 8; i < end; ++i) {
      now += ((unsigned char)p[i] & 0xc0) != 0x80;
      at[i] = now;
    }
  }
  return now + 1;
}

tfm_status tfm__text_copy(tfm__text *out, const tfm__view *in)
{
  out->n = 0;
  tfm_status st = tfm__text_reserve(out, in->n);
  if (st != TFM_OK || in->n == 0) {
    return st;
  }
  memcpy(out->p, in->p, in->n);
  if (in->at) {
    memcpy(out->at, in->at, in->n * sizeof *in->at);
  } else {
    (void)tfm__text_count(in->p, in->n, in->first, out->at);
  }
  out->n = in->n;
  return TFM_OK;
}

void tfm__text_fini(tfm__text *t)
{
  tfm_free(t->p);
  tfm_free(t->at);
  *t = (tfm__text){0};
}

tfm_status tfm__pieces_grow(tfm__pieces *p, size_t n)
{
  size_t cap = grown(p->cap, p->n, n, 64);
  tfm__piece *v = cap ? tfm_realloc(p->v, cap, sizeof *v) : NULL;
  if (!v) {
    return TFM_E_NOMEM;
  }
  p->v = v;
  p->cap = cap;
  return TFM_OK;
}

void tfm__pieces_fini(tfm__pieces *p)
{
  tfm_free(p->v);
  *p = (tfm__pieces){0};
}

/* One of the arrays of tokens; the old block stays when there is no memory. */
static tfm_status grow_array(int32_t **array, size_t cap)
{
  int32_t *v = tfm_realloc(*array, cap, sizeof *v);
  if (!v) {
    return TFM_E_NOMEM;
  }
  *array = v;
  return TFM_OK;
}

tfm_status tfm__tokens_reserve(tfm__tokens *t, size_t n)
{
  tfm_status st = TFM_OK;
  if (n <= t->cap - t->n) {
    return TFM_OK;
  }
  size_t cap = grown(t->cap, t->n, n, 64);
  if (!cap) {
    return TFM_E_NOMEM;
  }
  TFM_TRY(grow_array(&t->id, cap));
  TFM_TRY(grow_array(&t->begin, cap));
  TFM_TRY(grow_array(&t->end, cap));
  TFM_TRY(grow_array(&t->word, cap));
  t->cap = cap;

fail:
  return st;
}

void tfm__tokens_fini(tfm__tokens *t)
{
  tfm__odds_fini(&t->odd);
  tfm_free(t->id);
  tfm_free(t->begin);
  tfm_free(t->end);
  tfm_free(t->word);
  *t = (tfm__tokens){0};
}

static tfm_status add_odd(tfm__odds *o, tfm__odd x)
{
  if (o->n == o->cap) {
    size_t cap = grown(o->cap, o->n, 1, 16);
    tfm__odd *v = cap ? tfm_realloc(o->v, cap, sizeof *v) : NULL;
    if (!v) {
      return TFM_E_NOMEM;
    }
    o->v = v;
    o->cap = cap;
  }
  o->v[o->n++] = x;
  return TFM_OK;
}

tfm_status tfm__odds_copy(tfm__odds *o, size_t token, tfm_span text)
{
  tfm__odd x = {.token = token, .from = o->room.n, .n = text.n};
  tfm_status st = tfm_buf_span(&o->room, text);
  return st == TFM_OK ? add_odd(o, x) : st;
}

tfm_status tfm__odds_borrow(tfm__odds *o, size_t token, tfm_span text)
{
  return add_odd(o, (tfm__odd){.token = token, .text = text.p ? text.p : "", .n = text.n});
}

tfm_span tfm__odds_find(const tfm__odds *o, size_t token)
{
  size_t low = 0;
  size_t high = o->n;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    if (o->v[mid].token < token) {
      low = mid + 1;
    } else {
      high = mid;
    }
  }
  if (low == o->n || o->v[low].token != token) {
    return (tfm_span){NULL, 0};
  }
  const tfm__odd *x = &o->v[low];
  const char *copied = o->room.data ? o->room.data + x->from : "";
  return (tfm_span){x->text ? x->text : copied, x->n};
}

void tfm__odds_clear(tfm__odds *o)
{
  o->n = 0;
  tfm_buf_clear(&o->room);
}

void tfm__odds_fini(tfm__odds *o)
{
  tfm_free(o->v);
  tfm_buf_fini(&o->room);
  *o = (tfm__odds){0};
}
