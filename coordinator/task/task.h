/** Tasks: what a row becomes for the model, what the numbers of the last stage mean, and how a
 * result row shows them.
 *
 *  A task is one file here and one row in task.c: its name, the head it needs, what it reads from a
 * row, the sequences it makes of it, its result fields, and how values become them. Names are
 * Hugging Face's (INTERFACE section 4).
 */
#ifndef TFM_COORDINATOR_TASK_TASK_H
#define TFM_COORDINATOR_TASK_TASK_H

#include "coordinator/cli/options.h"
#include "coordinator/encode/encoder.h"
#include "coordinator/input/reader.h"
#include "coordinator/output/format.h"
#include "coordinator/schedule/branches.h"
#include "core/model/model.h"

/** Hears each token of a text while it is made; true: the text is over with it. */
typedef struct {
  bool (*token)(void *arg, int32_t id);
  void *arg;
} tfm_listener;

/** What a task may look at; borrowed, but for `own`. In ask() only options and spec are there.
 */
typedef struct {
  const char *folder; /* the checkpoint's */
  const tfm_options *options;
  const tfm_config *config;
  const tfm_model *model;
  const tfm_tokenizer *tokenizer;
  tfm_head_spec *spec;  /* what the head is asked for; begin() may still change it */
  int64_t max_length;   /* tokens of one sequence; begin() may lower it */
  int32_t start_id;     /* a decoder's first token behind an encoder; begin() may say another */
  tfm_head_shape shape; /* after begin() */
  tfm_listener listener; /* of conversations that are one answer at a time; token NULL: none */
  void *own;             /* the task's own memory, made by begin() and freed by end() */
} tfm_task_context;

typedef struct {
  const char *name; /* as --task has it */
  tfm_task head;    /* whose head it needs */
  tfm_row_wants wants;
  bool places;      /* it answers with places: where tokens come from is kept */
  bool windows;     /* a row that is too long may become several sequences */
  tfm_truncate cut; /* what of a text and its pair gives way when they are too long */

  /* Say in context->spec what the head should give, from the options alone. NULL: nothing
   * special. Errors: TFM_E_USAGE. */
  tfm_status (*ask)(tfm_task_context *context, tfm_err *err);
  /* Get ready, once model and tokenizer are open. NULL: nothing to do. Errors: TFM_E_USAGE,
   * TFM_E_FORMAT (what the checkpoint lacks), TFM_E_NOMEM. */
  tfm_status (*begin)(tfm_task_context *context, tfm_err *err);
  /* Free context->own. NULL: there is none. */
  void (*end)(tfm_task_context *context);
  /* Make a row's sequences (encoder.h; encoder->task is the context); NULL: one of text and pair.
   * Runs on the feed's threads, several at once: what it changes is the item's and scratch. */
  tfm_status (*row)(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                    tfm_err *err);
  /* The names of the result fields, in order; returns how many. names: [TFM_ANSWER_MAX_FIELDS].
   */
  int (*fields)(const tfm_task_context *context, const char **names);
  /* The numbers of a row for -f npy: their type and how many (array->rows is not the task's to
   * say). NULL: it has none. Errors: TFM_E_USAGE (these options give none). */
  tfm_status (*array)(const tfm_task_context *context, tfm_array *array, tfm_err *err);
  /* Fill an empty answer from the values of the item's sequences. An answer that cannot be given
   * is an error row: tfm_answer_fail(). For -f npy it is the numbers instead.
   * Errors: TFM_E_NOMEM. */
  tfm_status (*answer)(const tfm_task_context *context, const tfm_item *item,
                       tfm_answer *answer, tfm_err *err);
  /* How texts grow, once begin() is through. NULL: rows come whole. */
  const tfm_branching *(*grows)(const tfm_task_context *context);
  /* The scores of all labels from a row of values: [shape.width] both. NULL: the scores are the
   * numbers of the answer. */
  void (*scores)(const tfm_task_context *context, const float *values, float *scores);
} tfm_task_ops;

/** The row of a task's name, or of one of its other names; NULL when it is not offered. */
const tfm_task_ops *tfm_task_find(const char *name);

/** The row that is run when nobody names one: by the model's head. NULL when there is none. */
const tfm_task_ops *tfm_task_of_head(tfm_task head);

/** Append the names of all offered tasks, separated by commas. */
void tfm_task_list(tfm_buf *out);

/** Append JSON: an array of floats. */
void tfm_put_floats(tfm_buf *out, const float *x, int64_t n);

/** Append JSON: an array of rows of floats, each row an array. */
void tfm_put_rows(tfm_buf *out, const float *x, int64_t rows, int64_t width, int64_t stride);

extern const tfm_task_ops tfm_task_classify;  /* classify.c */
extern const tfm_task_ops tfm_task_embed;     /* embed.c */
extern const tfm_task_ops tfm_task_entities;  /* entities.c */
extern const tfm_task_ops tfm_task_question;  /* question.c */
extern const tfm_task_ops tfm_task_fill_mask; /* fill_mask.c */
extern const tfm_task_ops tfm_task_zero_shot; /* zero_shot.c */
extern const tfm_task_ops tfm_task_rerank;    /* rerank.c */
extern const tfm_task_ops tfm_task_generate;  /* generate.c */
extern const tfm_task_ops tfm_task_translate; /* translate.c, both */
extern const tfm_task_ops tfm_task_summarize;
extern const tfm_task_ops tfm_task_chat;  /* chat.c */
extern const tfm_task_ops tfm_task_score; /* score.c */

#endif
