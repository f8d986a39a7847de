/* Weights in several files, found through model.safetensors.index.json:
 * {"metadata": {...}, "weight_map": {"<tensor>": "<file>", ...}}. */
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/safetensors_private.h"
#include "core/model/shown.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_MAX_BYTES = 64 << 20, FILE_NAME_MAX = 255 };

typedef struct {
  tfm_checkpoint *ck;
  const char *folder;
  const tfm_json_node *weight_map;
  tfm_map owners;          /* tensor to shard number */
  tfm_map numbers;         /* file name to shard number */
  char roots[3][PATH_MAX]; /* canonical folders a shard may lie in, "" for none */
} index_reader;

/* A file's name and nothing but: no way out of the model's folder is spelled in it. */
static bool is_plain_name(const char *name)
{
  const size_t n = strlen(name);
  return n > 0 && n <= FILE_NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
         strcmp(name, "..") != 0;
}

static tfm_status add_shard(index_reader *x, const char *name, int64_t *number, tfm_err *err)
{
  bool found = false;
  if (tfm_map_add(&x->numbers, tfm_span_of(name), x->ck->nshard, &found, number) != TFM_OK) {
    return tfm_fail(err, TFM_E_NOMEM, "the files of " TFM__INDEX_FILE);
  }
  if (found) {
    return TFM_OK;
  }
  if (x->ck->nshard == TFM__SHARDS_MAX) {
    return tfm_fail(err, TFM_E_FORMAT, TFM__INDEX_FILE ": weight_map: names more than %d files",
                    TFM__SHARDS_MAX);
  }
  *number = x->ck->nshard;
  tfm__shard *shard = &x->ck->shards[x->ck->nshard];
  *shard = (tfm__shard){.file.fd = -1};
  x->ck->nshard += 1;
  shard->name = tfm_arena_strndup(&x->ck->arena, name, strlen(name));
  return shard->name ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "the files of " TFM__INDEX_FILE);
}

static tfm_status read_weight_map(index_reader *x, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (tfm_json_kind_of(x->weight_map) != TFM_JSON_OBJECT ||
      tfm_json_first(x->weight_map) == NULL) {
    return tfm_fail(err, TFM_E_FORMAT,
                    TFM__INDEX_FILE ": weight_map: want an object from tensors to files");
  }
  for (const tfm_json_node *n = tfm_json_first(x->weight_map); n; n = tfm_json_next(n)) {
    const char *tensor = tfm_json_key(n);
    const char *file = tfm_json_text(n);
    int64_t number = 0;
    if (!file) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT, TFM__INDEX_FILE ": weight_map: %s: want a string",
                       tfm__shown_of(tensor).text));
    }
    if (!is_plain_name(file)) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                       TFM__INDEX_FILE ": weight_map: %s: \"%s\" is not the plain name of a "
                                       "file in this folder",
                       tfm__shown_of(tensor).text, tfm__shown_of(file).text));
    }
    TFM_TRY(add_shard(x, file, &number, err));
    if (tfm_map_set(&x->owners, tfm_span_of(tensor), number) != TFM_OK) {
      TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the tensors of " TFM__INDEX_FILE));
    }
  }

fail:
  return st;
}

/* Cut the last part off a path. */
static void to_parent(char *path)
{
  char *slash = strrchr(path, '/');
  if (slash) {
    *slash = '\0';
  }
}

/* The folder, the folder the index really lies in, and in a hub cache
 * (models--x/snapshots/<revision>, whose files are links into models--x/blobs) the store. */
static void find_roots(index_reader *x, const char *index_path)
{
  if (!realpath(x->folder, x->roots[0])) {
    x->roots[0][0] = '\0';
  }
  if (realpath(index_path, x->roots[1])) {
    to_parent(x->roots[1]);
  } else {
    x->roots[1][0] = '\0';
  }
  char *store = x->roots[2];
  (void)snprintf(store, PATH_MAX, "%s", x->roots[0]);
  to_parent(store);
  if (strcmp(tfm_path_base(store), "snapshots") == 0) {
    to_parent(store);
  } else {
    store[0] = '\0';
  }
}

static bool is_inside(const char *root, const char *path)
{
  const size_t n = strlen(root);
  return n > 0 && strncmp(path, root, n) == 0 && path[n] == '/';
}

static tfm_status check_place(const index_reader *x, const char *name, const char *path,
                              tfm_err *err)
{
  char real[PATH_MAX];
  if (!realpath(path, real)) {
    return tfm_fail(err, TFM_E_FORMAT, TFM__INDEX_FILE ": names %s, which cannot be opened: %s",
                    tfm__shown_of(name).text, strerror(errno));
  }
  if (tfm_path_look(real) != TFM_PATH_FILE) {
    return tfm_fail(err, TFM_E_FORMAT, TFM__INDEX_FILE ": names %s, which is no regular file",
                    tfm__shown_of(name).text);
  }
  for (int i = 0; i < 3; ++i) {
    if (is_inside(x->roots[i], real)) {
      return TFM_OK;
    }
  }
  return tfm_fail(err, TFM_E_FORMAT,
                  TFM__INDEX_FILE ": names %s, a link that leads out of the model's folder",
                  tfm__shown_of(name).text);
}

static tfm_status open_shard(index_reader *x, int i, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *name = x->ck->shards[i].name;
  char *path = tfm_path_join(x->folder, name);
  if (!path) {
    return tfm_fail(err, TFM_E_NOMEM, "a path");
  }
  TFM_TRY(check_place(x, name, path, err));
  TFM_TRY(tfm__shard_open(x->ck, i, path, &x->owners, err));

fail:
  tfm_free(path);
  return st;
}

static tfm_status open_shards(index_reader *x, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int i = 0; i < x->ck->nshard; ++i) {
    TFM_TRY(open_shard(x, i, err));
  }
  return TFM_OK;

fail:
  if (st == TFM_E_MISSING) { /* a file the index names: a broken model, not a missing one */
    return tfm_fail(err, TFM_E_FORMAT, TFM__INDEX_FILE ": names a file that has gone");
  }
  return st;
}

static tfm_status check_found(const index_reader *x, tfm_err *err)
{
  for (const tfm_json_node *n = tfm_json_first(x->weight_map); n; n = tfm_json_next(n)) {
    if (!tfm_checkpoint_find(x->ck, tfm_json_key(n))) {
      return tfm_fail(
          err, TFM_E_FORMAT, TFM__INDEX_FILE ": weight_map: %s is said to be in %s, but is not",
          tfm__shown_of(tfm_json_key(n)).text, tfm__shown_of(tfm_json_text(n)).text);
    }
  }
  return TFM_OK;
}

tfm_status tfm__index_open(tfm_checkpoint *ck, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  index_reader *x = tfm_calloc(1, sizeof *x);
  char *path = tfm_path_join(folder, TFM__INDEX_FILE);
  ck->source = TFM__INDEX_FILE;
  ck->shards = tfm_calloc(TFM__SHARDS_MAX, sizeof *ck->shards);
  if (!x || !path || !ck->shards) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "opening " TFM__INDEX_FILE));
  }
  x->ck = ck;
  x->folder = folder;
  TFM_TRY(tfm_json_open(&json, path, INDEX_MAX_BYTES, err));
  x->weight_map = tfm_json_get(tfm_json_root(json), "weight_map");
  find_roots(x, path);
  TFM_TRY(read_weight_map(x, err));
  TFM_TRY(open_shards(x, err));
  TFM_TRY(check_found(x, err));

fail:
  if (x) {
    tfm_map_fini(&x->owners);
    tfm_map_fini(&x->numbers);
  }
  tfm_free(x);
  tfm_free(path);
  tfm_json_close(json);
  return st;
}
