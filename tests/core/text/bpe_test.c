/* Merging: three ways to one answer, and never quadratic. The options of the model are held to the
 * library by the golden rows. */
#include "core/base/clock.h"
#include "core/text/algo/bpe_merge.h"
#include "tests/core/text/support.h"

enum { MOST = 300, IDS = 40 };

/* The definition: merge the neighbours of the lowest rank, the leftmost first, one at a time. */
static size_t merge_by_definition(const uint32_t rank[IDS][IDS], const int32_t made[IDS][IDS],
                                  tfm__part *v, size_t n)
{
  for (;;) {
    size_t at = n;
    for (size_t i = 0; i + 1 < n; ++i) {
      uint32_t r = rank[v[i].id][v[i + 1].id];
      if (r && (at == n || r < rank[v[at].id][v[at + 1].id])) {
        at = i;
      }
    }
    if (at == n) {
      return n;
    }
    v[at].bytes += v[at + 1].bytes;
    v[at].id = made[v[at].id][v[at + 1].id];
    memmove(v + at + 1, v + at + 2, (n - at - 2) * sizeof *v);
    --n;
  }
}

/* Tokens 0, 1, 2 are letters; each merge makes a longer one, so that lengths only grow. With
 * `ordered` every merge makes a new token, else any of the right length. */
static uint32_t random_table(tfm__merges *m, uint32_t rank[IDS][IDS], int32_t made[IDS][IDS],
                             bool ordered, uint64_t *seed)
{
  uint32_t length[IDS] = {1, 1, 1};
  int32_t n = 3;
  uint32_t ranks = 0;
  memset(rank, 0, sizeof(uint32_t) * IDS * IDS);
  while (n < IDS) {
    int32_t a = (int32_t)(check_random(seed) % (uint64_t)n);
    int32_t b = (int32_t)(check_random(seed) % (uint64_t)n);
    int32_t c = n;
    for (int32_t i = 3; !ordered && i < n; ++i) {
      c = length[i] == length[a] + length[b] ? i : c;
    }
    length[c] = length[a] + length[b];
    n += c == n;
    assert_int_equal(tfm__merges_add(m, a, b, c), TFM_OK);
    rank[a][b] = ++ranks;
    made[a][b] = c;
  }
  assert_int_equal(tfm__merges_ready(m, IDS), TFM_OK);
  return ranks;
}

static void check_words(const tfm__merges *m, const uint32_t rank[IDS][IDS],
                        const int32_t made[IDS][IDS], uint64_t *seed)
{
  static tfm__part start[MOST];
  static tfm__part want[MOST];
  static tfm__part got[MOST];
  tfm__merge_work w = {0};
  for (int i = 0; i < 40; ++i) {
    size_t n = 1 + check_random(seed) % (i % 2 ? MOST : 20);
    unsigned letters = 1 + (unsigned)(check_random(seed) % 3);
    for (size_t k = 0; k < n; ++k) {
      start[k] = (tfm__part){(int32_t)(check_random(seed) % letters), 1};
    }
    memcpy(want, start, n * sizeof *want);
    size_t nwant = merge_by_definition(rank, made, want, n);
    for (int way = 0; way < 3; ++way) { /* as it is; without order; by heap however short */
      tfm__merges other = *m;
      other.ordered &= way == 0;
      other.shrinking |= way == 2;
      size_t ngot = n;
      memcpy(got, start, n * sizeof *got);
      assert_int_equal(tfm__merge(&other, &w, got, &ngot), TFM_OK);
      assert_int_equal(ngot, nwant);
      assert_memory_equal(got, want, nwant * sizeof *want);
    }
  }
  tfm__merge_work_fini(&w);
}

static void all_ways_merge_as_defined(void **state)
{
  (void)state;
  static uint32_t rank[IDS][IDS];
  static int32_t made[IDS][IDS];
  uint64_t seed = 3;
  int in_order = 0;
  for (int round = 0; round < 120; ++round) {
    tfm__merges m = {0};
    random_table(&m, rank, made, round % 2, &seed);
    in_order += m.ordered;
    check_words(&m, (const uint32_t(*)[IDS])rank, (const int32_t(*)[IDS])made, &seed);
    tfm__merges_fini(&m);
  }
  assert_in_range(in_order, 60, 119); /* both kinds of tables were there */
}

/* A letter that doubles up to 2^12 of it, over words of one run: each merge changes its
 * neighbours', and a scan for the lowest rank would be quadratic. */
static double seconds_for(const tfm__merges *m, size_t n)
{
  tfm__merge_work w = {0};
  double best = 1e9;
  tfm__part *part = tfm_calloc(n, sizeof *part);
  for (int i = 0; i < 3; ++i) {
    size_t count = n;
    for (size_t k = 0; k < n; ++k) {
      part[k] = (tfm__part){0, 1};
    }
    double start = tfm_cpu_s();
    assert_int_equal(tfm__merge(m, &w, part, &count), TFM_OK);
    double took = tfm_cpu_s() - start;
    best = took < best ? took : best;
    assert_true(count <= n / 4096 + 12);
  }
  tfm_free(part);
  tfm__merge_work_fini(&w);
  return best;
}

static void time_is_linear_in_one_letter(void **state)
{
  (void)state;
  for (int way = 0; way < 2; ++way) {
    tfm__merges m = {0};
    for (int32_t i = 0; i < 12; ++i) {
      assert_int_equal(tfm__merges_add(&m, i, i, i + 1), TFM_OK);
    }
    assert_int_equal(tfm__merges_ready(&m, 12), TFM_OK);
    assert_true(m.ordered);
    m.ordered = way == 0;
    double small = seconds_for(&m, 20000);
    double large = seconds_for(&m, 320000);
    if (large > 80 * small + 0.02) { /* 16 is linear, 256 quadratic */
      fail_msg("way %d: %g s for 20,000 symbols, %g s for 320,000", way, small, large);
    }
    tfm__merges_fini(&m);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_ways_merge_as_defined),
                                     cmocka_unit_test(time_is_linear_in_one_letter)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
