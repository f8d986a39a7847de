/** Text to token ids and back: the front of the text room.
 *
 *  A tokenizer is a pipeline of components read from tokenizer.json (or from a family's older
 *  files): added tokens are cut out, then normalize -> pre-tokenize -> model -> post-process;
 *  decoding runs the decoder chain. Each component kind is one row in a table
 *  (core/text/component.h).
 *
 *  Offsets are Unicode code points of the caller's text, whatever the normaliser did to it, as
 *  the `tokenizers` library's Python binding gives them. Time is linear in the length of the
 *  text, whatever the text (a word of a megabyte included).
 *
 *  Threads: a tokenizer is read-only once open; encode and decode are callable from many threads
 *  on one tokenizer, each with its own tfm_encoding. */
#ifndef TFM_CORE_TEXT_TOKENIZER_H
#define TFM_CORE_TEXT_TOKENIZER_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tfm_tokenizer tfm_tokenizer;

/** The result of encoding one row; arrays of n elements. Zero-initialised is empty and ready;
 *  one encoding serves many rows (its memory is kept). Offsets are [begin, end) in the text or
 *  pair text the token came from; 0 and 0 for specials. */
typedef struct {
  size_t n; /* tokens, specials included */
  int32_t *ids;
  int32_t *type_ids;
  int32_t *begin;
  int32_t *end;
  int32_t *word; /* number of the word in its text, -1 for specials; set only when asked for. A
                        word is what the pre-tokenizer leaves in one piece, or an added token */
  uint8_t *special;  /* 1 where post-processing added the token */
  uint8_t *sequence; /* 0: text, 1: text_pair; specials hold 0 */
  size_t cap;
  bool truncated; /* max_length cut something off */
  void *scratch;  /* the room's own working memory */
} tfm_encoding;

void tfm_encoding_fini(tfm_encoding *e);

/** What of a pair gives way when both together are too long; the names are transformers'. */
typedef enum {
  TFM_TRUNCATE_LONGEST_FIRST, /* truncation=True */
  TFM_TRUNCATE_FIRST,         /* only_first */
  TFM_TRUNCATE_SECOND         /* only_second */
} tfm_truncate;

/** How one row is encoded. */
typedef struct {
  bool add_special_tokens; /* run the post-processor's template */
  bool words;              /* number the words */
  size_t max_length;       /* tokens, specials included; 0: no limit */
  tfm_truncate truncate;   /* the end is cut off, or the beginning when the files say so */
} tfm_encode_options;

/** How a row is cut into windows that overlap, each a row of its own. */
typedef struct {
  size_t max_length; /* tokens of a window, specials included */
  size_t stride;     /* tokens that neighbours share, as transformers counts it */
  bool second;       /* the pair text is cut, and the text stands in each window (question
                        answering); else the text is cut, and a pair text stands in each */
} tfm_window_options;

/** Read the tokenizer of a checkpoint folder: tokenizer.json, else vocab.txt, else
 *  vocab.json with merges.txt, with tokenizer_config.json. gives: *out, release with
 *  tfm_tokenizer_close().
 *  Errors: TFM_E_MISSING (no tokenizer in it), TFM_E_IO, TFM_E_FORMAT (with file and JSON
 * path), TFM_E_UNSUPPORTED (an unknown component, by name and JSON path), TFM_E_NOMEM. */
tfm_status tfm_tokenizer_open_folder(tfm_tokenizer **out, const char *folder,
                                     tfm_err *err) TFM_MUST_USE;

/** Read one tokenizer.json, or a vocab.txt (a name that ends in .txt), with the options of the
 * tokenizer_config.json beside it. Same errors. */
tfm_status tfm_tokenizer_open_file(tfm_tokenizer **out, const char *path,
                                   tfm_err *err) TFM_MUST_USE;

void tfm_tokenizer_close(tfm_tokenizer *t);

/** Encode a text, with a pair text unless pair.p is NULL. Both must be well-formed UTF-8 (any code
 * points, NUL included); at most 2^31-1 bytes together. Errors: TFM_E_FORMAT (not UTF-8, too
 * long), TFM_E_USAGE (max_length has no room for the special tokens: compare it with added_single
 * and added_pair beforehand; or nothing would be left of the text that gives way), TFM_E_NOMEM. */
tfm_status tfm_tokenizer_encode(const tfm_tokenizer *t, tfm_span text, tfm_span pair,
                                const tfm_encode_options *options, tfm_encoding *e,
                                tfm_err *err) TFM_MUST_USE;

/** How many windows the row last encoded on e takes, of which the last may be shorter: 1 when it
 *  fits whole. It must have been encoded with t, best without max_length; its special tokens are
 *  those of every window. Errors, of a row that does not fit: TFM_E_USAGE (no room beside the
 *  specials and the text that is repeated, or windows that share all they have). */
tfm_status tfm_encoding_windows(const tfm_tokenizer *t, const tfm_encoding *e,
                                const tfm_window_options *options, size_t *count,
                                tfm_err *err) TFM_MUST_USE;

/** Put window i (below the count) into e's arrays, in any order and as often as wanted: offsets
 *  stay those of the whole text. Where the files cut beginnings off, window 0 is the text's end.
 *  Errors: those of counting, TFM_E_NOMEM. Source: tokenizers' Encoding::truncate. */
tfm_status tfm_encoding_window(const tfm_tokenizer *t, tfm_encoding *e,
                               const tfm_window_options *options, size_t i,
                               tfm_err *err) TFM_MUST_USE;

/** The text of token i of an encoding, as `tokens` of the interface shows it: the vocabulary's, but
 *  of an added token what stood in the text (with blanks it took in, or normalised), and of a
 *  special the template's spelling. t is the tokenizer that encoded. Borrowed until the next
 *  encode on e. */
tfm_span tfm_encoding_token(const tfm_tokenizer *t, const tfm_encoding *e, size_t i);

/** Append the text of n ids to out. Unknown ids are skipped. skip_special leaves out tokens whose
 * text is that of an added token marked special. Errors: TFM_E_NOMEM, TFM_E_FORMAT (a pattern of
 * the decoder takes too long on this text). */
tfm_status tfm_tokenizer_decode(const tfm_tokenizer *t, const int32_t *ids, size_t n,
                                bool skip_special, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** The same as transformers' decode() shows it: where tokenizer_config.json asks for it
 *  (clean_up_tokenization_spaces), the blanks before punctuation and short forms are taken out. */
tfm_status tfm_tokenizer_show(const tfm_tokenizer *t, const int32_t *ids, size_t n,
                              bool skip_special, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** Append the text of n tokens that are given as text, by the same decoders: what transformers
 *  calls convert_tokens_to_string. Errors as above. */
tfm_status tfm_tokenizer_join(const tfm_tokenizer *t, const tfm_span *tokens, size_t n,
                              tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** The same while the ids still come: one decoder for each sequence that is being generated. */
typedef struct tfm_decoder tfm_decoder;

/** gives: *out, release with tfm_decoder_close(). borrows: t, until closed. Errors: TFM_E_NOMEM.
 */
tfm_status tfm_decoder_open(tfm_decoder **out, const tfm_tokenizer *t, bool skip_special,
                            tfm_err *err) TFM_MUST_USE;

/** Append to out what the next id adds to the text: whole characters, often one token's, nothing
 *  while more must come before it is certain. Whatever is appended stays: all of it, with what
 *  tfm_decoder_end() gives, is the text that tfm_tokenizer_decode() makes of all ids. Errors as
 *  there; after one only tfm_decoder_end() and tfm_decoder_close() make sense. */
tfm_status tfm_decoder_feed(tfm_decoder *d, int32_t id, tfm_buf *out,
                            tfm_err *err) TFM_MUST_USE;

/** Append what was held back, and be ready for another sequence. */
tfm_status tfm_decoder_end(tfm_decoder *d, tfm_buf *out, tfm_err *err) TFM_MUST_USE;

/** Accepts NULL. */
void tfm_decoder_close(tfm_decoder *d);

/** The text of an id, of an added token as the normaliser leaves it; {NULL, 0} when no token has
 * that id. Borrowed until closed. */
tfm_span tfm_tokenizer_token(const tfm_tokenizer *t, int32_t id);

/** The id of a token's exact text, -1 when there is none. */
int32_t tfm_tokenizer_id(const tfm_tokenizer *t, tfm_span token);

/** What a person or a plan wants to know. */
typedef struct {
  const char *model;       /* "WordPiece", ...; borrowed */
  size_t vocab;            /* tokens in the vocabulary, added ones included */
  int32_t highest_id;      /* the embedding must have more rows than this */
  int32_t highest_type_id; /* and the type embedding more than this */
  int32_t unknown_id;      /* of what is no token: the model's, else unk_token; -1: none */
  int32_t cls_id;          /* cls_token, mask_token and pad_token, as the files say or the */
  int32_t mask_id;         /* class usually has them; -1: none */
  int32_t pad_id;
  bool marks_rest;         /* pieces that do not begin a word are marked, as by "##" */
  size_t model_max_length; /* tokenizer_config.json; 0 when unset (or its 1e30) */
  size_t added_single;     /* special tokens the template adds to a text, and to a pair */
  size_t added_pair;
} tfm_tokenizer_facts;

tfm_tokenizer_facts tfm_tokenizer_describe(const tfm_tokenizer *t);

#endif
