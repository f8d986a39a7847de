/* Strip and Prepend: what stands at the ends of a text. */
#include "core/text/edit.h"
#include "core/text/kinds.h"

/* ---- Strip ---- */

typedef struct {
  bool left, right;
} strip;

static bool is_space_at(const char *p, size_t i, uint32_t *len)
{
  return tfm__char(tfm__char_at(p + i, len)) & TFM__C_SPACE;
}

static size_t leading(const char *p, size_t n)
{
  size_t i = 0;
  uint32_t len = 0;
  while (i < n && is_space_at(p, i, &len)) {
    i += len;
  }
  return i;
}

/* Where the blanks at the end begin, not before `from`. */
static size_t trailing(const char *p, size_t n, size_t from)
{
  size_t end = n;
  while (end > from) {
    size_t i = end;
    uint32_t len = 0;
    do {
      --i;
    } while (i > from && ((unsigned char)p[i] & 0xc0) == 0x80);
    if (!is_space_at(p, i, &len)) {
      break;
    }
    end = i;
  }
  return end;
}

static bool strip_keeps(const void *self, const char *p, size_t n)
{
  const strip *s = self;
  size_t from = s->left ? leading(p, n) : 0;
  return from == 0 && (!s->right || trailing(p, n, 0) == n);
}

static tfm_status strip_normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  const strip *s = self;
  tfm__edit e = tfm__edit_of(in, out);
  size_t from = s->left ? leading(in->p, in->n) : 0;
  size_t end = s->right ? trailing(in->p, in->n, from) : in->n;
  while (e.i < from) {
    tfm__edit_skip(&e);
  }
  return tfm__edit_keep(&e, end - from);
}

static void *strip_read(tfm__loader *l)
{
  strip *s = tfm__loader_alloc(l, sizeof *s);
  tfm_span key;
  bool seen_left = false;
  bool seen_right = false;
  tfm_jread_object(l->r);
  while (s && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "strip_left")) {
      s->left = tfm_jread_bool(l->r);
      seen_left = true;
    } else if (tfm_span_is(key, "strip_right")) {
      s->right = tfm_jread_bool(l->r);
      seen_right = true;
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, seen_left, "strip_left");
  tfm__loader_want(l, seen_right, "strip_right");
  return s;
}

/* ---- Prepend ---- */

/* The text put in takes the place of the first character, which then shares it. */
static tfm_status prepend_normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  const tfm_span *s = self;
  tfm_status st = TFM_OK;
  if (in->n == 0 || s->n == 0) {
    TFM_TRY(tfm__text_copy(out, in));
    for (size_t i = 0; i < in->n && (i == 0 || ((unsigned char)in->p[i] & 0xc0) == 0x80); ++i) {
      out->at[i] = ~in->first; /* as the library has it: put in before everything */
    }
    return TFM_OK;
  }
  TFM_TRY(tfm__text_reserve(out, s->n + in->n));
  int32_t at = in->at ? in->at[0] : in->first;
  memcpy(out->p, s->p, s->n);
  for (size_t i = 0; i < s->n; ++i) {
    out->at[i] = at;
  }
  out->n = s->n;
  tfm__edit e = tfm__edit_of(in, out);
  TFM_TRY(tfm__edit_keep(&e, in->n));

fail:
  return st;
}

static void *prepend_read(tfm__loader *l)
{
  tfm_span *s = tfm__loader_alloc(l, sizeof *s);
  tfm_span key;
  bool seen = false;
  tfm_jread_object(l->r);
  while (s && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "prepend")) {
      *s = tfm__loader_copy(l, tfm_jread_string(l->r));
      seen = true;
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, seen, "prepend");
  return s;
}

const tfm__kind tfm__strip = {
    .type = "Strip", .read = strip_read, .normalize = strip_normalize, .keeps = strip_keeps};
const tfm__kind tfm__prepend = {
    .type = "Prepend", .read = prepend_read, .normalize = prepend_normalize};
