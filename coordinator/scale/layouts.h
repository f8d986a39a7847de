/** Which layouts are run. */
#ifndef TFM_COORDINATOR_SCALE_LAYOUTS_H
#define TFM_COORDINATOR_SCALE_LAYOUTS_H

#include "coordinator/cli/options.h"
#include "core/plan/plan.h"

/** Lines of stages: replicas x stages workers, and rank 0. */
typedef struct {
  int stages, replicas;
} tfm_scale_layout;

static inline int tfm_scale_layout_workers(const tfm_scale_layout *l)
{
  return l->stages * l->replicas;
}

/** Workers that --layouts and --ranks want; 0: they leave it open. */
int tfm_scale_layouts_workers(const tfm_options *options);

/** The layouts that options ask for, of at most nworker workers: by --layouts, or one for each of
 *  --ranks as the plan's rule has it, without 1, 2, 4, 8 ... workers and nworker. In ascending
 *  order of workers, then of stages; none twice. request: of the model, for any number of workers.
 *  gives: *layouts [*n], release with tfm_free(). Errors: TFM_E_USAGE, TFM_E_CONFIG, TFM_E_NOMEM.
 */
tfm_status tfm_scale_layouts(const tfm_options *options, int nworker,
                             const tfm_plan_request *request, tfm_scale_layout **layouts,
                             int *n, tfm_err *err) TFM_MUST_USE;

#endif
