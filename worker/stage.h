/** One stage of a line at work: frames in, units, frames out. */
#ifndef TFM_WORKER_STAGE_H
#define TFM_WORKER_STAGE_H

#include "core/model/slice.h"
#include "proto/messages.h"
#include "proto/world.h"
#include "worker/place.h"
#include "worker/team.h"
#include "worker/vigil.h"

/** Everything a rank holds between ASSIGN and LEAVE. Zero-initialised is empty; plain data of
 *  worker.c and stage.c. */
typedef struct {
  tfm_world *world;
  tfm_msg_assign assign;
  tfm_slice *slice;
  tfm_team *team;
  tfm_place place;
  tfm_link *in, *out;
  int64_t max_length;          /* tokens of one sequence, by the model */
  int64_t heads;               /* of attention */
  int32_t *cu_len, *cu_source; /* [max_sequences + 1] */
  uint32_t *bad;               /* [max_sequences] of the micro-batch: finite.h */
  float *x; /* [max_tokens,hidden] of the micro-batch where x travels as bfloat16; else NULL */
  bool reads;         /* the model has an encoder, and a decoder behind it */
  int64_t vocabulary; /* ids are below */
  tfm_lm lm;
  tfm_rows rows; /* what a row of results belongs to */
  tfm_msg_stats stats;
  tfm_msg_heartbeat now; /* what the next heartbeat says */
  double state_s;        /* since when */
  double beat_s;         /* the last heartbeat */
  tfm_msg_trace *trace;  /* NULL: nobody asked what is done when */
  tfm_vigil *vigil;      /* NULL in a world of one process */
  double stall_s; /* how long rank 0 may be silent, and a micro-batch may take; 0: for ever */
  double patience_s;  /* the first of them, as it is now: while rank 0 loads it is another */
  bool over;          /* the job is: rank 0 may begin another */
  tfm_frame *again;   /* it has: START of that one; held */
  bool left;          /* rank 0 said LEAVE */
  int32_t code;       /* with this exit code */
  tfm_err poll_error; /* what a poll between tasks found; raised after the batch */
} tfm_stage;

/** Run until END has been passed on, or LEAVE comes. Errors: of link.h; TFM_E_FORMAT for a bad
 * frame; the caller reports them to rank 0. */
tfm_status tfm__stage_run(tfm_stage *stage, tfm_err *err) TFM_MUST_USE;

/** The poll hook of the team: moves frames and sends the heartbeat when it is due. arg:
 * tfm_stage. */
void tfm__stage_poll(void *arg);

/** One turn of waiting: move data, look for LEAVE, then rest. Errors: of link.h. */
tfm_status tfm__stage_wait(tfm_stage *stage, tfm_err *err) TFM_MUST_USE;

/** Answer a frame of type CLOCK, in which rank 0 asks what time it is here: it may at any time from
 * ASSIGN on. borrows: frame. Errors: TFM_E_FORMAT, of link.h. */
tfm_status tfm__stage_tell_time(tfm_stage *stage, const tfm_frame *frame,
                                tfm_err *err) TFM_MUST_USE;

/** Take what has come on the control link; sets left and code on LEAVE. A heartbeat says that
 *  rank 0 is there and at work. START is kept once the job is over. Other messages are
 *  TFM_E_FORMAT here. */
tfm_status tfm__stage_control(tfm_stage *stage, tfm_err *err) TFM_MUST_USE;

#endif
