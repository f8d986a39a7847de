/** What runs of a layout come to: pure functions from times to the numbers of the table. */
#ifndef TFM_COORDINATOR_SCALE_FIGURES_H
#define TFM_COORDINATOR_SCALE_FIGURES_H

#include "coordinator/report/pop.h"
#include "coordinator/scale/layouts.h"

/** The runs of one layout so far, but those to warm up. Zero-initialised but for layout, stages and
 *  run_s is empty. */
typedef struct {
  tfm_scale_layout layout;
  int nrun;
  double rows, tokens;   /* of one run */
  double *run_s;         /* [nrun] */
  double total_s;        /* of all */
  tfm_pop_stage *stages; /* [workers] sums over all runs */
  double flops,
      possible; /* done; what the cores could have done while they computed; 0: unknown */
} tfm_scale_runs;

/** One row of the table; rates are of the median run where nothing else is said. */
typedef struct {
  double rows_per_s, rows_sd, rows_median; /* mean, standard deviation (n - 1), median */
  double tokens_per_s;                     /* mean */
  double speedup;                          /* median rate / the reference's */
  double efficiency;                       /* speed-up / (workers / the reference's workers) */
  double computation; /* computation scaling: computing a token takes at the reference / here */
  double peak_share;  /* of the cores' flops while they compute; NAN: not known */
  tfm_pop pop;
} tfm_scale_figures;

/** reference: the first layout's runs, or runs itself. Both have run. */
tfm_scale_figures tfm_scale_figures_of(const tfm_scale_runs *runs,
                                       const tfm_scale_runs *reference);

#endif
