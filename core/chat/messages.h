/** A row's messages as values, as transformers hands them to a template. Private to the room. */
#ifndef TFM_CORE_CHAT_MESSAGES_H
#define TFM_CORE_CHAT_MESSAGES_H

#include "core/chat/run.h"

/** What stands behind the text that is to be gone on with, until it is cut off again. */
extern const tfm_span tfm__chat_mark;

/** Read a JSON array of messages. Members that are null go; reasoning goes by its other names too.
 * *last: the text that is gone on with, where the last message is the assistant's: the mark stands
 * behind it then; {NULL, 0} else. Failures are the run's. */
tfm__list *tfm__messages_read(tfm__run *r, tfm_span json, tfm_span *last);

#endif
