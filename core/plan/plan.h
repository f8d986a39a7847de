/** Which rank does what: pure functions from costs and ranks to a printable plan (DESIGN D5).
 *
 *  Rank 0 is the coordinator. Workers are ranks 1..W. They form R replicas (lines) of S stages;
 * the rest are spare: idle, and named. A stage owns the units [first, last). Everything here is
 *  deterministic and depends on its arguments only.
 */
#ifndef TFM_CORE_PLAN_PLAN_H
#define TFM_CORE_PLAN_PLAN_H

#include "core/base/buf.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/** Units [first, last) as the user writes them: "0-2a" is units 0..4 (layers 0, 1 and the
 * attention of 2), "2f-4" units 5..9. */
typedef struct {
  int64_t first, last;
} tfm_range;

/** For `replicas`: let the planner choose the layout it predicts to be fastest. */
enum { TFM_PLAN_AUTO = -1 };

/** What the plan is made from. */
typedef struct {
  int64_t nunit;        /* 2L, >= 1 */
  const double *cost;   /* [nunit] of one unit, any unit of measure, finite and >= 0; the head's
                           is in the last */
  const int64_t *bytes; /* [nunit] of weights */
  const int64_t *twin;  /* [nunit] the last unit before with the same weights, held once by a
                           rank that has both, or -1; NULL: every unit has its own */
  int64_t head_bytes;
  double hop;      /* what a stage pays beside its units, in the measure of cost, >= 0: taking a
                         frame, checking it, passing it on */
  double parallel; /* workers that can compute at once, where cores are fewer; 0: all */
  int nworker;     /* W >= 1 */
  int stages;      /* 0: by rule */
  int replicas;    /* 0: by rule; TFM_PLAN_AUTO */
  const char *layers; /* cuts as typed, or NULL */
  bool typed;         /* stages/replicas/layers come from the command line (64), not from the
                         environment or a file (78), when they cannot be */
} tfm_plan_request;

typedef struct {
  int rank;
  int replica, stage; /* -1 for a spare rank */
  tfm_range units;
  double cost_share; /* of the whole model's cost, 0..1 */
  int64_t weight_bytes;
  int64_t memory_bytes; /* at the peak, all of the rank's process; 0: whoever made the plan does
                           not know */
  int64_t shared_bytes; /* of these, weights that ranks of its host with its units have too */
} tfm_plan_rank;

/** Plain data; release with tfm_plan_fini(). */
typedef struct {
  int nrank; /* W + 1 */
  int stages, replicas, spare;
  tfm_range *cuts;      /* [stages], the same for every replica */
  tfm_plan_rank *ranks; /* [nrank]; ranks[0] is the coordinator: replica and stage -1 */
  double balance;       /* mean stage cost / slowest stage cost, 0..1 */
} tfm_plan;

/** Make the plan. Replica r's stage s is rank 1 + r*S + s; spare ranks are the last ones.
 *
 *  What is not asked for follows a rule, in this order (L = nunit / 2, divisions round down):
 *    S  the parts of `layers`; else `stages`; else min(W / R, 2L) with the R below
 *    R  `replicas`; else max(1, min(W / L, W / S)) where W / S counts only when S was asked for
 *
 *  gives: *plan; on failure it is empty. Errors: TFM_E_USAGE or TFM_E_CONFIG (by
 * request->typed): more stages than workers or than units, replicas x stages over W, `stages`
 * that is not the number of parts in `layers`, cuts that do not tile 0..2L ("--layers: ..." with
 * what is wrong where); TFM_E_NOMEM. */
tfm_status tfm_plan_make(tfm_plan *plan, const tfm_plan_request *request,
                         tfm_err *err) TFM_MUST_USE;

void tfm_plan_fini(tfm_plan *plan);

/** Predicted rows a unit of time when cost and hop are those of one row: R lines, each as fast as
 * its slowest stage, but all together no faster than `parallel` workers can be. Layouts of a model
 * without cost compare by their lines. Pure. */
double tfm_plan_rate(const tfm_plan_request *request, const tfm_range *cuts, int stages,
                     int replicas);

/** A layout the planner would choose, and how it compares. */
typedef struct {
  int replicas, stages;
  double gain; /* predicted rate / rate of the compared plan */
} tfm_plan_advice;

/** Pure: the best by tfm_plan_rate() of the layouts R lines of min(W / R, 2L) stages, R = 1..W.
 * Every replica is one more copy of the model in memory: the fewest replicas within 2 % of the best
 * rate win. Asked-for stages, replicas and layers of the request are not looked at. `plan` (may be
 * NULL: gain is then 1) is what it is compared with. Errors: TFM_E_NOMEM. */
tfm_status tfm_plan_advise(tfm_plan_advice *advice, const tfm_plan_request *request,
                           const tfm_plan *plan, tfm_err *err) TFM_MUST_USE;

/** Cut n costs into k contiguous non-empty ranges so that the largest sum is smallest; among
 * equals the one with the smallest sum of squares, then the earliest first cut, second cut, and
 * so on. cuts [k] out; 1 <= k <= n and every cost finite and >= 0 (TFM_ASSERT).
 *
 *  Numerics: costs are scaled by a power of two and rounded to integers with a sum near 2^52,
 *  and all comparisons are exact from there on: equal costs give equal sums wherever they lie,
 *  and costs that are integers with a sum below 2^52 are not rounded at all.
 *  Cost: O(n log) for the largest sum, O(k n log n) for the choice among equals; n = 8192,
 *  k = 300 in well under a second; memory O(k n) at worst.
 *  Source: Pinar, Aykanat 2004, "Fast optimal load balancing algorithms for 1D partitioning"
 *  (bisection with a greedy probe); core/plan/DECISIONS.md for the second half.
 *  Errors: TFM_E_NOMEM. */
tfm_status tfm_partition(const double *cost, int64_t n, int k, tfm_range *cuts,
                         tfm_err *err) TFM_MUST_USE;

/** Read "0-2a,2f-4,5-6" into k ranges; they must tile [0, nunit). A part is a layer or two
 * layers with '-' between; `a` after a layer names its attention half, `f` its ffn half. A begin
 * without suffix starts at the attention, an end without suffix includes the ffn.
 *  gives: *cuts, release with tfm_free(); on failure NULL. Errors: TFM_E_USAGE with the part and
 *  the reason, TFM_E_NOMEM. */
tfm_status tfm_range_parse(const char *text, int64_t nunit, tfm_range **cuts, int *k,
                           tfm_err *err) TFM_MUST_USE;

/** Write a range back in the same syntax, the shortest way: units 0..4 are "0-2a", 5..5 "2f",
 *  4..5 "2"; an empty range is "-". Errors: TFM_E_NOMEM. */
tfm_status tfm_range_print(tfm_range range, tfm_buf *out);

#endif
