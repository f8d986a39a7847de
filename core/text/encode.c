/* One row through the pipeline: added tokens, normalise, split, model; then cut to length and
 * put the specials in. */
#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/tokenizer_private.h"

#include <string.h>

/* The working memory of an encoding. */
typedef struct {
  tfm__text text[2];  /* what normalisers write */
  tfm__text fresh[2]; /* what pre-tokenizers write */
  tfm__pieces pieces[2];
  tfm__tokens seq[2];
  tfm__odds odd;   /* of the finished encoding */
  void *memo;      /* of the model */
  uint64_t serial; /* of the tokenizer that the memo belongs to */
  bool pair;       /* what seq holds: both sequences; to be laid out with special tokens */
  bool specials;
  bool words; /* are numbered */
  void (*memo_close)(void *memo);
} work;

static void forget(work *w)
{
  if (w->memo) {
    w->memo_close(w->memo);
  }
  w->memo = NULL;
  w->serial = 0;
}

/* The memo of another tokenizer's model is of no use to this one. */
static tfm_status remember(const tfm_tokenizer *t, work *w)
{
  const tfm__component *model = &t->model.v[0];
  if (w->serial == t->serial) {
    return TFM_OK;
  }
  forget(w);
  if (model->kind->memo_open) {
    w->memo = model->kind->memo_open(model->self);
    w->memo_close = model->kind->memo_close;
    if (!w->memo) {
      return TFM_E_NOMEM;
    }
  }
  w->serial = t->serial;
  return TFM_OK;
}

void tfm_encoding_fini(tfm_encoding *e)
{
  work *w = e->scratch;
  if (w) {
    for (int i = 0; i < 2; ++i) {
      tfm__text_fini(&w->text[i]);
      tfm__text_fini(&w->fresh[i]);
      tfm__pieces_fini(&w->pieces[i]);
      tfm__tokens_fini(&w->seq[i]);
    }
    forget(w);
    tfm__odds_fini(&w->odd);
    tfm_free(w);
  }
  tfm_free(e->ids); /* the one block of all arrays */
  *e = (tfm_encoding){0};
}

/* What a token shows unless it is an odd one. */
static tfm_span usual_text(const tfm_tokenizer *t, int32_t id)
{
  tfm_span text = tfm__vocab_text(&t->vocab, id);
  return text.p ? text : tfm_tokenizer_token(t, id);
}

/* ---- a sequence ---- */

/* An added token that stands in the text as `shown`. */
static tfm_status put_added(const tfm_tokenizer *t, tfm__tokens *s, int32_t id, tfm_span shown)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__tokens_reserve(s, 1));
  if (!tfm_span_eq(shown, usual_text(t, id))) {
    TFM_TRY(tfm__odds_copy(&s->odd, s->n, shown));
  }
  s->word[s->n] = s->nword++;
  s->id[s->n++] = id;

fail:
  return st;
}

/* The model over all pieces: one by one where it must be known which piece a token is of. */
static tfm_status run_model(const tfm__component *model, work *w, const tfm__text *text,
                            const tfm__pieces *pieces, tfm__tokens *s)
{
  tfm_status st = TFM_OK;
  if (!w->words) {
    return model->kind->tokenize(model->self, w->memo, text, pieces, s);
  }
  for (size_t i = 0; i < pieces->n; ++i) {
    const tfm__pieces one = {.v = pieces->v + i, .n = 1, .cap = 1};
    size_t done = s->n;
    TFM_TRY(model->kind->tokenize(model->self, w->memo, text, &one, s));
    for (; done < s->n; ++done) {
      s->word[done] = s->nword;
    }
    ++s->nword;
  }

fail:
  return st;
}

static tfm_status put_piece(const tfm_tokenizer *t, work *w, tfm__tokens *s,
                            const tfm__text *text, tfm__piece piece)
{
  tfm_status st = TFM_OK;
  int spare = 0;
  tfm__pieces *now = &w->pieces[0];
  tfm__pieces *next = &w->pieces[1];
  now->n = 0;
  TFM_TRY(tfm__pieces_reserve(now, 1));
  now->v[now->n++] = piece;
  for (size_t i = 0; i < t->pre_tokenizer.n; ++i) {
    const tfm__component *c = &t->pre_tokenizer.v[i];
    tfm__text *fresh = NULL;
    next->n = 0;
    if (c->kind->rewrites) {
      fresh = &w->fresh[spare];
      fresh->n = 0;
      spare = !spare;
    }
    TFM_TRY(c->kind->split(c->self, text, now, fresh, next));
    text = fresh ? fresh : text;
    tfm__pieces *swap = now;
    now = next;
    next = swap;
  }
  TFM_TRY(run_model(&t->model.v[0], w, text, now, s));

fail:
  return st;
}

/* A part of the caller's text that holds no added token: normalise it, cut the normalized added
 * tokens out, split and tokenize the rest. */
static tfm_status put_part(const tfm_tokenizer *t, work *w, tfm__tokens *s, tfm__view view)
{
  tfm_status st = TFM_OK;
  const tfm__text *text = NULL;
  TFM_TRY(tfm__normalize(&t->normalizer, view, w->text, &text));
  tfm__cut cut = {.text = {text->p, text->n}};
  size_t begin = 0;
  size_t end = 0;
  const tfm__added_token *added = NULL;
  while (tfm__added_next(&t->added, &t->added.normalized, &cut, &begin, &end, &added)) {
    if (added) {
      tfm_span shown = {text->p + begin, end - begin};
      TFM_TRY(put_added(t, s, added->id, shown));
      s->begin[s->n - 1] = tfm__at_begin(text->at[begin]);
      s->end[s->n - 1] = tfm__at_end(text->at[end - 1]);
    } else {
      TFM_TRY(put_piece(t, w, s, text, (tfm__piece){(uint32_t)begin, (uint32_t)end}));
    }
  }

fail:
  return st;
}

static tfm_status put_sequence(const tfm_tokenizer *t, work *w, tfm__tokens *s, tfm_span text)
{
  tfm_status st = TFM_OK;
  tfm__cut cut = {.text = text};
  size_t begin = 0;
  size_t end = 0;
  size_t counted = 0; /* bytes whose code points are counted */
  int32_t at = 0;
  const tfm__added_token *added = NULL;
  s->n = 0;
  s->nword = 0;
  tfm__odds_clear(&s->odd);
  while (tfm__added_next(&t->added, &t->added.raw, &cut, &begin, &end, &added)) {
    if (begin < counted) { /* blanks that two tokens take in */
      at -= (int32_t)tfm_utf8_count(text.p + begin, counted - begin);
    } else {
      at += (int32_t)tfm_utf8_count(text.p + counted, begin - counted);
    }
    counted = begin;
    tfm_span part = {text.p + begin, end - begin};
    if (added) {
      TFM_TRY(put_added(t, s, added->id, part));
      s->begin[s->n - 1] = at;
      s->end[s->n - 1] = at + (int32_t)tfm_utf8_count(part.p, part.n);
    } else {
      tfm__view view = {.p = part.p, .n = part.n, .first = at};
      TFM_TRY(put_part(t, w, s, view));
    }
  }

fail:
  return st;
}

static tfm_status put_both(const tfm_tokenizer *t, work *w, tfm_span text, tfm_span pair,
                           tfm_err *err)
{
  tfm_status st = put_sequence(t, w, &w->seq[0], text);
  if (st == TFM_OK && pair.p) {
    st = put_sequence(t, w, &w->seq[1], pair);
  }
  if (st == TFM_E_FORMAT) {
    return tfm_fail(err, st,
                    "the text holds a character for which the tokenizer has no token, nor an "
                    "unknown one");
  }
  if (st == TFM_E_UNSUPPORTED) {
    return tfm_fail(err, st,
                    "a regular expression of the tokenizer takes too many steps on the text");
  }
  return st;
}

/* ---- the finished encoding ---- */

/* All arrays lie in one block, which belongs to `ids`. */
static tfm_status reserve(tfm_encoding *e, size_t n)
{
  enum { EACH = 5 * sizeof(int32_t) + 2 };
  if (n <= e->cap) {
    return TFM_OK;
  }
  size_t cap = e->cap > SIZE_MAX / (4 * EACH) || e->cap * 2 < n ? n : e->cap * 2;
  int32_t *block = tfm_realloc(NULL, cap, EACH);
  if (!block) {
    return TFM_E_NOMEM;
  }
  tfm_free(e->ids);
  e->ids = block;
  e->type_ids = block + cap;
  e->begin = block + 2 * cap;
  e->end = block + 3 * cap;
  e->word = block + 4 * cap;
  e->special = (uint8_t *)(block + 5 * cap);
  e->sequence = e->special + cap;
  e->cap = cap;
  return TFM_OK;
}

static size_t added_specials(const tfm_tokenizer *t, const work *w)
{
  return w->specials ? tfm__template_added(t->finish, w->pair) : 0;
}

static tfm_status place_special(const tfm_tokenizer *t, work *w, tfm_encoding *e,
                                const tfm__place *place)
{
  size_t i = e->n++;
  e->ids[i] = place->id;
  e->type_ids[i] = place->type_id;
  e->begin[i] = e->end[i] = 0;
  e->word[i] = -1;
  e->special[i] = 1;
  e->sequence[i] = 0;
  if (tfm_span_eq(place->text, usual_text(t, place->id))) {
    return TFM_OK;
  }
  return tfm__odds_borrow(&w->odd, i, place->text);
}

/* Trim the offsets of the tokens of e from `at` on, which are a sequence. */
static void trim(const tfm_tokenizer *t, const work *w, tfm_encoding *e, size_t at)
{
  static const tfm__stand inside[] = {TFM__BEGINS_FIRST, TFM__BEGINS_SECOND};
  tfm__stand stand = at > 0 && e->special[at - 1] ? inside[e->sequence[at]] : TFM__BEGINS;
  const tfm__trims *trims = &t->trims;
  for (size_t i = at; i < e->n; ++i) {
    uint8_t known = trims->blanks[e->ids[i]];
    tfm__blanks blanks = {known & 15, known >> 4};
    if (known == TFM__BLANKS || w->odd.n) {
      blanks = tfm__blanks_of(tfm_encoding_token(t, e, i));
    }
    if (blanks.first || blanks.last) {
      tfm__trim_offsets(trims, blanks, i == at ? stand : TFM__LATER, &e->begin[i], &e->end[i]);
    }
  }
}

/* Tokens [from, from + n) of a sequence. */
static tfm_status place_sequence(const tfm_tokenizer *t, work *w, tfm_encoding *e,
                                 const tfm__place *place, size_t from, size_t n)
{
  int which = place->what == TFM__SECOND;
  const tfm__tokens *s = &w->seq[which];
  size_t at = e->n;
  if (n == 0) {
    return TFM_OK;
  }
  memcpy(e->ids + at, s->id + from, n * sizeof *e->ids);
  memcpy(e->begin + at, s->begin + from, n * sizeof *e->begin);
  memcpy(e->end + at, s->end + from, n * sizeof *e->end);
  if (w->words) {
    memcpy(e->word + at, s->word + from, n * sizeof *e->word);
  }
  for (size_t i = 0; i < n; ++i) {
    e->type_ids[at + i] = place->type_id;
  }
  memset(e->special + at, 0, n);
  memset(e->sequence + at, which, n);
  e->n += n;
  for (size_t i = 0; i < s->odd.n; ++i) {
    size_t token = s->odd.v[i].token;
    if (token >= from && token < from + n &&
        tfm__odds_borrow(&w->odd, token - from + at, tfm__odds_find(&s->odd, token)) !=
            TFM_OK) {
      return TFM_E_NOMEM;
    }
  }
  if (t->trims.n) {
    trim(t, w, e, at);
  }
  return TFM_OK;
}

/* Tokens [from, from + n) of each sequence, all put where the template says. */
typedef struct {
  size_t from[2], n[2];
} extent;

/* Whether a place is left out: it holds the special that the sequence before it ends with. */
static bool is_there(const tfm_tokenizer *t, const tfm_encoding *e, const extent *x,
                     const tfm__place *place, size_t i)
{
  return t->finish->once && i > 0 && place[i - 1].what != TFM__SPECIAL &&
         x->n[place[i - 1].what == TFM__SECOND] > 0 && e->ids[e->n - 1] == place[i].id;
}

static tfm_status lay_out(const tfm_tokenizer *t, tfm_encoding *e, const extent *x)
{
  tfm_status st = TFM_OK;
  work *w = e->scratch;
  const tfm__place *place = w->pair ? t->finish->pair : t->finish->single;
  size_t nplace = w->pair ? t->finish->npair : t->finish->nsingle;
  size_t total = added_specials(t, w);
  for (size_t i = 0; i < nplace; ++i) {
    total += place[i].what == TFM__SPECIAL ? 0 : x->n[place[i].what == TFM__SECOND];
  }
  e->n = 0;
  tfm__odds_clear(&w->odd);
  TFM_TRY(reserve(e, total));
  for (size_t i = 0; i < nplace; ++i) {
    if (place[i].what != TFM__SPECIAL) {
      int which = place[i].what == TFM__SECOND;
      TFM_TRY(place_sequence(t, w, e, &place[i], x->from[which], x->n[which]));
    } else if (w->specials && !is_there(t, e, x, place, i)) {
      TFM_TRY(place_special(t, w, e, &place[i]));
    }
  }

fail:
  return st;
}

/* What may be left of both sequences, by the strategy; *cut: whether that is less than all. */
static tfm_status shorten(const work *w, const tfm_encode_options *o, size_t most, size_t n[2],
                          bool *cut, tfm_err *err)
{
  size_t all = n[0] + n[1];
  if (o->truncate == TFM_TRUNCATE_LONGEST_FIRST || all <= most) {
    *cut = tfm__truncate(most, w->pair, &n[0], &n[1]);
    return TFM_OK;
  }
  int which = o->truncate == TFM_TRUNCATE_SECOND;
  if (n[which] <= all - most) {
    return tfm_fail(err, TFM_E_USAGE,
                    "a length of %zu tokens is too short: the %s alone has %zu tokens",
                    o->max_length, which ? "text" : "pair text", n[!which]);
  }
  n[which] -= all - most;
  *cut = true;
  return TFM_OK;
}

/* Room for tokens of text within max_length. */
static tfm_status room_beside_specials(size_t max_length, size_t specials, size_t *room,
                                       tfm_err *err)
{
  if (max_length < specials) {
    return tfm_fail(err, TFM_E_USAGE,
                    "a length of %zu tokens has no room for the %zu special tokens", max_length,
                    specials);
  }
  *room = max_length - specials;
  return TFM_OK;
}

/* Cut both sequences to the length allowed and lay out what is left. */
static tfm_status finish(const tfm_tokenizer *t, tfm_encoding *e, const tfm_encode_options *o,
                         tfm_err *err)
{
  tfm_status st = TFM_OK;
  const work *w = e->scratch;
  extent x = {.n = {w->seq[0].n, w->pair ? w->seq[1].n : 0}};
  if (o->max_length) {
    const size_t had[2] = {x.n[0], x.n[1]};
    size_t most = 0;
    TFM_TRY(room_beside_specials(o->max_length, added_specials(t, w), &most, err));
    TFM_TRY(shorten(w, o, most, x.n, &e->truncated, err));
    for (int i = 0; i < 2; ++i) {
      x.from[i] = t->truncate_left ? had[i] - x.n[i] : 0;
    }
  }
  TFM_TRY(lay_out(t, e, &x));

fail:
  return st;
}

/* ---- windows ---- */

static bool fits_whole(const tfm_tokenizer *t, const work *w, size_t max_length)
{
  const size_t n = w->seq[0].n + (w->pair ? w->seq[1].n : 0);
  return n + added_specials(t, w) <= max_length;
}

/* Tokens a window has of the sequence that is cut. */
static tfm_status window_room(const tfm_tokenizer *t, const work *w,
                              const tfm_window_options *o, size_t *room, tfm_err *err)
{
  tfm_status st = TFM_OK;
  size_t kept = w->pair ? w->seq[!o->second].n : 0;
  if (fits_whole(t, w, o->max_length)) {
    *room = w->seq[o->second].n + o->stride; /* whatever they would share */
    return TFM_OK;
  }
  TFM_TRY(room_beside_specials(o->max_length, added_specials(t, w), room, err));
  if (*room <= kept) {
    return tfm_fail(err, TFM_E_USAGE,
                    "windows of %zu tokens are too short: the %s repeated in each has %zu",
                    o->max_length, o->second ? "text" : "pair text", kept);
  }
  *room -= kept;
  if (o->stride >= *room) {
    return tfm_fail(err, TFM_E_USAGE,
                    "windows that share %zu tokens do not advance: each has room for %zu",
                    o->stride, *room);
  }

fail:
  return st;
}

tfm_status tfm_encoding_windows(const tfm_tokenizer *t, const tfm_encoding *e,
                                const tfm_window_options *o, size_t *count, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const work *w = e->scratch;
  size_t n = w->seq[o->second].n;
  size_t room = 0;
  *count = 1;
  if (w->pair || !o->second) {
    TFM_TRY(window_room(t, w, o, &room, err));
    if (n > room) {
      size_t step = room - o->stride;
      *count += (n - room + step - 1) / step;
    }
  }

fail:
  return st;
}

tfm_status tfm_encoding_window(const tfm_tokenizer *t, tfm_encoding *e,
                               const tfm_window_options *o, size_t i, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const work *w = e->scratch;
  extent x = {.n = {w->seq[0].n, w->pair ? w->seq[1].n : 0}};
  size_t *n = &x.n[o->second];
  size_t room = 0;
  TFM_TRY(window_room(t, w, o, &room, err));
  size_t begin = i * (room - o->stride);
  size_t all = *n;
  *n = all - begin < room ? all - begin : room;
  x.from[o->second] = t->truncate_left ? all - begin - *n : begin;
  e->truncated = false;
  TFM_TRY(lay_out(t, e, &x));
  return TFM_OK;

fail:
  e->n = 0;
  return st == TFM_E_NOMEM ? tfm_fail(err, st, "not enough memory for a window") : st;
}

static tfm_status check_text(tfm_span text, size_t room, tfm_err *err)
{
  size_t bad = 0;
  if (text.n > room) {
    return tfm_fail(err, TFM_E_FORMAT, "a text of more than %d bytes", INT32_MAX);
  }
  if (!tfm_utf8_valid(text.p, text.n, &bad)) {
    return tfm_fail(err, TFM_E_FORMAT, "the text is not UTF-8 at byte %zu", bad);
  }
  return TFM_OK;
}

tfm_status tfm_tokenizer_encode(const tfm_tokenizer *t, tfm_span text, tfm_span pair,
                                const tfm_encode_options *options, tfm_encoding *e,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  e->n = 0;
  e->truncated = false;
  if (!e->scratch) {
    e->scratch = tfm_calloc(1, sizeof(work));
  }
  work *w = e->scratch;
  if (!w) {
    return tfm_fail(err, TFM_E_NOMEM, "not enough memory to tokenize");
  }
  w->pair = pair.p != NULL;
  w->specials = options->add_special_tokens;
  w->words = options->words;
  TFM_TRY(check_text(text, INT32_MAX, err));
  TFM_TRY(check_text(pair, INT32_MAX - text.n, err));
  TFM_TRY(remember(t, w));
  TFM_TRY(put_both(t, w, text, pair, err));
  TFM_TRY(finish(t, e, options, err));
  return TFM_OK;

fail:
  e->n = 0;
  if (st == TFM_E_NOMEM) {
    return tfm_fail(err, st, "not enough memory for a text of %zu bytes", text.n + pair.n);
  }
  return st;
}

tfm_span tfm_encoding_token(const tfm_tokenizer *t, const tfm_encoding *e, size_t i)
{
  const work *w = e->scratch;
  tfm_span odd = tfm__odds_find(&w->odd, i);
  return odd.p ? odd : usual_text(t, e->ids[i]);
}
