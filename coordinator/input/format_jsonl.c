#include "coordinator/input/parser.h"

#include <string.h>

/* What a line's members have told so far. */
typedef struct {
  tfm__parser *p;
  int text_rank; /* of the text column seen, ntext for none */
  tfm_json_kind text_kind, pair_kind, list_kind;
} members;

static const char *kind_name(tfm_json_kind kind)
{
  switch (kind) {
  case TFM_JSON_OBJECT:
    return "an object";
  case TFM_JSON_ARRAY:
    return "an array";
  case TFM_JSON_NUMBER:
    return "a number";
  case TFM_JSON_TRUE:
  case TFM_JSON_FALSE:
    return "true or false";
  case TFM_JSON_NULL:
    return "null";
  case TFM_JSON_STRING:
    return "a string";
  case TFM_JSON_NONE:
    return "nothing";
  }
  return "nothing";
}

static int text_rank(const tfm__columns *c, tfm_span key)
{
  int rank = 0;
  while (rank < c->ntext && !tfm_span_is(key, c->text[rank])) {
    ++rank;
  }
  return rank;
}

static bool passes_through(const tfm__columns *c, tfm_span key)
{
  if (tfm_span_is(key, c->id)) {
    return false; /* it is in the output as the id */
  }
  bool found = c->extra_all;
  for (int i = 0; i < c->nextra && !found; ++i) {
    found = tfm_span_is(key, c->extra[i]);
  }
  return found;
}

static bool is_pair(const tfm__columns *c, tfm_span key)
{
  return c->pair && tfm_span_is(key, c->pair);
}

/* Read a string into *piece; another kind is stepped over, and *piece is empty then. */
static tfm_json_kind take_string(tfm__parser *p, tfm_jread *from, tfm__piece *piece)
{
  tfm_json_kind kind = tfm_jread_peek(from);
  *piece = (tfm__piece){0};
  if (kind == TFM_JSON_STRING) {
    *piece = tfm__draft_put(&p->draft, tfm_jread_string(from));
  } else {
    (void)tfm_jread_skip(from);
  }
  return kind;
}

/* The text, or an array where the task takes one. */
static tfm_json_kind take_text(tfm__parser *p, tfm_jread *from)
{
  if (!p->columns.text_array || tfm_jread_peek(from) != TFM_JSON_ARRAY) {
    return take_string(p, from, &p->draft.text);
  }
  p->draft.text = tfm__draft_repair(&p->draft, tfm_jread_skip(from));
  return TFM_JSON_STRING;
}

tfm_json_kind tfm__list_read(tfm__parser *p, tfm_jread *from)
{
  tfm__draft *d = &p->draft;
  tfm_json_kind kind = tfm_jread_peek(from);
  d->nlist = 0;
  d->has_list = false;
  if (kind == TFM_JSON_STRING && p->columns.list_commas) {
    tfm__draft_split_list(d, tfm_jread_string(from));
  } else if (kind == TFM_JSON_ARRAY) {
    d->has_list = true;
    tfm_jread_array(from);
    for (int i = 0; tfm_jread_element(from); ++i) {
      tfm_json_kind element = tfm_jread_peek(from);
      if (element == TFM_JSON_STRING) {
        tfm__draft_add_list(d, tfm__draft_put(d, tfm_jread_string(from)));
      } else {
        (void)tfm_jread_skip(from);
        tfm__draft_fail(d, "field \"%.100s\": element %d: want a string, got %s",
                        p->columns.list, i, kind_name(element));
      }
    }
  } else {
    (void)tfm_jread_skip(from);
  }
  return kind;
}

/* The value of one member. A text may also be passed through: then its raw form is taken first
 * and read once more. Of members of one name the last counts, as in Python. */
static void read_member(members *m, tfm_span key)
{
  tfm__parser *p = m->p;
  tfm_jread *from = p->json;
  const tfm__columns *c = &p->columns;
  bool id = tfm_span_is(key, c->id);
  int rank = text_rank(c, key);
  bool text = rank < c->ntext && rank <= m->text_rank;
  bool pair = !text && is_pair(c, key);
  bool list = !text && !pair && c->list && tfm_span_is(key, c->list);
  bool extra = passes_through(c, key);
  if (id || extra) {
    tfm__piece name = extra ? tfm__draft_put(&p->draft, key) : (tfm__piece){0};
    tfm_span raw = tfm_jread_skip(p->json);
    tfm__piece value = tfm__draft_repair(&p->draft, raw);
    if (extra) {
      tfm__draft_add(&p->draft, name, value, !c->extra_all);
    } else {
      p->draft.id = tfm_span_is(raw, "null") ? (tfm__piece){0} : value;
    }
    from = p->inner;
    tfm_jread_restart(from, raw.p, raw.n);
  }
  if (text) {
    m->text_rank = rank;
    m->text_kind = take_text(p, from);
  } else if (pair) {
    m->pair_kind = take_string(p, from, &p->draft.pair);
  } else if (list) {
    m->list_kind = tfm__list_read(p, from);
  } else if (from == p->json) {
    (void)tfm_jread_skip(from);
  }
}

static void check_text(const members *m)
{
  tfm__draft *d = &m->p->draft;
  const tfm__columns *c = &m->p->columns;
  if (m->text_rank == c->ntext) {
    tfm__draft_fail(d, "no field \"%.100s\"%s", c->text[0],
                    c->ntext > 1 ? ", nor sentence, content, inputs or input" : "");
  } else if (m->text_kind != TFM_JSON_STRING) {
    tfm__draft_fail(d, "field \"%.100s\": want a string, got %s", c->text[m->text_rank],
                    kind_name(m->text_kind));
  }
  bool missing = m->pair_kind == TFM_JSON_NONE || m->pair_kind == TFM_JSON_NULL;
  if (missing ? c->pair && c->pair_named : m->pair_kind != TFM_JSON_STRING) {
    tfm__draft_fail(d, "field \"%.100s\": want a string, got %s", c->pair,
                    kind_name(m->pair_kind));
  }
}

static void check_list(const members *m)
{
  tfm__draft *d = &m->p->draft;
  const tfm__columns *c = &m->p->columns;
  bool missing = m->list_kind == TFM_JSON_NONE || m->list_kind == TFM_JSON_NULL;
  if (c->list && !d->has_list && (c->list_named || !missing)) {
    tfm__draft_fail(d, "field \"%.100s\": want %s, got %s", c->list,
                    c->list_commas ? "an array of strings, or a string with commas"
                                   : "an array of strings",
                    kind_name(m->list_kind));
  }
}

static void read_object(tfm__parser *p, const tfm__record *record)
{
  members m = {.p = p, .text_rank = p->columns.ntext};
  tfm_span key = {0};
  tfm_err err;
  tfm_jread_restart(p->json, record->bytes.p, record->bytes.n);
  tfm_jread_object(p->json);
  while (tfm_jread_key(p->json, &key)) {
    read_member(&m, key);
  }
  tfm_jread_end(p->json);
  if (tfm_jread_status(p->json, &err) != TFM_OK) {
    tfm__draft_discard(&p->draft, err.text);
    p->draft.no_memory = err.status == TFM_E_NOMEM;
  } else {
    check_text(&m);
    check_list(&m);
  }
}

static tfm_status next_line(tfm__parser *p, tfm__window *w, tfm__record *record, bool *there,
                            tfm_err *err)
{
  (void)p;
  return tfm__window_line(w, record, there, err);
}

const tfm__format tfm__format_jsonl = {
    .next = next_line, .blank = tfm__record_white, .read = read_object};
