#include "coordinator/scale/layouts.h"

#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_SIDE = 1 << 16 /* of stages, of replicas */ };

/* A list that grows. */
typedef struct {
  tfm_scale_layout *at;
  int n, cap;
} list;

static tfm_status add(list *l, int stages, int replicas, tfm_err *err)
{
  for (int i = 0; i < l->n; ++i) {
    if (l->at[i].stages == stages && l->at[i].replicas == replicas) {
      return TFM_OK;
    }
  }
  if (l->n == l->cap) {
    const int cap = l->cap ? 2 * l->cap : 16;
    tfm_scale_layout *more = tfm_realloc(l->at, (size_t)cap, sizeof *more);
    if (!more) {
      return tfm_fail(err, TFM_E_NOMEM, "%d layouts", cap);
    }
    l->at = more;
    l->cap = cap;
  }
  l->at[l->n++] = (tfm_scale_layout){stages, replicas};
  return TFM_OK;
}

static bool one_word(const tfm_options *o, const char *word)
{
  return o->nlayout == 1 && strcmp(o->layouts[0], word) == 0;
}

static bool by_name(const tfm_options *o)
{
  return o->nlayout > 0 && !one_word(o, "auto") && !one_word(o, "all");
}

/* "4x2": four stages, two replicas. */
static bool read_layout(const char *text, tfm_scale_layout *layout)
{
  char *end = NULL;
  const long stages = strtol(text, &end, 10);
  if (end == text || *end != 'x') {
    return false;
  }
  const char *second = end + 1;
  const long replicas = strtol(second, &end, 10);
  if (end == second || *end || stages < 1 || replicas < 1 || stages > MOST_SIDE ||
      replicas > MOST_SIDE / stages) {
    return false;
  }
  *layout = (tfm_scale_layout){(int)stages, (int)replicas};
  return true;
}

int tfm_scale_layouts_workers(const tfm_options *options)
{
  int most = options->nsweep ? (int)options->sweep[options->nsweep - 1] - 1 : 0;
  for (int i = 0; i < options->nlayout; ++i) {
    tfm_scale_layout l = {0};
    if (read_layout(options->layouts[i], &l) && tfm_scale_layout_workers(&l) > most) {
      most = tfm_scale_layout_workers(&l);
    }
  }
  return most;
}

static tfm_status too_many(int workers, int nworker, tfm_err *err)
{
  return tfm_fail(
      err, TFM_E_CONFIG,
      "a layout wants %d workers and rank 0, here are %d: start mpirun with -np %d, or "
      "name smaller --ranks or --layouts",
      workers, nworker, workers + 1);
}

static tfm_status add_named(const tfm_options *o, int nworker, int64_t nunit, list *l,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (o->nsweep || o->stages || o->replicas) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "--layouts %.32s names stages and replicas: leave out --ranks, --stages and "
        "--replicas",
        o->layouts[0]);
  }
  for (int i = 0; i < o->nlayout; ++i) {
    tfm_scale_layout named = {0};
    if (!read_layout(o->layouts[i], &named)) {
      return tfm_fail(err, TFM_E_USAGE,
                      "--layouts: want stages times replicas, as in 4x2, or auto, or all; got "
                      "%.32s",
                      o->layouts[i]);
    }
    if (named.stages > nunit) {
      return tfm_fail(err, TFM_E_USAGE, "--layouts %.32s: this model has at most %lld stages",
                      o->layouts[i], (long long)nunit);
    }
    const int workers = tfm_scale_layout_workers(&named);
    TFM_TRY(workers > nworker ? too_many(workers, nworker, err) : TFM_OK);
    TFM_TRY(add(l, named.stages, named.replicas, err));
  }

fail:
  return st;
}

/* The layouts of one number of workers. */
static tfm_status add_workers(const tfm_options *o, int workers,
                              const tfm_plan_request *request, list *l, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_plan plan = {0};
  tfm_plan_request asked = *request;
  if (one_word(o, "all")) {
    for (int stages = 1; stages <= workers && stages <= request->nunit; ++stages) {
      TFM_TRY(workers % stages == 0 ? add(l, stages, workers / stages, err) : TFM_OK);
    }
    return TFM_OK;
  }
  asked.nworker = workers;
  TFM_TRY(tfm_plan_make(&plan, &asked, err));
  TFM_TRY(add(l, plan.stages, plan.replicas, err));

fail:
  tfm_plan_fini(&plan);
  return st;
}

static int by_workers(const void *a, const void *b)
{
  const tfm_scale_layout *x = a;
  const tfm_scale_layout *y = b;
  const int more = tfm_scale_layout_workers(x) - tfm_scale_layout_workers(y);
  return more ? more : x->stages - y->stages;
}

static tfm_status add_all(const tfm_options *o, int nworker, const tfm_plan_request *request,
                          list *l, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (by_name(o)) {
    return add_named(o, nworker, request->nunit, l, err);
  }
  if (one_word(o, "all") && (o->stages || o->replicas)) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--layouts all: leave out --stages and --replicas, or --layouts");
  }
  for (int i = 0; i < o->nsweep; ++i) {
    const int workers = (int)o->sweep[i] - 1;
    TFM_TRY(workers > nworker ? too_many(workers, nworker, err) : TFM_OK);
    TFM_TRY(add_workers(o, workers, request, l, err));
  }
  for (int workers = 1; o->nsweep == 0;
       workers = workers * 2 < nworker ? workers * 2 : nworker) {
    TFM_TRY(add_workers(o, workers, request, l, err));
    if (workers >= nworker) {
      break;
    }
  }

fail:
  return st;
}

tfm_status tfm_scale_layouts(const tfm_options *options, int nworker,
                             const tfm_plan_request *request, tfm_scale_layout **layouts,
                             int *n, tfm_err *err)
{
  list l = {0};
  *layouts = NULL;
  *n = 0;
  const tfm_status st = add_all(options, nworker, request, &l, err);
  if (st != TFM_OK) {
    tfm_free(l.at);
    return st;
  }
  qsort(l.at, (size_t)l.n, sizeof *l.at, by_workers);
  *layouts = l.at;
  *n = l.n;
  return TFM_OK;
}
