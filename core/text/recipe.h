/** How a folder without tokenizer.json becomes a tokenizer: its vocabulary goes straight into the
 *  tokenizer, everything else into the tokenizer.json that the folder stands for, which is then
 *  read like any other. So there is one way to build a tokenizer.
 *
 *  A kind of such folders is one function and its names in the table of load_merges.c. It
 *  reads its files, says what its special tokens usually are, and writes between begin and end:
 *
 *    tfm__recipe_begin()                      the added tokens, whose ids are settled by it
 *    ,"normalizer":...,"pre_tokenizer":...    whatever the kind wants, into r->json
 *    tfm__recipe_template()                   ,"post_processor":...
 *    tfm__recipe_end()
 *
 *  Private to the room. */
#ifndef TFM_CORE_TEXT_RECIPE_H
#define TFM_CORE_TEXT_RECIPE_H

#include "core/text/folder.h"
#include "core/text/tokenizer_private.h"

typedef struct {
  tfm_tokenizer *t;
  const char *kind; /* the tokenizer's class, as transformers calls it */
  tfm__folder f;
  tfm__given given;
  tfm_buf file[2]; /* the folder's files, for what borrows from them */
  tfm_buf json;
  tfm__added added; /* all added tokens with their ids, from begin on */
} tfm__recipe;

/** The path of a file of the folder, which must be there. Errors: TFM_E_MISSING (what is missing,
 *  and what to do). */
tfm_status tfm__recipe_file(tfm__recipe *r, const char *name, const char **path,
                            tfm_err *err) TFM_MUST_USE;

/** Read a whole vocabulary file as UTF-8 text into r->file[k]. */
tfm_status tfm__recipe_text(tfm__recipe *r, int k, const char *path, tfm_err *err) TFM_MUST_USE;

/** Add a token to the vocabulary. Errors: TFM_E_FORMAT for one that is there already, or an id
 *  beyond TFM__HIGHEST_ID, with the file's name and `at`, the number of the `what` ("line"). */
tfm_status tfm__recipe_token(tfm__recipe *r, tfm_span token, int64_t id, const char *name,
                             const char *what, size_t at, tfm_err *err) TFM_MUST_USE;

/** The vocabulary is filled and special tokens are said: settle the ids of the added ones, and
 *  begin the tokenizer.json with them. */
tfm_status tfm__recipe_begin(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

/** ,"post_processor": a TemplateProcessing. Orders are written as places of two characters each:
 *  what stands there, A, B, or a special token (b, e, u, s, p, c, m: bos, eos and so on), and its
 *  type id: "c0A0s0". Errors: TFM_E_FORMAT (the files have no such token). */
tfm_status tfm__recipe_template(tfm__recipe *r, const char *single, const char *pair,
                                tfm_err *err) TFM_MUST_USE;

/** ,"post_processor": what transformers builds from add_bos_token and add_eos_token. */
tfm_status tfm__recipe_bos_eos(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

/** The id of a token: added, or of the vocabulary; -1 when there is none. */
int32_t tfm__recipe_id(const tfm__recipe *r, tfm_span token);

/** Close the tokenizer.json and read it. */
tfm_status tfm__recipe_end(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

/** "true" or "false". */
const char *tfm__recipe_word(bool x);

#endif
