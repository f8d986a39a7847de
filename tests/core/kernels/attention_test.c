#include "core/kernels/attention.h"

#include "core/base/mem.h"
#include "core/kernels/activation.h"
#include "core/kernels/linear.h"
#include "tests/core/kernels/kernels_test.h"
#include "tests/support/ref/ref.h"
#include "tests/support/tolerance.h"

#include <math.h>
#include <stdio.h>

/* Packed sequences with their qkv rows. */
typedef struct {
  tfm_heads heads;
  int64_t B;
  int32_t cu_len[16];
  int64_t T;
  int64_t ldqkv;
  float *qkv;
  float *out;
} batch;

static void *want_memory(size_t count, size_t bytes)
{
  void *p = tfm_alloc_aligned(count, bytes);
  assert_non_null(p);
  return p;
}

static batch batch_open(int64_t N, int64_t D, const int *len, int64_t B, uint64_t seed)
{
  noise r = {seed};
  batch b = {.heads = {.N = N, .D = D, .scale = (float)(1.0 / sqrt((double)D))}, .B = B};
  for (int64_t i = 0; i < B; ++i) {
    b.cu_len[i + 1] = b.cu_len[i] + len[i];
  }
  b.T = b.cu_len[B];
  b.ldqkv = 3 * N * D + 5;
  b.qkv = want_memory((size_t)(b.T * b.ldqkv), sizeof(float));
  b.out = want_memory((size_t)(b.T * N * D), sizeof(float));
  noise_fill(&r, 2.0f, b.qkv, b.T * b.ldqkv);
  return b;
}

static void batch_close(batch *b)
{
  tfm_free(b->qkv);
  tfm_free(b->out);
}

static int64_t longest(const batch *b)
{
  int64_t max = 0;
  for (int64_t i = 0; i < b->B; ++i) {
    const int64_t len = b->cu_len[i + 1] - b->cu_len[i];
    max = len > max ? len : max;
  }
  return max;
}

/* Every term a score can have, at random; release with terms_close(). */
typedef struct {
  tfm_attention_terms terms;
  int64_t R, span;
  float *bias, *key_rows, *query_rows; /* rows [R, N*D], as they were before packing */
  float *packed_keys, *packed_queries;
  int32_t *place;
} term_tables;

static term_tables terms_open(const batch *b, int64_t reach, uint64_t seed)
{
  noise r = {seed};
  const int64_t H = b->heads.N * b->heads.D;
  const int64_t entries = 2 * reach - 1;
  term_tables t = {.R = 41, .span = 20};
  t.bias = want_memory((size_t)(b->heads.N * entries), sizeof(float));
  t.key_rows = want_memory((size_t)(t.R * H), sizeof(float));
  t.query_rows = want_memory((size_t)(t.R * H), sizeof(float));
  t.place = want_memory((size_t)entries, sizeof *t.place);
  noise_fill(&r, 1.0f, t.bias, b->heads.N * entries);
  noise_fill(&r, 1.0f, t.key_rows, t.R * H);
  noise_fill(&r, 1.0f, t.query_rows, t.R * H);
  for (int64_t i = 0; i < entries; ++i) {
    const int64_t distance = (i - (reach - 1)) / 3;
    t.place[i] = (int32_t)(t.span + (distance < -20 ? -20 : distance > 20 ? 20 : distance));
  }
  const size_t floats = tfm_attention_pack_floats(&b->heads, t.R);
  t.packed_keys = want_memory(floats, sizeof(float));
  t.packed_queries = want_memory(floats, sizeof(float));
  tfm_attention_pack(&b->heads, t.key_rows, t.R, t.packed_keys);
  tfm_attention_pack(&b->heads, t.query_rows, t.R, t.packed_queries);
  t.terms = (tfm_attention_terms){.reach = reach};
  return t;
}

static void terms_close(term_tables *t)
{
  tfm_free(t->bias);
  tfm_free(t->key_rows);
  tfm_free(t->query_rows);
  tfm_free(t->packed_keys);
  tfm_free(t->packed_queries);
  tfm_free(t->place);
}

/* The terms of mask: 1 a window, 2 a bias, 4 keys' and 8 queries' positions. */
static void choose_terms(term_tables *t, int mask, int64_t before, int64_t after)
{
  t->terms = (tfm_attention_terms){.reach = t->terms.reach};
  t->terms.windowed = (mask & 1) != 0;
  t->terms.before = before;
  t->terms.after = after;
  t->terms.bias = mask & 2 ? t->bias : NULL;
  t->terms.place = mask & 12 ? t->place : NULL;
  t->terms.key_rows = mask & 4 ? t->packed_keys : NULL;
  t->terms.query_rows = mask & 8 ? t->packed_queries : NULL;
  t->terms.R = t->R;
}

static float chain(const float *a, const float *b, int64_t D)
{
  float sum = 0.0f;
  for (int64_t d = 0; d < D; ++d) {
    sum = fmaf(a[d], b[d], sum);
  }
  return sum;
}

static float scaled(const batch *b, float s)
{
  s *= b->heads.scale;
  if (b->heads.cap > 0.0f) {
    tfm_softcap(b->heads.cap, &s, 1);
  }
  return s;
}

/* A score of query i and key j by the header's words. */
static float score_by_definition(const batch *b, const term_tables *t, int64_t head,
                                 const float *q, const float *k, int64_t distance)
{
  const int64_t D = b->heads.D;
  float s = chain(q, k, D);
  if (!t) {
    return scaled(b, s);
  }
  const int64_t at = t->terms.reach - 1 + distance;
  const int64_t row = t->place[at] * b->heads.N * D + head * D;
  s += t->terms.bias ? t->bias[head * (2 * t->terms.reach - 1) + at] : 0.0f;
  s += t->terms.key_rows ? chain(q, t->key_rows + row, D) : 0.0f;
  s += t->terms.query_rows ? chain(k, t->query_rows + row, D) : 0.0f;
  const bool hidden = distance > t->terms.before || -distance > t->terms.after;
  return t->terms.windowed && hidden ? -INFINITY : scaled(b, s);
}

/* Scratch is exactly what is asked for, so that the sanitizers see a step beyond it. */
static void attend(const batch *b, tfm_par *par)
{
  const size_t bytes = tfm_attention_scratch_bytes(&b->heads, longest(b));
  void *scratch = want_memory(bytes * (size_t)tfm_par_threads(par), 1);
  const tfm_sequences seqs = {.cu_len = b->cu_len, .B = b->B};
  tfm_attention(&b->heads, b->qkv, b->ldqkv, &seqs, b->out, b->heads.N * b->heads.D, scratch,
                par);
  tfm_free(scratch);
}

/* The header's numerics written down with the plain layer and softmax: scores are rows of
 * `ref`'s chain, the product with V is a linear layer whose weight is V transposed. Needs D <=
 * 192. */
static void attend_by_definition(const batch *b, const term_tables *t, int64_t seq,
                                 int64_t head, float *out)
{
  const int64_t D = b->heads.D;
  const int64_t first = b->cu_len[seq];
  const int64_t len = b->cu_len[seq + 1] - first;
  const float *q = b->qkv + first * b->ldqkv + head * D;
  const float *k = q + b->heads.N * D;
  const float *v = k + b->heads.N * D;
  float *p = want_memory((size_t)(len * len), sizeof(float));
  float *vt = want_memory((size_t)(len * D), sizeof(float));
  for (int64_t i = 0; i < len; ++i) {
    for (int64_t j = 0; j < len; ++j) {
      p[i * len + j] =
          score_by_definition(b, t, head, q + i * b->ldqkv, k + j * b->ldqkv, i - j);
    }
    tfm_softmax(p + i * len, len, p + i * len);
    for (int64_t d = 0; d < D; ++d) {
      vt[d * len + i] = v[i * b->ldqkv + d];
    }
  }
  tfm_err err = {0};
  tfm_linear *lin = NULL;
  const tfm_epilogue none = {TFM_ACT_NONE, NULL, 0};
  assert_int_equal(tfm_linear_open(&lin, TFM_BACKEND_REF, TFM_FLOAT32, vt, NULL, D, len, &err),
                   TFM_OK);
  tfm_linear_run(lin, p, len, len, out, D, &none, NULL);
  tfm_linear_close(lin);
  tfm_free(p);
  tfm_free(vt);
}

static const struct {
  int64_t N, D, B;
  int len[8];
} cases[] = {
    {2, 8, 8, {1, 2, 3, 13, 14, 15, 16, 17}},
    {1, 32, 6, {31, 32, 33, 6, 1, 47}},
    {3, 64, 4, {64, 65, 5, 128}},
    {2, 16, 3, {191, 192, 193}},
    {1, 20, 3, {50, 400, 7}},
    {1, 100, 2, {30, 513}},
    {5, 4, 2, {9, 12}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void equals_its_definition(void **state)
{
  (void)state;
  for (int c = 0; c < CASES; ++c) {
    batch b = batch_open(cases[c].N, cases[c].D, cases[c].len, cases[c].B, (uint64_t)c);
    const int64_t D = b.heads.D;
    float *want = want_memory((size_t)(longest(&b) * D), sizeof(float));
    FOR_EACH_ISA(isa)
    {
      attend(&b, NULL);
      for (int64_t unit = 0; unit < b.B * b.heads.N; ++unit) {
        const int64_t seq = unit / b.heads.N;
        const int64_t head = unit % b.heads.N;
        attend_by_definition(&b, NULL, seq, head, want);
        for (int64_t i = 0; i < cases[c].len[seq]; ++i) {
          check_same_bits(b.out + (b.cu_len[seq] + i) * b.heads.N * D + head * D, want + i * D,
                          D, "isa %s case %d seq %d head %d row %d", tfm_isa_name(isa), c,
                          (int)seq, (int)head, (int)i);
        }
      }
    }
    tfm_free(want);
    batch_close(&b);
  }
}

static void check_terms(batch *b, const term_tables *t, float *want, const char *what)
{
  const int64_t D = b->heads.D;
  b->heads.terms = &t->terms;
  backwards_par par = backwards_par_of(3);
  FOR_EACH_ISA(isa)
  {
    attend(b, &par.par);
    for (int64_t unit = 0; unit < b->B * b->heads.N; ++unit) {
      const int64_t seq = unit / b->heads.N;
      const int64_t head = unit % b->heads.N;
      attend_by_definition(b, t, seq, head, want);
      for (int64_t i = 0; i < b->cu_len[seq + 1] - b->cu_len[seq]; ++i) {
        check_same_bits(b->out + (b->cu_len[seq] + i) * b->heads.N * D + head * D, want + i * D,
                        D, "isa %s %s seq %d head %d row %d", tfm_isa_name(isa), what, (int)seq,
                        (int)head, (int)i);
      }
    }
  }
}

/* Windows, biases and positions, alone and together: narrow and wide windows, one-sided ones (a
 * causal mask), sequences over several K blocks. */
static void terms_equal_their_definition(void **state)
{
  (void)state;
  static const int len[] = {1, 17, 33, 210, 450, 5};
  static const int64_t windows[][2] = {{0, 0}, {8, 8}, {500, 0}, {40, 3}, {0, 20}};
  batch b = batch_open(2, 20, len, 6, 13);
  term_tables t = terms_open(&b, 460, 14);
  float *want = want_memory((size_t)(longest(&b) * b.heads.D), sizeof(float));
  for (int mask = 1; mask < 16; ++mask) {
    char what[64];
    const int64_t *window = windows[mask % 5];
    (void)snprintf(what, sizeof what, "terms %d window %d,%d", mask, (int)window[0],
                   (int)window[1]);
    choose_terms(&t, mask, window[0], window[1]);
    check_terms(&b, &t, want, what);
  }
  tfm_free(want);
  terms_close(&t);
  batch_close(&b);
}

/* A cap comes after bias and scale, and before what a query does not see. */
static void caps_equal_their_definition(void **state)
{
  (void)state;
  static const int len[] = {1, 17, 33, 210, 5};
  batch b = batch_open(2, 20, len, 5, 13);
  term_tables t = terms_open(&b, 460, 14);
  float *want = want_memory((size_t)(longest(&b) * b.heads.D), sizeof(float));
  b.heads.cap = 1.5f;
  for (int mask = 0; mask < 4; ++mask) {
    char what[64];
    (void)snprintf(what, sizeof what, "a cap, terms %d", mask);
    choose_terms(&t, mask, 8, 3);
    check_terms(&b, &t, want, what);
  }
  tfm_free(want);
  terms_close(&t);
  batch_close(&b);
}

/* Against double precision, through the same entry: errors in proportion to the largest value.
 */
static void is_attention(void **state)
{
  (void)state;
  double worst = 0.0;
  for (int c = 0; c < CASES; ++c) {
    batch b = batch_open(cases[c].N, cases[c].D, cases[c].len, cases[c].B, 50 + (uint64_t)c);
    const int64_t D = b.heads.D;
    double *want = want_memory((size_t)(longest(&b) * D), sizeof(double));
    attend(&b, NULL);
    for (int64_t unit = 0; unit < b.B * b.heads.N; ++unit) {
      const int64_t seq = unit / b.heads.N;
      const int64_t head = unit % b.heads.N;
      const float *q = b.qkv + b.cu_len[seq] * b.ldqkv + head * D;
      ref_attention(q, q + b.heads.N * D, q + 2 * b.heads.N * D, b.ldqkv, cases[c].len[seq], D,
                    (double)b.heads.scale, want);
      for (int64_t i = 0; i < cases[c].len[seq] * D; ++i) {
        const float got = b.out[(b.cu_len[seq] + i / D) * b.heads.N * D + head * D + i % D];
        const double off = fabs((double)got - want[i]) / 2.0; /* values are below 2 */
        worst = off > worst ? off : worst;
      }
    }
    tfm_free(want);
    batch_close(&b);
  }
  print_message("attention worst %.2e, limit %.2e\n", worst, TOL_ATTENTION);
  assert_true(worst <= TOL_ATTENTION);
}

/* A sequence alone, among others, at another place, cut for more threads: always the same bits.
 */
static void neighbours_change_nothing(void **state)
{
  (void)state;
  static const int len[] = {70, 33, 1, 250, 12};
  batch b = batch_open(3, 24, len, 5, 77);
  const int64_t H = b.heads.N * b.heads.D;
  float *alone = want_memory((size_t)(250 * H), sizeof(float));
  for (int nthread = 1; nthread <= 5; nthread += 2) {
    backwards_par par = backwards_par_of(nthread);
    attend(&b, &par.par);
    for (int i = 0; i < 5; ++i) {
      batch one = b;
      one.qkv = b.qkv + b.cu_len[i] * b.ldqkv;
      one.B = 1;
      one.cu_len[0] = 0;
      one.cu_len[1] = len[i];
      one.out = alone;
      attend(&one, NULL);
      check_same_bits(b.out + b.cu_len[i] * H, alone, len[i] * H, "sequence %d, %d threads", i,
                      nthread);
    }
  }
  tfm_free(alone);
  batch_close(&b);
}

/* Heads of queries that share keys and values see what they would see with copies of their own. */
static void groups_equal_copies(void **state)
{
  (void)state;
  enum { N = 6, G = 2, D = 20 };
  static const int len[] = {1, 200, 45};
  batch wide = batch_open(N, D, len, 3, 31);
  batch b = wide;
  b.heads.G = G;
  b.ldqkv = (N + 2 * G) * D + 3;
  b.qkv = want_memory((size_t)(b.T * b.ldqkv), sizeof(float));
  b.out = want_memory((size_t)(b.T * N * D), sizeof(float));
  noise r = {32};
  noise_fill(&r, 2.0f, b.qkv, b.T * b.ldqkv);
  for (int64_t i = 0; i < b.T * 3 * N; ++i) {
    const int64_t part = i % (3 * N) / N;
    const int64_t head = i % N;
    const int64_t from = part == 0 ? head : N + (part - 1) * G + head / (N / G);
    memcpy(wide.qkv + i / (3 * N) * wide.ldqkv + i % (3 * N) * D,
           b.qkv + i / (3 * N) * b.ldqkv + from * D, D * sizeof(float));
  }
  const tfm_attention_terms causal = {
      .windowed = true, .before = INT32_MAX, .after = 0, .reach = 200};
  for (int t = 0; t < 2; ++t) {
    b.heads.terms = wide.heads.terms = t ? &causal : NULL;
    backwards_par par = backwards_par_of(3);
    attend(&b, &par.par);
    attend(&wide, NULL);
    check_same_bits(b.out, wide.out, b.T * N * D, "terms %d", t);
  }
  batch_close(&b);
  batch_close(&wide);
}

/* Longer than one task may take: the unit is cut into runs of query rows. */
static void long_sequences_are_cut_without_a_trace(void **state)
{
  (void)state;
  static const int len[] = {2000};
  batch b = batch_open(1, 32, len, 1, 5);
  uint64_t hash = 0;
  FOR_EACH_ISA(isa)
  {
    backwards_par par = backwards_par_of(2);
    attend(&b, &par.par);
    const uint64_t got = hash_floats(hash_begin, b.out, b.T * 32);
    hash = hash ? hash : got;
    assert_true(got == hash);
  }
  /* The first 40 queries of the definition, from the oracle's side. */
  double want[2000 * 32];
  ref_attention(b.qkv, b.qkv + 32, b.qkv + 64, b.ldqkv, 2000, 32, (double)b.heads.scale, want);
  for (int64_t i = 0; i < 2000 * 32; ++i) {
    assert_true(fabs((double)b.out[i] - want[i]) / 2.0 <= TOL_ATTENTION);
  }
  batch_close(&b);
}

static void bits_are_those_of_contract_v1(void **state)
{
  (void)state;
  static const int len[] = {5, 200, 37};
  batch b = batch_open(2, 40, len, 3, 99);
  FOR_EACH_ISA(isa)
  {
    attend(&b, NULL);
    const uint64_t hash = hash_floats(hash_begin, b.out, b.T * 80);
    print_message("isa %s hash %016llx\n", tfm_isa_name(isa), (unsigned long long)hash);
    assert_true(hash == ATTENTION_HASH);
  }
  batch_close(&b);
}

/* One head by what the header says it is: a bfloat16 layer with the keys as weights, softmax, and a
 * bfloat16 layer with the transposed values. */
static void narrow_head(const batch *b, int64_t first, int64_t len, int64_t head, float *out)
{
  const int64_t D = b->heads.D;
  const int64_t H = b->heads.N * D;
  const float *q = b->qkv + first * b->ldqkv + head * D;
  float *keys = want_memory((size_t)(len * D), sizeof(float));
  float *values = want_memory((size_t)(len * D), sizeof(float));
  float *scores = want_memory((size_t)(len * len), sizeof(float));
  tfm_linear *by_keys = NULL;
  tfm_linear *by_values = NULL;
  const tfm_epilogue plain = {TFM_ACT_NONE, NULL, 0};
  for (int64_t i = 0; i < len; ++i) {
    for (int64_t d = 0; d < D; ++d) {
      keys[i * D + d] = q[i * b->ldqkv + H + d];
      values[d * len + i] = q[i * b->ldqkv + 2 * H + d];
    }
  }
  assert_int_equal(
      tfm_linear_open(&by_keys, TFM_BACKEND_REF, TFM_BFLOAT16, keys, NULL, len, D, NULL),
      TFM_OK);
  assert_int_equal(
      tfm_linear_open(&by_values, TFM_BACKEND_REF, TFM_BFLOAT16, values, NULL, D, len, NULL),
      TFM_OK);
  tfm_linear_run(by_keys, q, b->ldqkv, len, scores, len, &plain, NULL);
  for (int64_t i = 0; i < len * len; ++i) {
    scores[i] *= b->heads.scale;
  }
  for (int64_t i = 0; i < len; ++i) {
    tfm_softmax(scores + i * len, len, scores + i * len);
  }
  tfm_linear_run(by_values, scores, len, len, out + first * H + head * D, H, &plain, NULL);
  tfm_linear_close(by_keys);
  tfm_linear_close(by_values);
  tfm_free(keys);
  tfm_free(values);
  tfm_free(scores);
}

/* Odd lengths and widths leave halves of words; 400 keys are more than a block of pairs. */
static void bfloat16_is_two_layers_and_a_softmax(void **state)
{
  (void)state;
  static const int len[] = {1, 2, 3, 17, 33, 64, 400};
  static const int64_t width[] = {1, 7, 32, 40, 64};
  for (size_t w = 0; w < sizeof width / sizeof width[0]; ++w) {
    batch b = batch_open(2, width[w], len, sizeof len / sizeof len[0], 40 + w);
    const int64_t H = b.heads.N * b.heads.D;
    float *want = want_memory((size_t)(b.T * H), sizeof(float));
    void *scratch = want_memory(tfm_attention_scratch_bytes(&b.heads, longest(&b)), 1);
    const tfm_sequences seqs = {.cu_len = b.cu_len, .B = b.B};
    b.heads.bfloat16 = true;
    for (int64_t i = 0; i < b.B; ++i) {
      for (int64_t head = 0; head < b.heads.N; ++head) {
        narrow_head(&b, b.cu_len[i], b.cu_len[i + 1] - b.cu_len[i], head, want);
      }
    }
    FOR_EACH_ISA(isa)
    {
      tfm_attention(&b.heads, b.qkv, b.ldqkv, &seqs, b.out, H, scratch, NULL);
      check_same_bits(b.out, want, b.T * H, "isa %s D %d", tfm_isa_name(isa), (int)width[w]);
    }
    tfm_free(want);
    tfm_free(scratch);
    batch_close(&b);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_its_definition),
      cmocka_unit_test(terms_equal_their_definition),
      cmocka_unit_test(caps_equal_their_definition),
      cmocka_unit_test(is_attention),
      cmocka_unit_test(neighbours_change_nothing),
      cmocka_unit_test(groups_equal_copies),
      cmocka_unit_test(long_sequences_are_cut_without_a_trace),
      cmocka_unit_test(bits_are_those_of_contract_v1),
      cmocka_unit_test(bfloat16_is_two_layers_and_a_softmax),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
