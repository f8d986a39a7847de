#include "core/model/block.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/kernels/layernorm.h"
#include "core/kernels/rope.h"
#include "core/model/arch/registry.h"

#include <math.h>
#include <string.h>

enum {
  TILE = 384,         /* rows whose [TILE,F] fits a cache level between ffn's two products; half
                         of them when it is [TILE,2F] */
  ROWS_A_THREAD = 128 /* enough rows in attention's products for every thread */
};

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static void normalize(const tfm__unit *unit, const tfm__bench *bench, float *x, int64_t rows,
                      tfm_par *par)
{
  const tfm_norm norm = {unit->norm, unit->norm + bench->H, bench->norm_eps};
  tfm_layernorm(x, bench->H, rows, bench->H, &norm, x, bench->H, par);
}

/* Attention over sequences [b, e) of a batch: rows [r, r + n) of x. */
static void attend(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
                   int64_t b, int64_t e, tfm_par *par)
{
  const int64_t H = bench->H;
  const int32_t r = batch->cu_len[b];
  const int64_t n = batch->cu_len[e] - r;
  float *x = batch->x + r * H;
  for (int64_t i = b; i <= e; ++i) {
    bench->cu_len[i - b] = batch->cu_len[i] - r;
  }
  const tfm_epilogue plain = {.act = TFM_ACT_NONE};
  tfm_linear_run(unit->in, x, H, n, bench->wide, 3 * H, &plain, par);
  const tfm_sequences seqs = {.cu_len = bench->cu_len, .B = e - b};
  if (bench->sight.rope) {
    tfm_rope(&bench->heads, bench->sight.rope, bench->wide, 3 * H, &seqs, par);
  }
  tfm_attention(&bench->heads, bench->wide, 3 * H, &seqs, bench->context, H, bench->attention,
                par);
  const tfm_epilogue add = {.act = TFM_ACT_NONE, .residual = x, .ldr = H};
  tfm_linear_run(unit->out, bench->context, H, n, x, H, &add, par);
  normalize(unit, bench, x, n, par);
}

/* Runs of whole sequences, so that q, k and v of a run stay in cache and scratch memory does
 * not grow with the batch. Runs never mix rows, so where they end changes no bit. */
static void post_norm_attention(const tfm__unit *unit, const tfm__bench *bench,
                                const tfm_batch *batch, tfm_par *par)
{
  for (int64_t b = 0, e = 0; b < batch->B; b = e) {
    const int32_t r = batch->cu_len[b];
    e = b + 1;
    TFM_ASSERT(batch->cu_len[e] - r <= bench->rows);
    while (e < batch->B && batch->cu_len[e + 1] - r <= bench->rows) {
      e += 1;
    }
    attend(unit, bench, batch, b, e, par);
  }
}

/* x [n,H] = x + ffn(x). */
static void feed(const tfm__unit *unit, const tfm__bench *bench, float *x, int64_t n,
                 tfm_par *par)
{
  const int64_t H = bench->H;
  const int64_t wide = bench->gated ? 2 * bench->F : bench->F;
  const tfm_epilogue up = {.act = bench->gated ? TFM_ACT_NONE : bench->act};
  tfm_linear_run(unit->in, x, H, n, bench->wide, wide, &up, par);
  if (bench->gated) {
    tfm_gate(bench->act, bench->wide, wide, n, bench->F, par);
  }
  const tfm_epilogue add = {.act = TFM_ACT_NONE, .residual = x, .ldr = H};
  tfm_linear_run(unit->out, bench->wide, wide, n, x, H, &add, par);
}

static void post_norm_ffn(const tfm__unit *unit, const tfm__bench *bench,
                          const tfm_batch *batch, tfm_par *par)
{
  const int64_t H = bench->H;
  for (int64_t r = 0; r < batch->T; r += bench->tile) {
    const int64_t n = least(bench->tile, batch->T - r);
    float *x = batch->x + r * H;
    feed(unit, bench, x, n, par);
    normalize(unit, bench, x, n, par);
  }
}

const tfm__block tfm__block_post_norm = {.attention = post_norm_attention,
                                         .ffn = post_norm_ffn};

/* Zeroed, which also touches every page from this thread. */
static void *touched(size_t n, size_t bytes)
{
  void *p = tfm_alloc_aligned(n, bytes);
  if (p) {
    memset(p, 0, n * bytes);
  }
  return p;
}

/* All but what attention units share. */
static tfm_status open_scratch(tfm__bench *bench, const tfm__bench_size *size, int64_t longest,
                               tfm_err *err)
{
  /* Below 2^63: H, F and the rows are bounded by config.c and by 32-bit token counts. */
  const int64_t inner = bench->gated ? 2 * bench->F : bench->F;
  const int64_t wide = most(bench->rows * 3 * bench->H, bench->tile * inner);
  const int64_t context = bench->rows * bench->H;
  const size_t sequences = (size_t)size->max_sequences + 1;
  bench->attention_bytes = tfm_attention_scratch_bytes(&bench->heads, longest);
  size_t bytes = (size_t)(wide + context) * sizeof(float);
  bytes += sequences * sizeof(int32_t) + (size_t)size->nthread * bench->attention_bytes;
  bench->bytes += bytes;
  bench->wide = touched((size_t)wide, sizeof(float));
  bench->context = touched((size_t)context, sizeof(float));
  bench->cu_len = touched(sequences, sizeof(int32_t));
  bench->attention = touched((size_t)size->nthread, bench->attention_bytes);
  if (!bench->wide || !bench->context || !bench->cu_len || !bench->attention) {
    return tfm_fail(
        err, TFM_E_NOMEM,
        "scratch memory of %zu bytes for %lld tokens: fewer tokens a batch need less", bytes,
        (long long)size->max_tokens);
  }
  return TFM_OK;
}

tfm_status tfm__bench_open(tfm__bench *bench, const tfm_model *model,
                           const tfm__bench_size *size, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &model->config;
  const int64_t longest = least(size->max_tokens, config->max_length);
  const int64_t wished = most(TILE, ROWS_A_THREAD * (int64_t)size->nthread);
  *bench = (tfm__bench){
      .H = config->H, .F = config->F, .norm_eps = config->norm_eps, .act = config->act};
  bench->heads = (tfm_heads){
      .N = config->N, .D = config->D, .scale = (float)(1.0 / sqrt((double)config->D))};
  bench->rows = least(size->max_tokens, most(longest, wished));
  bench->gated = tfm__module_name(config, TFM__MODULE_GATE) != NULL;
  bench->tile = least(size->max_tokens, bench->gated ? TILE / 2 : TILE);
  if (size->attends) {
    TFM_TRY(tfm__sight_open(&bench->sight, model, &bench->heads, longest, err));
    bench->heads.terms = bench->sight.more ? &bench->sight.terms : NULL;
    bench->bytes = bench->sight.bytes;
  }
  TFM_TRY(open_scratch(bench, size, longest, err));
  return TFM_OK;

fail:
  tfm__bench_fini(bench);
  return st;
}

void tfm__bench_fini(tfm__bench *bench)
{
  tfm__sight_fini(&bench->sight);
  tfm_free(bench->wide);
  tfm_free(bench->context);
  tfm_free(bench->cu_len);
  tfm_free(bench->attention);
  *bench = (tfm__bench){.H = 0};
}
