#include "coordinator/report/advice.h"

static const double least_gain = 1.0 + 1.0 / 7;
static const double waited = 0.7;   /* the busiest stage computed for less of the run */
static const double occupied = 0.8; /* something else filled so much of it */

/* Why another layout is faster. */
static void put_reason(const tfm_plan_request *request, const tfm_plan *plan,
                       const tfm_plan_advice *advice, tfm_buf *out)
{
  const int64_t layers = request->nunit / 2;
  if (advice->replicas <= plan->replicas) {
    (void)tfm_buf_str(out, "its stages are more even");
  } else if (layers <= request->nworker) {
    (void)tfm_buf_printf(out, "%lld %s few for %d workers", (long long)layers,
                         layers == 1 ? "layer is" : "layers are", request->nworker);
  } else {
    (void)tfm_buf_str(out, "fewer stages wait less for each other");
  }
}

static tfm_status advise_layout(const tfm_advice_facts *facts, tfm_buf *out, tfm_err *err)
{
  tfm_plan_advice advice;
  tfm_status st = tfm_plan_advise(&advice, facts->request, facts->plan, err);
  if (st != TFM_OK || advice.gain < least_gain ||
      (advice.replicas == facts->plan->replicas && advice.stages == facts->plan->stages)) {
    return st;
  }
  (void)tfm_buf_printf(out, "--replicas %d --stages %d is predicted to be %.1f times as fast: ",
                       advice.replicas, advice.stages, advice.gain);
  put_reason(facts->request, facts->plan, &advice, out);
  if (advice.replicas > facts->plan->replicas) {
    (void)tfm_buf_printf(out, "; it holds the model %d times", advice.replicas);
  }
  return TFM_OK;
}

/* What the stages waited for, when rank 0 was at one thing nearly all the time. */
static void advise_coordinator(const tfm_advice_facts *f, tfm_buf *out)
{
  const double run_s = f->run_s;
  if (f->feed.threads > 0 && f->feed.encode_s > occupied * run_s * f->feed.threads) {
    (void)tfm_buf_printf(out,
                         "tokenizing on %d %s kept the stages waiting: give rank 0 more cores, "
                         "or share the rows among jobs (--shard)",
                         f->feed.threads, f->feed.threads == 1 ? "thread" : "threads");
  } else if (f->write_s > occupied * run_s) {
    (void)tfm_buf_str(out, "writing results kept the stages waiting: write to a faster file "
                           "system, or pass less through");
  } else if (f->embed_s > occupied * run_s) {
    (void)tfm_buf_str(out, "embedding and sending kept rank 0 busy: give it a core of its own, "
                           "or share the rows among jobs (--shard)");
  } else if (f->feed.read_s > occupied * run_s) {
    (void)tfm_buf_str(out, "reading the input kept the stages waiting: read from a faster file "
                           "system, or feed the pipe faster");
  }
}

tfm_status tfm_advice_give(const tfm_advice_facts *facts, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const size_t before = out->n;
  if (facts->run_s < TFM_ADVICE_LEAST_S) {
    return TFM_OK;
  }
  if (facts->busy < waited) {
    advise_coordinator(facts, out);
  }
  if (out->n == before && facts->request) {
    TFM_TRY(advise_layout(facts, out, err));
  }
  st = out->failed ? tfm_fail(err, TFM_E_NOMEM, "a line of advice") : TFM_OK;

fail:
  return st;
}
