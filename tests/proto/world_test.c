#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/clock.h"
#include "proto/world.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static tfm_world *open_one(void)
{
  tfm_world *world = NULL;
  tfm_err err = {0};
  assert_int_equal(tfm_world_open_local(&world, 1, &err), TFM_OK);
  return world;
}

/* Until idle() sleeps its longest. */
static void grow_idle(tfm_world *world)
{
  for (double until = tfm_now_s() + 0.02; tfm_now_s() < until;) {
    tfm_world_idle(world);
  }
}

enum { ROUNDS = 100 };

static double seconds_of_idles(tfm_world *world, void (*before)(tfm_world *world))
{
  double start = tfm_now_s();
  for (int i = 0; i < ROUNDS; ++i) {
    if (before) {
      before(world);
    }
    tfm_world_idle(world);
  }
  return tfm_now_s() - start;
}

/* With nothing to do idle() ends up sleeping a millisecond a call: 100 calls take 100 ms or
 * more, so a rank that waits costs next to nothing. */
static void idle_grows_to_a_millisecond(void **state)
{
  (void)state;
  tfm_world *world = open_one();
  grow_idle(world);
  assert_true(seconds_of_idles(world, NULL) >= ROUNDS * 0.95e-3);
  tfm_world_close(world);
}

/* The first calls after news return at once: an answer that takes microseconds is not slept
 * over. */
static void idle_starts_small_after_news(void **state)
{
  (void)state;
  tfm_world *world = open_one();
  grow_idle(world);
  assert_true(seconds_of_idles(world, tfm_world_busy) < ROUNDS * 0.5e-3);
  tfm_world_close(world);
}

/* A wake that comes before idle() is not lost: idle() returns at once although it had grown to
 * a millisecond. */
static void wake_before_idle_is_kept(void **state)
{
  (void)state;
  tfm_world *world = open_one();
  grow_idle(world);
  assert_true(seconds_of_idles(world, tfm_world_wake) < ROUNDS * 0.5e-3);
  tfm_world_close(world);
}

static tfm_world *signalled;

static void on_signal(int number)
{
  (void)number;
  tfm_world_wake(signalled);
}

static void raise_signal(tfm_world *world)
{
  signalled = world;
  (void)raise(SIGUSR1);
}

/* wake() is usable in a signal handler. */
static void wake_from_a_signal_handler(void **state)
{
  (void)state;
  tfm_world *world = open_one();
  struct sigaction action = {.sa_handler = on_signal};
  assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
  grow_idle(world);
  assert_true(seconds_of_idles(world, raise_signal) < ROUNDS * 0.5e-3);
  tfm_world_close(world);
}

static void *wake_often(void *world)
{
  for (int i = 0; i < ROUNDS; ++i) {
    tfm_world_wake(world);
    tfm_sleep_s(1e-4);
  }
  return NULL;
}

/* ... and from another thread while this one is asleep. */
static void wake_from_another_thread(void **state)
{
  (void)state;
  pthread_t thread;
  tfm_world *world = open_one();
  grow_idle(world);
  assert_int_equal(pthread_create(&thread, NULL, wake_often, world), 0);
  (void)seconds_of_idles(world, NULL);
  assert_int_equal(pthread_join(thread, NULL), 0);
  tfm_world_close(world);
}

/* What a child process says on stderr and returns when it runs `act`. */
static int run_child(void (*act)(void), char *said, size_t cap)
{
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    (void)dup2(ends[1], STDERR_FILENO);
    act();
    _exit(0);
  }
  (void)close(ends[1]);
  size_t n = 0;
  for (ssize_t got = 1; got > 0 && n < cap - 1; n += (size_t)(got > 0 ? got : 0)) {
    got = read(ends[0], said + n, cap - 1 - n);
  }
  said[n] = '\0';
  (void)close(ends[0]);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void abort_0(void)
{
  tfm_world_abort(0, "the first reason");
}

static void abort_256(void)
{
  tfm_world_abort(256, "the second reason");
}

static void abort_75(void)
{
  tfm_world_abort(75, NULL);
}

/* No code that anybody takes for success ends an aborted job, and there is one line. */
static void abort_says_one_line_and_clamps(void **state)
{
  (void)state;
  char said[256];
  assert_int_equal(run_child(abort_0, said, sizeof said), 1);
  assert_string_equal(said, "tfm-cluster: the first reason\n");
  assert_int_equal(run_child(abort_256, said, sizeof said), 125);
  assert_string_equal(said, "tfm-cluster: the second reason\n");
  assert_int_equal(run_child(abort_75, said, sizeof said), 75);
  assert_string_equal(said, "");
}

static void release_twice(void)
{
  tfm_world *worlds[2] = {0};
  tfm_err err = {0};
  if (tfm_world_open_local(worlds, 2, &err) == TFM_OK) {
    tfm_frame *frame = tfm_link_frame(tfm_world_control_out(worlds[0], 1));
    tfm_link_release(frame);
    tfm_link_release(frame);
  }
}

/* A frame given back twice is a bug of ours: it stops the job with the code of an internal
 * fault, through the hook a world installs. */
static void misuse_stops_the_job(void **state)
{
  (void)state;
  char said[512];
  assert_int_equal(run_child(release_twice, said, sizeof said), 70);
  assert_non_null(strstr(said, "internal fault at"));
}

/* mpirun is told by its own variables, np 1 included; being inside a Slurm job alone is not
 * being started by srun --mpi. */
static void launch_is_told_by_the_environment(void **state)
{
  (void)state;
  const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};
  for (size_t i = 0; i < 3; ++i) {
    assert_int_equal(unsetenv(names[i]), 0);
  }
  assert_int_equal(setenv("SLURM_JOB_ID", "1", 1), 0);
  assert_int_equal(setenv("SLURM_PROCID", "0", 1), 0);
  assert_false(tfm_world_launched_by_mpi());
  for (size_t i = 0; i < 3; ++i) {
    assert_int_equal(setenv(names[i], i == 0 ? "1" : "0", 1), 0);
    assert_true(tfm_world_launched_by_mpi());
    assert_int_equal(unsetenv(names[i]), 0);
  }
}

/* The library says who it is without being started. */
static void library_names_itself(void **state)
{
  (void)state;
  assert_non_null(strstr(tfm_world_library(), "MPI"));
  assert_null(strchr(tfm_world_library(), '\n'));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(idle_grows_to_a_millisecond),
      cmocka_unit_test(idle_starts_small_after_news),
      cmocka_unit_test(wake_before_idle_is_kept),
      cmocka_unit_test(wake_from_a_signal_handler),
      cmocka_unit_test(wake_from_another_thread),
      cmocka_unit_test(abort_says_one_line_and_clamps),
      cmocka_unit_test(misuse_stops_the_job),
      cmocka_unit_test(launch_is_told_by_the_environment),
      cmocka_unit_test(library_names_itself),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
