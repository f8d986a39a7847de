#include "core/model/head.h"

#include "core/base/mem.h"
#include "core/kernels/gather.h"
#include "core/kernels/layernorm.h"
#include "core/model/cost.h"
#include "core/model/lm.h"
#include "core/model/pool.h"
#include "core/model/rank.h"
#include "core/model/shown.h"
#include "core/model/weights.h"

#include <string.h>

enum { TILE = 256, LOGITS_MOST = 1 << 22 /* floats of one tile of vocabulary scores */ };

static int64_t least(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
  return a > b ? a : b;
}

/* ---- shape ---- */

static int64_t pooled_width(const tfm_model *model)
{
  const tfm_sentence *s = &model->sentence;
  int64_t width = model->config.H;
  if (model->spec.pooling == TFM_POOLING_AUTO && s->there) {
    width *= s->npool;
  }
  for (int i = 0; i < s->nstep && model->spec.pooling != TFM_POOLING_EACH; ++i) {
    width = s->steps[i].kind == TFM__STEP_DENSE ? s->steps[i].out : width;
  }
  return model->spec.dims > 0 ? least(model->spec.dims, width) : width;
}

/* Floats of what follows a marked token. */
static int64_t next_width(const tfm_choice *choice)
{
  if (choice->candidates > 0) {
    return (choice->sample ? 3 : 2) * choice->candidates;
  }
  return 2 * most(choice->branches, 1);
}

tfm_head_shape tfm_model_shape(const tfm_model *model)
{
  const tfm_config *config = &model->config;
  const tfm_head_spec *spec = &model->spec;
  const tfm__head_row *row = tfm__arch_head(config->arch, config->task);
  if (!row) {
    return (tfm_head_shape){.rows = TFM_ROWS_NONE};
  }
  switch (row->view) {
  case TFM__VIEW_FIRST:
  case TFM__VIEW_LAST:
    return (tfm_head_shape){TFM_ROWS_SEQUENCE, config->nlabel};
  case TFM__VIEW_EACH:
    return (tfm_head_shape){TFM_ROWS_TOKEN,
                            tfm__module_shape_of(config, TFM__MODULE_HEAD_OUT).rows};
  case TFM__VIEW_LM:
    return spec->lm == TFM_LM_NEXT ? (tfm_head_shape){TFM_ROWS_MARK, next_width(&spec->choice)}
                                   : (tfm_head_shape){TFM_ROWS_TOKEN, 1};
  case TFM__VIEW_MARKED:
    return (tfm_head_shape){TFM_ROWS_MARK, spec->nonly ? spec->nonly : 2 * spec->top_k};
  case TFM__VIEW_POOLED:
    break;
  }
  return (tfm_head_shape){spec->pooling == TFM_POOLING_EACH ? TFM_ROWS_TOKEN
                                                            : TFM_ROWS_SEQUENCE,
                          pooled_width(model)};
}

/* ---- opening ---- */

/* What follows the pooling, and which pooling: what was asked for, else modules.json. Layers are
 * not read; step[i] is the one of modules.json that after[i] is. */
static void choose_pooling(tfm__head *head, const tfm_model *model, int step[TFM__STEP_MOST])
{
  const tfm_sentence *s = &model->sentence;
  const bool own = head->spec.pooling != TFM_POOLING_AUTO || !s->there;
  head->npool = own ? 1 : s->npool;
  head->after_prompt = s->after_prompt;
  memcpy(head->pool, s->pool, sizeof head->pool);
  if (own) {
    head->pool[0] =
        head->spec.pooling == TFM_POOLING_AUTO ? TFM_POOLING_MEAN : head->spec.pooling;
  }
  for (int i = 0; i < s->nstep && head->spec.pooling != TFM_POOLING_EACH; ++i) {
    const bool dense = s->steps[i].kind == TFM__STEP_DENSE;
    if (dense || head->spec.normalize != TFM_NORMALIZE_OFF) {
      step[head->nafter] = i;
      head->after[head->nafter++] = (tfm__after){.act = dense ? s->steps[i].act : TFM_ACT_NONE,
                                                 .out = dense ? s->steps[i].out : 0};
    }
  }
}

static tfm_status open_pooling(tfm__head *head, const tfm_model *model, tfm_backend backend,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_sentence *s = &model->sentence;
  int step[TFM__STEP_MOST] = {0};
  float *weight = NULL;
  float *bias = NULL;
  choose_pooling(head, model, step);
  for (int i = 0; i < head->nafter; ++i) {
    tfm__after *after = &head->after[i];
    if (after->out == 0) {
      continue;
    }
    TFM_TRY(tfm__sentence_dense(s, step[i], &weight, &bias, err));
    TFM_TRY(tfm_linear_open(&after->dense, backend, TFM_FLOAT32, weight, bias, after->out,
                            s->steps[step[i]].in, err));
    tfm_free(weight);
    tfm_free(bias);
    weight = bias = NULL;
  }

fail:
  tfm_free(weight);
  tfm_free(bias);
  return st;
}

static tfm_status open_row(tfm__head *head, const tfm__loader *loader, tfm_err *err)
{
  tfm_status st = TFM_OK;
  static const tfm__module dense[] = {TFM__MODULE_HEAD_DENSE};
  static const tfm__module out[] = {TFM__MODULE_HEAD_OUT};
  if (head->row->dense) {
    TFM_TRY(tfm__linear_load(&head->dense, loader, dense, 1, 0, err));
  }
  if (head->row->norm) {
    TFM_TRY(tfm__norm_load(&head->norm, loader, TFM__MODULE_HEAD_NORM, 0, err));
  }
  TFM_TRY(tfm__linear_load(&head->out, loader, out, 1, 0, err));

fail:
  return st;
}

/* Heads whose logits are as many as the vocabulary, and never leave them. */
static bool over_vocabulary(const tfm__head *head)
{
  return head->row->view == TFM__VIEW_MARKED || head->row->view == TFM__VIEW_LM;
}

/* Floats of a and b each, and of logits. */
typedef struct {
  size_t floats, logits;
} scratch;

static scratch set_scratch(tfm__head *head)
{
  int64_t widest = most(head->H * most(head->npool, 1), head->I);
  for (int i = 0; i < head->nafter; ++i) {
    widest = most(widest, head->after[i].out);
  }
  const bool logits = over_vocabulary(head);
  head->tile = logits ? most(1, least(TILE, LOGITS_MOST / head->O)) : TILE;
  const scratch s = {.floats = (size_t)(head->tile * widest),
                     .logits = logits ? (size_t)(head->tile * head->O) : 0};
  head->scratch_bytes =
      (2 * s.floats + s.logits) * sizeof(float) + (size_t)head->tile * sizeof *head->last;
  return s;
}

static tfm_status open_scratch(tfm__head *head, tfm_err *err)
{
  const scratch s = set_scratch(head);
  head->a = tfm_alloc_aligned(s.floats, sizeof *head->a);
  head->b = tfm_alloc_aligned(s.floats, sizeof *head->b);
  head->logits = s.logits ? tfm_alloc_aligned(s.logits, sizeof *head->logits) : NULL;
  head->last = tfm_calloc((size_t)head->tile, sizeof *head->last);
  if (!head->a || !head->b || !head->last || (s.logits && !head->logits)) {
    return tfm_fail(err, TFM_E_NOMEM, "the head's scratch memory: %zu bytes",
                    head->scratch_bytes);
  }
  memset(head->a, 0, s.floats * sizeof *head->a);
  memset(head->b, 0, s.floats * sizeof *head->b);
  if (s.logits) {
    memset(head->logits, 0, s.logits * sizeof *head->logits);
  }
  return TFM_OK;
}

static tfm__head head_of(const tfm_model *model, const tfm__head_row *row)
{
  const tfm_config *config = &model->config;
  const tfm__module_shape out = tfm__module_shape_of(config, TFM__MODULE_HEAD_OUT);
  return (tfm__head){.row = row,
                     .shape = tfm_model_shape(model),
                     .spec = model->spec,
                     .H = config->H,
                     .I = out.width,
                     .O = out.rows,
                     .mean = row->view == TFM__VIEW_FIRST && config->head_mean,
                     .act = row->config_act ? config->head_act : row->act,
                     .norm_eps = config->norm_eps,
                     .scale = config->head_scale,
                     .cap = config->logit_cap};
}

void tfm__head_measure(const tfm_model *model, tfm_precision precision, int64_t *weights,
                       int64_t *scratch_bytes)
{
  const tfm_config *config = &model->config;
  const tfm__head_row *row = tfm__arch_head(config->arch, config->task);
  *weights = *scratch_bytes = 0;
  if (!row) {
    return;
  }
  tfm__head head = head_of(model, row);
  int64_t floats = 0; /* of modules.json */
  if (row->view == TFM__VIEW_POOLED) {
    int step[TFM__STEP_MOST] = {0};
    choose_pooling(&head, model, step);
    for (int i = 0; i < head.nafter; ++i) {
      floats += head.after[i].out * (model->sentence.steps[step[i]].in + 1);
    }
  }
  (void)set_scratch(&head);
  *weights = tfm_cost_head_bytes(config, precision) + floats * (int64_t)sizeof(float);
  *scratch_bytes = (int64_t)head.scratch_bytes;
}

bool tfm__head_can_be_shared(const tfm_model *model)
{
  const tfm__head_row *row = tfm__arch_head(model->config.arch, model->config.task);
  return row && row->view != TFM__VIEW_POOLED;
}

tfm_status tfm__head_open(tfm__head *head, const tfm__loader *loader, int64_t slots,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_model *model = loader->model;
  const tfm_config *config = &model->config;
  const tfm__head_row *row = tfm__arch_head(config->arch, config->task);
  if (!row) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "config.json: architectures: \"%s\": the head of task %s is not supported",
                    tfm__shown_of(config->architecture).text, tfm_task_name(config->task));
  }
  *head = head_of(model, row);
  head->on_shelf = loader->shelf != NULL;
  if (row->view == TFM__VIEW_POOLED) {
    TFM_TRY(open_pooling(head, model, loader->engine.backend, err));
  } else {
    TFM_TRY(open_row(head, loader, err));
  }
  TFM_TRY(open_scratch(head, err));
  if (row->view == TFM__VIEW_LM) {
    TFM_TRY(tfm__chooser_open(&head->chooser, &head->spec, head->O, head->tile, slots,
                              config->max_length, err));
    head->scratch_bytes += head->chooser.bytes;
  }

fail:
  return st;
}

void tfm__head_fini(tfm__head *head)
{
  tfm_linear_close(head->dense);
  tfm_linear_close(head->out);
  for (int i = 0; i < head->nafter; ++i) {
    tfm_linear_close(head->after[i].dense);
  }
  if (!head->on_shelf) {
    tfm_free(head->norm);
  }
  tfm_free(head->a);
  tfm_free(head->b);
  tfm_free(head->logits);
  tfm__chooser_fini(&head->chooser);
  tfm_free(head->last);
  *head = (tfm__head){.row = NULL};
}

const tfm_linear *tfm__head_linear(const tfm__head *head, int i, const char **name)
{
  const tfm_linear *all[2 + TFM__STEP_MOST];
  const char *names[2 + TFM__STEP_MOST];
  int n = 0;
  if (head->dense) {
    all[n] = head->dense;
    names[n++] = head->row->dense;
  }
  if (head->out) {
    all[n] = head->out;
    names[n++] = head->row->out;
  }
  for (int k = 0; k < head->nafter; ++k) {
    if (head->after[k].dense) {
      all[n] = head->after[k].dense;
      names[n++] = "a Dense of modules.json";
    }
  }
  if (name && i < n) {
    *name = names[i];
  }
  return i < n ? all[i] : NULL;
}

/* ---- running ---- */

/* Rows [first, first + n) of the result, one tile of them. */
typedef struct {
  const tfm__head *head;
  const tfm_batch *batch;
  int64_t first, n;
  float *y;      /* POOLED: [n, npool * H]; MARKED: probabilities [n,O] */
  float *result; /* [n,width] */
} tile;

static void pool_row(void *arg, int task, int thread)
{
  (void)thread;
  const tile *t = arg;
  const tfm__head *head = t->head;
  const tfm_batch *batch = t->batch;
  const int64_t b = t->first + task;
  const int32_t begin = batch->cu_len[b];
  const int64_t n = batch->cu_len[b + 1] - begin;
  /* Marks, where there are any, are one a sequence. */
  const bool marked = head->after_prompt && batch->nmark == batch->B;
  const int64_t skip = marked ? batch->marks[b] - begin : 0;
  const float *x = batch->x + begin * head->H;
  float *y = t->y + task * head->npool * head->H;
  for (int p = 0; p < head->npool; ++p) {
    tfm__pool(head->pool[p], x, n, skip, head->H, y + p * head->H);
  }
}

static void mean_row(void *arg, int task, int thread)
{
  (void)thread;
  const tile *t = arg;
  const int32_t *cu_len = t->batch->cu_len + t->first + task;
  const int64_t H = t->head->H;
  tfm__pool(TFM_POOLING_MEAN, t->batch->x + cu_len[0] * H, cu_len[1] - cu_len[0], 0, H,
            t->y + task * H);
}

static void score_row(void *arg, int task, int thread)
{
  (void)thread;
  const tile *t = arg;
  const tfm__head *head = t->head;
  float *p = t->y + task * head->O;
  float *result = t->result + task * head->shape.width;
  tfm_softmax(p, head->O, p);
  for (int32_t i = 0; i < head->spec.nonly; ++i) {
    result[i] = p[head->spec.only[i]];
  }
  if (head->spec.nonly == 0) {
    tfm__rank(p, head->O, head->spec.top_k, result);
  }
}

/* A sequence's last token has no next one. */
static void score_next(void *arg, int task, int thread)
{
  (void)thread;
  const tile *t = arg;
  const tfm_batch *batch = t->batch;
  const int64_t row = t->first + task;
  int64_t low = 0;
  int64_t high = batch->B; /* the last b with cu_len[b] <= row is in low .. high - 1 */
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    low = batch->cu_len[middle] <= row ? middle : low;
    high = batch->cu_len[middle] <= row ? high : middle;
  }
  const bool last = row + 1 == batch->cu_len[low + 1];
  float *z = t->y + task * t->head->O;
  t->result[task] = last ? 0.0f : tfm__log_probability(z, t->head->O, batch->ids[row + 1]);
}

static void pick_next(void *arg, int task, int thread)
{
  (void)thread;
  const tile *t = arg;
  tfm__chooser_row(&t->head->chooser, t->batch, t->first + task, t->y + task * t->head->O, task,
                   t->result + t->head->shape.width * task);
}

static void cap_row(void *arg, int task, int thread)
{
  (void)thread;
  const tile *t = arg;
  tfm_softcap(t->head->cap, t->y + task * t->head->O, t->head->O);
}

static void finish_row(void *arg, int task, int thread)
{
  (void)thread;
  const tile *t = arg;
  const tfm__head *head = t->head;
  float *result = t->result + task * head->shape.width;
  if (head->spec.normalize == TFM_NORMALIZE_ON) {
    tfm__unit_length(result, head->shape.width);
  }
}

static void copy_rows(const float *x, int64_t ldx, int64_t n, int64_t width, float *y)
{
  for (int64_t i = 0; i < n; ++i) {
    memcpy(y + i * width, x + i * ldx, (size_t)width * sizeof *y);
  }
}

/* Pool, then the modules of modules.json, then what the job asked for. */
static void run_pooled(const tfm__head *head, tile *t, tfm_par *par)
{
  const int64_t width = head->shape.width;
  int64_t now = head->npool * head->H;
  float *y = head->a;
  float *other = head->b;
  if (head->spec.pooling == TFM_POOLING_EACH) {
    copy_rows(t->batch->x + t->first * head->H, head->H, t->n, width, t->result);
    tfm_par_for(par, (int)t->n, finish_row, t);
    return;
  }
  t->y = y;
  tfm_par_for(par, (int)t->n, pool_row, t);
  for (int i = 0; i < head->nafter; ++i) {
    const tfm__after *after = &head->after[i];
    if (after->dense) {
      const tfm_epilogue end = {.act = after->act};
      tfm_linear_run(after->dense, y, now, t->n, other, after->out, &end, par);
      float *swap = y;
      y = other;
      other = swap;
      now = after->out;
    }
    for (int64_t r = 0; r < t->n && !after->dense; ++r) {
      tfm__unit_length(y + r * now, now);
    }
  }
  copy_rows(y, now, t->n, width, t->result);
  tfm_par_for(par, (int)t->n, finish_row, t);
}

/* The rows of x a tile looks at. */
static const float *view_rows(const tfm__head *head, tile *t, tfm_par *par)
{
  const tfm_batch *batch = t->batch;
  const bool scores = head->row->view == TFM__VIEW_LM && head->spec.lm != TFM_LM_NEXT;
  if (head->row->view == TFM__VIEW_EACH || scores) {
    return batch->x + t->first * head->H;
  }
  if (head->mean) {
    t->y = head->a;
    tfm_par_for(par, (int)t->n, mean_row, t);
    return head->a;
  }
  /* The rows that begin a sequence are a gather by cu_len. */
  const int32_t *rows = head->row->view == TFM__VIEW_FIRST ? batch->cu_len : batch->marks;
  rows = rows ? rows + t->first : NULL;
  if (head->row->view == TFM__VIEW_LAST && batch->nmark != batch->B) {
    for (int64_t i = 0; i < t->n; ++i) {
      head->last[i] = batch->cu_len[t->first + i + 1] - 1;
    }
    rows = head->last;
  }
  tfm_gather(batch->x, rows, t->n, head->H, 0, head->a, head->H);
  return head->a;
}

static const float *scaled(const tfm__head *head, const float *x, int64_t n)
{
  for (int64_t i = 0; i < n * head->H; ++i) {
    head->b[i] = x[i] * head->scale;
  }
  return head->b;
}

static void run_row(const tfm__head *head, tile *t, tfm_par *par)
{
  const tfm_epilogue activate = {.act = head->act};
  const tfm_epilogue plain = {.act = TFM_ACT_NONE};
  const float *x = view_rows(head, t, par);
  if (head->row->view == TFM__VIEW_LM && head->scale < 1.0f) {
    x = scaled(head, x, t->n);
  }
  if (head->dense) {
    tfm_linear_run(head->dense, x, head->H, t->n, head->b, head->I, &activate, par);
    x = head->b;
  }
  if (head->norm) {
    const tfm_norm norm = {head->norm, head->norm + head->I, head->norm_eps};
    tfm_layernorm(x, head->I, t->n, head->I, &norm, head->b, head->I, par);
    x = head->b;
  }
  t->y = over_vocabulary(head) ? head->logits : t->result;
  tfm_linear_run(head->out, x, head->I, t->n, t->y, head->O, &plain, par);
  if (head->row->view == TFM__VIEW_LM && head->cap > 0.0f) {
    tfm_par_for(par, (int)t->n, cap_row, t);
  }
  if (head->row->view == TFM__VIEW_MARKED) {
    tfm_par_for(par, (int)t->n, score_row, t);
  } else if (head->row->view == TFM__VIEW_LM) {
    tfm_par_for(par, (int)t->n, head->spec.lm == TFM_LM_NEXT ? pick_next : score_next, t);
  }
}

void tfm__head_run(const tfm__head *head, const tfm_batch *batch, float *result, tfm_par *par)
{
  const int64_t rows = head->shape.rows == TFM_ROWS_SEQUENCE ? batch->B
                       : head->shape.rows == TFM_ROWS_TOKEN  ? batch->T
                                                             : batch->nmark;
  for (int64_t first = 0; first < rows; first += head->tile) {
    tile t = {.head = head,
              .batch = batch,
              .first = first,
              .n = least(head->tile, rows - first),
              .result = result + first * head->shape.width};
    if (head->row->view == TFM__VIEW_POOLED) {
      run_pooled(head, &t, par);
    } else {
      run_row(head, &t, par);
    }
  }
}
