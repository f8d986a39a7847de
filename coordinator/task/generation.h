/** How a job's texts are made: generation_config.json's word, and the options', which goes before
 * it. Names and meaning are the reference's (transformers, generation/configuration_utils.py). */
#ifndef TFM_COORDINATOR_TASK_GENERATION_H
#define TFM_COORDINATOR_TASK_GENERATION_H

#include "coordinator/schedule/branches.h"
#include "coordinator/task/task.h"

typedef struct {
  const tfm_tokenizer *tokenizer;
  tfm_branching branching; /* arg is the owner of this */
  int64_t new_tokens;      /* at most; 0: as total says */
  int64_t total;           /* tokens of text and prompt together at most; 0: as the model can */
  int32_t *ends;           /* [nend] ids that end a text */
  int64_t nend;
  char **stops; /* [nstop] strings that end one */
  int64_t nstop;
  bool requests;           /* rows are requests with strings of their own */
  const char *field;       /* of the result, static */
  char *prefix;            /* what comes before a text for an encoder; NULL: nothing */
  int32_t source_language; /* the language's token of such a text; -1: the tokenizer's own */
  bool language_first;     /* it stands before the text wherever the tokenizer puts it */
} tfm_generation;

/** Settle everything: *g, context->spec->choice and what goes with it. gives: *g, release with
 * tfm_generation_fini() also after a failure. Errors: TFM_E_USAGE (options that do not go
 * together), TFM_E_FORMAT, TFM_E_UNSUPPORTED (what generation_config.json asks for and is not here,
 * by name), TFM_E_NOMEM. */
tfm_status tfm_generation_read(tfm_generation *g, tfm_task_context *context,
                               tfm_err *err) TFM_MUST_USE;
void tfm_generation_fini(tfm_generation *g);

/** Whether the id ends a text. */
bool tfm_generation_is_end(const tfm_generation *g, int32_t id);

/** Bytes of text before `what`; all of them where it is not. */
size_t tfm_generation_find(tfm_span text, tfm_span what);

/** Tokens that may follow a text of n in a model of so many places; the last one needs none. */
int64_t tfm_generation_room(const tfm_generation *g, int64_t n, int64_t places);

#endif
