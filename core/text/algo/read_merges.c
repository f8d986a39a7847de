#include "core/text/algo/read_merges.h"

#include "core/base/utf8.h"

#include <string.h>

/* A merge is three look-ups in the vocabulary and one in the table of merges, each of which waits
 * for memory when the vocabulary is large. So merges are gathered, and looked up together. */
enum { GATHERED = 32 };

typedef struct {
  tfm_jread *r; /* where failures go */
  const tfm__vocab *vocab;
  tfm_span prefix;
  tfm__merges *merges;
  tfm__joins *joins;
  tfm_buf text; /* of those gathered: left, right; then left and right again with a prefix */
  struct {
    size_t left, right; /* bytes */
  } gathered[GATHERED];
  size_t n;
  size_t most;  /* of them, up to GATHERED */
  tfm_buf left; /* the left token of the merge in work */
} reader;

/* ---- looking up ---- */

typedef struct {
  tfm_span left, right, made;
} triple;

_Static_assert(sizeof(triple) == 3 * sizeof(tfm_span), "triples are looked up as an array");

static uint32_t last_character(tfm_span s)
{
  size_t i = s.n;
  size_t len = 0;
  do {
    --i;
  } while (i > 0 && ((unsigned char)s.p[i] & 0xc0) == 0x80);
  return tfm_utf8_decode(s.p + i, &len);
}

static void note_join(tfm__joins *j, tfm_span left, tfm_span right)
{
  size_t len = 0;
  if (left.n && right.n) {
    size_t i = tfm__join_bit(last_character(left), tfm_utf8_decode(right.p, &len));
    j->bits[i / 64] |= (uint64_t)1 << i % 64;
  }
}

static bool is_found(const reader *m, tfm_span token, int32_t id)
{
  if (id < 0) {
    tfm_jread_fail(m->r, TFM_E_FORMAT, "the token \"%.*s\" of a merge is not in the vocabulary",
                   token.n > 64 ? 64 : (int)token.n, token.n ? token.p : "");
  }
  return id >= 0;
}

/* Whether the right token goes on behind the prefix, at a character. */
static bool has_rest(const reader *m, tfm_span right)
{
  size_t skip = m->prefix.n;
  if (right.n < skip || (right.n > skip && ((unsigned char)right.p[skip] & 0xc0) == 0x80)) {
    tfm_jread_fail(m->r, TFM_E_FORMAT,
                   "the right token of the merge is no longer than the prefix");
    return false;
  }
  return true;
}

static bool is_whole(const reader *m, const triple *t, const int32_t *id)
{
  return is_found(m, t->left, id[0]) && is_found(m, t->right, id[1]) && has_rest(m, t->right) &&
         is_found(m, t->made, id[2]);
}

/* Where the tokens of those gathered stand in the text. */
static void spread(const reader *m, triple *t)
{
  const char *p = m->text.data;
  for (size_t i = 0; i < m->n; ++i) {
    size_t left = m->gathered[i].left;
    size_t right = m->gathered[i].right;
    t[i].left = (tfm_span){p, left};
    t[i].right = (tfm_span){p + left, right};
    t[i].made = (tfm_span){p, left + right};
    p += left + right;
    if (m->prefix.n && right >= m->prefix.n) {
      t[i].made = (tfm_span){p, left + right - m->prefix.n};
      p += t[i].made.n;
    }
  }
}

static void add_gathered(reader *m)
{
  triple t[GATHERED];
  int32_t id[GATHERED][3];
  tfm_status st = m->text.failed ? TFM_E_NOMEM : TFM_OK;
  if (st == TFM_OK) {
    spread(m, t);
    tfm__vocab_ids(m->vocab, &t[0].left, 3 * m->n, id[0]);
  }
  for (size_t i = 0; i < m->n && st == TFM_OK; ++i) {
    tfm__merges_expect(m->merges, id[i][0], id[i][1]);
  }
  for (size_t i = 0; i < m->n && st == TFM_OK && is_whole(m, &t[i], id[i]); ++i) {
    m->merges->shrinking |= t[i].left.n == 0 || t[i].right.n == m->prefix.n;
    note_join(m->joins, t[i].left, t[i].right);
    st = tfm__merges_add(m->merges, id[i][0], id[i][1], id[i][2]);
  }
  if (st != TFM_OK) {
    tfm_jread_fail(m->r, st, "not enough memory for the merges");
  }
  m->n = 0;
  tfm_buf_clear(&m->text);
}

static void gather(reader *m, tfm_span left, tfm_span right)
{
  (void)tfm_buf_span(&m->text, left);
  (void)tfm_buf_span(&m->text, right);
  if (m->prefix.n && right.n >= m->prefix.n) {
    (void)tfm_buf_span(&m->text, left);
    (void)tfm_buf_append(&m->text, right.p + m->prefix.n, right.n - m->prefix.n);
  }
  m->gathered[m->n].left = left.n;
  m->gathered[m->n++].right = right.n;
  if (m->n == m->most) {
    add_gathered(m);
  }
}

/* ---- the text ---- */

/* "a b" */
static void read_string(reader *m)
{
  static const char version[] = "#version";
  tfm_span s = tfm_jread_string(m->r);
  const char *blank = s.n ? memchr(s.p, ' ', s.n) : NULL;
  if (s.n >= sizeof version - 1 && memcmp(s.p, version, sizeof version - 1) == 0) {
    return; /* the first line of a merges.txt */
  }
  size_t left = blank ? (size_t)(blank - s.p) : s.n;
  if (!blank || memchr(blank + 1, ' ', s.n - left - 1)) {
    tfm_jread_fail(m->r, TFM_E_FORMAT, "want two tokens with a blank between, got \"%.*s\"",
                   s.n > 64 ? 64 : (int)s.n, s.n ? s.p : "");
    return;
  }
  gather(m, (tfm_span){s.p, left}, (tfm_span){blank + 1, s.n - left - 1});
}

/* ["a", "b"] */
static void read_array(reader *m)
{
  int n = 0;
  tfm_buf_clear(&m->left);
  tfm_jread_array(m->r);
  for (; tfm_jread_element(m->r); ++n) {
    tfm_span s = tfm_jread_string(m->r);
    if (n == 0) {
      (void)tfm_buf_span(&m->left, s);
      m->text.failed |= m->left.failed;
    } else if (n == 1 && tfm_jread_ok(m->r)) {
      gather(m, tfm_buf_view(&m->left), s);
    }
  }
  if (n != 2) {
    tfm_jread_fail(m->r, TFM_E_FORMAT, "want two tokens, got %d", n);
  }
}

/* Read all. The failure may be of one of the last `most` merges. */
static void read_all(reader *m, size_t most)
{
  tfm_json_kind first = TFM_JSON_NONE;
  m->most = most;
  tfm_jread_array(m->r);
  while (tfm_jread_element(m->r)) {
    tfm_json_kind kind = tfm_jread_peek(m->r);
    first = first == TFM_JSON_NONE ? kind : first;
    if (kind != first) {
      tfm_jread_fail(m->r, TFM_E_FORMAT, "want all merges in one form, strings or arrays");
    } else if (kind == TFM_JSON_ARRAY) {
      read_array(m);
    } else {
      read_string(m);
    }
  }
  if (tfm_jread_ok(m->r)) {
    add_gathered(m);
  }
}

static void read_text(reader *m, tfm_jread *outer, tfm_span raw)
{
  tfm_err err = {0};
  m->r = tfm_jread_open("merges", raw.p, raw.n, TFM_JSON_STRICT);
  if (!m->r) {
    tfm_jread_fail(outer, TFM_E_NOMEM, "not enough memory for the merges");
    return;
  }
  read_all(m, GATHERED);
  if (!tfm_jread_ok(m->r)) { /* once more, one by one, to say which it was */
    m->n = 0;
    tfm_buf_clear(&m->text);
    tfm_jread_rewind(m->r);
    read_all(m, 1);
  }
  if (tfm_jread_status(m->r, &err) != TFM_OK) {
    tfm_jread_fail(outer, err.status, "%s", err.text);
  }
  tfm_jread_close(m->r);
}

void tfm__read_merges(tfm__loader *l, tfm_span raw, tfm_span prefix, tfm__merges *m,
                      tfm__joins *j)
{
  reader all = {.r = l->r,
                .vocab = l->vocab,
                .prefix = prefix,
                .merges = m,
                .joins = j,
                .most = GATHERED};
  if (tfm__merges_reserve(m, l->vocab->n) != TFM_OK || /* there are seldom more */
      tfm_buf_reserve(&all.text, 1) != TFM_OK) {       /* empty tokens have a place too */
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the merges");
  } else if (l->given && tfm_span_is(raw, "null")) {
    for (size_t i = 0; i < l->given->nmerge; ++i) {
      gather(&all, l->given->merge[i].left, l->given->merge[i].right);
    }
    add_gathered(&all);
  } else {
    read_text(&all, l->r, raw);
  }
  tfm_buf_fini(&all.left);
  tfm_buf_fini(&all.text);
}
