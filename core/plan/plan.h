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

/** What the plan is made from. */
typedef struct {
  int64_t nunit;      /* 2L */
  const double *cost; /* [nunit] of one unit, any unit of measure; the head's is in the last */
  const int64_t *bytes; /* [nunit] of weights */
  int64_t head_bytes;
  int nworker;        /* W >= 1 */
  int stages;         /* 0: by rule */
  int replicas;       /* 0: by rule: max(1, W / L) */
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
} tfm_plan_rank;

/** Plain data; release with tfm_plan_fini(). */
typedef struct {
  int nrank; /* W + 1 */
  int stages, replicas, spare;
  tfm_range *cuts;      /* [stages], the same for every replica */
  tfm_plan_rank *ranks; /* [nrank]; ranks[0] is the coordinator: replica and stage -1 */
  double balance;       /* mean stage cost / slowest stage cost, 0..1 */
} tfm_plan;

/** Make the plan. Replica r's stage s is rank 1 + r*S + s.
 *  Errors: TFM_E_USAGE or TFM_E_CONFIG (by request->typed): more stages than workers or than
 * units, replicas x stages over W, cuts that do not tile 0..2L ("--layers: ..." with what is
 * wrong where); TFM_E_NOMEM. */
tfm_status tfm_plan_make(tfm_plan *plan, const tfm_plan_request *request,
                         tfm_err *err) TFM_MUST_USE;

void tfm_plan_fini(tfm_plan *plan);

/** Cut n costs into k contiguous non-empty ranges so that the largest sum is smallest: exact
 * dynamic program, O(n^2 k) time; among equals the one with the smallest sum of squares, then
 * the earliest cuts. cuts [k] out. Source: Pinar, Aykanat 2004, "Fast optimal load balancing
 * algorithms for 1D partitioning". Errors: TFM_E_NOMEM. */
tfm_status tfm_partition(const double *cost, int64_t n, int k, tfm_range *cuts,
                         tfm_err *err) TFM_MUST_USE;

/** Read "0-2a,2f-4,5-6" into k ranges; they must tile [0, nunit). gives: *cuts, release with
 *  tfm_free(). Errors: TFM_E_USAGE with the part and the reason. */
tfm_status tfm_range_parse(const char *text, int64_t nunit, tfm_range **cuts, int *k,
                           tfm_err *err) TFM_MUST_USE;

/** Write a range back in the same syntax: units 0..4 are "0-2a", units 5..5 "2f". */
tfm_status tfm_range_print(tfm_range range, tfm_buf *out);

#endif
