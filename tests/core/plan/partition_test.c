#include "core/plan/plan.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

enum { MAX_N = 12 };

static uint64_t random_state = 1;

/* What the contract says, tried over every way to cut. Costs are small integers here, so that
 * sums and squares are exact. */
typedef struct {
  const double *cost;
  int n, k;
  int ends[MAX_N], best_ends[MAX_N];
  int64_t best_largest, best_squares;
  bool found;
} brute;

static void judge(brute *b)
{
  int64_t largest = 0;
  int64_t squares = 0;
  int at = 0;
  for (int part = 0; part < b->k; ++part) {
    int64_t sum = 0;
    for (; at < b->ends[part]; ++at) {
      sum += (int64_t)b->cost[at];
    }
    largest = sum > largest ? sum : largest;
    squares += sum * sum;
  }
  /* Cuts are tried in lexicographic order, so "not better" keeps the earliest. */
  bool better = !b->found || largest < b->best_largest ||
                (largest == b->best_largest && squares < b->best_squares);
  if (better) {
    b->found = true;
    b->best_largest = largest;
    b->best_squares = squares;
    memcpy(b->best_ends, b->ends, sizeof b->ends);
  }
}

static void try_cuts(brute *b, int part, int at)
{
  if (part == b->k - 1) {
    b->ends[part] = b->n;
    judge(b);
    return;
  }
  for (int end = at + 1; end <= b->n - (b->k - 1 - part); ++end) {
    b->ends[part] = end;
    try_cuts(b, part + 1, end);
  }
}

static void check_against_brute(const double *cost, int n, int k)
{
  brute b = {.cost = cost, .n = n, .k = k};
  tfm_range cuts[MAX_N];
  tfm_err err = {0};
  try_cuts(&b, 0, 0);
  CHECK_OK(tfm_partition(cost, n, k, cuts, &err), &err);
  for (int part = 0; part < k; ++part) {
    if (cuts[part].first != (part ? b.best_ends[part - 1] : 0) ||
        cuts[part].last != b.best_ends[part]) {
      for (int i = 0; i < n; ++i) {
        printf("%g ", cost[i]);
      }
      fail_msg("n=%d k=%d part %d: got [%d,%d), every way tried gives end %d", n, k, part,
               (int)cuts[part].first, (int)cuts[part].last, b.best_ends[part]);
    }
  }
}

/* Four kinds of costs, so that each rule decides often: few small values (ties), squares (the
 * largest sum and the sum of squares disagree), nearly equal large ones (all digits of a square
 * matter), and a heavy head (the limit binds nothing else). */
static double random_cost(int kind, double base, bool last)
{
  double small = (double)(check_random(&random_state) % 5);
  switch (kind) {
  case 0:
    return small;
  case 1:
    return (double)(check_random(&random_state) % 10) * small;
  case 2:
    return base + small;
  default:
    return small + (last ? 60 : 0);
  }
}

/* Every cut of small cases is judged by the words of the contract (largest sum, then squares,
 * then earliest): equality over many random cases proves the limit, the choice among equals and
 * the monotony that speeds it up. */
static void partition_equals_every_way_tried(void **state)
{
  (void)state;
  for (int round = 0; round < 20000; ++round) {
    double cost[MAX_N];
    int n = 1 + (int)(check_random(&random_state) % MAX_N);
    int k = 1 + (int)(check_random(&random_state) % (uint64_t)n);
    double base = 67108864 + (double)(check_random(&random_state) % 1048576);
    for (int i = 0; i < n; ++i) {
      cost[i] = random_cost(round % 4, base, i == n - 1);
    }
    check_against_brute(cost, n, k);
  }
}

/* Found by search: a smaller sum of squares lies where a part in the middle is above the limit
 * although the parts before and behind it could be cut there. Random cases meet that once in
 * ten thousand. */
static void a_part_in_the_middle_obeys_the_limit_too(void **state)
{
  (void)state;
  check_against_brute((double[]){20, 24, 63, 2, 63, 0, 36, 9}, 8, 6);
  check_against_brute((double[]){20, 1, 2, 30, 1, 30, 20, 2}, 8, 6);
  check_against_brute((double[]){3, 21, 30, 1, 30, 20, 2, 3}, 8, 6);
  check_against_brute((double[]){1, 1, 1, 21, 30, 1, 30, 3, 21}, 9, 6);
}

/* A tenth is not exact in binary, and sums of tenths depend on where they start: twelve equal
 * layers must be cut as twelve ones are. */
static void equal_costs_tie_whatever_their_unit(void **state)
{
  (void)state;
  static const double units[] = {1, 0.1, 1e-300, 3e11, 1.0 / 3, 1e290};
  for (size_t u = 0; u < COUNT_OF(units); ++u) {
    double cost[12];
    tfm_range cuts[12];
    for (int i = 0; i < 12; ++i) {
      cost[i] = units[u];
    }
    for (int k = 1; k <= 12; ++k) {
      tfm_err err = {0};
      int64_t at = 0;
      int shorter =
          12 % k ? k - 12 % k : 0; /* parts of 12 / k; they come first: earliest cuts */
      CHECK_OK(tfm_partition(cost, 12, k, cuts, &err), &err);
      for (int part = 0; part < k; ++part) {
        assert_int_equal(cuts[part].first, at);
        at += 12 / k + (12 % k && part >= shorter);
        assert_int_equal(cuts[part].last, at);
      }
    }
  }
}

/* Twelve layers of attention 1 and ffn 2 on eight stages: whole layers reach 75 %, halves 90 %
 * (DESIGN D5). 36 / 8 / 5 is 0.9. */
static void half_layers_balance_twelve_layers_on_eight(void **state)
{
  (void)state;
  double cost[24];
  tfm_range cuts[8];
  tfm_err err = {0};
  for (int i = 0; i < 24; ++i) {
    cost[i] = i % 2 ? 2 : 1;
  }
  CHECK_OK(tfm_partition(cost, 24, 8, cuts, &err), &err);
  int64_t largest = 0;
  for (int s = 0; s < 8; ++s) {
    int64_t sum = 0;
    for (int64_t i = cuts[s].first; i < cuts[s].last; ++i) {
      sum += (int64_t)cost[i];
    }
    largest = sum > largest ? sum : largest;
  }
  assert_int_equal(largest, 5);
}

/* The largest model we take on many ranks, in its two hard shapes: near-even costs (narrow
 * choice) and one unit that outweighs all (nothing narrows the choice). The plain program over
 * n^2 k would need minutes: a generous limit tells the two apart on a slow machine too. */
static void large_models_do_not_take_seconds(void **state)
{
  (void)state;
  enum { N = 8192, K = 300 };
  double *cost = tfm_calloc(N, sizeof *cost);
  tfm_range *cuts = tfm_calloc(K, sizeof *cuts);
  assert_non_null(cost);
  assert_non_null(cuts);
  for (int heavy = 0; heavy < 2; ++heavy) {
    tfm_err err = {0};
    for (int i = 0; i < N; ++i) {
      cost[i] = 1e9 + (double)(check_random(&random_state) % 1000000000);
    }
    cost[N - 1] += heavy ? 1e14 : 0;
    double start = tfm_cpu_s();
    CHECK_OK(tfm_partition(cost, N, K, cuts, &err), &err);
    double used = tfm_cpu_s() - start;
    print_message("n=%d k=%d heavy=%d: %.3f s\n", N, K, heavy, used);
    assert_true(used < 10);
    int64_t at = 0;
    for (int part = 0; part < K; ++part) {
      assert_int_equal(cuts[part].first, at);
      assert_true(cuts[part].last > at);
      at = cuts[part].last;
    }
    assert_int_equal(at, N);
  }
  tfm_free(cost);
  tfm_free(cuts);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(partition_equals_every_way_tried),
      cmocka_unit_test(a_part_in_the_middle_obeys_the_limit_too),
      cmocka_unit_test(equal_costs_tie_whatever_their_unit),
      cmocka_unit_test(half_layers_balance_twelve_layers_on_eight),
      cmocka_unit_test(large_models_do_not_take_seconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
