/* NFC, NFD, NFKC, NFKD: the normal forms of Unicode, with the data of Unicode 9 that the library
 * has (DECISIONS.md, T2).
 *
 * A character that a form leaves alone whatever stands around it needs no more than a look-up.
 * From the character before another one up to the next such is a stretch that is decomposed,
 * ordered and, for the C forms, composed by the book. */
#include "core/base/mem.h"
#include "core/text/edit.h"
#include "core/text/kinds.h"
#include "core/text/unicode.h"

typedef struct {
  uint32_t flag; /* of characters this form may change or move */
  bool compatible, compose;
} form;

/* A character of the stretch with its change (edit.h). */
typedef struct {
  uint32_t c;
  int change;
  int combining;
} part;

typedef struct {
  part *v;
  size_t n;
  size_t cap;
} parts;

static tfm_status reserve(parts *p, size_t n)
{
  if (p->cap - p->n >= n) {
    return TFM_OK;
  }
  size_t cap = p->cap * 2 + n;
  part *v = tfm_realloc(p->v, cap, sizeof *v);
  if (!v) {
    return TFM_E_NOMEM;
  }
  p->v = v;
  p->cap = cap;
  return TFM_OK;
}

static tfm_status decompose(const form *f, const char *p, size_t n, parts *out)
{
  uint32_t d[TFM__NFKD_MOST];
  uint32_t len = 0;
  for (size_t i = 0; i < n; i += len) {
    uint32_t c = tfm__char_at(p + i, &len);
    int k = f->compatible ? tfm__unicode_nfkd(c, d) : tfm__unicode_nfd(c, d);
    if (reserve(out, (size_t)k) != TFM_OK) {
      return TFM_E_NOMEM;
    }
    for (int j = 0; j < k; ++j) {
      out->v[out->n++] = (part){d[j], j > 0, tfm__unicode_combining(d[j])};
    }
  }
  return TFM_OK;
}

/* Stable sort of n marks by combining class: by insertion when few, else by counting, as a row
 * may be a megabyte of marks. */
static tfm_status order(part *v, size_t n)
{
  enum { FEW = 16 };
  if (n <= FEW) {
    for (size_t i = 1; i < n; ++i) {
      part x = v[i];
      size_t j = i;
      for (; j > 0 && v[j - 1].combining > x.combining; --j) {
        v[j] = v[j - 1];
      }
      v[j] = x;
    }
    return TFM_OK;
  }
  size_t start[257] = {0};
  part *spare = tfm_realloc(NULL, n, sizeof *spare);
  if (!spare) {
    return TFM_E_NOMEM;
  }
  memcpy(spare, v, n * sizeof *v);
  for (size_t i = 0; i < n; ++i) {
    ++start[v[i].combining + 1];
  }
  for (int k = 1; k < 257; ++k) {
    start[k] += start[k - 1];
  }
  for (size_t i = 0; i < n; ++i) {
    v[start[spare[i].combining]++] = spare[i];
  }
  tfm_free(spare);
  return TFM_OK;
}

static tfm_status order_all(parts *p)
{
  for (size_t i = 0; i < p->n;) {
    size_t end = i;
    while (end < p->n && p->v[end].combining) {
      ++end;
    }
    if (order(p->v + i, end - i) != TFM_OK) {
      return TFM_E_NOMEM;
    }
    i = end < p->n ? end + 1 : end;
  }
  return TFM_OK;
}

/* Canonical composition (The Unicode Standard 15.0, section 3.11), in place. A character taken in
 * gives its change to the one that takes it in, less the one that is now fewer. */
static void compose(parts *p)
{
  size_t n = 0;       /* written */
  size_t starter = 0; /* index of the one that takes in */
  bool any = false;   /* there is such a one */
  int blocking = -1;  /* the class of the last mark kept behind it, -1: none */
  for (size_t i = 0; i < p->n; ++i) {
    part x = p->v[i];
    if (any && blocking < x.combining) {
      uint32_t c = tfm__char_compose(p->v[starter].c, x.c);
      if (c) {
        p->v[starter].c = c;
        p->v[starter].change += x.change - 1;
        continue;
      }
    }
    if (x.combining == 0) {
      starter = n;
      any = true;
      blocking = -1;
    } else {
      blocking = x.combining;
    }
    p->v[n++] = x;
  }
  p->n = n;
}

/* Rewrite the stretch of n bytes that comes next. */
static tfm_status rewrite(const form *f, tfm__edit *e, size_t n, parts *p)
{
  tfm_status st = TFM_OK;
  p->n = 0;
  TFM_TRY(decompose(f, e->in->p + e->i, n, p));
  TFM_TRY(order_all(p));
  if (f->compose) {
    compose(p);
  }
  for (size_t i = 0; i < p->n; ++i) {
    TFM_TRY(tfm__edit_put(e, p->v[i].c, p->v[i].change));
  }

fail:
  return st;
}

/* The bytes from i on that the form leaves alone; *last is where the last character of them
 * begins. */
static size_t calm_run(const form *f, const char *p, size_t n, size_t i, size_t *last)
{
  *last = i;
  while (i < n) {
    size_t ascii = tfm__ascii_run(p + i, n - i);
    if (ascii) {
      i += ascii;
      *last = i - 1;
      continue;
    }
    uint32_t len = 0;
    if (tfm__char(tfm__char_at(p + i, &len)) & f->flag) {
      break;
    }
    *last = i;
    i += len;
  }
  return i;
}

/* The end of the stretch that begins at i: where the next calm character is. */
static size_t stretch_end(const form *f, const char *p, size_t n, size_t i)
{
  uint32_t len = 0;
  for (; i < n && (tfm__char(tfm__char_at(p + i, &len)) & f->flag); i += len) {
  }
  return i;
}

static tfm_status normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  const form *f = self;
  tfm_status st = TFM_OK;
  tfm__edit e = tfm__edit_of(in, out);
  parts p = {0};
  while (e.i < in->n) {
    size_t last = 0;
    size_t calm = calm_run(f, in->p, in->n, e.i, &last);
    if (calm == in->n) {
      TFM_TRY(tfm__edit_keep(&e, calm - e.i));
      break;
    }
    TFM_TRY(tfm__edit_keep(&e, last - e.i));
    TFM_TRY(rewrite(f, &e, stretch_end(f, in->p, in->n, calm) - e.i, &p));
  }

fail:
  tfm_free(p.v);
  return st;
}

static bool keeps(const void *self, const char *p, size_t n)
{
  size_t last = 0;
  return calm_run(self, p, n, 0, &last) == n;
}

static void *read_form(tfm__loader *l, form f)
{
  form *self = tfm__loader_alloc(l, sizeof *self);
  (void)tfm_jread_skip(l->r); /* it has no options */
  if (self) {
    *self = f;
  }
  return self;
}

static void *read_nfc(tfm__loader *l)
{
  return read_form(l, (form){.flag = TFM__C_NFC, .compose = true});
}

static void *read_nfd(tfm__loader *l)
{
  return read_form(l, (form){.flag = TFM__C_NFD});
}

static void *read_nfkc(tfm__loader *l)
{
  return read_form(l, (form){.flag = TFM__C_NFKC, .compatible = true, .compose = true});
}

static void *read_nfkd(tfm__loader *l)
{
  return read_form(l, (form){.flag = TFM__C_NFKD, .compatible = true});
}

const tfm__kind tfm__nfc = {
    .type = "NFC", .read = read_nfc, .normalize = normalize, .keeps = keeps};
const tfm__kind tfm__nfd = {
    .type = "NFD", .read = read_nfd, .normalize = normalize, .keeps = keeps};
const tfm__kind tfm__nfkc = {
    .type = "NFKC", .read = read_nfkc, .normalize = normalize, .keeps = keeps};
const tfm__kind tfm__nfkd = {
    .type = "NFKD", .read = read_nfkd, .normalize = normalize, .keeps = keeps};
