/** Components of the pipeline: the one door through which the room grows.
 *
 *  A component is a kind (a row of functions, constant) and what it read from the file (self).
 *  A new normaliser, pre-tokenizer, model, post-processor or decoder is one file that defines a
 *  tfm__kind, and one line in the table of its family in component.c. A "Sequence" is no
 *  component: its members are put into the chain one after the other. */
#ifndef TFM_CORE_TEXT_COMPONENT_H
#define TFM_CORE_TEXT_COMPONENT_H

#include "core/base/arena.h"
#include "core/base/json_reader.h"
#include "core/text/flow.h"
#include "core/text/vocab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A batch of strings on their way through the decoders: tokens at first. A sequence comes in one
 *  batch or in many; only Fuse and ByteLevel give strings that last over several. */
typedef struct {
  tfm_buf text;
  size_t *end; /* [n] string i is bytes [end[i-1], end[i]) of text */
  size_t n;
  size_t cap;
  bool continues; /* the first string goes on from the batch before */
  bool open;      /* the last string goes on in the batch to come */
} tfm__strings;

tfm_status tfm__strings_add(tfm__strings *s, tfm_span string);
tfm_span tfm__strings_get(const tfm__strings *s, size_t i);
void tfm__strings_clear(tfm__strings *s);
void tfm__strings_fini(tfm__strings *s);

/** What a decoder remembers from batch to batch of one sequence; each uses what it needs. Zeroed
 *  before the first. */
typedef struct {
  tfm_buf held; /* what came, but cannot be said yet */
  size_t count;
  bool begun;
  tfm_buf part; /* the chain's own: the beginning of a string that is not whole yet */
} tfm__decoding;

/** What an older folder brings beside the tokenizer.json it stands for, because text would be slow
 *  or not exact. The vocabulary is filled already, and "vocab" is null; so is "merges". */
typedef struct {
  const struct tfm__given_merge {
    tfm_span left, right;
  } * merge; /* [nmerge] BPE: by rank; all in the vocabulary, joined too */
  size_t nmerge;
  const double *score; /* [vocabulary] Unigram: by id, which has no holes */
  tfm_span charsmap;   /* Precompiled: its bytes; "precompiled_charsmap" is null then */
  const struct tfm__piece_file *pieces; /* Pieces, and a Unigram with "pieces" */
  bool once;                            /* of the template (finish.h) */
} tfm__given;

/** What a component needs to read itself from tokenizer.json. */
typedef struct {
  tfm_jread *r;      /* errors stick to it: readers need not check */
  tfm_arena *memory; /* lives as long as the tokenizer: what is taken from it is not released */
  tfm__vocab *vocab; /* the model fills it */
  tfm__given *given; /* NULL: everything is in the text */
  tfm_span *types;   /* every component's "type" in the order of the file, noted beforehand */
  size_t ntype;
  size_t type_cap;
  size_t next; /* the next one to be read */
} tfm__loader;

/** Zeroed memory for n bytes from the loader; NULL (and the reader failed) when there is none. */
void *tfm__loader_alloc(tfm__loader *l, size_t n);

/** A copy of a string from the loader; {NULL, 0} after a failure. */
tfm_span tfm__loader_copy(tfm__loader *l, tfm_span s);

/** Fail, unless seen, because the object just read has no such key. */
void tfm__loader_want(tfm__loader *l, bool seen, const char *key);

/** What the functions of a kind do. Only those of its family are set. */
typedef struct {
  const char *type; /* as the file spells it */
  const char *mark; /* a field that tells this kind when a file leaves the type out, unless one
                       further up in the table has its own; may be NULL */

  /* Read the component's object, "type" included, from l->r. Returns what the other functions
   * get as self; on a failure, which is the reader's, any value. */
  void *(*read)(tfm__loader *l);

  /* Normaliser: out = in, changed. out is empty, and not what `in` views. Errors of this and of
   * split: TFM_E_NOMEM; TFM_E_UNSUPPORTED when a regular expression gives up on the text. */
  tfm_status (*normalize)(const void *self, const tfm__view *in, tfm__text *out);

  /* Normaliser, may be NULL: a quick look whether normalize() would leave this text as it is,
   * alignments included. false when that takes more than a glance. */
  bool (*keeps)(const void *self, const char *p, size_t n);

  /* Pre-tokenizer: cut the pieces `in` of text further, into out (empty, and not in). A kind
   * that rewrites also writes a new text into fresh (empty, and not text), and the pieces of out
   * are of that one; for others fresh is NULL. */
  tfm_status (*split)(const void *self, const tfm__text *text, const tfm__pieces *in,
                      tfm__text *fresh, tfm__pieces *out);
  bool rewrites;

  /* Model: append the tokens of every piece. memo is what memo_open() gave to this thread, NULL
   * when the kind has none. Errors: TFM_E_NOMEM; TFM_E_FORMAT when the text holds characters for
   * which the model has no token. */
  tfm_status (*tokenize)(const void *self, void *memo, const tfm__text *text,
                         const tfm__pieces *pieces, tfm__tokens *out);

  /* Model: what one thread remembers from row to row, and its working memory; bounded, whatever
   * rows come. NULL when memory is out. Both or none are set. */
  void *(*memo_open)(const void *self);
  void (*memo_close)(void *memo);

  /* Model: the id that stands for what is no token, -1 when there is none. */
  int32_t (*unknown)(const void *self);

  /* Model: pieces that do not begin a word are marked, by a prefix. NULL: never. */
  bool (*marks_rest)(const void *self);

  /* Decoder: out = what can be said of the sequence now that `in` came; out is empty. last:
   * nothing comes after. Every string given is well-formed UTF-8, and all batches together are
   * those that one batch of everything gives. Errors: TFM_E_NOMEM; TFM_E_FORMAT when a pattern
   * reaches its limit. */
  tfm_status (*decode)(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                       tfm__strings *out);

  /* Decoder: it takes strings in parts (continues, open). Others are given whole ones. */
  bool takes_parts;

  /* Release what self took from elsewhere than the loader's memory; NULL when nothing. */
  void (*close)(void *self);
} tfm__kind;

/** A post-processor's self is a tfm__processor (finish.h): all kinds come down to one. */

typedef struct {
  const tfm__kind *kind;
  void *self;
} tfm__component;

/** Components that run one after the other. */
typedef struct {
  tfm__component *v;
  size_t n;
  size_t cap;
} tfm__chain;

/** The families: their key in tokenizer.json, the key of a Sequence's members, their table. */
typedef enum {
  TFM__NORMALIZER,
  TFM__PRE_TOKENIZER,
  TFM__MODEL,
  TFM__POST_PROCESSOR,
  TFM__DECODER,
  TFM__FAMILIES
} tfm__family;

/** The family whose key this is; TFM__FAMILIES when none. */
tfm__family tfm__family_of(tfm_span key);

/** Note the types in the value that comes next, which is a component or null, and step over it. */
void tfm__component_note(tfm__loader *l, tfm__family family);

/** Read the component, or Sequence of them, that comes next, and append to chain (whose array is
 *  the loader's memory); null appends nothing. The types must have been noted in this order. */
void tfm__component_read(tfm__loader *l, tfm__family family, tfm__chain *chain);

/** Run a chain of normalisers over a part of the caller's text. *out is one of the two rooms
 *  (whose contents are lost). Errors: TFM_E_NOMEM. */
tfm_status tfm__normalize(const tfm__chain *chain, tfm__view view, tfm__text room[2],
                          const tfm__text **out);

void tfm__chain_close(tfm__chain *chain);

#endif
