#include "core/text/added.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/unicode.h"

#include <string.h>

void tfm__added_init(tfm__added *a)
{
  *a = (tfm__added){.highest_id = -1, .raw.empty = true, .normalized.empty = true};
  tfm__vocab_init(&a->ids);
}

/* ---- collecting ---- */

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "not enough memory for the added tokens");
}

static tfm_status append(tfm__added *a, tfm_arena *memory, const tfm__added_token *token,
                         tfm_err *err)
{
  if (a->n == a->cap) {
    size_t cap = a->cap ? a->cap * 2 : 16;
    tfm__added_token *tokens = tfm_realloc(a->tokens, cap, sizeof *tokens);
    if (!tokens) {
      return no_memory(err);
    }
    a->tokens = tokens;
    a->cap = cap;
  }
  char *content = tfm_arena_strndup(memory, token->content.p, token->content.n);
  if (!content || a->n > TFM__HIGHEST_ID ||
      tfm__vocab_add(&a->ids, token->content, (int32_t)a->n) != TFM__ADDED) {
    return no_memory(err);
  }
  a->tokens[a->n] = *token;
  a->tokens[a->n++].content.p = content;
  return TFM_OK;
}

tfm_status tfm__added_put(tfm__added *a, tfm_arena *memory, const tfm__added_token *token,
                          tfm_err *err)
{
  if (token->content.n == 0) {
    return TFM_OK;
  }
  if (token->content.n > TFM__ADDED_BYTES) {
    return tfm_fail(err, TFM_E_UNSUPPORTED, "an added token of %zu bytes; at most %d",
                    token->content.n, TFM__ADDED_BYTES);
  }
  int32_t at = tfm__vocab_id(&a->ids, token->content);
  tfm__added_token merged = *token;
  merged.was_normalized = token->normalized;
  if (at < 0) {
    return append(a, memory, &merged, err);
  }
  const tfm__added_token *old = &a->tokens[at];
  merged.content = old->content;
  merged.special = token->special || old->special;
  merged.was_normalized = token->normalized || old->was_normalized;
  a->tokens[at] = merged;
  return TFM_OK;
}

/* ---- ids ---- */

/* Ids in order of the file. A new token gets one above all added so far once these are beyond
 * the vocabulary, else the number of tokens in the vocabulary: a hole in it is not noticed. */
void tfm__added_assign(tfm__added *a, const tfm__vocab *vocab)
{
  int32_t size = (int32_t)vocab->n;
  int32_t most = -1;
  for (size_t i = 0; i < a->n; ++i) {
    tfm__added_token *t = &a->tokens[i];
    int32_t id = tfm__vocab_id(vocab, t->content);
    if (id < 0) {
      id = most >= 0 && (most >= size || size == 0) ? most + 1 : size;
    }
    t->id = id;
    most = id > most ? id : most;
  }
  a->highest_id = most;
}

static tfm_status index_ids(tfm__added *a)
{
  size_t n = (size_t)(a->highest_id + 1);
  a->by_id = tfm_realloc(NULL, n, sizeof *a->by_id);
  if (!a->by_id) {
    return TFM_E_NOMEM;
  }
  memset(a->by_id, 0xff, n * sizeof *a->by_id);
  for (size_t i = 0; i < a->n; ++i) {
    a->by_id[a->tokens[i].id] = (int32_t)i;
  }
  return TFM_OK;
}

/* ---- tries ---- */

/* The content as it is searched for. */
static tfm_status normalized_content(const tfm__added_token *t, const tfm__chain *normalizer,
                                     tfm_arena *memory, tfm_span *out)
{
  tfm_status st = TFM_OK;
  tfm__text room[2] = {{0}};
  const tfm__text *text = NULL;
  tfm__view view = {.p = t->content.p, .n = t->content.n};
  TFM_TRY(tfm__normalize(normalizer, view, room, &text));
  char *p = tfm_arena_strndup(memory, text->p, text->n);
  if (!p) {
    st = TFM_E_NOMEM;
    goto fail;
  }
  *out = (tfm_span){p, text->n};

fail:
  tfm__text_fini(&room[0]);
  tfm__text_fini(&room[1]);
  return st;
}

static tfm_status make_set(tfm__added_set *set, tfm__trie_item *items, size_t n)
{
  const size_t start[2] = {0, n};
  set->empty = n == 0;
  set->only = n ? (unsigned char)items[0].key.p[0] : -1;
  for (size_t i = 0; i < n; ++i) {
    unsigned char c = (unsigned char)items[i].key.p[0];
    set->begins[c] = true;
    set->only = c == set->only ? set->only : -1;
  }
  return n ? tfm__trie_build(&set->trie, items, start, 1, &set->root) : TFM_OK;
}

static tfm_status spell_all(tfm__added *a, const tfm__chain *normalizer, tfm_arena *memory,
                            tfm_err *err)
{
  for (size_t i = 0; i < a->n; ++i) {
    tfm__added_token *t = &a->tokens[i];
    t->text = t->content;
    if (t->was_normalized && normalized_content(t, normalizer, memory, &t->text) != TFM_OK) {
      return no_memory(err);
    }
    if (t->text.n == 0) {
      return tfm_fail(err, TFM_E_UNSUPPORTED,
                      "the normalizer leaves nothing of the added token \"%.*s\"",
                      t->content.n > 64 ? 64 : (int)t->content.n, t->content.p);
    }
  }
  return TFM_OK;
}

/* The tokens of one kind as they are searched for. When the normaliser makes two of them equal
 * the first wins; the library then takes one at random. */
static size_t gather(const tfm__added *a, bool normalized, tfm__trie_item *items)
{
  size_t n = 0;
  for (size_t i = 0; i < a->n; ++i) {
    const tfm__added_token *t = &a->tokens[i];
    if (t->normalized == normalized) {
      items[n++] = (tfm__trie_item){normalized ? t->text : t->content, (int32_t)i};
    }
  }
  return n;
}

tfm_status tfm__added_ready(tfm__added *a, const tfm__vocab *vocab,
                            const tfm__chain *normalizer, tfm_arena *memory, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__trie_item *items = tfm_realloc(NULL, a->n + 1, sizeof *items);
  if (!items) {
    return no_memory(err);
  }
  tfm__added_assign(a, vocab);
  TFM_TRY(index_ids(a));
  TFM_TRY(spell_all(a, normalizer, memory, err));
  TFM_TRY(make_set(&a->raw, items, gather(a, false, items)));
  TFM_TRY(make_set(&a->normalized, items, gather(a, true, items)));

fail:
  tfm_free(items);
  return st == TFM_E_NOMEM ? no_memory(err) : st;
}

const tfm__added_token *tfm__added_by_id(const tfm__added *a, int32_t id)
{
  if (id < 0 || id > a->highest_id || a->by_id[id] < 0) {
    return NULL;
  }
  return &a->tokens[a->by_id[id]];
}

const tfm__added_token *tfm__added_by_text(const tfm__added *a, tfm_span content)
{
  int32_t at = tfm__vocab_id(&a->ids, content);
  return at < 0 ? NULL : &a->tokens[at];
}

bool tfm__added_is_special(const tfm__added *a, tfm_span content)
{
  const tfm__added_token *t = tfm__added_by_text(a, content);
  return t && t->special;
}

void tfm__added_fini(tfm__added *a)
{
  tfm_free(a->tokens);
  tfm_free(a->by_id);
  tfm__vocab_fini(&a->ids);
  tfm__trie_fini(&a->raw.trie);
  tfm__trie_fini(&a->normalized.trie);
  tfm__added_init(a);
}

/* ---- cutting ---- */

/* The longest token at p, and its bytes; NULL when none is there. */
static const tfm__added_token *match_at(const tfm__added *a, const tfm__added_set *set,
                                        const char *p, size_t n, size_t *bytes)
{
  const tfm__added_token *best = NULL;
  int32_t v = set->root;
  for (size_t i = 0; i < n; ++i) {
    v = tfm__trie_child(&set->trie, v, (unsigned char)p[i]);
    if (v < 0) {
      break;
    }
    if (set->trie.value[v] >= 0) {
      best = &a->tokens[set->trie.value[v]];
      *bytes = i + 1;
    }
  }
  return best;
}

static unsigned class_before(tfm_span s, size_t i)
{
  size_t k = i;
  size_t len = 0;
  do {
    --k;
  } while (((unsigned char)s.p[k] & 0xc0) == 0x80);
  return tfm__unicode_class(tfm_utf8_decode(s.p + k, &len));
}

static unsigned class_after(tfm_span s, size_t i)
{
  size_t len = 0;
  return tfm__unicode_class(tfm_utf8_decode(s.p + i, &len));
}

static bool is_single_word(tfm_span s, size_t begin, size_t end)
{
  return !(begin > 0 && (class_before(s, begin) & TFM__WORD)) &&
         !(end < s.n && (class_after(s, end) & TFM__WORD));
}

static size_t back_over_spaces(tfm_span s, size_t begin)
{
  while (begin > 0 && (class_before(s, begin) & TFM__SPACE)) {
    do {
      --begin;
    } while (((unsigned char)s.p[begin] & 0xc0) == 0x80);
  }
  return begin;
}

static size_t over_spaces(tfm_span s, size_t end)
{
  while (end < s.n && (class_after(s, end) & TFM__SPACE)) {
    size_t len = 0;
    (void)tfm_utf8_decode(s.p + end, &len);
    end += len;
  }
  return end;
}

/* The next byte at or behind i with which a token begins; s.n when there is none. */
static size_t skip_others(const tfm__added_set *set, tfm_span s, size_t i)
{
  if (set->only >= 0) {
    const char *p = memchr(s.p + i, set->only, s.n - i);
    return p ? (size_t)(p - s.p) : s.n;
  }
  while (i < s.n && !set->begins[(unsigned char)s.p[i]]) {
    ++i;
  }
  return i;
}

/* Look for the next token and let it wait. The search goes on behind the token itself, also when
 * it then takes in blanks behind it or is passed over as part of a word. */
static bool find(const tfm__added *a, const tfm__added_set *set, tfm__cut *cut)
{
  tfm_span s = cut->text;
  size_t i = cut->search;
  while (i < s.n && (i = skip_others(set, s, i)) < s.n) {
    size_t bytes = 0;
    const tfm__added_token *t = match_at(a, set, s.p + i, s.n - i, &bytes);
    if (!t) {
      ++i;
      continue;
    }
    size_t end = i + bytes;
    cut->search = end;
    if (!t->single_word || is_single_word(s, i, end)) {
      size_t begin = t->lstrip ? back_over_spaces(s, i) : i;
      cut->begin = begin < cut->done ? cut->done : begin;
      cut->end = t->rstrip ? over_spaces(s, end) : end;
      if (!t->lstrip) {
        cut->begin = i;
      }
      if (cut->begin < cut->end) {
        cut->waiting = t;
        return true;
      }
    }
    i = end;
  }
  cut->search = s.n;
  return false;
}

bool tfm__added_next(const tfm__added *a, const tfm__added_set *set, tfm__cut *cut,
                     size_t *begin, size_t *end, const tfm__added_token **token)
{
  if (!cut->waiting && !set->empty) {
    (void)find(a, set, cut);
  }
  *token = NULL;
  *begin = cut->done;
  if (!cut->waiting) {
    *end = cut->text.n;
    cut->done = cut->text.n;
    return *begin < *end;
  }
  if (cut->done < cut->begin) {
    *end = cut->done = cut->begin;
    return true;
  }
  *token = cut->waiting;
  *begin = cut->begin;
  *end = cut->done = cut->end;
  cut->waiting = NULL;
  return true;
}
