#include "coordinator/submit/submit.h"

#include "coordinator/submit/script.h"

#include <string.h>

void tfm__put_word(const char *word, tfm_buf *out)
{
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./,:=@%+";
  if (*word && strspn(word, plain) == strlen(word)) {
    (void)tfm_buf_str(out, word);
    return;
  }
  (void)tfm_buf_char(out, '\'');
  for (; *word; ++word) {
    if (*word == '\'') {
      (void)tfm_buf_str(out, "'\\''");
    } else {
      (void)tfm_buf_char(out, *word);
    }
  }
  (void)tfm_buf_char(out, '\'');
}

static void put_words(const tfm_options *asked, tfm_buf *out)
{
  for (int i = 0; i < asked->ncommand; ++i) {
    (void)tfm_buf_char(out, ' ');
    tfm__put_word(asked->command[i], out);
  }
}

void tfm__put_command(const tfm__job_script *job, bool array, tfm_buf *out)
{
  (void)tfm_buf_str(out, "tfm-cluster");
  put_words(job->asked, out);
  /* Said again, and the last word counts. */
  (void)tfm_buf_str(out, array ? " --shard \"$shard\" -o \"$out\"" : "");
}

void tfm__put_environment(tfm_buf *out)
{
  (void)tfm_buf_str(out, "\nexport OPENBLAS_NUM_THREADS=1\n");
}

void tfm__put_maker(const tfm__job_script *job, tfm_buf *out)
{
  (void)tfm_buf_printf(out, "# tfm-cluster %s sbatch, for: tfm-cluster", TFM_VERSION);
  put_words(job->asked, out);
  (void)tfm_buf_char(out, '\n');
}

/* Where the name's extension begins: ".jsonl.gz" of a.b/rows.jsonl.gz. */
static size_t stem_of(const char *path)
{
  const char *name = strrchr(path, '/');
  name = name ? name + 1 : path;
  const char *dot = *name ? strchr(name + 1, '.') : NULL;
  return dot ? (size_t)(dot - path) : strlen(path);
}

void tfm__put_output(const tfm__job_script *job, const char *index, tfm_buf *out)
{
  const char *path = job->run->output;
  if (!index) {
    (void)tfm_buf_str(out, "out=");
    tfm__put_word(path, out);
    (void)tfm_buf_char(out, '\n');
    return;
  }
  const size_t stem = stem_of(path);
  tfm_buf head = {0};
  (void)tfm_buf_append(&head, path, stem);
  const long long n = (long long)job->asked->array;
  (void)tfm_buf_printf(out, "shard=%s/%lld\nout=", index, n);
  tfm__put_word(tfm_buf_cstr(&head), out);
  (void)tfm_buf_printf(out, "-$(printf '%%05d' \"%s\")-of-%05lld", index, n);
  if (path[stem]) {
    tfm__put_word(path + stem, out);
  }
  (void)tfm_buf_char(out, '\n');
  out->failed = out->failed || head.failed;
  tfm_buf_fini(&head);
}

void tfm__put_progress(tfm_buf *out)
{
  (void)tfm_buf_str(out,
                    "progress() { stat -c %s -- \"$out.journal\" 2>/dev/null || echo 0; }\n"
                    "before=$(progress)\n");
}

static bool reads_stdin(const tfm_options *run)
{
  for (int i = 0; i < run->ninput; ++i) {
    if (strcmp(run->inputs[i], "-") == 0) {
      return true;
    }
  }
  return run->ninput == 0;
}

/* What would wait for somebody to type, or has rows and no file to be gone on with, is no batch
 * job. */
static tfm_status check_command(const tfm__job_script *job, tfm_err *err)
{
  const tfm_options *run = job->run;
  const bool scores = run->verb <= TFM_VERB_TOKENIZE; /* those with an output */
  if (run->help || run->version || (!scores && !job->measures)) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "sbatch: %s is no job; behind -- it wants a verb that reads rows and writes "
        "results, or one that measures: scale, bench, verify",
        run->help || run->version ? "help" : tfm_verb_name(run->verb));
  }
  const bool own_rows =
      run->ninput == 0 && (run->verb == TFM_VERB_SCALE || run->verb == TFM_VERB_BENCH);
  if (reads_stdin(run) && !own_rows) {
    return tfm_fail(err, TFM_E_USAGE,
                    "sbatch: a job has no standard input; name files: -i FILE");
  }
  if (scores && (!run->output || strcmp(run->output, "-") == 0)) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "sbatch: only a file can be gone on with after a time limit; name it: -o FILE");
  }
  return TFM_OK;
}

static tfm_status check_array(const tfm__job_script *job, tfm_err *err)
{
  const bool k8s = strcmp(job->asked->scheduler, "k8s") == 0;
  if (job->asked->array && (job->run->shard || k8s || job->measures)) {
    return tfm_fail(err, TFM_E_USAGE, "sbatch: --array %s",
                    job->measures ? "shares rows out; what measures is one job"
                    : k8s         ? "is not offered for k8s: make a job for each --shard"
                          : "gives each job its --shard; leave that out of the command");
  }
  return TFM_OK;
}

static bool verb_measures(tfm_verb verb)
{
  return verb == TFM_VERB_SCALE || verb == TFM_VERB_BENCH || verb == TFM_VERB_VERIFY;
}

tfm_status tfm_submit_print(const tfm_options *options, char *const *envp, tfm_buf *out,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_options run = {0};
  tfm__job_script job = {
      .asked = options, .run = &run, .ranks = (int)(options->nodes * options->ranks_per_node)};
  if (!options->ncommand) {
    return tfm_fail(err, TFM_E_USAGE,
                    "sbatch wants the job's command behind --, such as: tfm-cluster sbatch "
                    "--nodes 2 -- classify -m DIR -i rows.jsonl -o scores.jsonl");
  }
  TFM_TRY(tfm_options_read(&run, options->ncommand, options->command, envp, err));
  job.measures = verb_measures(run.verb);
  TFM_TRY(check_command(&job, err));
  TFM_TRY(check_array(&job, err));
  if (strcmp(options->scheduler, "pbs") == 0) {
    tfm__put_pbs(&job, out);
  } else if (strcmp(options->scheduler, "lsf") == 0) {
    tfm__put_lsf(&job, out);
  } else if (strcmp(options->scheduler, "k8s") == 0) {
    tfm__put_k8s(&job, out);
  } else {
    tfm__put_slurm(&job, out);
  }
  st = out->failed ? tfm_fail(err, TFM_E_NOMEM, "a job script") : TFM_OK;

fail:
  tfm_options_fini(&run);
  return st;
}
