/** Families of models as data. Room-private.
 *
 *  A model is made of modules; a family says which ones it has and what its checkpoints call
 * them. Everything that walks a model (checking shapes, loading, counting parameters and flops)
 * walks the one table below, so a new family is one file with one row, and a new kind of module
 * one line here.
 */
#ifndef TFM_CORE_MODEL_ARCH_REGISTRY_H
#define TFM_CORE_MODEL_ARCH_REGISTRY_H

#include "core/base/json.h"
#include "core/base/status.h"
#include "core/model/block.h"
#include "core/model/config.h"

#include <stdint.h>

/* X(NAME): the families, in arch/NAME.c each or beside their like. Tests may add some.
 */
#ifndef TFM__FAMILIES_OF_TESTS
#define TFM__FAMILIES_OF_TESTS(X)
#endif
#define TFM__FAMILY_MAP(X)                                                                     \
  X(bert)                                                                                      \
  X(roberta)                                                                                   \
  X(distilbert)                                                                                \
  X(electra)                                                                                   \
  X(albert)                                                                                    \
  X(mpnet)                                                                                     \
  X(nomic_bert)                                                                                \
  X(modernbert)                                                                                \
  X(deberta_v2)                                                                                \
  X(gpt2)                                                                                      \
  X(llama)                                                                                     \
  X(mistral)                                                                                   \
  X(qwen2)                                                                                     \
  X(qwen3)                                                                                     \
  X(gemma)                                                                                     \
  X(gemma2)                                                                                    \
  X(gpt_neox)                                                                                  \
  X(t5)                                                                                        \
  X(bart)                                                                                      \
  X(mbart)                                                                                     \
  X(marian)                                                                                    \
  X(pegasus)                                                                                   \
  X(m2m_100)                                                                                   \
  TFM__FAMILIES_OF_TESTS(X)

typedef enum {
  TFM__PART_EMBED,
  TFM__PART_SIGHT,     /* of all layers; every slice with an attention unit reads it */
  TFM__PART_POSITIONS, /* a layer's attention unit makes its rows of positions with it */
  TFM__PART_ATTENTION,
  TFM__PART_FFN,
  TFM__PART_FINAL, /* what ends the last unit */
  TFM__PART_HEAD
} tfm__part;

typedef enum {
  TFM__TABLE,       /* "<name>.weight" [rows,width] */
  TFM__LINEAR,      /* "<name>.weight" [rows,width]; "<name>.bias" [rows] unless it has none */
  TFM__CONVOLUTION, /* likewise, "<name>.weight" [rows,H,width/H] */
  TFM__NORM         /* the same with width 1, weight [rows]; old files: .gamma, .beta */
} tfm__kind;

/* X(NAME, part, kind, rows, width): axes by the letters of tensor/dims.h, and P rows of the
 * position table, Y types, R relative positions; E the width of the embedding tables, W of their
 * norm; I the head's inner width, O its outputs (labels, 2 for spans, V). Q is N*D, K is G*D, QKV
 * Q + 2*K. QKV stands for QUERY, KEY and VALUE in one, GATE_UP for GATE and UP; an ffn's activation
 * sees GATE where there is one. AFTER norms are of what a half layer adds to x. CONVOLUTION is
 * beside the first layer, over C tokens. CROSS modules are of layers of a decoder that look at an
 * encoder's output; F is then the layer's own side's. */
#define TFM__MODULE_MAP(X)                                                                     \
  X(WORD, EMBED, TABLE, V, E)                                                                  \
  X(POSITION, EMBED, TABLE, P, E)                                                              \
  X(TYPE, EMBED, TABLE, Y, E)                                                                  \
  X(EMBED_NORM, EMBED, NORM, W, ONE)                                                           \
  X(PROJECT, EMBED, LINEAR, H, E)                                                              \
  X(POSITION_BIAS, SIGHT, TABLE, R, N)                                                         \
  X(POSITION_ROWS, SIGHT, TABLE, R, H)                                                         \
  X(POSITION_NORM, SIGHT, NORM, H, ONE)                                                        \
  X(POSITION_KEY, POSITIONS, LINEAR, H, H)                                                     \
  X(POSITION_QUERY, POSITIONS, LINEAR, H, H)                                                   \
  X(QKV, ATTENTION, LINEAR, QKV, H)                                                            \
  X(QUERY, ATTENTION, LINEAR, Q, H)                                                            \
  X(KEY, ATTENTION, LINEAR, K, H)                                                              \
  X(VALUE, ATTENTION, LINEAR, K, H)                                                            \
  X(QUERY_NORM, ATTENTION, NORM, D, ONE)                                                       \
  X(KEY_NORM, ATTENTION, NORM, D, ONE)                                                         \
  X(CONTEXT, ATTENTION, LINEAR, H, Q)                                                          \
  X(ATTENTION_NORM, ATTENTION, NORM, H, ONE)                                                   \
  X(ATTENTION_AFTER, ATTENTION, NORM, H, ONE)                                                  \
  X(CROSS_QUERY, ATTENTION, LINEAR, Q, H)                                                      \
  X(CROSS_KEY, ATTENTION, LINEAR, K, H)                                                        \
  X(CROSS_VALUE, ATTENTION, LINEAR, K, H)                                                      \
  X(CROSS_CONTEXT, ATTENTION, LINEAR, H, Q)                                                    \
  X(CROSS_NORM, ATTENTION, NORM, H, ONE)                                                       \
  X(GATE_UP, FFN, LINEAR, F2, H)                                                               \
  X(GATE, FFN, LINEAR, F, H)                                                                   \
  X(UP, FFN, LINEAR, F, H)                                                                     \
  X(DOWN, FFN, LINEAR, H, F)                                                                   \
  X(FFN_NORM, FFN, NORM, H, ONE)                                                               \
  X(FFN_AFTER, FFN, NORM, H, ONE)                                                              \
  X(CONVOLUTION, FFN, CONVOLUTION, H, HC)                                                      \
  X(CONVOLUTION_NORM, FFN, NORM, H, ONE)                                                       \
  X(FINAL_NORM, FINAL, NORM, H, ONE)                                                           \
  X(HEAD_DENSE, HEAD, LINEAR, I, H)                                                            \
  X(HEAD_NORM, HEAD, NORM, I, ONE)                                                             \
  X(HEAD_OUT, HEAD, LINEAR, O, I)

#define TFM__MODULE_ENUM(name, part, kind, rows, width) TFM__MODULE_##name,
typedef enum { TFM__MODULE_MAP(TFM__MODULE_ENUM) TFM__MODULE_COUNT } tfm__module;
#undef TFM__MODULE_ENUM

/** What a module is in one model. */
typedef struct {
  tfm__kind kind;
  int64_t rows, width; /* width is 1 for a norm */
  bool bias;
} tfm__module_shape;

/** config.json's names of the dimensions all families have; "a|b": two spellings, of which the
 * first that is there counts. */
typedef struct {
  const char *hidden, *layers, *heads, *vocab;
  const char *positions; /* NULL: the family reads it */
  const char *ffn;       /* NULL: the family reads it */
  const char *head_dim;  /* NULL: hidden / heads */
  const char *types;     /* NULL: no type table */
  const char *norm_eps;  /* NULL: always the family's */
  const char *act;       /* NULL: the family reads it */
} tfm__config_keys;

/** Which rows of x a head looks at. */
typedef enum {
  TFM__VIEW_FIRST, /* each sequence's first token (config.head_mean: the mean over its tokens) */
  TFM__VIEW_LAST,  /* each sequence's marked token, or its last where none are marked */
  TFM__VIEW_EACH,  /* every token */
  TFM__VIEW_MARKED, /* the marked tokens, of which the best candidates are kept */
  TFM__VIEW_LM, /* every token, whose next one is known; or the marked ones, to be gone on from */
  TFM__VIEW_POOLED /* pooled as the job or modules.json says; has no modules of its own */
} tfm__view;

/** A head: y = out(norm(act(dense(view of x)))), where steps may be missing. In module names a
 * leading "@" stands for the checkpoint's prefix, "#" for the layer (for its group where layers
 * are shared, and then "%" for its place in the group), counted on its own side where there are
 * an encoder and a decoder: "$" is the side's name, "&" how many parts of a layer come before
 * its ffn. */
typedef struct {
  tfm_task task; /* TFM_TASK_NONE ends the list */
  tfm__view view;
  const char *dense;    /* [I,H]; NULL: none, and no act; I is H then */
  tfm_activation act;   /* after dense */
  bool config_act;      /* config.head_act instead */
  const char *norm;     /* [I]; NULL: none */
  const char *out;      /* [O,I] */
  const char *out_bias; /* the full name of out's bias where it may not be "<out>.bias" */
  bool plain;           /* out has no bias */
  bool narrow;          /* I is config.E */
  bool tied;            /* out's weight is the word table, unless config.tied is false */
  bool own_first;       /* tied, but the file's own weight counts where there is one */
  bool out_bias_maybe;  /* out_bias may not be there: zeros; a row of a matrix in files */
} tfm__head_row;

/** A family. */
struct tfm_arch {
  const char *model_type; /* config.json's */
  const char *const
      *sisters;       /* other model_types that are the same, NULL at the end; or NULL */
  const char *prefix; /* what a model with a head puts before its body's names: "bert." */
  tfm__config_keys keys;
  double norm_eps;    /* when config.json has none, as old files do */
  tfm_activation act; /* likewise */
  int64_t pad_id;     /* likewise */
  /* Reads what only this family has and refuses, by name, the switches that are not supported.
   * The dimensions are in *config already. */
  tfm_status (*read)(tfm_config *config, const tfm_json *json, tfm_err *err);
  const char *module[TFM__MODULE_COUNT]; /* names; NULL: the family has none of these */
  bool causal;                           /* a token sees itself and those before it */
  bool rms;           /* norms are by the root mean square and have no bias */
  bool gain_less_one; /* files have a norm's gain less 1 */
  bool qkv_by_head;   /* QKV has query, key and value of the first head, then of the next */
  bool first_bare;    /* the first layer has no ATTENTION_NORM */
  bool transposed;    /* files have the weights of layers as [width,rows] */
  bool project_first; /* the embedding norm comes after the projection, not before it */
  tfm__module sum[4]; /* tables in the order the reference adds them; TFM__MODULE_COUNT ends */
  const tfm__block *block;
  const tfm__head_row *heads; /* one a task; every family has feature-extraction besides */
};

/** The row of a model_type; NULL for an unknown one. *name is the static spelling of it. */
const tfm_arch *tfm__arch_find(const char *model_type, const char **name);

/** The i-th row; NULL after the last. */
const tfm_arch *tfm__arch_at(int i);

/** The head of a task; NULL when the family has none for it. */
const tfm__head_row *tfm__arch_head(const tfm_arch *arch, tfm_task task);

/** A module's name with "@" and "#" still in it; NULL when this model has no such module. */
const char *tfm__module_name(const tfm_config *config, tfm__module module);

tfm__part tfm__module_part(tfm__module module);
tfm__module_shape tfm__module_shape_of(const tfm_config *config, tfm__module module);

/** The same in one layer. */
tfm__module_shape tfm__module_shape_in(const tfm_config *config, tfm__module module,
                                       int64_t layer);

/** Weights and biases of a module of a layer; 0 where the model has none. */
int64_t tfm__module_floats(const tfm_config *config, tfm__module module, int64_t layer);

/** Whether a file has the module's weight as [width,rows]. */
bool tfm__stored_transposed(const tfm_config *config, tfm__module module);

/** Weights and biases of one part (of the first layer, for the parts of a block). */
int64_t tfm__part_floats(const tfm_config *config, tfm__part part);

/** Whether this layer lacks a module that others have. */
bool tfm__layer_lacks(const tfm_config *config, tfm__module module, int64_t layer);

/** The layer whose attention, or whose ffn, this unit does; -1 for none. They are its own two but
 * for a first layer with a convolution beside it, and for layers whose halves see the same input,
 * which the ffn unit does as a whole. */
int64_t tfm__unit_attention(const tfm_config *config, int64_t unit);
int64_t tfm__unit_ffn(int64_t unit);

/** Weights and biases of the modules that bear a unit's name, whichever unit holds them. */
int64_t tfm__unit_floats(const tfm_config *config, int64_t unit);

/** Say that this model has no such module. */
void tfm__config_without(tfm_config *config, tfm__module module);

/** Say that this module has no bias in this model: zeros are added, or nothing. */
void tfm__config_without_bias(tfm_config *config, tfm__module module);

/** Which of the file's layers is layer `layer` of the model: itself, unless layers are shared. */
int64_t tfm__layer_stored(const tfm_config *config, int64_t layer);

/** The last unit before `unit` with the same weights; -1 when there is none. */
int64_t tfm__unit_twin(const tfm_config *config, int64_t unit);

#define TFM__FAMILY_ROW(name) extern const tfm_arch tfm__arch_##name;
TFM__FAMILY_MAP(TFM__FAMILY_ROW)
#undef TFM__FAMILY_ROW

#endif
