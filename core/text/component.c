#include "core/text/component.h"

#include "core/base/mem.h"
#include "core/text/kinds.h"

#include <string.h>

/* ---- the tables ---- */

static const tfm__kind *const normalizers[] = {&tfm__bert_normalizer,
                                               &tfm__lowercase,
                                               &tfm__strip_accents,
                                               &tfm__nmt,
                                               &tfm__strip,
                                               &tfm__prepend,
                                               &tfm__nfc,
                                               &tfm__nfd,
                                               &tfm__nfkc,
                                               &tfm__nfkd,
                                               &tfm__precompiled,
                                               &tfm__replace,
                                               &tfm__byte_level_normalizer,
                                               &tfm__pieces_normalizer,
                                               NULL};
static const tfm__kind *const pre_tokenizers[] = {&tfm__bert_pre_tokenizer,
                                                  &tfm__byte_level_pre_tokenizer,
                                                  &tfm__metaspace,
                                                  &tfm__whitespace,
                                                  &tfm__whitespace_split,
                                                  &tfm__punctuation_split,
                                                  &tfm__digits,
                                                  &tfm__split,
                                                  &tfm__char_delimiter,
                                                  &tfm__unicode_scripts,
                                                  &tfm__fixed_length,
                                                  NULL};
static const tfm__kind *const models[] = {&tfm__bpe,       &tfm__wordpiece, &tfm__unigram,
                                          &tfm__wordlevel, &tfm__codes,     NULL};
static const tfm__kind *const post_processors[] = {
    &tfm__bert_processing, &tfm__roberta_processing, &tfm__template_processing,
    &tfm__byte_level_processing, NULL};
static const tfm__kind *const decoders[] = {&tfm__wordpiece_decoder,
                                            &tfm__byte_level_decoder,
                                            &tfm__metaspace,
                                            &tfm__bpe_decoder,
                                            &tfm__byte_fallback,
                                            &tfm__fuse,
                                            &tfm__strip_decoder,
                                            &tfm__replace,
                                            &tfm__ctc,
                                            &tfm__codes_decoder,
                                            NULL};

static const struct {
  const char *key;
  const char *members; /* NULL: no Sequence in this family */
  const tfm__kind *const *kinds;
} families[TFM__FAMILIES] = {
    [TFM__NORMALIZER] = {"normalizer", "normalizers", normalizers},
    [TFM__PRE_TOKENIZER] = {"pre_tokenizer", "pretokenizers", pre_tokenizers},
    [TFM__MODEL] = {"model", NULL, models},
    [TFM__POST_PROCESSOR] = {"post_processor", "processors", post_processors},
    [TFM__DECODER] = {"decoder", "decoders", decoders},
};

tfm__family tfm__family_of(tfm_span key)
{
  int family = 0;
  while (family < TFM__FAMILIES && !tfm_span_is(key, families[family].key)) {
    ++family;
  }
  return (tfm__family)family;
}

/* ---- the loader ---- */

void *tfm__loader_alloc(tfm__loader *l, size_t n)
{
  void *p = tfm_arena_alloc(l->memory, n);
  if (!p) {
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for %zu bytes", n);
    return NULL;
  }
  memset(p, 0, n);
  return p;
}

tfm_span tfm__loader_copy(tfm__loader *l, tfm_span s)
{
  char *p = tfm_arena_strndup(l->memory, s.p, s.n);
  if (!p) {
    tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for %zu bytes", s.n);
    return (tfm_span){NULL, 0};
  }
  return (tfm_span){p, s.n};
}

void tfm__loader_want(tfm__loader *l, bool seen, const char *key)
{
  if (!seen) {
    tfm_jread_fail(l->r, TFM_E_FORMAT, "\"%s\" is missing", key);
  }
}

/* ---- types, noted in a first pass ---- */

/* "type" may stand anywhere in its object, and decides how the rest is read; so a first pass over
 * the file notes all types, and the second needs no look-ahead. */
static size_t note_type(tfm__loader *l)
{
  if (l->ntype == l->type_cap) {
    size_t cap = l->type_cap ? l->type_cap * 2 : 16;
    tfm_span *types = tfm_arena_alloc(l->memory, cap * sizeof *types);
    if (!types) {
      tfm_jread_fail(l->r, TFM_E_NOMEM, "not enough memory for the components");
      return 0;
    }
    if (l->ntype) {
      memcpy(types, l->types, l->ntype * sizeof *types);
    }
    l->types = types;
    l->type_cap = cap;
  }
  l->types[l->ntype] = (tfm_span){NULL, 0};
  return l->ntype++;
}

/* Old files leave a type out: then the first kind of the table tells, whose mark is there. */
static size_t kind_with_field(tfm__family family, tfm_span key, size_t guess)
{
  const tfm__kind *const *kinds = families[family].kinds;
  for (size_t k = 0; k < guess && kinds[k]; ++k) {
    if (kinds[k]->mark && tfm_span_is(key, kinds[k]->mark)) {
      return k;
    }
  }
  return guess;
}

void tfm__component_note(tfm__loader *l, tfm__family family)
{
  if (tfm_jread_peek(l->r) != TFM_JSON_OBJECT) {
    (void)tfm_jread_skip(l->r); /* the second pass says what is wrong with it */
    return;
  }
  size_t at = note_type(l);
  const char *members = families[family].members;
  size_t guess = SIZE_MAX;
  bool typed = false;
  tfm_span key;
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    guess = kind_with_field(family, key, guess);
    if (tfm_span_is(key, "type")) {
      if (typed) {
        tfm_jread_fail(l->r, TFM_E_FORMAT, "the key stands there twice");
      }
      typed = true;
      if (tfm_jread_peek(l->r) == TFM_JSON_STRING) {
        l->types[at] = tfm__loader_copy(l, tfm_jread_string(l->r));
      } else {
        (void)tfm_jread_skip(l->r); /* as above */
      }
    } else if (members && tfm_span_is(key, members) && tfm_jread_peek(l->r) == TFM_JSON_ARRAY) {
      tfm_jread_array(l->r);
      while (tfm_jread_element(l->r)) {
        tfm__component_note(l, family);
      }
    } else {
      (void)tfm_jread_skip(l->r);
    }
  }
  if (!typed && guess != SIZE_MAX && tfm_jread_ok(l->r)) {
    l->types[at] = tfm_span_of(families[family].kinds[guess]->type);
  }
}

/* ---- components ---- */

static void refuse_type(tfm__loader *l, tfm__family family, tfm_span type)
{
  tfm_buf names = {0};
  for (const tfm__kind *const *k = families[family].kinds; *k; ++k) {
    (void)tfm_buf_printf(&names, "%s%s", names.n ? ", " : "", (*k)->type);
  }
  if (families[family].members) {
    (void)tfm_buf_str(&names, ", Sequence");
  }
  tfm_jread_fail(l->r, TFM_E_UNSUPPORTED, "\"%.*s\" is not supported; supported are %s",
                 type.n > 64 ? 64 : (int)type.n, type.p, tfm_buf_cstr(&names));
  tfm_buf_fini(&names);
}

/* Say that a type is none of ours, or no string, at its own place in the file. */
static void fail_at_type(tfm__loader *l, tfm__family family, tfm_span type)
{
  tfm_span key;
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    if (!tfm_span_is(key, "type")) {
      (void)tfm_jread_skip(l->r);
    } else if (type.p) {
      (void)tfm_jread_string(l->r);
      refuse_type(l, family, type);
    } else {
      (void)tfm_jread_string(l->r); /* fails: it is no string, or the first pass had it */
    }
  }
  tfm__loader_want(l, false, "type");
}

static void append(tfm__loader *l, tfm__chain *chain, const tfm__kind *kind)
{
  if (chain->n == chain->cap) {
    size_t cap = chain->cap ? chain->cap * 2 : 4;
    tfm__component *v = tfm__loader_alloc(l, cap * sizeof *v);
    if (!v) {
      return;
    }
    if (chain->n) {
      memcpy(v, chain->v, chain->n * sizeof *v);
    }
    chain->v = v;
    chain->cap = cap;
  }
  tfm__component *c = &chain->v[chain->n++];
  *c = (tfm__component){.kind = kind};
  c->self = kind->read(l);
}

static void read_sequence(tfm__loader *l, tfm__family family, tfm__chain *chain)
{
  tfm_span key;
  bool seen = false;
  tfm_jread_object(l->r);
  while (tfm_jread_key(l->r, &key)) {
    if (!tfm_span_is(key, families[family].members)) {
      (void)tfm_jread_skip(l->r);
      continue;
    }
    if (seen) {
      tfm_jread_fail(l->r, TFM_E_FORMAT, "the key stands there twice");
    }
    seen = true;
    tfm_jread_array(l->r);
    while (tfm_jread_element(l->r)) {
      if (tfm_jread_peek(l->r) != TFM_JSON_OBJECT) {
        tfm_jread_object(l->r); /* fails: no null in a Sequence */
      }
      tfm__component_read(l, family, chain);
    }
  }
  tfm__loader_want(l, seen, families[family].members);
}

void tfm__component_read(tfm__loader *l, tfm__family family, tfm__chain *chain)
{
  if (!tfm_jread_ok(l->r) || tfm_jread_null(l->r)) {
    return;
  }
  if (tfm_jread_peek(l->r) != TFM_JSON_OBJECT) {
    tfm_jread_object(l->r); /* fails, and says what it is instead */
    return;
  }
  TFM_ASSERT(l->next < l->ntype);
  tfm_span type = l->types[l->next++];
  if (families[family].members && type.p && tfm_span_is(type, "Sequence")) {
    read_sequence(l, family, chain);
    return;
  }
  const tfm__kind *const *k = families[family].kinds;
  while (*k && !(type.p && tfm_span_is(type, (*k)->type))) {
    ++k;
  }
  if (*k) {
    append(l, chain, *k);
  } else {
    fail_at_type(l, family, type);
  }
}

tfm_status tfm__normalize(const tfm__chain *chain, tfm__view view, tfm__text room[2],
                          const tfm__text **out)
{
  tfm_status st = TFM_OK;
  tfm__text *now = &room[0];
  tfm__text *next = &room[1];
  bool written = false;
  for (size_t i = 0; i < chain->n; ++i) {
    const tfm__component *c = &chain->v[i];
    if (c->kind->keeps && c->kind->keeps(c->self, view.p, view.n)) {
      continue;
    }
    next->n = 0;
    TFM_TRY(c->kind->normalize(c->self, &view, next));
    view = (tfm__view){.p = next->p, .at = next->at, .n = next->n, .first = view.first};
    tfm__text *swap = now;
    now = next;
    next = swap;
    written = true;
  }
  if (!written) {
    TFM_TRY(tfm__text_copy(now, &view));
  }
  *out = now;

fail:
  return st;
}

void tfm__chain_close(tfm__chain *chain)
{
  for (size_t i = 0; i < chain->n; ++i) {
    if (chain->v[i].kind->close && chain->v[i].self) {
      chain->v[i].kind->close(chain->v[i].self);
    }
  }
  *chain = (tfm__chain){0};
}

/* ---- lists of strings ---- */

tfm_status tfm__strings_add(tfm__strings *s, tfm_span string)
{
  if (s->n == s->cap) {
    size_t cap = s->cap ? s->cap * 2 : 64;
    size_t *end = tfm_realloc(s->end, cap, sizeof *end);
    if (!end) {
      return TFM_E_NOMEM;
    }
    s->end = end;
    s->cap = cap;
  }
  tfm_status st = tfm_buf_span(&s->text, string);
  if (st == TFM_OK) {
    s->end[s->n++] = s->text.n;
  }
  return st;
}

tfm_span tfm__strings_get(const tfm__strings *s, size_t i)
{
  size_t from = i ? s->end[i - 1] : 0;
  size_t n = s->end[i] - from;
  return (tfm_span){n ? s->text.data + from : "", n}; /* when all are empty there is no data */
}

void tfm__strings_clear(tfm__strings *s)
{
  tfm_buf_clear(&s->text);
  s->n = 0;
  s->continues = s->open = false;
}

void tfm__strings_fini(tfm__strings *s)
{
  tfm_buf_fini(&s->text);
  tfm_free(s->end);
  *s = (tfm__strings){0};
}
