/* A page holds, head after head, its keys as panels of 16 (what a product of query rows with keys
 * reads) and its values as panels of 16 of their floats (what a product of weights with values
 * reads), then of int8 the scales of keys and of values. What is narrower than floats is widened
 * panel by panel, right before a product reads it. The rows of a product are the queries that share
 * a head of keys: of one token alone when it is being decoded, of many when a text begins. */
#include "core/kernels/pages.h"

#include "core/kernels/activation.h"
#include "core/kernels/linear.h"
#include "core/kernels/table.h"

#include <math.h>
#include <string.h>

enum {
  WIDE = TFM__TILE_VECS * TFM__LANES,
  RUN = 8 /* tiles of query rows a task takes */
};

_Static_assert(TFM_LINEAR_K_BLOCK % TFM_PAGE_KEYS == 0, "a block of keys is whole pages");
_Static_assert(TFM_PAGE_KEYS % TFM__LANES == 0, "a page is whole panels");

static int64_t panels_of(int64_t floats)
{
  return (floats + TFM__LANES - 1) / TFM__LANES;
}

/* Floats of the keys, of the values, and of the scales, of one head in a page. */
static int64_t key_floats(const tfm_heads *heads)
{
  return heads->D * TFM_PAGE_KEYS / tfm_precision_per_word(heads->kv);
}

static int64_t value_floats(const tfm_heads *heads)
{
  return panels_of(heads->D) * TFM__LANES * TFM_PAGE_KEYS / tfm_precision_per_word(heads->kv);
}

static int64_t head_floats(const tfm_heads *heads)
{
  return key_floats(heads) + value_floats(heads) +
         (heads->kv == TFM_INT8 ? 2 * TFM_PAGE_KEYS : 0);
}

int64_t tfm_page_floats(const tfm_heads *heads)
{
  return tfm_heads_of_keys(heads) * head_floats(heads);
}

typedef struct {
  const tfm_heads *heads;
  const float *q, *kv; /* rows of queries; of keys, then values */
  int64_t ldq, ldkv;
  const int32_t *keys; /* [B] each query sees so many; NULL: those up to its own place */
  const tfm_sequences *seqs;
  const tfm_pages *pages;
  float *out;
  int64_t ldo;
  float *scratch;
  int64_t scratch_floats;
  int64_t runs; /* tasks of a (sequence, head) pair */
  int64_t ldp;  /* floats of a row of scores */
} paged_job;

/* One (sequence, head of keys). */
typedef struct {
  const paged_job *job;
  const tfm__kernels *kernels;
  int64_t b, head;
  int64_t first, n, start; /* its new rows in qkv, and where the first stands */
  float *rows, *strip;     /* [tile_rows][D], as they are and as a strip */
  float *scores;           /* [tile_rows][ldp] */
  float *weights;          /* strip of TFM_PAGE_KEYS */
  float *block, *sum;      /* [tile_rows][WIDE] of one block of keys, of all of them */
  float *widened;          /* panels of keys or values as floats; NULL: they are floats */
} paged_work;

static float *keys_of(const paged_work *w, int64_t page)
{
  const tfm_heads *heads = w->job->heads;
  return w->job->pages->page[w->b][page] + w->job->pages->offset + w->head * head_floats(heads);
}

static float *values_of(const paged_work *w, int64_t page)
{
  return keys_of(w, page) + key_floats(w->job->heads);
}

/* [TFM_PAGE_KEYS] of keys, behind them of values. */
static float *scales_of(const paged_work *w, int64_t page)
{
  return values_of(w, page) + value_floats(w->job->heads);
}

/* Floats of the panels one product reads. */
static int64_t widened_floats(const tfm_heads *heads)
{
  const int64_t longest = heads->D > TFM_PAGE_KEYS ? heads->D : TFM_PAGE_KEYS;
  return heads->kv == TFM_FLOAT32 ? 0 : TFM__TILE_VECS * TFM__LANES * longest;
}

static void open_work(paged_work *w, const paged_job *job, int64_t unit, int thread)
{
  const int64_t G = tfm_heads_of_keys(job->heads);
  const int64_t D = job->heads->D;
  float *at = job->scratch + thread * job->scratch_floats;
  *w =
      (paged_work){.job = job, .kernels = tfm__kernels_used(), .b = unit / G, .head = unit % G};
  w->first = job->seqs->cu_len[w->b];
  w->n = job->seqs->cu_len[w->b + 1] - w->first;
  w->start = job->seqs->start ? job->seqs->start[w->b] : 0;
  w->rows = at;
  at += TFM__TILE_ROWS * panels_of(D) * TFM__LANES;
  w->strip = at;
  at += (TFM__TILE_ROWS + 2) * D + TFM__LANES;
  at += (TFM__LANES - (at - w->rows) % TFM__LANES) % TFM__LANES;
  w->weights = at;
  at += TFM__LANES * (TFM_PAGE_KEYS + 1);
  w->block = at;
  at += TFM__TILE_ROWS * WIDE;
  w->sum = at;
  at += TFM__TILE_ROWS * WIDE;
  w->widened = job->heads->kv == TFM_FLOAT32 ? NULL : at;
  at += widened_floats(job->heads);
  w->scores = at;
}

static int64_t scratch_floats(const tfm_heads *heads, int64_t ldp)
{
  const int64_t D = heads->D;
  return TFM__TILE_ROWS * panels_of(D) * TFM__LANES + (TFM__TILE_ROWS + 2) * D +
         2 * TFM__LANES + TFM__LANES * (TFM_PAGE_KEYS + 1) + 2 * TFM__TILE_ROWS * WIDE +
         widened_floats(heads) + TFM__TILE_ROWS * ldp;
}

static int64_t row_of_scores(int64_t len)
{
  return (len + TFM_PAGE_KEYS - 1) / TFM_PAGE_KEYS * TFM_PAGE_KEYS;
}

size_t tfm_attention_paged_scratch_bytes(const tfm_heads *heads, int64_t max_len)
{
  const int64_t floats = scratch_floats(heads, row_of_scores(max_len));
  return (size_t)panels_of(floats) * TFM__LANES * sizeof(float);
}

/* ---- new keys and values ---- */

/* Where element i of a key, and of a value, lies behind the place `at` of a page begins. */
static int64_t key_at(int64_t at, int64_t D, int64_t i)
{
  return (at / TFM__LANES * D + i) * TFM__LANES + at % TFM__LANES;
}

static int64_t value_at(int64_t at, int64_t i)
{
  return (i / TFM__LANES * TFM_PAGE_KEYS + at) * TFM__LANES + i % TFM__LANES;
}

static uint16_t to_bfloat16(const paged_work *w, float x)
{
  unsigned char out[2];
  uint16_t bits;
  w->kernels->to_bfloat16(&x, 0, 1, 1, out, 0);
  memcpy(&bits, out, sizeof bits);
  return bits;
}

/* The step of one head's numbers; NaN where they are not all finite, which every product shows. */
static float step_of(const float *x, int64_t n)
{
  float most = 0.0f;
  for (int64_t i = 0; i < n; ++i) {
    const float size = fabsf(x[i]);
    most = size <= most ? most : size;
  }
  return isfinite(most) ? most / 127.0f : NAN;
}

static int8_t to_int8(float x, float step)
{
  return isnan(step) ? 1 : step > 0.0f ? (int8_t)nearbyintf(x / step) : 0;
}

/* One head's key and value of a token, at place `at` of its page. */
static void keep_narrow(const paged_work *w, int64_t page, int64_t at, const float *k,
                        const float *v)
{
  const int64_t D = w->job->heads->D;
  const bool bytes = w->job->heads->kv == TFM_INT8;
  void *keys = keys_of(w, page);
  void *values = values_of(w, page);
  const float key_step = bytes ? step_of(k, D) : 1.0f;
  const float value_step = bytes ? step_of(v, D) : 1.0f;
  for (int64_t d = 0; d < panels_of(D) * TFM__LANES; ++d) {
    const float key = d < D ? k[d] : 0.0f;
    const float value = d < D ? v[d] : 0.0f;
    if (bytes) {
      ((int8_t *)values)[value_at(at, d)] = to_int8(value, value_step);
    } else {
      ((uint16_t *)values)[value_at(at, d)] = to_bfloat16(w, value);
    }
    if (bytes && d < D) {
      ((int8_t *)keys)[key_at(at, D, d)] = to_int8(key, key_step);
    } else if (d < D) {
      ((uint16_t *)keys)[key_at(at, D, d)] = to_bfloat16(w, key);
    }
  }
  if (bytes) {
    scales_of(w, page)[at] = key_step;
    scales_of(w, page)[TFM_PAGE_KEYS + at] = value_step;
  }
}

static void keep_token(const paged_work *w, int64_t row)
{
  const tfm_heads *heads = w->job->heads;
  const int64_t D = heads->D;
  const int64_t page = (w->start + row) / TFM_PAGE_KEYS;
  const int64_t at = (w->start + row) % TFM_PAGE_KEYS;
  const float *k = w->job->kv + (w->first + row) * w->job->ldkv + w->head * D;
  const float *v = k + tfm_heads_of_keys(heads) * D;
  if (w->widened) {
    keep_narrow(w, page, at, k, v);
    return;
  }
  float *keys = keys_of(w, page);
  float *values = values_of(w, page);
  for (int64_t d = 0; d < D; ++d) {
    keys[key_at(at, D, d)] = k[d];
  }
  for (int64_t d = 0; d < panels_of(D) * TFM__LANES; ++d) {
    values[value_at(at, d)] = d < D ? v[d] : 0.0f;
  }
}

/* Panels whose last keys are still to come hold numbers, so that products may read them. */
static void clear_panel(const paged_work *w, int64_t place)
{
  const tfm_heads *heads = w->job->heads;
  const int64_t page = place / TFM_PAGE_KEYS;
  const int64_t at = place % TFM_PAGE_KEYS;
  const int64_t floats = heads->D * TFM__LANES / tfm_precision_per_word(heads->kv);
  memset(keys_of(w, page) + at / TFM__LANES * floats, 0, (size_t)floats * sizeof(float));
  if (heads->kv == TFM_INT8) {
    memset(scales_of(w, page) + at, 0, TFM__LANES * sizeof(float));
  }
}

/* ---- wider again ---- */

static float from_bfloat16(uint16_t bits)
{
  const uint32_t wide = (uint32_t)bits << 16;
  float x;
  memcpy(&x, &wide, sizeof x);
  return x;
}

/* Panels [panel, panel + n) of a page's keys, as floats. */
static const float *widen_keys(const paged_work *w, int64_t page, int64_t panel, int64_t n)
{
  const int64_t size = w->job->heads->D * TFM__LANES;
  const void *keys = keys_of(w, page);
  float *to = w->widened;
  if (!to) {
    return (const float *)keys + panel * size;
  }
  if (w->job->heads->kv == TFM_BFLOAT16) {
    const uint16_t *from = (const uint16_t *)keys + panel * size;
    for (int64_t i = 0; i < n * size; ++i) {
      to[i] = from_bfloat16(from[i]);
    }
    return to;
  }
  const int8_t *from = (const int8_t *)keys + panel * size;
  const float *scale = scales_of(w, page) + panel * TFM__LANES;
  for (int64_t p = 0; p < n; ++p, scale += TFM__LANES) {
    for (int64_t i = p * size; i < (p + 1) * size; ++i) {
      to[i] = (float)from[i] * scale[i % TFM__LANES];
    }
  }
  return to;
}

/* Panels [panel, panel + n) of the first k of a page's values, as floats. */
static const float *widen_values(const paged_work *w, int64_t page, int64_t panel, int64_t n,
                                 int64_t k)
{
  const int64_t size = TFM_PAGE_KEYS * TFM__LANES;
  const void *values = values_of(w, page);
  float *to = w->widened;
  if (!to) {
    return (const float *)values + panel * size;
  }
  const bool bytes = w->job->heads->kv == TFM_INT8;
  const float *scale = bytes ? scales_of(w, page) + TFM_PAGE_KEYS : NULL;
  for (int64_t p = 0; p < n; ++p) {
    const int64_t from = (panel + p) * size;
    for (int64_t i = 0; i < k * TFM__LANES; ++i) {
      to[p * size + i] = bytes
                             ? (float)((const int8_t *)values)[from + i] * scale[i / TFM__LANES]
                             : from_bfloat16(((const uint16_t *)values)[from + i]);
    }
  }
  return to;
}

static void keep_task(void *arg, int task, int thread)
{
  const paged_job *job = arg;
  paged_work w;
  open_work(&w, job, task, thread);
  for (int64_t row = 0; row < w.n; ++row) {
    if ((w.start + row) % TFM__LANES == 0) {
      clear_panel(&w, w.start + row);
    }
    keep_token(&w, row);
  }
}

/* ---- queries ---- */

/* Rows of a tile: `count` queries from row `q` of (token, head of queries) pairs on. */
static void take_queries(const paged_work *w, int64_t q, int64_t count)
{
  const tfm_heads *heads = w->job->heads;
  const int64_t D = heads->D;
  const int64_t shared = heads->N / tfm_heads_of_keys(heads);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t token = (q + i) / shared;
    const int64_t head = w->head * shared + (q + i) % shared;
    memcpy(w->rows + i * D, w->job->q + (w->first + token) * w->job->ldq + head * D,
           (size_t)D * sizeof(float));
  }
  w->kernels->pack(w->rows, D, count, D, count, w->strip);
}

/* scores [count][low..high): chains of the queries with keys, whole panels at a time. */
static void meet_keys(const paged_work *w, int64_t count, int64_t low, int64_t high)
{
  const int64_t D = w->job->heads->D;
  for (int64_t key = low; key < high;) {
    const int64_t page = key / TFM_PAGE_KEYS;
    const int64_t panel = key % TFM_PAGE_KEYS / TFM__LANES;
    int64_t vecs = panels_of(high - key);
    const int64_t in_page = TFM_PAGE_KEYS / TFM__LANES - panel;
    vecs = vecs < in_page ? vecs : in_page;
    vecs = vecs < w->kernels->tile_vecs ? vecs : w->kernels->tile_vecs;
    const float *keys = widen_keys(w, page, panel, vecs);
    const tfm__operands from = {.a = w->strip,
                                .a_step = count,
                                .b = keys,
                                .b_next = D * TFM__LANES,
                                .ahead = keys + vecs * D * TFM__LANES,
                                .ahead_step = vecs * TFM__LANES};
    (*w->kernels->tile)[TFM__STRIP][vecs - 1][count - 1](&from, D, w->scores + key, w->job->ldp,
                                                         TFM__TILE_SET);
    key += vecs * TFM__LANES;
  }
}

/* The bias of keys [low, place] for a query at `place`, of a head of queries. */
static void add_bias(const tfm_attention_terms *terms, int64_t head, int64_t place, int64_t low,
                     float *s)
{
  const float *bias = terms->bias + head * (2 * terms->reach - 1) + terms->reach - 1 + place;
  for (int64_t key = low; key <= place; ++key) {
    s[key] += bias[-key];
  }
}

/* Scores to weights: keys [low, place] of those the query sees, zeros behind it up to high. */
static void weigh_keys(const paged_work *w, int64_t row, int64_t place, int64_t low,
                       int64_t high)
{
  const tfm_heads *heads = w->job->heads;
  float *s = w->scores + row * w->job->ldp;
  const tfm_attention_terms *terms = heads->terms;
  const int64_t seen =
      terms && terms->windowed && place - terms->before > low ? place - terms->before : low;
  for (int64_t key = low; key < seen; ++key) {
    s[key] = -INFINITY;
  }
  for (int64_t key = seen; key <= place; ++key) {
    s[key] *= heads->scale;
  }
  if (heads->cap > 0.0f) {
    tfm_softcap(heads->cap, s + seen, place + 1 - seen);
  }
  w->kernels->softmax(s + low, place + 1 - low, s + low);
  for (int64_t key = place + 1; key < high; ++key) {
    s[key] = 0.0f;
  }
}

/* sum [count][16*vecs]: weights times floats [d, d + 16*vecs) of the values, blocks of keys in
 * order, each one chain. */
static void weigh_values(const paged_work *w, int64_t count, int64_t low, int64_t high,
                         int64_t d, int64_t vecs)
{
  const int64_t width = vecs * TFM__LANES;
  for (int64_t key = low; key < high; key += TFM_PAGE_KEYS) {
    const int64_t k = high - key < TFM_PAGE_KEYS ? high - key : TFM_PAGE_KEYS;
    const bool begins = key % TFM_LINEAR_K_BLOCK == 0;
    const bool ends = (key + TFM_PAGE_KEYS) % TFM_LINEAR_K_BLOCK == 0 || key + k >= high;
    const float *values = widen_values(w, key / TFM_PAGE_KEYS, d / TFM__LANES, vecs, k);
    const tfm__operands from = {.a = w->weights,
                                .a_step = count,
                                .b = values,
                                .b_next = TFM_PAGE_KEYS * TFM__LANES,
                                .ahead = values + k * TFM__LANES,
                                .ahead_step = TFM__LANES};
    w->kernels->pack(w->scores + key, w->job->ldp, count, k, count, w->weights);
    (*w->kernels->tile)[TFM__STRIP][vecs - 1][count - 1](
        &from, k, w->block, width, begins ? TFM__TILE_SET : TFM__TILE_GO_ON);
    for (int64_t i = 0; ends && i < count * width; ++i) {
      w->sum[i] = key / TFM_LINEAR_K_BLOCK == low / TFM_LINEAR_K_BLOCK
                      ? w->block[i]
                      : w->sum[i] + w->block[i];
    }
  }
}

/* One tile of queries, from row q of pairs on. */
static void attend_tile(const paged_work *w, int64_t q, int64_t count)
{
  const tfm_heads *heads = w->job->heads;
  const tfm_attention_terms *terms = heads->terms;
  const int64_t D = heads->D;
  const int64_t shared = heads->N / tfm_heads_of_keys(heads);
  const int32_t *keys = w->job->keys;
  const int64_t high = keys ? keys[w->b] : w->start + (q + count - 1) / shared + 1;
  const bool windowed = terms && terms->windowed;
  const int64_t from = windowed ? w->start + q / shared - terms->before : 0;
  const int64_t low = from > 0 ? from / TFM_LINEAR_K_BLOCK * TFM_LINEAR_K_BLOCK : 0;
  take_queries(w, q, count);
  meet_keys(w, count, low, high);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t place = keys ? high - 1 : w->start + (q + i) / shared;
    if (terms && terms->bias) {
      add_bias(terms, w->head * shared + (q + i) % shared, place, low,
               w->scores + i * w->job->ldp);
    }
    weigh_keys(w, i, place, low, high);
  }
  const int64_t most = (int64_t)w->kernels->tile_vecs * TFM__LANES;
  for (int64_t d = 0; d < D; d += most) {
    const int64_t cols = D - d < most ? D - d : most;
    const int64_t vecs = panels_of(cols);
    weigh_values(w, count, low, high, d, vecs);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t token = (q + i) / shared;
      const int64_t head = w->head * shared + (q + i) % shared;
      memcpy(w->job->out + (w->first + token) * w->job->ldo + head * D + d,
             w->sum + i * vecs * TFM__LANES, (size_t)cols * sizeof(float));
    }
  }
}

static void attend_task(void *arg, int task, int thread)
{
  const paged_job *job = arg;
  paged_work w;
  open_work(&w, job, task / job->runs, thread);
  const int64_t shared = job->heads->N / tfm_heads_of_keys(job->heads);
  const int32_t *span = job->seqs->span ? job->seqs->span + 2 * w.b : NULL;
  const int64_t rows = (span ? span[1] : w.n) * shared;
  const int64_t tile = w.kernels->tile_rows;
  const int64_t first = (span ? span[0] * shared : 0) + task % job->runs * RUN * tile;
  const int64_t last = first + RUN * tile < rows ? first + RUN * tile : rows;
  for (int64_t q = first; q < last; q += tile) {
    attend_tile(&w, q, last - q < tile ? last - q : tile);
  }
}

static int64_t new_rows(const tfm_sequences *seqs, int64_t b)
{
  return seqs->cu_len[b + 1] - seqs->cu_len[b];
}

static void keep(paged_job *job, tfm_par *par)
{
  const int64_t G = tfm_heads_of_keys(job->heads);
  tfm_par_for(par, (int)(job->seqs->B * G), keep_task, job);
}

static void look(paged_job *job, tfm_par *par)
{
  const int64_t G = tfm_heads_of_keys(job->heads);
  const int64_t tiles = (int64_t)RUN * tfm__kernels_used()->tile_rows;
  int64_t most = 0;
  for (int64_t b = 0; b < job->seqs->B; ++b) {
    const int64_t n = new_rows(job->seqs, b);
    most = n > most ? n : most;
  }
  job->runs = (most * (job->heads->N / G) + tiles - 1) / tiles;
  tfm_par_for(par, (int)(job->seqs->B * G * job->runs), attend_task, job);
}

static void set_scratch(paged_job *job, int64_t longest)
{
  job->scratch = job->pages->scratch;
  job->ldp = row_of_scores(longest);
  job->scratch_floats = panels_of(scratch_floats(job->heads, job->ldp)) * TFM__LANES;
}

void tfm_attention_paged(const tfm_heads *heads, const float *qkv, int64_t ldqkv,
                         const tfm_sequences *seqs, const tfm_pages *pages, float *out,
                         int64_t ldo, tfm_par *par)
{
  int64_t longest = 0;
  for (int64_t b = 0; b < seqs->B; ++b) {
    const int64_t n = seqs->start[b] + new_rows(seqs, b);
    longest = n > longest ? n : longest;
  }
  paged_job job = {.heads = heads,
                   .q = qkv,
                   .kv = qkv + heads->N * heads->D,
                   .ldq = ldqkv,
                   .ldkv = ldqkv,
                   .seqs = seqs,
                   .pages = pages,
                   .out = out,
                   .ldo = ldo};
  set_scratch(&job, longest);
  keep(&job, par);
  look(&job, par);
}

void tfm_attention_keep(const tfm_heads *heads, const float *kv, int64_t ldkv,
                        const tfm_sequences *seqs, const tfm_pages *pages, tfm_par *par)
{
  paged_job job = {.heads = heads, .kv = kv, .ldkv = ldkv, .seqs = seqs, .pages = pages};
  set_scratch(&job, 1);
  keep(&job, par);
}

void tfm_attention_look(const tfm_heads *heads, const float *q, int64_t ldq,
                        const tfm_sequences *seqs, const tfm_pages *pages, float *out,
                        int64_t ldo, tfm_par *par)
{
  int64_t longest = 1;
  for (int64_t b = 0; b < seqs->B; ++b) {
    longest = pages->keys[b] > longest ? pages->keys[b] : longest;
  }
  paged_job job = {.heads = heads,
                   .q = q,
                   .ldq = ldq,
                   .keys = pages->keys,
                   .seqs = seqs,
                   .pages = pages,
                   .out = out,
                   .ldo = ldo};
  set_scratch(&job, longest);
  look(&job, par);
}
