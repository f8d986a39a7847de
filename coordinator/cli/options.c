#include "coordinator/cli/options.h"

#include "coordinator/cli/option_table.h"
#include "core/base/file.h"

#include <string.h>

/* The command line while it is read. */
typedef struct {
  tfm_options *options;
  char *const *argv;
  int argc;
  int at;       /* the word that is read now */
  bool no_more; /* after "--": only inputs follow */
  bool stop;    /* --help or --version: nothing else matters */
} reading;

static const char *const verb_names[TFM_VERB_COUNT] = {
#define VERB_NAME(name, text, task, help) text,
    TFM_VERB_MAP(VERB_NAME)
#undef VERB_NAME
};

static const char *const bench_names[TFM_BENCH_COUNT] = {
#define BENCH_NAME(name, text, help) text,
    TFM_BENCH_MAP(BENCH_NAME)
#undef BENCH_NAME
};

static const char *const shell_names[TFM_SHELL_COUNT] = {
#define SHELL_NAME(name, text, help) text,
    TFM_SHELL_MAP(SHELL_NAME)
#undef SHELL_NAME
};

const char *tfm_bench_name(tfm_bench_subject subject)
{
  return subject < TFM_BENCH_COUNT ? bench_names[subject] : "unknown";
}

const char *tfm_verb_name(tfm_verb verb)
{
  return verb < TFM_VERB_COUNT ? verb_names[verb] : "unknown";
}

static bool find_verb(const char *word, tfm_verb *verb)
{
  for (int i = 0; i < TFM_VERB_COUNT; ++i) {
    if (strcmp(verb_names[i], word) == 0) {
      *verb = (tfm_verb)i;
      return true;
    }
  }
  return false;
}

static tfm_status refuse_word(const char *what, const char *word, const char *dashes,
                              const char *near, tfm_err *err)
{
  char shown[TFM__QUOTED];
  const char *quoted = tfm__quote(word, shown);
  return near ? tfm_fail(err, TFM_E_USAGE, "unknown %s %s; did you mean %s%s?", what, quoted,
                         dashes, near)
              : tfm_fail(err, TFM_E_USAGE, "unknown %s %s; see tfm-cluster --help", what,
                         quoted);
}

/* A flag by itself, or an option with the value that follows its sign or is the next word. */
static tfm_status read_option(reading *r, const tfm__option *row, const char *where,
                              const char *attached, tfm_err *err)
{
  const char *value = attached;
  if (!value && tfm__option_is_flag(row)) {
    value = "on";
  } else if (!value) {
    const char *next = r->at + 1 < r->argc ? r->argv[r->at + 1] : NULL;
    bool option = next && next[0] == '-' && next[1] == '-';
    if (!next || option) {
      return tfm_fail(err, TFM_E_USAGE, "%s wants a value: %s%s%.64s", where, row->metavar,
                      option ? ", got the option " : "", option ? next : "");
    }
    value = next;
    ++r->at;
  }
  tfm_status st = tfm__option_set(r->options, row, where, value, TFM_FROM_FLAG, err);
  r->stop = r->options->help || r->options->version;
  return st;
}

/* --name, --name value, --name=value */
static tfm_status read_long(reading *r, const char *word, tfm_err *err)
{
  const char *name = word + 2;
  const char *sign = strchr(name, '=');
  size_t n = sign ? (size_t)(sign - name) : strlen(name);
  char where[TFM__OPTION_NAME + 2] = "--";
  if (n >= TFM__OPTION_NAME) {
    return refuse_word("option", word, "", NULL, err);
  }
  memcpy(where + 2, name, n);
  where[2 + n] = '\0';
  const tfm__option *row = memchr(name, '_', n) ? NULL : tfm__option_find(name, n);
  if (!row) {
    return refuse_word("option", where, "--", tfm__nearest_option(where + 2), err);
  }
  return read_option(r, row, where, sign ? sign + 1 : NULL, err);
}

/* A letter may stand for one option of some verbs and another of others. Of options that the verb
 * does not take the first is as good as any: check_verb() refuses it. */
static const tfm__option *find_letter(char letter, tfm_verb verb)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  const tfm__option *found = NULL;
  for (int i = 0; i < n; ++i) {
    if (rows[i].letter != letter || !letter) {
      continue;
    }
    if (tfm__option_serves(&rows[i], verb)) {
      return &rows[i];
    }
    found = found ? found : &rows[i];
  }
  return found;
}

/* -i value, -ivalue, and flags together: -qv */
static tfm_status read_letters(reading *r, const char *word, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (const char *p = word + 1; *p && st == TFM_OK && !r->stop; ++p) {
    const tfm__option *row = find_letter(*p, r->options->verb);
    char where[TFM__OPTION_NAME + 8];
    if (!row) {
      return refuse_word("option", word, "", NULL, err);
    }
    bool flag = tfm__option_is_flag(row);
    const char letter[] = {'-', *p, '\0'};
    strcpy(where, letter);
    const char *attached = !flag && p[1] ? p + 1 : NULL;
    st = read_option(r, row, where, attached, err);
    if (!flag) {
      break;
    }
  }
  return st;
}

/* The first word that is no option: a verb, or an input when there is such a file or it looks
 * like a path. A bare word that is neither is taken for a misspelt verb. */
static tfm_status read_first_word(reading *r, const char *word, bool *taken, tfm_err *err)
{
  *taken = find_verb(word, &r->options->verb);
  r->options->verb_given = *taken;
  if (*taken || strpbrk(word, "./") || strcmp(word, "-") == 0 ||
      tfm_path_look(word) != TFM_PATH_NOTHING) {
    return TFM_OK;
  }
  return refuse_word("verb", word, "", tfm__nearest(word, verb_names, TFM_VERB_COUNT), err);
}

static tfm_status read_help_topic(reading *r, const char *word, tfm_err *err)
{
  if (!find_verb(word, &r->options->verb)) {
    return refuse_word("verb", word, "", tfm__nearest(word, verb_names, TFM_VERB_COUNT), err);
  }
  r->options->help = true;
  r->stop = true;
  return TFM_OK;
}

/* The word behind bench and completion: one of n names. */
static tfm_status read_subject(const char *word, const char *of, const char *const *names,
                               int n, int *found, tfm_err *err)
{
  for (int i = 0; i < n; ++i) {
    if (strcmp(names[i], word) == 0) {
      *found = i;
      return TFM_OK;
    }
  }
  return refuse_word(of, word, "", tfm__nearest(word, names, n), err);
}

/* Whether the verb still wants its subject; then word is one. */
static bool take_subject(reading *r, const char *word, tfm_status *st, tfm_err *err)
{
  int found = 0;
  if (r->options->verb == TFM_VERB_BENCH && r->options->subject == TFM_BENCH_COUNT) {
    *st = read_subject(word, "subject of bench", bench_names, TFM_BENCH_COUNT, &found, err);
    r->options->subject = (tfm_bench_subject)found;
    return true;
  }
  if (r->options->verb == TFM_VERB_COMPLETION && r->options->shell == TFM_SHELL_COUNT) {
    *st = read_subject(word, "shell", shell_names, TFM_SHELL_COUNT, &found, err);
    r->options->shell = (tfm_shell)found;
    return true;
  }
  return false;
}

static tfm_status read_word(reading *r, bool *first, tfm_err *err)
{
  const char *word = r->argv[r->at];
  bool option = !r->no_more && word[0] == '-' && word[1];
  if (option && strcmp(word, "--") == 0) {
    r->no_more = true;
    if (r->options->verb == TFM_VERB_SBATCH) { /* what follows is a command line of its own */
      r->options->command = r->argv + r->at + 1;
      r->options->ncommand = r->argc - r->at - 1;
      r->at = r->argc;
    }
    return TFM_OK;
  }
  if (option) {
    return word[1] == '-' ? read_long(r, word, err) : read_letters(r, word, err);
  }
  bool taken = false;
  tfm_status st = TFM_OK;
  if (r->options->verb_given && r->options->verb == TFM_VERB_HELP) {
    return read_help_topic(r, word, err);
  }
  if (take_subject(r, word, &st, err)) {
    return st;
  }
  if (*first && !r->no_more) {
    st = read_first_word(r, word, &taken, err);
  }
  *first = false;
  if (st != TFM_OK || taken) {
    return st;
  }
  if (r->options->verb == TFM_VERB_EXPLAIN && !*word) {
    return tfm_fail(err, TFM_E_USAGE,
                    "explain: want a text, got an empty one: tfm-cluster explain \"...\"");
  }
  return tfm__option_set(r->options, tfm__option_find("input", 5), "INPUT", word, TFM_FROM_FLAG,
                         err);
}

static tfm_status read_words(reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool first = true;
  for (r->at = 0; r->at < r->argc && st == TFM_OK && !r->stop; ++r->at) {
    st = read_word(r, &first, err);
  }
  return st;
}

static tfm_status set_defaults(tfm_options *options, tfm_err *err)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  tfm_status st = TFM_OK;
  for (int i = 0; i < n && st == TFM_OK; ++i) {
    if (rows[i].start) {
      st = tfm__option_set(options, &rows[i], rows[i].name, rows[i].start, TFM_FROM_DEFAULT,
                           err);
    }
  }
  return st;
}

const char *tfm__variable(char *const *envp, const char *name)
{
  size_t n = strlen(name);
  for (; envp && *envp; ++envp) {
    if (strncmp(*envp, name, n) == 0 && (*envp)[n] == '=' && (*envp)[n + 1]) {
      return *envp + n + 1;
    }
  }
  return NULL;
}

static tfm_status read_environment(tfm_options *options, char *const *envp, tfm_err *err)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  tfm_status st = TFM_OK;
  for (int i = 0; i < n && st == TFM_OK; ++i) {
    char name[TFM__OPTION_NAME];
    tfm__option_variable(&rows[i], name);
    const char *value = rows[i].typed ? NULL : tfm__variable(envp, name);
    if (value) {
      st = tfm__option_set(options, &rows[i], name, value, TFM_FROM_ENV, err);
    }
  }
  return st;
}

/* A plan reads rows only to simulate them. */
static bool serves(const tfm__option *row, const tfm_options *options)
{
  const bool of_rows = row->group == TFM__GROUP_INPUT || strcmp(row->name, "lengths") == 0;
  const bool idle = options->verb == TFM_VERB_PLAN && !options->simulate && of_rows;
  return tfm__option_serves(row, options->verb) && !idle;
}

/* Options that were typed must mean something for the verb; those of the environment and of
 * config files serve several verbs. */
static tfm_status check_verb(const tfm_options *options, tfm_err *err)
{
  if (options->verb == TFM_VERB_BENCH && options->subject == TFM_BENCH_COUNT) {
    return tfm_fail(err, TFM_E_USAGE,
                    "bench what? Name it: bench %s (see tfm-cluster help bench)",
                    bench_names[0]);
  }
  if (options->verb == TFM_VERB_COMPLETION && options->shell == TFM_SHELL_COUNT) {
    return tfm_fail(err, TFM_E_USAGE, "completion of what? Name the shell: completion %s",
                    shell_names[0]);
  }
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  for (int i = 0; i < n; ++i) {
    if (options->source[i] != TFM_FROM_FLAG || serves(&rows[i], options)) {
      continue;
    }
    bool model = rows[i].kind == TFM__LIST &&
                 (options->verb == TFM_VERB_INSPECT || options->verb == TFM_VERB_PLAN);
    return tfm_fail(err, TFM_E_USAGE, "--%s means nothing for %s; %s%s%s", rows[i].name,
                    tfm_verb_name(options->verb),
                    model ? "name the checkpoint with --model DIR"
                          : "what it takes: tfm-cluster help ",
                    model ? "" : tfm_verb_name(options->verb), "");
  }
  return TFM_OK;
}

static bool ends_with(const char *s, size_t n, const char *end)
{
  size_t m = strlen(end);
  return n >= m && memcmp(s + n - m, end, m) == 0;
}

/* An OpenAI batch is answered by one: what would change the form of its lines makes no sense. */
static tfm_status settle_openai(tfm_options *options, tfm_err *err)
{
  static const char *const off[] = {"passthrough", "text-column", "pair-column",
                                    "id-column",   "precision",   "similarity"};
  const bool answers = options->output_format == TFM_OUT_OPENAI;
  const bool asks = options->input_format == TFM_IN_OPENAI;
  const bool form = tfm_option_source_of(options, "output-format") != TFM_FROM_DEFAULT;
  if (answers != asks && form) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "-f openai-batch goes with --input-format openai-batch, and no other -f does");
  }
  if (!asks) {
    return TFM_OK;
  }
  for (size_t i = 0; i < sizeof off / sizeof off[0]; ++i) {
    if (tfm_option_source_of(options, off[i]) != TFM_FROM_DEFAULT) {
      return tfm_fail(
          err, TFM_E_USAGE,
          "--%s: an OpenAI batch (--input-format openai-batch) is read and answered in "
          "its own form; leave it out",
          off[i]);
    }
  }
  options->output_format = TFM_OUT_OPENAI;
  return TFM_OK;
}

/* out.csv and out.csv.gz are CSV, and so on, unless something else was asked for. */
static void format_by_name(tfm_options *options)
{
  if (!options->output || tfm_option_source_of(options, "output-format") != TFM_FROM_DEFAULT) {
    return;
  }
  const char *path = options->output;
  size_t n = strlen(path);
  n -= ends_with(path, n, ".gz") ? 3 : ends_with(path, n, ".zst") ? 4 : 0;
  if (ends_with(path, n, ".csv")) {
    options->output_format = TFM_OUT_CSV;
  } else if (ends_with(path, n, ".tsv")) {
    options->output_format = TFM_OUT_TSV;
  } else if (ends_with(path, n, ".npy")) {
    options->output_format = TFM_OUT_NPY;
  }
}

static tfm_status read_all(tfm_options *options, int argc, char *const *argv, char *const *envp,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  reading r = {.options = options, .argv = argv, .argc = argc};
  TFM_TRY(set_defaults(options, err));
  TFM_TRY(read_words(&r, err));
  if (options->verb_given && options->verb == TFM_VERB_HELP) {
    options->help = true;
  }
  if (options->help || options->version) {
    return TFM_OK;
  }
  options->bare = argc == 0;
  TFM_TRY(check_verb(options, err));
  TFM_TRY(read_environment(options, envp, err));
  if (options->config) {
    TFM_TRY(tfm__options_read_config(options, options->config, err));
  }
  options->bare = options->bare && options->ninput == 0;
  if (options->task && strcmp(options->task, "sentiment-analysis") == 0) {
    options->task = "text-classification"; /* the same task; Hugging Face has both names */
  }
  format_by_name(options);
  TFM_TRY(settle_openai(options, err));
  TFM_TRY(tfm__options_outdir(options, err));
  TFM_TRY(tfm__options_hub(options, envp, err));
  TFM_TRY(tfm__options_shard(options, envp, err));
  TFM_TRY(tfm__options_verify(options, err));
  TFM_TRY(tfm__options_ranks(options, err));

fail:
  return st;
}

tfm_status tfm_options_read(tfm_options *options, int argc, char *const *argv,
                            char *const *envp, tfm_err *err)
{
  *options =
      (tfm_options){.verb = TFM_VERB_RUN, .subject = TFM_BENCH_COUNT, .shell = TFM_SHELL_COUNT};
  tfm_status st = read_all(options, argc, argv, envp, err);
  const bool explains = options->verb == TFM_VERB_EXPLAIN;
  options->return_logits =
      options->return_logits || explains || options->verb == TFM_VERB_VERIFY;
  if (st != TFM_OK) {
    tfm_options_fini(options);
  }
  return st;
}

void tfm_options_fini(tfm_options *options)
{
  tfm_arena_fini(&options->arena);
  *options = (tfm_options){.verb = TFM_VERB_RUN};
}

tfm_option_source tfm_option_source_of(const tfm_options *options, const char *name)
{
  int n = 0;
  const tfm__option *row = tfm__option_find(name, strlen(name));
  return row ? options->source[row - tfm__option_rows(&n)] : TFM_FROM_DEFAULT;
}

/* The task a verb fixes; NULL for one that takes any. */
static const char *task_of(tfm_verb verb)
{
#define VERB_TASK(name, text, task, help) [TFM_VERB_##name] = task,
  static const char *const fixed[TFM_VERB_COUNT] = {TFM_VERB_MAP(VERB_TASK)};
#undef VERB_TASK
  return fixed[verb];
}

const char *tfm_options_task(const tfm_options *options)
{
  return options->task ? options->task : task_of(options->verb);
}

/* The verb that runs one task alone; COUNT when there is none. */
static int verb_of(const char *task)
{
  int verb = 0;
  while (verb < TFM_VERB_COUNT &&
         !(task_of((tfm_verb)verb) && strcmp(task_of((tfm_verb)verb), task) == 0)) {
    ++verb;
  }
  return verb;
}

tfm_status tfm_options_fit_task(const tfm_options *options, const char *task, tfm_err *err)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  const int own = verb_of(task);
  const bool any = task_of(options->verb) == NULL;
  if (!any && options->task && own != (int)options->verb && own < TFM_VERB_COUNT) {
    return tfm_fail(err, TFM_E_USAGE, "--task %.64s: %s is for another task; say run, or %s",
                    options->task, tfm_verb_name(options->verb), tfm_verb_name((tfm_verb)own));
  }
  for (int i = 0; i < n && any && own < TFM_VERB_COUNT; ++i) {
    const bool shared = rows[i].verbs >> TFM_VERB_RUN & 1;
    if (rows[i].group == TFM__GROUP_TASK && shared && !(rows[i].verbs >> own & 1) &&
        tfm_option_source_of(options, rows[i].name) == TFM_FROM_FLAG) {
      return tfm_fail(err, TFM_E_USAGE, "--%s is not an option of %.64s; leave it out",
                      rows[i].name, task);
    }
  }
  return TFM_OK;
}
