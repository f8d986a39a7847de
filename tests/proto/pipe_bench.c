/** What the pipeline costs beside computing: run by hand, never timed by ctest.
 *
 *    mpirun -np 8 --oversubscribe --bind-to none pipe_bench hide MS [FRAMES [POLL_MS]]
 *    mpirun -np 8 --oversubscribe --bind-to none pipe_bench idle SECONDS
 *    mpirun -np 8 --oversubscribe --bind-to none pipe_bench poll
 *
 *  hide: every worker "computes" MS milliseconds a frame by sleeping (so 8 ranks do not fight for
 *  2 cores) and polls every POLL_MS (1.5) as a stage does between tasks. Prints the efficiency:
 *  the time one stage needs for all frames over the time that passed, without the first frame's
 *  way through the line. 1.0: the transfer is hidden wholly.
 *
 *  idle: rank 0 sends single frames with SECONDS of silence between them. Prints the CPU share of
 *  each rank, and the time a frame took through all idle stages.
 *
 *  poll: prints what a poll costs that finds nothing.
 */
#include "core/base/clock.h"
#include "proto/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TOKENS = 1024, WIDTH = 192 }; /* 0.79 MB a frame */

typedef struct {
  tfm_world *world;
  tfm_link *in, *out;
  double compute_s, poll_s;
  double busy_s, wait_s, pass_s; /* spent computing, waiting for input, sealing and sending */
  int nframe;
} stage;

static _Noreturn void stop(const tfm_err *err)
{
  tfm_world_abort(tfm_status_exit(err->status), err->text);
}

static void poll_world(tfm_world *world)
{
  tfm_err err = {0};
  if (tfm_world_poll(world, &err) != TFM_OK) {
    stop(&err);
  }
}

/* What has arrived, or NULL. */
static tfm_frame *look(stage *s)
{
  tfm_err err = {0};
  tfm_frame *frame = NULL;
  poll_world(s->world);
  if (tfm_link_receive(s->in, &frame, &err) != TFM_OK) {
    stop(&err);
  }
  return frame;
}

static tfm_frame *take(stage *s)
{
  for (;;) {
    tfm_frame *frame = look(s);
    if (frame) {
      tfm_world_busy(s->world);
      return frame;
    }
    tfm_world_idle(s->world);
  }
}

static void pass(stage *s, tfm_frame *frame)
{
  tfm_err err = {0};
  if (tfm_link_send(s->out, frame, &err) != TFM_OK) {
    stop(&err);
  }
}

static void compute(const stage *s)
{
  double until = tfm_now_s() + s->compute_s;
  for (double left = s->compute_s; left > 0; left = until - tfm_now_s()) {
    tfm_sleep_s(left < s->poll_s ? left : s->poll_s);
    poll_world(s->world);
  }
}

static void run_worker(stage *s)
{
  for (bool ended = false; !ended;) {
    double start = tfm_now_s();
    tfm_frame *frame = take(s);
    double taken = tfm_now_s();
    ended = frame->head.type == TFM_FRAME_END;
    if (!ended) {
      compute(s);
    }
    double computed = tfm_now_s();
    pass(s, frame);
    if (!ended && ++s->nframe > 1) { /* without the wait for the first frame */
      s->wait_s += taken - start;
      s->busy_s += computed - taken;
      s->pass_s += tfm_now_s() - computed;
    }
  }
}

static void send_batch(stage *s, tfm_frame *frame, uint64_t batch)
{
  size_t payload = 0;
  if (!tfm_frame_activation_bytes(1, TOKENS, WIDTH, false, &payload)) {
    abort();
  }
  tfm_frame_lengths(frame->bytes)[0] = TOKENS;
  frame->head = (tfm_frame_head){.type = TFM_FRAME_ACTIVATIONS,
                                 .batch = batch,
                                 .B = 1,
                                 .T = TOKENS,
                                 .width = WIDTH,
                                 .payload_bytes = payload};
  pass(s, frame);
}

static void send_end(stage *s)
{
  tfm_frame *frame = NULL;
  while (!(frame = tfm_link_frame(s->out))) {
    poll_world(s->world);
    tfm_world_idle(s->world);
  }
  frame->head = (tfm_frame_head){.type = TFM_FRAME_END};
  pass(s, frame);
  tfm_link_release(take(s));
}

static void run_hide(stage *s, int nframe)
{
  int sent = 0;
  double start = 0; /* when the first frame came back */
  for (int got = 0; got < nframe;) {
    tfm_frame *back = look(s);
    tfm_frame *frame = sent < nframe ? tfm_link_frame(s->out) : NULL;
    if (frame) {
      send_batch(s, frame, (uint64_t)++sent);
    }
    if (back) {
      tfm_link_release(back);
      start = ++got == 1 ? tfm_now_s() : start;
    }
    if (!frame && !back) {
      tfm_world_idle(s->world);
    }
  }
  double took = tfm_now_s() - start;
  send_end(s);
  printf("%d ranks, %.1f ms stages, %.2f MB frames: %d frames in %.3f s, efficiency %.3f\n",
         tfm_world_size(s->world), s->compute_s * 1e3, TOKENS * WIDTH * 4e-6, nframe, took,
         (nframe - 1) * s->compute_s / took);
}

static void run_idle(stage *s, double silence_s)
{
  enum { ROUNDS = 5 };
  double worst = 0;
  double sum = 0;
  for (int round = 0; round < ROUNDS; ++round) {
    for (double until = tfm_now_s() + silence_s; tfm_now_s() < until;) {
      poll_world(s->world);
      tfm_world_idle(s->world);
    }
    double start = tfm_now_s();
    send_batch(s, tfm_link_frame(s->out), (uint64_t)round + 1);
    tfm_link_release(take(s));
    double took = tfm_now_s() - start;
    sum += took;
    worst = took > worst ? took : worst;
  }
  send_end(s);
  printf("%d ranks, silence of %.1f s: a frame through %d idle stages took %.2f ms (mean), "
         "%.2f ms (worst of %d)\n",
         tfm_world_size(s->world), silence_s, tfm_world_size(s->world) - 1, sum / ROUNDS * 1e3,
         worst * 1e3, ROUNDS);
}

/* One rank after the other, so that they do not share the cores. */
static void run_poll(stage *s)
{
  enum { POLLS = 100000 };
  int rank = tfm_world_rank(s->world);
  tfm_sleep_s(0.2 * rank);
  double start = tfm_cpu_s();
  for (int i = 0; i < POLLS; ++i) {
    poll_world(s->world);
  }
  double took = tfm_cpu_s() - start;
  printf("rank %d: %.2f us a poll\n", rank, took / POLLS * 1e6);
  tfm_sleep_s(0.2 * (tfm_world_size(s->world) - rank));
}

static void open_links(stage *s)
{
  tfm_err err = {0};
  int rank = tfm_world_rank(s->world);
  int n = tfm_world_size(s->world);
  tfm_frame_limits limits = {.max_B = 1, .max_T = TOKENS, .width = WIDTH};
  if (!tfm_frame_activation_bytes(1, TOKENS, WIDTH, false, &limits.max_payload)) {
    abort();
  }
  if (tfm_world_open_in(s->world, &s->in, (rank + n - 1) % n, &limits, TFM_LINK_BUFFERS,
                        &err) != TFM_OK ||
      tfm_world_open_out(s->world, &s->out, (rank + 1) % n, &limits,
                         rank == 0 ? TFM_LINK_BUFFERS : 0, &err) != TFM_OK) {
    stop(&err);
  }
}

int main(int argc, char **argv)
{
  stage s = {0};
  tfm_err err = {0};
  if (tfm_world_open_mpi(&s.world, &argc, &argv, &err) != TFM_OK) {
    stop(&err);
  }
  if (argc < 2) {
    tfm_world_abort(64, "pipe_bench hide MS [FRAMES [POLL_MS]] | idle SECONDS | poll");
  }
  bool hide = strcmp(argv[1], "hide") == 0;
  double amount = argc > 2 ? strtod(argv[2], NULL) : 1;
  s.compute_s = hide ? amount * 1e-3 : 0;
  s.poll_s = (argc > 4 ? strtod(argv[4], NULL) : 1.5) * 1e-3;
  open_links(&s);
  double start = tfm_now_s();
  double cpu = tfm_cpu_s();
  if (strcmp(argv[1], "poll") == 0) {
    run_poll(&s);
  } else if (tfm_world_rank(s.world) > 0) {
    run_worker(&s);
  } else if (hide) {
    run_hide(&s, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 100);
  } else {
    run_idle(&s, amount);
  }
  int n = s.nframe > 1 ? s.nframe - 1 : 1;
  printf("rank %d: %.2f %% of a core; a frame: wait %.2f ms, compute %.2f ms, send %.2f ms\n",
         tfm_world_rank(s.world), 100 * (tfm_cpu_s() - cpu) / (tfm_now_s() - start),
         s.wait_s / n * 1e3, s.busy_s / n * 1e3, s.pass_s / n * 1e3);
  if (tfm_world_leave(s.world, 10, &err) != TFM_OK) {
    stop(&err);
  }
  tfm_world_close(s.world);
  return 0;
}
