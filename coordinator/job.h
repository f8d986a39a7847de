/** A scoring job and everything it holds, in the order it is made. Each step below needs the
 * ones before it; tfm_job_fini() releases whatever is there. */
#ifndef TFM_COORDINATOR_JOB_H
#define TFM_COORDINATOR_JOB_H

#include "coordinator/dialog.h"
#include "coordinator/encode/feed.h"
#include "coordinator/resume/identity.h"
#include "coordinator/schedule/pump.h"
#include "coordinator/task/task.h"
#include "core/kernels/linear.h"
#include "core/model/speed.h"
#include "core/text/tokenizer.h"
#include "core/topo/machine.h"

typedef struct tfm_spot tfm_spot; /* coordinator/task/spot.h */

enum { TFM_JOB_EXPLAINED = 256 /* tokens of the text of `explain`, at most */ };

/** When the phases of a job began. */
typedef struct {
  double begin, load, run, end;
} tfm_job_times;

/** What coordinator/pace.h measured on rank 0; zeros: nothing. */
typedef struct {
  tfm_speed speed;
  double byte_s; /* seconds a byte of a frame costs a stage */
  double turn_s; /* and a value that travels as bfloat16, to be turned there and back; else 0 */
} tfm_job_pace;

typedef struct {
  const tfm_options *options; /* borrowed */
  tfm_world *world;           /* borrowed */
  bool demo;                  /* the bundled sample, printed as a table */
  tfm_dialog *dialog;         /* rows come from a terminal; NULL: they do not */
  char *folder;               /* the model's, absolute */
  tfm_model model;
  tfm_tokenizer *tokenizer;
  const tfm_task_ops *task;
  tfm_task_context context;
  char digest[TFM_SHA256_HEX];
  tfm_machine machine;
  tfm_crew crew;
  double *cost; /* [2L] what the plan was made from */
  int64_t *bytes;
  int64_t *twin;
  tfm_job_pace pace;
  tfm_plan_request request;
  tfm_plan plan;
  tfm_engine engine;
  tfm_smooth *smooth; /* scales the engine borrows; NULL: none were asked for */
  const char *isa;
  char numeric_id[TFM_NUMERIC_ID];
  int64_t max_length; /* tokens of a row */
  int64_t budget, max_tokens, max_sequences, max_rows, window;
  tfm_turns_options turns;   /* of texts that grow; zeros: rows come whole */
  tfm_head_spec spec;        /* of the head, as every rank is asked for it */
  char cache[TFM_MSG_CACHE]; /* folder of packed weights; "" for none */
  tfm_store *store;          /* of rank 0's own */
  tfm_embed *embed;
  tfm_encoder encoder;
  tfm_buf sample; /* the demo's text */
  tfm_reader *reader;
  tfm_feed *feed;
  tfm_pump *pump;
  tfm_spot *spot;      /* NULL: --verify was not asked for */
  tfm_job_times times; /* by tfm_now_s() */
  tfm_job_times cpu;   /* by tfm_cpu_s() of rank 0's process, which began at 0 */
  double peak_flops;   /* of rank 0's core, once a report has wanted it */
} tfm_job;

/** Find the model (named, or the embedded default), read what it is and its tokenizer, find the
 * task, open the inputs: everything that can be refused without asking the other ranks. */
tfm_status tfm_job_open(tfm_job *job, tfm_world *world, const tfm_options *options, bool demo,
                        tfm_err *err) TFM_MUST_USE;

/** The path of a file or folder that ships with the program ("models/tfm-sentiment"): beside an
 *  installed program, else in the source tree it was built in. gives: a string, or NULL. */
char *tfm_job_shipped(const char *name);

/** Say hello to all ranks, compare them, make the plan, fix what decides the bits, and refuse a
 * host that cannot hold its ranks. */
tfm_status tfm_job_plan(tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** The plan alone, for nworker ranks that need not be there, by flops. */
tfm_status tfm_job_plan_for(tfm_job *job, int nworker, tfm_err *err) TFM_MUST_USE;

/** Make it again, by the seconds that tfm_pace_measure() measured. */
tfm_status tfm_job_plan_again(tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Make it once more for the ranks whose hello the crew holds, whether they are there or not, and
 * write each one's part into the crew. */
tfm_status tfm_job_plan_crew(tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Load the embeddings and make the encoder. */
tfm_status tfm_job_encoder(tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** Give every rank its part; load the embeddings while they load their weights; open the lines.
 */
tfm_status tfm_job_load(tfm_job *job,
                        tfm_status (*deliver)(void *arg, const tfm_item *item, tfm_err *err),
                        tfm_status (*rest)(void *arg, bool idle, tfm_err *err), void *arg,
                        tfm_err *err) TFM_MUST_USE;

/** Score every row; collects the ranks' statistics at the end. */
tfm_status tfm_job_run(tfm_job *job, tfm_err *err) TFM_MUST_USE;

/** What the job is, for the sink: everything its output's bytes depend on. */
tfm_status tfm_job_identity(const tfm_job *job, tfm_identity *identity,
                            tfm_err *err) TFM_MUST_USE;

void tfm_job_fini(tfm_job *job);

#endif
