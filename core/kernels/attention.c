/* Attention per (sequence, head): keys as strips, values as panels, queries in groups as wide
 * as a tile. Scores are made transposed, [key][query]: then a softmax runs down a column with
 * no step across lanes, and the same memory is already the strip that the product with V reads.
 */
#include "core/kernels/attention.h"

#include "core/base/mem.h"
#include "core/kernels/activation.h"
#include "core/kernels/inline.h"
#include "core/kernels/linear.h"
#include "core/kernels/table.h"

#include <math.h>
#include <string.h>

enum {
  GROUP = TFM__TILE_VECS * TFM__LANES, /* queries of a group, at most */
  NARROW_D = 512,                      /* widest heads in bfloat16 */
  TASK_WORK = 40000000                 /* multiply-adds: under a millisecond at 100 GFLOP/s */
};

/* Offsets of one thread's scratch, in floats, for sequences of up to `len` tokens. */
typedef struct {
  int64_t keys;     /* strips [D][rows], and what the last pack runs over */
  int64_t values;   /* panels [len][16] */
  int64_t queries;  /* panels [D][16] of one group */
  int64_t scores;   /* [len][GROUP] */
  int64_t tile;     /* [rows][GROUP] of output */
  int64_t by_query; /* [GROUP][positions] */
  int64_t by_key;   /* [len][positions] */
  int64_t floats;
} layout;

/* The panels of positions that sequences of up to `len` tokens reach. */
typedef struct {
  int64_t first, count;
} panel_range;

static panel_range panels_of(const tfm_heads *heads, int64_t len)
{
  const tfm_attention_terms *terms = heads->terms;
  if (!terms || !terms->place || len == 0) {
    return (panel_range){0, 0};
  }
  const int64_t first = terms->place[terms->reach - len] / TFM__LANES;
  return (panel_range){first, terms->place[terms->reach + len - 2] / TFM__LANES - first + 1};
}

static int64_t position_panels(int64_t R)
{
  return (R + TFM__LANES - 1) / TFM__LANES;
}

size_t tfm_attention_pack_floats(const tfm_heads *heads, int64_t R)
{
  return (size_t)(heads->N * position_panels(R) * heads->D) * TFM__LANES;
}

void tfm_attention_pack(const tfm_heads *heads, const float *rows, int64_t R, float *packed)
{
  const int64_t D = heads->D;
  for (int64_t head = 0; head < heads->N; ++head) {
    for (int64_t r = 0; r < R; r += TFM__LANES) {
      const int64_t n = R - r < TFM__LANES ? R - r : TFM__LANES;
      tfm__kernels_used()->pack(rows + r * heads->N * D + head * D, heads->N * D, n, D,
                                TFM__LANES, packed);
      packed += D * TFM__LANES;
    }
  }
}

static layout layout_of(const tfm_heads *heads, int64_t len)
{
  const int64_t panels = (heads->D + TFM__LANES - 1) / TFM__LANES;
  layout at = {0};
  at.values = (len + TFM__LANES) * heads->D + TFM__LANES;
  at.values += (TFM__LANES - at.values % TFM__LANES) % TFM__LANES;
  at.queries = at.values + panels * len * TFM__LANES;
  at.scores = at.queries + GROUP * heads->D;
  at.tile = at.scores + GROUP * len;
  const int64_t positions = panels_of(heads, len).count * TFM__LANES;
  at.by_query = at.tile + TFM__TILE_ROWS * GROUP;
  at.by_key = at.by_query + GROUP * positions;
  at.floats = at.by_key + len * positions;
  return at;
}

size_t tfm_attention_scratch_bytes(const tfm_heads *heads, int64_t max_len)
{
  return (size_t)layout_of(heads, max_len).floats * sizeof(float);
}

typedef struct {
  const tfm_heads *heads;
  const float *qkv;
  int64_t ldqkv;
  const int32_t *cu_len;
  const int32_t *span;
  float *out;
  int64_t ldo;
  float *scratch;
  int64_t units;   /* (sequence, head) pairs */
  int64_t chunk;   /* units of a task */
  int64_t runs;    /* tasks a unit is cut into */
  int64_t run_len; /* query rows of a run */
  layout at;
} attention_job;

/* One (sequence, head), packed. */
typedef struct {
  const attention_job *job;
  const tfm__kernels *kernels;
  const tfm__tiles *tiles;
  bool narrow;   /* in bfloat16: then steps of k are words of two numbers */
  int64_t depth; /* steps of a score: D, or its words */
  int64_t first; /* row of the sequence */
  int64_t len;
  int64_t strips; /* its keys are shared out over */
  int64_t head;
  float *keys;
  float *values;
  float *queries;
  float *scores;
  float *tile;
  int64_t low, high;  /* keys the group at work sees some of; low a multiple of a K block */
  panel_range panels; /* of positions */
  float *by_query, *by_key; /* chains of q and k with the positions of `panels` */
} head_work;

static const float *part_of(const head_work *w, int64_t row, int64_t part)
{
  const tfm_heads *heads = w->job->heads;
  const int64_t G = tfm_heads_of_keys(heads);
  const int64_t head =
      part == 0 ? w->head : heads->N + (part - 1) * G + w->head / (heads->N / G);
  return w->job->qkv + (w->first + row) * w->job->ldqkv + head * heads->D;
}

static bool is_narrow(const tfm_heads *heads)
{
  const tfm_attention_terms *terms = heads->terms;
  return heads->bfloat16 && heads->D <= NARROW_D &&
         (!terms || (!terms->windowed && !terms->place));
}

/* `rows` (1..16) rows of a part from `row` on as a strip, `step` side by side. */
static void pack_part(const head_work *w, int64_t part, int64_t row, int64_t rows, int64_t step,
                      float *out)
{
  const int64_t D = w->job->heads->D;
  const float *from = part_of(w, row, part);
  if (!w->narrow) {
    w->kernels->pack(from, w->job->ldqkv, rows, D, step, out);
    return;
  }
  _Alignas(64) unsigned char words[TFM__LANES][NARROW_D * 2];
  const int64_t bytes = w->depth * 4;
  for (int64_t i = 0; i < rows && D % 2 != 0; ++i) {
    memset(words[i] + bytes - 4, 0, 4); /* the other half of an odd last number */
  }
  tfm__to_bfloat16_used()(from, w->job->ldqkv, rows, D, words[0], sizeof words[0]);
  w->kernels->pack((const float *)(const void *)words, NARROW_D / 2, rows, w->depth, step, out);
}

static void pack_keys(const head_work *w)
{
  for (int64_t s = 0; s < w->strips; ++s) {
    const int64_t row = tfm__share(w->len, w->strips, s);
    const int64_t rows = tfm__share(w->len, w->strips, s + 1) - row;
    pack_part(w, 1, row, rows, rows, w->keys + row * w->depth);
  }
}

static const float no_row[NARROW_D]; /* the other half of an odd last key */

/* Panels of words: the values of two keys. */
static void pair_values(const head_work *w)
{
  const int64_t D = w->job->heads->D;
  const int64_t pairs = (w->len + 1) / 2;
  const tfm__pair_bfloat16_fn pair = tfm__pair_bfloat16_used();
  for (int64_t p = 0; p < pairs; ++p) {
    const float *even = part_of(w, 2 * p, 2);
    const float *odd = 2 * p + 1 < w->len ? part_of(w, 2 * p + 1, 2) : no_row;
    for (int64_t d = 0; d < D; d += TFM__LANES) {
      float *to = w->values + d * pairs + p * TFM__LANES;
      if (D - d < TFM__LANES) {
        memset(to, 0, TFM__LANES * sizeof *to);
      }
      pair(even + d, odd + d, D - d < TFM__LANES ? D - d : TFM__LANES, to);
    }
  }
}

/* The same of the group's weights, in place: a pair's row lies at or before its first. */
static void pair_weights(const head_work *w, int64_t wide)
{
  const tfm__pair_bfloat16_fn pair = tfm__pair_bfloat16_used();
  for (int64_t key = 0; key < w->len; key += 2) {
    const float *even = w->scores + key * wide;
    pair(even, key + 1 < w->len ? even + wide : no_row, wide, w->scores + key / 2 * wide);
  }
}

static void pack_values(const head_work *w)
{
  const int64_t D = w->job->heads->D;
  const int64_t whole = D / TFM__LANES * TFM__LANES;
  for (int64_t row = 0; row < w->len; ++row) {
    const float *from = part_of(w, row, 2);
    float *to = w->values + row * TFM__LANES;
    for (int64_t d = 0; d < whole; d += TFM__LANES) {
      memcpy(to + d * w->len, from + d, TFM__LANES * sizeof *to);
    }
    if (whole < D) {
      memset(to + whole * w->len, 0, TFM__LANES * sizeof *to);
      memcpy(to + whole * w->len, from + whole, (size_t)(D - whole) * sizeof *to);
    }
  }
}

/* A head's rows are short pieces far apart, which no hardware prefetcher follows: while queries
 * [first, last) are worked on, fetch the same rows of the next head. */
ALWAYS_INLINE void fetch_next_head(const head_work *w, int64_t first, int64_t last)
{
  const int64_t D = w->job->heads->D;
  if (w->head + 1 == w->job->heads->N) {
    return;
  }
  for (int64_t row = first; row < last; ++row) {
    for (int64_t part = 0; part < 3; ++part) {
      const float *next = part_of(w, row, part) + D;
      for (int64_t d = 0; d < D; d += TFM__LANES) {
        __builtin_prefetch(next + d, 0, 2);
      }
    }
  }
}

/* c [rows][16*panels.count]: the chains of `rows` rows, `step` apart for each d, with a head's
 * positions. */
static void meet_positions(const head_work *w, const float *a, int64_t step, int64_t rows,
                           const float *packed, float *c)
{
  const tfm_heads *heads = w->job->heads;
  const int64_t panel = heads->D * TFM__LANES;
  const int64_t ldc = w->panels.count * TFM__LANES;
  packed += (w->head * position_panels(heads->terms->R) + w->panels.first) * panel;
  for (int64_t p = 0; p < w->panels.count; p += w->kernels->tile_vecs) {
    const int64_t left = w->panels.count - p;
    const int64_t vecs = left < w->kernels->tile_vecs ? left : w->kernels->tile_vecs;
    const tfm__operands from = {
        .a = a, .a_step = step, .b = packed + p * panel, .b_next = panel, .ahead = a};
    (*w->kernels->tile)[TFM__STRIP][vecs - 1][rows - 1](&from, heads->D, c + p * TFM__LANES,
                                                        ldc, 0);
  }
}

static void meet_keys(const head_work *w)
{
  const int64_t ldc = w->panels.count * TFM__LANES;
  for (int64_t s = 0; s < w->strips; ++s) {
    const int64_t row = tfm__share(w->len, w->strips, s);
    const int64_t rows = tfm__share(w->len, w->strips, s + 1) - row;
    meet_positions(w, w->keys + row * w->job->heads->D, rows, rows,
                   w->job->heads->terms->query_rows, w->by_key + row * ldc);
  }
}

/* The group's queries are packed already, 16 side by side. */
static void meet_queries(const head_work *w, int64_t count)
{
  const int64_t D = w->job->heads->D;
  const int64_t ldc = w->panels.count * TFM__LANES;
  for (int64_t q = 0; q < count;) {
    const int64_t in_panel = TFM__LANES - q % TFM__LANES;
    int64_t rows = count - q < in_panel ? count - q : in_panel;
    rows = rows < w->kernels->tile_rows ? rows : w->kernels->tile_rows;
    const float *a = w->queries + q / TFM__LANES * D * TFM__LANES + q % TFM__LANES;
    meet_positions(w, a, TFM__LANES, rows, w->job->heads->terms->key_rows,
                   w->by_query + q * ldc);
    q += rows;
  }
}

/* -infinity for the queries [0, count) after `first` that do not see a key. */
static void hide_keys(const head_work *w, int64_t first, int64_t count, int64_t wide)
{
  const tfm_attention_terms *terms = w->job->heads->terms;
  for (int64_t key = w->low; key < w->high; ++key) {
    float *s = w->scores + key * wide;
    for (int64_t j = 0; j < count; ++j) {
      const int64_t ahead = key - (first + j);
      s[j] = ahead > terms->after || -ahead > terms->before ? -INFINITY : s[j];
    }
  }
}

static void add_terms(const head_work *w, int64_t first, int64_t count, int64_t wide)
{
  const tfm_attention_terms *terms = w->job->heads->terms;
  const int64_t ldc = w->panels.count * TFM__LANES;
  const int64_t skipped = w->panels.first * TFM__LANES;
  for (int64_t key = w->low; key < w->high; ++key) {
    float *s = w->scores + key * wide;
    const int64_t distance = terms->reach - 1 + first - key;
    if (terms->bias) {
      const float *bias = terms->bias + w->head * (2 * terms->reach - 1) + distance;
      for (int64_t j = 0; j < count; ++j) {
        s[j] += bias[j];
      }
    }
    const int32_t *place = terms->place ? terms->place + distance : NULL;
    for (int64_t j = 0; terms->key_rows && j < count; ++j) {
      s[j] += w->by_query[j * ldc + place[j] - skipped];
    }
    for (int64_t j = 0; terms->query_rows && j < count; ++j) {
      s[j] += w->by_key[key * ldc + place[j] - skipped];
    }
  }
}

/* Scaled and capped: what is left to scale with is 1. */
static float cap_scores(const head_work *w, int64_t wide)
{
  const tfm_heads *heads = w->job->heads;
  float *s = w->scores + w->low * wide;
  const int64_t n = (w->high - w->low) * wide;
  for (int64_t i = 0; i < n; ++i) {
    s[i] *= heads->scale;
  }
  tfm_softcap(heads->cap, s, n);
  return 1.0f;
}

/* Keys no query of the group sees have weight zero and add nothing: leaving out whole K blocks
 * before the first, and all after the last, changes no bit. */
static void see_keys(head_work *w, int64_t first, int64_t count)
{
  const tfm_attention_terms *terms = w->job->heads->terms;
  w->low = 0;
  w->high = w->len;
  if (terms && terms->windowed) {
    const int64_t low = first - terms->before;
    const int64_t high = first + count + terms->after;
    w->low = low > 0 ? low / TFM_LINEAR_K_BLOCK * TFM_LINEAR_K_BLOCK : 0;
    w->high = high < w->len ? high : w->len;
  }
}

/* scores [len][16*vecs] of the queries first .. first+count-1. */
static void score_group(const head_work *w, int64_t first, int64_t count, int64_t vecs)
{
  const int64_t wide = vecs * TFM__LANES;
  for (int64_t j = 0; j < vecs; ++j) {
    const int64_t left = count - j * TFM__LANES;
    pack_part(w, 0, first + j * TFM__LANES, left < TFM__LANES ? left : TFM__LANES, TFM__LANES,
              w->queries + j * w->depth * TFM__LANES);
  }
  for (int64_t s = 0; s < w->strips; ++s) {
    const int64_t row = tfm__share(w->len, w->strips, s);
    const int64_t rows = tfm__share(w->len, w->strips, s + 1) - row;
    if (row + rows <= w->low || row >= w->high) {
      continue;
    }
    const float *keys = w->keys + row * w->depth;
    const tfm__operands from = {.a = keys,
                                .a_step = rows,
                                .b = w->queries,
                                .b_next = w->depth * TFM__LANES,
                                .ahead = keys};
    (*w->tiles)[TFM__STRIP][vecs - 1][rows - 1](&from, w->depth, w->scores + row * wide, wide,
                                                0);
  }
  const tfm_attention_terms *terms = w->job->heads->terms;
  if (terms) {
    if (terms->key_rows) {
      meet_queries(w, count);
    }
    if (terms->bias || terms->place) {
      add_terms(w, first, count, wide);
    }
  }
  const tfm_heads *heads = w->job->heads;
  const float scale = heads->cap > 0.0f ? cap_scores(w, wide) : heads->scale;
  if (terms && terms->windowed) {
    hide_keys(w, first, count, wide);
  }
  w->kernels->softmax_columns(w->scores + w->low * wide, w->high - w->low, vecs, scale);
  if (w->narrow) {
    pair_weights(w, wide);
  }
}

/* Columns [d, d + 16*vecs) of the output for `rows` queries that start at column `at` of
 * scores. */
static void weigh_values(const head_work *w, int64_t at, int64_t rows, int64_t wide, int64_t d,
                         int64_t vecs)
{
  const int64_t last = w->narrow ? (w->high + 1) / 2 : w->high;
  const int64_t panel = w->narrow ? (w->len + 1) / 2 : w->len;
  for (int64_t step = w->low; step < last; step += TFM_LINEAR_K_BLOCK) {
    const int64_t k = last - step < TFM_LINEAR_K_BLOCK ? last - step : TFM_LINEAR_K_BLOCK;
    const float *values = w->values + d * panel + step * TFM__LANES;
    const tfm__operands from = {.a = w->scores + step * wide + at,
                                .a_step = wide,
                                .b = values,
                                .b_next = panel * TFM__LANES,
                                .ahead = values};
    (*w->tiles)[TFM__STRIP][vecs - 1][rows - 1](&from, k, w->tile, vecs * TFM__LANES,
                                                step > w->low);
  }
}

static void weigh_group(const head_work *w, int64_t first, int64_t count, int64_t wide)
{
  const tfm_heads *heads = w->job->heads;
  const int64_t strips = (count + w->kernels->tile_rows - 1) / w->kernels->tile_rows;
  const int64_t most = (int64_t)w->kernels->tile_vecs * TFM__LANES;
  for (int64_t d = 0; d < heads->D; d += most) {
    const int64_t cols = heads->D - d < most ? heads->D - d : most;
    const int64_t vecs = (cols + TFM__LANES - 1) / TFM__LANES;
    for (int64_t s = 0; s < strips; ++s) {
      const int64_t at = tfm__share(count, strips, s);
      const int64_t rows = tfm__share(count, strips, s + 1) - at;
      weigh_values(w, at, rows, wide, d, vecs);
      float *out = w->job->out + (w->first + first + at) * w->job->ldo + w->head * heads->D + d;
      for (int64_t i = 0; i < rows; ++i) {
        memcpy(out + i * w->job->ldo, w->tile + i * vecs * TFM__LANES,
               (size_t)cols * sizeof *out);
      }
    }
  }
}

static void attend_unit(const attention_job *job, int64_t unit, int64_t run, int thread)
{
  const int64_t b = unit / job->heads->N;
  float *mine = job->scratch + thread * job->at.floats;
  head_work w = {.job = job,
                 .kernels = tfm__kernels_used(),
                 .first = job->cu_len[b],
                 .len = job->cu_len[b + 1] - job->cu_len[b],
                 .head = unit % job->heads->N,
                 .keys = mine + job->at.keys,
                 .values = mine + job->at.values,
                 .queries = mine + job->at.queries,
                 .scores = mine + job->at.scores,
                 .tile = mine + job->at.tile,
                 .by_query = mine + job->at.by_query,
                 .by_key = mine + job->at.by_key};
  const int64_t begin = job->span ? job->span[2 * b] : 0;
  const int64_t end = job->span ? job->span[2 * b + 1] : w.len;
  const int64_t first = begin + run * job->run_len;
  const int64_t last = first + job->run_len < end ? first + job->run_len : end;
  if (first >= last) {
    return;
  }
  w.narrow = is_narrow(job->heads);
  w.depth = w.narrow ? (job->heads->D + 1) / 2 : job->heads->D;
  w.tiles = tfm__tiles_used(w.narrow ? TFM_BFLOAT16 : TFM_FLOAT32);
  w.strips = (w.len + w.kernels->tile_rows - 1) / w.kernels->tile_rows;
  pack_keys(&w);
  if (w.narrow) {
    pair_values(&w);
  } else {
    pack_values(&w);
  }
  w.panels = panels_of(job->heads, w.len);
  if (job->heads->terms && job->heads->terms->query_rows) {
    meet_keys(&w);
  }
  const int64_t most = (int64_t)w.kernels->tile_vecs * TFM__LANES;
  for (int64_t q = first; q < last; q += most) {
    const int64_t count = last - q < most ? last - q : most;
    const int64_t vecs = (count + TFM__LANES - 1) / TFM__LANES;
    fetch_next_head(&w, q, q + count);
    see_keys(&w, q, count);
    score_group(&w, q, count, vecs);
    weigh_group(&w, q, count, vecs * TFM__LANES);
  }
}

static void attention_task(void *arg, int task, int thread)
{
  const attention_job *job = arg;
  const int64_t run = task % job->runs;
  const int64_t first = task / job->runs * job->chunk;
  const int64_t last = first + job->chunk < job->units ? first + job->chunk : job->units;
  for (int64_t unit = first; unit < last; ++unit) {
    attend_unit(job, unit, run, thread);
  }
}

/* Long sequences: several tasks a unit. Short ones: several units a task. */
static void cut_job(attention_job *job, int64_t max_len, int nthread)
{
  const int64_t row_work = 2 * max_len * job->heads->D;
  int64_t rows = TASK_WORK / row_work / GROUP * GROUP;
  rows = rows < GROUP ? GROUP : rows;
  job->run_len = rows < max_len ? rows : max_len;
  job->runs = (max_len + job->run_len - 1) / job->run_len;
  const int64_t timed = TASK_WORK / (row_work * max_len);
  const int64_t balanced = job->units / (8 * (int64_t)nthread);
  job->chunk = timed < balanced ? timed : balanced;
  job->chunk = job->chunk < 1 ? 1 : job->chunk;
}

void tfm_attention(const tfm_heads *heads, const float *qkv, int64_t ldqkv,
                   const tfm_sequences *seqs, float *out, int64_t ldo, void *scratch,
                   tfm_par *par)
{
  int64_t max_len = 0;
  for (int64_t b = 0; b < seqs->B; ++b) {
    const int64_t len = seqs->cu_len[b + 1] - seqs->cu_len[b];
    max_len = len > max_len ? len : max_len;
  }
  if (max_len == 0) {
    return;
  }
  attention_job job = {.heads = heads,
                       .qkv = qkv,
                       .ldqkv = ldqkv,
                       .cu_len = seqs->cu_len,
                       .span = seqs->span,
                       .out = out,
                       .ldo = ldo,
                       .scratch = scratch,
                       .units = seqs->B * heads->N,
                       .at = layout_of(heads, max_len)};
  cut_job(&job, max_len, tfm_par_threads(par));
  const int64_t tasks = (job.units + job.chunk - 1) / job.chunk * job.runs;
  tfm_par_for(par, (int)tasks, attention_task, &job);
}
