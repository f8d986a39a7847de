/* What the scenarios do not show of shared memory between processes: bells, strangers, death. That
 * frames keep their order and bytes is theirs to prove, over MPI with and without it. */
#include "proto/link_shm.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

#include <dirent.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { NRANK = 2, CAP = 4096 };

/* Two ranks in one process: it sees its own /proc as it would see another's. */
typedef struct {
  tfm__shm *shm[NRANK];
  tfm__shm_card cards[NRANK];
  tfm_world world[NRANK];
} ranks;

static void open_ranks(ranks *r)
{
  tfm_err err = {0};
  *r = (ranks){0};
  for (int i = 0; i < NRANK; ++i) {
    CHECK_OK(tfm__shm_open(&r->shm[i], i, NRANK, &r->cards[i], &err), &err);
    assert_true(r->cards[i].fd >= 0 && r->cards[i].host != 0);
  }
}

static void meet(ranks *r)
{
  for (int i = 0; i < NRANK; ++i) {
    tfm__shm_meet(r->shm[i], r->cards);
    tfm__shm_hang_bell(r->shm[i], &r->world[i]);
  }
}

static void close_ranks(ranks *r)
{
  for (int i = 0; i < NRANK; ++i) {
    tfm__shm_close(r->shm[i]);
  }
}

static void bells_ring_across_ranks(void **state)
{
  (void)state;
  ranks r;
  open_ranks(&r);
  meet(&r);
  assert_true(r.world[0].bell && r.world[1].bell && r.world[0].all_ring);
  const uint32_t seen = atomic_load(r.world[1].bell);
  tfm__shm_ring(r.shm[0], 1);
  assert_int_equal(atomic_load(r.world[1].bell), seen + 1);
  tfm__bell_wait(r.world[1].bell, seen, 0.9); /* it has rung since: returns at once, or never */
  close_ranks(&r);
}

/* A rank of another host, one without a file, and a file that is not the one named: all are for
 * MPI, and nobody's bell is touched. */
static void strangers_are_left_to_mpi(void **state)
{
  (void)state;
  for (int kind = 0; kind < 3; ++kind) {
    ranks r;
    tfm_link out = {.peer = 1};
    open_ranks(&r);
    r.cards[1].host ^= kind == 0;
    r.cards[1].fd = kind == 1 ? -1 : r.cards[1].fd;
    r.cards[1].token ^= kind == 2;
    meet(&r);
    const bool named = kind == 2; /* only opening it shows that it is another's */
    assert_int_equal(r.world[0].all_ring, named);
    assert_false(tfm__shm_reach(r.shm[0], &out));
    assert_null(out.channel);
    const uint32_t seen = atomic_load(r.world[1].bell ? r.world[1].bell : r.world[0].bell);
    tfm__shm_ring(r.shm[0], 1);
    assert_int_equal(atomic_load(r.world[1].bell ? r.world[1].bell : r.world[0].bell), seen);
    close_ranks(&r);
  }
}

static void asking_for_mpi_is_enough(void **state)
{
  (void)state;
  tfm__shm *shm = NULL;
  tfm__shm_card card;
  tfm_err err = {0};
  tfm_world world = {0};
  assert_int_equal(setenv("TFM_LINK", "mpi", 1), 0);
  CHECK_OK(tfm__shm_open(&shm, 0, 1, &card, &err), &err);
  assert_int_equal(unsetenv("TFM_LINK"), 0);
  assert_true(card.fd < 0);
  tfm__shm_meet(shm, &card);
  tfm__shm_hang_bell(shm, &world);
  assert_null(world.bell);
  assert_false(world.all_ring);
  tfm__shm_close(shm);
}

/* Buffers are the receiver's, aligned, writable from end to end, and the sender finds the ring
 * whichever end is opened first. */
static void an_end_may_open_before_the_other(void **state)
{
  (void)state;
  for (int first = 0; first < 2; ++first) {
    ranks r;
    tfm_link in = {.peer = 0, .incoming = true};
    tfm_link out = {.peer = 1};
    unsigned char *buffers = NULL;
    open_ranks(&r);
    meet(&r);
    if (first == 0) {
      assert_true(tfm__shm_reach(r.shm[0], &out));
    }
    buffers = tfm__shm_buffers(r.shm[1], &in, 3, CAP);
    assert_non_null(buffers);
    assert_int_equal((uintptr_t)buffers % TFM_FRAME_ALIGN, 0);
    memset(buffers, 1, (size_t)3 * CAP);
    if (first == 1) {
      assert_true(tfm__shm_reach(r.shm[0], &out));
    }
    assert_false(tfm__shm_attached(&in)); /* before the first frame MPI is looked at too */
    tfm_free(in.channel);
    tfm_free(out.channel);
    close_ranks(&r);
  }
}

/* More buffers than a ring names: the receiver refuses, and what waited is MPI's, in order. */
static void what_is_refused_comes_back(void **state)
{
  (void)state;
  ranks r;
  tfm_link in = {.peer = 0, .incoming = true, .world = &r.world[1]};
  tfm_link out = {.peer = 1, .world = &r.world[0]};
  tfm__slot slots[3] = {{.frame = {.n = 1}}, {.frame = {.n = 2}}, {.frame = {.n = 3}}};
  open_ranks(&r);
  meet(&r);
  assert_true(tfm__shm_reach(r.shm[0], &out));
  tfm__shm_send(r.shm[0], &out, &slots[0]);
  tfm__shm_send(r.shm[0], &out, &slots[1]);
  assert_null(tfm__shm_returned(&out)); /* it may open its end yet */
  assert_null(tfm__shm_buffers(r.shm[1], &in, 17, CAP));
  assert_false(r.world[1].all_ring);
  tfm__shm_send(r.shm[0], &out, &slots[2]);
  for (int i = 0; i < 3; ++i) {
    assert_ptr_equal(tfm__shm_returned(&out), &slots[i]);
  }
  assert_null(tfm__shm_returned(&out));
  assert_null(out.channel); /* from here on the link is MPI's */
  close_ranks(&r);
}

static int names_in(const char *folder, const char *part)
{
  int n = 0;
  DIR *dir = opendir(folder);
  for (struct dirent *d = dir ? readdir(dir) : NULL; d; d = readdir(dir)) {
    n += strstr(d->d_name, part) != NULL;
  }
  if (dir) {
    (void)closedir(dir);
  }
  return n;
}

/* A rank that is killed leaves no name behind, in /dev/shm or elsewhere, and who had mapped its
 * file goes on. */
static void a_killed_rank_leaves_nothing(void **state)
{
  (void)state;
  int card_pipe[2];
  int go_pipe[2];
  tfm_err err = {0};
  tfm__shm *shm = NULL;
  tfm__shm_card cards[NRANK];
  tfm_world world = {0};
  assert_int_equal(pipe(card_pipe), 0);
  assert_int_equal(pipe(go_pipe), 0);
  CHECK_OK(tfm__shm_open(&shm, 0, NRANK, &cards[0], &err), &err);
  const pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    tfm__shm *own = NULL;
    tfm__shm_card card;
    char go = 0;
    bool fine = tfm__shm_open(&own, 1, NRANK, &card, &err) == TFM_OK &&
                write(card_pipe[1], &card, sizeof card) == (ssize_t)sizeof card &&
                read(go_pipe[0], &go, 1) == 1;
    (void)raise(fine ? SIGKILL : SIGTERM);
    _exit(1);
  }
  assert_int_equal(read(card_pipe[0], &cards[1], sizeof cards[1]), sizeof cards[1]);
  tfm__shm_meet(shm, cards);
  tfm__shm_hang_bell(shm, &world);
  assert_true(world.all_ring);
  tfm__shm_ring(shm, 1); /* maps it */
  assert_int_equal(write(go_pipe[1], "g", 1), 1);
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  tfm__shm_ring(shm, 1); /* the memory is still ours */
  assert_int_equal(names_in("/dev/shm", "tfm-cluster"), 0);
  tfm__shm_close(shm);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bells_ring_across_ranks),
      cmocka_unit_test(strangers_are_left_to_mpi),
      cmocka_unit_test(asking_for_mpi_is_enough),
      cmocka_unit_test(an_end_may_open_before_the_other),
      cmocka_unit_test(what_is_refused_comes_back),
      cmocka_unit_test(a_killed_rank_leaves_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
