#include "coordinator/report/rundir.h"

#include "coordinator/report/env.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/whole_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

tfm_status tfm_rundir_make(const tfm_options *options, bool *made, tfm_err *err)
{
  const char *dir = options->outdir;
  *made = dir && mkdir(dir, 0777) == 0;
  if (!dir || *made) {
    return TFM_OK;
  }
  const int why = errno;
  if (why == EEXIST && tfm_path_look(dir) == TFM_PATH_FOLDER) {
    return TFM_OK;
  }
  return tfm_fail(err, TFM_E_OUTPUT, "--outdir %.400s cannot be made: %s", dir, strerror(why));
}

void tfm_rundir_unmake(const tfm_options *options)
{
  (void)rmdir(options->outdir); /* refused where it holds something */
}

/* The words this process was started with, as a JSON array; [] where the system does not say. */
static void put_command(tfm_buf *out)
{
  char words[1 << 16];
  size_t n = 0;
  FILE *f = fopen("/proc/self/cmdline", "re");
  if (f) {
    n = fread(words, 1, sizeof words - 1, f);
    (void)fclose(f);
  }
  words[n] = '\0';
  (void)tfm_buf_char(out, '[');
  for (size_t at = 0; at < n; at += strlen(words + at) + 1) {
    (void)tfm_buf_str(out, at ? "," : "");
    (void)tfm_buf_json_string(out, tfm_span_of(words + at));
  }
  (void)tfm_buf_char(out, ']');
}

static void put_text(tfm_buf *out, const char *before, const char *text)
{
  (void)tfm_buf_str(out, before);
  (void)tfm_buf_json_string(out, tfm_span_of(text));
}

static void put_moments(const tfm_history *history, tfm_buf *out)
{
  (void)tfm_buf_str(out, ",\n\"history\":[");
  for (int i = 0; i < history->n; ++i) {
    const tfm_moment *m = &history->at[i];
    (void)tfm_buf_printf(out, "%s[%.3f,%lld,%lld]", i ? "," : "", m->seconds,
                         (long long)m->rows, (long long)m->tokens);
  }
  (void)tfm_buf_char(out, ']');
}

static void put_hosts(const tfm_job *job, tfm_buf *out)
{
  (void)tfm_buf_str(out, ",\n\"ranks\":[");
  for (int rank = 0; rank < job->crew.nrank; ++rank) {
    const tfm_msg_hello *hello = &job->crew.ranks[rank].hello;
    put_text(out, rank ? ",{\"host\":" : "{\"host\":", hello->host);
    put_text(out, ",\"cpu\":", hello->cpu);
    (void)tfm_buf_printf(out, ",\"cores\":%d,\"cores_host\":%d,\"numa_nodes\":%d}",
                         hello->ncore, hello->ncore_host, hello->nnode);
  }
  (void)tfm_buf_char(out, ']');
}

static void print(const tfm_job *job, tfm_run_state state, const tfm_history *history,
                  const tfm_buf *summary, tfm_buf *out)
{
  static const char *const states[] = {"running", "complete", "stopped"};
  const double now = (double)time(NULL);
  const double began = now - (tfm_now_s() - job->times.begin);
  put_text(out, "{\"schema\":\"tfm-cluster.run/1\",\n\"state\":", states[state]);
  put_text(out, ",\n\"version\":", TFM_VERSION);
  put_text(out, ",\"commit\":", tfm_env_commit());
  (void)tfm_buf_printf(out, ",\n\"began\":%.0f,\"written\":%.0f,\n\"command\":", began, now);
  put_command(out);
  (void)tfm_buf_str(out, ",\n\"options\":{");
  tfm_options_given(job->options, out);
  put_text(out, "},\n\"model\":", job->folder);
  put_text(out, ",\"numeric_id\":", job->numeric_id);
  put_text(out, ",\n\"output\":", job->options->output ? job->options->output : "-");
  put_text(out, ",\"trace\":", job->options->trace ? job->options->trace : "");
  put_hosts(job, out);
  put_moments(history, out);
  (void)tfm_buf_str(out, ",\n\"summary\":");
  if (summary) {
    (void)tfm_buf_span(out, tfm_buf_view(summary));
  } else {
    (void)tfm_buf_str(out, "null");
  }
  (void)tfm_buf_str(out, "}\n");
}

tfm_status tfm_rundir_write(const tfm_job *job, tfm_run_state state, const tfm_history *history,
                            const tfm_buf *summary, tfm_err *err)
{
  const char *dir = job->options->outdir;
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  if (!dir) {
    return TFM_OK;
  }
  char *path = tfm_path_join(dir, "run.json");
  print(job, state, history, summary, &text);
  if (!path || text.failed) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "run.json of --outdir"));
  }
  TFM_TRY(tfm_whole_file_write(path, tfm_buf_view(&text), err));

fail:
  tfm_buf_fini(&text);
  tfm_free(path);
  return st;
}
