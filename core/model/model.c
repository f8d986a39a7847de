#include "core/model/model.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/model/shown.h"
#include "core/model/wanted.h"
#include "core/model/weights.h"

#include <string.h>

enum { CONFIG_MAX_BYTES = 32 << 20 };

/* Every tensor the family needs, with its shape, before any is read. */
static tfm_status check_part(const tfm_model *model, tfm__part part, int64_t layer,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    tfm__tensors found;
    if (tfm__module_part((tfm__module)m) == part &&
        tfm__module_name(&model->config, (tfm__module)m) &&
        !tfm__layer_lacks(&model->config, (tfm__module)m, layer)) {
      TFM_TRY(tfm__tensors_find(model, (tfm__module)m, layer, &found, err));
    }
  }

fail:
  return st;
}

/* What there is once, or once a side. */
static tfm_status check_side(const tfm_model *model, int64_t layer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(check_part(model, TFM__PART_EMBED, layer, err));
  TFM_TRY(check_part(model, TFM__PART_SIGHT, layer, err));
  TFM_TRY(check_part(model, TFM__PART_FINAL, layer, err));

fail:
  return st;
}

static tfm_status check_tensors(const tfm_model *model, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(check_side(model, 0, err));
  TFM_TRY(check_side(model, tfm_config_decoder(&model->config), err));
  for (int64_t l = 0; l < model->config.L; ++l) {
    TFM_TRY(check_part(model, TFM__PART_POSITIONS, l, err));
    TFM_TRY(check_part(model, TFM__PART_ATTENTION, l, err));
    TFM_TRY(check_part(model, TFM__PART_FFN, l, err));
  }
  TFM_TRY(check_part(model, TFM__PART_HEAD, 0, err));

fail:
  return st;
}

static tfm_status check_folder(const char *folder, tfm_err *err)
{
  switch (tfm_path_look(folder)) {
  case TFM_PATH_FOLDER:
    return TFM_OK;
  case TFM_PATH_NOTHING:
    return tfm_fail(err, TFM_E_MISSING, "model folder %s is not there",
                    tfm__shown_of(folder).text);
  case TFM_PATH_FILE:
  case TFM_PATH_OTHER:
    break;
  }
  return tfm_fail(
      err, TFM_E_FORMAT,
      "%s is no folder: want a checkpoint's folder (config.json, model.safetensors)",
      tfm__shown_of(folder).text);
}

/* The folder of config.json: modules.json may say that it is a subfolder. */
static tfm_status find_body(tfm_model *model, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_task task = model->spec.task;
  if (task == TFM_TASK_NONE || task == TFM_TASK_FEATURE_EXTRACTION) {
    TFM_TRY(tfm__sentence_read(&model->sentence, folder, err));
  }
  if (model->sentence.there) {
    model->spec.task = TFM_TASK_FEATURE_EXTRACTION;
  }
  model->folder = model->sentence.there && model->sentence.body[0]
                      ? tfm_path_join(folder, model->sentence.body)
                      : tfm_strndup(folder, strlen(folder));
  if (!model->folder) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a path"));
  }

fail:
  return st;
}

/* A model whose architecture names another head does not have the one that was asked for; said
 * before that head's tensors are missed. */
static tfm_status check_head(const tfm_model *model, tfm_err *err)
{
  const tfm_config *config = &model->config;
  const tfm_task asked = model->spec.task;
  if (asked == TFM_TASK_NONE || asked == TFM_TASK_FEATURE_EXTRACTION || asked == config->own ||
      !config->architecture[0]) {
    return TFM_OK;
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED,
                  "--task %s: this checkpoint has a head for %s (architectures: %.64s)",
                  tfm_task_name(asked), tfm_task_name(config->own), config->architecture);
}

/* What was asked for, against what there is. */
static tfm_status settle_spec(tfm_model *model, tfm_err *err)
{
  tfm_head_spec *spec = &model->spec;
  const tfm_config *config = &model->config;
  spec->task = config->task;
  if (spec->top_k <= 0 || spec->top_k > config->V) {
    spec->top_k = config->V;
  }
  for (int32_t i = 0; i < spec->nonly; ++i) {
    if (spec->only[i] < 0 || spec->only[i] >= config->V) {
      return tfm_fail(err, TFM_E_FORMAT, "token id %d is outside the vocabulary of %lld",
                      spec->only[i], (long long)config->V);
    }
  }
  const int64_t dims = spec->dims;
  spec->dims = 0;
  const int64_t width = tfm_model_shape(model).width;
  spec->dims = dims;
  model->config.wanted = tfm__wanted_of(model);
  if (config->task == TFM_TASK_FEATURE_EXTRACTION && dims > width) {
    return tfm_fail(err, TFM_E_USAGE, "%lld dimensions: this model's vectors have %lld",
                    (long long)dims, (long long)width);
  }
  return TFM_OK;
}

tfm_status tfm_model_ask(tfm_model *model, const tfm_head_spec *spec, tfm_err *err)
{
  model->spec = *spec;
  return settle_spec(model, err);
}

tfm_status tfm_model_open(tfm_model *model, const char *folder, tfm_err *err)
{
  const tfm_head_spec own = {.task = TFM_TASK_NONE};
  return tfm_model_open_for(model, folder, &own, err);
}

tfm_status tfm_model_open_for(tfm_model *model, const char *folder, const tfm_head_spec *spec,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  *model = (tfm_model){.spec = *spec};
  TFM_TRY(check_folder(folder, err));
  TFM_TRY(find_body(model, folder, err));
  TFM_TRY(tfm_config_read_for(&model->config, model->folder, model->spec.task, err));
  TFM_TRY(check_head(model, err));
  TFM_TRY(settle_spec(model, err));
  TFM_TRY(tfm_checkpoint_open(&model->checkpoint, model->folder, err));
  TFM_TRY(tfm__prefix_find(model, err));
  TFM_TRY(check_tensors(model, err));
  if (model->spec.pooling != TFM_POOLING_EACH) {
    const tfm_sentence *s = &model->sentence;
    const int64_t joined = model->spec.pooling == TFM_POOLING_AUTO && s->npool ? s->npool : 1;
    TFM_TRY(tfm__sentence_check(s, model->config.H * joined, err));
  }
  return TFM_OK;

fail:
  tfm_model_fini(model);
  return st;
}

void tfm_model_fini(tfm_model *model)
{
  tfm_free(model->folder);
  tfm_config_fini(&model->config);
  tfm_checkpoint_close(model->checkpoint);
  tfm__sentence_fini(&model->sentence);
  *model = (tfm_model){.folder = NULL};
}

tfm_status tfm_model_digest(const tfm_model *model, bool full, char out[TFM_SHA256_HEX],
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {.data = NULL};
  tfm_sha256 sha;
  char *path = tfm_path_join(model->folder, "config.json");
  if (!path) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a path"));
  }
  TFM_TRY(tfm_file_read_all(path, CONFIG_MAX_BYTES, &text, err));
  tfm_sha256_init(&sha);
  tfm_sha256_add(&sha, text.data, text.n);
  TFM_TRY(tfm_checkpoint_digest(model->checkpoint, full, &sha, err));
  TFM_TRY(tfm__sentence_digest(&model->sentence, full, &sha, err));
  tfm_sha256_hex(&sha, out);

fail:
  tfm_free(path);
  tfm_buf_fini(&text);
  return st;
}
