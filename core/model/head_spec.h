/** What a job asks of a model's head, and what comes out of it. Plain data that travels to every
 * rank in START. */
#ifndef TFM_CORE_MODEL_HEAD_SPEC_H
#define TFM_CORE_MODEL_HEAD_SPEC_H

#include "core/model/config.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, "word", "key of an old Pooling/config.json"): how the vectors of a sequence's tokens
 * become one. The order is the one old folders join several in. Source: sentence-transformers,
 * modules/pooling.py. */
#define TFM_POOLING_MAP(X)                                                                     \
  X(CLS, "cls", "pooling_mode_cls_token")                                                      \
  X(MAX, "max", "pooling_mode_max_tokens")                                                     \
  X(MEAN, "mean", "pooling_mode_mean_tokens")                                                  \
  X(MEAN_SQRT_LEN, "mean_sqrt_len", "pooling_mode_mean_sqrt_len_tokens")                       \
  X(WEIGHTED_MEAN, "weightedmean", "pooling_mode_weightedmean_tokens")                         \
  X(LAST_TOKEN, "lasttoken", "pooling_mode_lasttoken")

/* AUTO: as modules.json says, else the mean; EACH: no pooling, a vector a token. */
#define TFM_POOLING_ENUM(name, text, key) TFM_POOLING_##name,
typedef enum {
  TFM_POOLING_AUTO,
  TFM_POOLING_MAP(TFM_POOLING_ENUM) TFM_POOLING_EACH,
  TFM_POOLING_COUNT
} tfm_pooling;
#undef TFM_POOLING_ENUM

typedef enum { TFM_NORMALIZE_AUTO, TFM_NORMALIZE_ON, TFM_NORMALIZE_OFF } tfm_normalize;

/* What a language model's head gives. SCORE: of each token how likely the next one was; NEXT: the
 * token to follow each marked one. */
typedef enum { TFM_LM_NONE, TFM_LM_SCORE, TFM_LM_NEXT, TFM_LM_COUNT } tfm_lm;

/* What is said of runs of ids (tfm_head_spec.said). BIAS: added to the score of the last of them
 * where the others come before it; BAD: the last cannot follow the others; NEVER: the only id never
 * comes; NOT_FIRST: nor as the first one. */
typedef enum {
  TFM_SAID_BIAS,
  TFM_SAID_BAD,
  TFM_SAID_NEVER,
  TFM_SAID_NOT_FIRST,
  TFM_SAID_COUNT
} tfm_said;

/** How the next token is chosen (core/model/choose.h); zeros: the likeliest. */
typedef struct {
  bool sample;
  int64_t seed;
  double temperature, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff; /* 0: not said */
  double repetition_penalty;                                               /* 0 or 1: none */
  int64_t no_repeat_ngram;                                                 /* 0: none */
  int64_t min_new, min_length; /* tokens before one of those that end a text, added and all */
  int64_t force_first,
      force_last; /* id + 1 that follows a first token, that comes last; 0: none */
  int64_t last_new, last_length; /* tokens added, and all, at most: which one is last; 0: any */
  int64_t decay_after;           /* scores of ends grow after so many added tokens ... */
  double decay;                  /* ... by this factor; 0: they do not */
  bool renormalize;              /* candidates' scores are log-probabilities at the end */
  int64_t branches;              /* texts that grow side by side from one; 0: 1. Slots of one
                                        text are a run of so many */
  int64_t candidates;            /* > 0: a row is so many of them, to choose from elsewhere */
} tfm_choice;

enum { TFM_HEAD_ONLY_MOST = 2048 };

/** Zero-initialised: the model's own task, everything as its files say. */
typedef struct {
  tfm_task task; /* whose head; NONE: the model's own */
  tfm_pooling pooling;
  tfm_normalize normalize; /* to length 1, after everything else; AUTO: as modules.json */
  int64_t dims;            /* keep the first so many dimensions; 0: all of them */
  int64_t top_k;           /* fill-mask: candidates of a mask, best first; 0: all */
  int32_t nonly;           /* fill-mask: > 0: these tokens' scores instead, in order */
  int32_t only[TFM_HEAD_ONLY_MOST];
  tfm_lm lm; /* text-generation; NEXT: top_k candidates are drawn from, and `only` are the
                        tokens that end a text */
  tfm_choice choice; /* NEXT */
  int32_t nsaid; /* NEXT: what is said of runs of ids, one after the other: tfm_said, length, */
  int32_t said[TFM_HEAD_ONLY_MOST]; /* the ids, the bits of the bias as a float */
} tfm_head_spec;

/** What one row of results belongs to. */
typedef enum {
  TFM_ROWS_NONE,     /* there is no head for the task */
  TFM_ROWS_SEQUENCE, /* one row a sequence */
  TFM_ROWS_TOKEN,    /* one row a token */
  TFM_ROWS_MARK      /* one row a marked token (batch.h), none for a sequence without marks */
} tfm_rows;

/** The shape of results: rows of `width` floats, sequence after sequence.
 *  text-classification [labels] and token-classification [labels]: logits.
 *  question-answering [2]: start and end logit of a token.
 *  fill-mask: [2k]: k probabilities, best first (of equals the lower id), then their k ids as
 *    floats (exact: ids are below 2^24); with `only` [nonly] probabilities.
 *  feature-extraction: the vector.
 *  text-generation, NEXT [2]: the id as a float, and the natural logarithm of its probability; of
 *    several branches so many of these pairs, where they part, later the first; with candidates
 *    [2k]: ids, best first, and scores, sampled [3k]: and what they were drawn by (choose.h);
 *    SCORE [1]: the natural logarithm of the next token's probability; 0 of a
 *    sequence's last token. */
typedef struct {
  tfm_rows rows;
  int64_t width;
} tfm_head_shape;

/** How many rows of results a sequence of n tokens with so many marks has. */
static inline int64_t tfm_head_rows(tfm_rows rows, int64_t n, int64_t nmark)
{
  return rows == TFM_ROWS_SEQUENCE ? 1 : rows == TFM_ROWS_TOKEN ? n : nmark;
}

const char *tfm_pooling_name(tfm_pooling pooling);

#endif
