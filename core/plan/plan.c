#include "core/plan/plan.h"

#include "core/base/mem.h"

#include <inttypes.h>

static tfm_status refusal(const tfm_plan_request *request)
{
  return request->typed ? TFM_E_USAGE : TFM_E_CONFIG;
}

/* Behind a number that was not typed: where else it may come from. */
static const char *origin(const tfm_plan_request *request)
{
  return request->typed ? "" : " (from the environment or a configuration file)";
}

static int smaller(int64_t a, int64_t b)
{
  return (int)(a < b ? a : b);
}

static int layers_of(const tfm_plan_request *request)
{
  int64_t layers = request->nunit / 2;
  return layers > 1 ? smaller(layers, INT32_MAX) : 1;
}

/* Number of replicas by rule; stages is 0 when nobody asked for a number. */
static int replicas_by_rule(const tfm_plan_request *request, int stages)
{
  int replicas = request->nworker / layers_of(request);
  if (stages > 0) {
    replicas = smaller(replicas, request->nworker / stages);
  }
  return replicas > 1 ? replicas : 1;
}

static tfm_status check_stages(const tfm_plan_request *request, int stages, tfm_err *err)
{
  if (stages < 1) {
    return tfm_fail(err, refusal(request), "--stages %d%s: wanted a number from 1 or auto",
                    stages, origin(request));
  }
  if (stages > request->nunit) {
    return tfm_fail(err, refusal(request),
                    "--stages %d%s: the model has %" PRId64
                    " half layers, and a stage needs one; at most --stages %" PRId64,
                    stages, origin(request), request->nunit, request->nunit);
  }
  if (stages > request->nworker) {
    return tfm_fail(
        err, refusal(request),
        "--stages %d%s: there are %d workers (rank 0 coordinates), and a stage needs "
        "one; lower it to %d or start with mpirun -np %d",
        stages, origin(request), request->nworker, request->nworker, stages + 1);
  }
  return TFM_OK;
}

static tfm_status check_replicas(const tfm_plan_request *request, int replicas, int stages,
                                 tfm_err *err)
{
  int64_t want = (int64_t)replicas * stages;
  if (replicas < 1) {
    return tfm_fail(err, refusal(request), "--replicas %d%s: wanted a number from 1 or auto",
                    replicas, origin(request));
  }
  if (want > request->nworker) {
    return tfm_fail(
        err, refusal(request),
        "--replicas %d%s of %d stage%s: that takes %" PRId64
        " workers, and there are %d (rank 0 coordinates); lower one of them or start "
        "with mpirun -np %" PRId64,
        replicas, origin(request), stages, stages == 1 ? "" : "s", want, request->nworker,
        want + 1);
  }
  return TFM_OK;
}

/* The numbers, by the rules of the header. `parts` is the number of ranges in layers, or 0. */
static tfm_status choose_layout(tfm_plan *plan, const tfm_plan_request *request, int parts,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  int stages = parts > 0 ? parts : request->stages;
  int replicas = request->replicas;
  if (parts > 0 && request->stages > 0 && request->stages != parts) {
    TFM_TRY(tfm_fail(err, refusal(request),
                     "--layers names %d parts, --stages says %d%s: leave --stages out", parts,
                     request->stages, origin(request)));
  }
  if (stages != 0) {
    TFM_TRY(check_stages(request, stages, err));
  }
  if (replicas == TFM_PLAN_AUTO && stages == 0) {
    tfm_plan_advice advice = {0};
    TFM_TRY(tfm_plan_advise(&advice, request, NULL, err));
    replicas = advice.replicas;
  } else if (replicas == TFM_PLAN_AUTO) {
    replicas = request->nworker / stages; /* the cuts are given: the more the faster */
  } else if (replicas == 0) {
    replicas = replicas_by_rule(request, stages);
  }
  if (stages == 0 && replicas > 0) {
    stages = smaller(request->nworker / replicas, request->nunit);
  }
  TFM_TRY(check_replicas(request, replicas, stages > 0 ? stages : 1, err));
  plan->stages = stages;
  plan->replicas = replicas;
  plan->spare = request->nworker - replicas * stages;

fail:
  return st;
}

static double cost_of(const tfm_plan_request *request, tfm_range units)
{
  double cost = 0;
  for (int64_t u = units.first; u < units.last; ++u) {
    cost += request->cost[u];
  }
  return cost;
}

static int64_t bytes_of(const tfm_plan_request *request, tfm_range units)
{
  int64_t bytes = units.last == request->nunit ? request->head_bytes : 0;
  for (int64_t u = units.first; u < units.last; ++u) {
    const bool held = request->twin && request->twin[u] >= units.first;
    bytes += held ? 0 : request->bytes[u];
  }
  return bytes;
}

static void set_balance(tfm_plan *plan, const tfm_plan_request *request)
{
  double total = cost_of(request, (tfm_range){0, request->nunit});
  double slowest = 0;
  for (int s = 0; s < plan->stages; ++s) {
    double cost = cost_of(request, plan->cuts[s]);
    slowest = cost > slowest ? cost : slowest;
  }
  plan->balance = slowest > 0 ? total / plan->stages / slowest : 1;
  plan->balance = plan->balance < 1 ? plan->balance : 1; /* the two sums round differently */
}

static void assign_ranks(tfm_plan *plan, const tfm_plan_request *request)
{
  double total = cost_of(request, (tfm_range){0, request->nunit});
  for (int rank = 0; rank < plan->nrank; ++rank) {
    tfm_plan_rank *r = &plan->ranks[rank];
    *r = (tfm_plan_rank){.rank = rank, .replica = -1, .stage = -1};
    if (rank == 0 || rank > plan->replicas * plan->stages) {
      continue;
    }
    r->replica = (rank - 1) / plan->stages;
    r->stage = (rank - 1) % plan->stages;
    r->units = plan->cuts[r->stage];
    r->cost_share = total > 0 ? cost_of(request, r->units) / total : 1.0 / plan->stages;
    r->weight_bytes = bytes_of(request, r->units);
  }
}

static tfm_status read_layers(tfm_plan *plan, const tfm_plan_request *request, int *parts,
                              tfm_err *err)
{
  tfm_status st = tfm_range_parse(request->layers, request->nunit, &plan->cuts, parts, err);
  if (st != TFM_E_USAGE || request->typed) {
    return st;
  }
  if (err) {
    err->status = TFM_E_CONFIG;
  }
  return TFM_E_CONFIG;
}

static tfm_status make(tfm_plan *plan, const tfm_plan_request *request, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int parts = 0;
  plan->nrank = request->nworker + 1;
  if (request->layers) {
    TFM_TRY(read_layers(plan, request, &parts, err));
  }
  TFM_TRY(choose_layout(plan, request, parts, err));
  plan->ranks = tfm_calloc((size_t)plan->nrank, sizeof *plan->ranks);
  if (parts == 0) {
    plan->cuts = tfm_calloc((size_t)plan->stages, sizeof *plan->cuts);
  }
  if (!plan->ranks || !plan->cuts) {
    return tfm_fail(err, TFM_E_NOMEM, "plan: not enough memory for %d ranks", plan->nrank);
  }
  if (parts == 0) {
    TFM_TRY(tfm_partition(request->cost, request->nunit, plan->stages, plan->cuts, err));
  }
  set_balance(plan, request);
  assign_ranks(plan, request);

fail:
  return st;
}

tfm_status tfm_plan_make(tfm_plan *plan, const tfm_plan_request *request, tfm_err *err)
{
  TFM_ASSERT(request->nworker >= 1 && request->nworker < INT32_MAX && request->nunit >= 1);
  *plan = (tfm_plan){0};
  tfm_status st = make(plan, request, err);
  if (st != TFM_OK) {
    tfm_plan_fini(plan);
  }
  return st;
}

void tfm_plan_fini(tfm_plan *plan)
{
  tfm_free(plan->cuts);
  tfm_free(plan->ranks);
  *plan = (tfm_plan){0};
}
