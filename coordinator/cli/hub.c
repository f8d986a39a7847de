/* Models that `hf download` or transformers left on this machine. Source: huggingface_hub, guide
 * "manage-cache": refs/main of HUB/models--ORG--NAME is a commit, snapshots/COMMIT the folder. */
#include "coordinator/cli/option_table.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#include <string.h>

enum { MOST_REF = 256 };

/* The folder of all models: joined of a variable's value and what is below it there. */
static char *hub_folder(char *const *envp)
{
  static const char *const places[][2] = {{"HF_HUB_CACHE", "."},
                                          {"HF_HOME", "hub"},
                                          {"XDG_CACHE_HOME", "huggingface/hub"},
                                          {"HOME", ".cache/huggingface/hub"}};
  for (size_t i = 0; i < sizeof places / sizeof places[0]; ++i) {
    const char *value = tfm__variable(envp, places[i][0]);
    if (value) {
      return tfm_path_join(value, places[i][1]);
    }
  }
  return NULL;
}

/* ORG/NAME and nothing else, as the hub has it. */
static bool is_hub_name(const char *name)
{
  const char *slash = strchr(name, '/');
  return slash && slash != name && slash[1] && !strchr(slash + 1, '/') && name[0] != '.' &&
         name[0] != '~' && slash[1] != '.';
}

/* What refs/main names, without the end of line. */
static bool read_ref(const char *folder, tfm_buf *ref)
{
  tfm_err err = {0};
  char *path = tfm_path_join(folder, "refs/main");
  const bool read = path && tfm_file_read_all(path, MOST_REF, ref, &err) == TFM_OK;
  tfm_free(path);
  while (read && ref->n > 0 && strchr("\r\n ", ref->data[ref->n - 1])) {
    --ref->n;
  }
  return read && ref->n > 0 && !memchr(ref->data, '/', ref->n) && ref->data[0] != '.';
}

/* The newest snapshot of HUB/models--ORG--NAME; NULL for none. */
static char *snapshot_of(const char *hub, const char *name)
{
  tfm_buf below = {0};
  tfm_buf ref = {0};
  const char *slash = strchr(name, '/');
  (void)tfm_buf_printf(&below, "models--%.*s--%s", (int)(slash - name), name, slash + 1);
  char *folder = tfm_path_join(hub, tfm_buf_cstr(&below));
  char *found = NULL;
  if (folder && read_ref(folder, &ref)) {
    tfm_buf_clear(&below);
    (void)tfm_buf_printf(&below, "snapshots/%.*s", (int)ref.n, ref.data);
    found = tfm_path_join(folder, tfm_buf_cstr(&below));
  }
  if (found && tfm_path_look(found) != TFM_PATH_FOLDER) {
    tfm_free(found);
    found = NULL;
  }
  tfm_free(folder);
  tfm_buf_fini(&ref);
  tfm_buf_fini(&below);
  return found;
}

tfm_status tfm__options_hub(tfm_options *options, char *const *envp, tfm_err *err)
{
  const char *name = options->model;
  if (!name || !is_hub_name(name) || tfm_path_look(name) != TFM_PATH_NOTHING) {
    return TFM_OK;
  }
  char *hub = hub_folder(envp);
  char *found = hub ? snapshot_of(hub, name) : NULL;
  tfm_status st = TFM_OK;
  if (found) {
    options->model = tfm_arena_strndup(&options->arena, found, strlen(found));
    st = options->model ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "--model");
  }
  tfm_free(found);
  tfm_free(hub);
  return st;
}
