/* Split: cut at the matches of a string or a regular expression. */
#include "core/text/chars.h"
#include "core/text/cut.h"
#include "core/text/kinds.h"
#include "core/text/regex.h"

typedef struct {
  tfm__pattern *pattern;
  tfm__behavior behavior;
  bool invert;
} splitter;

static tfm_status split_piece(const splitter *s, const tfm__text *text, tfm__piece piece,
                              tfm__matches *m, tfm__pieces *out)
{
  tfm_status st = TFM_OK;
  size_t n = piece.end - piece.begin;
  tfm__matches_start(m, text->p + piece.begin, n);
  tfm__cutter cutter = tfm__cutter_of(s->behavior, out);
  size_t done = 0;
  for (bool found = true; found;) {
    size_t begin = n;
    size_t end = n;
    TFM_TRY(tfm__matches_next(m, &found, &begin, &end));
    TFM_TRY(tfm__pieces_reserve(out, 4));
    if (!found) {
      begin = n;
    }
    if (done < begin) {
      tfm__cutter_add(&cutter, piece.begin + (uint32_t)done, piece.begin + (uint32_t)begin,
                      s->invert);
    }
    if (found) {
      tfm__cutter_add(&cutter, piece.begin + (uint32_t)begin, piece.begin + (uint32_t)end,
                      !s->invert);
      done = end;
    }
  }
  tfm__cutter_end(&cutter);

fail:
  return st;
}

/* The same by a scanner alone, when matches, and what is between them, are pieces or nothing. */
static tfm_status scan_piece(tfm__scanner scan, bool matches, bool others, const char *text,
                             tfm__piece piece, tfm__pieces *out)
{
  tfm_status st = TFM_OK;
  const char *p = text + piece.begin;
  size_t n = piece.end - piece.begin;
  size_t done = 0;
  for (size_t i = 0; i < n;) {
    size_t end = scan(p, n, i);
    if (end == i) {
      uint32_t len = 0;
      (void)tfm__char_at(p + i, &len);
      i += len;
      continue;
    }
    TFM_TRY(tfm__pieces_reserve(out, 3));
    if (others && done < i) {
      out->v[out->n++] = (tfm__piece){piece.begin + (uint32_t)done, piece.begin + (uint32_t)i};
    }
    if (matches) {
      out->v[out->n++] = (tfm__piece){piece.begin + (uint32_t)i, piece.begin + (uint32_t)end};
    }
    i = done = end;
  }
  TFM_TRY(tfm__pieces_reserve(out, 1));
  if (others && done < n) {
    out->v[out->n++] = (tfm__piece){piece.begin + (uint32_t)done, piece.end};
  }

fail:
  return st;
}

static tfm_status split(const void *self, const tfm__text *text, const tfm__pieces *in,
                        tfm__text *fresh, tfm__pieces *out)
{
  (void)fresh;
  const splitter *s = self;
  tfm_status st = TFM_OK;
  tfm__matches m = tfm__matches_of(s->pattern);
  tfm__scanner scan = tfm__pattern_scanner(s->pattern);
  bool removes = s->behavior == TFM__REMOVED;
  for (size_t k = 0; k < in->n; ++k) {
    if (scan && (removes || s->behavior == TFM__ISOLATED)) {
      TFM_TRY(scan_piece(scan, !removes || s->invert, !removes || !s->invert, text->p, in->v[k],
                         out));
    } else {
      TFM_TRY(split_piece(s, text, in->v[k], &m, out));
    }
  }

fail:
  tfm__matches_fini(&m);
  return st;
}

static void close_splitter(void *self)
{
  splitter *s = self;
  tfm__pattern_close(s->pattern);
}

static void *read(tfm__loader *l)
{
  splitter *s = tfm__loader_alloc(l, sizeof *s);
  tfm_span key;
  bool seen_behavior = false;
  bool seen_invert = false;
  tfm_jread_object(l->r);
  while (s && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "pattern")) {
      if (s->pattern) {
        tfm_jread_fail(l->r, TFM_E_FORMAT, "the key stands there twice");
        break;
      }
      s->pattern = tfm__pattern_read(l);
    } else if (tfm_span_is(key, "behavior")) {
      s->behavior = tfm__behavior_read(l);
      seen_behavior = true;
    } else if (tfm_span_is(key, "invert")) {
      s->invert = tfm_jread_bool(l->r);
      seen_invert = true;
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, s && s->pattern, "pattern");
  tfm__loader_want(l, seen_behavior, "behavior");
  tfm__loader_want(l, seen_invert, "invert");
  return s;
}

const tfm__kind tfm__split = {
    .type = "Split", .read = read, .split = split, .close = close_splitter};
