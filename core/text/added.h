/** Added tokens: strings that are cut out of the text before anything else happens to it, or
 *  (when "normalized") after the normaliser has run over both the text and them.
 *
 *  Matching is leftmost-longest, as the library's Aho-Corasick automaton does it; here a trie,
 *  tried only where a token can begin. Bound: n steps, times the length of the longest added
 *  token, which is at most TFM__ADDED_BYTES. */
#ifndef TFM_CORE_TEXT_ADDED_H
#define TFM_CORE_TEXT_ADDED_H

#include "core/base/arena.h"
#include "core/base/span.h"
#include "core/base/status.h"
#include "core/text/component.h"
#include "core/text/trie.h"
#include "core/text/vocab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TFM__ADDED_BYTES = 4096 }; /* longest content */

typedef struct {
  tfm_span content; /* as the file has it */
  tfm_span text; /* as it is searched for and decoded: the content, normalised when asked for */
  int32_t id;    /* in the file, then the one it really gets: see tfm__added_ready() */
  bool single_word, lstrip, rstrip, normalized, special;
  bool was_normalized; /* in any of its listings: then it is decoded in that form */
} tfm__added_token;

/** The tokens of one kind (normalized or not) and their trie. */
typedef struct {
  tfm__trie trie; /* of indices into tokens */
  int32_t root;
  bool empty;
  bool begins[256]; /* whether a token begins with this byte */
  int only;         /* the one byte they all begin with, -1 when there are several */
} tfm__added_set;

/** Zero-initialised is empty. */
typedef struct {
  tfm__added_token *tokens; /* [n] the tokenizer's memory */
  size_t n;
  size_t cap;
  tfm__vocab ids; /* their contents and indices */
  int32_t
      *by_id; /* [highest_id + 1] index of the token that has an id, -1; by_id[id] of two wins
                     the later, as in the library */
  int32_t highest_id; /* -1 when there are none */
  tfm__added_set raw, normalized;
} tfm__added;

void tfm__added_init(tfm__added *a);

/** Append a token, or merge it into the one with the same content: the last one's options count,
 *  and it is special when either is. Empty contents are passed over. All as the library does.
 *  Errors: TFM_E_NOMEM, TFM_E_UNSUPPORTED (longer than TFM__ADDED_BYTES). */
tfm_status tfm__added_put(tfm__added *a, tfm_arena *memory, const tfm__added_token *token,
                          tfm_err *err) TFM_MUST_USE;

/** Give every token its id: the model's when the vocabulary has the text, else the next free one,
 *  counted as the library counts, whatever the file says. Then make the tries, with the contents
 *  of normalized ones run through the normaliser.
 *  Errors: TFM_E_NOMEM, TFM_E_UNSUPPORTED (the normaliser leaves nothing of a token). */
tfm_status tfm__added_ready(tfm__added *a, const tfm__vocab *vocab,
                            const tfm__chain *normalizer, tfm_arena *memory,
                            tfm_err *err) TFM_MUST_USE;

/** Only the first of that: the ids. */
void tfm__added_assign(tfm__added *a, const tfm__vocab *vocab);

/** The token with an id, or NULL. */
const tfm__added_token *tfm__added_by_id(const tfm__added *a, int32_t id);

/** The token with a content, or NULL. */
const tfm__added_token *tfm__added_by_text(const tfm__added *a, tfm_span content);

/** Whether some special token has this content. */
bool tfm__added_is_special(const tfm__added *a, tfm_span content);

/** Where cutting a text stands. Zero-initialised but for the text: at its start. */
typedef struct {
  tfm_span text;
  size_t search;     /* from where the next match is looked for */
  size_t done;       /* up to where the text has been given out */
  size_t begin, end; /* of a match that waits behind the text before it */
  const tfm__added_token *waiting;
} tfm__cut;

/** The next part of the text: bytes [*begin, *end) and the token they are, or NULL for text
 *  between tokens. Parts are never empty. false: there are no more. */
bool tfm__added_next(const tfm__added *a, const tfm__added_set *set, tfm__cut *cut,
                     size_t *begin, size_t *end, const tfm__added_token **token);

void tfm__added_fini(tfm__added *a);

#endif
