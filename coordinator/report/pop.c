#include "coordinator/report/pop.h"

#include <math.h>

/* Sums and largest values of stages, one after the other. */
typedef struct {
  double busy_s, send_s, most_busy_s, most_send_s;
  int n;
} sums;

static void add(sums *s, double busy_s, double send_s)
{
  s->busy_s += busy_s;
  s->send_s += send_s;
  s->most_busy_s = fmax(s->most_busy_s, busy_s);
  s->most_send_s = fmax(s->most_send_s, send_s);
  s->n += 1;
}

static tfm_pop pop_of(const sums *s, double run_s)
{
  tfm_pop pop = {0};
  if (s->most_busy_s <= 0 || run_s <= 0) {
    return pop;
  }
  /* A stage computes or sends: what one did most of both with is never less than the busiest. */
  const double ideal_s = fmax(run_s - s->most_send_s, s->most_busy_s);
  pop.load_balance = s->busy_s / s->n / s->most_busy_s;
  pop.communication = s->most_busy_s / run_s;
  pop.parallel = pop.load_balance * pop.communication;
  pop.serialisation = s->most_busy_s / ideal_s;
  pop.transfer = ideal_s / run_s;
  pop.bubble = fmax(0, 1 - (s->busy_s + s->send_s) / s->n / run_s);
  return pop;
}

tfm_pop tfm_pop_of_stages(const tfm_pop_stage *stages, int n, double run_s)
{
  sums s = {0};
  for (int i = 0; i < n; ++i) {
    add(&s, stages[i].busy_s, stages[i].send_s);
  }
  return pop_of(&s, run_s);
}

tfm_pop tfm_pop_of(const tfm_crew *crew, double run_s)
{
  sums s = {0};
  for (int rank = 1; rank < crew->nrank; ++rank) {
    const tfm_crew_rank *r = &crew->ranks[rank];
    if (r->have_stats) {
      add(&s, r->stats.busy_s, r->stats.send_s);
    }
  }
  return pop_of(&s, run_s);
}
