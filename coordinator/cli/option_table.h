/** The rows of the option table, and what the files of this room do with one row. */
#ifndef TFM_COORDINATOR_CLI_OPTION_TABLE_H
#define TFM_COORDINATOR_CLI_OPTION_TABLE_H

#include "coordinator/cli/options.h"

#include <stddef.h>

/** How a value is written, and what the member it goes to is. */
typedef enum {
  TFM__FLAG,   /* bool: true by being there; in environment and config: on|off */
  TFM__SWITCH, /* bool: takes on or off */
  TFM__INT,    /* int64_t in [low, high], or `word`, which stands for word_value */
  TFM__REAL,   /* double above low, at most high; 0 when it is not given */
  TFM__CHOICE, /* an enum: the index of one of `choices` */
  TFM__NAME,   /* const char *: one of `choices`, kept as text */
  TFM__TEXT,   /* const char *: anything but nothing */
  TFM__LIST,   /* const char ** and its int count: each use adds one */
  TFM__NAMES   /* the same, a,b,c in one use; or none; or all */
} tfm__option_kind;

typedef enum {
  TFM__GROUP_MODEL,
  TFM__GROUP_INPUT,
  TFM__GROUP_OUTPUT,
  TFM__GROUP_TASK,
  TFM__GROUP_CLUSTER,
  TFM__GROUP_SUBMIT,
  TFM__GROUP_GENERAL,
  TFM__GROUP_COUNT
} tfm__option_group;

typedef struct {
  const char *name; /* long name without dashes */
  char letter;      /* short name, or 0 */
  tfm__option_kind kind;
  tfm__option_group group;
  unsigned verbs; /* bit TFM_VERB_x: the option means something for x */
  size_t at;      /* of the value in tfm_options */
  size_t count_at;
  size_t all_at; /* TFM__NAMES: of the bool that says "all"; 0: that is a name like others */
  int64_t low, high;
  const char *word;
  int64_t word_value;
  const char *const *choices; /* ends with NULL */
  const char *metavar;        /* what help calls the value */
  const char *start;          /* default, set through the same code as a typed value; or NULL */
  const char *shown;          /* default as help tells it, when a rule decides; or NULL */
  bool typed;                 /* only on the command line: no variable, no config key */
  const char *help;
} tfm__option;

enum { TFM__OPTION_MAX = 160, TFM__OPTION_NAME = 40 };

/** The table; *n rows (<= TFM__OPTION_MAX). Static. */
const tfm__option *tfm__option_rows(int *n);

/** The row of a long name of n bytes, where '_' counts as '-'; NULL for none. */
const tfm__option *tfm__option_find(const char *name, size_t n);

/** "TFM_MAX_BATCH_TOKENS" of "max-batch-tokens". */
void tfm__option_variable(const tfm__option *row, char out[TFM__OPTION_NAME]);

/** Whether an option of this kind stands alone, without a value. */
static inline bool tfm__option_is_flag(const tfm__option *row)
{
  return row->kind == TFM__FLAG;
}

/** Whether the option means something for the verb. */
static inline bool tfm__option_serves(const tfm__option *row, tfm_verb verb)
{
  return row->verbs >> verb & 1u;
}

/** A title of a group of options, and the line of help of a verb. */
const char *tfm__group_title(tfm__option_group group);
const char *tfm__verb_help(tfm_verb verb);

/** Append " [default: ...] [env: TFM_...] [possible values: ...]", as far as there is one of each;
 * hard_space stands where no line may break. */
void tfm__option_note(const tfm__option *row, char hard_space, tfm_buf *out);

/** Set a row's member from text, unless a stronger source has set it already. A weaker source's
 * list is replaced, the same source's list grows. where: how messages call the place, such as
 * "--threads" or "TFM_THREADS". borrows: text (it is copied). Errors: TFM_E_USAGE, TFM_E_NOMEM.
 */
tfm_status tfm__option_set(tfm_options *options, const tfm__option *row, const char *where,
                           const char *text, tfm_option_source source, tfm_err *err);

/** The value of a variable that is set to something; an empty one counts as not set. */
const char *tfm__variable(char *const *envp, const char *name);

/** Read the text of --shard, and what Slurm says about a job array, into its numbers. Errors:
 * TFM_E_USAGE, TFM_E_NOMEM. */
tfm_status tfm__options_shard(tfm_options *options, char *const *envp, tfm_err *err);

/** Name the files of --outdir that no option of their own names; a verb that does not write what
 * tells of a run has neither them nor --outdir. Errors: TFM_E_NOMEM. */
tfm_status tfm__options_outdir(tfm_options *options, tfm_err *err);

/** Let --model ORG/NAME stand for its folder in Hugging Face's cache of downloads, unless there is
 * such a path; a name that is in neither stays as it is. Errors: TFM_E_NOMEM. */
tfm_status tfm__options_hub(tfm_options *options, char *const *envp, tfm_err *err);

/** Read the text of --ranks into its number, or numbers. Errors: TFM_E_USAGE, TFM_E_NOMEM. */
tfm_status tfm__options_ranks(tfm_options *options, tfm_err *err);

/** Read the text of --verify into its number. Errors: TFM_E_USAGE. */
tfm_status tfm__options_verify(tfm_options *options, tfm_err *err);

/** Read a --config file into options. Errors: TFM_E_MISSING, TFM_E_USAGE, TFM_E_NOMEM. */
tfm_status tfm__options_read_config(tfm_options *options, const char *path, tfm_err *err);

/** The member of names (some may be NULL) that word was probably meant to be; NULL when none is
 * near. */
const char *tfm__nearest(const char *word, const char *const *names, int n);

/** The same over all long option names. */
const char *tfm__nearest_option(const char *word);

/** Text from outside for a message: quoted, control characters escaped, cut to fit. */
enum { TFM__QUOTED = 128 };
const char *tfm__quote(const char *text, char out[TFM__QUOTED]);

#endif
