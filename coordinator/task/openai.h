/** Answers to requests of an OpenAI batch: members of a response's body, from a task's numbers. */
#ifndef TFM_COORDINATOR_TASK_OPENAI_H
#define TFM_COORDINATOR_TASK_OPENAI_H

#include "coordinator/encode/item.h"
#include "core/base/buf.h"

/** A text that was generated for a request. */
typedef struct {
  tfm_span text; /* what was added */
  bool ended;    /* by itself, not by its length */
} tfm_completion;

/** Append it: the answer to /v1/chat/completions or, without chat, to /v1/completions. */
void tfm_openai_completion(const tfm_item *item, const tfm_completion *made, bool chat,
                           tfm_buf *out);

/** The strings of the request's `stop`, one after the other: *at begins with 0, and grows. False
 * after the last; out is cleared and holds the string. */
bool tfm_openai_stop(const tfm_row *row, size_t *at, tfm_buf *out);

/** max_tokens of the request; 0: it has none. */
int64_t tfm_openai_most(const tfm_row *row);

/** Append the embeddings of an item, a sequence each: numbers, or base64 of their float32 bytes
 * when the request asks for it. */
void tfm_openai_embeddings(const tfm_item *item, tfm_buf *out);

/** A text of a row's list and what it scored. */
typedef struct {
  float score;
  int64_t index;
} tfm_ranked;

/** Append n scores, by index: the answer to /v1/score. */
void tfm_openai_scores(const tfm_ranked *scores, int64_t n, tfm_buf *out);

/** Append the texts of n scores, best first, so many as top_n of the request says: the answer to
 * /v1/rerank. */
void tfm_openai_ranking(const tfm_item *item, const tfm_ranked *order, int64_t n, tfm_buf *out);

#endif
