/** The ranks of a job as the coordinator sees them: what they said about themselves, what they
 * were told to do, and the control conversation with all of them.
 */
#ifndef TFM_COORDINATOR_SCHEDULE_CREW_H
#define TFM_COORDINATOR_SCHEDULE_CREW_H

#include "coordinator/schedule/clocks.h"
#include "core/base/clock.h"
#include "proto/messages.h"
#include "proto/world.h"

/** One rank. Entry 0 is the coordinator's own: only hello and the placement part of ready are
 * used. */
typedef struct {
  tfm_msg_hello hello;
  tfm_msg_assign assign;
  tfm_msg_ready ready;
  tfm_msg_speed speed;
  tfm_msg_stats stats;
  bool have_stats;
  tfm_msg_heartbeat beat;
  int lender;     /* the rank whose weights it is to share, or 0 */
  int last;       /* type of the last message but those that come at any time; 0: none */
  double heard_s; /* when a message came, by the crew's clock */
  double moved_s; /* when it last began something else */
  tfm_clock clock;
} tfm_crew_rank;

/** Who wants to know what ranks do when (--trace), set before they get their parts; zeros: nobody,
 * and nobody is asked. Times of spans are the rank's own. */
typedef struct {
  void (*span)(void *arg, int rank, const tfm_msg_span *span);
  void (*lost)(void *arg, int rank, uint64_t n); /* spans that were not kept */
  void *arg;
  /* Attention weights (`explain`), of arg's own too. Errors: TFM_E_FORMAT. */
  tfm_status (*attention)(void *arg, int rank, const tfm_msg_attention *msg, tfm_err *err);
} tfm_crew_listener;

typedef struct {
  tfm_world *world; /* borrowed */
  int nrank;
  tfm_crew_rank *ranks;   /* [nrank] */
  double stall_s, load_s; /* how long ranks may be silent or at one thing; 0: for ever */
  tfm_awake clock;        /* looked at by watch.h */
  double now_s, beat_s;   /* by it: the last look; when the workers were told we are here */
  bool works;             /* all are at work: before, ranks expect one message each */
  double clocks_s;        /* by the clock: when they were asked for the time */
  tfm_crew_listener listener;
} tfm_crew;

/** gives: what crew holds, release with tfm_crew_fini(). borrows: world. */
tfm_status tfm_crew_init(tfm_crew *crew, tfm_world *world, tfm_err *err) TFM_MUST_USE;
void tfm_crew_fini(tfm_crew *crew);

/** Send START to all workers; `own` becomes entry 0. Collective with tfm_worker_main(). Errors: of
 * link.h. */
tfm_status tfm_crew_start(tfm_crew *crew, const tfm_msg_start *start, const tfm_msg_hello *own,
                          tfm_err *err) TFM_MUST_USE;

/** Collect HELLO from all workers, then compare them. Errors: a worker's own failure; of
 * tfm_crew_compare(); of link.h; TFM_E_STOPPED. */
tfm_status tfm_crew_await_hello(tfm_crew *crew, tfm_err *err) TFM_MUST_USE;

/** Compare what all ranks have said of themselves. Errors: TFM_E_CONFIG naming the first field and
 *  rank that differ, after the whole table has been logged. */
tfm_status tfm_crew_compare(const tfm_crew *crew, tfm_err *err) TFM_MUST_USE;

/** Append the table of what differs from rank 0, a line each; returns how many there are. */
int tfm_crew_differences(const tfm_crew *crew, tfm_buf *out);

/** Find for each rank that has a part the first of its host, as tfm_crew_assign() has it, that has
 * the same one: its lender, 0 for none. */
void tfm_crew_find_lenders(tfm_crew *crew);

/** Send every worker its entry's `assign`, but those that can share another's weights: the first
 * rank of a host, and of a NUMA node as far as it is known beforehand, that has a slice reads it,
 * and lends it to the others once it is ready. */
tfm_status tfm_crew_assign(tfm_crew *crew, tfm_err *err) TFM_MUST_USE;

/** Collect READY from all workers, giving those that share weights their part on the way.
 * Errors: those of listening; TFM_E_STOPPED; TFM_E_PEER when one does not come within
 * crew->load_s. */
tfm_status tfm_crew_await_ready(tfm_crew *crew, tfm_err *err) TFM_MUST_USE;

/** Whether two ranks have the same cores of the same host. */
bool tfm_crew_same_cores(const tfm_crew *crew, int a, int b);

/** Whether this rank measures its stage: of those that have one on the same cores as many do as
 * there are cores, which keeps all of them busy; the last ones, since the last has the head. */
bool tfm_crew_measures(const tfm_crew *crew, int rank);

/** Let those ranks measure their stages at once, on micro-batches of so many tokens, and collect
 * SPEED of all that have a stage: zeros of the others. Errors as above. */
tfm_status tfm_crew_measure(tfm_crew *crew, int64_t tokens, tfm_err *err) TFM_MUST_USE;

/** Take what has come on the control links: heartbeats and statistics are kept; FAILED is
 * returned as the worker's own error. *news (when not NULL) says whether anything came. Does
 * not wait. */
tfm_status tfm_crew_listen(tfm_crew *crew, bool *news, tfm_err *err) TFM_MUST_USE;

/** Collect STATS from all ranks that have a stage. Errors: those of listening; TFM_E_PEER when
 *  one is silent for longer than crew->stall_s. */
tfm_status tfm_crew_await_stats(tfm_crew *crew, tfm_err *err) TFM_MUST_USE;

/** Tell all workers to leave with this exit code. Best effort: called on every way out. */
void tfm_crew_dismiss(tfm_crew *crew, int code);

/** What rank 0 itself was about since begin_s, by tfm_now_s(): returns how long. */
double tfm_crew_note(const tfm_crew *crew, tfm_span_kind kind, uint64_t batch, int64_t tokens,
                     double begin_s);

/** The instruction set all ranks have, as a name; borrowed from the table of
 * core/kernels/isa.h. */
const char *tfm_crew_common_isa(const tfm_crew *crew);

/** Place of a rank among the ranks that share its cpuset on its host: index and count. The
 * coordinator is not counted: it costs little and shares a core (DESIGN D6). */
void tfm_crew_share(const tfm_crew *crew, int rank, int *index, int *count);

/** The first of those ranks. */
int tfm_crew_keeper(const tfm_crew *crew, int rank);

#endif
