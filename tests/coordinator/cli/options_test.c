#include "coordinator/cli/option_table.h"
#include "coordinator/cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_WORDS = 16 };

typedef struct {
  tfm_options options;
  tfm_err err;
  tfm_status st;
} outcome;

/* The words of one command line, split at spaces; "''" is an empty word. */
static outcome read_env(const char *line, char *const *envp)
{
  char copy[512];
  char *words[MOST_WORDS];
  int n = 0;
  outcome o = {0};
  assert_true(strlen(line) < sizeof copy);
  strcpy(copy, line);
  for (char *w = strtok(copy, " "); w && n < MOST_WORDS; w = strtok(NULL, " ")) {
    words[n++] = strcmp(w, "''") == 0 ? w + 2 : w;
  }
  o.st = tfm_options_read(&o.options, n, words, envp, &o.err);
  return o;
}

static outcome read_line(const char *line)
{
  return read_env(line, NULL);
}

static void defaults_stand_when_nothing_is_said(void **state)
{
  (void)state;
  outcome o = read_line("");
  assert_int_equal(o.st, TFM_OK);
  assert_true(o.options.bare);
  assert_false(o.options.verb_given);
  assert_int_equal(o.options.verb, TFM_VERB_RUN);
  assert_null(o.options.model);
  assert_string_equal(o.options.dtype, "auto");
  assert_string_equal(o.options.digest, "sampled");
  assert_string_equal(o.options.backend, "auto");
  assert_string_equal(o.options.isa, "auto");
  assert_string_equal(o.options.log_level, "info");
  assert_int_equal(o.options.limit, -1);
  assert_int_equal(o.options.max_errors, -1);
  assert_int_equal(o.options.stages, 0);
  assert_int_equal(o.options.max_length, 0);
  assert_int_equal(o.options.output_format, TFM_OUT_JSONL);
  assert_true(o.options.openblas_probe);
  assert_int_equal(tfm_option_source_of(&o.options, "stages"), TFM_FROM_DEFAULT);
  tfm_options_fini(&o.options);
}

static void every_way_to_write_a_value_is_read(void **state)
{
  (void)state;
  outcome o =
      read_line("classify -m dir --max-length=12 --on-overflow error -ia -i b --limit 0 "
                "-fcsv -qv --stages auto c");
  assert_int_equal(o.st, TFM_OK);
  assert_true(o.options.verb_given);
  assert_false(o.options.bare);
  assert_int_equal(o.options.verb, TFM_VERB_CLASSIFY);
  assert_string_equal(o.options.model, "dir");
  assert_int_equal(o.options.max_length, 12);
  assert_int_equal(o.options.on_overflow, TFM_OVERFLOW_ERROR);
  assert_int_equal(o.options.ninput, 3);
  assert_string_equal(o.options.inputs[0], "a");
  assert_string_equal(o.options.inputs[1], "b");
  assert_string_equal(o.options.inputs[2], "c");
  assert_int_equal(o.options.limit, 0);
  assert_int_equal(o.options.output_format, TFM_OUT_CSV);
  assert_true(o.options.quiet && o.options.verbose);
  assert_int_equal(o.options.stages, 0);
  assert_int_equal(tfm_option_source_of(&o.options, "stages"), TFM_FROM_FLAG);
  tfm_options_fini(&o.options);
}

static void numbers_may_end_in_a_letter(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    int64_t limit; /* -2: refused */
  } rows[] = {{"classify --limit 7", 7},
              {"classify --limit 16k", 16000},
              {"classify --limit 16K", 16384},
              {"classify --limit 2m", 2000000},
              {"classify --limit 3G", INT64_C(3) << 30},
              {"classify --limit 1T", INT64_C(1) << 40},
              {"classify --limit 0k", 0},
              {"classify --limit k", -2},
              {"classify --limit 1kk", -2},
              {"classify --limit 1.5k", -2},
              {"classify --limit 1b", -2},
              {"classify --limit 9223372036854775807k", -2}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    outcome o = read_line(rows[i].line);
    assert_int_equal(o.st, rows[i].limit == -2 ? TFM_E_USAGE : TFM_OK);
    if (o.st == TFM_OK) {
      assert_int_equal(o.options.limit, rows[i].limit);
      tfm_options_fini(&o.options);
    }
  }
}

static void the_first_word_is_a_verb_or_an_input(void **state)
{
  (void)state;
  outcome o = read_line("-m x plan");
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.verb, TFM_VERB_PLAN);
  tfm_options_fini(&o.options);

  o = read_line("reviews.jsonl classify");
  assert_int_equal(o.st, TFM_OK);
  assert_false(o.options.verb_given);
  assert_int_equal(o.options.ninput, 2);
  assert_string_equal(o.options.inputs[1], "classify");
  tfm_options_fini(&o.options);

  o = read_line("-- classify -x");
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.ninput, 2);
  tfm_options_fini(&o.options);

  o = read_line("-");
  assert_int_equal(o.st, TFM_OK);
  assert_string_equal(o.options.inputs[0], "-");
  tfm_options_fini(&o.options);
}

static void passthrough_is_a_list_all_or_none(void **state)
{
  (void)state;
  outcome o = read_line("--passthrough a,b --passthrough c");
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.npassthrough, 3);
  assert_string_equal(o.options.passthrough[2], "c");
  assert_false(o.options.passthrough_all);
  tfm_options_fini(&o.options);

  o = read_line("--passthrough a --passthrough all");
  assert_true(o.options.passthrough_all);
  assert_int_equal(o.options.npassthrough, 0);
  tfm_options_fini(&o.options);
}

static void the_output_name_decides_the_format(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    tfm_output_format format;
  } cases[] = {{"-o x.jsonl", TFM_OUT_JSONL},        {"-o x.csv", TFM_OUT_CSV},
               {"-o x.csv.gz", TFM_OUT_CSV},         {"-o x.tsv.zst", TFM_OUT_TSV},
               {"-o x.csv -f jsonl", TFM_OUT_JSONL}, {"-o .gz", TFM_OUT_JSONL}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    outcome o = read_line(cases[i].line);
    assert_int_equal(o.st, TFM_OK);
    assert_int_equal(o.options.output_format, cases[i].format);
    tfm_options_fini(&o.options);
  }
}

/* -o is the output of what writes rows, and the kind of table of bench. */
static void bench_has_a_subject_and_a_table(void **state)
{
  (void)state;
  outcome o = read_line("bench tokenize -o json -r 3 --threads 2 a.txt tokenize");
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.verb, TFM_VERB_BENCH);
  assert_int_equal(o.options.subject, TFM_BENCH_TOKENIZE);
  assert_int_equal(o.options.bench_format, TFM_BENCH_JSON);
  assert_int_equal(o.options.repetitions, 3);
  assert_null(o.options.output);
  assert_int_equal(o.options.ninput, 2);
  assert_string_equal(o.options.inputs[1], "tokenize");
  tfm_options_fini(&o.options);
  o = read_line("bench --threads 1 tokenize");
  assert_int_equal(o.options.subject, TFM_BENCH_TOKENIZE);
  assert_int_equal(o.options.bench_format, TFM_BENCH_MD);
  assert_int_equal(o.options.ninput, 0);
  tfm_options_fini(&o.options);
}

/* What is refused, and the words of which the message must hold every one. */
static void wrong_lines_are_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    const char *line, *word, *other;
  } cases[] = {
      {"clasify -m x", "classify", "did you mean"},
      {"zzzzzz", "zzzzzz", "unknown verb"},
      {"classify --modle x", "--modle", "--model?"},
      {"classify --max-batch 3", "--max-batch-tokens", "did you mean"},
      {"classify --resume nonsense", "--resume", "auto, never or must"},
      {"classify --shard 3/2", "--shard", "from 0 to n - 1"},
      {"classify --shard -1/2", "--shard", "from 0 to n - 1"},
      {"classify --shard 1", "--shard", "slurm"},
      {"classify --verify 2/3", "--verify", "1/N"},
      {"classify --verify 1/0", "--verify", "1/N"},
      {"classify --verify 1/", "--verify", "1/N"},
      {"classify --verify 1/2/3", "--verify", "1/2/3"},
      {"classify --verify 1/99999999999999999999", "--verify", "1/N"},
      {"classify --verify all", "--verify", "none"},
      {"verify --verify 1/2", "--verify", "verify"},
      {"classify --shard 1/2/3", "--shard", "1/2/3"},
      {"classify --shard 0/99999999999999999999", "--shard", "i/n"},
      {"classify --max_length 3", "max_length", "--max-length"},
      {"classify -Z", "-Z", "unknown"},
      {"classify -qZ", "-qZ", "unknown"},
      {"classify --model", "--model", "DIR"},
      {"classify -m", "-m", "DIR"},
      {"classify --model --input x", "--model", "--input"},
      {"classify --model ''", "--model", "nothing"},
      {"classify --threads -1", "--threads", "1 to 4096"},
      {"classify --threads 0", "--threads", "\"0\""},
      {"classify --threads 1000000", "--threads", "1 to 4096"},
      {"classify --stages 99999999999999999999", "--stages", "auto"},
      {"classify --skip -1", "--skip", "0 or more"},
      {"classify --top-k -5", "--top-k", "all"},
      {"classify --dtype nonsense", "--dtype", "bfloat16 or int8"},
      {"classify --task nonsense", "--task", "text-classification"},
      {"classify --log-level nonsense", "--log-level", "error, warn, info or debug"},
      {"classify --openblas-probe maybe", "--openblas-probe", "on or off"},
      {"classify --passthrough a,,b", "--passthrough", "nothing"},
      {"classify --offsets char", "--offsets", "classify"},
      {"tokenize --top-k 3", "--top-k", "tokenize"},
      {"topo x.jsonl", "topo", "--input"},
      {"inspect ./model", "inspect", "--model DIR"},
      {"help nope", "nope", "unknown verb"},
      {"bench", "bench what", "tokenize"},
      {"bench tokenise x.txt", "tokenise", "did you mean tokenize?"},
      {"bench tokenize -o out.jsonl", "-o", "md, csv or json"},
      {"tokenize --table md", "--table", "tokenize"},
      {"--quiet=5", "--quiet", "on or off"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    outcome o = read_line(cases[i].line);
    if (o.st != TFM_E_USAGE || !strstr(o.err.text, cases[i].word) ||
        !strstr(o.err.text, cases[i].other)) {
      fail_msg("%s: status %d: %s", cases[i].line, o.st, o.err.text);
    }
  }
}

/* run and verify take the options of every task; those of another than the one run are refused. */
static void options_fit_the_task(void **state)
{
  (void)state;
  static const struct {
    const char *line, *task;
    tfm_status st;
    const char *word;
  } cases[] = {
      {"run --stride 5", "token-classification", TFM_OK, ""},
      {"run --stride 5", "text-classification", TFM_E_USAGE, "--stride"},
      {"verify --expected x --top-k 2", "text-classification", TFM_OK, ""},
      {"verify --pooling cls", "text-classification", TFM_E_USAGE, "--pooling"},
      {"classify --task text-classification", "text-classification", TFM_OK, ""},
      {"classify --task feature-extraction", "feature-extraction", TFM_E_USAGE, "embed"},
      {"run --task feature-extraction --pooling cls", "feature-extraction", TFM_OK, ""},
      {"plan --task feature-extraction", "feature-extraction", TFM_OK, ""},
      {"bench encode --task fill-mask", "fill-mask", TFM_OK, ""},
      {"translate --task summarization", "summarization", TFM_E_USAGE, "summarize"},
      {"summarize --max-new-tokens 3", "summarization", TFM_OK, ""},
      {"run --tgt-lang fr_XX", "text-generation", TFM_E_USAGE, "--tgt-lang"},
      {"run --tgt-lang fr_XX", "translation", TFM_OK, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_err err = {0};
    outcome o = read_line(cases[i].line);
    assert_int_equal(o.st, TFM_OK);
    assert_int_equal(tfm_options_fit_task(&o.options, cases[i].task, &err), cases[i].st);
    assert_non_null(strstr(err.text, cases[i].word));
    tfm_options_fini(&o.options);
  }
}

static void numbers_are_plain_digits(void **state)
{
  (void)state;
  static const char *const names[] = {
      "threads",    "stages", "replicas", "max-batch-tokens", "sort-window",
      "max-length", "limit",  "skip",     "max-errors"};
  static const char *const values[] = {
      "-1",  "abc", "1.5", "",   "99999999999999999999", "0x10", "1e3", "5 6",
      "16q", "+5",  "-",   " 5", "9223372036854775808"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    for (size_t k = 0; k < sizeof values / sizeof values[0]; ++k) {
      char name[64];
      char value[64];
      char *words[] = {name, value};
      tfm_options options;
      tfm_err err = {0};
      (void)snprintf(name, sizeof name, "--%s", names[i]);
      (void)snprintf(value, sizeof value, "%s", values[k]);
      if (tfm_options_read(&options, 2, words, NULL, &err) != TFM_E_USAGE ||
          !strstr(err.text, name)) {
        fail_msg("--%s '%s' was taken: %s", names[i], values[k], err.text);
      }
    }
  }
  outcome o = read_line("--threads 4096 --limit 9223372036854775807");
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.threads, 4096);
  assert_true(o.options.limit == INT64_MAX);
  tfm_options_fini(&o.options);
}

static void the_environment_comes_after_flags(void **state)
{
  (void)state;
  char threads[] = "TFM_THREADS=3";
  char limit[] = "TFM_LIMIT=5";
  char input[] = "TFM_INPUT=env.jsonl";
  char empty[] = "TFM_DTYPE=";
  char other[] = "TFM_NOT_OURS=1";
  char *env[] = {threads, limit, input, empty, other, NULL};
  outcome o = read_env("--limit 7 -i typed.jsonl", env);
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.threads, 3);
  assert_int_equal(tfm_option_source_of(&o.options, "threads"), TFM_FROM_ENV);
  assert_int_equal(o.options.limit, 7);
  assert_int_equal(o.options.ninput, 1);
  assert_string_equal(o.options.inputs[0], "typed.jsonl");
  tfm_options_fini(&o.options);

  /* A verb that has no use for a variable ignores it. */
  o = read_env("topo", env);
  assert_int_equal(o.st, TFM_OK);
  tfm_options_fini(&o.options);
}

/* A part is said by hand, or by Slurm: numbers may begin anywhere and have equal steps. */
static void shards_are_numbers_or_a_job_array(void **state)
{
  (void)state;
  static const struct {
    const char *line;
    const char *id, *count, *least, *most, *step; /* of SLURM_ARRAY_TASK_; NULL: not set */
    tfm_status st;
    int64_t index, of;
    const char *text;
  } cases[] = {
      {"run --shard 2/5", NULL, NULL, NULL, NULL, NULL, TFM_OK, 2, 5, "2/5"},
      {"run --shard 02/005", NULL, NULL, NULL, NULL, NULL, TFM_OK, 2, 5, "2/5"},
      {"run", "3", "4", "0", "3", "1", TFM_OK, 0, 0, NULL},
      {"run --shard slurm", "3", "4", NULL, NULL, NULL, TFM_OK, 3, 4, "3/4"},
      {"run --shard slurm", "1", "4", "1", "4", "1", TFM_OK, 0, 4, "0/4"},
      {"run --shard slurm", "20", "3", "10", "30", "10", TFM_OK, 1, 3, "1/3"},
      {"run --shard slurm", "7", "3", "0", "7", "1", TFM_E_USAGE, 0, 0, "equal steps"},
      {"run --shard slurm", "4", "4", NULL, NULL, NULL, TFM_E_USAGE, 0, 0, "equal steps"},
      {"run --shard slurm", NULL, "4", NULL, NULL, NULL, TFM_E_USAGE, 0, 0, "--array"},
      {"run --shard slurm", "x", "4", NULL, NULL, NULL, TFM_E_USAGE, 0, 0, "--array"},
      {"run --shard slurm", "0", "0", NULL, NULL, NULL, TFM_E_USAGE, 0, 0, "--array"},
  };
  static const char *const names[] = {"ID", "COUNT", "MIN", "MAX", "STEP"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    const char *const values[] = {cases[i].id, cases[i].count, cases[i].least, cases[i].most,
                                  cases[i].step};
    char text[5][40];
    char *env[6] = {NULL};
    int n = 0;
    for (int v = 0; v < 5; ++v) {
      if (values[v]) {
        (void)snprintf(text[n], sizeof text[n], "SLURM_ARRAY_TASK_%s=%s", names[v], values[v]);
        env[n] = text[n];
        ++n;
      }
    }
    outcome o = read_env(cases[i].line, env);
    if (o.st != cases[i].st) {
      fail_msg("case %zu: status %d: %s", i, o.st, o.err.text);
    }
    assert_int_equal(o.options.shard_index, cases[i].index);
    assert_int_equal(o.options.shard_count, cases[i].of);
    if (o.st != TFM_OK) {
      assert_non_null(strstr(o.err.text, cases[i].text));
    } else if (cases[i].text) {
      assert_string_equal(o.options.shard, cases[i].text);
    }
    tfm_options_fini(&o.options);
  }
}

static void a_wrong_variable_is_named(void **state)
{
  (void)state;
  static const char *const wrong[] = {"TFM_THREADS=abc", "TFM_MAX_BATCH_TOKENS=-3",
                                      "TFM_DTYPE=nonsense", "TFM_DRY_RUN=perhaps"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    char text[64];
    char *env[] = {text, NULL};
    strcpy(text, wrong[i]);
    outcome o = read_env("classify -m x", env);
    assert_int_equal(o.st, TFM_E_USAGE);
    *strchr(text, '=') = '\0';
    assert_non_null(strstr(o.err.text, text));
  }
}

static outcome read_config(const char *json, const char *line)
{
  char path[] = "/tmp/tfm-config-XXXXXX";
  char full[512];
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, json, strlen(json)), strlen(json));
  (void)close(fd);
  (void)snprintf(full, sizeof full, "%s --config %s", line, path);
  outcome o = read_line(full);
  (void)unlink(path);
  return o;
}

static void a_config_file_comes_last(void **state)
{
  (void)state;
  outcome o = read_config("{\"threads\": 2, \"max_length\": 64, \"stages\": \"auto\", "
                          "\"restart\": true, \"input\": [\"a\", \"b\"], \"passthrough\": "
                          "\"x,y\", \"dtype\": null, \"openblas-probe\": false}",
                          "--threads 5");
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.threads, 5);
  assert_int_equal(o.options.max_length, 64);
  assert_int_equal(tfm_option_source_of(&o.options, "max-length"), TFM_FROM_CONFIG);
  assert_true(o.options.restart);
  assert_false(o.options.openblas_probe);
  assert_int_equal(o.options.ninput, 2);
  assert_int_equal(o.options.npassthrough, 2);
  tfm_options_fini(&o.options);

  o = read_config("{\"input\": [\"a\", \"b\"], \"passthrough\": \"all\"}",
                  "-i c --passthrough z");
  assert_int_equal(o.st, TFM_OK);
  assert_int_equal(o.options.ninput, 1);
  assert_string_equal(o.options.inputs[0], "c");
  assert_false(o.options.passthrough_all);
  tfm_options_fini(&o.options);
}

static void wrong_config_files_are_refused(void **state)
{
  (void)state;
  static const struct {
    const char *json, *word;
  } cases[] = {
      {"{\"thraeds\": 2}", "threads"},
      {"{\"threads\": 1.5}", "threads"},
      {"{\"threads\": [1]}", "threads"},
      {"{\"threads\": \"x\"}", "threads"},
      {"{\"help\": true}", "help"},
      {"{\"config\": \"x\"}", "config"},
      {"[]", "object"},
      {"{\"a\":1}{\"b\":2}", "config"},
      {"", "config"},
      {"{\"dtype\": \"float16\"}", "dtype"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    outcome o = read_config(cases[i].json, "classify");
    if (o.st != TFM_E_USAGE || !strstr(o.err.text, cases[i].word)) {
      fail_msg("%s: status %d: %s", cases[i].json, o.st, o.err.text);
    }
  }
  outcome o = read_line("--config /nowhere/nope.conf");
  assert_int_equal(o.st, TFM_E_MISSING);
  assert_non_null(strstr(o.err.text, "nope.conf"));
  o = read_line("--config /tmp");
  assert_int_equal(o.st, TFM_E_USAGE);
}

/* --help must answer even when something after it, or in the environment, is wrong. */
static void help_and_version_end_the_reading(void **state)
{
  (void)state;
  char bad[] = "TFM_THREADS=abc";
  char *env[] = {bad, NULL};
  outcome o = read_env("classify --help --nonsense", env);
  assert_int_equal(o.st, TFM_OK);
  assert_true(o.options.help);
  assert_int_equal(o.options.verb, TFM_VERB_CLASSIFY);
  tfm_options_fini(&o.options);

  o = read_env("help", env);
  assert_true(o.st == TFM_OK && o.options.help && o.options.verb == TFM_VERB_HELP);
  tfm_options_fini(&o.options);

  o = read_env("help plan", env);
  assert_true(o.st == TFM_OK && o.options.help && o.options.verb == TFM_VERB_PLAN);
  tfm_options_fini(&o.options);

  o = read_env("-V", env);
  assert_true(o.st == TFM_OK && o.options.version);
  tfm_options_fini(&o.options);
}

/* Every option of the table is in the help of some verb, with its variable; no line is wider
 * than 100 columns. */
static void help_shows_the_table(void **state)
{
  (void)state;
  tfm_buf all = {0};
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  assert_int_equal(tfm_options_help(TFM_VERB_RUN, true, &all), TFM_OK);
  for (int v = 0; v < TFM_VERB_COUNT; ++v) {
    assert_int_equal(tfm_options_help((tfm_verb)v, false, &all), TFM_OK);
  }
  const char *text = tfm_buf_cstr(&all);
  for (int i = 0; i < n; ++i) {
    char name[64];
    char variable[TFM__OPTION_NAME];
    (void)snprintf(name, sizeof name, "--%s", rows[i].name);
    assert_non_null(strstr(text, name));
    tfm__option_variable(&rows[i], variable);
    assert_true(rows[i].typed || strstr(text, variable));
  }
  assert_non_null(strstr(text, "[env: TFM_DTYPE] [possible"));
  for (const char *line = text; *line;) {
    size_t width = strcspn(line, "\n");
    assert_true(width <= 100);
    line += width + 1;
  }
  tfm_buf_fini(&all);
}

/* Names are unique, letters are unique, every choice list and range holds its default. */
static void the_table_is_sound(void **state)
{
  (void)state;
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  for (int i = 0; i < n; ++i) {
    assert_ptr_equal(tfm__option_find(rows[i].name, strlen(rows[i].name)), &rows[i]);
    assert_true(strlen(rows[i].name) + 5 < TFM__OPTION_NAME);
    assert_true(rows[i].verbs != 0);
    assert_true(tfm__option_is_flag(&rows[i]) || rows[i].metavar);
    for (int k = 0; k < i; ++k) {
      assert_true(!rows[i].letter || rows[i].letter != rows[k].letter ||
                  !(rows[i].verbs & rows[k].verbs));
      assert_int_not_equal(rows[i].at, rows[k].at);
    }
  }
}

static void the_nearest_name_is_found(void **state)
{
  (void)state;
  static const char *const names[] = {"classify", NULL, "tokenize", "topo", "plan"};
  assert_string_equal(tfm__nearest("calssify", names, 5), "classify");
  assert_string_equal(tfm__nearest("tokenise", names, 5), "tokenize");
  assert_string_equal(tfm__nearest("token", names, 5), "tokenize");
  assert_string_equal(tfm__nearest("plna", names, 5), "plan");
  assert_null(tfm__nearest("generate", names, 5));
  assert_null(tfm__nearest("x", names, 5));
  assert_null(tfm__nearest("a-word-much-longer-than-any-option-name-here", names, 5));
}

/* One number for a plan; several that ascend for scale. */
static void ranks_are_a_number_or_a_sweep(void **state)
{
  (void)state;
  outcome o = read_line("plan --ranks 8");
  assert_true(o.st == TFM_OK && o.options.ranks == 8 && o.options.nsweep == 0);
  tfm_options_fini(&o.options);
  o = read_line("plan");
  assert_true(o.st == TFM_OK && o.options.ranks == 0);
  tfm_options_fini(&o.options);
  o = read_line("scale --ranks 2,3,9");
  assert_true(o.st == TFM_OK && o.options.nsweep == 3 && o.options.sweep[0] == 2 &&
              o.options.sweep[1] == 3 && o.options.sweep[2] == 9);
  tfm_options_fini(&o.options);
  static const char *const wrong[] = {
      "plan --ranks 0",    "plan --ranks 2,3",  "plan --ranks 65537", "plan --ranks x",
      "scale --ranks 1,2", "scale --ranks 3,2", "scale --ranks 2,2",  "scale --ranks 2,",
      "scale --ranks ,2",  "scale --ranks 2;3", "scale --ranks 65537"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
    o = read_line(wrong[i]);
    assert_int_equal(o.st, TFM_E_USAGE);
    assert_non_null(strstr(o.err.text, "--ranks: want"));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_stand_when_nothing_is_said),
      cmocka_unit_test(every_way_to_write_a_value_is_read),
      cmocka_unit_test(the_first_word_is_a_verb_or_an_input),
      cmocka_unit_test(passthrough_is_a_list_all_or_none),
      cmocka_unit_test(the_output_name_decides_the_format),
      cmocka_unit_test(bench_has_a_subject_and_a_table),
      cmocka_unit_test(wrong_lines_are_refused_by_name),
      cmocka_unit_test(options_fit_the_task),
      cmocka_unit_test(numbers_are_plain_digits),
      cmocka_unit_test(the_environment_comes_after_flags),
      cmocka_unit_test(shards_are_numbers_or_a_job_array),
      cmocka_unit_test(a_wrong_variable_is_named),
      cmocka_unit_test(a_config_file_comes_last),
      cmocka_unit_test(wrong_config_files_are_refused),
      cmocka_unit_test(help_and_version_end_the_reading),
      cmocka_unit_test(help_shows_the_table),
      cmocka_unit_test(the_table_is_sound),
      cmocka_unit_test(the_nearest_name_is_found),
      cmocka_unit_test(numbers_may_end_in_a_letter),
      cmocka_unit_test(ranks_are_a_number_or_a_sweep),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
