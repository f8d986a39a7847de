#include "core/plan/plan.h"

#include "core/base/mem.h"

/* A rate this close to the best is not worth another copy of the model. */
static const double CLOSE_ENOUGH = 0.98;

static double cost_of(const double *cost, tfm_range units)
{
  double sum = 0;
  for (int64_t u = units.first; u < units.last; ++u) {
    sum += cost[u];
  }
  return sum;
}

double tfm_plan_rate(const tfm_plan_request *request, const tfm_range *cuts, int stages,
                     int replicas)
{
  double slowest = 0;
  double total = 0;
  for (int s = 0; s < stages; ++s) {
    const double one = cost_of(request->cost, cuts[s]) + request->hop;
    slowest = one > slowest ? one : slowest;
    total += one;
  }
  if (!(slowest > 0)) {
    return replicas;
  }
  const double lines = replicas / slowest;
  const double cores = request->parallel > 0 ? request->parallel / total : lines;
  return cores < lines ? cores : lines;
}

static int stages_for(const tfm_plan_request *request, int replicas)
{
  int64_t stages = request->nworker / replicas;
  return (int)(stages < request->nunit ? stages : request->nunit);
}

tfm_status tfm_plan_advise(tfm_plan_advice *advice, const tfm_plan_request *request,
                           const tfm_plan *plan, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int nworker = request->nworker;
  double best = 0;
  double *rates = tfm_calloc((size_t)nworker + 1, sizeof *rates);
  tfm_range *cuts = tfm_calloc((size_t)stages_for(request, 1), sizeof *cuts);
  if (!rates || !cuts) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "plan: not enough memory to compare layouts"));
  }
  for (int r = 1, stages = 0; r <= nworker; ++r) {
    if (stages != stages_for(request, r)) { /* many r share one number of stages: cut once */
      stages = stages_for(request, r);
      TFM_TRY(tfm_partition(request->cost, request->nunit, stages, cuts, err));
    }
    rates[r] = tfm_plan_rate(request, cuts, stages, r);
    best = rates[r] > best ? rates[r] : best;
  }
  int chosen = 1;
  while (rates[chosen] < CLOSE_ENOUGH * best) {
    ++chosen;
  }
  *advice = (tfm_plan_advice){chosen, stages_for(request, chosen), 1};
  if (plan) {
    advice->gain =
        rates[chosen] / tfm_plan_rate(request, plan->cuts, plan->stages, plan->replicas);
  }

fail:
  tfm_free(rates);
  tfm_free(cuts);
  return st;
}
