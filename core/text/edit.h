/** Writing a changed text the way the library's normalisers do, which decides the alignments.
 *
 *  A normaliser gives characters with a `change` each: 0 takes the place of the next character of
 *  the old text, -k does and removes k more after it, 1 (or more) is put in and shares the place
 *  of the byte before; put in before everything it covers nothing. So an edit holds a place in
 *  the old text up to which characters are taken, and each new one says how that moves.
 *
 *  Errors of all calls: TFM_E_NOMEM. */
#ifndef TFM_CORE_TEXT_EDIT_H
#define TFM_CORE_TEXT_EDIT_H

#include "core/text/chars.h"
#include "core/text/flow.h"

#include <string.h>

typedef struct {
  const tfm__view *in;
  tfm__text *out;
  size_t i;   /* bytes of in that are taken */
  int32_t at; /* where i is in the caller's text; used when in->at is NULL */
} tfm__edit;

static inline tfm__edit tfm__edit_of(const tfm__view *in, tfm__text *out)
{
  return (tfm__edit){.in = in, .out = out, .at = in->first};
}

/** Make room for so many bytes, a good guess of what is still to come included. */
static inline tfm_status tfm__edit_reserve(tfm__edit *e, size_t n)
{
  if (e->out->cap - e->out->n >= n) {
    return TFM_OK;
  }
  return tfm__text_reserve(e->out, n + (e->in->n - e->i));
}

/** Pass over a character of the old text. Nothing when there is none. */
static inline void tfm__edit_skip(tfm__edit *e)
{
  if (e->i < e->in->n) {
    do {
      ++e->i;
    } while (e->i < e->in->n && ((unsigned char)e->in->p[e->i] & 0xc0) == 0x80);
    ++e->at;
  }
}

/** The place of a character put in now. */
static inline int32_t tfm__edit_before(const tfm__edit *e)
{
  if (e->i == 0) {
    return ~e->in->first;
  }
  return e->in->at ? e->in->at[e->i - 1] : e->at - 1;
}

/** Write one character. */
static inline tfm_status tfm__edit_put(tfm__edit *e, uint32_t c, int change)
{
  if (e->out->cap - e->out->n < 4) {
    tfm_status st = tfm__edit_reserve(e, 4);
    if (st != TFM_OK) {
      return st;
    }
  }
  if (change > 0 || e->i >= e->in->n) {
    tfm__text_put(e->out, c, tfm__edit_before(e));
    return TFM_OK;
  }
  tfm__text_put(e->out, c, e->in->at ? e->in->at[e->i] : e->at);
  for (; change <= 0; ++change) {
    tfm__edit_skip(e);
  }
  return TFM_OK;
}

/** Keep the next n bytes, whole characters, as they are. */
static inline tfm_status tfm__edit_keep(tfm__edit *e, size_t n)
{
  tfm_status st = tfm__edit_reserve(e, n);
  if (st != TFM_OK || n == 0) {
    return st;
  }
  const char *p = e->in->p + e->i;
  int32_t *at = e->out->at + e->out->n;
  memcpy(e->out->p + e->out->n, p, n);
  if (e->in->at) {
    memcpy(at, e->in->at + e->i, n * sizeof *at);
  } else {
    e->at = tfm__text_count(p, n, e->at, at);
  }
  e->out->n += n;
  e->i += n;
  return TFM_OK;
}

/** Copy eight bytes and their places: more than is wanted, into the slack of both texts, is less
 *  work than a copy of just so many. */
static inline void tfm__copy_eight(char *to, int32_t *to_at, const char *p, const int32_t *at)
{
  memcpy(to, p, 8);
  memcpy(to_at, at, 8 * sizeof *at);
}

/** How many of n bytes are this one. */
static inline size_t tfm__count_byte(const char *p, size_t n, char byte)
{
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    count += p[i] == byte;
  }
  return count;
}

/** The number of bytes, up to 8, before the first of the eight bytes of x that is `a` or `b`. */
static inline size_t tfm__bytes_before(uint64_t x, unsigned char a, unsigned char b)
{
  const uint64_t ones = 0x0101010101010101u;
  uint64_t y = x ^ ones * a;
  uint64_t z = x ^ ones * b;
  uint64_t hit = (((y - ones) & ~y) | ((z - ones) & ~z)) & 0x8080808080808080u;
  return hit ? (size_t)__builtin_ctzll(hit) / 8 : 8;
}

/** The number of ASCII characters from p on, up to n. */
static inline size_t tfm__ascii_run(const char *p, size_t n)
{
  size_t i = 0;
  for (uint64_t x = 0; i + sizeof x <= n; i += sizeof x) {
    memcpy(&x, p + i, sizeof x);
    if (x & 0x8080808080808080u) {
      break;
    }
  }
  while (i < n && (unsigned char)p[i] < 0x80) {
    ++i;
  }
  return i;
}

#endif
