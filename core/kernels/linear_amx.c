/* Linear layers out of products of tiles (amx.h): numbers of one, two or three bfloat16 pieces, and
 * int8 where AMX itself is there.
 *
 *  A task owns up to 256 rows and 512 columns. Its rows are turned to words once for each half
 * megabyte of them, which stays in L2; then a group of 32 columns at a time, a block of K of the
 * group's weights (16 to 24 KiB) stays in L1 while all strips of 32 rows pass over it. Sums of a
 * group (32 KiB) go back to memory between blocks: K blocks do not decide bits, because a stored
 * sum is the sum. Weights are packed as for native, pieces of a panel one behind the other.
 */
#include "core/base/clock.h"
#include "core/kernels/amx.h"
#include "core/kernels/linear_private.h"

#include <string.h>

/* ---- packing ----------------------------------------------------------------------------- */

/* n numbers as pieces, each the bfloat16 next to what the ones before left, in `words` words of
 * `to` with zeros behind; pieces are `next` words apart. */
static void to_pieces(const float *x, int64_t n, int pieces, int64_t words, float *to,
                      int64_t next)
{
  enum { AT_ONCE = 256 };
  const tfm__to_bfloat16_fn to_bfloat16 = tfm__to_bfloat16_used();
  for (int p = 0; p < pieces; ++p) {
    unsigned char *tail = (unsigned char *)(to + p * next) + 2 * n;
    memset(tail, 0, (size_t)(4 * words - 2 * n));
  }
  for (int64_t at = 0; at < n; at += AT_ONCE) {
    const int64_t count = n - at < AT_ONCE ? n - at : AT_ONCE;
    float left[AT_ONCE];
    memcpy(left, x + at, (size_t)count * sizeof *left);
    for (int p = 0; p < pieces; ++p) {
      unsigned char *out = (unsigned char *)(to + p * next) + 2 * at;
      to_bfloat16(left, 0, 1, count, out, 0);
      for (int64_t i = 0; i < count && p + 1 < pieces; ++i) {
        uint16_t half = 0;
        float piece = 0.0f;
        memcpy(&half, out + 2 * i, sizeof half);
        const uint32_t bits = (uint32_t)half << 16;
        memcpy(&piece, &bits, sizeof piece);
        left[i] -= piece; /* exact */
      }
    }
  }
}

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* Words of K in a block of packed weights. */
static int64_t block_of(const tfm_linear *lin)
{
  const int pieces = tfm_precision_pieces(lin->precision);
  return pieces == 0 ? TFM_LINEAR_K_BLOCK : pieces == 1 ? TFM__AMX_BLOCK : TFM__AMX_SPLIT;
}

/* Panels of 16 outputs, block by block. */
void tfm__linear_pack_pieces(tfm_linear *lin, int64_t first, int64_t n, const float *weight)
{
  const int pieces = tfm_precision_pieces(lin->precision);
  const int64_t block = block_of(lin);
  for (int64_t k0 = 0; k0 < lin->words; k0 += block) {
    const int64_t k = least(lin->words - k0, block);
    float *to = lin->weight + (k0 * lin->panels + first / TFM__LANES * k) * pieces * TFM__LANES;
    for (int64_t i = 0; i < n; i += TFM__LANES) {
      float words[TFM__AMX_PIECES][TFM__LANES * TFM__AMX_BLOCK];
      const int64_t rows = least(n - i, TFM__LANES);
      for (int64_t r = 0; r < rows; ++r) {
        to_pieces(weight + (i + r) * lin->K + 2 * k0, least(lin->K - 2 * k0, 2 * k), pieces, k,
                  words[0] + r * k, TFM__LANES * TFM__AMX_BLOCK);
      }
      for (int p = 0; p < pieces; ++p) {
        tfm__kernels_used()->pack(words[p], k, rows, k, TFM__LANES, to);
        to += k * TFM__LANES;
      }
    }
  }
}

/* ---- cutting ----------------------------------------------------------------------------- */

typedef struct {
  const tfm__linear_job *job;
  const tfm__amx *amx;
  void (*run)(const tfm__amx_panel *panel);
  int64_t pieces; /* 1 for int8 */
  int64_t block;  /* words of K */
  int64_t slab;   /* words of K whose rows are kept at a time: whole blocks */
  int64_t blocks; /* of rows */
  int64_t groups; /* of columns, in all */
  int64_t chunks; /* of groups: one a task */
} amx_job;

typedef struct {
  const amx_job *of;
  int64_t row; /* first */
  int64_t rows;
  int64_t group; /* first */
  int64_t groups;
  int64_t k0; /* first word of the slab */
  int64_t k;  /* its words */
  int64_t a_row;
} amx_task;

static bool is_int8(const amx_job *of)
{
  return of->job->lin->precision == TFM_INT8;
}

/* ---- one task ---------------------------------------------------------------------------- */

static void find_steps(const amx_task *t, tfm__linear_scratch *mine)
{
  const tfm__linear_job *job = t->of->job;
  for (int64_t i = 0; i < t->rows; ++i) {
    const float reach = tfm__int8_reach(job->lin, job->x + (t->row + i) * job->ldx);
    mine->amx.step[i] = tfm__int8_step(reach, &mine->amx.inverse[i]);
  }
}

/* The slab of the task's rows as words, whole strips of them. */
static void pack_slab(const amx_task *t, tfm__linear_scratch *mine)
{
  const tfm__linear_job *job = t->of->job;
  const bool int8 = is_int8(t->of);
  const int64_t per_word = tfm_precision_per_word(job->lin->precision);
  const int64_t first = t->k0 * per_word;
  const int64_t n = least(job->lin->K - first, t->k * per_word);
  const int64_t padded = (t->rows + TFM__AMX_STRIP - 1) / TFM__AMX_STRIP * TFM__AMX_STRIP;
  for (int64_t i = 0; i < padded; ++i) {
    float *to = mine->amx.words + i * t->a_row;
    const float *x = job->x + (t->row + i) * job->ldx;
    if (i < t->rows && int8) {
      unsigned char *bytes = (unsigned char *)to;
      tfm__int8_bytes(job->lin, x, first, n, mine->amx.inverse[i], bytes);
      memset(bytes + n, 0, (size_t)(4 * t->a_row - n));
    } else if (i < t->rows) {
      to_pieces(x + first, n, (int)t->of->pieces, t->a_row, to, padded * t->a_row);
    }
    for (int64_t p = 0; p < t->of->pieces && i >= t->rows; ++p) {
      memset(to + p * padded * t->a_row, 0, (size_t)t->a_row * sizeof *to);
    }
  }
}

/* What comes after this block of a group: its share of lines for each step of each strip. */
static void look_ahead(const amx_task *t, int64_t group, int64_t k, tfm__amx_panel *panel)
{
  const int64_t strips = (t->rows + TFM__AMX_STRIP - 1) / TFM__AMX_STRIP;
  const int64_t lines = TFM__AMX_GROUP / TFM__LANES * k * t->of->pieces;
  panel->ahead = panel->b[0];
  if (strips > 1 && group + 1 < t->group + t->groups) {
    panel->ahead += lines * TFM__LANES;
    panel->ahead_step = (lines + strips * panel->steps - 1) / (strips * panel->steps);
  }
}

/* All rows of the task, a group, the block of K from word k0 on. */
static void run_block(const amx_task *t, int64_t group, int64_t k0, tfm__linear_scratch *mine)
{
  const tfm_linear *lin = t->of->job->lin;
  const int64_t panel_at = group * (TFM__AMX_GROUP / TFM__LANES);
  const int64_t k = least(lin->words - k0, t->of->block);
  const int64_t padded = (t->rows + TFM__AMX_STRIP - 1) / TFM__AMX_STRIP * TFM__AMX_STRIP;
  const int64_t rest = k % TFM__AMX_STEP;
  tfm__amx_panel panel = {.a = mine->amx.words + (k0 - t->k0),
                          .a_row = t->a_row,
                          .a_piece = padded * t->a_row,
                          .b_piece = k * TFM__LANES,
                          .b_row = TFM__LANES,
                          .steps = (k + TFM__AMX_STEP - 1) / TFM__AMX_STEP,
                          .c = mine->amx.sums + (group - t->group) * TFM__AMX_GROUP * padded,
                          .rows = t->rows,
                          .wide = panel_at + 1 < lin->panels,
                          .go_on = k0 > 0};
  if (is_int8(t->of)) { /* native's form: two panels step by step */
    panel.b_row += panel.wide * TFM__LANES;
  }
  panel.last_row = rest ? TFM__LANES : panel.b_row;
  for (int64_t i = 0; i < 1 + panel.wide; ++i) {
    const int64_t apart = is_int8(t->of) ? 1 : k * t->of->pieces;
    panel.b[i] = lin->weight +
                 ((k0 * lin->panels + panel_at * k) * t->of->pieces + i * apart) * TFM__LANES;
    panel.last[i] = panel.b[i] + (panel.steps - 1) * TFM__AMX_STEP * panel.b_row;
    if (rest) { /* of int8: what follows is another block */
      memset(mine->amx.last[i], 0, sizeof mine->amx.last[i]);
      for (int64_t r = 0; r < rest; ++r) {
        memcpy(mine->amx.last[i] + r * TFM__LANES, panel.last[i] + r * panel.b_row,
               TFM__LANES * sizeof(float));
      }
      panel.last[i] = mine->amx.last[i];
    }
  }
  look_ahead(t, group, k, &panel);
  t->of->run(&panel);
}

static void finish_group(const amx_task *t, int64_t group, tfm__linear_scratch *mine)
{
  const tfm__linear_job *job = t->of->job;
  const bool int8 = is_int8(t->of);
  const int64_t padded = (t->rows + TFM__AMX_STRIP - 1) / TFM__AMX_STRIP * TFM__AMX_STRIP;
  const int64_t col = group * TFM__AMX_GROUP;
  const float *residual = job->epilogue.residual;
  const tfm__finish tile = {
      .c = mine->amx.sums + (group - t->group) * TFM__AMX_GROUP * padded,
      .row_scale = int8 ? mine->amx.step : NULL,
      .col_scale = int8 ? job->lin->scale + col : NULL,
      .shift = int8 ? job->lin->shift + col : NULL,
      .ldc = TFM__AMX_GROUP,
      .rows = t->rows,
      .cols = least(job->lin->N - col, TFM__AMX_GROUP),
      .bias = job->lin->bias + col,
      .residual = residual ? residual + t->row * job->epilogue.ldr + col : residual,
      .ldr = job->epilogue.ldr,
      .y = job->y + t->row * job->ldy + col,
      .ldy = job->ldy,
  };
  tfm__finish_used(job->lin->precision, job->epilogue.act)(&tile);
}

static void amx_run(void *arg, int task, int thread)
{
  (void)thread;
  const amx_job *of = arg;
  const int64_t words = of->job->lin->words;
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  /* Neighbouring tasks share weights, which are the larger stream. */
  const int64_t chunk = task / of->blocks;
  const int64_t block = task % of->blocks;
  amx_task t = {.of = of,
                .row = tfm__share(of->job->M, of->blocks, block),
                .group = tfm__share(of->groups, of->chunks, chunk)};
  t.rows = tfm__share(of->job->M, of->blocks, block + 1) - t.row;
  t.groups = tfm__share(of->groups, of->chunks, chunk + 1) - t.group;
  if (is_int8(of)) {
    find_steps(&t, mine);
  }
  of->amx->begin();
  for (t.k0 = 0; t.k0 < words; t.k0 += of->slab) {
    t.k = least(words - t.k0, of->slab);
    t.a_row = (t.k + TFM__AMX_STEP - 1) / TFM__AMX_STEP * TFM__AMX_STEP;
    pack_slab(&t, mine);
    for (int64_t g = t.group; g < t.group + t.groups; ++g) {
      for (int64_t k0 = t.k0; k0 < t.k0 + t.k; k0 += of->block) {
        run_block(&t, g, k0, mine);
      }
      if (t.k0 + t.k == words) {
        finish_group(&t, g, mine);
      }
    }
  }
  of->amx->end();
}

/* ---- a run ------------------------------------------------------------------------------- */

/* Products of one number of x and one of w. */
static int64_t products_of(int64_t pieces)
{
  return pieces * (pieces + 1) / 2;
}

/* Columns per task: bounded by the buffer and by time, a few tasks for each thread; but not so few
 * columns that packing the rows shows. */
static int64_t chunk_count(const amx_job *of, int nthread)
{
  const tfm__linear_job *job = of->job;
  const int64_t rows = (job->M + of->blocks - 1) / of->blocks;
  const int64_t each = rows * job->lin->words * tfm_precision_per_word(job->lin->precision) *
                       products_of(of->pieces) * TFM__AMX_GROUP;
  const int64_t timed = of->amx->task / each;
  int64_t most = least(timed, TFM__AMX_COLS / TFM__AMX_GROUP);
  most = most < 1 ? 1 : most;
  int64_t chunks = (of->groups + most - 1) / most;
  if (nthread > 1) {
    const int64_t wanted = (3 * (int64_t)nthread + of->blocks - 1) / of->blocks;
    const int64_t useful = (of->groups * TFM__AMX_GROUP + 127) / 128;
    const int64_t more = least(wanted, useful);
    chunks = more > chunks ? more : chunks;
  }
  return least(chunks, of->groups);
}

static amx_job job_of(const tfm__amx *amx, const tfm_linear *lin)
{
  const int pieces = tfm_precision_pieces(lin->precision);
  amx_job of = {.amx = amx,
                .run = pieces == 0 ? amx->int8 : amx->pieces[pieces - 1],
                .pieces = pieces == 0 ? 1 : pieces,
                .block = block_of(lin),
                .groups = (lin->panels * TFM__LANES + TFM__AMX_GROUP - 1) / TFM__AMX_GROUP};
  of.slab = TFM__AMX_WORDS / TFM__AMX_ROWS / of.pieces / of.block * of.block;
  return of;
}

void tfm__linear_run_amx(const tfm__linear_job *job, const tfm__amx *amx, tfm_par *par)
{
  amx_job of = job_of(amx, job->lin);
  if (job->M <= 0) {
    return;
  }
  of.job = job;
  of.blocks = (job->M + TFM__AMX_ROWS - 1) / TFM__AMX_ROWS;
  of.chunks = chunk_count(&of, tfm_par_threads(par));
  tfm_par_for(par, (int)(of.blocks * of.chunks), amx_run, &of);
}

double tfm__amx_peak(tfm_precision precision)
{
  enum { CALLS = 400, RUNS = 8, STEPS = 2 };
  const tfm__amx *amx = tfm__amx_used();
  const tfm_linear lin = {.precision = precision, .panels = 2};
  const amx_job of = job_of(amx, &lin);
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  const int64_t row = STEPS * TFM__AMX_STEP;
  memset(mine->amx.words, 0, sizeof mine->amx.words);
  const tfm__amx_panel panel = {.a = mine->amx.words,
                                .a_row = row,
                                .a_piece = TFM__AMX_STRIP * row,
                                .b = {mine->amx.words, mine->amx.words},
                                .last = {mine->amx.words, mine->amx.words},
                                .b_piece = row * TFM__LANES,
                                .ahead = mine->amx.words,
                                .steps = STEPS,
                                .c = mine->amx.sums,
                                .rows = TFM__AMX_STRIP,
                                .wide = true};
  double best_s = 0;
  amx->begin();
  for (int run = 0; run < RUNS; ++run) {
    const double begin = tfm_thread_cpu_s();
    for (int i = 0; i < CALLS; ++i) {
      of.run(&panel);
    }
    const double took = tfm_thread_cpu_s() - begin;
    best_s = run == 0 || took < best_s ? took : best_s;
  }
  amx->end();
  const double words = (double)TFM__AMX_STRIP * TFM__AMX_GROUP * (double)row * CALLS;
  return best_s > 0 ? 2 * words * tfm_precision_per_word(precision) / best_s : 0;
}
