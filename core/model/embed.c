#include "core/model/embed.h"

#include "core/base/mem.h"
#include "core/kernels/gather.h"
#include "core/kernels/layernorm.h"
#include "core/model/weights.h"

enum { RUN = 128, MAX_TABLES = 4 };

/* Rows of the tables on their way to a projection: static, so that a run cannot run out. */
static _Thread_local _Alignas(64) float narrow[TFM_EMBED_MOST];

struct tfm_embed {
  int64_t H, E;
  tfm_id_limits limits;
  tfm__module sum[MAX_TABLES]; /* the order of the additions */
  int ntable;
  float *table[MAX_TABLES];
  float *norm;         /* [2,H] or, before a projection, [2,E]: gain, bias; NULL: none */
  tfm_linear *project; /* [H,E]; NULL: E is H */
  bool project_first;
  float norm_eps;
  bool skip_pad; /* pad tokens have no place of their own */
  int32_t pad_id;
  int32_t *place; /* [max_length] row of the position table of a sequence's i-th token */
  size_t bytes;
};

static tfm_status load_tables(tfm_embed *embed, const tfm_model *model, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_arch *arch = model->config.arch;
  for (int i = 0; i < MAX_TABLES && arch->sum[i] != TFM__MODULE_COUNT; ++i) {
    if (tfm__module_name(&model->config, arch->sum[i])) {
      embed->sum[embed->ntable] = arch->sum[i];
      TFM_TRY(tfm__table_load(&embed->table[embed->ntable], model, arch->sum[i], err));
      embed->ntable += 1;
    }
  }
  if (tfm__module_name(&model->config, TFM__MODULE_EMBED_NORM)) {
    TFM_TRY(tfm__norm_load(&embed->norm, model, TFM__MODULE_EMBED_NORM, 0, err));
  }
  if (tfm__module_name(&model->config, TFM__MODULE_PROJECT)) {
    static const tfm__module project[] = {TFM__MODULE_PROJECT};
    const tfm_engine engine = {TFM_BACKEND_NATIVE, TFM_FLOAT32};
    TFM_TRY(tfm__linear_load(&embed->project, model, engine, project, 1, 0, err));
  }

fail:
  return st;
}

tfm_status tfm_embed_open(tfm_embed **out, const tfm_model *model, tfm_err *err)
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
  embed->bytes = (size_t)tfm__part_floats(config, TFM__PART_EMBED) * sizeof(float) +
                 (size_t)config->max_length * sizeof *embed->place;
  embed->place = tfm_alloc_aligned((size_t)config->max_length, sizeof *embed->place);
  if (!embed->place) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the embeddings: %zu bytes", embed->bytes));
  }
  for (int64_t i = 0; i < config->max_length; ++i) {
    embed->place[i] = (int32_t)(config->position_offset + i); /* at most 2^24 rows: config.c */
  }
  TFM_TRY(load_tables(embed, model, err));
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
  for (int i = 0; i < MAX_TABLES; ++i) {
    tfm_free(embed->table[i]);
  }
  tfm_free(embed->norm);
  tfm_linear_close(embed->project);
  tfm_free(embed->place);
  tfm_free(embed);
}

size_t tfm_embed_bytes(const tfm_embed *embed)
{
  return embed->bytes;
}

typedef struct {
  const tfm_embed *embed;
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
      if (embed->skip_pad) {
        place_around_pads(job, t, e, start, around);
        rows = around;
      }
    }
    tfm_gather(embed->table[i], rows, e - t, embed->E, i > 0, out, embed->E);
  }
}

static void normalize(const tfm_embed *embed, float *rows, int64_t n, int64_t width)
{
  const tfm_norm norm = {embed->norm, embed->norm + width, embed->norm_eps};
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
  if (embed->norm && !embed->project_first) {
    normalize(embed, sum, last - first, embed->E);
  }
  if (embed->project) {
    const tfm_epilogue plain = {.act = TFM_ACT_NONE};
    tfm_linear_run(embed->project, sum, embed->E, last - first, x, embed->H, &plain, NULL);
  }
  if (embed->norm && embed->project_first) {
    normalize(embed, x, last - first, embed->H);
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

void tfm_embed_run(const tfm_embed *embed, const tfm_ids *ids, float *x, tfm_par *par)
{
  embed_job job = {embed, ids, x};
  const int64_t ntask = (ids->T + RUN - 1) / RUN;
  tfm_par_for(par, (int)ntask, embed_rows, &job);
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
