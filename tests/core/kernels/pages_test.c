/* Attention over pages against attention over whole sequences: the same bits, however a sequence is
 * cut into calls and whoever shares a call. */
#include "core/kernels/pages.h"

#include "core/base/mem.h"
#include "core/kernels/table.h"
#include "tests/core/kernels/kernels_test.h"

#include <math.h>

enum { SEQS = 3, MOST = 460, PAGES = MOST / TFM_PAGE_KEYS + 1, OFFSET = 32 };

static const int lengths[SEQS] = {MOST, 70, 193};

static void *want_memory(size_t count, size_t bytes)
{
  void *p = tfm_alloc_aligned(count, bytes);
  assert_non_null(p);
  return p;
}

/* Sequences as one call sees them, what comes out, and their pages. */
typedef struct {
  tfm_heads heads;
  int64_t ld, T;
  int32_t cu_len[SEQS + 1];
  float *qkv, *want, *got;
  float *page[SEQS][PAGES];
} story;

static story story_open(int64_t N, int64_t G, int64_t D, const tfm_attention_terms *terms)
{
  noise r = {(uint64_t)(N * 100 + D)};
  story s = {.heads = {.N = N, .G = G, .D = D, .scale = 0.3f, .terms = terms},
             .ld = (N + 2 * G) * D + 3};
  for (int b = 0; b < SEQS; ++b) {
    s.cu_len[b + 1] = s.cu_len[b] + lengths[b];
  }
  s.T = s.cu_len[SEQS];
  s.qkv = want_memory((size_t)(s.T * s.ld), sizeof(float));
  s.want = want_memory((size_t)(s.T * N * D), sizeof(float));
  s.got = want_memory((size_t)(s.T * N * D), sizeof(float));
  noise_fill(&r, 2.0f, s.qkv, s.T * s.ld);
  const size_t floats = (size_t)(tfm_page_floats(&s.heads) + OFFSET);
  for (int b = 0; b < SEQS; ++b) {
    for (int p = 0; p < PAGES; ++p) {
      s.page[b][p] = want_memory(floats, sizeof(float));
      for (size_t i = 0; i < floats; ++i) {
        s.page[b][p][i] = NAN; /* nothing may be read that was not written */
      }
    }
  }
  return s;
}

static void story_close(story *s)
{
  tfm_free(s->qkv);
  tfm_free(s->want);
  tfm_free(s->got);
  for (int b = 0; b < SEQS; ++b) {
    for (int p = 0; p < PAGES; ++p) {
      tfm_free(s->page[b][p]);
    }
  }
}

static void whole(story *s)
{
  const int64_t H = s->heads.N * s->heads.D;
  void *scratch = want_memory(tfm_attention_scratch_bytes(&s->heads, MOST), 1);
  const tfm_sequences seqs = {.cu_len = s->cu_len, .B = SEQS};
  tfm_attention(&s->heads, s->qkv, s->ld, &seqs, s->want, H, scratch, NULL);
  tfm_free(scratch);
}

/* One call: the next `take` tokens of each sequence that has some left. Scratch is exactly what is
 * asked for. */
static bool step(story *s, int64_t *done, int64_t take, tfm_par *par)
{
  const int64_t H = s->heads.N * s->heads.D;
  int32_t cu_len[SEQS + 1] = {0};
  int32_t start[SEQS];
  int of[SEQS];
  float *const *page[SEQS];
  int64_t B = 0;
  int64_t longest = 0;
  for (int b = 0; b < SEQS; ++b) {
    const int64_t left = lengths[b] - done[b];
    const int64_t n = take < left ? take : left;
    if (n > 0) {
      of[B] = b;
      start[B] = (int32_t)done[b];
      page[B] = s->page[b];
      cu_len[B + 1] = cu_len[B] + (int32_t)n;
      longest = done[b] + n > longest ? done[b] + n : longest;
      ++B;
    }
  }
  if (B == 0) {
    return false;
  }
  float *qkv = want_memory((size_t)(cu_len[B] * s->ld), sizeof(float));
  float *out = want_memory((size_t)(cu_len[B] * H), sizeof(float));
  void *scratch = want_memory(
      tfm_attention_paged_scratch_bytes(&s->heads, longest) * (size_t)tfm_par_threads(par), 1);
  for (int64_t i = 0; i < B; ++i) {
    const int64_t n = cu_len[i + 1] - cu_len[i];
    memcpy(qkv + cu_len[i] * s->ld, s->qkv + (s->cu_len[of[i]] + start[i]) * s->ld,
           (size_t)(n * s->ld) * sizeof(float));
  }
  const tfm_sequences seqs = {.cu_len = cu_len, .B = B, .start = start};
  const tfm_pages pages = {.page = page, .offset = OFFSET, .scratch = scratch};
  tfm_attention_paged(&s->heads, qkv, s->ld, &seqs, &pages, out, H, par);
  for (int64_t i = 0; i < B; ++i) {
    const int64_t n = cu_len[i + 1] - cu_len[i];
    memcpy(s->got + (s->cu_len[of[i]] + start[i]) * H, out + cu_len[i] * H,
           (size_t)(n * H) * sizeof(float));
    done[of[i]] += n;
  }
  tfm_free(scratch);
  tfm_free(out);
  tfm_free(qkv);
  return true;
}

/* A first chunk, then steps of another size to the end. */
static void tell(story *s, int64_t first, int64_t then, const char *what)
{
  const int64_t H = s->heads.N * s->heads.D;
  backwards_par par = backwards_par_of(3);
  FOR_EACH_ISA(isa)
  {
    int64_t done[SEQS] = {0};
    int64_t take = first;
    while (step(s, done, take, &par.par)) {
      take = then;
    }
    check_same_bits(s->got, s->want, s->T * H, "isa %s, %s, %d then %d", tfm_isa_name(isa),
                    what, (int)first, (int)then);
  }
}

static void check_capped(const tfm_heads *heads, const tfm_attention_terms *terms,
                         const char *what)
{
  static const int cuts[][2] = {{MOST, 1}, {1, 1}, {64, 64}, {17, 5}, {200, 1}, {191, 193}};
  tfm_attention_terms causal = {.windowed = true, .before = INT32_MAX};
  story s = story_open(heads->N, heads->G, heads->D, terms ? terms : &causal);
  s.heads.cap = heads->cap;
  whole(&s);
  s.heads.terms = terms; /* nothing is ahead of a token anyhow */
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; ++i) {
    tell(&s, cuts[i][0], cuts[i][1], what);
  }
  story_close(&s);
}

static void check(int64_t N, int64_t G, int64_t D, const tfm_attention_terms *terms,
                  const char *what)
{
  const tfm_heads heads = {.N = N, .G = G, .D = D};
  check_capped(&heads, terms, what);
}

static void no_cut_changes_a_bit(void **state)
{
  (void)state;
  check(2, 2, 16, NULL, "own keys");
  check(3, 1, 20, NULL, "shared keys");
  check(4, 2, 40, NULL, "keys in pairs");
}

static void windows_change_no_bit(void **state)
{
  (void)state;
  const tfm_attention_terms narrow = {.windowed = true, .before = 11};
  const tfm_attention_terms wide = {.windowed = true, .before = 200};
  check(4, 2, 20, &narrow, "a narrow window");
  check(4, 2, 20, &wide, "a wide window");
}

static void caps_change_no_bit(void **state)
{
  (void)state;
  const tfm_attention_terms narrow = {.windowed = true, .before = 11};
  const tfm_heads own = {.N = 3, .G = 3, .D = 16, .cap = 2.0f};
  const tfm_heads shared = {.N = 4, .G = 2, .D = 20, .cap = 0.7f};
  check_capped(&own, NULL, "a cap");
  check_capped(&shared, &narrow, "a cap and a window");
}

/* One bias by distance a head, as T5's decoders have. */
static void a_bias_changes_no_bit(void **state)
{
  (void)state;
  enum { N = 4, REACH = MOST + 9 };
  noise r = {7};
  float *bias = want_memory(N * (2 * REACH - 1), sizeof *bias);
  noise_fill(&r, 3.0f, bias, N * (2 * REACH - 1));
  const tfm_attention_terms terms = {
      .windowed = true, .before = INT32_MAX, .reach = REACH, .bias = bias};
  const tfm_attention_terms narrow = {
      .windowed = true, .before = 70, .reach = REACH, .bias = bias};
  check(N, N, 16, &terms, "a bias");
  check(N, 2, 20, &terms, "a bias of heads that share keys");
  check(N, N, 16, &narrow, "a bias and a window");
  tfm_free(bias);
}

/* Queries that see all keys of a sequence, theirs or another's: what attention over the whole
 * sequence gives for the same numbers. */
static void all_keys_are_seen_with_the_same_bits(void **state)
{
  (void)state;
  story s = story_open(4, 2, 20, NULL);
  const int64_t H = s.heads.N * s.heads.D;
  const float *kv = s.qkv + H;
  float *const *page[SEQS];
  int32_t keys[SEQS];
  backwards_par par = backwards_par_of(3);
  void *scratch = want_memory(3 * tfm_attention_paged_scratch_bytes(&s.heads, MOST), 1);
  const tfm_sequences seqs = {.cu_len = s.cu_len, .B = SEQS};
  whole(&s);
  for (int b = 0; b < SEQS; ++b) {
    page[b] = s.page[b];
    keys[b] = lengths[b];
  }
  const tfm_pages pages = {.page = page, .offset = OFFSET, .keys = keys, .scratch = scratch};
  FOR_EACH_ISA(isa)
  {
    tfm_attention_keep(&s.heads, kv, s.ld, &seqs, &pages, &par.par);
    tfm_attention_look(&s.heads, s.qkv, s.ld, &seqs, &pages, s.got, H, &par.par);
    check_same_bits(s.got, s.want, s.T * H, "isa %s, all at once", tfm_isa_name(isa));
    /* The last sequence's queries alone, more of them than it has keys: those of the others too. */
    const int32_t alone[] = {0, (int32_t)s.T};
    const tfm_sequences one = {.cu_len = alone, .B = 1};
    const tfm_pages its = {
        .page = page + 2, .offset = OFFSET, .keys = keys + 2, .scratch = scratch};
    tfm_attention_look(&s.heads, s.qkv, s.ld, &one, &its, s.got, H, &par.par);
    check_same_bits(s.got + s.cu_len[2] * H, s.want + s.cu_len[2] * H, lengths[2] * H,
                    "isa %s, more queries than keys", tfm_isa_name(isa));
  }
  tfm_free(scratch);
  story_close(&s);
}

/* Rounded one by one, so that cuts change nothing: the result is that of attention to what a page
 * gives back. */
static void round_head(tfm_precision kv, float *x, int64_t n)
{
  float most = 0.0f;
  for (int64_t i = 0; i < n; ++i) {
    most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
  }
  const float step = most / 127.0f;
  for (int64_t i = 0; i < n; ++i) {
    if (kv == TFM_INT8) {
      x[i] = (float)(int)nearbyintf(x[i] / step) * step;
    } else {
      unsigned char bits[4] = {0, 0, 0, 0};
      tfm__kernels_used()->to_bfloat16(&x[i], 0, 1, 1, bits + 2, 0);
      memcpy(&x[i], bits, sizeof x[i]);
    }
  }
}

static void check_kept(tfm_precision kv, int64_t N, int64_t G, int64_t D)
{
  static const int cuts[][2] = {{MOST, 1}, {1, 1}, {17, 5}, {191, 193}};
  const tfm_attention_terms causal = {.windowed = true, .before = INT32_MAX};
  story s = story_open(N, G, D, &causal);
  float *plain = want_memory((size_t)(s.T * s.ld), sizeof(float));
  memcpy(plain, s.qkv, (size_t)(s.T * s.ld) * sizeof(float));
  for (int64_t t = 0; t < s.T; ++t) {
    for (int64_t h = N; h < N + 2 * G; ++h) {
      round_head(kv, s.qkv + t * s.ld + h * D, D);
    }
  }
  whole(&s);
  memcpy(s.qkv, plain, (size_t)(s.T * s.ld) * sizeof(float));
  s.heads.terms = NULL;
  s.heads.kv = kv; /* its pages are smaller than those there are */
  for (size_t i = 0; i < sizeof cuts / sizeof *cuts; ++i) {
    tell(&s, cuts[i][0], cuts[i][1], tfm_precision_name(kv));
  }
  tfm_free(plain);
  story_close(&s);
}

static void narrower_pages_round_each_number_once(void **state)
{
  (void)state;
  check_kept(TFM_BFLOAT16, 3, 1, 20);
  check_kept(TFM_BFLOAT16, 4, 2, 64);
  check_kept(TFM_INT8, 3, 1, 20);
  check_kept(TFM_INT8, 4, 2, 64);
  const tfm_heads wide = {.N = 4, .G = 2, .D = 64};
  const tfm_heads half = {.N = 4, .G = 2, .D = 64, .kv = TFM_BFLOAT16};
  const tfm_heads byte = {.N = 4, .G = 2, .D = 64, .kv = TFM_INT8};
  assert_int_equal(tfm_page_floats(&wide), 2 * tfm_page_floats(&half));
  assert_int_equal(tfm_page_floats(&wide),
                   4 * (tfm_page_floats(&byte) - 2 * 2 * TFM_PAGE_KEYS));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_cut_changes_a_bit),
      cmocka_unit_test(windows_change_no_bit),
      cmocka_unit_test(caps_change_no_bit),
      cmocka_unit_test(a_bias_changes_no_bit),
      cmocka_unit_test(all_keys_are_seen_with_the_same_bits),
      cmocka_unit_test(narrower_pages_round_each_number_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
