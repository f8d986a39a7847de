/* Softmax, layer norm and gather: the kernels that work on rows. */
#include "core/kernels/activation.h"
#include "core/kernels/gather.h"
#include "core/kernels/layernorm.h"
#include "core/kernels/rope.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"
#include "tests/support/tolerance.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 1100 };

/* Against double precision; and the probabilities of a row sum to one. x - max is rounded to
 * float, so the relative error grows with the distance from the maximum. */
static void softmax_is_a_softmax(void **state)
{
  (void)state;
  noise r = {1};
  double worst = 0.0;
  for (int64_t n = 1; n <= LONGEST; n += n < 70 ? 1 : 103) {
    float x[LONGEST];
    float y[LONGEST];
    double want[LONGEST];
    noise_fill(&r, 30.0f, x, n);
    double top = -INFINITY;
    for (int64_t i = 0; i < n; ++i) {
      want[i] = (double)x[i];
      top = fmax(top, want[i]);
    }
    ref_softmax(want, n, want);
    tfm_softmax(x, n, y);
    double sum = 0.0;
    for (int64_t i = 0; i < n; ++i) {
      sum += (double)y[i];
      if (want[i] > 1e-30) {
        const double depth = 1.0 + fabs((double)x[i] - top);
        const double off = fabs((double)y[i] - want[i]) / want[i] / depth;
        worst = off > worst ? off : worst;
      }
    }
    assert_true(fabs(sum - 1.0) < 1e-6);
  }
  print_message("softmax worst %.2e, limit %.2e\n", worst, TOL_SOFTMAX);
  assert_true(worst <= TOL_SOFTMAX);
}

static void softmax_edges(void **state)
{
  (void)state;
  FOR_EACH_ISA(isa)
  {
    float y[20];
    const float one[] = {-3e38f};
    tfm_softmax(one, 1, y);
    assert_true(same_bits(y[0], 1.0f));
    float x[20];
    for (int i = 0; i < 20; ++i) {
      x[i] = 3e38f;
    }
    tfm_softmax(x, 20, y); /* the maximum goes first: nothing overflows */
    for (int i = 0; i < 20; ++i) {
      assert_true(fabsf(y[i] - 0.05f) < 1e-8f);
    }
    x[3] = -3e38f;
    tfm_softmax(x, 20, y);
    assert_true(same_bits(y[3], 0.0f));
    x[17] = NAN;
    tfm_softmax(x, 20, y); /* NaN anywhere must not vanish in the maximum */
    for (int i = 0; i < 20; ++i) {
      assert_true(isnan(y[i]));
    }
  }
}

/* In place and on every instruction set: the same bits, and nothing written past the row. */
static void softmax_bits(void **state)
{
  (void)state;
  uint64_t first = 0;
  FOR_EACH_ISA(isa)
  {
    noise r = {2};
    uint64_t hash = hash_begin;
    for (int64_t n = 1; n < 200; ++n) {
      float x[201];
      float y[201];
      noise_fill(&r, 12.0f, x, n);
      x[n] = y[n] = 5.0f;
      tfm_softmax(x, n, y);
      tfm_softmax(x, n, x);
      check_same_bits(x, y, n + 1, "in place, n %d", (int)n);
      assert_true(same_bits(y[n], 5.0f));
      hash = hash_floats(hash, y, n);
    }
    print_message("isa %s hash %016llx\n", tfm_isa_name(isa), (unsigned long long)hash);
    first = first ? first : hash;
    assert_true(hash == first);
    assert_true(hash == SOFTMAX_HASH);
  }
}

/* Rows with a mean far larger than their spread are the hard case of a variance. */
static void layernorm_is_a_layernorm(void **state)
{
  (void)state;
  static const int64_t width[] = {1, 2, 15, 16, 17, 31, 384, 768, 1000};
  noise r = {4};
  double worst = 0.0;
  for (size_t w = 0; w < sizeof width / sizeof width[0]; ++w) {
    const int64_t H = width[w];
    float x[LONGEST];
    float gain[LONGEST];
    float bias[LONGEST];
    float y[LONGEST];
    double want[LONGEST];
    noise_fill(&r, 3.0f, x, H);
    noise_fill(&r, 1.0f, gain, H);
    noise_fill(&r, 1.0f, bias, H);
    for (int64_t h = 0; h < H; ++h) {
      x[h] += 4.0f;
    }
    const tfm_norm norm = {gain, bias, 1e-12f};
    tfm_layernorm(x, H, 1, H, &norm, y, H, NULL);
    ref_layernorm(x, gain, bias, (double)norm.eps, H, want);
    double largest = 1e-3;
    double off = 0.0;
    for (int64_t h = 0; h < H; ++h) {
      const double z = fabs(want[h] - (double)bias[h]);
      const double d = fabs(want[h] - (double)y[h]);
      largest = z > largest ? z : largest;
      off = d > off ? d : off;
    }
    worst = off / largest > worst ? off / largest : worst;
  }
  print_message("layernorm worst %.2e, limit %.2e\n", worst, TOL_LAYERNORM);
  assert_true(worst <= TOL_LAYERNORM);
}

/* Strides, in place, threads, instruction sets: the row's bits depend on the row alone. */
static void layernorm_bits(void **state)
{
  (void)state;
  enum { R = 90, H = 333, LD = 340 };
  static float x[R * LD];
  static float y[R * LD];
  static float gain[H];
  static float bias[H];
  const tfm_norm norm = {gain, bias, 1e-5f};
  FOR_EACH_ISA(isa)
  {
    noise r = {5};
    noise_fill(&r, 3.0f, x, R * LD);
    noise_fill(&r, 1.0f, gain, H);
    noise_fill(&r, 1.0f, bias, H);
    memcpy(y, x, sizeof y);
    backwards_par par = backwards_par_of(3);
    tfm_layernorm(x, LD, R, H, &norm, y, LD, &par.par);
    for (int64_t i = 0; i < R; ++i) {
      float one[H];
      tfm_layernorm(x + i * LD, H, 1, H, &norm, one, H, NULL);
      check_same_bits(y + i * LD, one, H, "isa %s row %d", tfm_isa_name(isa), (int)i);
      check_same_bits(y + i * LD + H, x + i * LD + H, LD - H, "past row %d", (int)i);
    }
    tfm_layernorm(x, LD, R, H, &norm, x, LD, NULL);
    check_same_bits(x, y, R * LD, "in place");
    const uint64_t hash = hash_floats(hash_begin, y, R * LD);
    print_message("isa %s hash %016llx\n", tfm_isa_name(isa), (unsigned long long)hash);
    assert_true(hash == LAYERNORM_HASH);
  }
}

/* Against double precision, with strides and in place, on every instruction set. */
static void rmsnorm_is_an_rmsnorm(void **state)
{
  (void)state;
  static const int64_t width[] = {1, 2, 15, 16, 17, 31, 64, 384, 1000};
  enum { R = 7 }; /* more than are worked on at once, and some */
  noise r = {6};
  for (size_t w = 0; w < sizeof width / sizeof width[0]; ++w) {
    const int64_t H = width[w];
    float x[R * LONGEST];
    float gain[LONGEST];
    float first[LONGEST];
    const int64_t ld = H + 3;
    noise_fill(&r, 3.0f, x, R * ld);
    noise_fill(&r, 1.0f, gain, H);
    const tfm_norm norm = {.gain = gain, .eps = 1e-5f};
    FOR_EACH_ISA(isa)
    {
      float y[R * LONGEST];
      backwards_par par = backwards_par_of(2);
      memcpy(y, x, sizeof y);
      tfm_rmsnorm(y, ld, R, H, &norm, y, ld, &par.par);
      for (int64_t i = 1; i < R; ++i) {
        tfm_rmsnorm(x + i * ld, H, 1, H, &norm, first, H, NULL);
        check_same_bits(y + i * ld, first, H, "isa %s width %d", tfm_isa_name(isa), (int)H);
      }
      check_same_bits(y + H, x + H, 3, "past the row");
      double square = 0.0;
      for (int64_t h = 0; h < H; ++h) {
        square += (double)x[h] * (double)x[h];
      }
      const double scale = 1.0 / sqrt(square / (double)H + (double)norm.eps);
      for (int64_t h = 0; h < H; ++h) {
        const double want = (double)x[h] * scale * (double)gain[h];
        assert_true(fabs((double)y[h] - want) <= TOL_LAYERNORM * (1e-3 + fabs(want)));
      }
    }
  }
}

static void gather_copies_and_adds(void **state)
{
  (void)state;
  const float table[] = {1, 2, 3, 10, 20, 30, 100, 200, 300};
  const int32_t ids[] = {2, 0, 2};
  float y[] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7};
  tfm_gather(table, ids, 3, 3, 0, y, 4);
  const float copied[] = {100, 200, 300, 7, 1, 2, 3, 7, 100, 200, 300, 7};
  check_same_bits(y, copied, 12, "copy");
  const int32_t more[] = {1, 1, 0};
  tfm_gather(table, more, 3, 3, 1, y, 4);
  const float added[] = {110, 220, 330, 7, 11, 22, 33, 7, 101, 202, 303, 7};
  check_same_bits(y, added, 12, "add");
}

/* Against long double sine and cosine of the same float32 angle: half a last bit and a little. */
static void rope_tables_are_sines_and_cosines(void **state)
{
  (void)state;
  enum { PLACES = 9000 };
  static const float frequency[] = {1.0F, 0.7943282F, 0.01F, 1.0e-5F};
  static float table[PLACES * 8];
  tfm_rope_table(frequency, 0, PLACES, 4, table);
  for (int p = 0; p < PLACES; ++p) {
    for (int i = 0; i < 4; ++i) {
      const double angle = (double)((float)p * frequency[i]);
      assert_true(fabs((double)table[p * 8 + i] - cos(angle)) <= 6.1e-8);
      assert_true(fabs((double)table[p * 8 + 4 + i] - sin(angle)) <= 6.1e-8);
    }
  }
}

/* Every pair keeps its length and turns by its place's angle; values are left alone. */
static void rope_turns_queries_and_keys(void **state)
{
  (void)state;
  enum { N = 2, D = 6, LD = 3 * N * D + 1, T = 150 };
  static const float frequency[] = {1.0F, 0.25F, 0.03125F};
  static const int32_t cu_len[] = {0, 3, 3, 90, T};
  static float table[T * D];
  static float x[T * LD];
  static float y[T * LD];
  const tfm_heads heads = {.N = N, .D = D};
  const tfm_sequences seqs = {.cu_len = cu_len, .B = 4};
  noise r = {8};
  noise_fill(&r, 2.0f, x, T * LD);
  memcpy(y, x, sizeof x);
  tfm_rope_table(frequency, 0, T, D / 2, table);
  tfm_rope(&heads, table, y, LD, &seqs, NULL);
  for (int t = 0; t < T; ++t) {
    const int place = t < 3 ? t : t < 90 ? t - 3 : t - 90;
    for (int c = 0; c < LD; ++c) {
      const int head = c / D;
      const int i = c % D % 3;
      const double angle = (double)place * (double)frequency[i];
      double want = (double)x[t * LD + c];
      if (head < 2 * N) {
        const double a = (double)x[t * LD + head * D + i];
        const double b = (double)x[t * LD + head * D + 3 + i];
        want = c % D < 3 ? a * cos(angle) - b * sin(angle) : b * cos(angle) + a * sin(angle);
      }
      assert_true(fabs((double)y[t * LD + c] - want) <= (head < 2 * N ? 1e-6 : 0.0));
    }
  }
}

/* Five heads of queries share one of keys, half of each is turned, and sequences begin at places of
 * their own: the same angles as rows of one long sequence. */
static void rope_knows_groups_parts_and_starts(void **state)
{
  (void)state;
  enum { N = 5, G = 1, D = 8, LD = (N + 2 * G) * D, T = 40 };
  static const float frequency[] = {1.0F, 0.125F};
  static const int32_t whole[] = {0, T};
  static const int32_t parts[] = {0, 1, T - 7, T};
  static const int32_t starts[] = {0, 1, T - 7};
  static float table[T * 4];
  static float x[T * LD];
  static float y[T * LD];
  static float z[T * LD];
  const tfm_heads heads = {.N = N, .G = G, .D = D, .turned = 4};
  const tfm_sequences one = {.cu_len = whole, .B = 1};
  const tfm_sequences three = {.cu_len = parts, .B = 3, .start = starts};
  noise r = {9};
  noise_fill(&r, 2.0f, x, T * LD);
  memcpy(y, x, sizeof x);
  memcpy(z, x, sizeof x);
  tfm_rope_table(frequency, 0, T, 2, table);
  tfm_rope(&heads, table, y, LD, &one, NULL);
  tfm_rope(&heads, table, z, LD, &three, NULL);
  check_same_bits(z, y, T * LD, "sequences that begin later");
  for (int64_t i = 0; i < T * LD; ++i) {
    const int64_t d = i % D;
    const double angle = (double)(i / LD) * (double)frequency[d % 2];
    const double partner = (double)x[d < 2 ? i + 2 : i - (d < 4 ? 2 : 0)];
    const double sine = d < 2 ? -sin(angle) : sin(angle);
    const bool turns = d < 4 && i % LD < (N + G) * D;
    const double want = turns ? (double)x[i] * cos(angle) + partner * sine : (double)x[i];
    assert_true(fabs((double)y[i] - want) <= (turns ? 1e-6 : 0.0));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(softmax_is_a_softmax),
      cmocka_unit_test(softmax_edges),
      cmocka_unit_test(softmax_bits),
      cmocka_unit_test(layernorm_is_a_layernorm),
      cmocka_unit_test(layernorm_bits),
      cmocka_unit_test(rmsnorm_is_an_rmsnorm),
      cmocka_unit_test(gather_copies_and_adds),
      cmocka_unit_test(rope_tables_are_sines_and_cosines),
      cmocka_unit_test(rope_turns_queries_and_keys),
      cmocka_unit_test(rope_knows_groups_parts_and_starts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
