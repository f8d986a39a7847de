/* ByteLevel as a post-processor: the trimming of offsets, which RobertaProcessing does too. */
#include "core/base/utf8.h"
#include "core/text/finish.h"
#include "core/text/kinds.h"
#include "core/text/unicode.h"

/* What a blank became by the byte level alphabet, or any white space. */
static bool is_blank(uint32_t c)
{
  enum { BYTE_LEVEL_BLANK = 0x120 };
  return c == BYTE_LEVEL_BLANK || (tfm__unicode_class(c) & TFM__SPACE) != 0;
}

tfm__blanks tfm__blanks_of(tfm_span text)
{
  tfm__blanks n = {0, 0};
  size_t i = 0;
  size_t len = 0;
  for (; i < text.n && is_blank(tfm_utf8_decode(text.p + i, &len)); i += len) {
    ++n.first;
  }
  for (i = text.n; i > 0; ++n.last) {
    do {
      --i;
    } while (i > 0 && ((unsigned char)text.p[i] & 0xc0) == 0x80);
    if (!is_blank(tfm_utf8_decode(text.p + i, &len))) {
      break;
    }
  }
  return n;
}

static int32_t smaller(int64_t a, int32_t b)
{
  return a < b ? (int32_t)a : b;
}

void tfm__trim_offsets(const tfm__trims *t, tfm__blanks blanks, tfm__stand stand,
                       int32_t *begin, int32_t *end)
{
  for (size_t i = 0; i < t->n; ++i) {
    bool first = stand == TFM__BEGINS || *begin == 0 ||
                 (stand == TFM__BEGINS_FIRST && !t->v[i].inside[0]) ||
                 (stand == TFM__BEGINS_SECOND && !t->v[i].inside[1]);
    bool keep = first && t->v[i].prefix_space && blanks.first == 1;
    if (!keep) {
      *begin = smaller(*begin + (int64_t)blanks.first, *end);
    }
    if ((size_t)*end >= blanks.last) {
      int32_t cut = *end - (int32_t)blanks.last;
      *end = cut > *begin ? cut : *begin;
    }
  }
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  bool seen_prefix = false;
  bool seen_trim = false;
  tfm__processor *p = tfm__loader_alloc(l, sizeof *p);
  tfm_jread_object(r);
  while (p && tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "add_prefix_space")) {
      p->trim.prefix_space = tfm_jread_bool(r);
      seen_prefix = true;
    } else if (tfm_span_is(key, "trim_offsets")) {
      p->trims = tfm_jread_bool(r);
      seen_trim = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, seen_prefix, "add_prefix_space");
  tfm__loader_want(l, seen_trim, "trim_offsets");
  return p;
}

const tfm__kind tfm__byte_level_processing = {.type = "ByteLevel", .read = read};
