/* BertPreTokenizer: cut at white space, which goes, and around every punctuation character. */
#include "core/base/utf8.h"
#include "core/text/kinds.h"
#include "core/text/unicode.h"

enum { PAGE = 256, NPAGE = 0x110000 / PAGE };

enum { LETTER, BLANK, MARK, OTHER };

/* Answers for whole pages of 256 characters that are letters throughout are not stored. */
typedef struct {
  uint8_t ascii[256];   /* LETTER, BLANK or MARK; OTHER for a byte above 0x7f */
  uint16_t page[NPAGE]; /* index into pages; 0: no character of it is special */
  uint8_t (*pages)[PAGE];
} splitter;

static uint8_t kind_of(uint32_t c)
{
  unsigned k = tfm__unicode_class(c);
  if (k & TFM__SPACE) {
    return BLANK;
  }
  return k & TFM__PUNCTUATION ? MARK : LETTER;
}

static inline uint8_t look(const splitter *s, const char *p, size_t *len)
{
  uint32_t c = tfm_utf8_decode(p, len);
  uint16_t page = s->page[c / PAGE];
  return page ? s->pages[page][c % PAGE] : LETTER;
}

static tfm_status split(const void *self, const tfm__text *text, const tfm__pieces *in,
                        tfm__text *fresh, tfm__pieces *out)
{
  (void)fresh;
  const splitter *s = self;
  tfm_status st = TFM_OK;
  const char *p = text->p;
  for (size_t k = 0; k < in->n; ++k) {
    uint32_t begin = in->v[k].begin;
    uint32_t end = in->v[k].end;
    uint32_t word = begin;
    for (uint32_t i = begin; i < end;) {
      uint8_t kind = s->ascii[(unsigned char)p[i]];
      size_t len = 1;
      if (kind == OTHER) {
        kind = look(s, p + i, &len);
      }
      if (kind == LETTER) {
        i += (uint32_t)len;
        continue;
      }
      TFM_TRY(tfm__pieces_reserve(out, 2));
      if (word < i) {
        out->v[out->n++] = (tfm__piece){word, i};
      }
      word = i + (uint32_t)len;
      if (kind == MARK) {
        out->v[out->n++] = (tfm__piece){i, word};
      }
      i = word;
    }
    if (word < end) {
      TFM_TRY(tfm__pieces_reserve(out, 1));
      out->v[out->n++] = (tfm__piece){word, end};
    }
  }

fail:
  return st;
}

static bool is_special(uint32_t page)
{
  for (uint32_t i = 0; i < PAGE; ++i) {
    if (kind_of(page * PAGE + i) != LETTER) {
      return true;
    }
  }
  return false;
}

/* Blank and punctuation characters end at U+1EFFF. */
enum { PAGES_LOOKED_AT = 0x1f0 };

static bool may_be_special(uint32_t page)
{
  return page < 0x34 || (page >= 0xa0 && page < 0xac) || (page >= 0xf9 && page < 0x130) ||
         page >= 0x16a;
}

static void prepare(tfm__loader *l, splitter *s)
{
  size_t n = 1;
  for (uint32_t page = 0; page < PAGES_LOOKED_AT; ++page) {
    s->page[page] = may_be_special(page) && is_special(page) ? (uint16_t)n++ : 0;
  }
  s->pages = tfm__loader_alloc(l, n * sizeof *s->pages);
  for (uint32_t page = 0; s->pages && page < PAGES_LOOKED_AT; ++page) {
    for (uint32_t i = 0; s->page[page] && i < PAGE; ++i) {
      s->pages[s->page[page]][i] = kind_of(page * PAGE + i);
    }
  }
  for (uint32_t c = 0; c < 256; ++c) {
    s->ascii[c] = c < 128 ? kind_of(c) : OTHER;
  }
}

static void *read(tfm__loader *l)
{
  splitter *s = tfm__loader_alloc(l, sizeof *s);
  (void)tfm_jread_skip(l->r); /* it has no options */
  if (s) {
    prepare(l, s);
  }
  return s;
}

const tfm__kind tfm__bert_pre_tokenizer = {
    .type = "BertPreTokenizer", .read = read, .split = split};
