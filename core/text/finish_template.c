/* TemplateProcessing: any order of sequences and special tokens, each with a type id. A special
 * token is a name that the template's own table turns into one or several ids. */
#include "core/text/finish.h"
#include "core/text/kinds.h"

#include <string.h>

/* A place as the file has it: specials by name. */
typedef struct {
  tfm__place place;
  tfm_span name; /* of a special */
} draft;

typedef struct {
  draft *v;
  size_t n;
  size_t cap;
  bool seen;
} drafts;

/* A row of "special_tokens". */
typedef struct {
  tfm_span name;
  int32_t *ids;
  tfm_span *texts;
  size_t nid, ntext;
} special;

typedef struct {
  special *v;
  size_t n;
  size_t cap;
  bool seen;
} specials;

/* No template in use has ten places; a bound keeps the search by name harmless. */
enum { MOST = 1024 };

/* Room for one more element in an array of the loader's memory. */
static void *more(tfm__loader *l, void *v, size_t n, size_t *cap, size_t bytes)
{
  if (n < *cap) {
    return v;
  }
  if (n >= MOST) {
    tfm_jread_fail(l->r, TFM_E_UNSUPPORTED, "more than %d elements", MOST);
    return NULL;
  }
  size_t wider = *cap ? *cap * 2 : 4;
  void *w = tfm__loader_alloc(l, wider * bytes);
  if (w && n) {
    memcpy(w, v, n * bytes);
  }
  if (w) {
    *cap = wider;
  }
  return w;
}

/* {"id": ..., "type_id": ...} */
static void read_place(tfm__loader *l, draft *d)
{
  tfm_jread *r = l->r;
  tfm_span key;
  bool seen_type = false;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "id")) {
      d->name = tfm__loader_copy(l, tfm_jread_string(r));
    } else if (tfm_span_is(key, "type_id")) {
      d->place.type_id = (int32_t)tfm_jread_int(r, 0, INT32_MAX);
      seen_type = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, d->name.p, "id");
  tfm__loader_want(l, seen_type, "type_id");
}

/* {"Sequence": {...}} or {"SpecialToken": {...}} */
static draft read_draft(tfm__loader *l)
{
  tfm_jread *r = l->r;
  draft d = {0};
  tfm_span key;
  int n = 0;
  tfm_jread_object(r);
  for (; tfm_jread_key(r, &key); ++n) {
    if (tfm_span_is(key, "SpecialToken")) {
      d.place.what = TFM__SPECIAL;
      read_place(l, &d);
    } else if (tfm_span_is(key, "Sequence")) {
      read_place(l, &d);
      bool first = tfm_span_is(d.name, "A");
      if (!first && !tfm_span_is(d.name, "B")) {
        tfm_jread_fail(r, TFM_E_FORMAT, "a sequence is \"A\" or \"B\"");
      }
      d.place.what = first ? TFM__FIRST : TFM__SECOND;
    } else {
      (void)tfm_jread_skip(r);
      tfm_jread_fail(r, TFM_E_UNSUPPORTED, "want \"Sequence\" or \"SpecialToken\"");
    }
  }
  if (n != 1) {
    tfm_jread_fail(r, TFM_E_FORMAT, "want one \"Sequence\" or \"SpecialToken\", got %d", n);
  }
  return d;
}

static void read_drafts(tfm__loader *l, drafts *p)
{
  tfm_jread *r = l->r;
  p->n = 0;
  p->seen = true;
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    draft d = read_draft(l);
    draft *v = more(l, p->v, p->n, &p->cap, sizeof *v);
    if (!v) {
      return;
    }
    p->v = v;
    p->v[p->n++] = d;
  }
}

static special read_special(tfm__loader *l, tfm_span name)
{
  tfm_jread *r = l->r;
  special s = {.name = tfm__loader_copy(l, name)};
  size_t cap = 0;
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "ids")) {
      s.ids = NULL;
      s.nid = cap = 0;
      tfm_jread_array(r);
      while (tfm_jread_element(r)) {
        int32_t id = (int32_t)tfm_jread_int(r, 0, TFM__HIGHEST_ID);
        int32_t *ids = more(l, s.ids, s.nid, &cap, sizeof *ids);
        if (!ids) {
          return s;
        }
        s.ids = ids;
        s.ids[s.nid++] = id;
      }
    } else if (tfm_span_is(key, "tokens")) {
      s.texts = NULL;
      s.ntext = cap = 0;
      tfm_jread_array(r);
      while (tfm_jread_element(r)) {
        tfm_span text = tfm__loader_copy(l, tfm_jread_string(r));
        tfm_span *texts = more(l, s.texts, s.ntext, &cap, sizeof *texts);
        if (!texts) {
          return s;
        }
        s.texts = texts;
        s.texts[s.ntext++] = text;
      }
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  if (s.nid == 0 || s.nid != s.ntext) {
    tfm_jread_fail(r, TFM_E_FORMAT, "want as many ids as tokens, got %zu and %zu", s.nid,
                   s.ntext);
  }
  return s;
}

static void read_specials(tfm__loader *l, specials *p)
{
  tfm_span key;
  p->n = 0;
  p->seen = true;
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    special s = read_special(l, key);
    special *v = more(l, p->v, p->n, &p->cap, sizeof *v);
    if (!v) {
      return;
    }
    p->v = v;
    p->v[p->n++] = s;
  }
}

static const special *find(const specials *p, tfm_span name)
{
  for (size_t i = 0; i < p->n; ++i) {
    if (tfm_span_eq(p->v[i].name, name)) {
      return &p->v[i];
    }
  }
  return NULL;
}

/* Turn names into ids, one place each. */
static const tfm__place *resolve(tfm__loader *l, const drafts *d, const specials *table,
                                 size_t *n)
{
  size_t cap = 0;
  tfm__place *out = NULL;
  *n = 0;
  for (size_t i = 0; i < d->n && tfm_jread_ok(l->r); ++i) {
    tfm__place place = d->v[i].place;
    tfm_span name = d->v[i].name;
    const special *s = place.what == TFM__SPECIAL ? find(table, name) : NULL;
    if (place.what == TFM__SPECIAL && !s) {
      tfm_jread_fail(l->r, TFM_E_FORMAT,
                     "the template uses \"%.*s\", which special_tokens lacks",
                     name.n > 64 ? 64 : (int)name.n, name.p);
      break;
    }
    size_t count = s ? s->nid : 1;
    for (size_t k = 0; k < count; ++k) {
      tfm__place *v = more(l, out, *n, &cap, sizeof *v);
      if (!v) {
        return NULL; /* the reader has failed */
      }
      out = v;
      out[*n] = place;
      if (s) {
        out[*n].id = s->ids[k];
        out[*n].text = s->texts[k];
      }
      ++*n;
    }
  }
  return out;
}

static bool has(const drafts *d, int what)
{
  for (size_t i = 0; i < d->n; ++i) {
    if ((int)d->v[i].place.what == what) {
      return true;
    }
  }
  return false;
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  drafts single = {0};
  drafts pair = {0};
  specials table = {0};
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "single")) {
      read_drafts(l, &single);
    } else if (tfm_span_is(key, "pair")) {
      read_drafts(l, &pair);
    } else if (tfm_span_is(key, "special_tokens")) {
      read_specials(l, &table);
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, single.seen, "single");
  tfm__loader_want(l, pair.seen, "pair");
  tfm__loader_want(l, table.seen, "special_tokens");
  if (has(&single, TFM__SECOND)) {
    tfm_jread_fail(r, TFM_E_FORMAT, "\"single\" uses sequence \"B\", which only a pair has");
  }
  if (!has(&pair, TFM__FIRST) || !has(&pair, TFM__SECOND)) {
    tfm_jread_fail(r, TFM_E_FORMAT, "\"pair\" must use both sequences, \"A\" and \"B\"");
  }
  tfm__template *t = tfm__loader_alloc(l, sizeof *t);
  if (t && tfm_jread_ok(r)) {
    t->single = resolve(l, &single, &table, &t->nsingle);
    t->pair = resolve(l, &pair, &table, &t->npair);
    t->once = l->given && l->given->once;
  }
  tfm__processor *p = tfm__loader_alloc(l, sizeof *p);
  if (p) {
    p->order = t;
  }
  return p;
}

const tfm__kind tfm__template_processing = {.type = "TemplateProcessing", .read = read};
