#include "coordinator/cli/option_table.h"

#include <stdio.h>
#include <string.h>

/* "DIR/name" in the arena, or NULL when memory is out. */
static char *inside(tfm_options *options, const char *name)
{
  const char *dir = options->outdir;
  const size_t n = strlen(dir) + strlen(name) + 2;
  char *path = tfm_arena_alloc(&options->arena, n);
  if (path) {
    (void)snprintf(path, n, "%s/%s", dir, name);
  }
  return path;
}

static const char *output_name(tfm_output_format format)
{
  switch (format) {
  case TFM_OUT_CSV:
    return "output.csv";
  case TFM_OUT_TSV:
    return "output.tsv";
  case TFM_OUT_NPY:
    return "output.npy";
  case TFM_OUT_JSONL:
  case TFM_OUT_OPENAI:
    break;
  }
  return "output.jsonl";
}

/* What the environment or a config file names for other verbs is nothing to this one. */
static void leave_out(tfm_options *options)
{
  const struct {
    const char **at, *name;
  } files[] = {{&options->outdir, "outdir"},
               {&options->summary_json, "summary-json"},
               {&options->metrics_file, "metrics-file"},
               {&options->trace, "trace"}};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; ++i) {
    const tfm__option *row = tfm__option_find(files[i].name, strlen(files[i].name));
    if (!tfm__option_serves(row, options->verb)) {
      *files[i].at = NULL;
    }
  }
}

tfm_status tfm__options_outdir(tfm_options *options, tfm_err *err)
{
  leave_out(options);
  if (!options->outdir) {
    return TFM_OK;
  }
  const struct {
    const char **at, *name;
  } files[] = {{&options->output, output_name(options->output_format)},
               {&options->errors, "errors.jsonl"},
               {&options->summary_json, "summary.json"},
               {&options->metrics_file, "metrics.prom"},
               {&options->trace, "trace.json"}};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; ++i) {
    if (!*files[i].at && (*files[i].at = inside(options, files[i].name)) == NULL) {
      return tfm_fail(err, TFM_E_NOMEM, "--outdir %.400s", options->outdir);
    }
  }
  return TFM_OK;
}
