/** What becomes of a text that grows: one branch, several that are drawn apart, or the beams of a
 * beam search.
 *
 *  The tokens that were added are a tree, a node each; a branch is the way from a node back to the
 * prompt. Beams are the reference's (transformers, generation/utils.py, _beam_search): each step
 * keeps the best continuations of all beams, as many ends as are among the best `width` of them
 * count, and a search is over when nothing that runs can become better than the worst of those that
 * ended. Pure bookkeeping: no I/O, no threads.
 */
#ifndef TFM_COORDINATOR_SCHEDULE_BRANCHES_H
#define TFM_COORDINATOR_SCHEDULE_BRANCHES_H

#include "coordinator/encode/item.h"

/** When a search with enough texts that ended is over: when nothing can become better at the
 * length so far, at once, or when nothing can at any length. */
typedef enum { TFM_EARLY_FALSE, TFM_EARLY_TRUE, TFM_EARLY_NEVER } tfm_early;

enum { TFM_TAIL_MOST = 512, TFM_BRANCHES_MOST = 256 };

/** How texts of a job grow. */
typedef struct {
  int64_t width; /* branches of a text, 1 .. TFM_BRANCHES_MOST */
  int64_t
      candidates; /* > 0: beams, whose rows are so many candidates (core/model/head_spec.h) */
  bool sampled;   /* they are drawn */
  double length_penalty;
  tfm_early early;
  int64_t returned; /* texts that are kept of one, <= width */
  int64_t tail;     /* tokens ends() wants to see, 1 .. TFM_TAIL_MOST */
  /* Whether a text is over with the last of these tokens: its last n, prompt included. */
  bool (*ends)(const void *arg, const tfm_sequence *text, const int32_t *tail, int64_t n);
  const void *arg;
} tfm_branching;

typedef struct {
  int32_t id, before; /* before: the node; -1: the prompt */
  float log_prob;
} tfm_node;

/** A branch that grows, or one that ended. */
typedef struct {
  int32_t node;   /* -1: nothing was added */
  int32_t parent; /* which branch it went on from at the last step */
  float score;
  bool over; /* it grows no more; of those that ended: there is one */
} tfm_branch;

/** One text. Zero-initialised but for `running` and `done`, which are the owner's memory. */
typedef struct {
  tfm_sequence *text;
  tfm_node *nodes;
  int64_t nnode, cap;
  int64_t made;               /* tokens of a branch that grows */
  tfm_branch *running, *done; /* [width] */
} tfm_branches;

/** A text begins anew: nothing was added. borrows: text. */
void tfm_branches_begin(tfm_branches *b, const tfm_branching *how, tfm_sequence *text);
void tfm_branches_end(tfm_branches *b);

/** What the last stage said: at the first step one row, then a row for each branch that is not
 * over, in order, `stride` floats each. *over: the text is complete. Errors: TFM_E_NOMEM. */
tfm_status tfm_branches_step(tfm_branches *b, const tfm_branching *how, const float *rows,
                             int64_t stride, bool *over, tfm_err *err) TFM_MUST_USE;

/** The id branch i goes on from. */
int32_t tfm_branches_last(const tfm_branches *b, int64_t i);

/** The text gets its values and ends (item.h). Errors: TFM_E_NOMEM. */
tfm_status tfm_branches_harvest(const tfm_branches *b, const tfm_branching *how,
                                tfm_err *err) TFM_MUST_USE;

#endif
