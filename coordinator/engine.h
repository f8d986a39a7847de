/** Which engine computes a job's linear layers, and the name of all that decides bits. */
#ifndef TFM_COORDINATOR_ENGINE_H
#define TFM_COORDINATOR_ENGINE_H

#include "coordinator/job.h"
#include "core/kernels/isa.h"

/** Fix job->engine and job->numeric_id for ranks that use this instruction set: by rule from
 *  options, instruction set and weights, never from timing or cuts. bfloat16 on AMX, and float32
 *  in pieces, are made of products of tiles.
 *  Errors: TFM_E_USAGE for what does not go together; TFM_E_UNSUPPORTED for a backend that is not
 *  there; of tfm_pieces_hold_model() and tfm_smooth_open(). */
tfm_status tfm_engine_choose(tfm_job *job, tfm_isa isa, tfm_err *err) TFM_MUST_USE;

/** The same for the instruction set that --isa names, else the best that all ranks have; an output
 *  that was begun where AMX was not used is gone on with without it. This process uses it from
 *  now on.
 *  Errors: TFM_E_CONFIG for one that a rank lacks; those of tfm_engine_choose(). */
tfm_status tfm_engine_settle(tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Where the chosen engine's scales come from, as other ranks may be told, who may have started
 *  elsewhere: "" for nowhere, "weights", or a file's absolute path. Errors: TFM_E_USAGE (no
 *  room). */
tfm_status tfm_engine_smooth_word(const tfm_job *job, char *word, size_t room,
                                  tfm_err *err) TFM_MUST_USE;

/** The instruction set that --isa names, else the best one here: what ranks that are like this one
 *  will use. */
tfm_isa tfm_engine_isa(const tfm_job *job);

/** How the job's engine computes this dtype, with the instruction set in use. */
tfm_precision tfm_engine_precision(const tfm_job *job, tfm_precision dtype);

/** As --float32-mode spells it: exact, bf16x3 or bf16x2; "" in another dtype. Borrowed, static. */
const char *tfm_engine_mode(const tfm_engine *engine);

/** As --int8-mode spells it: dynamic or groups; "" in another dtype. Borrowed, static. */
const char *tfm_engine_int8_mode(const tfm_engine *engine);

/** Bytes of a value of hidden states between stages. */
int64_t tfm_engine_wire_bytes(const tfm_engine *engine);

#endif
