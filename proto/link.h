/** A link: frames in order from one rank to one other, without loss. The transport behind it is
 * a table of functions (link_mpi.c, link_local.c); users of links cannot tell them apart.
 *
 *  Buffers belong to the link that made them (`home`) and are made when the link is opened, so
 * memory is fixed at start. An outgoing link has frames to fill; an incoming link keeps its
 * frames ready for arrival. A received frame is given to the caller, who either releases it or
 * sends it on through another link: when that sending completes the frame goes home by itself
 * and is ready again. With three buffers one arrives while one is computed on and one leaves.
 *  That a sending has completed is seen by a poll: a frame may be under way still although what
 * it caused (a result) is here already.
 *
 *  Threads: all calls on the links of one world come from that rank's one communicating thread.
 *  Nothing here blocks; progress happens in tfm_world_poll() and in these calls.
 */
#ifndef TFM_PROTO_LINK_H
#define TFM_PROTO_LINK_H

#include "proto/frame.h"

#include <stdbool.h>

typedef struct tfm_link tfm_link;

enum { TFM_LINK_BUFFERS = 3 };

/** A frame's buffer. bytes: header and payload; cap: bytes of the buffer; n: bytes received. Made
 * by links only. */
typedef struct {
  unsigned char *bytes; /* TFM_FRAME_ALIGN-aligned, first touched by the rank's own thread */
  size_t cap, n;
  tfm_frame_head head; /* checked; of a received frame, or what send() is to seal */
  tfm_link *home;
} tfm_frame;

/** A free frame of an outgoing link, or NULL while all are in flight (or it was opened with
 * none). borrowed until sent or released. */
tfm_frame *tfm_link_frame(tfm_link *out);

/** Seal frame->head (source and sequence are filled in here) and start sending. frame: from
 * tfm_link_frame() or tfm_link_receive() of this world, payload in place. takes: frame, which
 * goes home when it has left, and at once when sending fails.
 *  Errors: TFM_E_PEER (transport failure), TFM_E_INTERNAL (the header is not one this link may
 * carry: tfm_frame_agrees()). */
tfm_status tfm_link_send(tfm_link *out, tfm_frame *frame, tfm_err *err) TFM_MUST_USE;

/** The next frame that has arrived, checked against the link's limits, peer and sequence, or
 * NULL. gives: *frame, until sent on or released. Errors: TFM_E_PEER (a transport failure, or
 * a bad frame: *frame is NULL, nothing of it is used, and the same number is still due),
 * TFM_E_CONFIG (the same, a frame of another build). */
tfm_status tfm_link_receive(tfm_link *in, tfm_frame **frame, tfm_err *err) TFM_MUST_USE;

/** Whether a frame has arrived: receive() looks at it then. */
bool tfm_link_has(const tfm_link *in);

/** Give a frame back to its home. */
void tfm_link_release(tfm_frame *frame);

/** Whether frames go through memory that both ranks see, past MPI. A link may turn to MPI with its
 * first frame. */
bool tfm_link_shares(const tfm_link *out);

/** Whether frames are still on their way out, as far as polls have seen. */
bool tfm_link_sending(const tfm_link *out);

#endif
