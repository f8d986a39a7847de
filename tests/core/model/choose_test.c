#include "core/model/choose.h"

#include "core/base/mem.h"
#include "core/model/process.h"
#include "tests/core/model/support.h"

#include <math.h>
#include <string.h>

enum { V = 12 };

/* Picks of one whole sequence whose last token is marked. */
typedef struct {
  tfm_head_spec spec;
  tfm__chooser chooser;
  int32_t ids[8], cu_len[2], mark[2];
  uint32_t row;
  tfm_batch batch;
} fixture;

static void open_fixture(fixture *f, const tfm_choice *choice, int64_t top_k)
{
  static const int32_t ids[] = {3, 5, 3, 7, 3};
  tfm_err err = {.status = TFM_OK};
  *f = (fixture){.spec = {.lm = TFM_LM_NEXT, .choice = *choice, .top_k = top_k}};
  memcpy(f->ids, ids, sizeof ids);
  f->cu_len[1] = 5;
  f->mark[0] = 2;
  f->mark[1] = 4; /* three tokens were there, two were added */
  f->batch = (tfm_batch){.B = 1,
                         .T = 5,
                         .cu_len = f->cu_len,
                         .nmark = 2,
                         .marks = f->mark,
                         .ids = f->ids,
                         .row = &f->row};
  want_ok(tfm__chooser_open(&f->chooser, &f->spec, V, 1, 0, 8, &err), &err);
}

static int64_t pick_row(const fixture *f, const float *z)
{
  float scores[V];
  float result[2];
  memcpy(scores, z, sizeof scores);
  tfm__chooser_row(&f->chooser, &f->batch, 1, scores, 0, result);
  return (int64_t)result[0];
}

static int64_t pick(const tfm_choice *choice, const int32_t *ends, const float *z)
{
  fixture f;
  open_fixture(&f, choice, 0);
  f.spec.nonly = ends ? 1 : 0;
  f.spec.only[0] = ends ? *ends : 0;
  const int64_t id = pick_row(&f, z);
  assert_int_equal(pick_row(&f, z), id); /* nothing stays */
  tfm__chooser_fini(&f.chooser);
  return id;
}

/* The vectors published with Random123. */
static void philox_is_philox(void **state)
{
  (void)state;
  static const struct {
    uint32_t counter[4], key[2], want[4];
  } known[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    uint32_t got[4];
    tfm__philox(known[i].counter, known[i].key, got);
    assert_memory_equal(got, known[i].want, sizeof got);
  }
}

/* 3 is there three times and is punished once: 4 / 1.5 is below 3, 4 / 1.5^3 would be below 1.5. */
static void a_token_is_punished_once(void **state)
{
  (void)state;
  const tfm_choice choice = {.repetition_penalty = 1.5};
  const float z[V] = {[3] = 4.0f, [4] = 3.0f};
  const float close[V] = {[3] = 4.0f, [4] = 2.5f};
  const float negative[V] = {-9, -9, -9, -1, -1.2f, -9, -9, -9, -9, -9, -9, -9};
  assert_int_equal(pick(&choice, NULL, z), 4);
  assert_int_equal(pick(&choice, NULL, close), 3);
  assert_int_equal(pick(&choice, NULL, negative), 4);
}

/* The text is 3 5 3 7 3: after 3 came 5 and 7. */
static void runs_do_not_come_twice(void **state)
{
  (void)state;
  const tfm_choice two = {.no_repeat_ngram = 2};
  const tfm_choice three = {.no_repeat_ngram = 3};
  const tfm_choice one = {.no_repeat_ngram = 1};
  const float z[V] = {[5] = 3.0f, [7] = 2.0f, [3] = 1.0f};
  assert_int_equal(pick(&two, NULL, z), 3);
  assert_int_equal(pick(&three, NULL, z), 5);
  assert_int_equal(pick(&one, NULL, z), 0);
}

static void texts_end_late_enough(void **state)
{
  (void)state;
  const int32_t end = 9;
  const tfm_choice two = {.min_new = 2};
  const tfm_choice three = {.min_new = 3};
  const float z[V] = {[9] = 3.0f, [1] = 2.0f};
  assert_int_equal(pick(&two, &end, z), 9); /* two were added */
  assert_int_equal(pick(&three, &end, z), 1);
}

/* How often each token is drawn over many rows, against the probabilities that are left. */
static void check_shares(const tfm_choice *choice, int64_t top_k, const double *want)
{
  enum { ROWS = 40000 };
  static const float z[V] = {1.0f, 0.0f, 3.0f, -2.0f, 2.0f, 1.5f};
  int count[V] = {0};
  fixture f;
  open_fixture(&f, choice, top_k);
  for (uint32_t row = 0; row < ROWS; ++row) {
    f.row = row;
    count[pick_row(&f, z)] += 1;
  }
  tfm__chooser_fini(&f.chooser);
  for (int i = 0; i < V; ++i) {
    const double share = (double)count[i] / ROWS;
    assert_true(want[i] > 0 || count[i] == 0);
    assert_true(fabs(share - want[i]) < 5.0 * sqrt(want[i] / ROWS) + 1e-9);
  }
}

/* exp of {3, 2, 1.5} over their sum: 0.6284, 0.2312, 0.1402 ... */
static void draws_have_their_probabilities(void **state)
{
  (void)state;
  const double e[] = {exp(3.0), exp(2.0), exp(1.5)};
  const double all = e[0] + e[1] + e[2];
  const double three[V] = {[2] = e[0] / all, [4] = e[1] / all, [5] = e[2] / all};
  const double two[V] = {[2] = e[0] / (e[0] + e[1]), [4] = e[1] / (e[0] + e[1])};
  const double cold[V] = {[2] = 1.0};
  const tfm_choice plain = {.sample = true, .seed = 1};
  const tfm_choice nucleus = {.sample = true, .seed = 2, .top_p = 0.8};
  const tfm_choice likely = {.sample = true, .seed = 3, .min_p = 0.3};
  const tfm_choice frozen = {.sample = true, .seed = 4, .temperature = 0.01};
  check_shares(&plain, 3, three);
  check_shares(&nucleus, 3, two); /* 0.63 is not 0.8, with 0.23 it is more */
  check_shares(&likely, 0, two);  /* e^-1 is 0.37, e^-1.5 is 0.22 */
  check_shares(&frozen, 0, cold);
}

/* Of {0.63, 0.23, 0.14} surprises are 0.46, 1.46, 1.97 and 0.91 is expected: the first is the most
 * typical, then the second. */
static void the_typical_stay(void **state)
{
  (void)state;
  const double e[] = {exp(3.0), exp(2.0)};
  const double one[V] = {[2] = 1.0};
  const double two[V] = {[2] = e[0] / (e[0] + e[1]), [4] = e[1] / (e[0] + e[1])};
  const tfm_choice half = {.sample = true, .seed = 5, .typical_p = 0.5};
  const tfm_choice most = {.sample = true, .seed = 6, .typical_p = 0.8};
  const tfm_choice above = {.sample = true, .seed = 7, .epsilon_cutoff = 0.2};
  check_shares(&half, 3, one);
  check_shares(&most, 3, two);
  check_shares(&above, 3, two);
}

/* What is said of runs of ids; the text is 3 5 3 7 3, two of them added. */
static void runs_are_favoured_and_forbidden(void **state)
{
  (void)state;
  static const struct {
    tfm_said kind;
    int32_t n, ids[3];
    float bias;
    int64_t want;
  } cases[] = {{TFM_SAID_BIAS, 1, {1}, 1.5f, 1},       {TFM_SAID_BIAS, 2, {7, 1}, 1.5f, 5},
               {TFM_SAID_BIAS, 3, {7, 3, 1}, 1.5f, 1}, {TFM_SAID_BAD, 2, {3, 5}, 0.0f, 1},
               {TFM_SAID_BAD, 2, {7, 5}, 0.0f, 5},     {TFM_SAID_NEVER, 1, {5}, 0.0f, 1},
               {TFM_SAID_NOT_FIRST, 1, {5}, 0.0f, 5}};
  const float z[V] = {[5] = 3.0f, [1] = 2.0f};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    fixture f;
    open_fixture(&f, &(tfm_choice){.min_new = 1}, 0);
    f.spec.said[0] = (int32_t)cases[i].kind;
    f.spec.said[1] = cases[i].n;
    memcpy(f.spec.said + 2, cases[i].ids, (size_t)cases[i].n * sizeof(int32_t));
    memcpy(f.spec.said + 2 + cases[i].n, &cases[i].bias, sizeof(float));
    f.spec.nsaid = cases[i].n + 3;
    assert_int_equal(pick_row(&f, z), cases[i].want);
    tfm__chooser_fini(&f.chooser);
  }
}

static void what_is_said_wrongly_is_refused(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_head_spec spec = {.nsaid = 4, .said = {TFM_SAID_NEVER, 1, V, 0}};
  assert_int_equal(tfm__said_check(&spec, V, &err), TFM_E_CONFIG);
  spec.said[2] = V - 1;
  assert_int_equal(tfm__said_check(&spec, V, &err), TFM_OK);
  spec.said[1] = 2;
  assert_int_equal(tfm__said_check(&spec, V, &err), TFM_E_CONFIG);
}

/* Draws without replacement: each set of two, in order, has the probability of being drawn. */
static void beams_are_drawn_without_replacement(void **state)
{
  (void)state;
  enum { ROWS = 40000 };
  static const float z[V] = {[2] = 3.0f, [4] = 2.0f, [5] = 1.5f};
  const double e[] = {exp(3.0), exp(2.0), exp(1.5)};
  const double all = e[0] + e[1] + e[2];
  const double want = e[1] / all * e[0] / (all - e[1]); /* first 4, then 2 */
  int count = 0;
  fixture f;
  open_fixture(&f, &(tfm_choice){.sample = true, .seed = 9, .candidates = 2}, 3);
  for (uint32_t row = 0; row < ROWS; ++row) {
    float scores[V];
    float result[6];
    f.row = row;
    memcpy(scores, z, sizeof scores);
    tfm__chooser_row(&f.chooser, &f.batch, 1, scores, 0, result);
    assert_true(result[0] > result[1] || result[0] < result[1]);
    assert_true(result[4] >= result[5]);
    count += (int)result[0] == 4 && (int)result[1] == 2;
  }
  tfm__chooser_fini(&f.chooser);
  assert_true(fabs((double)count / ROWS - want) < 5.0 * sqrt(want / ROWS));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_is_philox),
      cmocka_unit_test(a_token_is_punished_once),
      cmocka_unit_test(runs_do_not_come_twice),
      cmocka_unit_test(texts_end_late_enough),
      cmocka_unit_test(draws_have_their_probabilities),
      cmocka_unit_test(the_typical_stay),
      cmocka_unit_test(runs_are_favoured_and_forbidden),
      cmocka_unit_test(what_is_said_wrongly_is_refused),
      cmocka_unit_test(beams_are_drawn_without_replacement),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
