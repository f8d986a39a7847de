/* Embeddings: a vector a text, as sentence-transformers gives it; a vector a token without pooling;
 * or the cosine of a pair.
 *
 *  Source: sentence-transformers 5: config_sentence_transformers.json (prompts),
 * sentence_bert_config.json (max_seq_length).
 */
#include "coordinator/task/task.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"

#include <math.h>
#include <string.h>

enum { SMALL_FILE = 1 << 20 };

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
  return TFM_OK;
}

/* A JSON file of the folder that may be missing: *json is NULL then. */
static tfm_status open_optional(const char *folder, const char *name, tfm_json **json,
                                tfm_err *err)
{
  *json = NULL;
  char *path = tfm_path_join(folder, name);
  if (!path) {
    return tfm_fail(err, TFM_E_NOMEM, "a path");
  }
  tfm_status st = tfm_path_look(path) == TFM_PATH_NOTHING
                      ? TFM_OK
                      : tfm_json_open(json, path, SMALL_FILE, err);
  tfm_free(path);
  return st;
}

/* sentence_bert_config.json stands beside the body's config.json. */
static tfm_status read_length(tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  int64_t length = context->max_length;
  bool lower = false;
  TFM_TRY(open_optional(context->model->folder, "sentence_bert_config.json", &json, err));
  if (!json) {
    return TFM_OK;
  }
  TFM_TRY(tfm_json_opt_int(json, tfm_json_root(json), "max_seq_length", 1, INT32_MAX, &length,
                           err));
  TFM_TRY(tfm_json_opt_bool(json, tfm_json_root(json), "do_lower_case", &lower, err));
  if (lower) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "sentence_bert_config.json: do_lower_case true is not supported; the "
                     "tokenizer's own lowercasing is"));
  }
  if (!context->options->max_length && length < context->max_length) {
    context->max_length = length;
  }

fail:
  tfm_json_close(json);
  return st;
}

/* The prompt that was named, else the folder's default, if it has one. */
static tfm_status read_prompt(const tfm_task_context *context, tfm_buf *prompt, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  const char *asked = context->options->prompt_name;
  const char *name = NULL;
  const char *text = NULL;
  TFM_TRY(open_optional(context->folder, "config_sentence_transformers.json", &json, err));
  if (json) {
    const tfm_json_node *root = tfm_json_root(json);
    TFM_TRY(tfm_json_opt_string(json, root, "default_prompt_name", &name, err));
    name = asked ? asked : name;
    text = name ? tfm_json_text(tfm_json_get(tfm_json_get(root, "prompts"), name)) : NULL;
  }
  if (!text && (asked || name)) {
    TFM_TRY(tfm_fail(err, asked ? TFM_E_USAGE : TFM_E_FORMAT,
                     "%s%.64s: config_sentence_transformers.json has no prompt of this name",
                     asked ? "--prompt-name " : "default_prompt_name ", asked ? asked : name));
  }
  if (text && text[0] && context->model->sentence.after_prompt) {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "pooling that leaves out the prompt (include_prompt false) is not "
                     "supported together with a prompt"));
  }
  if (text && tfm_buf_str(prompt, text) != TFM_OK) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the prompt"));
  }

fail:
  tfm_json_close(json);
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
    TFM_TRY(read_length(context, err));
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

static tfm_status embed_answer(const tfm_task_context *context, const tfm_item *item,
                               tfm_answer *answer, tfm_err *err)
{
  const tfm_sequence *s = item->seqs;
  tfm_buf *out = &answer->value[0];
  if (context->options->similarity) {
    (void)tfm_buf_float(out, cosine(s[0].values, s[1].values, item->width));
  } else if (context->shape.rows == TFM_ROWS_TOKEN) {
    tfm_put_rows(out, s->values, s->rows, item->width, item->width);
  } else {
    tfm_put_floats(out, s->values, item->width);
  }
  return out->failed ? tfm_fail(err, TFM_E_NOMEM, "an embedding") : TFM_OK;
}

const tfm_task_ops tfm_task_embed = {
    .name = "feature-extraction",
    .head = TFM_TASK_FEATURE_EXTRACTION,
    .wants = {.pair = true},
    .ask = embed_ask,
    .begin = embed_begin,
    .end = embed_end,
    .row = embed_row,
    .fields = embed_fields,
    .answer = embed_answer,
};
