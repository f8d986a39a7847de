/* Replace: every match of a pattern becomes one text, which takes the place of the match's last
 * character. */
#include "core/text/edit.h"
#include "core/text/kinds.h"
#include "core/text/regex.h"

typedef struct {
  tfm__pattern *pattern;
  tfm_span content;
} replacer;

/* Write the content for a match whose end is at e->i. */
static tfm_status put_content(tfm__edit *e, tfm_span content)
{
  tfm_status st = tfm__edit_reserve(e, content.n);
  if (st != TFM_OK || content.n == 0) {
    return st;
  }
  int32_t at = tfm__edit_before(e);
  memcpy(e->out->p + e->out->n, content.p, content.n);
  for (size_t i = 0; i < content.n; ++i) {
    e->out->at[e->out->n + i] = at;
  }
  e->out->n += content.n;
  return TFM_OK;
}

/* One byte becomes up to four, the commonest case. The old text is one of ours, so that bytes
 * beyond its end can be read. */
static tfm_status replace_byte(char byte, tfm_span by, const tfm__view *in, tfm__text *out)
{
  tfm_status st =
      tfm__text_reserve(out, in->n + tfm__count_byte(in->p, in->n, byte) * by.n + 4);
  if (st != TFM_OK) {
    return st;
  }
  char *to = out->p;
  int32_t *to_at = out->at;
  char four[4] = {0};
  memcpy(four, by.p, by.n);
  for (size_t i = 0; i < in->n;) {
    uint64_t x = 0;
    memcpy(&x, in->p + i, sizeof x);
    size_t plain = tfm__bytes_before(x, (unsigned char)byte, (unsigned char)byte);
    if (plain) {
      plain = plain < in->n - i ? plain : in->n - i;
      tfm__copy_eight(to, to_at, in->p + i, in->at + i);
      to += plain;
      to_at += plain;
      i += plain;
      continue;
    }
    memcpy(to, four, sizeof four);
    for (int k = 0; k < 4; ++k) {
      to_at[k] = in->at[i];
    }
    to += by.n;
    to_at += by.n;
    ++i;
  }
  out->n = (size_t)(to - out->p);
  return TFM_OK;
}

static tfm_status normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  const replacer *r = self;
  tfm_status st = TFM_OK;
  char byte = 0;
  if (in->at && r->content.n <= 4 && tfm__pattern_is_byte(r->pattern, &byte)) {
    return replace_byte(byte, r->content, in, out);
  }
  tfm__edit e = tfm__edit_of(in, out);
  tfm__matches m = tfm__matches_of(r->pattern);
  tfm__matches_start(&m, in->p, in->n);
  while (in->n) {
    bool found = false;
    size_t begin = 0;
    size_t end = 0;
    TFM_TRY(tfm__matches_next(&m, &found, &begin, &end));
    if (!found) {
      break;
    }
    TFM_TRY(tfm__edit_keep(&e, begin - e.i));
    while (e.i < end) {
      tfm__edit_skip(&e);
    }
    TFM_TRY(put_content(&e, r->content));
  }
  TFM_TRY(tfm__edit_keep(&e, in->n - e.i));

fail:
  tfm__matches_fini(&m);
  return st;
}

/* ---- the decoder: the same in each token ---- */

static tfm_status put_replaced(tfm__matches *m, tfm_span s, tfm_span content, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  size_t kept = 0;
  tfm__matches_start(m, s.p, s.n);
  while (s.n) { /* in an empty token nothing matches, not even an empty pattern */
    bool found = false;
    size_t begin = 0;
    size_t end = 0;
    TFM_TRY(tfm__matches_next(m, &found, &begin, &end));
    if (!found) {
      break;
    }
    TFM_TRY(tfm_buf_append(out, s.p + kept, begin - kept));
    TFM_TRY(tfm_buf_span(out, content));
    kept = end;
  }
  TFM_TRY(tfm_buf_append(out, s.p + kept, s.n - kept));

fail:
  return st;
}

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  (void)d;
  (void)last;
  const replacer *r = self;
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  tfm__matches m = tfm__matches_of(r->pattern);
  for (size_t i = 0; i < in->n; ++i) {
    tfm_buf_clear(&text);
    TFM_TRY(put_replaced(&m, tfm__strings_get(in, i), r->content, &text));
    TFM_TRY(tfm__strings_add(out, tfm_buf_view(&text)));
  }

fail:
  tfm__matches_fini(&m);
  tfm_buf_fini(&text);
  return st;
}

static bool keeps(const void *self, const char *p, size_t n)
{
  const replacer *r = self;
  char byte = 0;
  return tfm__pattern_is_byte(r->pattern, &byte) && !memchr(p, byte, n);
}

static void close_replacer(void *self)
{
  replacer *r = self;
  tfm__pattern_close(r->pattern);
}

static void *read(tfm__loader *l)
{
  replacer *r = tfm__loader_alloc(l, sizeof *r);
  tfm_span key;
  bool seen_content = false;
  tfm_jread_object(l->r);
  while (r && tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "pattern")) {
      if (r->pattern) {
        tfm_jread_fail(l->r, TFM_E_FORMAT, "the key stands there twice");
        break;
      }
      r->pattern = tfm__pattern_read(l);
    } else if (tfm_span_is(key, "content")) {
      r->content = tfm__loader_copy(l, tfm_jread_string(l->r));
      seen_content = true;
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, r && r->pattern, "pattern");
  tfm__loader_want(l, seen_content, "content");
  return r;
}

const tfm__kind tfm__replace = {.type = "Replace",
                                .read = read,
                                .normalize = normalize,
                                .keeps = keeps,
                                .decode = decode,
                                .close = close_replacer};
