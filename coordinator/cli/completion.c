#include "coordinator/cli/option_table.h"

#include <string.h>

/* What stands for a value of the option: its choices, a file, a folder, or nothing known. */
typedef enum { VALUE_NONE, VALUE_CHOICE, VALUE_FILE, VALUE_FOLDER, VALUE_ANY } value_sort;

static value_sort value_of(const tfm__option *row)
{
  if (tfm__option_is_flag(row)) {
    return VALUE_NONE;
  }
  if (row->choices) {
    return VALUE_CHOICE;
  }
  return strcmp(row->metavar, "FILE") == 0  ? VALUE_FILE
         : strcmp(row->metavar, "DIR") == 0 ? VALUE_FOLDER
                                            : VALUE_ANY;
}

static bool takes_input(tfm_verb verb)
{
  return tfm__option_serves(tfm__option_find("input", 5), verb);
}

/* All verbs, or those an option serves, with spaces between. row: NULL for all. */
static void put_verbs(const tfm__option *row, tfm_buf *out)
{
  bool first = true;
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    if (!row || tfm__option_serves(row, (tfm_verb)v)) {
      (void)tfm_buf_printf(out, "%s%s", first ? "" : " ", tfm_verb_name((tfm_verb)v));
      first = false;
    }
  }
}

static void put_choices(const tfm__option *row, tfm_buf *out)
{
  for (int i = 0; row->choices[i]; ++i) {
    (void)tfm_buf_printf(out, "%s%s", i ? " " : "", row->choices[i]);
  }
}

static bool has_subjects(tfm_verb verb)
{
  return verb == TFM_VERB_BENCH || verb == TFM_VERB_COMPLETION || verb == TFM_VERB_HELP;
}

static void put_subjects(tfm_verb verb, tfm_buf *out)
{
#define SUBJECT_WORD(name, text, help) (void)tfm_buf_str(out, text " ");
  if (verb == TFM_VERB_BENCH) {
    TFM_BENCH_MAP(SUBJECT_WORD)
  } else if (verb == TFM_VERB_COMPLETION) {
    TFM_SHELL_MAP(SUBJECT_WORD)
  } else if (verb == TFM_VERB_HELP) {
    put_verbs(NULL, out);
  }
#undef SUBJECT_WORD
}

/* The first sentence of a help text, without its full stop; each byte of `escaped` behind a
 * backslash, and what `dropped` has left out. */
static void put_sentence(const char *help, const char *escaped, const char *dropped,
                         tfm_buf *out)
{
  for (const char *p = help; *p; ++p) {
    const bool stop = *p == '.' && (p[1] == ' ' || p[1] == '\0');
    if (stop && p > help && p[-1] != '.') { /* "..." goes on */
      return;
    }
    if (strchr(dropped, *p)) {
      continue;
    }
    if (strchr(escaped, *p)) {
      (void)tfm_buf_char(out, '\\');
    }
    (void)tfm_buf_char(out, *p);
  }
}

/* ---- bash -------------------------------------------------------------------------------- */

static const char bash_function[] =
    "_tfm_cluster() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb= word i\n"
    "  if [[ $cur == = ]]; then # --name=\n"
    "    cur=\n"
    "  elif [[ $before == = ]]; then # --name=val\n"
    "    before=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "  fi\n"
    "  for ((i = 1; i < COMP_CWORD; ++i)); do\n"
    "    for word in $_tfm_cluster_verbs; do\n"
    "      [[ -n $verb || ${COMP_WORDS[i]} != \"$word\" ]] || verb=$word\n"
    "    done\n"
    "  done\n"
    "  COMPREPLY=()\n"
    "  case $(_tfm_cluster_value \"$before\") in\n"
    "  '') ;;\n"
    "  FILE) COMPREPLY=($(compgen -f -- \"$cur\")) && return ;;\n"
    "  DIR) COMPREPLY=($(compgen -d -- \"$cur\")) && return ;;\n"
    "  ANY) return ;;\n"
    "  *) COMPREPLY=($(compgen -W \"$(_tfm_cluster_value \"$before\")\" -- \"$cur\")) && "
    "return ;;\n"
    "  esac\n"
    "  if [[ $cur == -* ]]; then\n"
    "    COMPREPLY=($(compgen -W \"$(_tfm_cluster_options \"${verb:-run}\")\" -- \"$cur\"))\n"
    "  elif [[ -z $verb ]]; then\n"
    "    COMPREPLY=($(compgen -W \"$_tfm_cluster_verbs\" -- \"$cur\") $(compgen -f -- "
    "\"$cur\"))\n"
    "  elif [[ -n $(_tfm_cluster_subjects \"$verb\") ]]; then\n"
    "    COMPREPLY=($(compgen -W \"$(_tfm_cluster_subjects \"$verb\")\" -- \"$cur\"))\n"
    "  else\n"
    "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
    "  fi\n"
    "}\n"
    "complete -o filenames -F _tfm_cluster tfm-cluster\n";

/* A case of the options of a verb. */
static void put_bash_options(tfm_verb verb, tfm_buf *out)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  (void)tfm_buf_printf(out, "  %s) echo '", tfm_verb_name(verb));
  for (int i = 0; i < n; ++i) {
    if (tfm__option_serves(&rows[i], verb)) {
      (void)tfm_buf_printf(out, "--%s ", rows[i].name);
    }
  }
  (void)tfm_buf_str(out, "' ;;\n");
}

/* A case of what may stand behind an option. */
static void put_bash_value(const tfm__option *row, tfm_buf *out)
{
  static const char *const words[] = {
      [VALUE_FILE] = "FILE", [VALUE_FOLDER] = "DIR", [VALUE_ANY] = "ANY"};
  const value_sort sort = value_of(row);
  if (sort == VALUE_NONE) {
    return;
  }
  (void)tfm_buf_str(out, "  ");
  if (row->letter) {
    (void)tfm_buf_printf(out, "-%c | ", row->letter);
  }
  (void)tfm_buf_printf(out, "--%s) echo '", row->name);
  if (sort == VALUE_CHOICE) {
    put_choices(row, out);
  } else {
    (void)tfm_buf_str(out, words[sort]);
  }
  (void)tfm_buf_str(out, "' ;;\n");
}

static void put_bash(tfm_buf *out)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  (void)tfm_buf_str(out, "# made by: tfm-cluster completion bash\n_tfm_cluster_verbs='");
  put_verbs(NULL, out);
  (void)tfm_buf_str(out, "'\n_tfm_cluster_options() { # verb\n  case $1 in\n");
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    put_bash_options((tfm_verb)v, out);
  }
  (void)tfm_buf_str(out, "  esac\n}\n_tfm_cluster_subjects() { # verb\n  case $1 in\n");
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    if (has_subjects((tfm_verb)v)) {
      (void)tfm_buf_printf(out, "  %s) echo '", tfm_verb_name((tfm_verb)v));
      put_subjects((tfm_verb)v, out);
      (void)tfm_buf_str(out, "' ;;\n");
    }
  }
  (void)tfm_buf_str(out, "  esac\n}\n_tfm_cluster_value() { # option\n  case $1 in\n");
  for (int i = 0; i < n; ++i) {
    put_bash_value(&rows[i], out);
  }
  (void)tfm_buf_str(out, "  esac\n}\n");
  (void)tfm_buf_str(out, bash_function);
}

/* ---- zsh --------------------------------------------------------------------------------- */

static const char zsh_function[] =
    "  local verb=run word\n"
    "  for word in ${words[2,CURRENT-1]}; do\n"
    "    if (( ${+verbs[$word]} )); then verb=$word; break; fi\n"
    "  done\n"
    "  local -a specs\n"
    "  for word in ${(k)takes}; do\n"
    "    [[ \" ${takes[$word]} \" == *\" $verb \"* ]] && specs+=(${(f)spec[$word]})\n"
    "  done\n"
    "  local -a named\n"
    "  for word in ${(k)verbs}; do named+=(\"$word:${verbs[$word]}\"); done\n"
    "  case $PREFIX in\n"
    "  -*) ;;\n"
    "  *)\n"
    "    if (( ${+subjects[$verb]} )) && [[ ${words[CURRENT-1]} == $verb ]]; then\n"
    "      compadd -- ${=subjects[$verb]}\n"
    "      return\n"
    "    elif (( CURRENT == 2 )); then\n"
    "      _describe verb named\n"
    "      _files\n"
    "      return\n"
    "    fi ;;\n"
    "  esac\n"
    "  _arguments -s : $specs '*:input:_files'\n"
    "}\n"
    "if [[ $funcstack[1] == _tfm-cluster ]]; then _tfm-cluster \"$@\"; "
    "else compdef _tfm-cluster tfm-cluster; fi\n";

/* One spec of _arguments: --name=[help]:VALUE:action. */
static void put_zsh_spec(const tfm__option *row, const char *dashed, bool sign, tfm_buf *out)
{
  const bool many = row->kind == TFM__LIST;
  (void)tfm_buf_printf(out, "%s%s%s[", many ? "*" : "", dashed, sign ? "=" : "");
  put_sentence(row->help, "[]:\\", "'", out);
  (void)tfm_buf_char(out, ']');
  switch (value_of(row)) {
  case VALUE_NONE:
    return;
  case VALUE_CHOICE:
    (void)tfm_buf_printf(out, ":%s:(", row->name);
    put_choices(row, out);
    (void)tfm_buf_char(out, ')');
    return;
  case VALUE_FILE:
    (void)tfm_buf_printf(out, ":%s:_files", row->name);
    return;
  case VALUE_FOLDER:
    (void)tfm_buf_printf(out, ":%s:_files -/", row->name);
    return;
  case VALUE_ANY:
    (void)tfm_buf_printf(out, ":%s: ", row->name);
    return;
  }
}

static void put_zsh_option(const tfm__option *row, tfm_buf *out)
{
  char dashed[TFM__OPTION_NAME + 3] = "--";
  strcpy(dashed + 2, row->name);
  (void)tfm_buf_printf(out, "  takes[%s]='", row->name);
  put_verbs(row, out);
  (void)tfm_buf_printf(out, "'\n  spec[%s]='", row->name);
  put_zsh_spec(row, dashed, !tfm__option_is_flag(row), out);
  if (row->letter) {
    const char letter[] = {'-', row->letter, '\0'};
    (void)tfm_buf_char(out, '\n');
    put_zsh_spec(row, letter, false, out);
  }
  (void)tfm_buf_str(out, "'\n");
}

static void put_zsh(tfm_buf *out)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  (void)tfm_buf_str(out, "#compdef tfm-cluster\n# made by: tfm-cluster completion zsh\n"
                         "_tfm-cluster() {\n  local -A verbs subjects takes spec\n");
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    (void)tfm_buf_printf(out, "  verbs[%s]='", tfm_verb_name((tfm_verb)v));
    put_sentence(tfm__verb_help((tfm_verb)v), ":\\", "'", out);
    (void)tfm_buf_str(out, "'\n");
    if (has_subjects((tfm_verb)v)) {
      (void)tfm_buf_printf(out, "  subjects[%s]='", tfm_verb_name((tfm_verb)v));
      put_subjects((tfm_verb)v, out);
      (void)tfm_buf_str(out, "'\n");
    }
  }
  for (int i = 0; i < n; ++i) {
    put_zsh_option(&rows[i], out);
  }
  (void)tfm_buf_str(out, zsh_function);
}

/* ---- fish -------------------------------------------------------------------------------- */

static void put_fish_option(const tfm__option *row, tfm_buf *out)
{
  (void)tfm_buf_str(out, "complete -c tfm-cluster -n '__tfm_cluster_in ");
  put_verbs(row, out);
  (void)tfm_buf_printf(out, "' -l %s", row->name);
  if (row->letter) {
    (void)tfm_buf_printf(out, " -s %c", row->letter);
  }
  switch (value_of(row)) {
  case VALUE_NONE:
    break;
  case VALUE_CHOICE:
    (void)tfm_buf_str(out, " -x -a '");
    put_choices(row, out);
    (void)tfm_buf_char(out, '\'');
    break;
  case VALUE_FILE:
    (void)tfm_buf_str(out, " -r -F");
    break;
  case VALUE_FOLDER:
    (void)tfm_buf_str(out, " -x -a '(__fish_complete_directories)'");
    break;
  case VALUE_ANY:
    (void)tfm_buf_str(out, " -x");
    break;
  }
  (void)tfm_buf_str(out, " -d '");
  put_sentence(row->help, "'\\", "", out);
  (void)tfm_buf_str(out, "'\n");
}

/* What may follow the verb: its subjects, and files where it reads some. */
static void put_fish_words(tfm_verb verb, tfm_buf *out)
{
  if (has_subjects(verb) || !takes_input(verb)) {
    (void)tfm_buf_printf(out, "complete -c tfm-cluster -n '__tfm_cluster_in %s'%s -a '",
                         tfm_verb_name(verb), takes_input(verb) ? "" : " -f");
    put_subjects(verb, out);
    (void)tfm_buf_str(out, "'\n");
  }
}

static void put_fish(tfm_buf *out)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  (void)tfm_buf_str(out, "# made by: tfm-cluster completion fish\n"
                         "function __tfm_cluster_verb # the verb that was typed\n"
                         "    for word in (commandline -opc)[2..]\n"
                         "        if contains -- $word ");
  put_verbs(NULL, out);
  (void)tfm_buf_str(out, "\n            echo $word\n            return\n        end\n    end\n"
                         "end\n"
                         "function __tfm_cluster_in # whether it, or run, is one of these\n"
                         "    set -l verb (__tfm_cluster_verb)\n"
                         "    test -n \"$verb\"; or set verb run\n"
                         "    contains -- $verb $argv\n"
                         "end\n");
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    const char *name = tfm_verb_name((tfm_verb)v);
    (void)tfm_buf_printf(
        out, "complete -c tfm-cluster -n 'test -z (__tfm_cluster_verb)' -a %s -d '", name);
    put_sentence(tfm__verb_help((tfm_verb)v), "'\\", "", out);
    (void)tfm_buf_str(out, "'\n");
    put_fish_words((tfm_verb)v, out);
  }
  for (int i = 0; i < n; ++i) {
    put_fish_option(&rows[i], out);
  }
}

tfm_status tfm_options_completion(tfm_shell shell, tfm_buf *out)
{
  switch (shell) {
  case TFM_SHELL_BASH:
    put_bash(out);
    break;
  case TFM_SHELL_ZSH:
    put_zsh(out);
    break;
  case TFM_SHELL_FISH:
    put_fish(out);
    break;
  case TFM_SHELL_COUNT:
    break;
  }
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
