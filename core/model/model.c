#include "core/model/model.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/model/shown.h"
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
        tfm__module_name(&model->config, (tfm__module)m)) {
      TFM_TRY(tfm__tensors_find(model, (tfm__module)m, layer, &found, err));
    }
  }

fail:
  return st;
}

static tfm_status check_tensors(const tfm_model *model, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(check_part(model, TFM__PART_EMBED, 0, err));
  for (int64_t l = 0; l < model->config.L; ++l) {
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

tfm_status tfm_model_open(tfm_model *model, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *model = (tfm_model){.folder = NULL};
  TFM_TRY(check_folder(folder, err));
  model->folder = tfm_strndup(folder, strlen(folder));
  if (!model->folder) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a path"));
  }
  TFM_TRY(tfm_config_read(&model->config, folder, err));
  TFM_TRY(tfm_checkpoint_open(&model->checkpoint, folder, err));
  TFM_TRY(tfm__prefix_find(model, err));
  TFM_TRY(check_tensors(model, err));
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
  tfm_sha256_hex(&sha, out);

fail:
  tfm_free(path);
  tfm_buf_fini(&text);
  return st;
}
