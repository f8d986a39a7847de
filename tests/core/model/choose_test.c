#include "core/model/choose.h"

#include "core/base/mem.h"
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

static int64_t pick(const tfm_choice *choice, const int32_t *ends, const float *z)
{
  fixture f;
  open_fixture(&f, choice, 0);
  f.spec.nonly = ends ? 1 : 0;
  f.spec.only[0] = ends ? *ends : 0;
  const int64_t id = tfm__chooser_pick(&f.chooser, &f.batch, 1, z, 0);
  assert_int_equal(tfm__chooser_pick(&f.chooser, &f.batch, 1, z, 0), id); /* nothing stays */
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
    count[tfm__chooser_pick(&f.chooser, &f.batch, 1, z, 0)] += 1;
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

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_is_philox),
      cmocka_unit_test(a_token_is_punished_once),
      cmocka_unit_test(runs_do_not_come_twice),
      cmocka_unit_test(texts_end_late_enough),
      cmocka_unit_test(draws_have_their_probabilities),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
