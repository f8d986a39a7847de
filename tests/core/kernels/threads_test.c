/* Kernels on real threads, for the thread sanitizer as much as for the bits. */
#include "core/base/mem.h"
#include "core/kernels/attention.h"
#include "core/kernels/layernorm.h"
#include "core/kernels/linear.h"
#include "tests/core/kernels/kernels_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { THREADS = 4, M = 150, H = 192, HEADS = 4 };

/* An executor that starts its threads for each run: slow, and nothing to go wrong. */
typedef struct {
  tfm_par par;
  tfm_task_fn fn;
  void *arg;
  int ntask;
  atomic_int next;
} team;

typedef struct {
  team *team;
  int thread;
} member;

static void *work(void *arg)
{
  const member *m = arg;
  for (;;) {
    const int task = atomic_fetch_add(&m->team->next, 1);
    if (task >= m->team->ntask) {
      return NULL;
    }
    m->team->fn(m->team->arg, task, m->thread);
  }
}

static void team_run(tfm_par *par, int ntask, tfm_task_fn fn, void *arg)
{
  team *t = (team *)par; /* par is its first member */
  pthread_t id[THREADS];
  member m[THREADS];
  t->fn = fn;
  t->arg = arg;
  t->ntask = ntask;
  atomic_store(&t->next, 0);
  for (int i = 0; i < THREADS; ++i) {
    m[i] = (member){t, i};
    assert_int_equal(pthread_create(&id[i], NULL, work, &m[i]), 0);
  }
  for (int i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_join(id[i], NULL), 0);
  }
}

static float *want_floats(int64_t count)
{
  static noise n = {8};
  float *p = tfm_alloc_aligned((size_t)count, sizeof *p);
  assert_non_null(p);
  noise_fill(&n, 1.0f, p, count);
  return p;
}

/* One attention block's worth of kernels. */
typedef struct {
  tfm_linear *in;
  tfm_linear *out;
  float *gain;
  float *x;
} block;

static void run_block(const block *b, tfm_par *par, float *y)
{
  static const int32_t cu_len[] = {0, 70, 71, M};
  const tfm_heads heads = {.N = HEADS, .D = H / HEADS, .scale = 0.25f};
  const tfm_sequences seqs = {.cu_len = cu_len, .B = 3};
  const tfm_norm norm = {b->gain, b->gain, 1e-12f};
  const size_t bytes = tfm_attention_scratch_bytes(&heads, 79);
  float *qkv = want_floats(M * 3 * H);
  float *context = want_floats(M * H);
  void *scratch = tfm_alloc_aligned(bytes, (size_t)tfm_par_threads(par));
  assert_non_null(scratch);
  const tfm_epilogue plain = {TFM_ACT_NONE, NULL, 0};
  const tfm_epilogue add = {TFM_ACT_GELU, b->x, H};
  tfm_linear_run(b->in, b->x, H, M, qkv, 3 * H, &plain, par);
  tfm_attention(&heads, qkv, 3 * H, &seqs, context, H, scratch, par);
  tfm_linear_run(b->out, context, H, M, y, H, &add, par);
  tfm_layernorm(y, H, M, H, &norm, y, H, par);
  tfm_free(scratch);
  tfm_free(context);
  tfm_free(qkv);
}

static block block_open(tfm_backend backend)
{
  tfm_err err = {0};
  block b = {.gain = want_floats(H), .x = want_floats(M * H)};
  float *in = want_floats(3 * H * H);
  float *out = want_floats(H * H);
  assert_int_equal(tfm_linear_open(&b.in, backend, TFM_FLOAT32, in, NULL, 3 * H, H, &err),
                   TFM_OK);
  assert_int_equal(tfm_linear_open(&b.out, backend, TFM_FLOAT32, out, NULL, H, H, &err),
                   TFM_OK);
  tfm_free(in);
  tfm_free(out);
  return b;
}

static void block_close(block *b)
{
  tfm_linear_close(b->in);
  tfm_linear_close(b->out);
  tfm_free(b->gain);
  tfm_free(b->x);
}

/* A team sharing one block's tasks gives the bits of one thread. */
static void a_team_equals_one_thread(void **state)
{
  (void)state;
  for (int backend = TFM_BACKEND_REF; backend < TFM_BACKEND_COUNT; ++backend) {
    block b = block_open((tfm_backend)backend);
    float *want = want_floats(M * H);
    float *got = want_floats(M * H);
    team t = {.par = {THREADS, team_run}};
    run_block(&b, NULL, want);
    run_block(&b, &t.par, got);
    check_same_bits(got, want, M * H, "backend %s", tfm_backend_name((tfm_backend)backend));
    tfm_free(want);
    tfm_free(got);
    block_close(&b);
  }
}

typedef struct {
  const tfm_linear *lin;
  const float *x;
  float *y;
} caller;

static void *call(void *arg)
{
  const caller *c = arg;
  const tfm_epilogue gelu = {TFM_ACT_GELU, NULL, 0};
  tfm_linear_run(c->lin, c->x, H, M, c->y, 3 * H, &gelu, NULL);
  return NULL;
}

/* Several threads may run one packed layer at the same time, each with scratch of its own. */
static void one_layer_serves_many_threads(void **state)
{
  (void)state;
  for (int backend = TFM_BACKEND_NATIVE; backend < TFM_BACKEND_COUNT; ++backend) {
    block b = block_open((tfm_backend)backend);
    float *want = want_floats(M * 3 * H);
    caller c[THREADS];
    pthread_t id[THREADS];
    for (int i = 0; i < THREADS; ++i) {
      c[i] = (caller){b.in, b.x, want_floats(M * 3 * H)};
      assert_int_equal(pthread_create(&id[i], NULL, call, &c[i]), 0);
    }
    (void)call(&(caller){b.in, b.x, want});
    for (int i = 0; i < THREADS; ++i) {
      assert_int_equal(pthread_join(id[i], NULL), 0);
      check_same_bits(c[i].y, want, M * 3 * H, "thread %d", i);
      tfm_free(c[i].y);
    }
    tfm_free(want);
    block_close(&b);
  }
}

static void *name_backends(void *arg)
{
  bool *wrong = arg;
  for (int i = 0; i < 20000 && !*wrong; ++i) {
    char id[TFM_NUMERIC_ID];
    tfm_engine_numeric_id((tfm_engine){.backend = TFM_BACKEND_OPENBLAS}, id);
    *wrong = !strstr(id, "-openblas-");
  }
  return NULL;
}

/* What is computed is named whole at any time, by ranks that are threads of one process. */
static void names_are_whole_in_all_threads(void **state)
{
  (void)state;
  pthread_t id[THREADS];
  bool wrong[THREADS] = {false};
  for (int i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_create(&id[i], NULL, name_backends, &wrong[i]), 0);
  }
  for (int i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_join(id[i], NULL), 0);
    assert_false(wrong[i]);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_team_equals_one_thread),
      cmocka_unit_test(one_layer_serves_many_threads),
      cmocka_unit_test(names_are_whole_in_all_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
