/* Linear layers through OpenBLAS, the only file that knows it.
 *
 *  The library is opened when somebody first asks for it: as it is opened it starts a thread a
 * core, which waits busily at first, and no other backend needs it.
 *  A task is one tile of TFM_LINEAR_TILE rows and up to 384 columns, always multiplied as a whole
 * tile (a last partial tile is copied and filled up with zero rows), K in slices of 384: the calls
 * OpenBLAS sees depend on N and K only. Sums land in the thread's own buffer, then the epilogue
 * writes y, so that y may be the residual.
 */
#include "core/kernels/linear_private.h"

#include <cblas.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct {
  __typeof__(&cblas_sgemm) sgemm;
  __typeof__(&openblas_set_num_threads) set_threads;
  __typeof__(&openblas_get_corename) core_name;
  char failed[160]; /* why it cannot be used; empty when it can */
  char name[64];
} blas;

bool tfm__library_find(void *library, const char *name, void *call, size_t bytes)
{
  void *found = dlsym(library, name);
  memcpy(call, &found, bytes);
  return found != NULL;
}

static void load(void)
{
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    (void)snprintf(blas.failed, sizeof blas.failed, "%.150s", dlerror());
    return;
  }
  if (!tfm__library_find(library, "cblas_sgemm", &blas.sgemm, sizeof blas.sgemm) ||
      !tfm__library_find(library, "openblas_set_num_threads", &blas.set_threads,
                         sizeof blas.set_threads) ||
      !tfm__library_find(library, "openblas_get_corename", &blas.core_name,
                         sizeof blas.core_name)) {
    (void)snprintf(blas.failed, sizeof blas.failed, "libopenblas.so.0 is not OpenBLAS");
    return;
  }
  blas.set_threads(1); /* our team splits the tiles */
  (void)snprintf(blas.name, sizeof blas.name, "openblas-%s", blas.core_name());
}

const char *tfm__openblas_begin(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, load);
  return blas.failed[0] ? NULL : blas.name;
}

tfm_status tfm__openblas_check(tfm_err *err)
{
  return tfm__openblas_begin()
             ? TFM_OK
             : tfm_fail(err, TFM_E_UNSUPPORTED,
                        "backend openblas: %s; install libopenblas0, or use --backend native",
                        blas.failed);
}

/* Rows [row, row + 96) of x at columns [k0, k0 + k): in place when all exist. */
static const float *tile_rows(const tfm__linear_job *job, int64_t row, int64_t k0, int64_t k,
                              int64_t *ldx)
{
  const float *from = job->x + row * job->ldx + k0;
  const int64_t rows = job->M - row;
  if (rows >= TFM_LINEAR_TILE) {
    *ldx = job->ldx;
    return from;
  }
  float *copy = tfm__linear_scratch_mine()->blas.rows;
  memset(copy, 0, (size_t)(TFM_LINEAR_TILE * k) * sizeof *copy);
  for (int64_t i = 0; i < rows; ++i) {
    memcpy(copy + i * k, from + i * job->ldx, (size_t)k * sizeof *from);
  }
  *ldx = k;
  return copy;
}

static void write_tile(const tfm__linear_job *job, int64_t row, int64_t col, int64_t cols)
{
  const float *residual = job->epilogue.residual;
  const int64_t rows = job->M - row < TFM_LINEAR_TILE ? job->M - row : TFM_LINEAR_TILE;
  const tfm__finish tile = {
      .c = tfm__linear_scratch_mine()->blas.sums,
      .ldc = TFM__BLAS_COLS,
      .rows = rows,
      .cols = cols,
      .bias = job->lin->bias + col,
      .residual = residual ? residual + row * job->epilogue.ldr + col : residual,
      .ldr = job->epilogue.ldr,
      .y = job->y + row * job->ldy + col,
      .ldy = job->ldy,
  };
  tfm__finish_used(job->lin->precision, job->epilogue.act)(&tile);
}

static int64_t column_chunks(const tfm_linear *lin)
{
  return (lin->N + TFM__BLAS_COLS - 1) / TFM__BLAS_COLS;
}

static void blas_task(void *arg, int task, int thread)
{
  (void)thread;
  const tfm__linear_job *job = arg;
  const tfm_linear *lin = job->lin;
  float *sums = tfm__linear_scratch_mine()->blas.sums;
  const int64_t chunks = column_chunks(lin);
  const int64_t row = task / chunks * TFM_LINEAR_TILE;
  /* Whole panels: the epilogue reads the bias panel by panel. */
  const int64_t col = TFM__LANES * tfm__share(lin->panels, chunks, task % chunks);
  const int64_t end = TFM__LANES * tfm__share(lin->panels, chunks, task % chunks + 1);
  const int64_t cols = (end < lin->N ? end : lin->N) - col;
  for (int64_t k0 = 0; k0 < lin->K; k0 += TFM__BLAS_DEPTH) {
    const int64_t k = lin->K - k0 < TFM__BLAS_DEPTH ? lin->K - k0 : TFM__BLAS_DEPTH;
    int64_t ldx = 0;
    const float *x = tile_rows(job, row, k0, k, &ldx);
    blas.sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, TFM_LINEAR_TILE, (blasint)cols,
               (blasint)k, 1.0f, x, (blasint)ldx, lin->weight + col * lin->K + k0,
               (blasint)lin->K, k0 == 0 ? 0.0f : 1.0f, sums, TFM__BLAS_COLS);
  }
  write_tile(job, row, col, cols);
}

void tfm__linear_run_openblas(const tfm__linear_job *job, tfm_par *par)
{
  tfm__linear_job copy = *job;
  const int64_t tiles = (job->M + TFM_LINEAR_TILE - 1) / TFM_LINEAR_TILE;
  tfm_par_for(par, (int)(tiles * column_chunks(job->lin)), blas_task, &copy);
}
