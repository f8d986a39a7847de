/* tokenizer.json: two passes of the pull reader over the text, no tree. The first checks the
 * syntax of the whole and notes the components' types, the second reads. */
#include "core/base/mem.h"
#include "core/text/kinds.h"
#include "core/text/tokenizer_private.h"

#include <string.h>

typedef struct {
  tfm__loader l;
  tfm_tokenizer *t;
  tfm__chain finish; /* post-processors, of which one may be a template */
  unsigned seen;     /* families met, as bits */
} json_load;

/* ---- added tokens ---- */

static void read_added_token(json_load *j)
{
  tfm_jread *r = j->l.r;
  tfm__added_token t = {.id = -1};
  const struct {
    const char *key;
    bool *value;
  } flags[] = {{"single_word", &t.single_word},
               {"lstrip", &t.lstrip},
               {"rstrip", &t.rstrip},
               {"normalized", &t.normalized},
               {"special", &t.special}};
  enum { NFLAG = sizeof flags / sizeof flags[0] };
  bool seen[NFLAG] = {false};
  tfm_buf content = {0};
  bool seen_content = false;
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    int flag = 0;
    while (flag < NFLAG && !tfm_span_is(key, flags[flag].key)) {
      ++flag;
    }
    if (flag < NFLAG) {
      *flags[flag].value = tfm_jread_bool(r);
      seen[flag] = true;
    } else if (tfm_span_is(key, "id")) {
      t.id = (int32_t)tfm_jread_int(r, 0, TFM__HIGHEST_ID);
    } else if (tfm_span_is(key, "content")) {
      tfm_buf_clear(&content);
      (void)tfm_buf_span(&content, tfm_jread_string(r));
      seen_content = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(&j->l, t.id >= 0, "id");
  tfm__loader_want(&j->l, seen_content, "content");
  for (int flag = 0; flag < NFLAG; ++flag) {
    tfm__loader_want(&j->l, seen[flag], flags[flag].key);
  }
  t.content = tfm_buf_view(&content);
  tfm_err err = {0};
  if (content.failed) {
    tfm_jread_fail(r, TFM_E_NOMEM, "not enough memory for the added tokens");
  }
  if (tfm_jread_ok(r) && tfm__added_put(&j->t->added, &j->t->memory, &t, &err) != TFM_OK) {
    tfm_jread_fail(r, err.status, "%s", err.text);
  }
  tfm_buf_fini(&content);
}

static void read_added_tokens(json_load *j)
{
  if (tfm_jread_null(j->l.r)) {
    return;
  }
  tfm_jread_array(j->l.r);
  while (tfm_jread_element(j->l.r)) {
    read_added_token(j);
  }
}

/* ---- truncation ---- */

/* How long rows may be is the caller's to say; of the block only the side is used. */
static void read_truncation(json_load *j)
{
  tfm_jread *r = j->l.r;
  tfm_span key;
  if (tfm_jread_null(r)) {
    return;
  }
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "max_length") || tfm_span_is(key, "stride")) {
      (void)tfm_jread_int(r, 0, INT64_MAX);
    } else if (tfm_span_is(key, "direction")) {
      tfm_span side = tfm_jread_string(r);
      j->t->truncate_left = tfm_span_is(side, "Left");
      if (tfm_jread_ok(r) && !j->t->truncate_left && !tfm_span_is(side, "Right")) {
        tfm_jread_fail(r, TFM_E_FORMAT, "want \"Left\" or \"Right\"");
      }
    } else {
      (void)tfm_jread_skip(r);
    }
  }
}

static void read_padding(json_load *j)
{
  if (!tfm_jread_null(j->l.r) && tfm_jread_peek(j->l.r) != TFM_JSON_OBJECT) {
    tfm_jread_object(j->l.r); /* fails, and says what it is instead */
  } else if (tfm_jread_peek(j->l.r) == TFM_JSON_OBJECT) {
    (void)tfm_jread_skip(j->l.r);
  }
}

/* ---- the file ---- */

static void note_types(json_load *j)
{
  tfm_jread *r = j->l.r;
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    tfm__family family = tfm__family_of(key);
    if (family == TFM__FAMILIES) {
      (void)tfm_jread_skip(r);
      continue;
    }
    if (j->seen & 1u << family) {
      tfm_jread_fail(r, TFM_E_FORMAT, "the key stands there twice");
    }
    j->seen |= 1u << family;
    tfm__component_note(&j->l, family);
  }
  if (tfm_jread_ok(r) && !(j->seen & 1u << TFM__MODEL)) {
    tfm_jread_fail(r, TFM_E_FORMAT, "\"model\" is missing");
  }
  tfm_jread_end(r);
}

static void read_version(json_load *j)
{
  tfm_span version = tfm_jread_string(j->l.r);
  if (tfm_jread_ok(j->l.r) && !tfm_span_is(version, "1.0")) {
    tfm_jread_fail(j->l.r, TFM_E_UNSUPPORTED, "format \"%.*s\" is not supported; \"1.0\" is",
                   version.n > 64 ? 64 : (int)version.n, version.p);
  }
}

/* One of the post-processors may give an order, any may trim. */
static void take_processors(json_load *j)
{
  size_t orders = 0;
  bool wrapped[2] = {false, false};
  tfm__trims *trims = &j->t->trims;
  trims->v = tfm__loader_alloc(&j->l, (j->finish.n + 1) * sizeof *trims->v);
  for (size_t i = 0; trims->v && i < j->finish.n; ++i) {
    const tfm__processor *p = j->finish.v[i].self;
    if (p->trims) {
      trims->v[trims->n] = p->trim;
      memcpy(trims->v[trims->n++].inside, wrapped, sizeof wrapped);
    }
    wrapped[0] |= p->wraps[0];
    wrapped[1] |= p->wraps[1];
    if (p->order) {
      j->t->finish = p->order;
      ++orders;
    }
  }
  if (orders > 1) {
    tfm_jread_fail(j->l.r, TFM_E_UNSUPPORTED, "%zu templates one after the other; at most one",
                   orders);
  }
}

/* What trimming asks of every token. */
static tfm_status look_at_blanks(tfm_tokenizer *t)
{
  enum { MOST = 15 };
  if (t->trims.n == 0) {
    return TFM_OK;
  }
  t->trims.ids = (size_t)(tfm_tokenizer_describe(t).highest_id + 1);
  t->trims.blanks = tfm_arena_alloc(&t->memory, t->trims.ids + 1);
  if (!t->trims.blanks) {
    return TFM_E_NOMEM;
  }
  for (size_t i = 0; i < t->trims.ids; ++i) {
    tfm_span usual = tfm__vocab_text(&t->vocab, (int32_t)i);
    tfm__blanks n = tfm__blanks_of(usual.p ? usual : tfm_tokenizer_token(t, (int32_t)i));
    bool many = n.first >= MOST || n.last >= MOST;
    t->trims.blanks[i] = many ? TFM__BLANKS : (uint8_t)(n.first | n.last << 4);
  }
  return TFM_OK;
}

static void read_family(json_load *j, tfm__family family)
{
  tfm__chain *const chains[TFM__FAMILIES] = {[TFM__NORMALIZER] = &j->t->normalizer,
                                             [TFM__PRE_TOKENIZER] = &j->t->pre_tokenizer,
                                             [TFM__MODEL] = &j->t->model,
                                             [TFM__POST_PROCESSOR] = &j->finish,
                                             [TFM__DECODER] = &j->t->decoder};
  if (family == TFM__DECODER) {
    j->t->decodes = tfm_jread_peek(j->l.r) == TFM_JSON_OBJECT;
  }
  tfm__component_read(&j->l, family, chains[family]);
  if (tfm_jread_ok(j->l.r) && family == TFM__MODEL && j->t->model.n != 1) {
    tfm_jread_fail(j->l.r, TFM_E_FORMAT, "want an object, got null");
  }
  if (tfm_jread_ok(j->l.r) && family == TFM__POST_PROCESSOR) {
    take_processors(j);
  }
}

static void read_all(json_load *j)
{
  tfm_jread *r = j->l.r;
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    tfm__family family = tfm__family_of(key);
    if (family != TFM__FAMILIES) {
      read_family(j, family);
    } else if (tfm_span_is(key, "version")) {
      read_version(j);
    } else if (tfm_span_is(key, "added_tokens")) {
      read_added_tokens(j);
    } else if (tfm_span_is(key, "truncation")) {
      read_truncation(j);
    } else if (tfm_span_is(key, "padding")) {
      read_padding(j);
    } else {
      (void)tfm_jread_skip(r);
      tfm_jread_fail(r, TFM_E_UNSUPPORTED, "no part of a tokenizer that is known");
    }
  }
  tfm_jread_end(r);
}

tfm_status tfm__load_json(tfm_tokenizer *t, const char *name, tfm_span text, tfm__given *given,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  json_load j = {.l = {.memory = &t->memory, .vocab = &t->vocab, .given = given}, .t = t};
  j.l.r = tfm_jread_open(name, text.p, text.n, TFM_JSON_STRICT);
  if (!j.l.r) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
  }
  note_types(&j);
  TFM_TRY(tfm_jread_status(j.l.r, err));
  tfm_jread_rewind(j.l.r);
  read_all(&j);
  TFM_TRY(tfm_jread_status(j.l.r, err));
  st = tfm__added_ready(&t->added, &t->vocab, &t->normalizer, &t->memory, err);
  if (st != TFM_OK) {
    (void)tfm_err_prefix(err, "%s: $.added_tokens", name);
    goto fail;
  }
  if (look_at_blanks(t) != TFM_OK) {
    st = tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
  }

fail:
  tfm_jread_close(j.l.r);
  return st;
}
