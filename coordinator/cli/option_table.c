#include "coordinator/cli/option_table.h"

#include "coordinator/cli/choices.h"

#define VERB(name) (1u << TFM_VERB_##name)

enum {
  SCORE = VERB(RUN) | VERB(CLASSIFY) | VERB(NER) | VERB(QA) | VERB(FILL_MASK) |
          VERB(ZERO_SHOT) | VERB(EMBED) | VERB(RERANK) | VERB(SCORE) | VERB(GENERATE) |
          VERB(CHAT) | VERB(TRANSLATE) | VERB(SUMMARIZE),
  WHOLE = VERB(RUN) | VERB(VERIFY) | VERB(SCALE), /* of any task */
  CLASSES = WHOLE | VERB(CLASSIFY),
  TOKENS = WHOLE | VERB(NER),
  ANSWERS = WHOLE | VERB(QA),
  MASKS = WHOLE | VERB(FILL_MASK),
  CANDIDATES = WHOLE | VERB(ZERO_SHOT),
  RANKS = WHOLE | VERB(RERANK),
  TRANSLATIONS = WHOLE | VERB(TRANSLATE),
  TEXTS = TRANSLATIONS | VERB(GENERATE) | VERB(SUMMARIZE) | VERB(CHAT),
  VECTORS = WHOLE | VERB(EMBED),
  WRITE = SCORE | VERB(TOKENIZE),
  READ = WRITE | VERB(VERIFY) | VERB(BENCH) | VERB(SCALE),
  LOOK = READ | VERB(PLAN),
  ROWS = WRITE | VERB(VERIFY),
  RUNNING = SCORE | VERB(VERIFY) | VERB(SCALE),
  LAYOUT = RUNNING | VERB(PLAN) | VERB(EXPLAIN),
  MODEL = READ | VERB(PLAN) | VERB(INSPECT) | VERB(EXPLAIN),
  ANY = (1u << TFM_VERB_COUNT) - 1
};

#define AT(member) .at = offsetof(tfm_options, member)
#define COUNTED(list, count)                                                                   \
  .at = offsetof(tfm_options, list), .count_at = offsetof(tfm_options, count)

/* Limits are far beyond sense and far below overflow: what fits the machine is for the planner. */
enum {
  MOST_TOKENS = 1 << 24,
  MOST_ROWS = 1 << 20,
  MOST_RANKS = 1 << 16,
  MOST_THREADS = 4096,
  MOST_SECONDS = 1 << 30
};

/* The order is the order of the help. */
static const tfm__option rows[] = {
#include "coordinator/cli/option_model.inc"

#include "coordinator/cli/option_input.inc"

#include "coordinator/cli/option_output.inc"

#include "coordinator/cli/option_task.inc"

#include "coordinator/cli/option_cluster.inc"

#include "coordinator/cli/option_submit.inc"

#include "coordinator/cli/option_general.inc"
};

enum { NROW = sizeof rows / sizeof rows[0] };
_Static_assert((int)NROW <= (int)TFM__OPTION_MAX,
               "tfm_options.source has a place for every row");
_Static_assert(sizeof(((tfm_options *)0)->source) / sizeof(tfm_option_source) ==
                   TFM__OPTION_MAX,
               "tfm_options.source has TFM__OPTION_MAX places");

const tfm__option *tfm__option_rows(int *n)
{
  *n = NROW;
  return rows;
}
