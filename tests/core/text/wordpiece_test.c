#include "core/text/algo/wordpiece.h"

#include "core/base/clock.h"
#include "core/text/kinds.h"
#include "tests/core/text/support.h"

enum { MOST = 600 };

/* The definition: at each place the longest token of the vocabulary, tried from the whole rest of
 * the word down to one byte. false: the word cannot be cut. */
static bool cut_by_definition(const tfm__vocab *v, tfm_span prefix, tfm_span word,
                              tfm__tokens *out)
{
  char room[MOST + 8];
  out->n = 0;
  for (size_t at = 0; at < word.n;) {
    size_t skip = at ? prefix.n : 0;
    memcpy(room, prefix.p, skip);
    memcpy(room + skip, word.p + at, word.n - at);
    size_t n = word.n - at;
    while (n > 0 && tfm__vocab_id(v, (tfm_span){room, skip + n}) < 0) {
      --n;
    }
    if (n == 0) {
      return false;
    }
    out->id[out->n] = tfm__vocab_id(v, (tfm_span){room, skip + n});
    out->begin[out->n] = (int32_t)at;
    out->end[out->n++] = (int32_t)(at + n);
    at += n;
  }
  return true;
}

static void random_word(char *out, size_t *n, size_t most, unsigned letters, uint64_t *seed)
{
  *n = 1 + check_random(seed) % most;
  for (size_t i = 0; i < *n; ++i) {
    out[i] = "ab#c\0d"[check_random(seed) % letters];
  }
}

static void run(void *model, tfm_span word, tfm__tokens *out)
{
  tfm__text text = {0};
  tfm__view view = {.p = word.p, .n = word.n};
  tfm__piece whole = {0, (uint32_t)word.n};
  tfm__pieces pieces = {.v = &whole, .n = 1};
  assert_int_equal(tfm__text_copy(&text, &view), TFM_OK);
  out->n = 0;
  assert_int_equal(tfm__wordpiece.tokenize(model, NULL, &text, &pieces, out), TFM_OK);
  tfm__text_fini(&text);
}

static void fill_vocab(tfm__vocab *v, tfm_span prefix, unsigned letters, uint64_t *seed)
{
  char room[32];
  tfm__vocab_init(v);
  assert_int_equal(tfm__vocab_add(v, SPAN("[UNK]"), 0), TFM__ADDED);
  size_t tokens = 1 + check_random(seed) % 60;
  for (size_t i = 0; i < tokens; ++i) {
    size_t n = 0;
    size_t skip = check_random(seed) % 3 ? prefix.n : 0;
    memcpy(room, prefix.p, skip);
    random_word(room + skip, &n, i % 9 ? 4 : 20, letters, seed);
    tfm__vocab_answer answer = tfm__vocab_add(v, (tfm_span){room, skip + n}, (int32_t)v->n);
    assert_true(answer == TFM__ADDED || answer == TFM__SAME_TEXT);
  }
}

/* Failure links against the definition: few letters, so that tokens overlap in every way; words
 * that hold the prefix itself and NULs; prefixes of two bytes, one and none. */
static void words_are_cut_as_defined(void **state)
{
  (void)state;
  static const tfm_span prefixes[] = {BYTES("##"), BYTES("#"), BYTES("")};
  uint64_t seed = 11;
  tfm__tokens want = {0};
  tfm__tokens got = {0};
  size_t cut = 0;
  assert_int_equal(tfm__tokens_reserve(&want, MOST), TFM_OK);
  for (int round = 0; round < 150; ++round) {
    tfm__vocab v;
    tfm_err err = {0};
    void *model = NULL;
    tfm_span prefix = prefixes[round % 3];
    unsigned letters = 1 + (unsigned)(check_random(&seed) % 6);
    fill_vocab(&v, prefix, letters, &seed);
    const tfm__wordpiece_options o = {SPAN("[UNK]"), prefix, MOST};
    CHECK_OK(tfm__wordpiece_open(&model, &v, &o, &err), &err);
    for (int i = 0; i < 60; ++i) {
      char word[MOST];
      size_t n = 0;
      random_word(word, &n, i % 10 ? 12 : MOST, letters, &seed);
      bool whole = cut_by_definition(&v, prefix, (tfm_span){word, n}, &want);
      if (!whole) {
        want.n = 1;
        want.id[0] = want.begin[0] = 0;
        want.end[0] = (int32_t)n;
      }
      cut += whole && want.n > 1;
      run(model, (tfm_span){word, n}, &got);
      assert_int_equal(got.n, want.n);
      assert_memory_equal(got.id, want.id, want.n * sizeof *want.id);
      assert_memory_equal(got.begin, want.begin, want.n * sizeof *want.begin);
      assert_memory_equal(got.end, want.end, want.n * sizeof *want.end);
    }
    tfm__wordpiece.close(model);
    tfm__vocab_fini(&v);
  }
  assert_true(cut > 250); /* the random words do get cut into several tokens */
  tfm__tokens_fini(&want);
  tfm__tokens_fini(&got);
}

static void the_limit_counts_characters(void **state)
{
  (void)state;
  tfm_err err = {0};
  void *model = NULL;
  tfm__vocab v;
  tfm__tokens got = {0};
  tfm__vocab_init(&v);
  assert_int_equal(tfm__vocab_add(&v, SPAN("[UNK]"), 0), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN("\u00e9"), 1), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN("##\u00e9"), 2), TFM__ADDED);
  const tfm__wordpiece_options o = {SPAN("[UNK]"), SPAN("##"), 3};
  CHECK_OK(tfm__wordpiece_open(&model, &v, &o, &err), &err);
  run(model, SPAN("\u00e9\u00e9\u00e9"), &got); /* three characters, six bytes */
  assert_int_equal(got.n, 3);
  run(model, SPAN("\u00e9\u00e9\u00e9\u00e9"), &got);
  assert_int_equal(got.n, 1);
  assert_int_equal(got.id[0], 0);
  tfm__wordpiece.close(model);
  tfm__vocab_fini(&v);
  tfm__tokens_fini(&got);
}

/* The worst for greedy matching: at every place a token of 2,000 bytes almost fits. Trying each
 * place anew would look at n * 2,000 bytes. */
static double seconds_for(void *model, size_t n)
{
  tfm__tokens got = {0};
  double best = 1e9;
  char *word = tfm_calloc(n, 1);
  assert_non_null(word);
  memset(word, 'a', n);
  for (int i = 0; i < 5; ++i) {
    double start = tfm_cpu_s();
    run(model, (tfm_span){word, n}, &got);
    double took = tfm_cpu_s() - start;
    best = took < best ? took : best;
  }
  assert_int_equal(got.n, n);
  tfm_free(word);
  tfm__tokens_fini(&got);
  return best;
}

static void time_is_linear_in_hostile_words(void **state)
{
  (void)state;
  enum { LONG = 2000 };
  char room[LONG + 3] = "##";
  tfm_err err = {0};
  void *model = NULL;
  tfm__vocab v;
  memset(room + 2, 'a', LONG);
  room[LONG + 2] = 'b';
  tfm__vocab_init(&v);
  assert_int_equal(tfm__vocab_add(&v, SPAN("[UNK]"), 0), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN("a"), 1), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, SPAN("##a"), 2), TFM__ADDED);
  assert_int_equal(tfm__vocab_add(&v, (tfm_span){room, sizeof room}, 3), TFM__ADDED);
  const tfm__wordpiece_options o = {SPAN("[UNK]"), SPAN("##"), UINT64_MAX};
  CHECK_OK(tfm__wordpiece_open(&model, &v, &o, &err), &err);
  double small = seconds_for(model, 100000);
  double large = seconds_for(model, 800000);
  if (large > 40 * small + 0.02) { /* 8 is linear, 2,000 steps a byte would take seconds */
    fail_msg("%g s for 100 kB, %g s for 800 kB", small, large);
  }
  assert_true(large < 1.0);
  tfm__wordpiece.close(model);
  tfm__vocab_fini(&v);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(words_are_cut_as_defined),
                                     cmocka_unit_test(the_limit_counts_characters),
                                     cmocka_unit_test(time_is_linear_in_hostile_words)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
