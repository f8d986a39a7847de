/** What the scripts of all batch systems share. Room-private: for coordinator/submit alone. */
#ifndef TFM_COORDINATOR_SUBMIT_SCRIPT_H
#define TFM_COORDINATOR_SUBMIT_SCRIPT_H

#include "coordinator/cli/options.h"

/** A job: the resources that were asked for, and the command that will run. Borrows both. */
typedef struct {
  const tfm_options *asked; /* of the verb sbatch */
  const tfm_options *run;   /* of the command */
  int ranks;
  bool measures; /* figures, not rows: nodes of its own, no journal, never back in the queue */
} tfm__job_script;

/** Append a word so that a shell reads it as one: 'as it is'. */
void tfm__put_word(const char *word, tfm_buf *out);

/** Append what keeps this shell's libraries from threads of their own. */
void tfm__put_environment(tfm_buf *out);

/** Append "tfm-cluster" and the command's words; array: with the shard's own output. */
void tfm__put_command(const tfm__job_script *job, bool array, tfm_buf *out);

/** Append the line that says what made the script. */
void tfm__put_maker(const tfm__job_script *job, tfm_buf *out);

/** Append the shell variable `out`: the output, or that of shard `index` (a shell expression). */
void tfm__put_output(const tfm__job_script *job, const char *index, tfm_buf *out);

/** A job that ended early goes back to the queue only if it got further than it was: append the
 * shell function `progress`, the bytes of the output's journal. */
void tfm__put_progress(tfm_buf *out);

void tfm__put_slurm(const tfm__job_script *job, tfm_buf *out);
void tfm__put_pbs(const tfm__job_script *job, tfm_buf *out);
void tfm__put_lsf(const tfm__job_script *job, tfm_buf *out);
void tfm__put_k8s(const tfm__job_script *job, tfm_buf *out);

#endif
