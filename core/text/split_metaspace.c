/* Metaspace: blanks become a visible character, which also may be put before a text or word, and
 * the text is cut before each of them. */
#include "core/text/edit.h"
#include "core/text/kinds.h"

typedef struct {
  char mark[4];
  uint32_t mark_n;
  bool split;
  enum { NEVER, FIRST, ALWAYS } prepend;
} metaspace;

static inline bool is_mark(const metaspace *m, const char *p, size_t n)
{
  return n >= m->mark_n && memcmp(p, m->mark, m->mark_n) == 0;
}

static inline void put_mark(const metaspace *m, tfm__text *out, int32_t at)
{
  memcpy(out->p + out->n, m->mark, 4); /* room for four was reserved */
  for (uint32_t i = 0; i < m->mark_n; ++i) {
    out->at[out->n + i] = at;
  }
  out->n += m->mark_n;
}

/* Whether the mark is put before a piece. */
static bool wants_mark(const metaspace *m, const char *p, const int32_t *at, size_t n)
{
  if (p[0] == ' ' || is_mark(m, p, n) || m->prepend == NEVER) {
    return false;
  }
  return m->prepend == ALWAYS || tfm__at_begin(at[0]) == 0;
}

static tfm_status split_piece(const metaspace *m, const tfm__text *text, tfm__piece piece,
                              tfm__text *out, tfm__pieces *pieces)
{
  tfm_status st = TFM_OK;
  const char *p = text->p + piece.begin;
  const int32_t *at = text->at + piece.begin;
  size_t n = piece.end - piece.begin;
  size_t begin = out->n;
  TFM_TRY(tfm__text_reserve(out, n + 3 * tfm__count_byte(p, n, ' ') + 8));
  if (wants_mark(m, p, at, n)) {
    put_mark(m, out, at[0]);
  }
  for (size_t i = 0; i < n;) {
    uint64_t x = 0;
    memcpy(&x, p + i, sizeof x);
    size_t plain = tfm__bytes_before(x, ' ', (unsigned char)m->mark[0]);
    if (plain) {
      plain = plain < n - i ? plain : n - i;
      tfm__copy_eight(out->p + out->n, out->at + out->n, p + i, at + i);
      out->n += plain;
      i += plain;
      continue;
    }
    if (p[i] != ' ' && !is_mark(m, p + i, n - i)) { /* only begins like the mark */
      out->p[out->n] = p[i];
      out->at[out->n++] = at[i++];
      continue;
    }
    if (m->split && out->n > begin) {
      TFM_TRY(tfm__pieces_reserve(pieces, 1));
      pieces->v[pieces->n++] = (tfm__piece){(uint32_t)begin, (uint32_t)out->n};
      begin = out->n;
    }
    put_mark(m, out, at[i]);
    i += p[i] == ' ' ? 1 : m->mark_n;
  }
  TFM_TRY(tfm__pieces_reserve(pieces, 1));
  pieces->v[pieces->n++] = (tfm__piece){(uint32_t)begin, (uint32_t)out->n};

fail:
  return st;
}

static tfm_status split(const void *self, const tfm__text *text, const tfm__pieces *in,
                        tfm__text *fresh, tfm__pieces *out)
{
  tfm_status st = TFM_OK;
  for (size_t k = 0; k < in->n; ++k) {
    TFM_TRY(split_piece(self, text, in->v[k], fresh, out));
  }

fail:
  return st;
}

/* ---- the decoder ---- */

/* Marks become blanks; those of the first token vanish where one was put before the text. */
static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  (void)last;
  const metaspace *m = self;
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  for (size_t i = 0; i < in->n; ++i) {
    tfm_span s = tfm__strings_get(in, i);
    tfm_buf_clear(&text);
    for (size_t k = 0; k < s.n;) {
      bool mark = is_mark(m, s.p + k, s.n - k);
      if (!mark) {
        TFM_TRY(tfm_buf_char(&text, s.p[k]));
      } else if (d->begun || m->prepend == NEVER) {
        TFM_TRY(tfm_buf_char(&text, ' '));
      }
      k += mark ? m->mark_n : 1;
    }
    TFM_TRY(tfm__strings_add(out, tfm_buf_view(&text)));
    d->begun = true;
  }

fail:
  tfm_buf_fini(&text);
  return st;
}

/* ---- reading ---- */

static void read_mark(tfm__loader *l, metaspace *m)
{
  tfm_span s = tfm_jread_string(l->r);
  uint32_t len = 0;
  if (!tfm_jread_ok(l->r)) {
    return;
  }
  if (s.n) {
    (void)tfm__char_at(s.p, &len);
  }
  if (s.n == 0 || len != s.n) {
    tfm_jread_fail(l->r, TFM_E_FORMAT, "want one character");
    return;
  }
  memcpy(m->mark, s.p, len);
  m->mark_n = len;
}

static void read_scheme(tfm__loader *l, metaspace *m)
{
  tfm_span s = tfm_jread_string(l->r);
  if (tfm_span_is(s, "always")) {
    m->prepend = ALWAYS;
  } else if (tfm_span_is(s, "never")) {
    m->prepend = NEVER;
  } else if (tfm_span_is(s, "first")) {
    m->prepend = FIRST;
  } else if (tfm_jread_ok(l->r)) {
    tfm_jread_fail(l->r, TFM_E_UNSUPPORTED,
                   "\"%.*s\" is not supported; supported are always, first, never",
                   s.n > 64 ? 64 : (int)s.n, s.p);
  }
}

/* Old files have add_prefix_space; false there goes with prepend_scheme "never" only. */
static void *read(tfm__loader *l)
{
  metaspace *m = tfm__loader_alloc(l, sizeof *m);
  tfm_span key;
  int prefix = -1;
  if (!m) {
    return NULL;
  }
  m->split = true;
  m->prepend = ALWAYS;
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    if (tfm_span_is(key, "replacement")) {
      read_mark(l, m);
    } else if (tfm_span_is(key, "prepend_scheme")) {
      read_scheme(l, m);
    } else if (tfm_span_is(key, "add_prefix_space")) {
      prefix = tfm_jread_null(l->r) ? -1 : tfm_jread_bool(l->r);
    } else if (tfm_span_is(key, "split")) {
      m->split = tfm_jread_null(l->r) ? true : tfm_jread_bool(l->r);
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  tfm__loader_want(l, m->mark_n > 0, "replacement");
  if (prefix == 0 && m->prepend != NEVER) {
    tfm_jread_fail(l->r, TFM_E_FORMAT, "add_prefix_space false wants prepend_scheme \"never\"");
  }
  return m;
}

const tfm__kind tfm__metaspace = {
    .type = "Metaspace", .read = read, .split = split, .rewrites = true, .decode = decode};
