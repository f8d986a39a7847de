/** The ranks of a job: who I am, links to others, polite waiting, leaving together.
 *
 *  Two transports: MPI (one process a rank) and local (one thread a rank, in one process: the
 * same pipeline without mpirun). rank 0 is the coordinator. Each pair (0, worker) has a control
 * link in both directions from the start; data links are opened by both ends once the plan is
 * known.
 *
 *  Threads: one communicating thread a rank calls everything here; only tfm_world_wake() and
 *  tfm_world_abort() may come from others. MPI_THREAD_FUNNELED is enough.
 */
#ifndef TFM_PROTO_WORLD_H
#define TFM_PROTO_WORLD_H

#include "proto/link.h"

#include <stdbool.h>

typedef struct tfm_world tfm_world;

/** Start MPI. Collective: all ranks. gives: *out, release with tfm_world_close(). Also installs
 * the assertion hook, so that a bug of one rank stops all.
 *  Errors: TFM_E_PEER with MPI's own text, TFM_E_NOMEM. After an error MPI may be half-way up:
 * nothing but tfm_world_abort() can follow. */
tfm_status tfm_world_open_mpi(tfm_world **out, int *argc, char ***argv,
                              tfm_err *err) TFM_MUST_USE;

/** Whether this process was started by mpirun, srun --mpi or alike (environment of Open MPI,
 * PMIx and PMI): decides between the transports before MPI is touched. */
bool tfm_world_launched_by_mpi(void);

/** The MPI library's name and version, one line; static. Callable before and without MPI. */
const char *tfm_world_library(void);

/** Make nrank worlds of one process; worlds[i] is for the thread that plays rank i. Each is
 * closed by its own thread or, when a thread was never started, by the maker. Called before the
 * threads start: it installs the assertion hook. Errors: TFM_E_NOMEM; nothing is open then. */
tfm_status tfm_world_open_local(tfm_world **worlds, int nrank, tfm_err *err) TFM_MUST_USE;

int tfm_world_rank(const tfm_world *world);
int tfm_world_size(const tfm_world *world); /* ranks in all */
bool tfm_world_is_mpi(const tfm_world *world);

/** The control link to a peer and from a peer: 0 for a worker, any worker for 0. Borrowed from
 * the world. Control payloads are at most TFM_CONTROL_BYTES. */
enum { TFM_CONTROL_BYTES = 32768 };
tfm_link *tfm_world_control_out(tfm_world *world, int peer);
tfm_link *tfm_world_control_in(tfm_world *world, int peer);

/** Open one end of a data link: at most one from and one to each other rank. Both ends must give
 * the same limits; a frame that is too long for the receiver is refused there. nbuffer frames
 * are made: an outgoing link that only sends on what was received needs none. gives: *link,
 * closed with the world. One that is open for the same limits and frames is given again: jobs one
 * after the other have one link. Local: does not wait for the other end. Errors: TFM_E_NOMEM;
 * TFM_E_CONFIG when MPI cannot count such frames (2^31-1 bytes);
 * TFM_E_INTERNAL (peer, counts or limits make no sense, or the link is open for others). */
tfm_status tfm_world_open_out(tfm_world *world, tfm_link **link, int to,
                              const tfm_frame_limits *limits, int nbuffer,
                              tfm_err *err) TFM_MUST_USE;
tfm_status tfm_world_open_in(tfm_world *world, tfm_link **link, int from,
                             const tfm_frame_limits *limits, int nbuffer,
                             tfm_err *err) TFM_MUST_USE;

/** Whether data links opened from now on have their buffers written once by the calling thread, so
 * that they are on its NUMA node whoever fills them first: needed where there are several nodes,
 * and a waste of a start where there is one. Not, unless told. */
void tfm_world_place_buffers(tfm_world *world, bool place);

/** What a data link with such a payload takes in its sender where both ranks are on one host: the
 * receiver's buffers, which it writes into; the pages are the same in both (DECISIONS.md). */
int64_t tfm_world_shared_bytes(int64_t payload);

/** Move data: complete what has completed, on all links. Cheap (about a microsecond when
 * nothing happens); a stage calls it between tasks, at least every 2 ms. Errors: TFM_E_PEER. */
tfm_status tfm_world_poll(tfm_world *world, tfm_err *err) TFM_MUST_USE;

/** Nothing to do right now: wait politely for arrival, wake() or a while that grows from
 * microseconds to a millisecond (DESIGN D6: an idle rank burns < 3 % of a core and answers
 * within 20 ms). */
void tfm_world_idle(tfm_world *world);

/** Something happened: the next idle() starts small again. */
void tfm_world_busy(tfm_world *world);

/** Make this rank's idle() return now. Callable from any thread of the rank, and from a signal
 *  handler. */
void tfm_world_wake(tfm_world *world);

/** Leave together. Collective: all ranks. Keeps progressing and throws away what still arrives,
 * on whatever link, until every rank is here and nothing is in flight, waiting politely; gives
 * up after limit_s seconds (TFM_E_PEER). Frames may be held by the user. Afterwards, or after an
 * error, only close or abort. */
tfm_status tfm_world_leave(tfm_world *world, double limit_s, tfm_err *err) TFM_MUST_USE;

/** Free links and buffers, end MPI. NULL is allowed. Over MPI leave() must have succeeded: ending
 * MPI would wait for ever for the others, so the job is aborted instead. */
void tfm_world_close(tfm_world *world);

/** Stop all ranks at once: one line on stderr, then MPI_Abort with the code clamped to 1..125
 * (mpirun turns 0 and 256 into success), or _exit in a local world and off MPI's thread. line may
 * be NULL: something has been printed already. Callable from any thread. The one place that does
 * so. */
_Noreturn void tfm_world_abort(int code, const char *line);

#endif
