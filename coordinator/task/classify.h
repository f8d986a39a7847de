/** Scores of a classification row, for those who print them otherwise than as fields. */
#ifndef TFM_COORDINATOR_TASK_CLASSIFY_H
#define TFM_COORDINATOR_TASK_CLASSIFY_H

#include "coordinator/cli/options.h"
#include "core/model/config.h"

/** scores [C] out of logits [C], by --function-to-apply or the model's own rule. */
void tfm_classify_scores(const tfm_config *config, tfm_apply apply, const float *logits,
                         float *scores);

/** The index of the best score; the first of equals, as the reference orders them. */
int64_t tfm_classify_best(const float *scores, int64_t n);

#endif
