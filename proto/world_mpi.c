#include "proto/world.h"

#include "core/base/mem.h"
#include "proto/link_mpi.h"

#include <mpi.h>

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Between MPI_Init and MPI_Finalize: there is one MPI in a process. */
static atomic_bool mpi_runs;

static void close_mpi(tfm_world *world)
{
  if (!world->left) {
    tfm_world_abort(tfm_status_exit(TFM_E_INTERNAL),
                    "a rank closed its world before all ranks had left it");
  }
  for (tfm_link *link = world->links; link; link = link->next) {
    tfm_free(link->channel);
  }
  tfm__mpi_close(world->transport);
  (void)close(world->event);
  tfm_assert_set_hook(NULL);
  atomic_store(&mpi_runs, false);
  (void)MPI_Finalize(); /* the work is done and reported; nobody is left to tell */
}

static const tfm__transport transport = {.is_mpi = true,
                                         .frame_max = INT_MAX,
                                         .buffers = tfm__mpi_buffers,
                                         .open = tfm__mpi_link_open,
                                         .send = tfm__mpi_send,
                                         .poll = tfm__mpi_poll,
                                         .leave = tfm__mpi_leave,
                                         .all_left = tfm__mpi_all_left,
                                         .seating = tfm__mpi_seating,
                                         .close = close_mpi};

static void stop(void)
{
  tfm_world_abort(tfm_status_exit(TFM_E_INTERNAL), NULL);
}

/* Settings of Open MPI that suit ranks which poll now and then and never wait inside MPI; what the
 * user has set stays. Other libraries do not look at them. Figures: DECISIONS.md, "Settings". */
static const char *const settings[][2] = {
    /* A poll that finds nothing returns; it does not give the processor away. */
    {"OMPI_MCA_mpi_yield_when_idle", "0"},
    /* Where no single-copy mechanism works, each poll moves 1 MB, not 96 KB. */
    {"OMPI_MCA_pml_ob1_send_pipeline_depth", "32"},
    /* A frame of one row goes in one piece: a rendezvous takes three naps of a waiting stage, an
     * eager message one. A row through seven idle stages: 31 ms -> 16 ms on two busy cores. */
    {"OMPI_MCA_btl_vader_eager_limit", "32768"},
};

int64_t tfm_world_shared_bytes(int64_t payload)
{
  return TFM_LINK_BUFFERS * (payload + TFM_FRAME_HEADER);
}

static tfm_status start_mpi(int *argc, char ***argv, tfm_err *err)
{
  int provided = MPI_THREAD_SINGLE;
  for (size_t i = 0; i < sizeof settings / sizeof settings[0]; ++i) {
    if (setenv(settings[i][0], settings[i][1], 0) != 0) {
      return tfm_fail(err, TFM_E_NOMEM, "setting %s", settings[i][0]);
    }
  }
  tfm_status st = tfm__mpi_check(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided),
                                 "MPI_Init_thread", err);
  if (st != TFM_OK) {
    return st;
  }
  atomic_store(&mpi_runs, true);
  tfm_assert_set_hook(stop);
  if (provided < MPI_THREAD_FUNNELED) {
    return tfm_fail(err, TFM_E_PEER, "MPI_Init_thread: want MPI_THREAD_FUNNELED (%d), got %d",
                    MPI_THREAD_FUNNELED, provided);
  }
  return TFM_OK;
}

tfm_status tfm_world_open_mpi(tfm_world **out, int *argc, char ***argv, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_world made = {.ops = &transport, .event = -1};
  tfm__mpi *mpi = NULL;
  *out = NULL;
  TFM_TRY(start_mpi(argc, argv, err));
  TFM_TRY(tfm__mpi_open(&mpi, err));
  TFM_TRY(tfm__mpi_check(MPI_Comm_rank(MPI_COMM_WORLD, &made.rank), "MPI_Comm_rank", err));
  TFM_TRY(tfm__mpi_check(MPI_Comm_size(MPI_COMM_WORLD, &made.nrank), "MPI_Comm_size", err));
  made.transport = mpi;
  made.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (made.event < 0) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "eventfd of rank %d", made.rank));
  }
  tfm__shm_hang_bell(tfm__mpi_shm(mpi), &made);
  TFM_TRY(tfm__world_open(out, &made, err));
  return TFM_OK;

fail:
  return st; /* MPI runs on: only tfm_world_abort() can follow */
}

const char *tfm_world_library(void)
{
  static char text[MPI_MAX_LIBRARY_VERSION_STRING + 1];
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  (void)pthread_mutex_lock(&lock);
  int n = 0;
  if (text[0] == '\0' && MPI_Get_library_version(text, &n) != MPI_SUCCESS) {
    (void)snprintf(text, sizeof text, "unknown MPI library");
  }
  text[strcspn(text, ",\n")] = '\0'; /* name and number; the rest is the story of the build */
  (void)pthread_mutex_unlock(&lock);
  return text;
}

void tfm__mpi_abort(int code)
{
  int main_thread = 0;
  if (atomic_load(&mpi_runs) && MPI_Is_thread_main(&main_thread) == MPI_SUCCESS &&
      main_thread) {
    (void)MPI_Abort(MPI_COMM_WORLD, code);
  }
}
