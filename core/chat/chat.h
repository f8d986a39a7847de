/** Conversations as the text a model was trained to go on with: a checkpoint's chat_template.
 *
 *  The template is Jinja, of which this room runs a subset (template.h); what it gives equals
 * transformers' apply_chat_template, or is refused by name. Source: transformers 5.23,
 * tokenization_utils_base.py, utils/chat_template_utils.py, pipelines/text_generation.py.
 *
 *  Threads: read-only once open; render is callable from many threads. */
#ifndef TFM_CORE_CHAT_CHAT_H
#define TFM_CORE_CHAT_CHAT_H

#include "core/base/buf.h"
#include "core/base/span.h"
#include "core/base/status.h"

#include <time.h>

typedef struct tfm_chat tfm_chat;

/** Read chat_template.jinja, else "chat_template" of tokenizer_config.json (of a list the one named
 * default), and the special tokens it may name. now: what the template's strftime_now tells, for
 * all conversations. gives: *out, release with tfm_chat_close().
 *  Errors: TFM_E_UNSUPPORTED (there is no template; it uses what is not in the subset, by name and
 * line; it reads a special token that no file names), TFM_E_FORMAT (the template or a file is
 * malformed), TFM_E_IO, TFM_E_NOMEM. */
tfm_status tfm_chat_open(tfm_chat **out, const char *folder, time_t now,
                         tfm_err *err) TFM_MUST_USE;

/** Append the text of a conversation: a JSON array of objects with role and content. What the model
 * goes on with is a new answer, or the last message where that is the assistant's, as transformers'
 * pipeline has it. Errors: TFM_E_FORMAT (no such messages; the template refuses them or fails on
 * them; a bound was passed), TFM_E_UNSUPPORTED, TFM_E_NOMEM. */
tfm_status tfm_chat_render(const tfm_chat *chat, tfm_span messages, tfm_buf *out,
                           tfm_err *err) TFM_MUST_USE;

/** NULL is allowed. */
void tfm_chat_close(tfm_chat *chat);

#endif
