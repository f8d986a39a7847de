#include "core/chat/texts.h"

#include "core/base/utf8.h"

#include <string.h>

size_t tfm__text_find(tfm_span s, tfm_span what, size_t from)
{
  if (what.n == 0) {
    return from <= s.n ? from : s.n + 1;
  }
  while (from < s.n && what.n <= s.n - from) {
    const char *at = memchr(s.p + from, what.p[0], s.n - from - what.n + 1);
    if (!at) {
      break;
    }
    from = (size_t)(at - s.p);
    if (memcmp(at, what.p, what.n) == 0) {
      return from;
    }
    ++from;
  }
  return s.n + 1;
}

/* Whether the character at p, of n bytes, is to be stripped. */
static bool stripped(const char *p, size_t n, const tfm_span *chars)
{
  size_t len = 0;
  if (!chars) {
    return tfm__space(tfm_utf8_decode(p, &len));
  }
  return tfm__text_find(*chars, (tfm_span){p, n}, 0) < chars->n;
}

tfm__value tfm__text_strip(tfm__run *r, tfm_span s, tfm__value chars, tfm__side side)
{
  const tfm_span *only = chars.kind == TFM__TEXT ? &chars.as.text : NULL;
  if (chars.kind > TFM__NONE && !only) {
    return tfm__fail(r, TFM_E_FORMAT, "strip: want a string, got %s", tfm__kind_name(chars));
  }
  while (side & TFM__LEFT && s.n && r->st == TFM_OK) {
    const size_t n = tfm_utf8_valid_at(s.p, s.n);
    if (!stripped(s.p, n, only) || !tfm__work(r, only ? only->n : 0)) {
      break;
    }
    s = (tfm_span){s.p + n, s.n - n};
  }
  while (side & TFM__RIGHT && s.n && r->st == TFM_OK) {
    size_t at = s.n - 1;
    while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80) {
      --at;
    }
    if (!stripped(s.p + at, s.n - at, only) || !tfm__work(r, only ? only->n : 0)) {
      break;
    }
    s.n = at;
  }
  return tfm__text(s);
}

tfm__value tfm__text_replace(tfm__run *r, tfm_span s, tfm_span old, tfm_span new, int64_t most)
{
  tfm_buf out = {0};
  size_t done = 0;
  if (!tfm__work(r, s.n)) {
    return tfm__text(s);
  }
  for (int64_t i = 0; (most < 0 || i < most) && out.n <= TFM__MOST_OUTPUT; ++i) {
    size_t at = tfm__text_find(s, old, done);
    if (old.n == 0 && i > 0) { /* between all characters */
      const size_t n = done < s.n ? tfm_utf8_valid_at(s.p + done, s.n - done) : 1;
      at = done + n;
    }
    if (at > s.n || !tfm__work(r, new.n)) {
      break;
    }
    (void)tfm_buf_append(&out, s.p + done, at - done);
    (void)tfm_buf_span(&out, new);
    done = at + old.n;
  }
  if (done < s.n) {
    (void)tfm_buf_append(&out, s.p + done, s.n - done);
  }
  if (out.failed || out.n > TFM__MOST_OUTPUT) {
    (void)tfm__fail(r, TFM_E_FORMAT, "replace: the text becomes too long");
  }
  const tfm__value v = tfm__copy(r, tfm_buf_view(&out));
  tfm_buf_fini(&out);
  return v;
}

static bool is_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char to_case(char c, bool upper)
{
  return upper && c >= 'a' && c <= 'z'    ? (char)(c - 'a' + 'A')
         : !upper && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a')
                                          : c;
}

tfm__value tfm__text_case(tfm__run *r, tfm_span s, tfm__case how)
{
  bool begins = true;
  char *p = tfm__work(r, s.n) ? tfm__take(r, s.n + 1) : NULL;
  for (size_t i = 0; p && i < s.n; ++i) {
    if ((unsigned char)s.p[i] >= 0x80) {
      return tfm__fail(r, TFM_E_UNSUPPORTED,
                       "upper and lower case of text beyond ASCII is not supported");
    }
    p[i] = to_case(s.p[i], how == TFM__UPPER || (how != TFM__LOWER && begins));
    begins = how == TFM__TITLE && !is_letter(s.p[i]);
  }
  return tfm__text(p ? (tfm_span){p, s.n} : s);
}

tfm__value tfm__text_join(tfm__run *r, tfm__value elements, tfm_span between)
{
  const tfm__list *list = tfm__iterate(r, elements);
  tfm_buf out = {0};
  for (int64_t i = 0; i < list->n && r->st == TFM_OK; ++i) {
    const tfm_span one = tfm__string(r, list->v[i]);
    (void)tfm_buf_span(&out, i ? between : (tfm_span){0});
    (void)tfm_buf_span(&out, one);
    (void)tfm__work(r, one.n + between.n);
    if (out.failed || out.n > TFM__MOST_OUTPUT) {
      (void)tfm__fail(r, TFM_E_FORMAT, "join: the text becomes too long");
    }
  }
  const tfm__value v = tfm__copy(r, tfm_buf_view(&out));
  tfm_buf_fini(&out);
  return v;
}
