#include "core/model/speed.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/model/cost.h"
#include "core/model/slice_private.h"

#include <stdlib.h>
#include <string.h>

/* From 64 tokens on a flop takes the same time; more are for cores that outrun their memory. */
enum { TOKENS = 1024, TOKENS_LEAST = 128, SHORT = 32, LONG = 256, PASSES_MOST = 9 };

static const double short_s = 5e-3;

/* Rows of one length, and what a unit needs beside them. */
typedef struct {
  tfm_batch batch;
  int32_t cu_len[TOKENS / SHORT + 1];
  int32_t marks[TOKENS / SHORT + 1];
  int64_t len;
} rows;

/* What is measured and the memory for it. */
typedef struct {
  tfm_slice *slice;
  tfm_config config; /* the model's, but that each row is wanted */
  const tfm_slice_options *options;
  tfm_wanted wanted; /* as the slice had it */
  int64_t H;
  float *made, *x; /* [tokens,H]: where each pass begins, and what it changes */
  size_t nmade;    /* floats */
  uint32_t random;
  float *result;
  int32_t *ids; /* [tokens] zeros */
} bench;

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* As many rows of about len tokens as a micro-batch of so many tokens takes. */
static void make_rows(rows *r, const bench *b, int64_t tokens, int64_t len)
{
  tokens = least(tokens, b->options->max_tokens);
  r->len = least(len, least(tokens, b->config.max_length));
  const int64_t most = least(b->options->max_sequences, TOKENS / SHORT);
  const int64_t n = least(most, tokens / r->len);
  for (int64_t i = 0; i <= n; ++i) {
    r->cu_len[i] = (int32_t)(i * r->len);
  }
  memcpy(r->marks, r->cu_len, sizeof r->marks);
  r->batch = (tfm_batch){.B = n,
                         .T = n * r->len,
                         .cu_len = r->cu_len,
                         .x = b->x,
                         .nmark = n,
                         .marks = r->marks,
                         .ids = b->ids};
  if (tfm_config_decoder(&b->config)) { /* an encoder's units take the same rows */
    r->batch.cu_source = r->cu_len;
    r->batch.source = b->x;
  }
}

static int by_size(const void *a, const void *b)
{
  const double *x = a;
  const double *y = b;
  return (*x > *y) - (*x < *y);
}

/* Fill x for a micro-batch. */
static void begin_rows(bench *b, int64_t T)
{
  const size_t floats = (size_t)(T * b->H);
  for (; b->nmade < floats; ++b->nmade) {
    b->random = b->random * 1664525U + 1013904223U;
    b->made[b->nmade] = (float)(b->random >> 8) * 0x1p-23F - 1.0F;
  }
  memcpy(b->x, b->made, floats * sizeof(float));
}

/* CPU seconds of a unit, or the head (unit -1). */
static double unit_s(bench *b, const tfm_batch *batch, int64_t unit)
{
  const double begin = tfm_thread_cpu_s();
  if (unit < 0) {
    tfm_slice_head(b->slice, batch, b->result, NULL);
  } else {
    tfm__slice_run_unit(b->slice, unit, batch, NULL);
  }
  return tfm_thread_cpu_s() - begin;
}

static double pass_s(bench *b, const rows *r, int64_t unit)
{
  begin_rows(b, r->batch.T);
  return unit_s(b, &r->batch, unit);
}

/* A short row brings code and weights near, and tells how many tokens short_s is. */
static int64_t warm_up(bench *b, int64_t unit)
{
  rows first;
  make_rows(&first, b, SHORT, SHORT);
  const double took = pass_s(b, &first, unit);
  const double tokens = took > 0 ? short_s / took * (double)first.batch.T : TOKENS;
  return tokens < TOKENS_LEAST ? TOKENS_LEAST : tokens > TOKENS ? TOKENS : (int64_t)tokens;
}

/* The median of some passes. */
static double time_of(bench *b, const rows *r, int64_t unit)
{
  double took[PASSES_MOST];
  double sum = 0;
  int n = 0;
  while (n == 0 || (n < PASSES_MOST && sum < short_s)) {
    took[n] = pass_s(b, r, unit);
    sum += took[n++];
  }
  qsort(took, (size_t)n, sizeof *took, by_size);
  return n % 2 ? took[n / 2] : (took[n / 2 - 1] + took[n / 2]) / 2;
}

static tfm_cost_parts flops_of(const bench *b, const rows *r, int64_t unit)
{
  tfm_cost_parts one =
      tfm_cost_unit_parts(&b->config, b->options->engine.precision, unit, r->len);
  one.products *= (double)r->batch.B;
  one.scores *= (double)r->batch.B;
  return one;
}

/* What is known of seconds t = a * products + b * scores: the sums of least squares. */
typedef struct {
  double pp, pq, qq, pt, qt, flops, seconds;
} fit;

static void add_to_fit(fit *f, tfm_cost_parts flops, double seconds)
{
  const double p = flops.products * 1e-9; /* sums of squares stay near 1 */
  const double q = flops.scores * 1e-9;
  f->pp += p * p;
  f->pq += p * q;
  f->qq += q * q;
  f->pt += p * seconds;
  f->qt += q * seconds;
  f->flops += p + q;
  f->seconds += seconds;
}

static void fit_attention(const fit *f, tfm_speed *speed)
{
  const double det = f->pp * f->qq - f->pq * f->pq;
  const bool apart = det > 1e-6 * f->pp * f->qq;
  const double even = f->seconds / f->flops;
  double products = apart ? (f->pt * f->qq - f->qt * f->pq) / det : even;
  double scores = apart ? (f->qt * f->pp - f->pt * f->pq) / det : even;
  if (!(products > 0) || !(scores > 0)) { /* noise, or lengths that are too much alike */
    products = even;
    scores = even;
  }
  speed->attention = products * 1e-9;
  speed->scores = scores * 1e-9;
}

/* Two lengths tell what products and what scores take. */
static void measure_attention(bench *b, int64_t unit, tfm_speed *speed)
{
  rows few;
  rows many;
  const int64_t tokens = warm_up(b, unit);
  make_rows(&few, b, tokens, SHORT);
  make_rows(&many, b, tokens < LONG ? LONG : tokens, LONG);
  const tfm_cost_parts p = flops_of(b, &few, unit);
  const tfm_cost_parts q = flops_of(b, &many, unit);
  const double t = time_of(b, &few, unit);
  const double u = time_of(b, &many, unit);
  fit few_and_many = {0};
  add_to_fit(&few_and_many, p, t);
  add_to_fit(&few_and_many, q, u);
  fit_attention(&few_and_many, speed);
}

static void measure_ffn(bench *b, int64_t unit, tfm_speed *speed)
{
  rows r;
  make_rows(&r, b, warm_up(b, unit), SHORT);
  const double flops = flops_of(b, &r, unit).products;
  speed->ffn = flops > 0 ? time_of(b, &r, unit) / flops : 0;
}

static void measure_head(bench *b, tfm_speed *speed)
{
  rows r;
  make_rows(&r, b, SHORT, SHORT);
  const double flops = tfm_cost_head(&b->config, b->options->engine.precision, r.len);
  (void)warm_up(b, -1);
  speed->head = flops > 0 ? time_of(b, &r, -1) / flops : 0;
}

/* nresult: rows of results at most. */
static tfm_status make_memory(bench *b, int64_t tokens, int64_t nresult, tfm_err *err)
{
  const size_t floats = (size_t)(tokens * b->H);
  const int64_t width = b->options->head ? tfm_slice_result_width(b->slice) : 1;
  b->made = tfm_alloc_aligned(floats, sizeof *b->made);
  b->x = tfm_alloc_aligned(floats, sizeof *b->x);
  b->result = tfm_alloc_aligned((size_t)(nresult * width), sizeof *b->result);
  b->ids = tfm_calloc((size_t)tokens, sizeof *b->ids);
  if (!b->made || !b->x || !b->result || !b->ids) {
    return tfm_fail(err, TFM_E_NOMEM, "measuring: %lld tokens", (long long)tokens);
  }
  return TFM_OK;
}

/* A layer whose rows are not all wanted tells little of layers: its scores grow as its products do,
 * and these are of a few rows. */
static bench begin(tfm_slice *slice, const tfm_model *model, const tfm_slice_options *options)
{
  bench b = {.slice = slice,
             .config = model->config,
             .options = options,
             .wanted = tfm__slice_want(slice, TFM_WANTED_ALL),
             .H = model->config.H,
             .random = 1};
  b.config.wanted = TFM_WANTED_ALL;
  return b;
}

static void end(bench *b)
{
  tfm_free(b->made);
  tfm_free(b->x);
  tfm_free(b->result);
  tfm_free(b->ids);
  (void)tfm__slice_want(b->slice, b->wanted);
}

tfm_status tfm_speed_measure(tfm_speed *speed, tfm_slice *slice, const tfm_model *model,
                             const tfm_slice_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool attention = false;
  bool ffn = false;
  bench b = begin(slice, model, options);
  TFM_ASSERT(options->slots == 0);
  *speed = (tfm_speed){0};
  TFM_TRY(make_memory(&b, TOKENS, SHORT, err));
  for (int64_t u = options->first; u < options->last; ++u) {
    const tfm_cost_parts parts = tfm_cost_unit_parts(&b.config, TFM_FLOAT32, u, 1);
    if (parts.scores > 0 && !attention) {
      measure_attention(&b, u, speed);
      attention = true;
    } else if (!(parts.scores > 0) && parts.products > 0 && !ffn) {
      measure_ffn(&b, u, speed);
      ffn = true;
    }
  }
  if (options->head) {
    measure_head(&b, speed);
  }

fail:
  end(&b);
  return st;
}

/* ---- as micro-batches come ---- */

/* Sums over all passes. */
typedef struct {
  fit attention;
  double ffn_flops, ffn_s, head_flops, head_s;
} walk;

static tfm_cost_parts batch_parts(const bench *b, const tfm_batch *batch, int64_t unit)
{
  tfm_cost_parts sum = {0};
  for (int64_t i = 0; i < batch->B; ++i) {
    const tfm_cost_parts one =
        tfm_cost_unit_parts(&b->config, b->options->engine.precision, unit,
                            batch->cu_len[i + 1] - batch->cu_len[i]);
    sum.products += one.products;
    sum.scores += one.scores;
  }
  return sum;
}

static double head_flops(const bench *b, const tfm_batch *batch)
{
  double sum = 0;
  for (int64_t i = 0; i < batch->B; ++i) {
    sum += tfm_cost_head(&b->config, b->options->engine.precision,
                         batch->cu_len[i + 1] - batch->cu_len[i]);
  }
  return sum;
}

static void walk_batch(bench *b, const tfm_ids *ids, walk *w)
{
  const tfm_batch batch = {.B = ids->B,
                           .T = ids->T,
                           .cu_len = ids->cu_len,
                           .x = b->x,
                           .nmark = ids->nmark,
                           .marks = ids->marks,
                           .ids = b->ids};
  begin_rows(b, batch.T);
  for (int64_t u = b->options->first; u < b->options->last; ++u) {
    const tfm_cost_parts flops = batch_parts(b, &batch, u);
    const double took = unit_s(b, &batch, u);
    if (flops.scores > 0) {
      add_to_fit(&w->attention, flops, took);
    } else {
      w->ffn_flops += flops.products;
      w->ffn_s += took;
    }
  }
  if (b->options->head) {
    w->head_flops += head_flops(b, &batch);
    w->head_s += unit_s(b, &batch, -1);
  }
}

tfm_status tfm_speed_walk(tfm_speed *speed, tfm_slice *slice, const tfm_model *model,
                          const tfm_slice_options *options, const tfm_speed_rows *of,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  walk w = {0};
  bench b = begin(slice, model, options);
  TFM_ASSERT(options->slots == 0 && !tfm_config_decoder(&model->config) && of->n > 0);
  *speed = (tfm_speed){0};
  TFM_TRY(make_memory(&b, options->max_tokens, options->max_tokens, err));
  walk_batch(&b, &of->batches[0], &w); /* brings code and weights near */
  w = (walk){0};
  const double begin = tfm_thread_cpu_s();
  for (size_t i = 0; i == 0 || tfm_thread_cpu_s() - begin < of->enough_s; ++i) {
    walk_batch(&b, &of->batches[i % of->n], &w);
  }
  if (w.attention.flops > 0) {
    fit_attention(&w.attention, speed);
  }
  speed->ffn = w.ffn_flops > 0 ? w.ffn_s / w.ffn_flops : 0;
  speed->head = w.head_flops > 0 ? w.head_s / w.head_flops : 0;

fail:
  end(&b);
  return st;
}

static void fill(double *to, double from)
{
  *to = *to > 0 ? *to : from;
}

void tfm_speed_fill(tfm_speed *speed, const tfm_speed *other)
{
  fill(&speed->attention, other->attention);
  fill(&speed->scores, other->scores);
  fill(&speed->ffn, other->ffn);
  fill(&speed->head, other->head);
}

double tfm_speed_unit_s(const tfm_speed *speed, const tfm_config *config,
                        tfm_precision precision, int64_t unit, int64_t len)
{
  const tfm_cost_parts parts = tfm_cost_unit_parts(config, precision, unit, len);
  const double product_s = parts.scores > 0 ? speed->attention : speed->ffn;
  return parts.products * product_s + parts.scores * speed->scores;
}

double tfm_speed_head_s(const tfm_speed *speed, const tfm_config *config,
                        tfm_precision precision, int64_t len)
{
  return tfm_cost_head(config, precision, len) * speed->head;
}
