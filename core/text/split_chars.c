/* The pre-tokenizers that look at one character at a time: Whitespace, WhitespaceSplit,
 * Punctuation, Digits, CharDelimiterSplit, UnicodeScripts, FixedLength. */
#include "core/text/chars.h"
#include "core/text/cut.h"
#include "core/text/kinds.h"

static inline uint32_t look_at(const char *p, size_t i, uint32_t *len)
{
  unsigned char c = (unsigned char)p[i];
  if (c < 0x80) {
    *len = 1;
    return tfm__char_pages[0][c];
  }
  return tfm__char(tfm__char_at(p + i, len));
}

static tfm_status add(tfm__pieces *out, size_t begin, size_t end)
{
  tfm_status st = tfm__pieces_reserve(out, 1);
  if (st == TFM_OK && begin < end) {
    out->v[out->n++] = (tfm__piece){(uint32_t)begin, (uint32_t)end};
  }
  return st;
}

/* ---- cut at characters with a flag: WhitespaceSplit, Punctuation, Digits ---- */

typedef struct {
  uint32_t flag;
  tfm__behavior behavior;
} flagged;

static tfm_status split_flagged(const void *self, const tfm__text *text, const tfm__pieces *in,
                                tfm__text *fresh, tfm__pieces *out)
{
  (void)fresh;
  const flagged *f = self;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < in->n; ++k) {
    tfm__cutter cutter = tfm__cutter_of(f->behavior, out);
    uint32_t end = in->v[k].end;
    uint32_t word = in->v[k].begin;
    uint32_t len = 0;
    for (uint32_t i = word; i < end; i += len) {
      if (!(look_at(text->p, i, &len) & f->flag)) {
        continue;
      }
      TFM_TRY(tfm__pieces_reserve(out, 4));
      if (word < i) {
        tfm__cutter_add(&cutter, word, i, false);
      }
      word = i + len;
      tfm__cutter_add(&cutter, i, word, true);
    }
    TFM_TRY(tfm__pieces_reserve(out, 4));
    if (word < end) {
      tfm__cutter_add(&cutter, word, end, false);
    }
    tfm__cutter_end(&cutter);
  }

fail:
  return st;
}

static flagged *new_flagged(tfm__loader *l, uint32_t flag, tfm__behavior behavior)
{
  flagged *f = tfm__loader_alloc(l, sizeof *f);
  if (f) {
    *f = (flagged){flag, behavior};
  }
  return f;
}

static void *read_whitespace_split(tfm__loader *l)
{
  (void)tfm_jread_skip(l->r);
  return new_flagged(l, TFM__C_SPACE, TFM__REMOVED);
}

static void *read_punctuation(tfm__loader *l)
{
  flagged *f = new_flagged(l, TFM__C_PUNCTUATION, TFM__ISOLATED);
  tfm_span key;
  tfm_jread_object(l->r);
  while (f && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "behavior")) {
      f->behavior = tfm__behavior_read(l);
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  return f;
}

static void *read_digits(tfm__loader *l)
{
  flagged *f = new_flagged(l, TFM__C_DIGIT, TFM__CONTIGUOUS);
  tfm_span key;
  bool seen = false;
  tfm_jread_object(l->r);
  while (f && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "individual_digits")) {
      f->behavior = tfm_jread_bool(l->r) ? TFM__ISOLATED : TFM__CONTIGUOUS;
      seen = true;
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, seen, "individual_digits");
  return f;
}

/* ---- Whitespace: \w+|[^\w\s]+ ---- */

static tfm_status split_whitespace(const void *self, const tfm__text *text,
                                   const tfm__pieces *in, tfm__text *fresh, tfm__pieces *out)
{
  (void)self;
  (void)fresh;
  enum { KIND = TFM__C_WORD | TFM__C_SPACE };
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < in->n; ++k) {
    uint32_t end = in->v[k].end;
    uint32_t len = 0;
    for (uint32_t i = in->v[k].begin; i < end;) {
      uint32_t begin = i;
      uint32_t kind = look_at(text->p, i, &len) & KIND;
      for (i += len; i < end && (look_at(text->p, i, &len) & KIND) == kind; i += len) {
      }
      if (!(kind & TFM__C_SPACE)) {
        TFM_TRY(add(out, begin, i));
      }
    }
  }

fail:
  return st;
}

static void *read_nothing(tfm__loader *l)
{
  (void)tfm_jread_skip(l->r); /* they have no options */
  return NULL;
}

/* ---- CharDelimiterSplit ---- */

typedef struct {
  char text[4];
  uint32_t n;
} delimiter;

static tfm_status split_delimiter(const void *self, const tfm__text *text,
                                  const tfm__pieces *in, tfm__text *fresh, tfm__pieces *out)
{
  (void)fresh;
  const delimiter *d = self;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < in->n; ++k) {
    const char *p = text->p + in->v[k].begin;
    size_t n = in->v[k].end - in->v[k].begin;
    size_t word = 0;
    for (size_t i = 0; i < n;) {
      const char *at = memchr(p + i, d->text[0], n - i);
      i = at ? (size_t)(at - p) : n;
      if (i < n && (n - i < d->n || memcmp(p + i, d->text, d->n) != 0)) {
        ++i;
        continue;
      }
      TFM_TRY(add(out, in->v[k].begin + word, in->v[k].begin + i));
      i += i < n ? d->n : 0;
      word = i;
    }
    TFM_TRY(add(out, in->v[k].begin + word, in->v[k].end));
  }

fail:
  return st;
}

static void *read_delimiter(tfm__loader *l)
{
  delimiter *d = tfm__loader_alloc(l, sizeof *d);
  tfm_span key;
  tfm_jread_object(l->r);
  while (d && tfm_jread_key(l->r, &key)) {
    if (!tfm_span_is(key, "delimiter")) {
      (void)tfm_jread_skip(l->r);
      continue;
    }
    tfm_span s = tfm_jread_string(l->r);
    uint32_t len = 0;
    if (s.n) {
      (void)tfm__char_at(s.p, &len);
    }
    if (tfm_jread_ok(l->r) && (s.n == 0 || len != s.n)) {
      tfm_jread_fail(l->r, TFM_E_FORMAT, "want one character");
    }
    if (tfm_jread_ok(l->r)) {
      memcpy(d->text, s.p, len);
      d->n = len;
    }
  }
  tfm__loader_want(l, d && d->n, "delimiter");
  return d;
}

/* ---- UnicodeScripts ---- */

/* Cut where the script changes. Characters of number 0 go with any script, but what stands before
 * the first other one is dropped: the library begins its first piece there. */
static tfm_status split_scripts(const void *self, const tfm__text *text, const tfm__pieces *in,
                                tfm__text *fresh, tfm__pieces *out)
{
  (void)self;
  (void)fresh;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < in->n; ++k) {
    uint32_t end = in->v[k].end;
    uint32_t begin = end;
    uint32_t last = 0;
    uint32_t len = 0;
    for (uint32_t i = in->v[k].begin; i < end; i += len) {
      uint32_t script = tfm__char_script(look_at(text->p, i, &len));
      if (script && script != last) {
        if (last) {
          TFM_TRY(add(out, begin, i));
        }
        begin = i;
        last = script;
      }
    }
    TFM_TRY(add(out, begin, end));
  }

fail:
  return st;
}

/* ---- FixedLength ---- */

static tfm_status split_length(const void *self, const tfm__text *text, const tfm__pieces *in,
                               tfm__text *fresh, tfm__pieces *out)
{
  (void)fresh;
  const uint64_t *most = self;
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < in->n; ++k) {
    uint32_t end = in->v[k].end;
    uint32_t begin = in->v[k].begin;
    uint64_t chars = 0;
    uint32_t len = 0;
    for (uint32_t i = begin; i < end; i += len, ++chars) {
      if (chars == *most) {
        TFM_TRY(add(out, begin, i));
        begin = i;
        chars = 0;
      }
      (void)tfm__char_at(text->p + i, &len);
    }
    TFM_TRY(add(out, begin, end));
  }

fail:
  return st;
}

static void *read_length(tfm__loader *l)
{
  uint64_t *most = tfm__loader_alloc(l, sizeof *most);
  tfm_span key;
  if (!most) {
    return NULL;
  }
  *most = 5; /* the library's default */
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "length")) {
      *most = tfm_jread_u64(l->r);
      if (tfm_jread_ok(l->r) && *most == 0) {
        tfm_jread_fail(l->r, TFM_E_FORMAT, "want 1 or more, got 0");
      }
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  return most;
}

const tfm__kind tfm__whitespace = {
    .type = "Whitespace", .read = read_nothing, .split = split_whitespace};
const tfm__kind tfm__whitespace_split = {
    .type = "WhitespaceSplit", .read = read_whitespace_split, .split = split_flagged};
const tfm__kind tfm__punctuation_split = {
    .type = "Punctuation", .read = read_punctuation, .split = split_flagged};
const tfm__kind tfm__digits = {.type = "Digits", .read = read_digits, .split = split_flagged};
const tfm__kind tfm__char_delimiter = {
    .type = "CharDelimiterSplit", .read = read_delimiter, .split = split_delimiter};
const tfm__kind tfm__unicode_scripts = {
    .type = "UnicodeScripts", .read = read_nothing, .split = split_scripts};
const tfm__kind tfm__fixed_length = {
    .type = "FixedLength", .read = read_length, .split = split_length};
