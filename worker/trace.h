/** What this rank did when, for --trace: kept in the room of one message and sent on when that is
 *  half full, with the heartbeat, and at the end.
 *
 *  What finds no room is counted, never waited for: looking must not slow the job down. Nothing of
 *  a result depends on it. */
#ifndef TFM_WORKER_TRACE_H
#define TFM_WORKER_TRACE_H

#include "proto/messages.h"

/** Note a span; waiting and sending of less than a microsecond is left out. trace: NULL: nobody
 * asked for it. */
void tfm_trace_note(tfm_msg_trace *trace, const tfm_msg_span *span);

/** Whether half of the room is taken. */
bool tfm_trace_pressing(const tfm_msg_trace *trace);

/** Send what is there, if anything is and a frame of the link is free. Errors: of link.h. */
tfm_status tfm_trace_send(tfm_msg_trace *trace, tfm_link *out, tfm_err *err) TFM_MUST_USE;

#endif
