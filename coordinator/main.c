/** The program: find out who I am, then play that role. The only file that sees both roles.
 *
 *  Under mpirun each process is one rank. Without it this process plays rank 0 and starts a
 *  thread for each worker, over link_local: the same pipeline.
 */
#include "coordinator/bus.h"
#include "coordinator/coordinator.h"
#include "coordinator/stop.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "proto/world.h"
#include "worker/worker.h"

#include <tfm_commit.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const double leave_limit_s = 60.0;

extern char **environ;

/* A worker of a local world. */
typedef struct {
  pthread_t thread;
  tfm_world *world;
  bool started;
} local_worker;

static void *local_worker_main(void *arg)
{
  local_worker *w = arg;
  (void)tfm_worker_main(w->world);
  return NULL;
}

static int leave(tfm_world *world, int code)
{
  tfm_err err = {0};
  if (tfm_world_leave(world, leave_limit_s, &err) != TFM_OK) {
    tfm_world_abort(code ? code : tfm_status_exit(err.status), err.text);
  }
  return code;
}

/* Start the workers' threads; false when one cannot be started. */
static bool start_workers(local_worker *workers, tfm_world **worlds, int nworker)
{
  for (int i = 0; i < nworker; ++i) {
    workers[i].world = worlds[i + 1];
    if (pthread_create(&workers[i].thread, NULL, local_worker_main, &workers[i]) != 0) {
      return false;
    }
    workers[i].started = true;
  }
  return true;
}

static int run_local(const tfm_options *options)
{
  int nworker = tfm_coordinator_local_workers(options);
  tfm_err err = {0};
  tfm_world **worlds = tfm_calloc((size_t)nworker + 1, sizeof(tfm_world *));
  local_worker *workers = tfm_calloc((size_t)nworker, sizeof *workers);
  if (!worlds || !workers || tfm_world_open_local(worlds, nworker + 1, &err) != TFM_OK) {
    (void)tfm_fail(&err, TFM_E_NOMEM, "no memory for %d stages in one process", nworker);
    return tfm_coordinator_refuse(NULL, &err);
  }
  if (!start_workers(workers, worlds, nworker)) {
    tfm_world_abort(tfm_status_exit(TFM_E_NOMEM), "a stage's thread could not be started");
  }
  int code = leave(worlds[0], tfm_coordinator_main(worlds[0], options));
  for (int i = 0; i < nworker; ++i) {
    (void)pthread_join(workers[i].thread, NULL);
  }
  for (int i = 0; i <= nworker; ++i) {
    tfm_world_close(worlds[i]);
  }
  tfm_free(worlds);
  tfm_free(workers);
  return code;
}

/* Rank 0, or all there is: read the options and do what they say. world: NULL without mpirun. */
static int run_coordinator(tfm_world *world, int argc, char **argv)
{
  tfm_options options = {0};
  tfm_err err = {0};
  int code = 0;
  if (tfm_options_read(&options, argc - 1, argv + 1, environ, &err) != TFM_OK) {
    code = tfm_coordinator_refuse(world, &err);
  } else if (world && tfm_world_size(world) > 1) {
    code = tfm_coordinator_main(world, &options);
  } else {
    code = run_local(&options);
  }
  tfm_options_fini(&options);
  return code;
}

static int run_mpi(int argc, char **argv)
{
  tfm_err err = {0};
  tfm_world *world = NULL;
  if (tfm_world_open_mpi(&world, &argc, &argv, &err) != TFM_OK) {
    return tfm_coordinator_refuse(NULL, &err);
  }
  int code = 0;
  tfm_bus_install(tfm_world_rank(world));
  if (tfm_world_rank(world) == 0) {
    code = leave(world, run_coordinator(world, argc, argv));
  } else {
    tfm_stop_ignore();
    code = tfm_worker_main(world);
  }
  tfm_world_close(world);
  return code;
}

int main(int argc, char **argv)
{
  bool ranks = tfm_world_launched_by_mpi();
  tfm_stop_install();
  tfm_bus_install(-1);
  if (ranks) {
    tfm_stop_with_launcher();
  }
  tfm_fp_default();
  tfm_coordinator_set_commit(TFM_COMMIT);
  return ranks ? run_mpi(argc, argv) : run_coordinator(NULL, argc, argv);
}
