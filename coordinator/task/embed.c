/* Embeddings: a vector a text, as sentence-transformers gives it; a vector a token without pooling;
 * or the cosine of a pair.
 */
#include "coordinator/task/openai.h"
#include "coordinator/task/quantize.h"
#include "coordinator/task/sentence_files.h"
#include "coordinator/task/task.h"
#include "core/base/mem.h"

#include <math.h>
#include <string.h>

static tfm_status embed_ask(tfm_task_context *context, tfm_err *err)
{
  const tfm_options *o = context->options;
  tfm_head_spec *spec = context->spec;
  spec->pooling = (tfm_pooling)o->pooling;
  spec->normalize = (tfm_normalize)o->normalize;
  spec->dims = o->truncate_dim;
  if (o->similarity && spec->pooling == TFM_POOLING_EACH) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "--similarity compares one vector a text: --pooling none gives one a token");
  }
  if (o->output_format == TFM_OUT_OPENAI && spec->pooling == TFM_POOLING_EACH) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--pooling none: an OpenAI batch wants one vector a text; leave it out");
  }
  if (o->precision != TFM_NUMBER_FLOAT32 &&
      (o->similarity || spec->pooling == TFM_POOLING_EACH)) {
    return tfm_fail(err, TFM_E_USAGE, "--precision is of one vector a text: leave %s out",
                    o->similarity ? "--similarity" : "--pooling none");
  }
  return TFM_OK;
}

/* The folder's prompt, which must count in the pooling. */
static tfm_status read_prompt(const tfm_task_context *context, tfm_buf *prompt, tfm_err *err)
{
  tfm_status st = tfm_sentence_prompt(context, prompt, err);
  if (st == TFM_OK && prompt->n && context->model->sentence.after_prompt) {
    return tfm_fail(
        err, TFM_E_UNSUPPORTED,
        "pooling that leaves out the prompt (include_prompt false) is not supported "
        "together with a prompt");
  }
  return st;
}

static void embed_end(tfm_task_context *context)
{
  tfm_buf *prompt = context->own;
  if (prompt) {
    tfm_buf_fini(prompt);
    tfm_free(prompt);
  }
  context->own = NULL;
}

static tfm_status embed_begin(tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf *prompt = tfm_calloc(1, sizeof *prompt);
  if (!prompt) {
    return tfm_fail(err, TFM_E_NOMEM, "the prompt");
  }
  context->own = prompt;
  if (context->model->sentence.there) {
    TFM_TRY(tfm_sentence_length(context, err));
  }
  if (context->model->sentence.there || context->options->prompt_name) {
    TFM_TRY(read_prompt(context, prompt, err));
  }

fail:
  return st;
}

static tfm_status add_text(const tfm_encoder *encoder, tfm_item *item, tfm_span text,
                           tfm_encoding *scratch, tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_buf *prompt = context->own;
  if (prompt->n == 0) {
    return tfm_encoder_add(encoder, item, text, (tfm_span){0}, -1, scratch, err);
  }
  tfm_buf whole = {0}; /* several threads encode: nothing of the task's may change here */
  (void)tfm_buf_append(&whole, prompt->data, prompt->n);
  (void)tfm_buf_append(&whole, text.p, text.n);
  tfm_status st = whole.failed ? tfm_fail(err, TFM_E_NOMEM, "a text behind its prompt")
                               : tfm_encoder_add(encoder, item, tfm_buf_view(&whole),
                                                 (tfm_span){0}, -1, scratch, err);
  tfm_buf_fini(&whole);
  return st;
}

static tfm_status embed_row(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                            tfm_err *err)
{
  const tfm_task_context *context = encoder->task;
  const tfm_row *row = item->row;
  tfm_status st = TFM_OK;
  if (context->options->similarity && !row->pair.p) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, TFM_E_FORMAT,
                   "--similarity compares text with text_pair; this row has no text_pair");
    return tfm_encoder_failed(item, &bad);
  }
  if (row->has_list) { /* a request of a batch may have several texts */
    for (int i = 0; i < row->nlist && item->status == TFM_OK; ++i) {
      TFM_TRY(add_text(encoder, item, row->list[i], scratch, err));
    }
    return TFM_OK;
  }
  TFM_TRY(add_text(encoder, item, row->text, scratch, err));
  if (context->options->similarity && item->status == TFM_OK) {
    TFM_TRY(add_text(encoder, item, row->pair, scratch, err));
  }

fail:
  return st;
}

static int embed_fields(const tfm_task_context *context, const char **names)
{
  names[0] = context->options->similarity ? "similarity" : "embedding";
  return 1;
}

/* In double and in order: no bit depends on the machine. A vector of zeros resembles nothing. */
static float cosine(const float *a, const float *b, int64_t n)
{
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (int64_t i = 0; i < n; ++i) {
    ab += (double)a[i] * (double)b[i];
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  double length = sqrt(aa) * sqrt(bb);
  return length > 0 ? (float)(ab / length) : 0.0F;
}

static void put_halves(tfm_buf *out, const float *x, int64_t n)
{
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < n; ++i) {
    (void)tfm_buf_str(out, i ? "," : "");
    (void)tfm_buf_float(out, tfm_half_value(tfm_half_bits(x[i])));
  }
  (void)tfm_buf_char(out, ']');
}

/* A row of the array: its bytes in the order of this machine, which is little-endian (D2). */
static void put_numbers(tfm_buf *out, tfm_number_type type, const float *x, int64_t n)
{
  if (type == TFM_NUMBER_FLOAT32) {
    (void)tfm_buf_append(out, x, (size_t)n * sizeof *x);
    return;
  }
  const int64_t width = tfm_quantized_width(type, n);
  for (int64_t i = 0; i < width; ++i) {
    if (type == TFM_NUMBER_FLOAT16) {
      const uint16_t half = tfm_half_bits(x[i]);
      (void)tfm_buf_append(out, &half, sizeof half);
    } else {
      (void)tfm_buf_char(out, (char)tfm_quantized(type, x, n, i));
    }
  }
}

static void put_integers(tfm_buf *out, tfm_number_type type, const float *x, int64_t n)
{
  const int64_t width = tfm_quantized_width(type, n);
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < width; ++i) {
    (void)tfm_buf_printf(out, i ? ",%d" : "%d", tfm_quantized(type, x, n, i));
  }
  (void)tfm_buf_char(out, ']');
}

static tfm_status embed_array(const tfm_task_context *context, tfm_array *array, tfm_err *err)
{
  static const struct {
    const char *name;
    size_t bytes;
  } types[] = {[TFM_NUMBER_FLOAT32] = {"<f4", 4}, [TFM_NUMBER_FLOAT16] = {"<f2", 2},
               [TFM_NUMBER_INT8] = {"|i1", 1},    [TFM_NUMBER_UINT8] = {"|u1", 1},
               [TFM_NUMBER_BINARY] = {"|i1", 1},  [TFM_NUMBER_UBINARY] = {"|u1", 1}};
  const tfm_number_type type = context->options->precision;
  if (context->options->similarity || context->shape.rows == TFM_ROWS_TOKEN) {
    return tfm_fail(err, TFM_E_USAGE, "-f npy is an array of one vector a text: leave %s out",
                    context->options->similarity ? "--similarity" : "--pooling none");
  }
  *array = (tfm_array){.type = types[type].name,
                       .bytes = types[type].bytes,
                       .width = tfm_quantized_width(type, context->shape.width)};
  return TFM_OK;
}

static tfm_status embed_answer(const tfm_task_context *context, const tfm_item *item,
                               tfm_answer *answer, tfm_err *err)
{
  const tfm_sequence *s = item->seqs;
  const tfm_number_type type = context->options->precision;
  tfm_buf *out = &answer->value[0];
  if (context->options->output_format == TFM_OUT_NPY) {
    out = &answer->numbers;
    put_numbers(out, type, s->values, item->width);
  } else if (context->options->output_format == TFM_OUT_OPENAI) {
    tfm_openai_embeddings(item, out);
  } else if (type == TFM_NUMBER_FLOAT16) {
    put_halves(out, s->values, item->width);
  } else if (type != TFM_NUMBER_FLOAT32) {
    put_integers(out, type, s->values, item->width);
  } else if (context->options->similarity) {
    (void)tfm_buf_float(out, cosine(s[0].values, s[1].values, item->width));
  } else if (context->shape.rows == TFM_ROWS_TOKEN) {
    tfm_put_rows(out, s->values, s->rows, item->width, item->width);
  } else {
    tfm_put_floats(out, s->values, item->width);
  }
  return out->failed ? tfm_fail(err, TFM_E_NOMEM, "an embedding") : TFM_OK;
}

static const char *const embed_urls[] = {"/v1/embeddings", NULL};

const tfm_task_ops tfm_task_embed = {
    .name = "feature-extraction",
    .head = TFM_TASK_FEATURE_EXTRACTION,
    .wants = {.pair = true, .urls = embed_urls},
    .ask = embed_ask,
    .begin = embed_begin,
    .end = embed_end,
    .row = embed_row,
    .fields = embed_fields,
    .array = embed_array,
    .answer = embed_answer,
};
