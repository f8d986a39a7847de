#include "core/kernels/linear.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/kernels/linear_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NARROWEST_BLAS = 32 }; /* columns; fewer go through native (DESIGN D4) */

#define BACKEND_NAME(name, text) [TFM_BACKEND_##name] = text,
static const char *const backend_names[TFM_BACKEND_COUNT] = {TFM_BACKEND_MAP(BACKEND_NAME)};

const char *tfm_backend_name(tfm_backend backend)
{
  return backend < TFM_BACKEND_COUNT ? backend_names[backend] : "unknown";
}

bool tfm_backend_parse(const char *name, tfm_backend *out)
{
  for (int i = 0; i < TFM_BACKEND_COUNT; ++i) {
    if (strcmp(name, backend_names[i]) == 0) {
      *out = (tfm_backend)i;
      return true;
    }
  }
  return false;
}

tfm_status tfm_backend_check(tfm_backend backend, tfm_err *err)
{
  if (backend == TFM_BACKEND_OPENBLAS) {
    return tfm__openblas_check(err);
  }
#if TFM_WITH_ONEDNN
  return backend == TFM_BACKEND_ONEDNN ? tfm__onednn_check(err) : TFM_OK;
#else
  return backend != TFM_BACKEND_ONEDNN
             ? TFM_OK
             : tfm_fail(err, TFM_E_UNSUPPORTED,
                        "backend onednn: this build is without it; install libdnnl-dev and "
                        "build again, or use --backend native");
#endif
}

const char *tfm_backend_arithmetic(tfm_backend backend)
{
#if TFM_WITH_ONEDNN
  if (backend == TFM_BACKEND_ONEDNN) {
    const char *name = tfm__onednn_begin();
    return name ? name : "onednn-missing";
  }
#endif
  if (backend == TFM_BACKEND_OPENBLAS) {
    const char *name = tfm__openblas_begin();
    return name ? name : "openblas-missing";
  }
  return "native";
}

bool tfm_engine_smooths(tfm_engine engine)
{
  return engine.precision == TFM_INT8 && engine.smooth;
}

/* float32 goes without saying. */
static void append_dtype(char out[TFM_NUMERIC_ID], const char *what, tfm_precision dtype)
{
  const size_t n = strlen(out);
  if (dtype != TFM_FLOAT32) {
    (void)snprintf(out + n, TFM_NUMERIC_ID - n, "-%s-%s", what, tfm_precision_name(dtype));
  }
}

void tfm_engine_numeric_id(tfm_engine engine, char out[TFM_NUMERIC_ID])
{
  const bool split = tfm_precision_pieces(engine.precision) > 0;
  (void)snprintf(out, TFM_NUMERIC_ID, "c%d-%s-%s-k%d",
                 tfm_precision_narrow(engine.precision) ? TFM_NUMERIC_CONTRACT_NARROW
                                                        : TFM_NUMERIC_CONTRACT,
                 tfm_backend_arithmetic(engine.backend), tfm_precision_name(engine.precision),
                 split ? TFM_LINEAR_TILE_K : TFM_LINEAR_K_BLOCK);
  append_dtype(out, "kv", engine.kv);
  append_dtype(out, "wire", engine.wire);
  if (tfm_engine_smooths(engine)) {
    const size_t n = strlen(out);
    (void)snprintf(out + n, TFM_NUMERIC_ID - n, "-smooth-%s", engine.smooth->id);
  }
}

const char *tfm_linear_packing(tfm_engine engine)
{
  static const char *const native[TFM_PRECISION_COUNT] = {
      [TFM_FLOAT32] = "native-float32-2",     [TFM_BFLOAT16] = "native-bfloat16-2",
      [TFM_INT8] = "native-int8-2",           [TFM_BF16X3] = "native-bf16x3-1",
      [TFM_BF16X2] = "native-bf16x2-1",       [TFM_BF16X1] = "native-bf16x1-1",
      [TFM_INT8_GROUPS] = "native-int8-g64-1"};
  return engine.backend == TFM_BACKEND_NATIVE ? native[engine.precision] : "";
}

float tfm__int8_step(float reach, float *inverse)
{
  if (reach < 0x1p-100f) { /* false for NaN */
    *inverse = 0.0f;
    return 0.0f;
  }
  *inverse = 127.0f / reach;
  return reach / 127.0f;
}

float tfm__int8_reach(const tfm_linear *lin, const float *x)
{
  const tfm__kernels *kernels = tfm__kernels_used();
  return lin->factor ? kernels->reach_by(x, lin->factor, lin->K) : kernels->reach(x, lin->K);
}

void tfm__int8_bytes(const tfm_linear *lin, const float *x, int64_t first, int64_t n,
                     float inverse, unsigned char *out)
{
  const tfm__kernels *kernels = tfm__kernels_used();
  if (lin->factor) {
    kernels->to_int8_by(x + first, lin->factor + first, n, inverse, TFM__INT8_SHIFT, out);
  } else {
    kernels->to_int8(x + first, n, inverse, TFM__INT8_SHIFT, out);
  }
}

/* Numbers in pieces. */
static bool is_split(const tfm_linear *lin)
{
  return tfm_precision_pieces(lin->precision) > 0;
}

static tfm_status linear_alloc(tfm_linear *lin, bool smooth, tfm_shelf *shelf, tfm_err *err)
{
  const bool native = lin->runs_on == TFM_BACKEND_NATIVE;
  const size_t columns = (size_t)lin->panels * TFM__LANES;
  const int64_t words = lin->words * (is_split(lin) ? tfm_precision_pieces(lin->precision) : 1);
  size_t count = 0;
  const bool fits = tfm_mul_size(native ? columns : (size_t)lin->N,
                                 (size_t)(native ? words : lin->K), &count);
  if (fits) {
    if (native && lin->precision == TFM_INT8_GROUPS) {
      count = (size_t)tfm__group_words_of(lin);
    }
    lin->weight = tfm_shelf_take(shelf, count, sizeof(float));
    lin->bias = tfm_shelf_take(shelf, columns, sizeof(float));
  }
  bool all = lin->weight && lin->bias;
  if (lin->precision == TFM_INT8) {
    lin->scale = tfm_shelf_take(shelf, columns, sizeof(float));
    lin->shift = tfm_shelf_take(shelf, columns, sizeof(float));
    all = all && lin->scale && lin->shift;
  }
  if (smooth) {
    lin->factor = tfm_shelf_take(shelf, (size_t)lin->K, sizeof(float));
    all = all && lin->factor;
  }
  if (!all) {
    return tfm_fail(err, TFM_E_NOMEM, "weights of a linear layer: [%lld, %lld] as %s",
                    (long long)lin->N, (long long)lin->K, tfm_precision_name(lin->precision));
  }
  lin->weight_count = count;
  return TFM_OK;
}

static bool is_library(tfm_backend backend)
{
  return backend == TFM_BACKEND_OPENBLAS || backend == TFM_BACKEND_ONEDNN;
}

static tfm_status check_supported(tfm_backend backend, tfm_precision precision, int64_t K,
                                  tfm_err *err)
{
  if (backend == TFM_BACKEND_ONEDNN && tfm_precision_pieces(precision)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "backend onednn has no %s: use --backend native or --float32-mode exact",
                    tfm_precision_name(precision));
  }
  if (backend == TFM_BACKEND_OPENBLAS && precision != TFM_FLOAT32) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "backend openblas computes float32, not %s: use --backend native",
                    tfm_precision_name(precision));
  }
  if (backend == TFM_BACKEND_ONEDNN && precision == TFM_INT8_GROUPS) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "backend onednn has no %s: use --backend native or --int8-mode dynamic",
                    tfm_precision_name(precision));
  }
  if (tfm_backend_check(backend, err) != TFM_OK) {
    return TFM_E_UNSUPPORTED;
  }
  if (precision == TFM_INT8 && K > TFM_LINEAR_INT8_K) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "a linear layer %lld wide: int8 sums fit 32 bits up to %d, use bfloat16",
                    (long long)K, TFM_LINEAR_INT8_K);
  }
  return TFM_OK;
}

static void linear_clear(tfm_linear *lin)
{
  const size_t columns = (size_t)lin->panels * TFM__LANES;
  memset(lin->bias, 0, columns * sizeof *lin->bias);
  if (lin->precision == TFM_INT8) {
    memset(lin->scale, 0, columns * sizeof *lin->scale);
    memset(lin->shift, 0, columns * sizeof *lin->shift);
  }
  for (int64_t k = 0; lin->factor && k < lin->K; ++k) {
    lin->factor[k] = 1.0f;
  }
}

void tfm_linear_smooth(tfm_linear *lin, const float *factor)
{
  TFM_ASSERT(lin->factor);
  memcpy(lin->factor, factor, (size_t)lin->K * sizeof *factor);
}

void tfm_linear_watch(tfm_linear *lin, float *largest)
{
  lin->seen = largest;
}

void tfm_linear_put(tfm_linear *lin, int64_t first, int64_t n, const float *weight,
                    const float *bias)
{
  _Static_assert((int)TFM_LINEAR_PANEL == (int)TFM__LANES, "one width");
  TFM_ASSERT(first >= 0 && first % TFM_LINEAR_PANEL == 0 && n <= lin->N - first);
  TFM_ASSERT(n % TFM_LINEAR_PANEL == 0 || first + n == lin->N);
  if (bias) {
    memcpy(lin->bias + first, bias, (size_t)n * sizeof *bias);
  }
  switch (lin->runs_on) {
  case TFM_BACKEND_NATIVE:
    (is_split(lin)                       ? tfm__linear_pack_pieces
     : lin->precision == TFM_INT8_GROUPS ? tfm__linear_pack_groups
                                         : tfm__linear_pack_native)(lin, first, n, weight);
    return;
  case TFM_BACKEND_ONEDNN:
#if TFM_WITH_ONEDNN
    tfm__linear_pack_onednn(lin, first, n, weight);
    return;
#endif
  case TFM_BACKEND_REF:
  case TFM_BACKEND_OPENBLAS:
  case TFM_BACKEND_COUNT:
    tfm__linear_pack_ref(lin, first, n, weight);
    return;
  }
}

tfm_status tfm_linear_open(tfm_linear **out, tfm_backend backend, tfm_precision precision,
                           const float *weight, const float *bias, int64_t N, int64_t K,
                           tfm_err *err)
{
  tfm_status st = tfm_linear_begin(out, backend, precision, N, K, err);
  if (st == TFM_OK) {
    tfm_linear_put(*out, 0, N, weight, bias);
  }
  return st;
}

tfm_status tfm_linear_begin(tfm_linear **out, tfm_backend backend, tfm_precision precision,
                            int64_t N, int64_t K, tfm_err *err)
{
  return tfm_linear_begin_on(out, (tfm_engine){.backend = backend, .precision = precision}, N,
                             K, NULL, err);
}

tfm_status tfm_linear_begin_on(tfm_linear **out, tfm_engine engine, int64_t N, int64_t K,
                               tfm_shelf *shelf, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  const tfm_backend backend = engine.backend;
  const tfm_precision precision = engine.precision;
  TFM_ASSERT(N > 0 && K > 0);
  tfm_linear *lin = tfm_calloc(1, sizeof *lin);
  if (!lin) {
    return tfm_fail(err, TFM_E_NOMEM, "a linear layer");
  }
  const int per_word = tfm_precision_per_word(precision);
  lin->backend = backend;
  lin->runs_on = is_library(backend) && N < NARROWEST_BLAS ? TFM_BACKEND_NATIVE : backend;
  lin->precision = precision;
  lin->N = N;
  lin->K = K;
  lin->words = (K + per_word - 1) / per_word;
  if (is_split(lin)) {
    lin->words += (TFM__AMX_STEP - 1) - (lin->words + TFM__AMX_STEP - 1) % TFM__AMX_STEP;
  }
  lin->panels = (N + TFM__LANES - 1) / TFM__LANES;
  TFM_TRY(check_supported(backend, precision, K, err));
  lin->on_shelf = shelf != NULL;
  TFM_TRY(linear_alloc(lin, tfm_engine_smooths(engine), shelf, err));
  if (!tfm_shelf_filled(shelf)) {
    linear_clear(lin);
  }
#if TFM_WITH_ONEDNN
  if (lin->runs_on == TFM_BACKEND_ONEDNN) {
    TFM_TRY(tfm__onednn_open(lin, err));
  }
#endif
  *out = lin;
  return TFM_OK;

fail:
  tfm_linear_close(lin);
  return st;
}

void tfm_linear_close(tfm_linear *lin)
{
  if (!lin) {
    return;
  }
  if (!lin->on_shelf) {
    tfm_free(lin->weight);
    tfm_free(lin->bias);
    tfm_free(lin->scale);
    tfm_free(lin->shift);
    tfm_free(lin->factor);
  }
#if TFM_WITH_ONEDNN
  tfm__onednn_close(lin->onednn);
#endif
  tfm_free(lin);
}

size_t tfm_linear_bytes(const tfm_linear *lin)
{
  const size_t columns =
      (lin->precision == TFM_INT8 ? 3 : 1) * (size_t)lin->panels * TFM__LANES;
  const size_t factors = lin->factor ? (size_t)lin->K : 0;
  return (lin->weight_count + columns + factors) * sizeof(float);
}

void *tfm_linear_memory(const tfm_linear *lin, size_t *bytes)
{
  *bytes = lin->weight_count * sizeof *lin->weight;
  return lin->weight;
}

/* int8 has the same sums either way; fewer rows than a tile's are sixteen times the work in tiles,
 * and no more to read. */
static bool on_tiles(const tfm_linear *lin, int64_t M)
{
  return is_split(lin) ||
         (lin->precision == TFM_INT8 && M >= TFM__AMX_STEP && tfm__amx_is_silicon());
}

static void note_inputs(const tfm_linear *lin, const float *x, int64_t ldx, int64_t M)
{
  for (int64_t i = 0; i < M; ++i, x += ldx) {
    for (int64_t k = 0; k < lin->K; ++k) {
      const float size = isnan(x[k]) ? INFINITY : fabsf(x[k]);
      lin->seen[k] = size > lin->seen[k] ? size : lin->seen[k];
    }
  }
}

void tfm_linear_run(const tfm_linear *lin, const float *x, int64_t ldx, int64_t M, float *y,
                    int64_t ldy, const tfm_epilogue *epilogue, tfm_par *par)
{
  const tfm__linear_job job = {
      .lin = lin, .x = x, .ldx = ldx, .M = M, .y = y, .ldy = ldy, .epilogue = *epilogue};
  if (lin->seen) {
    note_inputs(lin, x, ldx, M);
  }
  switch (lin->runs_on) {
  case TFM_BACKEND_REF:
    tfm__linear_run_ref(&job, par);
    return;
  case TFM_BACKEND_NATIVE:
    if (on_tiles(lin, M)) {
      tfm__linear_run_amx(&job, tfm__amx_used(), par);
    } else {
      tfm__linear_run_native(&job, par);
    }
    return;
  case TFM_BACKEND_OPENBLAS:
    tfm__linear_run_openblas(&job, par);
    return;
  case TFM_BACKEND_ONEDNN:
#if TFM_WITH_ONEDNN
    tfm__linear_run_onednn(&job, par);
    return;
#endif
  case TFM_BACKEND_COUNT:
    break;
  }
  TFM_ASSERT(lin->runs_on < TFM_BACKEND_COUNT);
}

bool tfm_linear_cuts_at(const tfm_linear *lin, int64_t n)
{
  const bool tiles = is_split(lin) || (lin->precision == TFM_INT8 && tfm__amx_is_silicon());
  const int64_t panels = lin->precision == TFM_INT8_GROUPS ? TFM__QUAD : TFM__TILE_VECS;
  return lin->runs_on == TFM_BACKEND_NATIVE && !tiles && n % (panels * TFM__LANES) == 0;
}

void tfm_linear_run_part(const tfm_linear_part *part, const float *x, int64_t ldx, int64_t M,
                         float *y, int64_t ldy, tfm_par *par)
{
  const tfm_linear *lin = part->lin;
  const int64_t end = part->first + part->n;
  TFM_ASSERT(part->first == 0 || tfm_linear_cuts_at(lin, part->first));
  TFM_ASSERT(end == lin->N || tfm_linear_cuts_at(lin, end));
  const tfm__linear_job job = {.lin = lin,
                               .x = x,
                               .ldx = ldx,
                               .M = M,
                               .y = y,
                               .ldy = ldy,
                               .first = part->first,
                               .part = part->n,
                               .epilogue = {.act = TFM_ACT_NONE}};
  if (lin->seen) {
    note_inputs(lin, x, ldx, M);
  }
  tfm__linear_run_native(&job, par);
}

int64_t tfm_linear_rows_at_once(tfm_backend backend, tfm_precision precision)
{
  const bool fast = precision == TFM_BFLOAT16 || precision == TFM_INT8;
  const bool on_vectors = backend == TFM_BACKEND_NATIVE && tfm_isa_used() != TFM_ISA_AMX;
  return fast && on_vectors ? TFM__BLOCK_ROWS : 4 * TFM_LINEAR_TILE;
}

int64_t tfm_linear_between(int64_t N, int64_t M)
{
  return M * ((N + TFM_LINEAR_K_BLOCK - 1) / TFM_LINEAR_K_BLOCK) * TFM__ROW_STEP;
}

/* Rows of int8 have a step each, which is known when the whole row is; who watches wants floats. */
static bool is_chain(const tfm_linear *up, const tfm_linear *down)
{
  return up->runs_on == TFM_BACKEND_NATIVE && down->runs_on == TFM_BACKEND_NATIVE &&
         up->precision == down->precision && up->precision != TFM_INT8 && !is_split(up) &&
         !up->seen && !down->seen;
}

void tfm_linear_run_two(const tfm_linear_two *two, const float *x, int64_t ldx, int64_t M,
                        float *y, int64_t ldy, tfm_par *par)
{
  const tfm_linear *up = two->up;
  const tfm_epilogue act = {.act = two->act};
  TFM_ASSERT(up->N == two->down->K);
  if (!is_chain(up, two->down)) {
    tfm_linear_run(up, x, ldx, M, two->between, up->N, &act, par);
    tfm_linear_run(two->down, two->between, up->N, M, y, ldy, &two->epilogue, par);
    return;
  }
  const tfm__linear_job in = {
      .lin = up, .x = x, .ldx = ldx, .M = M, .y_words = two->between, .epilogue = act};
  const tfm__linear_job out = {.lin = two->down,
                               .x_words = two->between,
                               .M = M,
                               .y = y,
                               .ldy = ldy,
                               .epilogue = two->epilogue};
  tfm__linear_run_native(&in, par);
  tfm__linear_run_native(&out, par);
}
