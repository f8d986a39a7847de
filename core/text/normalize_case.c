/* Lowercase, StripAccents, Nmt: every character by itself becomes others, one, or none. */
#include "core/text/edit.h"
#include "core/text/kinds.h"
#include "core/text/unicode.h"

/* ---- Lowercase ---- */

static bool lower_keeps(const void *self, const char *p, size_t n)
{
  (void)self;
  uint32_t len = 0;
  for (size_t i = 0; i < n; i += len) {
    if (tfm__char(tfm__char_at(p + i, &len)) & TFM__C_UPPER) {
      return false;
    }
  }
  return true;
}

/* Lower the ASCII characters that come next. */
static tfm_status lower_ascii(tfm__edit *e)
{
  size_t n = tfm__ascii_run(e->in->p + e->i, e->in->n - e->i);
  size_t from = e->out->n;
  tfm_status st = tfm__edit_keep(e, n);
  if (st != TFM_OK) {
    return st;
  }
  char *p = e->out->p + from;
  for (size_t i = 0; i < n; ++i) {
    p[i] = (char)(p[i] | ((unsigned char)(p[i] - 'A') < 26 ? 0x20 : 0));
  }
  return TFM_OK;
}

static tfm_status lower_normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  (void)self;
  tfm_status st = TFM_OK;
  tfm__edit e = tfm__edit_of(in, out);
  while (e.i < in->n) {
    uint32_t len = 0;
    uint32_t lower[TFM__LOWER_MOST];
    uint32_t c = tfm__char_at(in->p + e.i, &len);
    if (len == 1) {
      TFM_TRY(lower_ascii(&e));
    } else if (!(tfm__char(c) & TFM__C_UPPER)) {
      TFM_TRY(tfm__edit_put(&e, c, 0));
    } else {
      int n = tfm__unicode_lower(c, lower);
      for (int i = 0; i < n; ++i) {
        TFM_TRY(tfm__edit_put(&e, lower[i], i > 0));
      }
    }
  }

fail:
  return st;
}

/* ---- StripAccents ---- */

static bool accents_keep(const void *self, const char *p, size_t n)
{
  (void)self;
  return tfm__ascii_run(p, n) == n;
}

static tfm_status accents_normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  (void)self;
  tfm_status st = TFM_OK;
  tfm__edit e = tfm__edit_of(in, out);
  while (e.i < in->n) {
    uint32_t len = 0;
    uint32_t c = tfm__char_at(in->p + e.i, &len);
    if (len == 1) {
      TFM_TRY(tfm__edit_keep(&e, tfm__ascii_run(in->p + e.i, in->n - e.i)));
    } else if (tfm__char(c) & TFM__C_MARK) {
      tfm__edit_skip(&e);
    } else {
      TFM_TRY(tfm__edit_put(&e, c, 0));
    }
  }

fail:
  return st;
}

/* ---- Nmt ---- */

/* The controls that go. Source: the library's normalizers/unicode.rs, after sentencepiece. */
static bool nmt_drops(uint32_t c)
{
  return (c >= 0x1 && c <= 0x8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f ||
         c == 0x8f || c == 0x9f;
}

static bool nmt_blanks(uint32_t c)
{
  return c == 0x9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 ||
         (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
         c == 0xfeff || c == 0xfffd;
}

static tfm_status nmt_normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  (void)self;
  tfm_status st = TFM_OK;
  tfm__edit e = tfm__edit_of(in, out);
  while (e.i < in->n) {
    uint32_t len = 0;
    uint32_t c = tfm__char_at(in->p + e.i, &len);
    if (nmt_drops(c)) {
      tfm__edit_skip(&e);
    } else {
      TFM_TRY(tfm__edit_put(&e, nmt_blanks(c) ? ' ' : c, 0));
    }
  }

fail:
  return st;
}

/* ---- reading ---- */

static void *read_nothing(tfm__loader *l)
{
  (void)tfm_jread_skip(l->r); /* they have no options */
  return NULL;
}

const tfm__kind tfm__lowercase = {.type = "Lowercase",
                                  .read = read_nothing,
                                  .normalize = lower_normalize,
                                  .keeps = lower_keeps};
const tfm__kind tfm__strip_accents = {.type = "StripAccents",
                                      .read = read_nothing,
                                      .normalize = accents_normalize,
                                      .keeps = accents_keep};
const tfm__kind tfm__nmt = {.type = "Nmt", .read = read_nothing, .normalize = nmt_normalize};
