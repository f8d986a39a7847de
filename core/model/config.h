/** What a checkpoint is: config.json, read strictly and put into one shape for all families. */
#ifndef TFM_CORE_MODEL_CONFIG_H
#define TFM_CORE_MODEL_CONFIG_H

#include "core/base/arena.h"
#include "core/base/status.h"
#include "core/kernels/activation.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tfm_arch tfm_arch; /* core/model/arch/registry.h */

/* X(NAME, "transformers' task name") */
#define TFM_TASK_MAP(X)                                                                        \
  X(NONE, "none")                                                                              \
  X(TEXT_CLASSIFICATION, "text-classification")                                                \
  X(TOKEN_CLASSIFICATION, "token-classification")                                              \
  X(QUESTION_ANSWERING, "question-answering")                                                  \
  X(FILL_MASK, "fill-mask")                                                                    \
  X(FEATURE_EXTRACTION, "feature-extraction")                                                  \
  X(TEXT_GENERATION, "text-generation")

#define TFM_TASK_ENUM(name, text) TFM_TASK_##name,
typedef enum { TFM_TASK_MAP(TFM_TASK_ENUM) TFM_TASK_COUNT } tfm_task;
#undef TFM_TASK_ENUM

const char *tfm_task_name(tfm_task task);
bool tfm_task_parse(const char *name, tfm_task *out);

/** How logits become scores (config key problem_type; else by the number of labels, as the
 * reference does: one label or multi_label: sigmoid, regression: as they are, else softmax). */
typedef enum { TFM_SCORE_SOFTMAX, TFM_SCORE_SIGMOID, TFM_SCORE_NONE } tfm_score_rule;

/** How the angles of rotary positions are stretched for longer texts than the model was first
 * trained on. Source: transformers, modeling_rope_utils.py. */
typedef struct {
  enum { TFM_ROPE_DEFAULT, TFM_ROPE_LINEAR, TFM_ROPE_LLAMA3, TFM_ROPE_YARN } kind;
  double factor;
  double low, high; /* llama3: low and high frequency factor; yarn: beta slow and fast */
  int64_t original; /* positions it was first trained on */
  double attention; /* what cosines and sines are multiplied with */
  bool
      dynamic; /* by the length a text has when a token comes, beyond max_position_embeddings */
  bool whole;  /* yarn: the range in between begins and ends at whole pairs */
} tfm_rope_scaling;

/** Which of a sequence's tokens the head sees what the last layer makes of: the first, the last or
 *  a marked one (batch.h), or those marked. The other tokens' rows are then nobody's. */
typedef enum {
  TFM_WANTED_ALL,
  TFM_WANTED_FIRST,
  TFM_WANTED_LAST,
  TFM_WANTED_MARKED
} tfm_wanted;

/** Plain data; strings and arrays live in its arena. Dimensions by the letters of
 * tensor/dims.h. */
typedef struct {
  const tfm_arch *arch;
  const char *model_type;   /* static */
  const char *architecture; /* architectures[0], or "" */
  tfm_task task;            /* whose head is used: what was asked for, else `own` */
  tfm_task own;             /* by the architecture's suffix; NONE when unknown */
  int64_t L, H, N, D, F, V;
  int64_t
      encoder; /* so many layers are an encoder's, those behind them a decoder's that also looks
                       at its output; 0: there is one kind of layers */
  int64_t decoder_F;       /* of the decoder's layers */
  int64_t G;               /* heads of keys and of values, N unless they are shared */
  int64_t positions;       /* rows of the position table */
  int64_t position_offset; /* the first token's row in it: 0 for BERT, pad id + 1 for RoBERTa */
  bool skip_pad; /* pad tokens do not count: they have row position_offset - 1, and the next is
                    where it would be without them */
  int64_t types; /* rows of the type table, 0 for none */
  int64_t max_length; /* most tokens of one sequence; tfm_config_reach() may raise it */
  int64_t trained;    /* what max_length was when the file had been read */
  bool endless; /* nothing has a row for each position: longer sequences can be computed */
  int64_t
      relative;    /* rows of the table of relative positions, by bucket of distance; 0: none */
  int64_t buckets; /* of those in use; 0: each distance has a row */
  int64_t farthest;      /* distances from here on share the last row */
  bool meets_key_rows;   /* queries meet rows of relative positions, as they meet keys */
  bool meets_query_rows; /* keys do, as they meet queries */
  int score_terms;       /* what a score is the sum of, for its scale */
  double score_width;    /* the width of heads, for its scale; 0: D */
  float score_cap;       /* scores are capped with it (kernels/attention.h); 0: they are not */
  float logit_cap;       /* likewise, of a language model's scores of the vocabulary */
  bool parallel;         /* attention and ffn of a layer see the same input */
  int64_t convolution; /* tokens a convolution beside the first layer sees; 0: there is none */
  tfm_activation convolution_act;
  double rope;       /* base of the angles queries and keys are turned by; 0: they are not */
  double rope_local; /* the base of local layers; 0: the same */
  int64_t turned;    /* floats of a head that are */
  tfm_rope_scaling scaling;
  bool causal;          /* a token sees itself and those before it */
  int64_t window;       /* local layers: so many tokens, itself included */
  const bool *local;    /* [L]; NULL: no layer is */
  bool scores_scaled;   /* by 1/sqrt(D), as everywhere but in some GPT-2 ... */
  bool scores_by_layer; /* ... and there also by 1/(layer + 1) */
  float norm_eps;
  tfm_activation act;
  bool sinusoidal;   /* positions have fixed vectors; files may lack the table */
  bool sines_to_end; /* of those, the last pair's angles grow by 1/10000, not those behind it */
  float word_scale;  /* the word table's rows are multiplied with */
  float head_scale;  /* what a language model's head sees is */
  int64_t start_id;  /* a decoder's first token (decoder_start_token_id); -1: none */
  int64_t eos_id;    /* ends an encoder's text; -1: none, or not one */
  int64_t E; /* width of the embedding tables, and of a masked-language head tied to them: H
                unless the family says otherwise */
  int64_t groups;    /* layers share the weights of so many groups of `inner` layers; 0: none */
  int64_t inner;     /* 1 unless layers are shared */
  uint64_t absent;   /* bit m: this model does not have module m of its family */
  uint64_t unbiased; /* bit m: module m has no bias */
  tfm_activation
      head_act;   /* of heads that leave it to config.json: act unless the family reads it */
  bool head_mean; /* heads of the first token take the mean over all tokens instead */
  bool tied;      /* the masked-language decoder is the word table (tie_word_embeddings) */
  int64_t nlabel; /* C; 0 for a model without a classification head */
  const char **labels; /* [nlabel], "LABEL_i" where config.json names none */
  tfm_score_rule score;
  tfm_wanted wanted; /* by the head's spec: ALL until a model is asked (model.h) */
  int64_t pad_id;    /* -1: none */
  tfm_arena arena;
} tfm_config;

/** Read folder/config.json. An unknown model_type, or a switch of the family that is not
 * supported, is TFM_E_UNSUPPORTED and named. gives: *config, release with tfm_config_fini().
 *  Errors: TFM_E_MISSING, TFM_E_IO, TFM_E_FORMAT (key, wanted, got), TFM_E_UNSUPPORTED,
 * TFM_E_NOMEM. */
tfm_status tfm_config_read(tfm_config *config, const char *folder, tfm_err *err) TFM_MUST_USE;

/** The same for the head of another task than the architecture's own; NONE: its own. */
tfm_status tfm_config_read_for(tfm_config *config, const char *folder, tfm_task task,
                               tfm_err *err) TFM_MUST_USE;

void tfm_config_fini(tfm_config *config);

enum { TFM_LENGTH_MOST = 1 << 20 /* tokens of a sequence of an endless model */ };

/** Let sequences of an endless model have so many tokens, at most TFM_LENGTH_MOST, if it is more
 * than they may have now. Before anything is made of config: tables are for max_length. */
void tfm_config_reach(tfm_config *config, int64_t longest);

/** The layer whose names a decoder behind an encoder has for what is there once a side: 0 else. */
static inline int64_t tfm_config_decoder(const tfm_config *config)
{
  return config->encoder > 0 && config->encoder < config->L ? config->encoder : 0;
}

/** Parameters of the whole model, embeddings and head included. */
int64_t tfm_config_parameters(const tfm_config *config);

#endif
