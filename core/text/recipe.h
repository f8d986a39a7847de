/** How a folder without tokenizer.json becomes a tokenizer: its vocabulary goes straight into the
 *  tokenizer, everything else into the tokenizer.json that the folder stands for, which is then
 *  read like any other. So there is one way to build a tokenizer.
 *
 *  A kind of such folders is one function and a row in a table of kinds (load_merges.c,
 *  load_pieces.c). With the files read, it says what its special tokens usually are, and writes:
 *
 *    tfm__recipe_begin()                      the added tokens, whose ids are settled by it
 *    ,"normalizer":...,"pre_tokenizer":...    whatever the kind wants, into r->json
 *    tfm__recipe_template()                   ,"post_processor":...
 *
 *  Private to the room. */
#ifndef TFM_CORE_TEXT_RECIPE_H
#define TFM_CORE_TEXT_RECIPE_H

#include "core/text/folder.h"
#include "core/text/piece_file.h"
#include "core/text/tokenizer_private.h"

enum { TFM__EXTRA_MOST = 1 << 16 };

typedef struct {
  tfm_tokenizer *t;
  const char *kind; /* the tokenizer's class, as transformers calls it */
  tfm__folder f;
  tfm__given given;
  tfm_buf file[2];                /* the folder's files, for what borrows from them */
  tfm__piece_file piece;          /* of a SentencePiece model */
  struct tfm__given_merge *merge; /* [given.nmerge] */
  size_t merge_cap;
  double *score; /* [vocabulary] */
  size_t score_cap;
  tfm_buf json;
  tfm_span language; /* of the texts; the folder's memory */
  tfm__added added;  /* all added tokens with their ids, from begin on */
} tfm__recipe;

/** A kind of folders without tokenizer.json. */
typedef struct {
  const char *kind; /* the tokenizer's class, as transformers calls it, without "Fast" */
  const char
      *types; /* the model_types that mean it when no class is named; a blank around each */
  const char *always; /* those for which no other class counts; NULL: none */
  /* Read the files; path is that of the vocabulary. */
  tfm_status (*read)(tfm__recipe *r, const char *path, tfm_err *err);
  tfm_status (*build)(tfm__recipe *r, tfm_err *err);
} tfm__recipe_kind;

/** Make t from a folder: open its configuration, choose a kind, let it read its files and build,
 *  and read what came of that. path is the file with the vocabulary, NULL when these kinds need
 *  none. Errors: TFM_E_UNSUPPORTED (no such kind: the message has those there are; without a path
 *  TFM_E_MISSING, the files there might be), and those of all steps. */
tfm_status tfm__recipe_run(tfm_tokenizer *t, const char *path, const char *folder,
                           const tfm__recipe_kind *kinds, size_t n, tfm_err *err) TFM_MUST_USE;

/** Read a SentencePiece model into r->piece, its bytes into r->file[0], and make its control and
 *  user-defined pieces the usual additional tokens. */
tfm_status tfm__recipe_pieces(tfm__recipe *r, const char *path, tfm_err *err) TFM_MUST_USE;

/** Read one that the sentencepiece library itself will run: a Unigram model that escapes blanks.
 *  Its marks are the library's own business. Errors: TFM_E_UNSUPPORTED for others. */
tfm_status tfm__recipe_own_pieces(tfm__recipe *r, const char *path, tfm_err *err) TFM_MUST_USE;

/** All of the tokenizer.json behind the added tokens, for such a model: its pieces, with the ids of
 *  the vocabulary, in orders as above; codes: texts may begin with language codes (Marian). */
tfm_status tfm__recipe_by_pieces(tfm__recipe *r, const char *single, const char *pair,
                                 bool codes, tfm_err *err) TFM_MUST_USE;

/** The path of a file of the folder, which must be there. Errors: TFM_E_MISSING (what is missing,
 *  and what to do). */
tfm_status tfm__recipe_file(tfm__recipe *r, const char *name, const char **path,
                            tfm_err *err) TFM_MUST_USE;

/** Read a whole vocabulary file as UTF-8 text into r->file[k]. */
tfm_status tfm__recipe_text(tfm__recipe *r, int k, const char *path, tfm_err *err) TFM_MUST_USE;

/** The same for a file that is no text. */
tfm_status tfm__recipe_bytes(tfm__recipe *r, int k, const char *path,
                             tfm_err *err) TFM_MUST_USE;

/** Add a token to the vocabulary. Errors: TFM_E_FORMAT for one that is there already, or an id
 *  beyond TFM__HIGHEST_ID, with the file's name and `at`, the number of the `what` ("line"). */
tfm_status tfm__recipe_token(tfm__recipe *r, tfm_span token, int64_t id, const char *name,
                             const char *what, size_t at, tfm_err *err) TFM_MUST_USE;

/** Append a merge of two tokens that are in the vocabulary, as what they make is. The texts are
 *  borrowed. */
tfm_status tfm__recipe_merge(tfm__recipe *r, tfm_span left, tfm_span right,
                             tfm_err *err) TFM_MUST_USE;

/** What the roles are when no file says it; NULL: none. The texts are borrowed. */
void tfm__recipe_usual(tfm__recipe *r, const char *const content[TFM__ROLES]);

/** Append <extra_id_0> and so on, n of them, to the usual additional tokens. */
tfm_status tfm__recipe_extra_ids(tfm__recipe *r, int64_t n, tfm_err *err) TFM_MUST_USE;

/** The vocabulary is filled and special tokens are said: settle the ids of the added ones, and
 *  begin the tokenizer.json with them. */
tfm_status tfm__recipe_begin(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

/** ,"post_processor": a TemplateProcessing. Orders are written as places of two characters each:
 *  what stands there, A, B, or a special token (b, e, u, s, p, c, m: bos, eos and so on; l: the
 *  language), and its type id: "c0A0s0". Errors: TFM_E_FORMAT (the files have no such token). */
tfm_status tfm__recipe_template(tfm__recipe *r, const char *single, const char *pair,
                                tfm_err *err) TFM_MUST_USE;

/** ,"post_processor": a RobertaProcessing of two special tokens. Errors: as above. */
tfm_status tfm__recipe_roberta(tfm__recipe *r, tfm__role first, tfm__role last, bool trim,
                               bool space, tfm_err *err) TFM_MUST_USE;

/** ,"post_processor": what transformers builds from add_bos_token and add_eos_token. */
tfm_status tfm__recipe_bos_eos(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

/** The id of a token: added, or of the vocabulary; -1 when there is none. */
int32_t tfm__recipe_id(const tfm__recipe *r, tfm_span token);

/** "true" or "false". */
const char *tfm__recipe_word(bool x);

#endif
