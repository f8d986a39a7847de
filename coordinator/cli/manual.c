/* The manual page, in the macros of man(7): every font change is a request of its own line, so that
 * only the text's own backslashes, dashes and leading dots need care. */
#include "coordinator/cli/option_table.h"

#include <stdio.h>

enum { EXIT_CODES = 128 };

/* Text of the help as troff: '-' is a minus that can be copied, a backslash is printed. */
static void put_text(const char *text, tfm_buf *out)
{
  if (*text == '.' || *text == '\'') {
    (void)tfm_buf_str(out, "\\&");
  }
  for (; *text; ++text) {
    if (*text == '-') {
      (void)tfm_buf_str(out, "\\-");
    } else if (*text == '\\') {
      (void)tfm_buf_str(out, "\\e");
    } else {
      (void)tfm_buf_char(out, *text);
    }
  }
  (void)tfm_buf_char(out, '\n');
}

/* A line of a request (".B") over one text. */
static void put_request(const char *request, const char *text, tfm_buf *out)
{
  (void)tfm_buf_printf(out, "%s ", request);
  put_text(text, out);
}

static void put_entry(const char *head, const char *text, tfm_buf *out)
{
  (void)tfm_buf_str(out, ".TP\n");
  put_request(".B", head, out);
  put_text(text, out);
}

static void put_verbs(tfm_buf *out)
{
  (void)tfm_buf_str(out, ".SH VERBS\n");
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    put_entry(tfm_verb_name((tfm_verb)v), tfm__verb_help((tfm_verb)v), out);
  }
#define SUBJECT_ENTRY(name, text, help) put_entry("bench " text, help, out);
  TFM_BENCH_MAP(SUBJECT_ENTRY)
#undef SUBJECT_ENTRY
#define SHELL_ENTRY(name, text, help) put_entry("completion " text, help, out);
  TFM_SHELL_MAP(SHELL_ENTRY)
#undef SHELL_ENTRY
}

/* The verbs an option is for, unless it is for all that run a model, or for all. */
static void put_whose(const tfm__option *row, tfm_buf *out)
{
  const char *between = " [verbs: ";
  if (tfm__option_serves(row, TFM_VERB_RUN) && tfm__option_serves(row, TFM_VERB_CHAT) &&
      tfm__option_serves(row, TFM_VERB_CLASSIFY)) {
    return;
  }
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    if (tfm__option_serves(row, (tfm_verb)v)) {
      (void)tfm_buf_printf(out, "%s%s", between, tfm_verb_name((tfm_verb)v));
      between = ", ";
    }
  }
  (void)tfm_buf_char(out, ']');
}

static void put_option(const tfm__option *row, tfm_buf *out)
{
  tfm_buf head = {0}, text = {0};
  if (row->letter) {
    (void)tfm_buf_printf(&head, "-%c, ", row->letter);
  }
  (void)tfm_buf_printf(&head, "--%s%s%s", row->name, row->metavar ? " " : "",
                       row->metavar ? row->metavar : "");
  (void)tfm_buf_str(&text, row->help);
  tfm__option_note(row, ' ', &text);
  put_whose(row, &text);
  put_entry(tfm_buf_cstr(&head), tfm_buf_cstr(&text), out);
  out->failed = out->failed || head.failed || text.failed;
  tfm_buf_fini(&head);
  tfm_buf_fini(&text);
}

static void put_options(tfm_buf *out)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  (void)tfm_buf_str(out, ".SH OPTIONS\nAn option without a list of verbs is one of every verb "
                         "that runs a model.\n");
  for (int g = 0; g < TFM__GROUP_COUNT; ++g) {
    put_request(".SS", tfm__group_title((tfm__option_group)g), out);
    for (int i = 0; i < n; ++i) {
      if ((int)rows[i].group == g) {
        put_option(&rows[i], out);
      }
    }
  }
}

static void put_exit_codes(tfm_buf *out)
{
  bool told[EXIT_CODES] = {false};
  char number[16];
  (void)tfm_buf_str(out, ".SH EXIT STATUS\n");
#define EXIT_ENTRY(name, value, code, text)                                                    \
  if (!told[code]) {                                                                           \
    told[code] = true;                                                                         \
    (void)snprintf(number, sizeof number, "%d", code);                                         \
    put_entry(number, text, out);                                                              \
  }
  TFM_STATUS_MAP(EXIT_ENTRY)
#undef EXIT_ENTRY
  (void)tfm_buf_str(out, ".PP\nmpirun returns the same, unless it or a rank was killed by a "
                         "signal.\nOnly 0 together with the final output file means done.\n");
}

tfm_status tfm_options_manual(tfm_buf *out)
{
  (void)tfm_buf_str(
      out,
      ".TH TFM\\-CLUSTER 1 \"\" \"tfm\\-cluster " TFM_VERSION "\" \"User Commands\"\n"
      ".SH NAME\n"
      "tfm\\-cluster \\- transformer inference on CPUs, the layers as a pipeline over MPI "
      "ranks\n"
      ".SH SYNOPSIS\n"
      ".B mpirun \\-np\n.I N\n.B tfm\\-cluster\n[\\fIVERB\\fR] [\\fIoptions\\fR] "
      "[\\fIINPUT\\fR...]\n"
      ".br\n"
      ".B tfm\\-cluster\n[\\fIVERB\\fR] [\\fIoptions\\fR] [\\fIINPUT\\fR...]\n"
      ".SH DESCRIPTION\n"
      "Rank 0 reads rows (JSONL, CSV, TSV or text; plain, gz or zst), tokenizes and embeds "
      "them "
      "and streams them\nthrough the other ranks, each of which holds a slice of the model's "
      "layers. The last rank's results go\nback to rank 0, which writes a line for every row, "
      "in "
      "order. Without mpirun the same pipeline runs in\none process. A model is a folder as "
      "Hugging Face's save_pretrained writes it; without one the embedded\nsentiment model is "
      "used.\n"
      ".PP\n"
      "A job that ended early goes on when the same command runs again; its file is then the "
      "one "
      "an undisturbed\nrun writes.\n");
  put_verbs(out);
  put_options(out);
  (void)tfm_buf_str(
      out,
      ".SH ENVIRONMENT\n"
      "Each option that shows one can be set by its variable. The command line beats "
      "variables, which beat\n"
      "the file of \\-\\-config.\n"
      ".SH SIGNALS\n"
      ".TP\n.B USR1, USR2\nFinish what is under way, commit it and leave with 75.\n"
      ".TP\n.B TERM, INT\nCommit what is there without a gap and leave; once more: leave at "
      "once.\n");
  put_exit_codes(out);
  (void)tfm_buf_str(
      out, ".SH EXAMPLES\n.EX\n"
           "echo \"I loved it\" | tfm\\-cluster\n"
           "mpirun \\-np 8 tfm\\-cluster classify \\-m ./model \\-i rows.jsonl.gz \\-o "
           "scores.jsonl\n"
           "tfm\\-cluster plan \\-m ./model \\-\\-ranks 8\n.EE\n"
           ".SH SEE ALSO\n.BR mpirun (1),\n.BR sbatch (1),\n.BR lstopo (1)\n");
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
