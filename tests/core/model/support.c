#include "tests/core/model/support.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/kernels/activation.h"
#include "tests/core/model/tolerance.h"

#include <ftw.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const family_models[] = {"families/roberta",
                                     "families/distilbert",
                                     "families/electra",
                                     "families/albert",
                                     "families/albert-groups",
                                     "families/mpnet",
                                     "families/nomic",
                                     "families/modernbert",
                                     "families/modernbert-biased",
                                     "families/deberta",
                                     "families/deberta-conv",
                                     "families/deberta-unshared",
                                     "families/deberta-p2c",
                                     NULL};

const char *const decoder_models[] = {"families/gpt2",
                                      "families/gpt2-by-layer",
                                      "families/llama",
                                      "families/llama-biases",
                                      "families/llama3",
                                      "families/llama-yarn",
                                      "families/mistral",
                                      "families/qwen2",
                                      "families/qwen3",
                                      "families/gpt2-upcast",
                                      "families/llama-dynamic",
                                      "families/neox",
                                      "families/neox-serial",
                                      "families/gemma",
                                      "families/gemma2",
                                      "families/gemma2-uncapped",
                                      NULL};

const tfm_engine native_float32 = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_FLOAT32};

void want_ok(tfm_status st, const tfm_err *err)
{
  if (st != TFM_OK) {
    fail_msg("%s: %s", tfm_status_text(st), err->text);
  }
}

tfm_model open_model(const char *name)
{
  const tfm_head_spec own = {.task = TFM_TASK_NONE};
  tfm_model model = open_model_for(name, &own);
  model.config.wanted = TFM_WANTED_ALL;
  return model;
}

tfm_model open_model_for(const char *name, const tfm_head_spec *spec)
{
  char path[1024];
  tfm_err err = {.status = TFM_OK};
  tfm_model model;
  (void)snprintf(path, sizeof path, "%s%s", name[0] == '/' ? "" : MODEL_FIXTURES, name);
  want_ok(tfm_model_open_for(&model, path, spec, &err), &err);
  return model;
}

float *want_floats(int64_t n)
{
  float *p = tfm_alloc_aligned((size_t)n, sizeof *p);
  assert_non_null(p);
  for (int64_t i = 0; i < n; ++i) {
    p[i] = NAN;
  }
  return p;
}

tfm_buf get_file(const char *path)
{
  tfm_buf b = {.data = NULL};
  tfm_err err = {.status = TFM_OK};
  want_ok(tfm_file_read_all(path, 1u << 30, &b, &err), &err);
  return b;
}

static void *copy_of(const void *from, size_t n, size_t bytes)
{
  void *to = tfm_alloc_aligned(n, bytes);
  assert_non_null(to);
  memcpy(to, from, n * bytes);
  return to;
}

golden open_golden(const char *name)
{
  char path[1024];
  int32_t head[8];
  (void)snprintf(path, sizeof path, MODEL_FIXTURES "%s/golden.bin", name);
  tfm_buf b = get_file(path);
  assert_true(b.n > sizeof head && memcmp(b.data, "TFMG", 4) == 0);
  memcpy(head, b.data, sizeof head);
  assert_int_equal(head[1], 1);
  golden g = {.B = head[2],
              .T = head[3],
              .states = head[4],
              .H = head[5],
              .C = head[6],
              .step = head[7]};
  const size_t T = (size_t)g.T;
  const size_t columns = (size_t)((g.H + g.step - 1) / g.step);
  const char *p = b.data + sizeof head;
  g.ids = copy_of(p, T, 4);
  p += 4 * T;
  g.type_ids = copy_of(p, T, 4);
  p += 4 * T;
  g.cu_len = copy_of(p, (size_t)g.B + 1, 4);
  p += 4 * ((size_t)g.B + 1);
  g.hidden = copy_of(p, (size_t)g.states * T * columns, 4);
  p += 4 * (size_t)g.states * T * columns;
  const int64_t floats = (b.data + b.n - p) / 4;
  g.rows = floats == g.T * g.C ? g.T : g.B;
  g.logits = copy_of(p, (size_t)(g.rows * g.C), 4);
  assert_ptr_equal(p + 4 * g.rows * g.C, b.data + b.n);
  tfm_buf_fini(&b);
  return g;
}

void close_golden(golden *g)
{
  tfm_free(g->ids);
  tfm_free(g->type_ids);
  tfm_free(g->cu_len);
  tfm_free(g->hidden);
  tfm_free(g->logits);
}

tfm_ids golden_ids(const golden *g)
{
  return (tfm_ids){
      .B = g->B, .T = g->T, .cu_len = g->cu_len, .ids = g->ids, .type_ids = g->type_ids};
}

golden pick_sequences(const golden *g, const int *order, int n)
{
  golden p = {.B = n, .rows = n, .H = g->H, .C = g->C, .step = 1};
  for (int i = 0; i < n; ++i) {
    p.T += g->cu_len[order[i] + 1] - g->cu_len[order[i]];
  }
  p.ids = tfm_calloc((size_t)p.T, 4);
  p.type_ids = tfm_calloc((size_t)p.T, 4);
  p.cu_len = tfm_calloc((size_t)n + 1, 4);
  p.logits = tfm_calloc((size_t)(n * g->C), 4);
  assert_true(p.ids && p.type_ids && p.cu_len && p.logits);
  for (int i = 0; i < n; ++i) {
    const int32_t from = g->cu_len[order[i]];
    const int32_t len = g->cu_len[order[i] + 1] - from;
    memcpy(p.ids + p.cu_len[i], g->ids + from, 4 * (size_t)len);
    memcpy(p.type_ids + p.cu_len[i], g->type_ids + from, 4 * (size_t)len);
    memcpy(p.logits + i * g->C, g->logits + order[i] * g->C, 4 * (size_t)g->C);
    p.cu_len[i + 1] = p.cu_len[i] + len;
  }
  return p;
}

void check_near(const char *what, const float *got, const float *want, int64_t n, double tol)
{
  int64_t worst = 0;
  double error = -1;
  for (int64_t i = 0; i < n; ++i) {
    const double e = fabs((double)got[i] - (double)want[i]);
    if (!(e <= error)) { /* a NaN is the worst there is */
      error = e;
      worst = i;
    }
  }
  print_message("%s: worst of %lld: [%lld] got %.9g, want %.9g, off by %.3g\n", what,
                (long long)n, (long long)worst, (double)got[worst], (double)want[worst], error);
  if (!(error <= tol)) {
    fail_msg("%s: off by %.3g, tolerance %.3g", what, error, tol);
  }
}

void check_bits(const char *what, const float *got, const float *want, int64_t n)
{
  for (int64_t i = 0; i < n; ++i) {
    if (memcmp(&got[i], &want[i], sizeof *got) != 0) {
      fail_msg("%s: [%lld] got %.9g, want %.9g", what, (long long)i, (double)got[i],
               (double)want[i]);
    }
  }
}

typedef struct {
  const golden *g;
  const char *name;
  int seen;
} watcher;

/* After unit 2l+1 the state is transformers' hidden_states[l+1]; after the embeddings, [0]. */
static void watch_states(void *arg, int64_t unit, const float *x, int64_t T, int64_t H)
{
  watcher *w = arg;
  const golden *g = w->g;
  if (unit % 2 == 0) {
    return;
  }
  const int64_t state = (unit + 1) / 2;
  const int64_t columns = (H + g->step - 1) / g->step;
  char what[64];
  float *got = want_floats(T * columns);
  for (int64_t t = 0; t < T; ++t) {
    for (int64_t c = 0; c < columns; ++c) {
      got[t * columns + c] = x[t * H + c * g->step];
    }
  }
  (void)snprintf(what, sizeof what, "%s: state %lld", w->name, (long long)state);
  check_near(what, got, g->hidden + state * T * columns, T * columns, TOL_MODEL);
  w->seen += 1;
  tfm_free(got);
}

void check_golden(const char *name, const char *where)
{
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model(where);
  golden g = open_golden(name);
  tfm_whole *whole = NULL;
  assert_int_equal(model.config.H, g.H);
  want_ok(tfm_whole_open(&whole, &model, native_float32, g.T, g.B, &err), &err);
  if (g.C > 0) { /* without logits the vectors are pooled, which other tests look at */
    assert_int_equal(tfm_whole_width(whole), g.C);
  }
  const tfm_ids ids = golden_ids(&g);
  float *logits = want_floats(g.rows * g.C);
  watcher w = {&g, name, 0};
  tfm_whole_run(whole, &ids, g.C > 0 ? logits : NULL, g.states ? watch_states : NULL, &w);
  assert_int_equal(w.seen, g.states);
  if (g.C > 0) {
    check_near(name, logits, g.logits, g.rows * g.C, TOL_MODEL);
  }
  tfm_free(logits);
  tfm_whole_close(whole);
  close_golden(&g);
  tfm_model_fini(&model);
}

tfm_ids mark_all(const golden *g, int32_t *marks)
{
  tfm_ids ids = golden_ids(g);
  for (int32_t t = 0; t < ids.T; ++t) {
    marks[t] = t;
  }
  ids.nmark = ids.T;
  ids.marks = marks;
  return ids;
}

void check_masks(const char *name)
{
  const tfm_head_spec spec = {.task = TFM_TASK_FILL_MASK};
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model_for(name, &spec);
  golden g = open_golden(name);
  const int64_t V = g.C;
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &model, native_float32, g.T, g.B, &err), &err);
  assert_int_equal(tfm_whole_width(whole), 2 * V);
  int32_t *marks = tfm_calloc((size_t)g.T, sizeof *marks);
  float *result = want_floats(g.T * 2 * V);
  float *want = want_floats(V);
  const tfm_ids ids = mark_all(&g, marks);
  tfm_whole_run(whole, &ids, result, NULL, NULL);
  for (int64_t t = 0; t < g.T; ++t) {
    const float *score = result + t * 2 * V;
    bool *seen = tfm_calloc((size_t)V, sizeof *seen);
    tfm_softmax(g.logits + t * V, V, want);
    for (int64_t k = 0; k < V; ++k) {
      const int64_t id = (int64_t)score[V + k];
      assert_true(id >= 0 && id < V && !seen[id]);
      seen[id] = true;
      assert_true(k == 0 || score[k] <= score[k - 1]);
      assert_true(fabsf(score[k] - want[id]) <= (float)TOL_MODEL);
    }
    tfm_free(seen);
  }
  tfm_free(want);
  tfm_free(result);
  tfm_free(marks);
  tfm_whole_close(whole);
  close_golden(&g);
  tfm_model_fini(&model);
}

/* log softmax in double precision, of the logits the reference gave for a token. */
static double log_probability(const float *logits, int64_t V, int64_t id)
{
  double sum = 0.0;
  double top = -INFINITY;
  for (int64_t i = 0; i < V; ++i) {
    top = fmax(top, (double)logits[i]);
  }
  for (int64_t i = 0; i < V; ++i) {
    sum += exp((double)logits[i] - top);
  }
  return (double)logits[id] - top - log(sum);
}

void check_scores(const char *name)
{
  const tfm_head_spec spec = {.task = TFM_TASK_TEXT_GENERATION, .lm = TFM_LM_SCORE};
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model_for(name, &spec);
  golden g = open_golden(name);
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &model, native_float32, g.T, g.B, &err), &err);
  assert_int_equal(tfm_whole_width(whole), 1);
  float *got = want_floats(g.T);
  float *want = want_floats(g.T);
  const tfm_ids ids = golden_ids(&g);
  tfm_whole_run(whole, &ids, got, NULL, NULL);
  for (int64_t b = 0; b < g.B; ++b) {
    const int64_t end = g.cu_len[b + 1];
    for (int64_t t = g.cu_len[b]; t < end; ++t) {
      want[t] = t + 1 < end ? (float)log_probability(g.logits + t * g.C, g.C, g.ids[t + 1]) : 0;
    }
  }
  check_near(name, got, want, g.T, TOL_MODEL);
  tfm_free(want);
  tfm_free(got);
  tfm_whole_close(whole);
  close_golden(&g);
  tfm_model_fini(&model);
}

folder open_folder(void)
{
  folder f = {.path = "/tmp/tfm_model_test_XXXXXX"};
  assert_non_null(mkdtemp(f.path));
  return f;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *at)
{
  (void)st;
  (void)type;
  (void)at;
  return remove(path);
}

void close_folder(folder *f)
{
  (void)nftw(f->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void put_file(const folder *f, const char *name, const void *bytes, size_t n)
{
  char path[512];
  (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
  (void)unlink(path); /* file systems sync what is truncated and written again: slow */
  FILE *to = fopen(path, "wb");
  assert_non_null(to);
  assert_int_equal(fwrite(bytes, 1, n, to), n);
  assert_int_equal(fclose(to), 0);
}

void put_text(const folder *f, const char *name, const char *text)
{
  put_file(f, name, text, strlen(text));
}

void add_safetensors(tfm_buf *out, const char *header, size_t data_bytes)
{
  const uint64_t n = strlen(header);
  assert_int_equal(tfm_buf_append(out, &n, sizeof n), TFM_OK);
  assert_int_equal(tfm_buf_append(out, header, (size_t)n), TFM_OK);
  assert_int_equal(tfm_buf_reserve(out, data_bytes), TFM_OK);
  memset(out->data + out->n, 0, data_bytes);
  out->n += data_bytes;
}

typedef struct {
  atomic_int *next;
  int ntask, thread;
  tfm_task_fn fn;
  void *arg;
} thread_job;

static void *run_thread(void *arg)
{
  const thread_job *job = arg;
  for (int task = atomic_fetch_add(job->next, 1); task < job->ntask;
       task = atomic_fetch_add(job->next, 1)) {
    job->fn(job->arg, task, job->thread);
  }
  return NULL;
}

enum { MOST_THREADS = 8 };

static void run_threads(tfm_par *par, int ntask, tfm_task_fn fn, void *arg)
{
  atomic_int next = 0;
  pthread_t threads[MOST_THREADS];
  thread_job jobs[MOST_THREADS];
  for (int i = 0; i < par->nthread; ++i) {
    jobs[i] = (thread_job){&next, ntask, i, fn, arg};
  }
  for (int i = 1; i < par->nthread; ++i) {
    assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &jobs[i]), 0);
  }
  (void)run_thread(&jobs[0]);
  for (int i = 1; i < par->nthread; ++i) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
}

threads_par make_threads(int nthread)
{
  assert_true(nthread <= MOST_THREADS);
  return (threads_par){{nthread, run_threads}};
}

static void run_backwards(tfm_par *par, int ntask, tfm_task_fn fn, void *arg)
{
  for (int task = ntask - 1; task >= 0; --task) {
    fn(arg, task, task % par->nthread);
  }
}

backwards_par make_backwards(int nthread)
{
  return (backwards_par){{nthread, run_backwards}};
}
