/** Machines, and which rank runs on which core, as one SVG picture: packages, NUMA nodes and cores
 *  as boxes inside boxes, cores in the colour of their rank's stage with the rank's number, and
 *  what each stage has below. What is not ours to use is left empty. The style is plot.h's; for
 *  programs that know no style sheets shapes have colours of their own too. */
#ifndef TFM_COORDINATOR_REPORT_DRAW_H
#define TFM_COORDINATOR_REPORT_DRAW_H

#include "coordinator/simulate/crowd.h"
#include "core/plan/plan.h"

typedef struct {
  const char *title;
  const tfm_hosts *hosts;
  const tfm_crowd *crowd; /* NULL: the machines alone */
  const tfm_plan *plan;   /* of the crowd's ranks; NULL as well */
} tfm_drawing;

/** Append the picture. Of more than 16 hosts the others are only counted, of more than 48 stages
 *  and spare ranks too. What ran out of memory is out->failed. */
void tfm_draw(const tfm_drawing *drawing, tfm_buf *out);

/** Draw it into a file. Errors: TFM_E_IO with the reason, TFM_E_NOMEM. */
tfm_status tfm_draw_file(const tfm_drawing *drawing, const char *path,
                         tfm_err *err) TFM_MUST_USE;

/** Draw a plan and where its ranks would run. Errors: the same. */
tfm_status tfm_draw_plan(const tfm_hosts *hosts, const tfm_crowd *crowd, const tfm_plan *plan,
                         const char *path, tfm_err *err) TFM_MUST_USE;

#endif
