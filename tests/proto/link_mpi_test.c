/** Plays one scenario, or one way to end a job, as a real MPI program: link_mpi_test NAME [ARG].
 * Run by mpirun, see CMakeLists.txt. */
#include "core/base/clock.h"
#include "tests/proto/scenarios.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Aborting is rank 1's; the others wait for ever, so that only the abort can end the job. */
static void wait_for_ever(tfm_world *world)
{
  tfm_err err = {0};
  while (tfm_world_poll(world, &err) == TFM_OK) {
    tfm_world_idle(world);
  }
}

static void *abort_from_thread(void *code)
{
  tfm_sleep_s(0.1);
  tfm_world_abort(*(const int *)code, "the watchdog's thread stops the job");
}

static void play_abort(tfm_world *world, const char *how, int code)
{
  pthread_t thread;
  if (tfm_world_rank(world) == 1 && strcmp(how, "abort") == 0) {
    tfm_world_abort(code, "rank 1 stops the job");
  }
  if (tfm_world_rank(world) == 1 && strcmp(how, "assert") == 0) {
    TFM_ASSERT(code == -1);
  }
  if (tfm_world_rank(world) == 1 && strcmp(how, "thread") == 0 &&
      pthread_create(&thread, NULL, abort_from_thread, &code) != 0) {
    tfm_world_abort(99, "no thread");
  }
  wait_for_ever(world);
}

/* A rank that never leaves: the others give up after their limit instead of hanging. */
static void play_limit(tfm_world *world)
{
  tfm_err err = {0};
  if (tfm_world_rank(world) == 1) {
    tfm_sleep_s(60);
  }
  double start = tfm_now_s();
  CHECK(world, tfm_world_leave(world, 0.5, &err) == TFM_E_PEER);
  CHECK(world, tfm_now_s() - start < 2);
  tfm_world_abort(tfm_status_exit(err.status), err.text);
}

/* 0, or the code a rank returns after leaving: mpirun must hand it on. */
static int play(tfm_world *world, int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";
  int code = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
  for (int i = 0; i < nscenario; ++i) {
    if (strcmp(scenarios[i].name, name) == 0) {
      scenarios[i].play(world);
      return code;
    }
  }
  if (strcmp(name, "limit") == 0) {
    play_limit(world);
  }
  if (strcmp(name, "abort") == 0 || strcmp(name, "assert") == 0 ||
      strcmp(name, "thread") == 0) {
    play_abort(world, name, code);
  }
  tfm_world_abort(98, "link_mpi_test: unknown scenario");
}

int main(int argc, char **argv)
{
  tfm_world *world = NULL;
  tfm_err err = {0};
  if (!tfm_world_launched_by_mpi()) {
    (void)fprintf(stderr, "link_mpi_test: mpirun is not recognised by the environment\n");
    return 98;
  }
  if (tfm_world_open_mpi(&world, &argc, &argv, &err) != TFM_OK) {
    tfm_world_abort(98, err.text);
  }
  int code = play(world, argc, argv);
  tfm_world_close(world);
  return code;
}
