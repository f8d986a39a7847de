#include "coordinator/task/sentence_files.h"

#include "core/base/file.h"
#include "core/base/mem.h"

enum { SMALL_FILE = 64 << 20 };

tfm_status tfm_sentence_file(const char *folder, const char *name, tfm_json **json,
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

tfm_status tfm_sentence_length(tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  int64_t length = context->max_length;
  bool lower = false;
  TFM_TRY(tfm_sentence_file(context->model->folder, "sentence_bert_config.json", &json, err));
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

tfm_status tfm_sentence_prompt(const tfm_task_context *context, tfm_buf *prompt, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  const char *asked = context->options->prompt_name;
  const char *name = NULL;
  const char *text = NULL;
  TFM_TRY(tfm_sentence_file(context->folder, "config_sentence_transformers.json", &json, err));
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
  if (text && tfm_buf_str(prompt, text) != TFM_OK) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the prompt"));
  }

fail:
  tfm_json_close(json);
  return st;
}
