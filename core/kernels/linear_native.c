/* Packed linear layers: register tiles over k-major strips, blocked for the caches.
 *
 *  A task owns up to 112 rows and 512 columns. For each K block of 192 it packs its rows into
 * strips (they stay in L2), then walks its panels: a pair of panels (24 KiB) stays in L1 while
 * all strips pass over it. Sums between K blocks live in the task's own tile buffer, laid out
 * tile by tile; after the last block each tile gets its epilogue while it is still in L1.
 */
#include "core/kernels/linear_private.h"

static _Thread_local tfm__linear_scratch scratch;

tfm__linear_scratch *tfm__linear_scratch_mine(void)
{
  return &scratch;
}

void tfm__linear_pack_native(tfm_linear *lin, const float *weight)
{
  const tfm__kernels *kernels = tfm__kernels_used();
  for (int64_t k0 = 0; k0 < lin->K; k0 += TFM_LINEAR_K_BLOCK) {
    const int64_t k = lin->K - k0 < TFM_LINEAR_K_BLOCK ? lin->K - k0 : TFM_LINEAR_K_BLOCK;
    float *block = lin->weight + k0 * lin->panels * TFM__LANES;
    for (int64_t p = 0; p < lin->panels; ++p) {
      const int64_t n0 = p * TFM__LANES;
      const int64_t rows = lin->N - n0 < TFM__LANES ? lin->N - n0 : TFM__LANES;
      kernels->pack(weight + n0 * lin->K + k0, lin->K, rows, k, TFM__LANES,
                    block + p * k * TFM__LANES);
    }
  }
}

/* How a job is cut. Columns come in groups of as many panels as a tile is wide. */
typedef struct {
  const tfm__linear_job *job;
  const tfm__kernels *kernels;
  int64_t blocks; /* of rows */
  int64_t groups; /* of panels, in all */
  int64_t chunks; /* of groups: one a task */
} native_job;

/* The part of it one task does. */
typedef struct {
  const native_job *native;
  int64_t row;    /* first */
  int64_t rows;   /* of this block */
  int64_t strips; /* rows are shared out evenly over them */
  int64_t group;  /* first */
  int64_t groups;
} native_task;

static void pack_rows(const native_task *t, int64_t k0, int64_t k, float *strips)
{
  const tfm__linear_job *job = t->native->job;
  for (int64_t s = 0; s < t->strips; ++s) {
    const int64_t first = tfm__share(t->rows, t->strips, s);
    const int64_t rows = tfm__share(t->rows, t->strips, s + 1) - first;
    t->native->kernels->pack(job->x + (t->row + first) * job->ldx + k0, job->ldx, rows, k, rows,
                             strips + first * k);
  }
}

static void finish_tile(const native_task *t, const float *c, int64_t ldc, int64_t first,
                        int64_t rows, int64_t col)
{
  const tfm__linear_job *job = t->native->job;
  const int64_t row = t->row + first;
  const float *residual = job->epilogue.residual;
  const int64_t left = job->lin->N - col;
  const tfm__finish tile = {
      .c = c,
      .ldc = ldc,
      .rows = rows,
      .cols = left < ldc ? left : ldc,
      .bias = job->lin->bias + col,
      .residual = residual ? residual + row * job->epilogue.ldr + col : residual,
      .ldr = job->epilogue.ldr,
      .y = job->y + row * job->ldy + col,
      .ldy = job->ldy,
  };
  t->native->kernels->finish[job->epilogue.act](&tile);
}

/* All strips of the task over one group of panels, one K block. */
static void run_group(const native_task *t, int64_t group, int64_t k0, int64_t k,
                      tfm__linear_scratch *mine)
{
  const tfm__kernels *kernels = t->native->kernels;
  const tfm_linear *lin = t->native->job->lin;
  const int64_t wide = kernels->tile_vecs;
  const int64_t panel = group * wide;
  const int64_t vecs = lin->panels - panel < wide ? lin->panels - panel : wide;
  const int64_t ldc = vecs * TFM__LANES;
  float *sums = mine->native.sums + (group - t->group) * wide * TFM__LANES * t->rows;
  const float *weight = lin->weight + (k0 * lin->panels + panel * k) * TFM__LANES;
  tfm__operands from = {.b = weight, .b_next = k * TFM__LANES, .ahead = weight};
  /* The next group follows in memory: its lines come in while this one is computed. */
  if (group + 1 < t->group + t->groups && t->strips > 1) {
    from.ahead = weight + ldc * k;
    from.ahead_step = (ldc + t->strips - 1) / t->strips;
  }
  for (int64_t s = 0; s < t->strips; ++s) {
    const int64_t first = tfm__share(t->rows, t->strips, s);
    const int64_t rows = tfm__share(t->rows, t->strips, s + 1) - first;
    float *c = sums + first * ldc;
    from.a = mine->native.strips + first * k;
    from.a_step = rows;
    kernels->tile[vecs - 1][rows - 1](&from, k, c, ldc, k0 > 0);
    from.ahead += from.ahead_step * k;
    if (k0 + k == lin->K) {
      finish_tile(t, c, ldc, first, rows, panel * TFM__LANES);
    }
  }
}

static void native_run(void *arg, int task, int thread)
{
  (void)thread;
  const native_job *native = arg;
  const tfm_linear *lin = native->job->lin;
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  /* Neighbouring tasks share weights, which are the larger stream. */
  const int64_t chunk = task / native->blocks;
  const int64_t block = task % native->blocks;
  native_task t = {.native = native,
                   .row = tfm__share(native->job->M, native->blocks, block),
                   .group = tfm__share(native->groups, native->chunks, chunk)};
  t.rows = tfm__share(native->job->M, native->blocks, block + 1) - t.row;
  t.strips = (t.rows + native->kernels->tile_rows - 1) / native->kernels->tile_rows;
  t.groups = tfm__share(native->groups, native->chunks, chunk + 1) - t.group;
  for (int64_t k0 = 0; k0 < lin->K; k0 += TFM_LINEAR_K_BLOCK) {
    const int64_t k = lin->K - k0 < TFM_LINEAR_K_BLOCK ? lin->K - k0 : TFM_LINEAR_K_BLOCK;
    pack_rows(&t, k0, k, mine->native.strips);
    for (int64_t g = t.group; g < t.group + t.groups; ++g) {
      run_group(&t, g, k0, k, mine);
    }
  }
}

/* Columns per task: bounded by the buffer and by time, and small enough that every thread has a
 * few tasks to balance with; but not so small that packing the rows shows. */
static int64_t chunk_count(const native_job *native, int nthread)
{
  const tfm__linear_job *job = native->job;
  const int64_t cols = (int64_t)native->kernels->tile_vecs * TFM__LANES;
  const int64_t rows = (job->M + native->blocks - 1) / native->blocks;
  int64_t most = TFM__BLOCK_COLS / cols;
  const int64_t timed = TFM__LINEAR_TASK / (rows * job->lin->K * cols);
  most = timed < most ? timed : most;
  most = most < 1 ? 1 : most;
  int64_t chunks = (native->groups + most - 1) / most;
  if (nthread > 1) {
    const int64_t wanted = (3 * (int64_t)nthread + native->blocks - 1) / native->blocks;
    const int64_t useful = (native->groups * cols + 127) / 128;
    const int64_t more = wanted < useful ? wanted : useful;
    chunks = more > chunks ? more : chunks;
  }
  return chunks < native->groups ? chunks : native->groups;
}

void tfm__linear_run_native(const tfm__linear_job *job, tfm_par *par)
{
  native_job native = {.job = job, .kernels = tfm__kernels_used()};
  if (job->M <= 0) {
    return;
  }
  native.blocks = (job->M + TFM__BLOCK_ROWS - 1) / TFM__BLOCK_ROWS;
  native.groups =
      (job->lin->panels + native.kernels->tile_vecs - 1) / native.kernels->tile_vecs;
  native.chunks = chunk_count(&native, tfm_par_threads(par));
  tfm_par_for(par, (int)(native.blocks * native.chunks), native_run, &native);
}
