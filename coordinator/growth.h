/** How the texts of a job that grow share the memory of its ranks. */
#ifndef TFM_COORDINATOR_GROWTH_H
#define TFM_COORDINATOR_GROWTH_H

#include "coordinator/job.h"

/** What --max-length may ask for. Before anything looks at config.endless: a job that compares with
 * the oracle keeps texts within the positions where it could not follow them. */
int64_t tfm_growth_limit(tfm_job *job);

/** Fix job->turns: the slots and pages of each line, from --kv-budget or by rule, for the slice
 * that keeps most of a token; and how long texts of an endless model may get (config.max_length),
 * which no layout changes. After the plan is made; nothing for tasks whose rows come whole.
 * Errors: TFM_E_NOMEM (the budget does not hold one page). */
tfm_status tfm_growth_plan(tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Tokens of a row that are kept, or which it is an error row beyond. Without --max-length, a text
 * that grows in an endless model is cut where its tokenizer says, a conversation nowhere: as far as
 * tfm_growth_plan() found room. */
int64_t tfm_growth_cut(const tfm_job *job);

/** Tokens of a prompt without --max-length: what travels whole (rope_type dynamic, beyond what the
 * model was trained on) is no longer than twice that. */
int64_t tfm_growth_prompt(const tfm_config *config);

/** Bytes of keys and values a rank keeps at most. */
int64_t tfm_growth_bytes(const tfm_job *job);

#endif
