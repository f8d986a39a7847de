#include "coordinator/report/run.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <math.h>
#include <string.h>

static const size_t most_bytes = (size_t)64 << 20;

tfm_status tfm_run_open(tfm_run *run, const char *dir, tfm_err *err)
{
  tfm_status st = TFM_OK;
  size_t n = strlen(dir);
  while (n > 1 && dir[n - 1] == '/') {
    --n;
  }
  *run = (tfm_run){.dir = tfm_strndup(dir, n)};
  char *path = run->dir ? tfm_path_join(run->dir, "run.json") : NULL;
  if (!path) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the run %.400s", dir));
  }
  run->name = tfm_path_base(run->dir);
  if (tfm_path_look(path) == TFM_PATH_NOTHING) {
    TFM_TRY(tfm_fail(err, TFM_E_MISSING,
                     "%.400s: there is no run.json; name folders that --outdir made", dir));
  }
  TFM_TRY(tfm_json_open(&run->json, path, most_bytes, err));
  run->root = tfm_json_root(run->json);
  if (strcmp(tfm_run_text_of(run->root, "schema"), "tfm-cluster.run/1") != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%.400s: schema: want tfm-cluster.run/1, got \"%.64s\"",
                     path, tfm_run_text_of(run->root, "schema")));
  }
  run->summary = tfm_json_get(run->root, "summary");

fail:
  tfm_free(path);
  return st == TFM_OK ? st : tfm_err_prefix(err, "report");
}

void tfm_run_close(tfm_run *run)
{
  tfm_json_close(run->json);
  tfm_free(run->dir);
  *run = (tfm_run){0};
}

double tfm_run_number_of(const tfm_json_node *node, const char *key)
{
  double value = (double)NAN;
  return tfm_json_number(tfm_json_get(node, key), &value) ? value : (double)NAN;
}

const char *tfm_run_text_of(const tfm_json_node *node, const char *key)
{
  const char *text = tfm_json_text(tfm_json_get(node, key));
  return text ? text : "";
}

static const tfm_json_node *object_of(const tfm_run *run, const char *object)
{
  return *object ? tfm_json_get(run->summary, object) : run->summary;
}

double tfm_run_number(const tfm_run *run, const char *object, const char *key)
{
  return tfm_run_number_of(object_of(run, object), key);
}

const char *tfm_run_text(const tfm_run *run, const char *object, const char *key)
{
  return tfm_run_text_of(object_of(run, object), key);
}

int tfm_run_ranks(const tfm_run *run, const tfm_json_node *nodes[TFM_RUN_RANKS])
{
  int n = 0;
  const tfm_json_node *at = tfm_json_first(tfm_json_get(run->summary, "ranks"));
  for (; at && n < TFM_RUN_RANKS; at = tfm_json_next(at)) {
    nodes[n++] = at;
  }
  return n;
}
