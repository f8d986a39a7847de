#include "coordinator/cli/option_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANKS = 1 << 16, MOST_SHARDS = 1 << 24, MOST_ROWS_A_SAMPLE = 1 << 30 };

/* Digits alone, up to `most`; *end is behind them. */
static bool read_number(const char *text, int64_t most, int64_t *value, const char **end)
{
  *value = 0;
  *end = text;
  while (**end >= '0' && **end <= '9' && *value <= most) {
    *value = 10 * *value + (**end - '0');
    ++*end;
  }
  return *end > text && *value <= most;
}

static bool read_whole(const char *text, int64_t *value)
{
  const char *end = NULL;
  return text && read_number(text, INT32_MAX, value, &end) && *end == '\0';
}

/* A variable that is not set has the value it has in most job arrays. */
static bool read_variable(char *const *envp, const char *name, int64_t unset, int64_t *value)
{
  const char *text = tfm__variable(envp, name);
  *value = unset;
  return text ? read_whole(text, value) : unset >= 0;
}

/* This task's place in a Slurm job array, whose numbers may begin anywhere and have equal steps. */
static tfm_status from_slurm(tfm_options *options, char *const *envp, tfm_err *err)
{
  int64_t id = 0;
  int64_t count = 0;
  int64_t least = 0;
  int64_t step = 1;
  int64_t most = 0;
  bool read = read_variable(envp, "SLURM_ARRAY_TASK_ID", -1, &id) &&
              read_variable(envp, "SLURM_ARRAY_TASK_COUNT", -1, &count) &&
              read_variable(envp, "SLURM_ARRAY_TASK_MIN", 0, &least) &&
              read_variable(envp, "SLURM_ARRAY_TASK_STEP", 1, &step);
  if (!read || count < 1 || step < 1 ||
      !read_variable(envp, "SLURM_ARRAY_TASK_MAX", least + step * (count - 1), &most)) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--shard slurm: SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT do not tell "
                    "which part this is; submit with sbatch --array, or pass --shard i/n");
  }
  if (most != least + step * (count - 1) || id < least || id > most || (id - least) % step) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "--shard slurm: want a job array of numbers with equal steps, got task %lld of "
        "%lld from %lld to %lld; pass --shard i/n",
        (long long)id, (long long)count, (long long)least, (long long)most);
  }
  options->shard_index = (id - least) / step;
  options->shard_count = count;
  return TFM_OK;
}

static tfm_status from_text(tfm_options *options, tfm_err *err)
{
  const char *end = NULL;
  int64_t index = 0;
  int64_t count = 0;
  char shown[TFM__QUOTED];
  bool read = read_number(options->shard, MOST_SHARDS, &index, &end) && *end == '/' &&
              read_number(end + 1, MOST_SHARDS, &count, &end) && *end == '\0';
  if (!read || index >= count) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--shard: want i/n with i from 0 to n - 1, or slurm, got %s",
                    tfm__quote(options->shard, shown));
  }
  options->shard_index = index;
  options->shard_count = count;
  return TFM_OK;
}

tfm_status tfm__options_shard(tfm_options *options, char *const *envp, tfm_err *err)
{
  if (!options->shard) {
    return TFM_OK;
  }
  tfm_status st = strcmp(options->shard, "slurm") == 0 ? from_slurm(options, envp, err)
                                                       : from_text(options, err);
  char text[64];
  int n = snprintf(text, sizeof text, "%lld/%lld", (long long)options->shard_index,
                   (long long)options->shard_count);
  if (st == TFM_OK) {
    /* One way to say it: it is part of what the job is. */
    options->shard = tfm_arena_strndup(&options->arena, text, (size_t)n);
    st = options->shard ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "the command line");
  }
  return st;
}

tfm_status tfm__options_verify(tfm_options *options, tfm_err *err)
{
  const char *end = NULL;
  int64_t one = 0;
  char shown[TFM__QUOTED];
  if (!options->verify || strcmp(options->verify, "none") == 0) {
    return TFM_OK;
  }
  const bool read = read_number(options->verify, 1, &one, &end) && one == 1 && *end == '/' &&
                    read_number(end + 1, MOST_ROWS_A_SAMPLE, &options->verify_of, &end) &&
                    *end == '\0' && options->verify_of > 0;
  return read ? TFM_OK
              : tfm_fail(err, TFM_E_USAGE,
                         "--verify: want 1/N (one row in N, 1 to %d) or none, got %s",
                         (int)MOST_ROWS_A_SAMPLE, tfm__quote(options->verify, shown));
}

static tfm_status refuse_ranks(const tfm_options *options, tfm_err *err)
{
  char shown[TFM__QUOTED];
  const char *got = tfm__quote(options->ranks_text, shown);
  return options->verb == TFM_VERB_SCALE
             ? tfm_fail(err, TFM_E_USAGE,
                        "--ranks: want numbers from 2 to %d, each above the one before, as in "
                        "2,3,5,9, or auto, got %s",
                        (int)MOST_RANKS, got)
             : tfm_fail(err, TFM_E_USAGE,
                        "--ranks: want a whole number, 1 to %d, or auto, got %s",
                        (int)MOST_RANKS, got);
}

/* Numbers between commas; how many there are cannot be more than the characters. */
static tfm_status read_sweep(tfm_options *options, tfm_err *err)
{
  const char *p = options->ranks_text;
  options->sweep = tfm_arena_alloc(&options->arena, strlen(p) * sizeof *options->sweep);
  if (!options->sweep) {
    return tfm_fail(err, TFM_E_NOMEM, "the command line");
  }
  for (int64_t before = 1;; ++p) {
    int64_t n = 0;
    const bool number = read_number(p, MOST_RANKS, &n, &p);
    if (!number || n <= before || (*p && *p != ',')) {
      return refuse_ranks(options, err);
    }
    options->sweep[options->nsweep++] = before = n;
    if (!*p) {
      return TFM_OK;
    }
  }
}

tfm_status tfm__options_ranks(tfm_options *options, tfm_err *err)
{
  const char *end = NULL;
  if (strcmp(options->ranks_text, "auto") == 0) {
    return TFM_OK;
  }
  if (options->verb == TFM_VERB_SCALE) {
    return read_sweep(options, err);
  }
  const bool read = read_number(options->ranks_text, MOST_RANKS, &options->ranks, &end) &&
                    options->ranks > 0 && *end == '\0';
  return read ? TFM_OK : refuse_ranks(options, err);
}
