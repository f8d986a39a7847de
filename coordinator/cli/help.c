#include "coordinator/cli/option_table.h"

#include <stdio.h>
#include <string.h>

enum { WIDTH = 100, INDENT = 10, EXIT_CODES = 128, HARD_SPACE = 0x1f };

static const char *const group_titles[TFM__GROUP_COUNT] = {
    [TFM__GROUP_MODEL] = "Model",     [TFM__GROUP_INPUT] = "Input",
    [TFM__GROUP_OUTPUT] = "Output",   [TFM__GROUP_TASK] = "Results",
    [TFM__GROUP_CLUSTER] = "Cluster", [TFM__GROUP_SUBMIT] = "Job",
    [TFM__GROUP_GENERAL] = "General"};

static const char *const verb_help[TFM_VERB_COUNT] = {
#define VERB_HELP(name, text, task, help) help,
    TFM_VERB_MAP(VERB_HELP)
#undef VERB_HELP
};

const char *tfm__group_title(tfm__option_group group)
{
  return group_titles[group];
}

const char *tfm__verb_help(tfm_verb verb)
{
  return verb_help[verb];
}

void tfm__option_note(const tfm__option *row, char hard_space, tfm_buf *out)
{
  char name[TFM__OPTION_NAME];
  const char *fallback = row->shown ? row->shown : row->start;
  if (fallback) {
    (void)tfm_buf_printf(out, " [default: %s]", fallback);
  }
  if (!row->typed) {
    tfm__option_variable(row, name);
    (void)tfm_buf_printf(out, " [env:%c%s]", hard_space, name);
  }
  for (int i = 0; row->choices && row->choices[i]; ++i) {
    (void)tfm_buf_printf(out, "%s%s%s", i ? ", " : " [possible values: ", row->choices[i],
                         row->choices[i + 1] ? "" : "]");
  }
}

/* Append text in lines of at most WIDTH columns, each after `indent` spaces. A HARD_SPACE is no
 * place to break. */
static void append_wrapped(tfm_buf *out, const char *text, int indent)
{
  int column = 0;
  while (*text) {
    int n = (int)strcspn(text, " ");
    if (column && column + 1 + n > WIDTH) {
      (void)tfm_buf_char(out, '\n');
      column = 0;
    }
    if (column) {
      (void)tfm_buf_char(out, ' ');
      ++column;
    } else {
      (void)tfm_buf_printf(out, "%*s", indent, "");
      column = indent;
    }
    for (int i = 0; i < n; ++i) {
      (void)tfm_buf_char(out, text[i] == HARD_SPACE ? ' ' : text[i]);
    }
    column += n;
    text += n;
    text += strspn(text, " ");
  }
  (void)tfm_buf_char(out, '\n');
}

static void append_option(tfm_buf *out, const tfm__option *row)
{
  tfm_buf text = {0};
  (void)tfm_buf_str(out, row->letter ? "  -" : "      ");
  if (row->letter) {
    (void)tfm_buf_printf(out, "%c, ", row->letter);
  }
  (void)tfm_buf_printf(out, "--%s%s%s\n", row->name, row->metavar ? " " : "",
                       row->metavar ? row->metavar : "");
  (void)tfm_buf_str(&text, row->help);
  tfm__option_note(row, HARD_SPACE, &text);
  append_wrapped(out, tfm_buf_cstr(&text), INDENT);
  out->failed = out->failed || text.failed;
  tfm_buf_fini(&text);
}

static void append_group(tfm_buf *out, tfm__option_group group, tfm_verb verb)
{
  int n = 0;
  bool titled = false;
  const tfm__option *rows = tfm__option_rows(&n);
  for (int i = 0; i < n; ++i) {
    if (rows[i].group != group || !tfm__option_serves(&rows[i], verb)) {
      continue;
    }
    if (!titled) {
      (void)tfm_buf_printf(out, "\n%s:\n", group_titles[group]);
      titled = true;
    }
    append_option(out, &rows[i]);
  }
}

static void append_subjects(tfm_buf *out)
{
#define SUBJECT_HELP(name, text, help) help,
  static const char *const helps[TFM_BENCH_COUNT] = {TFM_BENCH_MAP(SUBJECT_HELP)};
#undef SUBJECT_HELP
  (void)tfm_buf_printf(out,
                       "tfm-cluster bench: %s\n\nUsage: tfm-cluster bench SUBJECT [options] "
                       "[INPUT...]\n\nSubjects:\n",
                       verb_help[TFM_VERB_BENCH]);
  for (int i = 0; i < TFM_BENCH_COUNT; ++i) {
    (void)tfm_buf_printf(out, "  %-10s %s\n", tfm_bench_name((tfm_bench_subject)i), helps[i]);
  }
}

static void append_shells(tfm_buf *out)
{
  (void)tfm_buf_printf(out,
                       "tfm-cluster completion: %s\n\nUsage: tfm-cluster completion SHELL\n\n"
                       "Shells, and where the text goes:\n",
                       verb_help[TFM_VERB_COMPLETION]);
#define SHELL_LINE(name, text, help) (void)tfm_buf_printf(out, "  %-10s %s\n", text, help);
  TFM_SHELL_MAP(SHELL_LINE)
#undef SHELL_LINE
}

static void append_verb(tfm_buf *out, tfm_verb verb)
{
  const tfm__option *input = tfm__option_find("input", 5);
  bool reads = tfm__option_serves(input, verb);
  if (verb == TFM_VERB_HELP) {
    (void)tfm_buf_str(out, "Usage: tfm-cluster help [VERB]\n       tfm-cluster help --man\n");
  } else if (verb == TFM_VERB_BENCH) {
    append_subjects(out);
  } else if (verb == TFM_VERB_COMPLETION) {
    append_shells(out);
  } else if (verb == TFM_VERB_EXPLAIN) {
    (void)tfm_buf_printf(out,
                         "tfm-cluster explain: %s\n\nUsage: mpirun -np N tfm-cluster explain "
                         "[options] TEXT\n",
                         verb_help[verb]);
  } else if (verb == TFM_VERB_REPORT) {
    (void)tfm_buf_printf(
        out, "tfm-cluster report: %s\n\nUsage: tfm-cluster report DIR... > page.html\n",
        verb_help[verb]);
  } else if (verb == TFM_VERB_SBATCH) {
    (void)tfm_buf_printf(out,
                         "tfm-cluster sbatch: %s\n\nUsage: tfm-cluster sbatch [options] -- "
                         "VERB [options of the job] > job.sh\n",
                         verb_help[verb]);
  } else {
    (void)tfm_buf_printf(
        out, "tfm-cluster %s: %s\n\nUsage: mpirun -np N tfm-cluster %s [options]%s\n",
        tfm_verb_name(verb), verb_help[verb], tfm_verb_name(verb), reads ? " [INPUT...]" : "");
  }
  for (int g = 0; g < TFM__GROUP_COUNT; ++g) {
    append_group(out, (tfm__option_group)g, verb);
  }
}

static void append_exit_codes(tfm_buf *out)
{
  bool told[EXIT_CODES] = {false};
  (void)tfm_buf_str(out, "\nExit codes:\n");
#define EXIT_LINE(name, number, code, text)                                                    \
  if (!told[code]) {                                                                           \
    told[code] = true;                                                                         \
    (void)tfm_buf_printf(out, "  %2d  %s\n", code, text);                                      \
  }
  TFM_STATUS_MAP(EXIT_LINE)
#undef EXIT_LINE
}

static void append_overview(tfm_buf *out)
{
  (void)tfm_buf_str(
      out,
      "tfm-cluster " TFM_VERSION ": transformer inference on CPUs, the layers as a pipeline "
      "over MPI ranks\n\n"
      "Usage:\n"
      "  mpirun -np N tfm-cluster [VERB] [options] [INPUT...]   a coordinator and N-1 workers\n"
      "  tfm-cluster [VERB] [options] [INPUT...]                the same pipeline in one "
      "process\n"
      "\nVerbs:\n");
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    (void)tfm_buf_printf(out, "  %-10s %s\n", tfm_verb_name((tfm_verb)v), verb_help[v]);
  }
  (void)tfm_buf_str(
      out,
      "\nOptions: tfm-cluster help VERB. Each is also a variable (TFM_MAX_LENGTH) and a key of "
      "--config.\n"
      "  --man      all of it as a manual page: tfm-cluster help --man | man -l -\n"
      "\nExamples:\n"
      "  echo \"I loved it\" | tfm-cluster\n"
      "  mpirun -np 8 tfm-cluster classify -m ./model -i reviews.jsonl.gz -o scores.jsonl\n"
      "  tfm-cluster plan -m ./model --ranks 8\n");
  append_exit_codes(out);
}

tfm_status tfm_options_help(tfm_verb verb, bool all_verbs, tfm_buf *out)
{
  if (all_verbs) {
    append_overview(out);
  } else {
    append_verb(out, verb);
  }
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
