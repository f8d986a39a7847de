/* ByteLevel, as a pre-tokenizer and as a normaliser: every byte of the text becomes a character
 * that can be printed, so that a vocabulary of strings can hold any bytes. */
#include "core/text/byte_level.h"
#include "core/text/edit.h"
#include "core/text/kinds.h"
#include "core/text/scan.h"

/* The characters of bytes in UTF-8. */
typedef struct {
  char text[256][2];
  uint8_t bytes[256];
} alphabet;

typedef struct {
  alphabet a;
  bool prefix, scan;
} byte_level;

static void fill_alphabet(alphabet *a)
{
  for (uint32_t b = 0; b < 256; ++b) {
    uint32_t c = tfm__byte_level_character(b);
    a->bytes[b] = c < 0x80 ? 1 : 2;
    a->text[b][0] = (char)(c < 0x80 ? c : 0xc0 | c >> 6);
    a->text[b][1] = (char)(0x80 | (c & 0x3f));
  }
}

/* The number of bytes, up to 8, at the low end of x that print as themselves in ASCII. */
static inline size_t printing(uint64_t x)
{
  const uint64_t ones = 0x0101010101010101u;
  uint64_t odd = (x | (x + ones) | ~(x + (0x80 - 0x21) * ones)) & 0x8080808080808080u;
  return odd ? (size_t)__builtin_ctzll(odd) / 8 : 8;
}

/* The bytes of n that become characters of two. */
static size_t count_doubled(const char *p, size_t n)
{
  size_t count = 0;
  for (size_t i = 0; i < n; ++i) {
    count += (unsigned char)(p[i] - 0x21) > 0x7e - 0x21;
  }
  return count;
}

/* Write bytes [i, end) of the old text, for which room was reserved. */
static inline void put_bytes(const alphabet *a, const char *p, const int32_t *at, size_t i,
                             size_t end, tfm__text *out)
{
  char *to = out->p + out->n;
  int32_t *to_at = out->at + out->n;
  while (i < end) {
    uint64_t x = 0;
    memcpy(&x, p + i, sizeof x);
    size_t n = printing(x);
    if (n) {
      n = n < end - i ? n : end - i;
      tfm__copy_eight(to, to_at, p + i, at + i);
      i += n;
      to += n;
      to_at += n;
      continue;
    }
    unsigned char b = (unsigned char)p[i];
    to[0] = a->text[b][0];
    to[1] = a->text[b][1];
    to_at[0] = to_at[1] = at[i++];
    to += a->bytes[b];
    to_at += a->bytes[b];
  }
  out->n = (size_t)(to - out->p);
}

/* The piece with a blank before it, which takes the place of its first character. */
static tfm_status with_prefix(const tfm__text *text, tfm__piece piece, tfm__text *out)
{
  tfm_status st = TFM_OK;
  size_t n = piece.end - piece.begin;
  out->n = 0;
  TFM_TRY(tfm__text_reserve(out, n + 1));
  tfm__text_put(out, ' ', text->at[piece.begin]);
  memcpy(out->p + 1, text->p + piece.begin, n);
  memcpy(out->at + 1, text->at + piece.begin, n * sizeof *out->at);
  out->n = n + 1;

fail:
  return st;
}

static tfm_status split_piece(const byte_level *b, const char *p, const int32_t *at, size_t n,
                              tfm__text *fresh, tfm__pieces *out)
{
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < n;) {
    size_t end = b->scan ? tfm__scan_gpt2(p, n, i) : n;
    size_t begin = fresh->n;
    put_bytes(&b->a, p, at, i, end, fresh);
    TFM_TRY(tfm__pieces_reserve(out, 1));
    out->v[out->n++] = (tfm__piece){(uint32_t)begin, (uint32_t)fresh->n};
    i = end;
  }

fail:
  return st;
}

static tfm_status split(const void *self, const tfm__text *text, const tfm__pieces *in,
                        tfm__text *fresh, tfm__pieces *out)
{
  const byte_level *b = self;
  tfm_status st = TFM_OK;
  tfm__text room = {0};
  if (in->n) { /* pieces do not overlap; a blank before one is two bytes */
    size_t from = in->v[0].begin;
    size_t n = in->v[in->n - 1].end - from;
    TFM_TRY(tfm__text_reserve(fresh, n + count_doubled(text->p + from, n) + 2 * in->n));
  }
  for (size_t k = 0; k < in->n; ++k) {
    tfm__piece piece = in->v[k];
    const char *p = text->p + piece.begin;
    const int32_t *at = text->at + piece.begin;
    size_t n = piece.end - piece.begin;
    if (b->prefix && p[0] != ' ') {
      TFM_TRY(with_prefix(text, piece, &room));
      p = room.p;
      at = room.at;
      n = room.n;
    }
    TFM_TRY(split_piece(b, p, at, n, fresh, out));
  }

fail:
  tfm__text_fini(&room);
  return st;
}

static void *read_splitter(tfm__loader *l)
{
  byte_level *b = tfm__loader_alloc(l, sizeof *b);
  tfm_span key;
  bool seen_prefix = false;
  bool seen_trim = false;
  if (!b) {
    return NULL;
  }
  b->scan = true;
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "add_prefix_space")) {
      b->prefix = tfm_jread_bool(l->r);
      seen_prefix = true;
    } else if (tfm_span_is(key, "trim_offsets")) { /* means something to post-processors only */
      (void)tfm_jread_bool(l->r);
      seen_trim = true;
    } else if (tfm_span_is(key, "use_regex")) {
      b->scan = tfm_jread_bool(l->r);
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, seen_prefix, "add_prefix_space");
  tfm__loader_want(l, seen_trim, "trim_offsets");
  fill_alphabet(&b->a);
  return b;
}

/* ---- the normaliser ---- */

static tfm_status normalize(const void *self, const tfm__view *in, tfm__text *out)
{
  tfm_status st = TFM_OK;
  tfm__text copy = {0};
  TFM_TRY(tfm__text_reserve(out, in->n + count_doubled(in->p, in->n)));
  TFM_TRY(tfm__text_copy(&copy, in)); /* put_bytes reads beyond the end */
  put_bytes(self, copy.p, copy.at, 0, copy.n, out);

fail:
  tfm__text_fini(&copy);
  return st;
}

static void *read_normalizer(tfm__loader *l)
{
  alphabet *a = tfm__loader_alloc(l, sizeof *a);
  (void)tfm_jread_skip(l->r); /* it has no options */
  if (a) {
    fill_alphabet(a);
  }
  return a;
}

const tfm__kind tfm__byte_level_pre_tokenizer = {
    .type = "ByteLevel", .read = read_splitter, .split = split, .rewrites = true};
const tfm__kind tfm__byte_level_normalizer = {
    .type = "ByteLevel", .read = read_normalizer, .normalize = normalize};
