/** What loading and watching know of smoothing. Room-private. */
#ifndef TFM_CORE_MODEL_SMOOTH_PRIVATE_H
#define TFM_CORE_MODEL_SMOOTH_PRIVATE_H

#include "core/model/arch/registry.h"
#include "core/model/loader.h"
#include "core/model/smooth.h"

enum { TFM__PLACE_NAME = 48, TFM__PLACE_MODULES = 4 };

/* X(NAME, "as files call it", modules side by side in one linear layer) */
#define TFM__PLACE_MAP(X)                                                                      \
  X(ATTENTION_IN, "attention.in", TFM__MODULE_QKV, TFM__MODULE_QUERY, TFM__MODULE_KEY,         \
    TFM__MODULE_VALUE)                                                                         \
  X(ATTENTION_OUT, "attention.out", TFM__MODULE_CONTEXT)                                       \
  X(CROSS_QUERY, "cross.query", TFM__MODULE_CROSS_QUERY)                                       \
  X(CROSS_KEYS, "cross.keys", TFM__MODULE_CROSS_KEY, TFM__MODULE_CROSS_VALUE)                  \
  X(CROSS_OUT, "cross.out", TFM__MODULE_CROSS_CONTEXT)                                         \
  X(FFN_IN, "ffn.in", TFM__MODULE_GATE_UP, TFM__MODULE_GATE, TFM__MODULE_UP)                   \
  X(FFN_OUT, "ffn.out", TFM__MODULE_DOWN)                                                      \
  X(CONVOLUTION, "convolution", TFM__MODULE_CONVOLUTION)                                       \
  X(WORDS, "words", TFM__MODULE_HEAD_OUT)

/** A linear layer's place in a layer of the model; WORDS: a language model's head. */
#define TFM__PLACE_ENUM(name, text, ...) TFM__PLACE_##name,
typedef enum { TFM__PLACE_MAP(TFM__PLACE_ENUM) TFM__PLACE_COUNT } tfm__place;
#undef TFM__PLACE_ENUM

/** The place a module has a part of; COUNT for one that is in no such layer. */
tfm__place tfm__place_of(tfm__module module);

/** "3.ffn.in", "words"; layers that share their weights have one name, the first one's. */
void tfm__place_name(char name[TFM__PLACE_NAME], const tfm_config *config, tfm__place place,
                     int64_t layer);

/** The width of a model's layer there; 0 where it has none, or none whose inputs int8 rounds. */
int64_t tfm__place_width(const tfm_config *config, tfm__place place, int64_t layer);

/** Whether the layers of a place have scales: all of a file's, from the weights the attention's. */
bool tfm__smooth_has(const tfm_smooth *smooth, tfm__place place);

/** Bytes of the factors of unit u, and of the head. */
int64_t tfm__smooth_unit_bytes(const tfm_smooth *smooth, const tfm_config *config, int64_t u);
int64_t tfm__smooth_head_bytes(const tfm_smooth *smooth, const tfm_config *config);

/** The scales of the inputs of one linear layer that has some, as loader->engine.smooth has them.
 *  column [width]: the largest magnitudes of its weights for each input. scale [width] out. Errors:
 *  TFM_E_FORMAT (the file has no such layer), those of weights.h. */
tfm_status tfm__smooth_scales(const tfm__loader *loader, tfm__place place, int64_t layer,
                              const float *column, int64_t width, float *scale,
                              tfm_err *err) TFM_MUST_USE;

/** smooth_estimate.c: how large each input of a layer's attention is beside the others, from the
 *  weights alone. reach [width] out; all the same where nothing is known. Errors: of weights.h. */
tfm_status tfm__smooth_estimate(const tfm__loader *loader, int64_t layer, int64_t width,
                                float *reach, tfm_err *err) TFM_MUST_USE;

/** smooth_file.c: read a scales file. Errors: of tfm_smooth_open(), but for what the model says. */
tfm_status tfm__smooth_read(tfm_smooth *smooth, const char *path, char model[TFM_SHA256_HEX],
                            tfm_err *err) TFM_MUST_USE;

/** One layer more, with zeros. gives: its place in smooth, NULL without memory. */
tfm_smooth_layer *tfm__smooth_add(tfm_smooth *smooth, const char *name, int64_t width);

/** By name; NULL when it is not there. */
const tfm_smooth_layer *tfm__smooth_find(const tfm_smooth *smooth, const char *name);

#endif
