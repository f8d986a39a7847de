/** Texts that grow: which tokens go into the next micro-batch of each line.
 *
 *  A text is admitted to the line with the fewest of those that have slots for its branches and all
 * pages they can ever need: none fails in the middle. Its prompt goes through once; branches share
 * those pages. Whole pages that another text of the line begins with do not go through again: the
 * text goes on from that one's slot, and they are counted once. A text that is over keeps its slot
 * and its pages until they are wanted, so that the next one may begin like it.
 *
 *  A text goes through the line a chunk at a time until its last token has asked for the next; then
 * one token a turn. Chunks are small enough that each micro-batch which keeps the line busy has
 * one. Texts join and leave at every turn. What shares a micro-batch with what never changes a
 * result (DESIGN D3). Pure bookkeeping: no I/O, no threads.
 */
#ifndef TFM_COORDINATOR_SCHEDULE_TURNS_H
#define TFM_COORDINATOR_SCHEDULE_TURNS_H

#include "coordinator/batch/batcher.h"
#include "coordinator/schedule/branches.h"

typedef struct tfm_turns tfm_turns;

typedef struct {
  int lines;
  int groups;           /* micro-batches under way that keep a line busy */
  int64_t slots, pages; /* of each line */
  int64_t page_tokens;
  int64_t max_tokens;    /* of a micro-batch */
  int64_t prompt_tokens; /* those of prompts among them, but for what must travel whole */
  int64_t piece_most;    /* prompts of more tokens travel whole, and share no pages; 0: none */
  int64_t window;        /* texts that wait for a line at most */
  int64_t width;         /* of a row of results */
  tfm_branching branching; /* its width: at most slots, and max_tokens */
} tfm_turns_options;

/** gives: *out. Errors: TFM_E_NOMEM. */
tfm_status tfm_turns_open(tfm_turns **out, const tfm_turns_options *options,
                          tfm_err *err) TFM_MUST_USE;
void tfm_turns_close(tfm_turns *turns);

/** Whether another text may be added now. */
bool tfm_turns_room(const tfm_turns *turns);

/** Add a text that is to grow. borrows: text, until its item waits for it no more. One that can
 * never fit the pages fails its item at once. */
void tfm_turns_add(tfm_turns *turns, tfm_sequence *text);

/** Tokens of prompts that did not travel, because another text had them. */
int64_t tfm_turns_shared(const tfm_turns *turns);

/** Texts inside. */
int64_t tfm_turns_held(const tfm_turns *turns);

/** The next micro-batch of a line that has `in_flight` of them under way; *pack is NULL when there
 * is none, or when the turns that are under way should be waited for. gives: *pack. */
tfm_status tfm_turns_next(tfm_turns *turns, int line, int64_t in_flight, tfm_pack **pack,
                          tfm_err *err) TFM_MUST_USE;

/** What came back of a sequence of a pack: its values, or why there are none. The item waits for
 * one less when the text is finished. Errors: TFM_E_NOMEM. */
tfm_status tfm_turns_take(tfm_turns *turns, tfm_sequence *sent, tfm_status status,
                          const float *values, tfm_err *err) TFM_MUST_USE;

#endif
