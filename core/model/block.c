#include "core/model/block.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/kernels/layernorm.h"
#include "core/kernels/pages.h"
#include "core/kernels/rope.h"
#include "core/model/arch/registry.h"
#include "core/model/wanted.h"

#include <math.h>
#include <string.h>

enum {
  GATED = 192, /* rows whose [GATED,2F] fits a cache level between a gated ffn's products */
  ROWS_A_THREAD = 112 /* enough rows in a product for every thread */
};

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

static void normalize(const tfm__bench *bench, const float *gain, const float *x, int64_t rows,
                      float *y, tfm_par *par)
{
  const int64_t H = bench->H;
  const tfm_norm norm = {gain, gain + H, bench->norm_eps};
  if (bench->rms) {
    tfm_rmsnorm(x, H, rows, H, &norm, y, H, par);
  } else {
    tfm_layernorm(x, H, rows, H, &norm, y, H, par);
  }
}

enum { ADD_ROWS = 32 };

/* x [n,H] = x + norm(y [n,H]), y in place. */
typedef struct {
  const float *gain;
  float *x, *y;
  const tfm__bench *bench;
  int64_t n;
} addition;

static void add_normed_of(void *arg, int task, int thread)
{
  (void)thread;
  const addition *job = arg;
  const int64_t H = job->bench->H;
  const int64_t first = (int64_t)task * ADD_ROWS;
  const int64_t rows = least(ADD_ROWS, job->n - first);
  float *y = job->y + first * H;
  normalize(job->bench, job->gain, y, rows, y, NULL);
  for (int64_t i = 0; i < rows * H; ++i) {
    job->x[first * H + i] += y[i];
  }
}

/* What a half layer's last product is of: [n,K], to be added to x [n,H]. */
typedef struct {
  const float *from;
  int64_t K, n;
  float *x;
} last_step;

/* The product may have a norm behind it. */
static void add_product(const tfm__unit *unit, const tfm__bench *bench, const last_step *step,
                        tfm_par *par)
{
  float *x = step->x;
  const int64_t n = step->n;
  const int64_t H = bench->H;
  const tfm_epilogue add = {.act = TFM_ACT_NONE, .residual = unit->after ? NULL : x, .ldr = H};
  float *y = unit->after ? bench->normed : x;
  tfm_linear_run(unit->out, step->from, step->K, n, y, H, &add, par);
  if (unit->after) {
    addition job = {unit->after, x, y, bench, n};
    tfm_par_for(par, (int)((n + ADD_ROWS - 1) / ADD_ROWS), add_normed_of, &job);
  }
}

/* ---- attention ---- */

enum { HEAD_ROWS = 32 };

/* Queries and keys of a run, each head to be normalised. */
typedef struct {
  const tfm__bench *bench;
  const tfm__unit *unit;
  int64_t rows, ld;
} head_norms;

static void norm_heads_of(void *arg, int task, int thread)
{
  (void)thread;
  const head_norms *job = arg;
  const tfm_heads *heads = &job->bench->heads;
  const int64_t D = heads->D;
  const tfm_norm query = {job->unit->query_norm, job->unit->query_norm + D,
                          job->bench->norm_eps};
  const tfm_norm key = {job->unit->key_norm, job->unit->key_norm + D, job->bench->norm_eps};
  const int64_t end = least(job->rows, (int64_t)(task + 1) * HEAD_ROWS);
  for (int64_t r = (int64_t)task * HEAD_ROWS; r < end; ++r) {
    float *q = job->bench->wide + r * job->ld;
    float *k = q + heads->N * D;
    tfm_rmsnorm(q, D, heads->N, D, &query, q, D, NULL);
    tfm_rmsnorm(k, D, tfm_heads_of_keys(heads), D, &key, k, D, NULL);
  }
}

static void norm_heads(const tfm__unit *unit, const tfm__bench *bench, int64_t n, int64_t ld,
                       tfm_par *par)
{
  head_norms job = {bench, unit, n, ld};
  if (unit->query_norm) {
    tfm_par_for(par, (int)((n + HEAD_ROWS - 1) / HEAD_ROWS), norm_heads_of, &job);
  }
}

/* A run of whole sequences [b, e) of a batch: n rows from x on. */
typedef struct {
  const tfm__unit *unit;
  const tfm__bench *bench;
  int64_t B, n;
  float *x;
  const int32_t *start;      /* [B] of sequences that grow; NULL: whole ones */
  float *const *const *page; /* [B] theirs */

  /* [2*B] as of tfm_sequences; NULL: all rows are. When attention is done the run is those rows, at
   * the front of x. */
  const int32_t *wanted;

  const float *source; /* [nsource,H] what an encoder made, of those that bring it */
  int64_t nsource;     /* rows of it */
  float *const *const *source_page; /* [B] */
  const int32_t *keys;              /* [B] of them */
} run;

/* Queries and keys by their places; one sequence after the other where each has its angles. */
static void turn(const run *r, const tfm_heads *heads, const tfm_sequences *seqs, int64_t wide,
                 tfm_par *par)
{
  const tfm__bench *bench = r->bench;
  const tfm__sight *sight = &bench->sight[r->unit->sees];
  if (!sight->by_length) {
    tfm_rope(heads, sight->rope, bench->wide, wide, seqs, par);
    return;
  }
  for (int64_t b = 0; b < seqs->B; ++b) {
    const int32_t n = seqs->cu_len[b + 1] - seqs->cu_len[b];
    const int32_t cu_len[] = {0, n};
    const tfm_sequences one = {.cu_len = cu_len, .B = 1};
    const float *angles =
        tfm__sight_angles(sight, seqs->start ? seqs->start[b] : 0, n, bench->angles);
    tfm_rope(heads, angles, bench->wide + seqs->cu_len[b] * wide, wide, &one, par);
  }
}

/* The wanted rows of all [r->n,H], side by side. */
static void take_wanted(const run *r, const float *all, float *rows)
{
  const int64_t H = r->bench->H;
  for (int64_t b = 0; b < r->B; ++b) {
    const int32_t *span = r->wanted + 2 * b;
    const int64_t n = (span[1] - span[0]) * H;
    memcpy(rows, all + (r->bench->cu_len[b] + span[0]) * H, (size_t)n * sizeof *rows);
    rows += n;
  }
}

/* The other way. */
static void put_wanted(const run *r, const float *rows, int64_t width, int64_t ld, float *all)
{
  for (int64_t b = 0; b < r->B; ++b) {
    for (int32_t i = r->wanted[2 * b]; i < r->wanted[2 * b + 1]; ++i, rows += width) {
      memcpy(all + (r->bench->cu_len[b] + i) * ld, rows, (size_t)width * sizeof *rows);
    }
  }
}

/* Keys and values of all rows, queries of the wanted ones alone: these rows side by side, as one
 * product. False: there is no room for it, or the layer gives its outputs all at once. */
static bool ask_wanted(const run *r, const float *in, int64_t wide, tfm_par *par)
{
  const tfm__bench *bench = r->bench;
  const int64_t H = bench->H;
  const int64_t Q = bench->heads.N * bench->heads.D;
  const int64_t n = tfm__wanted_count(r->wanted, r->B);
  float *rows = bench->context;
  float *queries = rows + n * H;
  if (n * (H + Q) > bench->rows * Q || !tfm_linear_cuts_at(r->unit->in, Q)) {
    return false;
  }
  take_wanted(r, in, rows);
  const tfm_linear_part query = {r->unit->in, 0, Q};
  const tfm_linear_part rest = {r->unit->in, Q, wide - Q};
  tfm_linear_run_part(&query, rows, H, n, queries, Q, par);
  put_wanted(r, queries, Q, wide, bench->wide);
  tfm_linear_run_part(&rest, in, H, r->n, bench->wide, wide, par);
  return true;
}

/* Those of n rows that are wanted go on alone. */
static void leave_wanted(run *r, int64_t width)
{
  const tfm__bench *bench = r->bench;
  (void)tfm__wanted_to_front(r->wanted, bench->cu_len, r->B, width, bench->context);
  r->n = tfm__wanted_to_front(r->wanted, bench->cu_len, r->B, bench->H, r->x);
  tfm__wanted_lengths(r->wanted, r->B, bench->cu_len);
}

/* x = x + attention(in), in [n,H]. */
static void attend(run *r, const float *in, tfm_par *par)
{
  const tfm__unit *unit = r->unit;
  const tfm__bench *bench = r->bench;
  const tfm__sight *sight = &bench->sight[unit->sees];
  const int64_t H = bench->H;
  const int64_t Q = bench->heads.N * bench->heads.D;
  const int64_t wide = Q + 2 * bench->heads.G * bench->heads.D;
  const tfm_sequences seqs = {
      .cu_len = bench->cu_len, .B = r->B, .start = r->start, .span = r->wanted};
  const tfm_pages pages = {
      .page = r->page, .offset = unit->page_offset, .scratch = bench->attention};
  tfm_attention_terms terms = sight->terms;
  tfm_heads heads = bench->heads;
  terms.key_rows = unit->key_rows;
  terms.query_rows = unit->query_rows;
  heads.scale = unit->scale;
  heads.terms = sight->more ? &terms : NULL;
  const tfm_epilogue plain = {.act = TFM_ACT_NONE};
  if (!r->wanted || !ask_wanted(r, in, wide, par)) {
    tfm_linear_run(unit->in, in, H, r->n, bench->wide, wide, &plain, par);
  }
  norm_heads(unit, bench, r->n, wide, par);
  if (sight->rope) {
    turn(r, &heads, &seqs, wide, par);
  }
  if (r->start) {
    tfm_attention_paged(&heads, bench->wide, wide, &seqs, &pages, bench->context, Q, par);
  } else {
    tfm_attention(&heads, bench->wide, wide, &seqs, bench->context, Q, bench->attention, par);
  }
  if (r->wanted) {
    leave_wanted(r, Q);
  }
  if (r->n == 0) {
    return; /* keys and values for later are all that was wanted */
  }
  const last_step last = {bench->context, Q, r->n, r->x};
  add_product(unit, bench, &last, par);
  if (bench->look && !r->start && r->B == 1) {
    const tfm__looked_at at = {&heads, bench->wide, bench->context, &seqs, bench->attention};
    tfm__look_at(bench->look, &at, par);
  }
}

/* x = x + attention of in [n,H] to the sources, whose keys and values are kept first where they
 * have just come. */
static void attend_source(const run *r, const float *in, tfm_par *par)
{
  const tfm__unit *unit = r->unit;
  const tfm__bench *bench = r->bench;
  const tfm__cross *cross = unit->cross;
  const int64_t H = bench->H;
  const int64_t Q = bench->heads.N * bench->heads.D;
  const int64_t wide = 2 * bench->heads.G * bench->heads.D;
  const tfm_sequences own = {.cu_len = bench->cu_len, .B = r->B};
  const tfm_sequences sources = {.cu_len = bench->cu_source, .B = r->B};
  const tfm_pages pages = {.page = r->source_page,
                           .offset = r->start ? unit->page_offset : 0,
                           .keys = r->keys,
                           .scratch = bench->attention};
  const tfm_epilogue plain = {.act = TFM_ACT_NONE};
  tfm_heads heads = bench->heads;
  heads.scale = unit->scale;
  heads.terms = NULL;
  if (r->nsource > 0) {
    tfm_linear_run(cross->keys, r->source, H, r->nsource, bench->wide, wide, &plain, par);
    tfm_attention_keep(&heads, bench->wide, wide, &sources, &pages, par);
  }
  if (r->n == 0) {
    return;
  }
  tfm_linear_run(cross->query, in, H, r->n, bench->wide, Q, &plain, par);
  tfm_attention_look(&heads, bench->wide, Q, &own, &pages, bench->context, Q, par);
  const tfm_epilogue add = {.act = TFM_ACT_NONE, .residual = r->x, .ldr = H};
  tfm_linear_run(cross->out, bench->context, Q, r->n, r->x, H, &add, par);
}

static void post_norm_run(run *r, tfm_par *par)
{
  attend(r, r->x, par);
  normalize(r->bench, r->unit->norm, r->x, r->n, r->x, par);
  if (r->unit->cross) {
    attend_source(r, r->x, par);
    normalize(r->bench, r->unit->cross->norm, r->x, r->n, r->x, par);
  }
}

static void pre_norm_run(run *r, tfm_par *par)
{
  const float *in = r->x;
  if (r->unit->norm) {
    normalize(r->bench, r->unit->norm, r->x, r->n, r->bench->normed, par);
    in = r->bench->normed;
  }
  attend(r, in, par);
  if (r->unit->cross) {
    normalize(r->bench, r->unit->cross->norm, r->x, r->n, r->bench->normed, par);
    attend_source(r, r->bench->normed, par);
  }
}

static int32_t source_before(const tfm_batch *batch, int64_t b)
{
  return batch->cu_source ? batch->cu_source[b] : 0;
}

/* The end of the run that begins with sequence b: a long one, or some whose rows are enough. Whole
 * sequences with sources share the pages of those (tfm__bench_open()). */
static int64_t run_end(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
                       int64_t b)
{
  const bool shares = unit->cross && !batch->start;
  const int64_t most_sequences = shares ? bench->rows / TFM_PAGE_KEYS + 1 : batch->B;
  const int32_t first = batch->cu_len[b];
  int64_t e = b + 1;
  while (e < batch->B && e - b < most_sequences && batch->cu_len[e + 1] - first <= bench->run &&
         source_before(batch, e + 1) - source_before(batch, b) <= bench->rows) {
    e += 1;
  }
  TFM_ASSERT(batch->cu_len[e] - first <= bench->rows);
  TFM_ASSERT(source_before(batch, e) - source_before(batch, b) <= bench->rows);
  return e;
}

/* What the sequences of a run keep of their sources. */
static void see_sources(run *r, const tfm_batch *batch, int64_t b)
{
  const tfm__bench *bench = r->bench;
  const int32_t first = source_before(batch, b);
  for (int64_t i = 0; i <= r->B; ++i) {
    bench->cu_source[i] = source_before(batch, b + i) - first;
  }
  r->nsource = bench->cu_source[r->B];
  r->source = r->nsource > 0 ? batch->source + first * bench->H : NULL;
  if (batch->start) {
    r->source_page = bench->sources.of_batch + b;
    r->keys = bench->sources.keys + b;
  } else {
    tfm__sources_spread(&bench->sources, bench->cu_source, r->B);
    r->source_page = bench->sources.of_batch;
    r->keys = bench->sources.keys;
  }
}

/* Runs of whole sequences, so that q, k and v of a run stay in cache and scratch memory does
 * not grow with the batch. Runs never mix rows, so where they end changes no bit. */
static void each_run(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
                     void (*work)(run *r, tfm_par *par), tfm_par *par)
{
  for (int64_t b = 0, e = 0; b < batch->B; b = e) {
    const int32_t first = batch->cu_len[b];
    e = run_end(unit, bench, batch, b);
    for (int64_t i = b; i <= e; ++i) {
      bench->cu_len[i - b] = batch->cu_len[i] - first;
    }
    run r = {.unit = unit,
             .bench = bench,
             .B = e - b,
             .n = batch->cu_len[e] - first,
             .x = batch->x + first * bench->H,
             .start = batch->start ? batch->start + b : NULL,
             .page = batch->start ? bench->cache.of_batch + b : NULL,
             .wanted = bench->wanted ? bench->wanted + 2 * b : NULL};
    if (unit->cross) {
      see_sources(&r, batch, b);
    }
    work(&r, par);
    if (r.wanted) {
      tfm__wanted_back(r.wanted, batch->cu_len + b, r.B, bench->H, r.x);
    }
  }
}

static void post_norm_attention(const tfm__unit *unit, const tfm__bench *bench,
                                const tfm_batch *batch, tfm_par *par)
{
  if (!unit->in) {
    return; /* the ffn's unit does this layer */
  }
  each_run(unit, bench, batch, post_norm_run, par);
}

static void pre_norm_attention(const tfm__unit *unit, const tfm__bench *bench,
                               const tfm_batch *batch, tfm_par *par)
{
  if (!unit->in) {
    return; /* the ffn's unit does this layer */
  }
  each_run(unit, bench, batch, pre_norm_run, par);
}

/* ---- ffn ---- */

/* x [n,H] = x + ffn(in). */
static void feed(const tfm__unit *unit, const tfm__bench *bench, const float *in, float *x,
                 int64_t n, tfm_par *par)
{
  const int64_t H = bench->H;
  const int64_t F = unit->F;
  const int64_t wide = bench->gated ? 2 * F : F;
  if (!bench->gated && !unit->after) {
    const tfm_epilogue add = {.act = TFM_ACT_NONE, .residual = x, .ldr = H};
    const tfm_linear_two two = {unit->in, unit->out, bench->act, bench->wide, add};
    tfm_linear_run_two(&two, in, H, n, x, H, par);
    return;
  }
  const tfm_epilogue up = {.act = bench->gated ? TFM_ACT_NONE : bench->act};
  tfm_linear_run(unit->in, in, H, n, bench->wide, wide, &up, par);
  if (bench->gated) {
    tfm_gate(bench->act, bench->wide, wide, n, F, par);
  }
  const last_step last = {bench->wide, wide, n, x};
  add_product(unit, bench, &last, par);
}

static void post_norm_rows(const tfm__unit *unit, const tfm__bench *bench, float *x,
                           int64_t rows, tfm_par *par)
{
  for (int64_t r = 0; r < rows; r += bench->tile) {
    const int64_t n = least(bench->tile, rows - r);
    float *tile = x + r * bench->H;
    feed(unit, bench, tile, tile, n, par);
    normalize(bench, unit->norm, tile, n, tile, par);
  }
}

/* Rows [t, t + n) of a run as a convolution sees them: each between its neighbours in its own
 * sequence, zeros where there are none. */
static void spread_neighbours(const tfm__bench *bench, int64_t tokens, int64_t t, int64_t n)
{
  const int64_t H = bench->H;
  float *to = bench->wide;
  int64_t b = 0;
  for (int64_t row = t; row < t + n; ++row) {
    while (bench->cu_len[b + 1] <= row) {
      b += 1;
    }
    for (int64_t k = 0; k < tokens; ++k, to += H) {
      const int64_t from = row + k - tokens / 2;
      if (from >= bench->cu_len[b] && from < bench->cu_len[b + 1]) {
        memcpy(to, bench->before + from * H, (size_t)H * sizeof *to);
      } else {
        memset(to, 0, (size_t)H * sizeof *to);
      }
    }
  }
}

/* A first layer with a convolution beside it: x = norm(layer(x) + act(convolution(x))). */
static void whole_layer_run(run *r, tfm_par *par)
{
  const tfm__bench *bench = r->bench;
  const tfm__beside *beside = r->unit->beside;
  const int64_t H = bench->H;
  run attention = *r;
  attention.unit = &beside->attention;
  attention.wanted = r->wanted = NULL; /* neighbours are wanted too */
  memcpy(bench->before, r->x, (size_t)(r->n * H) * sizeof *r->x);
  post_norm_run(&attention, par);
  post_norm_rows(r->unit, bench, r->x, r->n, par);
  for (int64_t t = 0; t < r->n; t += bench->strip) {
    const int64_t n = least(bench->strip, r->n - t);
    float *x = r->x + t * H;
    const tfm_epilogue add = {.act = bench->convolution_act, .residual = x, .ldr = H};
    spread_neighbours(bench, beside->tokens, t, n);
    tfm_linear_run(beside->convolution, bench->wide, beside->tokens * H, n, x, H, &add, par);
  }
  normalize(bench, beside->norm, r->x, r->n, r->x, par);
}

/* The rows of a batch that are wanted, at its front; and back. */
static int64_t begin_wanted(const tfm__bench *bench, const tfm_batch *batch)
{
  return !bench->wanted
             ? batch->T
             : tfm__wanted_to_front(bench->wanted, batch->cu_len, batch->B, bench->H, batch->x);
}

static void end_wanted(const tfm__bench *bench, const tfm_batch *batch)
{
  if (bench->wanted) {
    tfm__wanted_back(bench->wanted, batch->cu_len, batch->B, bench->H, batch->x);
  }
}

static void post_norm_ffn(const tfm__unit *unit, const tfm__bench *bench,
                          const tfm_batch *batch, tfm_par *par)
{
  if (unit->beside) {
    each_run(unit, bench, batch, whole_layer_run, par);
    return;
  }
  post_norm_rows(unit, bench, batch->x, begin_wanted(bench, batch), par);
  end_wanted(bench, batch);
}

/* A layer whose halves see the same input: x = x + attention(norm(x)) + ffn(other norm(x)). */
static void parallel_run(run *r, tfm_par *par)
{
  const tfm__bench *bench = r->bench;
  const int64_t H = bench->H;
  run attention = *r;
  attention.unit = &r->unit->beside->attention;
  normalize(bench, r->unit->norm, r->x, r->n, bench->before, par);
  if (r->wanted) {
    (void)tfm__wanted_to_front(r->wanted, bench->cu_len, r->B, H, bench->before);
  }
  pre_norm_run(&attention, par);
  for (int64_t t = 0; t < attention.n; t += bench->tile) {
    const int64_t n = least(bench->tile, attention.n - t);
    feed(r->unit, bench, bench->before + t * H, r->x + t * H, n, par);
  }
}

static void pre_norm_ffn(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
                         tfm_par *par)
{
  if (unit->beside) {
    each_run(unit, bench, batch, parallel_run, par);
    return;
  }
  const int64_t rows = begin_wanted(bench, batch);
  for (int64_t r = 0; r < rows; r += bench->tile) {
    const int64_t n = least(bench->tile, rows - r);
    float *x = batch->x + r * bench->H;
    normalize(bench, unit->norm, x, n, bench->normed, par);
    feed(unit, bench, bench->normed, x, n, par);
  }
  end_wanted(bench, batch);
}

void tfm__final_norm(const tfm__unit *unit, const tfm__bench *bench, const tfm_batch *batch,
                     tfm_par *par)
{
  normalize(bench, unit->final, batch->x, batch->T, batch->x, par);
}

const tfm__block tfm__block_post_norm = {.attention = post_norm_attention,
                                         .ffn = post_norm_ffn};
const tfm__block tfm__block_pre_norm = {.attention = pre_norm_attention, .ffn = pre_norm_ffn};

/* ---- scratch ---- */

/* Zeroed, which also touches every page from this thread. */
static void *touched(size_t n, size_t bytes)
{
  void *p = tfm_alloc_huge(n, bytes);
  if (p) {
    memset(p, 0, n * bytes);
  }
  return p;
}

/* How much there is of all but what attention units share. */
typedef struct {
  int64_t wide, context, normed, before, angles, strip; /* floats; strip: rows */
  size_t sequences;                                     /* entries of cu_len */
  size_t attention;                                     /* bytes a thread */
  size_t bytes;                                         /* of all of it */
} scratch;

static int64_t context_of(const tfm_config *config, const tfm__bench_size *size)
{
  return size->slots > 0 ? config->max_length : least(size->max_tokens, config->max_length);
}

static size_t attention_bytes(const tfm__bench *bench, const tfm_config *config,
                              const tfm__bench_size *size)
{
  size_t bytes = 0;
  const int64_t context = context_of(config, size);
  for (int sees = 0; sees < TFM__SEES_COUNT; ++sees) {
    tfm_heads heads = bench->heads;
    heads.terms = bench->sight[sees].more ? &bench->sight[sees].terms : NULL;
    const size_t whole = tfm_attention_scratch_bytes(&heads, context);
    const size_t paged = tfm_attention_paged_scratch_bytes(&heads, context);
    const size_t attention = size->slots > 0 ? paged : whole;
    bytes = attention > bytes ? attention : bytes;
    if (config->encoder > 0) { /* its own is whole always, a decoder's second one paged */
      bytes = whole > bytes ? whole : bytes;
      bytes = paged > bytes ? paged : bytes;
    }
  }
  return bytes;
}

/* The sights are known. Below 2^63: H, F and the rows are bounded by config.c and by 32-bit token
 * counts. */
static scratch scratch_of(const tfm__bench *bench, const tfm_config *config,
                          const tfm__bench_size *size)
{
  const int64_t Q = bench->heads.N * bench->heads.D;
  const int64_t qkv = Q + 2 * bench->heads.G * bench->heads.D;
  const int64_t spread = size->convolution * bench->H;
  const int64_t inner =
      bench->gated ? bench->tile * 2 * bench->F : tfm_linear_between(bench->F, bench->tile);
  scratch s = {.wide = most(most(bench->rows * qkv, inner), spread),
               .context = bench->rows * Q,
               .before = spread > 0 || size->parallel ? bench->rows * bench->H : 0,
               .angles = config->scaling.dynamic ? (bench->rows + 1) * config->turned : 0,
               .normed = bench->pre ? most(bench->rows, bench->tile) * bench->H : 0,
               .sequences = (size_t)size->max_sequences + 1,
               .attention = attention_bytes(bench, config, size)};
  s.strip = spread > 0 ? s.wide / spread : 0;
  s.bytes = (size_t)(s.wide + s.context + s.normed + s.before + s.angles) * sizeof(float) +
            4 * s.sequences * sizeof(int32_t) + (size_t)size->nthread * s.attention;
  return s;
}

static tfm_status open_scratch(tfm__bench *bench, const scratch *s, const tfm__bench_size *size,
                               tfm_err *err)
{
  bench->bytes += s->bytes;
  bench->attention_bytes = s->attention;
  bench->strip = s->strip;
  bench->wide = touched((size_t)s->wide, sizeof(float));
  bench->context = touched((size_t)s->context, sizeof(float));
  bench->normed = touched((size_t)most(s->normed, 1), sizeof(float));
  bench->before = touched((size_t)most(s->before, 1), sizeof(float));
  bench->angles = touched((size_t)most(s->angles, 1), sizeof(float));
  bench->cu_len = touched(s->sequences, sizeof(int32_t));
  bench->cu_source = touched(s->sequences, sizeof(int32_t));
  bench->spans = touched(2 * s->sequences, sizeof(int32_t));
  bench->attention = touched((size_t)size->nthread, s->attention);
  if (!bench->cu_source || !bench->spans || !bench->wide || !bench->context || !bench->normed ||
      !bench->angles || !bench->before || !bench->cu_len || !bench->attention) {
    return tfm_fail(
        err, TFM_E_NOMEM,
        "scratch memory of %zu bytes for %lld tokens: fewer tokens a batch need less", s->bytes,
        (long long)size->max_tokens);
  }
  return TFM_OK;
}

/* All of it that is no memory. */
static tfm__bench bench_of(const tfm_config *config, const tfm__bench_size *size)
{
  const int64_t longest = least(size->max_tokens, config->max_length);
  const int64_t wished = most(size->rows_at_once, ROWS_A_THREAD * (int64_t)size->nthread);
  tfm__bench bench = {.H = config->H,
                      .F = most(config->F, config->decoder_F),
                      .norm_eps = config->norm_eps,
                      .act = config->act};
  bench.rms = config->arch->rms;
  bench.convolution_act = config->convolution_act;
  bench.pre = config->arch->block == &tfm__block_pre_norm;
  bench.heads = (tfm_heads){.N = config->N,
                            .G = config->G,
                            .D = config->D,
                            .turned = config->turned,
                            .scale = (float)(1.0 / sqrt((double)config->D)),
                            .cap = config->score_cap,
                            .bfloat16 = size->bfloat16,
                            .kv = size->kv};
  bench.run = least(size->max_tokens, wished);
  bench.rows = most(longest, bench.run);
  bench.gated = tfm__module_name(config, TFM__MODULE_GATE) != NULL ||
                tfm__module_name(config, TFM__MODULE_GATE_UP) != NULL;
  bench.tile = least(size->max_tokens, bench.gated ? GATED : wished);
  return bench;
}

/* Sequences that grow have slots for their sources; whole ones share pages by runs: at most one a
 * page's tokens, and one more. */
static tfm__sources_size sources_of(const tfm__bench *bench, const tfm_config *config,
                                    const tfm__bench_size *size)
{
  tfm__sources_size s = {.nslot = size->slots,
                         .longest = context_of(config, size),
                         .max_sequences = size->max_sequences};
  if (size->slots == 0) {
    s.npage = 2 * (bench->rows / TFM_PAGE_KEYS + 1);
    s.page_floats = tfm_page_floats(&bench->heads);
  }
  return s;
}

static int64_t page_floats(const tfm__bench *bench, const tfm__bench_size *size)
{
  return size->nattention * tfm_page_floats(&bench->heads);
}

tfm_status tfm__bench_measure(int64_t *bytes, const tfm_config *config,
                              const tfm__bench_size *size, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__bench bench = bench_of(config, size);
  int64_t sum = 0;
  for (int sees = 0; sees < TFM__SEES_COUNT; ++sees) {
    if (size->attends[sees]) {
      TFM_TRY(tfm__sight_measure(&bench.sight[sees], config, &bench.heads,
                                 context_of(config, size), (tfm__sees)sees, err));
      sum += (int64_t)bench.sight[sees].bytes;
    }
  }
  sum += (int64_t)scratch_of(&bench, config, size).bytes;
  if (size->slots > 0) {
    sum += size->pages * page_floats(&bench, size) * (int64_t)sizeof(float);
  }
  if (size->attends[TFM__SEES_PAST]) {
    const tfm__sources_size sources = sources_of(&bench, config, size);
    sum += (int64_t)tfm__sources_bytes(&sources);
  }
  *bytes = sum;

fail:
  tfm__bench_fini(&bench);
  return st;
}

tfm_status tfm__bench_open(tfm__bench *bench, const tfm_model *model,
                           const tfm__bench_size *size, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &model->config;
  *bench = bench_of(config, size);
  for (int sees = 0; sees < TFM__SEES_COUNT; ++sees) {
    tfm__sight *sight = &bench->sight[sees];
    if (size->attends[sees]) {
      TFM_TRY(tfm__sight_open(sight, model, &bench->heads, context_of(config, size),
                              (tfm__sees)sees, err));
      bench->bytes += sight->bytes;
    }
  }
  const scratch s = scratch_of(bench, config, size);
  TFM_TRY(open_scratch(bench, &s, size, err));
  if (size->slots > 0) {
    TFM_TRY(tfm__cache_open(&bench->cache, size->slots, size->pages, page_floats(bench, size),
                            context_of(config, size), size->max_sequences, err));
    bench->bytes += bench->cache.bytes;
  }
  if (size->attends[TFM__SEES_PAST]) {
    const tfm__sources_size sources = sources_of(bench, config, size);
    TFM_TRY(tfm__sources_open(&bench->sources, &sources, err));
    bench->bytes += bench->sources.bytes;
  }
  return TFM_OK;

fail:
  tfm__bench_fini(bench);
  return st;
}

void tfm__bench_fini(tfm__bench *bench)
{
  for (int sees = 0; sees < TFM__SEES_COUNT; ++sees) {
    tfm__sight_fini(&bench->sight[sees]);
  }
  tfm__cache_fini(&bench->cache);
  tfm__sources_fini(&bench->sources);
  tfm_free(bench->wide);
  tfm_free(bench->context);
  tfm_free(bench->normed);
  tfm_free(bench->before);
  tfm_free(bench->angles);
  tfm_free(bench->cu_len);
  tfm_free(bench->cu_source);
  tfm_free(bench->spans);
  tfm_free(bench->attention);
  *bench = (tfm__bench){.H = 0};
}
