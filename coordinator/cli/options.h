/** The command line, the environment and the config file, as one struct of values.
 *
 *  One table (option_table.c, a file of rows each group) is the truth: each row names an option,
 *  its kind, range, choices, default, verbs and help text, and where its value lives in
 *  tfm_options. Parser, help, TFM_* environment names and config keys all come from it. Flags beat
 *  environment, which beats --config, which beats defaults.
 */
#ifndef TFM_COORDINATOR_CLI_OPTIONS_H
#define TFM_COORDINATOR_CLI_OPTIONS_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, "verb", "task it fixes or NULL", "one line of help") */
#define TFM_VERB_MAP(X)                                                                        \
  X(RUN, "run", NULL, "score the input with the model's own task (the default verb)")          \
  X(CLASSIFY, "classify", "text-classification",                                               \
    "label each text: sentiment, topic, pairs ...")                                            \
  X(NER, "ner", "token-classification",                                                        \
    "a label for each token, or the names and things a text speaks of")                        \
  X(QA, "qa", "question-answering", "the part of each context that answers its question")      \
  X(FILL_MASK, "fill-mask", "fill-mask", "the words that fit best where a text has a mask")    \
  X(ZERO_SHOT, "zero-shot", "zero-shot-classification",                                        \
    "which of some labels a text is about, without training for them")                         \
  X(EMBED, "embed", "feature-extraction",                                                      \
    "a vector for each text, or a similarity for each pair")                                   \
  X(RERANK, "rerank", "rerank",                                                                \
    "which of some texts answers a query best, by a cross-encoder")                            \
  X(GENERATE, "generate", "text-generation", "what a language model goes on with")             \
  X(TRANSLATE, "translate", "translation", "each text in another language")                    \
  X(SUMMARIZE, "summarize", "summarization", "what is said in each text, shorter")             \
  X(CHAT, "chat", "chat", "what an assistant answers to a conversation")                       \
  X(SCORE, "score", "score", "how likely a language model finds each text: log-probabilities") \
  X(TOKENIZE, "tokenize", NULL, "ids, tokens, offsets and type ids; reads no weights")         \
  X(INSPECT, "inspect", NULL, "what a checkpoint is, and what in it is not supported")         \
  X(PLAN, "plan", NULL, "layers to stages to ranks to NUMA nodes, without running")            \
  X(VERIFY, "verify", NULL,                                                                    \
    "the cluster's bits against the one-process oracle: PASSED or FAILED")                     \
  X(TOPO, "topo", NULL, "the hardware tree and what each rank may use")                        \
  X(BENCH, "bench", NULL,                                                                      \
    "how fast a part is: tokenize, encode, linear, attention, comm, memory")                   \
  X(SCALE, "scale", NULL,                                                                      \
    "strong or weak scaling over ranks and layouts: rates, efficiencies, the same bits")       \
  X(EXPLAIN, "explain", NULL, "one text's way through the model: pieces, places, attention")   \
  X(REPORT, "report", NULL, "a page with pictures of runs that were made with --outdir")       \
  X(SBATCH, "sbatch", NULL, "a filled job script for Slurm, PBS, LSF or Kubernetes")           \
  X(ENV, "env", NULL, "facts for a bug report")                                                \
  X(COMPLETION, "completion", NULL, "what makes bash, zsh or fish complete these words")       \
  X(HELP, "help", NULL, "this help, or the help of a verb")

#define TFM_VERB_ENUM(name, text, task, help) TFM_VERB_##name,
typedef enum { TFM_VERB_MAP(TFM_VERB_ENUM) TFM_VERB_COUNT } tfm_verb;
#undef TFM_VERB_ENUM

/* What bench measures: X(NAME, "word", "one line of help") */
#define TFM_BENCH_MAP(X)                                                                       \
  X(TOKENIZE, "tokenize", "texts to ids, offsets included: MB/s and tokens/s")                 \
  X(ENCODE, "encode", "ids through the model in each dtype: tokens/s and share of the peak")   \
  X(LINEAR, "linear", "a layer's linear maps alone: GFLOP/s and share of the peak")            \
  X(ATTENTION, "attention", "a layer's heads alone: GFLOP/s and share of the peak")            \
  X(COMM, "comm",                                                                              \
    "frames between ranks: latency, with and without waiting politely, and MB/s")              \
  X(MEMORY, "memory", "STREAM's four loops on 1, 2, 4 ... threads: MB/s of memory")

#define TFM_BENCH_ENUM(name, text, help) TFM_BENCH_##name,
typedef enum { TFM_BENCH_MAP(TFM_BENCH_ENUM) TFM_BENCH_COUNT } tfm_bench_subject;
#undef TFM_BENCH_ENUM

/* What completion is for: X(NAME, "word", "where its text goes") */
#define TFM_SHELL_MAP(X)                                                                       \
  X(BASH, "bash",                                                                              \
    "/etc/bash_completion.d/tfm-cluster, or: source <(tfm-cluster completion bash)")           \
  X(ZSH, "zsh", "_tfm-cluster in a folder of $fpath")                                          \
  X(FISH, "fish", "~/.config/fish/completions/tfm-cluster.fish")

#define TFM_SHELL_ENUM(name, text, help) TFM_SHELL_##name,
typedef enum { TFM_SHELL_MAP(TFM_SHELL_ENUM) TFM_SHELL_COUNT } tfm_shell;
#undef TFM_SHELL_ENUM

typedef enum { TFM_BENCH_MD, TFM_BENCH_CSV, TFM_BENCH_JSON } tfm_bench_format;
typedef enum { TFM_SCALE_STRONG, TFM_SCALE_WEAK } tfm_scale_mode;
typedef enum { TFM_OVERFLOW_TRUNCATE, TFM_OVERFLOW_ERROR, TFM_OVERFLOW_WINDOW } tfm_overflow;
/* How the labels of tokens become those of words and groups. */
typedef enum {
  TFM_AGGREGATION_NONE,
  TFM_AGGREGATION_SIMPLE,
  TFM_AGGREGATION_FIRST,
  TFM_AGGREGATION_AVERAGE,
  TFM_AGGREGATION_MAX
} tfm_aggregation;
typedef enum {
  TFM_IN_AUTO,
  TFM_IN_JSONL,
  TFM_IN_CSV,
  TFM_IN_TSV,
  TFM_IN_TEXT,
  TFM_IN_OPENAI
} tfm_input_format;
typedef enum {
  TFM_OUT_JSONL,
  TFM_OUT_CSV,
  TFM_OUT_TSV,
  TFM_OUT_NPY,
  TFM_OUT_OPENAI /* where the input is one, always */
} tfm_output_format;
typedef enum {
  TFM_NUMBER_FLOAT32,
  TFM_NUMBER_FLOAT16,
  TFM_NUMBER_INT8,
  TFM_NUMBER_UINT8,
  TFM_NUMBER_BINARY,
  TFM_NUMBER_UBINARY
} tfm_number_type;
typedef enum { TFM_OFFSETS_CHAR, TFM_OFFSETS_BYTE, TFM_OFFSETS_UTF16 } tfm_offsets;
typedef enum {
  TFM_PROGRESS_AUTO,
  TFM_PROGRESS_BAR,
  TFM_PROGRESS_LINE,
  TFM_PROGRESS_NONE
} tfm_progress;
typedef enum { TFM_RESUME_AUTO, TFM_RESUME_NEVER, TFM_RESUME_MUST } tfm_resume;
typedef enum { TFM_BIND_AUTO, TFM_BIND_INHERIT, TFM_BIND_NONE } tfm_bind_mode;
typedef enum { TFM_APPLY_AUTO, TFM_APPLY_SOFTMAX, TFM_APPLY_SIGMOID, TFM_APPLY_NONE } tfm_apply;

/** Where a value came from; decides between exit 64 (typed) and 78 (environment, file). */
typedef enum {
  TFM_FROM_DEFAULT,
  TFM_FROM_CONFIG,
  TFM_FROM_ENV,
  TFM_FROM_FLAG
} tfm_option_source;

/** All values; strings and lists live in the arena. A number that was not given holds the
 * default named beside it. */
typedef struct {
  tfm_verb verb;
  bool verb_given;
  bool bare; /* no verb, no option, no input: the demo rule of INTERFACE section 1 may apply */

  tfm_bench_subject subject; /* of bench; TFM_BENCH_COUNT: not named */
  tfm_shell shell;           /* of completion; TFM_SHELL_COUNT: not named */

  const char *model;        /* NULL: the embedded default */
  const char *cache_dir;    /* NULL: the user's cache home; "none": none */
  const char *task;         /* NULL: the model's own */
  const char *tokenizer;    /* NULL: the model's */
  const char *dtype;        /* "auto" or a name of TFM_PRECISION_MAP */
  const char *float32_mode; /* "auto", "exact" or a name of TFM_PRECISION_MAP */
  const char *int8_mode;    /* "auto", "dynamic" or "groups" */
  const char *wire_dtype;   /* "float32", "bfloat16" */
  const char *int8_smooth;  /* "none" or NULL, "weights", or a file of scales */
  const char *digest;       /* "sampled", "full" */
  int64_t max_length;       /* 0: the smaller of tokenizer's and model's */
  tfm_overflow on_overflow;

  const char **inputs; /* [ninput] paths, "-" is standard input */
  int ninput;
  tfm_input_format input_format;
  const char *text_column, *pair_column, *id_column; /* NULL: by the rules of section 3 */
  const char **passthrough;                          /* [npassthrough] names */
  int npassthrough;
  bool passthrough_all;
  int64_t limit; /* -1: all rows */
  int64_t skip;
  const char *shard;                /* NULL: all rows; else "i/n" */
  int64_t shard_index, shard_count; /* the same as numbers; count 0: all rows */

  const char *output; /* NULL or "-": standard output */
  tfm_output_format
      output_format;  /* by --output-format, else by the output's name, else JSONL */
  const char *errors; /* NULL: none */
  int64_t max_errors; /* -1: no limit */
  tfm_resume resume;
  bool restart;
  const char *summary_json, *metrics_file, *trace; /* NULL: none */
  const char
      *outdir; /* NULL: none; else what is NULL of output, errors and these is named in it */

  int64_t top_k; /* 0: not given; -1: all */
  tfm_apply function_to_apply;
  bool return_logits;
  bool return_tokens;
  bool return_full_text;
  bool do_sample;
  double temperature, top_p, min_p, typical_p, repetition_penalty; /* 0: not given */
  int64_t no_repeat_ngram_size, min_new_tokens;                    /* -1: not given */
  int64_t seed;
  int64_t num_beams, num_return_sequences; /* 0: not given */
  const char *system_prompt;               /* of chat; NULL: none */
  double length_penalty;
  unsigned early_stopping;   /* 0: not given; else 1 + a tfm_early */
  const char **stop_strings; /* [nstop_string] */
  int nstop_string;
  const char **bad_words; /* [nbad_word] */
  int nbad_word;
  const char **logit_bias; /* [nlogit_bias] ID:NUMBER */
  int nlogit_bias;
  const char *src_lang, *tgt_lang; /* of translations; NULL: as the checkpoint has it */
  int64_t max_new_tokens;          /* 0: as generation_config.json says, else 256 */
  int64_t kv_budget;               /* bytes of a rank; 0: by rule */
  const char *kv_dtype;            /* float32, bfloat16, int8 */
  tfm_aggregation aggregation;
  const char **ignore_labels; /* [nignore] labels that are no entities */
  int nignore;
  int64_t stride;         /* tokens that neighbouring windows share; -1: not given */
  int64_t doc_stride;     /* the same of question answering; -1: by rule */
  int64_t max_seq_len;    /* tokens of its windows; 0: by rule */
  int64_t max_answer_len; /* tokens */
  bool align_to_words;
  bool handle_impossible_answer;
  const char **candidate_labels; /* [ncandidate] of rows that bring none */
  int ncandidate;
  const char *hypothesis_template;
  bool multi_label;
  const char **targets; /* [ntarget] tokens that alone may fill a mask; none: all */
  int ntarget;
  int pooling;             /* a tfm_pooling of core/model/head_spec.h */
  int normalize;           /* a tfm_normalize */
  int64_t truncate_dim;    /* 0: all dimensions */
  const char *prompt_name; /* NULL: the folder's default */
  bool similarity;
  tfm_number_type precision; /* of embeddings */
  tfm_offsets offsets;
  bool stats;            /* tokenize: figures of all rows instead of rows */
  bool decode;           /* tokenize: ids to text instead */
  const char *expected;  /* verify: a JSONL of expected results, or NULL */
  const char *calibrate; /* verify: a file of scales to write, or NULL */
  int64_t repetitions;   /* bench: passes of each kind, >= 1 */
  const char **lengths;  /* bench, plan: [nlength] tokens of made rows, as typed; none: input */
  int nlength;
  const char **pairs; /* bench comm: [npair] of ranks, as typed; none: neighbours */
  int npair;
  tfm_bench_format bench_format;

  int64_t max_batch_tokens; /* 0: by rule */
  int64_t sort_window;      /* 0: by rule */
  int64_t stages, replicas; /* 0: by rule */
  const char *layers;       /* NULL: by the plan */
  const char *ranks_text;   /* as typed; and as numbers: */
  int64_t ranks;  /* plan: ranks to plan for, coordinator included; 0: those that are here */
  int64_t *sweep; /* scale: [nsweep] ranks to run with, ascending; none: by rule */
  int nsweep;
  const char **layouts; /* scale: [nlayout] as typed; "auto", "all", "2x1" */
  int nlayout;
  tfm_scale_mode scale_mode;
  int64_t warmup;
  bool interleave;
  const char *svg;           /* plan, topo, scale: a file for a picture; NULL: none */
  const char *simulate;      /* plan: a file of hosts; NULL: this machine */
  int64_t threads;           /* 0: the cores of the rank's own share */
  const char *isa, *backend; /* "auto" or a name */
  bool openblas_probe;
  const char *verify; /* "1/N", or NULL; and as a number N: one row in N. 0: none */
  int64_t verify_of;
  int64_t stall_limit, load_limit; /* seconds; 0: none, by rule */
  tfm_bind_mode bind;

  char *const *command; /* sbatch: [ncommand] words behind "--"; the command line's own */
  int ncommand;
  const char *scheduler, *job_name, *image;
  const char *time_limit, *node_memory, *coordinator_memory, *partition, *account; /* or NULL */
  int64_t nodes, ranks_per_node, cores_per_rank;
  int64_t array; /* jobs of the array; 0: one job */

  tfm_progress progress;
  const char *log_level, *log_format;
  const char *config;
  bool dry_run, quiet, verbose;
  /* --version; --help, the verb help, or help VERB. With either nothing else was looked at: print
   * tfm_options_help(verb, !verb_given || verb == TFM_VERB_HELP, ...). */
  bool version, help;
  bool json;        /* env, explain: as one JSON object */
  const char *html; /* explain: a page; NULL: none */
  bool man;         /* help --man: the whole help as a manual page */

  tfm_option_source source[160]; /* by row of the option table; see tfm_option_source_of() */
  tfm_arena arena;
} tfm_options;

/** Read argv (without the program's name), the environment and --config. gives: *options,
 * release with tfm_options_fini(). Errors: TFM_E_USAGE with the option, what was wanted and,
 * for an unknown option or verb, the nearest one; a wrong value from the environment names the
 * variable (exit 64 too); TFM_E_MISSING / TFM_E_USAGE for the config file. */
tfm_status tfm_options_read(tfm_options *options, int argc, char *const *argv,
                            char *const *envp, tfm_err *err) TFM_MUST_USE;

void tfm_options_fini(tfm_options *options);

/** Where the value of an option ("stages") came from. */
tfm_option_source tfm_option_source_of(const tfm_options *options, const char *name);

/** Append every option that decides the output's bytes apart from model and inputs, a line each:
 * "--name", a tab, its value. */
void tfm_options_tell(const tfm_options *options, tfm_buf *out);

/** Append every option that was given, as members of a JSON object:
 *  "name":{"value":"...","from":"flag"}. */
void tfm_options_given(const tfm_options *options, tfm_buf *out);

/** The help: all verbs, or one verb's options, in groups, with [default: ...] [env: TFM_...]
 *  [possible values: ...]; wrapped at 100 columns. */
tfm_status tfm_options_help(tfm_verb verb, bool all_verbs, tfm_buf *out);

/** The whole help as a manual page of section 1, for man(7)'s macros (groff, mandoc). */
tfm_status tfm_options_manual(tfm_buf *out);

/** A script that makes the shell complete verbs, options and their values. */
tfm_status tfm_options_completion(tfm_shell shell, tfm_buf *out);

const char *tfm_verb_name(tfm_verb verb);
const char *tfm_bench_name(tfm_bench_subject subject);

/** The task that was asked for: --task, else the verb's own; NULL: the model's. */
const char *tfm_options_task(const tfm_options *options);

/** Whether what was typed goes with the task that is run: a verb of another task, or an option that
 * only other tasks have, is TFM_E_USAGE. */
tfm_status tfm_options_fit_task(const tfm_options *options, const char *task,
                                tfm_err *err) TFM_MUST_USE;

#endif
