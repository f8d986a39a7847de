/* Packed linear layers: register tiles over rows of words, blocked for the caches.
 *
 *  A task owns up to 112 rows. It lays 768 words of each out by K blocks (they stay in L2), then
 * walks its columns, a pair of panels at a time: a K block of the pair (24 KiB) stays in L1 while
 * all rows pass over it, a strip as high as a tile after the other, and so do the pair's sums.
 * Where rows are few all columns of a K block come before the next one.
 * After the last block each tile gets its epilogue while it is still in L1. Deeper rows take
 * several such walks, over 512 columns at most, whose sums wait in L2. Between two layers rows are
 * laid out by the first one's epilogue.
 *  Weights in groups (linear_groups.c) become floats in the registers of a tile where rows are few;
 * else once for all strips of a task, a K block of a pair (24 KiB) in L1.
 */
#include "core/kernels/inline.h"
#include "core/kernels/linear_private.h"

#include <string.h>

enum {
  GROUP = 2,   /* panels, but of weights that a tile makes floats of: a quad */
  FEW = 2,     /* strips of rows that wait for weights */
  AHEAD = 4096 /* floats from where weights are read to where they are fetched */
};

static _Thread_local tfm__linear_scratch scratch;

tfm__linear_scratch *tfm__linear_scratch_mine(void)
{
  return &scratch;
}

/* Zeros behind n values, up to `row` bytes of words. */
static void end_words(tfm_precision precision, int64_t n, unsigned char *words, int64_t row)
{
  const int64_t bytes = precision == TFM_INT8 ? n : 2 * n;
  if (bytes < row) {
    memset(words + bytes, 0, (size_t)(row - bytes));
  }
}

/* The part of a K block, given in words, that rows of lin->K have: its first value, and how
 * many. */
static int64_t block_of(const tfm_linear *lin, int64_t k0, int64_t k, int64_t *first)
{
  const int64_t per_word = tfm_precision_per_word(lin->precision);
  *first = k0 * per_word;
  return *first + k * per_word < lin->K ? k * per_word : lin->K - *first;
}

/* Floats from a step of k to the next in a panel: two panels lie step by step side by side, so that
 * both are one stream; one that has no neighbour lies alone. */
static int64_t panel_step(const tfm_linear *lin, int64_t panel)
{
  return (panel | 1) < lin->panels ? 2 * TFM__LANES : TFM__LANES;
}

/* Where the K block of k words at k0 of a panel begins. */
static float *panel_at(const tfm_linear *lin, int64_t panel, int64_t k0, int64_t k)
{
  return lin->weight + (k0 * lin->panels + panel / 2 * 2 * k + panel % 2) * (int64_t)TFM__LANES;
}

/* Up to a panel of rows, those of the outputs from n0 on, one K block. */
static void pack_panel(tfm_linear *lin, const float *weight, int64_t n0, int64_t k0, int64_t k)
{
  float *panel = panel_at(lin, n0 / TFM__LANES, k0, k);
  const int64_t step = panel_step(lin, n0 / TFM__LANES);
  const tfm__kernels *kernels = tfm__kernels_used();
  const int64_t rows = lin->N - n0 < TFM__LANES ? lin->N - n0 : TFM__LANES;
  int64_t first = 0;
  const int64_t n = block_of(lin, k0, k, &first);
  if (lin->precision == TFM_FLOAT32) { /* groups are linear_groups.c's */
    kernels->pack(weight + first, lin->K, rows, k, step, panel);
    return;
  }
  unsigned char words[TFM__LANES * TFM_LINEAR_K_BLOCK * 4];
  for (int64_t i = 0; i < rows; ++i) {
    const float *row = weight + i * lin->K;
    float inverse = 0.0f;
    if (lin->precision == TFM_INT8) {
      lin->scale[n0 + i] = tfm__int8_step(kernels->reach(row, lin->K), &inverse);
    }
    unsigned char *to = words + i * k * 4;
    if (lin->precision == TFM_INT8) {
      kernels->to_int8(row + first, n, inverse, 0, to);
    } else {
      tfm__to_bfloat16_used()(row + first, 0, 1, n, to, 0);
    }
    end_words(lin->precision, n, to, k * 4);
  }
  kernels->pack((const float *)(const void *)words, k, rows, k, step, panel);
}

/* What the shift of x's bytes adds to the sums of a panel. */
static void add_shift(const float *panel, int64_t step, int64_t k, float *shift)
{
  for (int64_t i = 0; i < TFM__LANES; ++i) {
    int32_t sum = 0;
    memcpy(&sum, shift + i, sizeof sum);
    for (int64_t at = 0; at < k; ++at) {
      int8_t w[4];
      memcpy(w, panel + at * step + i, sizeof w);
      sum += TFM__INT8_SHIFT * (w[0] + w[1] + w[2] + w[3]);
    }
    memcpy(shift + i, &sum, sizeof sum);
  }
}

void tfm__linear_pack_native(tfm_linear *lin, int64_t first, int64_t n, const float *weight)
{
  const int64_t begin = first / TFM__LANES;
  const int64_t end = (first + n + TFM__LANES - 1) / TFM__LANES;
  for (int64_t k0 = 0; k0 < lin->words; k0 += TFM_LINEAR_K_BLOCK) {
    const int64_t k =
        lin->words - k0 < TFM_LINEAR_K_BLOCK ? lin->words - k0 : TFM_LINEAR_K_BLOCK;
    for (int64_t p = begin; p < end; ++p) {
      const float *rows = weight + (p - begin) * TFM__LANES * lin->K;
      pack_panel(lin, rows, p * TFM__LANES, k0, k);
      if (lin->precision == TFM_INT8) {
        add_shift(panel_at(lin, p, k0, k), panel_step(lin, p), k, lin->shift + p * TFM__LANES);
      }
    }
  }
}

/* How a job is cut. Columns come in groups of panels. */
typedef struct {
  const tfm__linear_job *job;
  const tfm__kernels *kernels;
  const tfm__tiles *tiles;
  tfm__to_bfloat16_fn to_bfloat16;
  tfm__finish_fn finish;
  bool grouped;        /* weights are in groups, */
  bool direct;         /* which tiles take as they are */
  int64_t wide;        /* panels of a group of columns */
  int64_t per_word;    /* values */
  int64_t depth_after; /* of y's words: K blocks of the next layer */
  int64_t blocks;      /* of rows */
  int64_t first;       /* group of columns, */
  int64_t groups;      /* and how many */
  int64_t chunks;      /* of groups: one a task */
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

/* The step of int8 of a row of the task. */
static void find_step(const native_task *t, int64_t i, const float *x)
{
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  const float reach = tfm__int8_reach(t->native->job->lin, x);
  mine->native.step[i] = tfm__int8_step(reach, &mine->native.inverse[i]);
}

/* Lines of n floats come into the cache: a piece of a row is too short for the hardware to see it
 * coming. */
ALWAYS_INLINE void fetch(const float *x, int64_t n)
{
  for (int64_t j = 0; j < n; j += TFM__LANES) {
    __builtin_prefetch(x + j);
  }
}

static int64_t block_words(int64_t k0, int64_t end)
{
  return end - k0 < TFM_LINEAR_K_BLOCK ? end - k0 : TFM_LINEAR_K_BLOCK;
}

/* Words [k0, end) of a row, K blocks `apart`; meanwhile the next row is fetched. A step is found
 * just before, which leaves the row in L1. */
static void lay_row(const native_task *t, int64_t i, int64_t k0, int64_t end, int64_t apart,
                    float *words)
{
  const tfm__linear_job *job = t->native->job;
  const float *x = job->x + (t->row + i) * job->ldx;
  const int64_t ahead = i + 1 < t->rows ? job->ldx : 0;
  if (job->lin->precision == TFM_INT8 && k0 == 0) {
    find_step(t, i, x);
  }
  const float inverse = tfm__linear_scratch_mine()->native.inverse[i];
  for (; k0 < end; k0 += TFM_LINEAR_K_BLOCK, words += apart) {
    const int64_t k = block_words(k0, end);
    int64_t begin = 0;
    const int64_t n = block_of(job->lin, k0, k, &begin);
    unsigned char *bytes = (unsigned char *)words;
    fetch(x + ahead + begin, n);
    if (!tfm_precision_narrow(job->lin->precision)) {
      memcpy(words, x + begin, (size_t)n * sizeof *words);
      continue;
    }
    if (job->lin->precision == TFM_INT8) {
      tfm__int8_bytes(job->lin, x, begin, n, inverse, bytes);
    } else {
      tfm__to_bfloat16_used()(x + begin, 0, 1, n, bytes, 0);
    }
    end_words(job->lin->precision, n, bytes, k * 4);
  }
}

/* All rows of the task, words [k0, end) of them: a K block of all rows after the other. */
static void lay_rows(const native_task *t, int64_t k0, int64_t end, float *words)
{
  for (int64_t i = 0; i < t->rows; ++i) {
    lay_row(t, i, k0, end, t->rows * TFM__ROW_STEP, words + i * TFM__ROW_STEP);
  }
}

static int64_t depth_of(int64_t words)
{
  return (words + TFM_LINEAR_K_BLOCK - 1) / TFM_LINEAR_K_BLOCK;
}

/* Where words of the task's rows begin, `depth` K blocks a row, from word k0 on. */
static int64_t words_at(const native_task *t, int64_t depth, int64_t k0)
{
  const int64_t rows = t->row * depth + k0 / TFM_LINEAR_K_BLOCK * t->rows;
  return rows * TFM__ROW_STEP + k0 % TFM_LINEAR_K_BLOCK;
}

/* Where column col of row `first` of the task goes: as a word, when words are wanted. */
static float *place_of(const native_task *t, int64_t first, int64_t col, int64_t *ld)
{
  const tfm__linear_job *job = t->native->job;
  if (!job->y_words) {
    *ld = job->ldy;
    return job->y + (t->row + first) * job->ldy + col;
  }
  const int64_t word = t->native->per_word == 1 ? col : col / 2;
  *ld = TFM__ROW_STEP;
  return job->y_words + words_at(t, t->native->depth_after, word) + first * TFM__ROW_STEP;
}

/* A finished tile as words of bfloat16, ldy floats a row. */
static void round_tile(const native_task *t, const tfm__finish *tile, float *y, int64_t ldy)
{
  unsigned char *words = (unsigned char *)y;
  const int64_t apart = ldy * (int64_t)sizeof *y;
  t->native->to_bfloat16(tile->y, tile->ldy, tile->rows, tile->cols, words, apart);
  for (int64_t i = 0; tile->cols % 2 != 0 && i < tile->rows; ++i) {
    memset(words + i * apart + 2 * tile->cols, 0, 2);
  }
}

static void finish_tile(const native_task *t, const float *c, int64_t ldc, int64_t first,
                        int64_t rows, int64_t col)
{
  _Alignas(64) float rounded[TFM__TILE_ROWS][TFM__TILE_VECS * TFM__LANES];
  const tfm__linear_job *job = t->native->job;
  const bool int8 = job->lin->precision == TFM_INT8;
  const int64_t row = t->row + first;
  const float *residual = job->epilogue.residual;
  const int64_t left = job->lin->N - col;
  const bool rounds = job->y_words && tfm_precision_narrow(job->lin->precision);
  int64_t ldy = 0;
  float *y = place_of(t, first, col, &ldy);
  const tfm__finish tile = {
      .c = c,
      .row_scale = int8 ? tfm__linear_scratch_mine()->native.step + first : NULL,
      .col_scale = int8 ? job->lin->scale + col : NULL,
      .shift = int8 ? job->lin->shift + col : NULL,
      .ldc = ldc,
      .rows = rows,
      .cols = left < ldc ? left : ldc,
      .bias = job->lin->bias + col,
      .residual = residual ? residual + row * job->epilogue.ldr + col : residual,
      .ldr = job->epilogue.ldr,
      .y = rounds ? rounded[0] : y,
      .ldy = rounds ? TFM__TILE_VECS * TFM__LANES : ldy,
  };
  t->native->finish(&tile);
  if (rounds) {
    round_tile(t, &tile, y, ldy);
  }
}

/* A group of one K block, and what is fetched meanwhile. */
typedef struct {
  int64_t panel; /* first */
  int64_t vecs;  /* panels */
  int64_t k0, k;
  const float *ahead; /* NULL for nothing */
} block_of_panels;

static block_of_panels block_at(const native_job *native, int64_t group, int64_t k0, int64_t k)
{
  const int64_t wide = native->wide;
  const int64_t left = native->job->lin->panels - group * wide;
  const bool whole = native->direct || left >= wide; /* a quad has all its panels */
  return (block_of_panels){
      .panel = group * wide, .vecs = whole ? wide : left, .k0 = k0, .k = k};
}

/* Where its weights lie, and how many words of them. */
static const float *place_of_block(const native_job *native, const block_of_panels *b)
{
  const tfm_linear *lin = native->job->lin;
  return native->grouped ? tfm__group_block(lin, b->panel, b->k0, b->k)
                         : panel_at(lin, b->panel, b->k0, b->k);
}

static int64_t words_of_block(const native_job *native, const block_of_panels *b)
{
  return native->grouped ? tfm__group_words(b->k) : b->vecs * b->k * TFM__LANES;
}

/* What finish_tile() will read and write besides c comes in while the tile is computed. */
ALWAYS_INLINE void fetch_ends(const native_task *t, int64_t first, int64_t rows, int64_t col)
{
  const tfm__linear_job *job = t->native->job;
  const float *residual = job->epilogue.residual;
  int64_t ldy = 0;
  const float *y = place_of(t, first, col, &ldy);
  if (residual) {
    residual += (t->row + first) * job->epilogue.ldr + col;
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < (int64_t)TFM__TILE_VECS * TFM__LANES; j += TFM__LANES) {
      __builtin_prefetch(y + i * ldy + j, 1);
      if (residual && residual != y) {
        __builtin_prefetch(residual + i * job->epilogue.ldr + j);
      }
    }
  }
}

/* One strip of so many rows over the group, as many panels at a time as a tile is wide. */
static void run_strip(const native_task *t, const block_of_panels *b, int64_t rows,
                      tfm__operands *from, float *c)
{
  const int64_t wide = t->native->kernels->tile_vecs;
  const int64_t ldc = b->vecs * TFM__LANES;
  const float *first = from->b;
  if (t->native->direct) {
    (*t->native->kernels->tile_groups)[rows - 1](from, b->k, c, ldc, b->k0 > 0);
    from->ahead += from->ahead_step * (tfm__group_words(b->k) / TFM__GROUP_LINE);
    return;
  }
  for (int64_t p = 0; p < b->vecs; p += wide) {
    const int64_t vecs = b->vecs - p < wide ? b->vecs - p : wide;
    from->b = first + p * TFM__LANES;
    (*t->native->tiles)[TFM__ROWS][vecs - 1][rows - 1](from, b->k, c + p * TFM__LANES, ldc,
                                                       b->k0 > 0);
    from->ahead += from->ahead_step * b->k;
  }
  from->b = first;
}

/* Its weights as tiles read them, and what these fetch: as many words as the block has, shared out
 * evenly. */
static tfm__operands operands_of(const native_task *t, const block_of_panels *b)
{
  const native_job *native = t->native;
  const tfm_linear *lin = native->job->lin;
  const int64_t wide = native->direct ? native->wide : native->kernels->tile_vecs;
  const int64_t tiles = t->strips * ((b->vecs + wide - 1) / wide);
  const int64_t step = native->grouped ? TFM__GROUP_LINE : b->vecs * TFM__LANES;
  tfm__operands from = {.b = place_of_block(native, b),
                        .b_step =
                            native->grouped ? GROUP * TFM__LANES : panel_step(lin, b->panel),
                        .b_next = TFM__LANES};
  from.ahead = b->ahead ? b->ahead : from.b;
  from.ahead_step = b->ahead ? (step + tiles - 1) / tiles : 0;
  from.ahead_more = from.ahead_step > TFM__LANES ? TFM__LANES : 0;
  if (native->grouped && !native->direct) {
    float *floats = tfm__linear_scratch_mine()->native.floats;
    native->kernels->ungroup(from.b, b->k, (int)(b->panel % TFM__QUAD), floats);
    from.b = floats;
  }
  return from;
}

/* All strips of the task over it. */
static void run_block(const native_task *t, const block_of_panels *b, const float *words,
                      float *sums)
{
  const tfm_linear *lin = t->native->job->lin;
  const int64_t ldc = b->vecs * TFM__LANES;
  const int64_t k = b->k;
  /* A tile that is finished at once need not be kept. */
  const int64_t kept = lin->words > TFM_LINEAR_K_BLOCK ? ldc : 0;
  tfm__operands from = operands_of(t, b);
  for (int64_t s = 0; s < t->strips; ++s) {
    const int64_t first = tfm__share(t->rows, t->strips, s);
    const int64_t rows = tfm__share(t->rows, t->strips, s + 1) - first;
    float *c = sums + first * kept;
    from.a = words + first * TFM__ROW_STEP;
    if (b->k0 + k == lin->words) {
      fetch_ends(t, first, rows, b->panel * TFM__LANES);
    }
    run_strip(t, b, rows, &from, c);
    if (b->k0 + k == lin->words) {
      finish_tile(t, c, ldc, first, rows, b->panel * TFM__LANES);
    }
  }
}

/* All strips of the task over one group of panels, words [begin, end) of K, which lie there. */
static void run_group(const native_task *t, int64_t group, int64_t begin, int64_t end,
                      const float *words, tfm__linear_scratch *mine)
{
  const tfm_linear *lin = t->native->job->lin;
  const bool last = group + 1 == t->group + t->groups;
  const int64_t place = lin->words > TFM__BLOCK_DEPTH ? group - t->group : 0;
  float *sums = mine->native.sums + place * t->native->wide * TFM__LANES * t->rows;
  for (int64_t k0 = begin; k0 < end; k0 += TFM_LINEAR_K_BLOCK) {
    const int64_t k = block_words(k0, end);
    const int64_t next = k0 + k < end ? k0 + k : begin;
    block_of_panels b = block_at(t->native, group, k0, k);
    if (next > begin || !last) {
      const block_of_panels then =
          block_at(t->native, next > begin ? group : group + 1, next, block_words(next, end));
      b.ahead = place_of_block(t->native, &then);
    }
    run_block(t, &b, words, sums);
    words += t->rows * TFM__ROW_STEP;
  }
}

/* Whether the rows are so few that it is weights they wait for, and all the task's sums have
 * room. */
static bool streams(const native_task *t)
{
  return t->strips <= FEW && t->groups * t->native->wide * TFM__LANES * t->rows <=
                                 TFM__BLOCK_ROWS * TFM__BLOCK_COLS;
}

/* All strips of the task over words [begin, end) of K of its columns, all of a K block after the
 * other: weights are read in the order they lie in, and fetched a little ahead. */
static void run_stream(const native_task *t, int64_t begin, int64_t end, const float *words,
                       tfm__linear_scratch *mine)
{
  const tfm_linear *lin = t->native->job->lin;
  const float *all = lin->weight + lin->weight_count;
  for (int64_t k0 = begin; k0 < end; k0 += TFM_LINEAR_K_BLOCK) {
    const int64_t k = block_words(k0, end);
    for (int64_t g = 0; g < t->groups; ++g) {
      block_of_panels b = block_at(t->native, t->group + g, k0, k);
      const float *block = place_of_block(t->native, &b);
      const int64_t left = all - block - words_of_block(t->native, &b);
      b.ahead = block + (left < AHEAD ? left : AHEAD);
      run_block(t, &b, words, mine->native.sums + g * t->native->wide * TFM__LANES * t->rows);
    }
    words += t->rows * TFM__ROW_STEP;
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
                   .group = native->first + tfm__share(native->groups, native->chunks, chunk)};
  t.rows = tfm__share(native->job->M, native->blocks, block + 1) - t.row;
  t.strips = (t.rows + native->kernels->tile_rows - 1) / native->kernels->tile_rows;
  t.groups = native->first + tfm__share(native->groups, native->chunks, chunk + 1) - t.group;
  for (int64_t k0 = 0; k0 < lin->words; k0 += TFM__BLOCK_DEPTH) {
    const int64_t end = lin->words - k0 < TFM__BLOCK_DEPTH ? lin->words : k0 + TFM__BLOCK_DEPTH;
    const float *words = mine->native.words;
    if (native->job->x_words) {
      words = native->job->x_words + words_at(&t, depth_of(lin->words), k0);
    } else {
      lay_rows(&t, k0, end, mine->native.words);
    }
    for (int64_t g = t.group; g < t.group + t.groups && !streams(&t); ++g) {
      run_group(&t, g, k0, end, words, mine);
    }
    if (streams(&t)) {
      run_stream(&t, k0, end, words, mine);
    }
  }
}

/* Columns per task: bounded by the buffer of sums and by time, and few enough that every thread
 * has some tasks to balance with; but not so few that packing the rows shows. */
static int64_t chunk_count(const native_job *native, int nthread)
{
  const tfm__linear_job *job = native->job;
  const int64_t cols = native->wide * TFM__LANES;
  const int64_t rows = (job->M + native->blocks - 1) / native->blocks;
  int64_t most = job->lin->words > TFM__BLOCK_DEPTH ? TFM__BLOCK_COLS / cols : native->groups;
  const int64_t timed = TFM__LINEAR_TASK / (rows * job->lin->words * cols);
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

/* Strips of the largest task. */
static int64_t strips_of(const native_job *native)
{
  const int64_t rows = (native->job->M + native->blocks - 1) / native->blocks;
  return (rows + native->kernels->tile_rows - 1) / native->kernels->tile_rows;
}

void tfm__linear_run_native(const tfm__linear_job *job, tfm_par *par)
{
  native_job native = {.job = job,
                       .grouped = job->lin->precision == TFM_INT8_GROUPS,
                       .kernels = tfm__kernels_used(),
                       .tiles = tfm__tiles_used(job->lin->precision),
                       .to_bfloat16 = tfm__to_bfloat16_used(),
                       .finish = tfm__finish_used(job->lin->precision, job->epilogue.act),
                       .per_word = tfm_precision_per_word(job->lin->precision)};
  if (job->M <= 0) {
    return;
  }
  native.depth_after = depth_of((job->lin->N + native.per_word - 1) / native.per_word);
  native.blocks = (job->M + TFM__BLOCK_ROWS - 1) / TFM__BLOCK_ROWS;
  native.direct = native.grouped && strips_of(&native) <= 1;
  native.wide = native.direct ? TFM__QUAD : GROUP;
  const int64_t cols = native.wide * TFM__LANES;
  const int64_t end = job->part > 0 ? job->first + job->part : job->lin->N;
  native.first = job->first / cols;
  native.groups = (end + cols - 1) / cols - native.first;
  native.chunks = chunk_count(&native, tfm_par_threads(par));
  tfm_par_for(par, (int)(native.blocks * native.chunks), native_run, &native);
}
