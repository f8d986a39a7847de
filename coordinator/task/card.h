/** The task a model card names: the last place that is asked, when neither the user,
 * modules.json nor config.json's architectures say what a checkpoint is for.
 *
 *  Source: the card is README.md with YAML between two lines of "---" in front; its key
 * `pipeline_tag` holds the name of a transformers pipeline (Hugging Face Hub, "Model cards").
 */
#ifndef TFM_COORDINATOR_TASK_CARD_H
#define TFM_COORDINATOR_TASK_CARD_H

#include "core/base/buf.h"
#include "core/base/status.h"

/** Append the card's pipeline_tag to tag; nothing when there is no card, no YAML in front of it or
 * no such key. Errors: TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm_card_tag(const char *folder, tfm_buf *tag, tfm_err *err) TFM_MUST_USE;

#endif
