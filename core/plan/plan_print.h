/** The plan as a table for people. Pure: what is known of the ranks comes in as facts, so the
 *  same table serves a running job and `plan --ranks N` for ranks that are not there. */
#ifndef TFM_CORE_PLAN_PLAN_PRINT_H
#define TFM_CORE_PLAN_PLAN_PRINT_H

#include "core/plan/plan.h"

/** What is known of one rank. */
typedef struct {
  const char *host;    /* NULL: not known */
  const char *cpuset;  /* where it runs, list syntax; NULL: not known */
  int node;            /* NUMA node; -1: several, or not known */
  int threads;         /* 0: not known */
  bool locality_known; /* else its share of local pages is "unknown" */
  double local_share;  /* 0..1 of its pages, when known */
  bool absent;         /* a rank that is not there has no pages to tell of */
} tfm_plan_fact;

/** All that is borrowed here is borrowed until the call returns. */
typedef struct {
  const tfm_plan_fact *ranks; /* [plan->nrank], or NULL for ranks that are not there */
  const char *numeric_id;     /* NULL: no such line */
  const tfm_plan_request
      *request;      /* what the plan was made from, for the hint; NULL: no hint */
  double rows_per_s; /* predicted; 0: no such line */
  int64_t length;    /* tokens of those rows */
} tfm_plan_facts;

/** Append a line a rank - rank, role, host, NUMA node, cpus, threads, slice, bytes of weights, of
 * memory at the peak, share of the model's cost, share of pages on its node - and below it the
 * layout, the spare ranks, the balance, the predicted rate, the numeric_id, and a hint when
 * another layout is predicted
 * to be at least 5 % faster. Stages and replicas count from 1 here. Columns nobody has anything to
 * say in are left out; hosts and cpus are shortened so that a line fits 100 columns where that is
 * enough.
 *  Errors: TFM_E_NOMEM. */
tfm_status tfm_plan_print(const tfm_plan *plan, const tfm_plan_facts *facts, tfm_buf *out,
                          tfm_err *err) TFM_MUST_USE;

#endif
