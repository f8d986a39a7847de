/* Fill-mask: the tokens that fit best where a text has its mask token, and the text with each.
 *
 *  Source: transformers' FillMaskPipeline.
 */
#include "coordinator/task/task.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { USUAL_TOP_K = 5 };

/* What begin() settles. */
typedef struct {
  int32_t mask_id, pad_id;
} settings;

typedef struct {
  float score;
  int32_t id;
} filling;

typedef struct {
  const tfm_task_context *context;
  const tfm_sequence *sequence;
  filling *best; /* [k] of one mask */
  int64_t k;
  int32_t *ids; /* [tokens] the text with a filling */
  tfm_buf text;
} reading;

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "the fillings of a text");
}

/* ---- targets ---- */

/* A target that is no token stands for its first one; *id is -1 for one without any. */
static tfm_status find_target(const tfm_task_context *context, const char *target,
                              tfm_encoding *scratch, int32_t *id, tfm_err *err)
{
  const tfm_encode_options options = {.max_length = 1};
  const tfm_tokenizer *t = context->tokenizer;
  *id = tfm_tokenizer_id(t, tfm_span_of(target));
  if (*id >= 0) {
    return TFM_OK;
  }
  tfm_status st =
      tfm_tokenizer_encode(t, tfm_span_of(target), (tfm_span){0}, &options, scratch, err);
  if (st != TFM_OK) {
    return st;
  }
  if (scratch->n == 0) {
    tfm_log(TFM_LOG_WARN, "--targets: \"%.100s\" has no token; it is left out", target);
    return TFM_OK;
  }
  *id = scratch->ids[0];
  const tfm_span first = tfm_tokenizer_token(t, *id);
  tfm_log(TFM_LOG_WARN,
          "--targets: \"%.100s\" is no token of the vocabulary; scored is \"%.*s\"", target,
          first.n > 100 ? 100 : (int)first.n, first.n ? first.p : "");
  return TFM_OK;
}

static bool is_in(const tfm_head_spec *spec, int32_t id)
{
  for (int32_t i = 0; i < spec->nonly; ++i) {
    if (spec->only[i] == id) {
      return true;
    }
  }
  return false;
}

static tfm_status find_targets(tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_options *o = context->options;
  tfm_head_spec *spec = context->spec;
  tfm_encoding scratch = {0};
  for (int i = 0; i < o->ntarget; ++i) {
    int32_t id = 0;
    TFM_TRY(find_target(context, o->targets[i], &scratch, &id, err));
    if (id < 0 || is_in(spec, id)) {
      continue;
    }
    if (spec->nonly == TFM_HEAD_ONLY_MOST) {
      TFM_TRY(tfm_fail(err, TFM_E_USAGE, "--targets: want at most %d", TFM_HEAD_ONLY_MOST));
    }
    spec->only[spec->nonly++] = id;
  }
  if (o->ntarget && spec->nonly == 0) {
    TFM_TRY(tfm_fail(err, TFM_E_USAGE, "--targets: none of them has a token"));
  }

fail:
  tfm_encoding_fini(&scratch);
  return st;
}

/* ---- fillings ---- */

static int better_first(const void *left, const void *right)
{
  const filling *a = left;
  const filling *b = right;
  if (a->score > b->score || a->score < b->score) {
    return a->score > b->score ? -1 : 1;
  }
  return a->id < b->id ? -1 : a->id > b->id;
}

/* The results of one mask: the best with their ids, or the scores of the targets. */
static void read_mask(reading *r, const float *values)
{
  const tfm_head_spec *spec = r->context->spec;
  const int64_t width = r->context->shape.width;
  if (spec->nonly == 0) {
    r->k = width / 2;
    for (int64_t i = 0; i < r->k; ++i) {
      r->best[i] = (filling){values[i], (int32_t)values[r->k + i]};
    }
    return;
  }
  const int64_t asked = r->context->options->top_k ? r->context->options->top_k : USUAL_TOP_K;
  for (int64_t i = 0; i < width; ++i) {
    r->best[i] = (filling){values[i], spec->only[i]};
  }
  qsort(r->best, (size_t)width, sizeof *r->best, better_first);
  r->k = asked < 0 || asked > width ? width : asked;
}

/* The whole text with one mask filled: other masks are shown only where there are any. */
static tfm_status put_sequence(reading *r, int32_t at, int32_t id, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const settings *own = r->context->own;
  const tfm_sequence *s = r->sequence;
  size_t n = 0;
  for (int64_t i = 0; i < s->n; ++i) {
    const int32_t now = i == at ? id : s->ids[i];
    if (now != own->pad_id) {
      r->ids[n++] = now;
    }
  }
  tfm_buf_clear(&r->text);
  TFM_TRY(tfm_tokenizer_show(r->context->tokenizer, r->ids, n, s->nmark == 1, &r->text, err));
  (void)tfm_buf_json_string(out, tfm_buf_view(&r->text));

fail:
  return st;
}

static tfm_status put_filling(reading *r, int32_t at, const filling *f, tfm_buf *out,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  (void)tfm_buf_str(out, "{\"score\":");
  (void)tfm_buf_float(out, f->score);
  (void)tfm_buf_printf(out, ",\"token\":%d,\"token_str\":", f->id);
  tfm_buf_clear(&r->text);
  TFM_TRY(tfm_tokenizer_show(r->context->tokenizer, &f->id, 1, false, &r->text, err));
  (void)tfm_buf_json_string(out, tfm_buf_view(&r->text));
  (void)tfm_buf_str(out, ",\"sequence\":");
  TFM_TRY(put_sequence(r, at, f->id, out, err));
  (void)tfm_buf_char(out, '}');

fail:
  return st;
}

static tfm_status put_mask(reading *r, int64_t mask, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  read_mask(r, r->sequence->values + mask * r->context->shape.width);
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < r->k; ++i) {
    (void)tfm_buf_str(out, i ? "," : "");
    TFM_TRY(put_filling(r, r->sequence->marks[mask], &r->best[i], out, err));
  }
  (void)tfm_buf_char(out, ']');

fail:
  return st;
}

/* ---- the task ---- */

static tfm_status fill_answer(const tfm_task_context *context, const tfm_item *item,
                              tfm_answer *answer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf *out = &answer->value[0];
  const tfm_sequence *s = &item->seqs[0];
  reading r = {.context = context, .sequence = s};
  r.best = tfm_calloc((size_t)context->shape.width, sizeof *r.best);
  r.ids = tfm_calloc((size_t)s->n, sizeof *r.ids);
  if (!r.best || !r.ids) {
    TFM_TRY(no_memory(err));
  }
  (void)tfm_buf_str(out, s->nmark > 1 ? "[" : "");
  for (int64_t m = 0; m < s->nmark; ++m) {
    (void)tfm_buf_str(out, m ? "," : "");
    TFM_TRY(put_mask(&r, m, out, err));
  }
  (void)tfm_buf_str(out, s->nmark > 1 ? "]" : "");
  if (out->failed || r.text.failed) {
    TFM_TRY(no_memory(err));
  }

fail:
  if (st == TFM_E_FORMAT) { /* a pattern of the decoder gave up on this text */
    tfm_answer_fail(answer, st, err->text);
    st = TFM_OK;
  }
  tfm_buf_fini(&r.text);
  tfm_free(r.best);
  tfm_free(r.ids);
  return st;
}

static int fill_fields(const tfm_task_context *context, const char **names)
{
  (void)context;
  names[0] = "predictions";
  return 1;
}

static tfm_status fill_ask(tfm_task_context *context, tfm_err *err)
{
  (void)err;
  const int64_t asked = context->options->top_k;
  context->spec->top_k = asked < 0 ? 0 : asked ? asked : USUAL_TOP_K;
  return TFM_OK;
}

static tfm_status fill_begin(tfm_task_context *context, tfm_err *err)
{
  const tfm_tokenizer_facts facts = tfm_tokenizer_describe(context->tokenizer);
  settings *own = tfm_calloc(1, sizeof *own);
  context->own = own;
  if (!own) {
    return no_memory(err);
  }
  if (facts.mask_id < 0) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "the tokenizer has no mask token; tokenizer_config.json names it: "
                    "mask_token");
  }
  *own = (settings){.mask_id = facts.mask_id, .pad_id = facts.pad_id};
  return find_targets(context, err);
}

static void fill_end(tfm_task_context *context)
{
  tfm_free(context->own);
}

static tfm_status fill_row(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                           tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const settings *own = context->own;
  tfm_status st = tfm_encoder_add(encoder, item, item->row->text, (tfm_span){0}, own->mask_id,
                                  scratch, err);
  if (st != TFM_OK || item->status != TFM_OK || item->seqs[0].nmark > 0) {
    return st;
  }
  const tfm_span mask = tfm_tokenizer_token(context->tokenizer, own->mask_id);
  tfm_err bad = {0};
  (void)tfm_fail(&bad, TFM_E_FORMAT, "no \"%.*s\" in the text%s", (int)mask.n, mask.p,
                 item->truncated ? " that is left after cutting it to --max-length" : "");
  return tfm_encoder_failed(item, &bad);
}

const tfm_task_ops tfm_task_fill_mask = {
    .name = "fill-mask",
    .head = TFM_TASK_FILL_MASK,
    .ask = fill_ask,
    .begin = fill_begin,
    .end = fill_end,
    .row = fill_row,
    .fields = fill_fields,
    .answer = fill_answer,
};
