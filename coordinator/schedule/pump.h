/** The heart of the coordinator: rows out of the feed, micro-batches down the lines, results
 * back, delivered in input order.
 *
 *  Nothing grows with the input: the feed, the window, the credits of each line and the rows
 * between reading and delivery are all bounded. With nothing to do it waits politely.
 */
#ifndef TFM_COORDINATOR_SCHEDULE_PUMP_H
#define TFM_COORDINATOR_SCHEDULE_PUMP_H

#include "coordinator/encode/feed.h"
#include "coordinator/schedule/crew.h"
#include "coordinator/schedule/turns.h"
#include "core/model/embed.h"
#include "core/model/head_spec.h"

/** What the pump works with; everything is borrowed. */
typedef struct {
  tfm_crew *crew;
  const tfm_plan *plan;
  const tfm_embed *embed;
  tfm_feed *feed;
  int64_t hidden;       /* values a token on the wire */
  bool bfloat16;        /* they are this, not float32 */
  bool ids;             /* the head looks at the tokens' ids: they travel too */
  tfm_head_shape shape; /* of results */
  int64_t budget;       /* tokens a micro-batch is filled to */
  int64_t max_tokens;   /* what frames are made for: >= budget, >= the longest row */
  int64_t max_sequences;
  int64_t max_rows;               /* of results in one micro-batch */
  int64_t window;                 /* sequences looked at together */
  const tfm_turns_options *turns; /* rows are texts that grow; NULL: they come whole */
  /* Called for each row in input order, as soon as all rows before it are done. takes: nothing;
   * the item is released afterwards. */
  tfm_status (*deliver)(void *arg, const tfm_item *item, tfm_err *err);
  /* Called now and then, and when there is nothing to do: progress, flushing. */
  tfm_status (*rest)(void *arg, bool idle, tfm_err *err);
  void *arg;
} tfm_pump_options;

typedef struct tfm_pump tfm_pump;

/** Open the data links and all memory. Call after ASSIGN was sent: workers open their ends
 * then. gives: *out, release with tfm_pump_close(). */
tfm_status tfm_pump_open(tfm_pump **out, const tfm_pump_options *options,
                         tfm_err *err) TFM_MUST_USE;

/** Run until the feed has ended, all rows are delivered and END has come back on every line.
 * Asked to drain, no more rows are taken; what is under way is finished as far as a minute
 * allows, END comes back, and the result is TFM_E_STOPPED unless that was all there is. Asked to
 * stop now: TFM_E_STOPPED at once. */
tfm_status tfm_pump_run(tfm_pump *pump, tfm_err *err) TFM_MUST_USE;

/** Whether tfm_pump_run() came to its end in order, so that the ranks can be asked for
 * statistics. */
bool tfm_pump_ended(const tfm_pump *pump);

typedef struct {
  int64_t rows;           /* delivered */
  int64_t sequences;      /* sent */
  int64_t batches;        /* sent */
  int64_t tokens;         /* sent, specials included */
  int64_t bytes;          /* of frames that were sent, headers included */
  int64_t shared;         /* of prompts, not sent because another text had them */
  int64_t in_flight_peak; /* micro-batches at one time, over all lines */
  double embed_s;         /* making micro-batches and sending them */
  double write_s;         /* in options.deliver */
} tfm_pump_counts;

tfm_pump_counts tfm_pump_counted(const tfm_pump *pump);

/** Sequences that were sent, by their length: [max_tokens + 1]; borrowed. NULL for texts that grow,
 * which come in pieces. */
const int64_t *tfm_pump_lengths(const tfm_pump *pump);

/** NULL is allowed. */
void tfm_pump_close(tfm_pump *pump);

#endif
