#include "core/model/embed.h"

#include "core/base/mem.h"
#include "core/kernels/gather.h"
#include "core/kernels/layernorm.h"
#include "core/model/cost.h"
#include "core/model/image.h"
#include "core/model/weights.h"

#include <math.h>
#include <string.h>

enum { RUN = 128, MAX_TABLES = 4 };

/* Rows of the tables on their way to a projection: static, so that a run cannot run out. */
static _Thread_local _Alignas(64) float narrow[TFM_EMBED_MOST];

/* Tables of an encoder, of a decoder behind it. Models with one kind of layers have one side. */
typedef struct {
  float *table[MAX_TABLES]; /* the second side borrows the first one's words */
  float *norm;              /* [2,H] or, before a projection, [2,E]: gain, bias; NULL: none */
} side;

enum { SIDES = 2 };

struct tfm_embed {
  int64_t H, E;
  tfm_id_limits limits;
  tfm__module sum[MAX_TABLES]; /* the order of the additions */
  int ntable;
  side sides[SIDES];
  int last;            /* the side of tokens that are not a source's */
  tfm_linear *project; /* [H,E]; NULL: E is H */
  bool project_first;
  float norm_eps;
  bool skip_pad; /* pad tokens have no place of their own */
  int32_t pad_id;
  int32_t *place; /* [max_length] row of the position table of a sequence's i-th token */
  size_t bytes;
  tfm__image image; /* where tables, norm and projection are, unless they are the heap's */
};

/* The fixed vectors of M2M100: float32 steps, as the reference takes them, around functions in
 * double precision; a pad token's is zero. Source: transformers, models/m2m_100. */
static void make_positions_to_end(const tfm_config *config, float *table)
{
  const int64_t E = config->E;
  const int64_t half = E / 2;
  const float step = (float)(log(10000.0) / (double)(half > 1 ? half - 1 : 1));
  memset(table, 0, (size_t)(config->positions * E) * sizeof *table);
  for (int64_t i = 0; i < half; ++i) {
    const float frequency = (float)exp(-(double)((float)i * step));
    for (int64_t p = 0; p < config->positions; ++p) {
      const double angle = (double)((float)p * frequency);
      table[p * E + i] = p == config->pad_id ? 0.0f : (float)sin(angle);
      table[p * E + half + i] = p == config->pad_id ? 0.0f : (float)cos(angle);
    }
  }
}

/* Vectors of positions, which a checkpoint may have or not: sines in the first half, cosines in the
 * second, of angles whose frequencies fall with their place. Source: Vaswani et al. 2017, section
 * 3.5; halves and steps as in transformers, models/marian/modeling_marian.py. In double precision,
 * rounded once. */
static tfm_status make_positions(float **out, const tfm__loader *loader, int64_t layer,
                                 tfm_err *err)
{
  const tfm_model *model = loader->model;
  const tfm_config *config = &model->config;
  const tfm_tensor_info *stored = tfm__table_spare(model, TFM__MODULE_POSITION, layer);
  const int64_t P = config->positions;
  const int64_t E = config->E;
  const int64_t half = (E + 1) / 2;
  float *table = tfm_shelf_take(loader->shelf, (size_t)(P * E), sizeof *table);
  *out = table;
  if (!table) {
    return tfm_fail(err, TFM_E_NOMEM, "vectors of %lld positions", (long long)P);
  }
  if (tfm_shelf_filled(loader->shelf)) {
    return TFM_OK;
  }
  if (stored) {
    return tfm_checkpoint_read(model->checkpoint, stored, table, err);
  }
  if (config->sines_to_end) {
    make_positions_to_end(config, table);
    return TFM_OK;
  }
  for (int64_t i = 0; i < half; ++i) {
    const double slow = pow(10000.0, (double)(2 * i) / (double)E);
    for (int64_t p = 0; p < P; ++p) {
      table[p * E + i] = (float)sin((double)p / slow);
      if (half + i < E) {
        table[p * E + half + i] = (float)cos((double)p / slow);
      }
    }
  }
  return TFM_OK;
}

static tfm_status load_table(float **out, const tfm__loader *loader, tfm__module module,
                             int64_t layer, tfm_err *err)
{
  const tfm_config *config = &loader->model->config;
  const float scale = config->word_scale;
  if (module == TFM__MODULE_POSITION && config->sinusoidal) {
    return make_positions(out, loader, layer, err);
  }
  const tfm_status st = tfm__table_load(out, loader, module, layer, err);
  const bool scales = module == TFM__MODULE_WORD && !tfm_shelf_filled(loader->shelf) &&
                      (scale < 1.0f || scale > 1.0f);
  for (int64_t i = 0; st == TFM_OK && scales && i < config->V * config->E; ++i) {
    (*out)[i] *= scale;
  }
  return st;
}

/* The tables of the side layer `layer` is on. */
static tfm_status load_side(tfm_embed *embed, side *s, const tfm__loader *loader, int64_t layer,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int i = 0; i < embed->ntable; ++i) {
    if (layer > 0 && embed->sum[i] == TFM__MODULE_WORD) {
      s->table[i] = embed->sides[0].table[i];
    } else {
      TFM_TRY(load_table(&s->table[i], loader, embed->sum[i], layer, err));
    }
  }
  if (tfm__module_name(&loader->model->config, TFM__MODULE_EMBED_NORM)) {
    TFM_TRY(tfm__norm_load(&s->norm, loader, TFM__MODULE_EMBED_NORM, layer, err));
  }

fail:
  return st;
}

static tfm_status load_tables(tfm_embed *embed, const tfm__loader *loader, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_model *model = loader->model;
  const tfm_arch *arch = model->config.arch;
  const int64_t second = tfm_config_decoder(&model->config);
  for (int i = 0; i < MAX_TABLES && arch->sum[i] != TFM__MODULE_COUNT; ++i) {
    const bool made = arch->sum[i] == TFM__MODULE_POSITION && model->config.sinusoidal;
    if (made || tfm__module_name(&model->config, arch->sum[i])) {
      embed->sum[embed->ntable++] = arch->sum[i];
    }
  }
  TFM_TRY(load_side(embed, &embed->sides[0], loader, 0, err));
  if (second) {
    embed->last = 1;
    TFM_TRY(load_side(embed, &embed->sides[1], loader, second, err));
  }
  if (tfm__module_name(&model->config, TFM__MODULE_PROJECT)) {
    static const tfm__module project[] = {TFM__MODULE_PROJECT};
    TFM_TRY(tfm__linear_load(&embed->project, loader, project, 1, 0, err));
  }

fail:
  return st;
}

static tfm_status load(tfm_embed *embed, const tfm_model *model, tfm_store *store, tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm_engine engine = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_FLOAT32};
  char name[TFM__IMAGE_NAME];
  tfm__image_name(name, "embed", 0, engine);
  tfm__image_begin(&embed->image, store, name, tfm_cost_embed_bytes(&model->config));
  const tfm__loader loader = {model, engine, tfm__image_shelf(&embed->image), NULL};
  TFM_TRY(load_tables(embed, &loader, err));
  TFM_TRY(tfm__image_end(&embed->image, store, err));

fail:
  return st;
}

tfm_status tfm_embed_open(tfm_embed **out, const tfm_model *model, tfm_store *store,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_config *config = &model->config;
  *out = NULL;
  tfm_embed *embed = tfm_calloc(1, sizeof *embed);
  if (!embed) {
    return tfm_fail(err, TFM_E_NOMEM, "the embeddings");
  }
  embed->H = config->H;
  embed->E = config->E;
  embed->project_first = config->arch->project_first;
  embed->limits = (tfm_id_limits){config->V, config->types, config->max_length};
  embed->norm_eps = config->norm_eps;
  embed->skip_pad = config->skip_pad;
  embed->pad_id = (int32_t)config->pad_id;
  embed->bytes =
      (size_t)tfm_cost_embed_bytes(config) + (size_t)config->max_length * sizeof *embed->place;
  embed->place = tfm_alloc_aligned((size_t)config->max_length, sizeof *embed->place);
  if (!embed->place) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the embeddings: %zu bytes", embed->bytes));
  }
  for (int64_t i = 0; i < config->max_length; ++i) {
    embed->place[i] = (int32_t)(config->position_offset + i); /* at most 2^24 rows: config.c */
  }
  TFM_TRY(load(embed, model, store, err));
  *out = embed;
  return TFM_OK;

fail:
  tfm_embed_close(embed);
  return st;
}

void tfm_embed_close(tfm_embed *embed)
{
  if (!embed) {
    return;
  }
  for (int i = 0; i < SIDES * MAX_TABLES && !embed->image.map; ++i) {
    const int t = i % MAX_TABLES;
    const bool borrowed = i >= MAX_TABLES && embed->sum[t] == TFM__MODULE_WORD;
    tfm_free(borrowed ? NULL : embed->sides[i / MAX_TABLES].table[t]);
  }
  if (!embed->image.map) {
    tfm_free(embed->sides[0].norm);
    tfm_free(embed->sides[1].norm);
  }
  tfm_linear_close(embed->project);
  tfm__image_fini(&embed->image);
  tfm_free(embed->place);
  tfm_free(embed);
}

size_t tfm_embed_bytes(const tfm_embed *embed)
{
  return embed->bytes;
}

typedef struct {
  const tfm_embed *embed;
  const side *side;
  const tfm_ids *ids;
  float *x;
} embed_job;

/* The sequence row t belongs to: the last b with cu_len[b] <= t. */
static int64_t sequence_of(const tfm_ids *ids, int64_t t)
{
  int64_t low = 0;
  int64_t high = ids->B;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (ids->cu_len[middle] <= t) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

/* Rows of the position table for the tokens [t, e) of a sequence that starts at `start`, where a
 * pad token has the row before the first and is not counted. */
static void place_around_pads(const embed_job *job, int64_t t, int64_t e, int64_t start,
                              int32_t *rows)
{
  const tfm_embed *embed = job->embed;
  int64_t count = 0;
  for (int64_t i = start; i < e; ++i) {
    const bool pad = job->ids->ids[i] == embed->pad_id;
    if (i >= t) {
      rows[i - t] = pad ? embed->place[0] - 1 : embed->place[count];
    }
    count += pad ? 0 : 1;
  }
}

/* Rows [t, e) of one sequence, whose place 0 is row `start` (maybe a negative one: its beginning
 * came earlier), to out [e - t, E]. */
static void add_tables(const embed_job *job, int64_t t, int64_t e, int64_t start, float *out)
{
  const tfm_embed *embed = job->embed;
  int32_t around[RUN];
  for (int i = 0; i < embed->ntable; ++i) {
    const int32_t *rows = job->ids->ids + t;
    if (embed->sum[i] == TFM__MODULE_TYPE) {
      rows = job->ids->type_ids + t;
    } else if (embed->sum[i] == TFM__MODULE_POSITION) {
      rows = embed->place + (t - start);
      if (embed->skip_pad && job->side == embed->sides) { /* a decoder's begin came earlier */
        place_around_pads(job, t, e, start, around);
        rows = around;
      }
    }
    tfm_gather(job->side->table[i], rows, e - t, embed->E, i > 0, out, embed->E);
  }
}

static void normalize(const embed_job *job, float *rows, int64_t n, int64_t width)
{
  const float *gain = job->side->norm;
  const tfm_norm norm = {gain, gain + width, job->embed->norm_eps};
  tfm_layernorm(rows, width, n, width, &norm, rows, width, NULL);
}

/* Rows [first, last) of the batch. */
static void embed_run_of(const embed_job *job, int64_t first, int64_t last)
{
  const tfm_embed *embed = job->embed;
  const tfm_ids *ids = job->ids;
  float *x = job->x + first * embed->H;
  float *sum = embed->project ? narrow : x;
  int64_t b = sequence_of(ids, first);
  for (int64_t t = first; t < last; ++b) {
    const int64_t end = ids->cu_len[b + 1] < last ? ids->cu_len[b + 1] : last;
    const int64_t place = ids->start ? ids->start[b] : 0;
    add_tables(job, t, end, ids->cu_len[b] - place, sum + (t - first) * embed->E);
    t = end;
  }
  if (job->side->norm && !embed->project_first) {
    normalize(job, sum, last - first, embed->E);
  }
  if (embed->project) {
    const tfm_epilogue plain = {.act = TFM_ACT_NONE};
    tfm_linear_run(embed->project, sum, embed->E, last - first, x, embed->H, &plain, NULL);
  }
  if (job->side->norm && embed->project_first) {
    normalize(job, x, last - first, embed->H);
  }
}

static void embed_rows(void *arg, int task, int thread)
{
  (void)thread;
  const embed_job *job = arg;
  const int64_t end = (int64_t)(task + 1) * RUN;
  const int64_t last = end < job->ids->T ? end : job->ids->T;
  const int64_t fits = job->embed->project ? TFM_EMBED_MOST / job->embed->E : RUN;
  for (int64_t t = (int64_t)task * RUN; t < last; t += fits) {
    embed_run_of(job, t, t + fits < last ? t + fits : last);
  }
}

static void run_side(const tfm_embed *embed, int which, const tfm_ids *ids, float *x,
                     tfm_par *par)
{
  embed_job job = {embed, &embed->sides[which], ids, x};
  const int64_t ntask = (ids->T + RUN - 1) / RUN;
  tfm_par_for(par, (int)ntask, embed_rows, &job);
}

void tfm_embed_run(const tfm_embed *embed, const tfm_ids *ids, float *x, tfm_par *par)
{
  const int64_t sources = ids->cu_source ? ids->cu_source[ids->B] : 0;
  if (sources > 0) {
    const tfm_ids from = {
        .B = ids->B, .T = sources, .cu_len = ids->cu_source, .ids = ids->source};
    run_side(embed, 0, &from, x, par);
  }
  run_side(embed, embed->last, ids, x + sources * embed->H, par);
}

tfm_id_limits tfm_embed_limits(const tfm_embed *embed)
{
  return embed->limits;
}

tfm_status tfm_id_check(const tfm_id_limits *limits, const int32_t *ids,
                        const int32_t *type_ids, int64_t n, tfm_err *err)
{
  if (n < 1 || n > limits->max_length) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "want 1 to %lld tokens (the model's positions), got %lld",
                    (long long)limits->max_length, (long long)n);
  }
  for (int64_t i = 0; i < n; ++i) {
    if (ids[i] < 0 || ids[i] >= limits->V) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "token %lld: id %d is outside the model's table of %lld: does the "
                      "tokenizer belong to this model?",
                      (long long)i, ids[i], (long long)limits->V);
    }
    if (limits->types > 0 && (type_ids[i] < 0 || type_ids[i] >= limits->types)) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "token %lld: type id %d is outside the model's table of %lld",
                      (long long)i, type_ids[i], (long long)limits->types);
    }
  }
  return TFM_OK;
}
