/* Threads that share a tokenizer get what one alone gets, for every kind of component that the
 * fixtures have (random models, decoders and front parts). Under the thread sanitizer this also
 * says that nothing shared is written. */
#include "tests/core/text/support.h"

#include <pthread.h>

enum { LARGEST = 16 << 20, THREADS = 3, MOST_TOKENIZERS = 512, MOST_TEXTS = 96 };

static tfm_span tokenizers[MOST_TOKENIZERS]; /* JSON, in the files' text */
static size_t ntokenizer;
static tfm_buf texts[MOST_TEXTS];
static size_t ntext;
static size_t seen;

/* Every 20th text of the files, the longest are left out. */
static void take_text(tfm_span text)
{
  if (seen++ % 20 == 0 && ntext < MOST_TEXTS && text.n < 2000) {
    assert_int_equal(tfm_buf_span(&texts[ntext++], text), TFM_OK);
  }
}

static void read_object(tfm_jread *r)
{
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "tokenizer")) {
      assert_true(ntokenizer < MOST_TOKENIZERS);
      tokenizers[ntokenizer++] = tfm_jread_skip(r);
    } else if (tfm_span_is(key, "text")) {
      take_text(tfm_jread_string(r));
    } else if (tfm_span_is(key, "rows")) {
      for (tfm_jread_array(r); tfm_jread_element(r);) {
        read_object(r);
      }
    } else {
      (void)tfm_jread_skip(r);
    }
  }
}

static void read_file(const char *path, tfm_buf *file)
{
  tfm_err err = {0};
  CHECK_OK(tfm_file_read_all(path, LARGEST, file, &err), &err);
  tfm_jread *r = tfm_jread_open(path, "", 0, TFM_JSON_STRICT);
  for (size_t i = 0; i < file->n;) {
    const char *end = memchr(file->data + i, '\n', file->n - i);
    size_t n = (size_t)(end - (file->data + i));
    tfm_jread_restart(r, file->data + i, n);
    read_object(r);
    CHECK_OK(tfm_jread_status(r, &err), &err);
    i += n + 1;
  }
  tfm_jread_close(r);
}

typedef struct {
  const tfm_tokenizer *t;
  size_t from; /* each thread begins at another text */
  uint64_t sums[MOST_TEXTS];
} job;

static uint64_t mix(uint64_t sum, const void *bytes, size_t n)
{
  const unsigned char *p = bytes;
  for (size_t i = 0; i < n; ++i) {
    sum = (sum ^ p[i]) * 1099511628211U;
  }
  return sum;
}

static uint64_t sum_of(const tfm_tokenizer *t, tfm_span text, tfm_encoding *e, tfm_buf *back)
{
  tfm_err err = {0};
  tfm_encode_options o = {.add_special_tokens = true};
  tfm_buf_clear(back);
  tfm_status st = tfm_tokenizer_encode(t, text, (tfm_span){0}, &o, e, &err);
  uint64_t sum = mix(14695981039346656037U, &st, sizeof st);
  if (st != TFM_OK) {
    return sum; /* some of the random tokenizers have no unknown token */
  }
  st = tfm_tokenizer_decode(t, e->ids, e->n, false, back, &err);
  sum = mix(sum, &st, sizeof st);
  sum = mix(sum, e->ids, e->n * sizeof *e->ids);
  sum = mix(sum, e->begin, e->n * sizeof *e->begin);
  sum = mix(sum, e->end, e->n * sizeof *e->end);
  return mix(sum, back->data, back->n);
}

static void *encode_all(void *arg)
{
  job *j = arg;
  tfm_encoding e = {0};
  tfm_buf back = {0};
  for (size_t i = 0; i < ntext; ++i) {
    size_t k = (i + j->from) % ntext;
    j->sums[k] = sum_of(j->t, tfm_buf_view(&texts[k]), &e, &back);
  }
  tfm_encoding_fini(&e);
  tfm_buf_fini(&back);
  return NULL;
}

static void check_tokenizer(size_t which)
{
  static job alone;
  static job jobs[THREADS];
  pthread_t threads[THREADS];
  tfm_tokenizer *t = NULL;
  tfm_err err = {0};
  CHECK_OK(open_text(&t, tokenizers[which], &err), &err);
  for (size_t i = 0; i < THREADS; ++i) { /* first: nothing has been warmed up */
    jobs[i].t = t;
    jobs[i].from = i * ntext / THREADS;
    assert_int_equal(pthread_create(&threads[i], NULL, encode_all, &jobs[i]), 0);
  }
  for (size_t i = 0; i < THREADS; ++i) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  }
  alone = (job){.t = t};
  (void)encode_all(&alone);
  for (size_t i = 0; i < THREADS; ++i) {
    if (memcmp(jobs[i].sums, alone.sums, sizeof alone.sums) != 0) {
      fail_msg("tokenizer %zu: thread %zu differs", which, i);
    }
  }
  tfm_tokenizer_close(t);
}

static void threads_agree_on_every_tokenizer(void **state)
{
  (void)state;
  tfm_buf files[2] = {{0}};
  read_file(TFM_FIXTURES "/text/models.jsonl", &files[0]);
  read_file(TFM_FIXTURES "/text/front.jsonl", &files[1]);
  assert_true(ntokenizer > 250 && ntext > 50);
  for (size_t i = 0; i < ntokenizer; ++i) {
    check_tokenizer(i);
  }
  for (size_t i = 0; i < ntext; ++i) {
    tfm_buf_fini(&texts[i]);
  }
  tfm_buf_fini(&files[0]);
  tfm_buf_fini(&files[1]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(threads_agree_on_every_tokenizer)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
