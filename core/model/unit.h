/** A unit's weights: loaded, counted, tested. Room-private. */
#ifndef TFM_CORE_MODEL_UNIT_H
#define TFM_CORE_MODEL_UNIT_H

#include "core/kernels/linear.h"
#include "core/model/loader.h"
#include "core/model/model.h"
#include "core/model/sight.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tfm__beside tfm__beside;
typedef struct tfm__cross tfm__cross;

/** Packed weights of one unit; zero-initialised is empty, and does nothing. Norms are [2,width],
 * gain, then bias; NULL where there is none. */
typedef struct {
  tfm_linear *in;               /* attention: query, key and value in one [(N+2G)*D,H];
                                   ffn: up [F,H] or, gated, gate and up [2F,H] */
  tfm_linear *out;              /* attention: [H,N*D]; ffn: down [H,F] */
  float *norm;                  /* of H */
  float *after;                 /* of H, what the half layer adds to x, or NULL */
  float *query_norm, *key_norm; /* attention: of D, of each head of them */
  float *final; /* ffn of a last layer, of each side: of H, the norm that ends it */
  float *key_rows, *query_rows; /* attention: relative positions as queries and keys meet them,
                                   packed by tfm_attention_pack(), or NULL */
  size_t position_bytes;        /* of each of these */
  int64_t H, D;                 /* widths of norms */
  int64_t F;                    /* ffn: its inner width */
  float scale;                  /* attention: of scores */
  tfm__sees sees;               /* attention: which keys */
  int64_t page_offset;          /* attention: floats before its part of a page */
  tfm__beside *beside;          /* ffn that does the whole layer: all else of it, or NULL */
  tfm__cross *cross;            /* attention: the second one, to an encoder's output, or NULL */
  bool shared;                  /* with a unit before it, which frees them */
  bool on_shelf;                /* all of it is where the loader's shelf is */
  const char *in_name, *out_name; /* the family's, static */
} tfm__unit;

/** What an ffn's unit has that does a whole layer, and the attention's unit nothing: where a
 * convolution of a first layer's input is beside it, which is added behind the ffn, or where
 * attention and ffn see the same input. */
struct tfm__beside {
  tfm__unit attention;
  tfm_linear *convolution; /* [H, tokens*H]: a token between its neighbours, side by side; NULL:
                              there is none, and no norm */
  int64_t tokens;          /* odd */
  float *norm;             /* of H */
};

/** A decoder's attention to what the encoder made of the source. */
struct tfm__cross {
  tfm_linear *query; /* [N*D,H] of tokens */
  tfm_linear *keys;  /* keys and values in one [2G*D,H], of the source */
  tfm_linear *out;   /* [H,N*D] */
  float *norm;       /* of H */
};

/** Which keys the attention of a layer sees. */
tfm__sees tfm__layer_sees(const tfm_config *config, int64_t layer);

/** Read and pack unit u (2l attention of layer l, 2l+1 its ffn). On failure *unit holds what
 * was loaded; release with tfm__unit_fini() either way. */
tfm_status tfm__unit_load(tfm__unit *unit, const tfm__loader *loader, int64_t u,
                          tfm_err *err) TFM_MUST_USE;
void tfm__unit_fini(tfm__unit *unit);

/** Bytes of what the unit holds. */
size_t tfm__unit_bytes(const tfm__unit *unit);

typedef void (*tfm__block_fn)(void *arg, const void *p, size_t bytes);

/** Calls fn for each block of memory the unit holds (biases of products aside). */
void tfm__unit_each_block(const tfm__unit *unit, tfm__block_fn fn, void *arg);

/** The name of a linear layer that did not pass tfm_linear_probe(); NULL when all did. */
const char *tfm__unit_probe(const tfm__unit *unit);

#endif
