/** Element-wise functions, each with one definition of its bits: own polynomials with fused
 *  multiply-adds, no libm, equal on every instruction set and at every position of a vector.
 *
 *  Worst errors against double precision over all finite floats, held by tests (tolerance.h):
 *    gelu      1.5e-7 of max(1,|gelu|); the negative tail keeps a relative 4e-6 to x = -5
 *    gelu_new  2.5e-7 of max(1,|gelu_new|)
 *    silu      2.5e-7 relative for x >= -87; below, the result is under 1e-35 and may be zero
 *    sigmoid   the same
 *    tanh      2.5e-7 relative
 *    softmax   3e-7 relative, times 1 + |x - max|
 *  NaN gives NaN everywhere. An infinity gives a non-finite gelu, gelu_new and silu, so that an
 *  overflow stays visible, and the limit for tanh and sigmoid; relu keeps +infinity. Which NaN
 *  comes out is not part of the contract.
 */
#ifndef TFM_CORE_KERNELS_ACTIVATION_H
#define TFM_CORE_KERNELS_ACTIVATION_H

#include "core/base/par.h"
#include "core/kernels/precision.h"

#include <stdbool.h>
#include <stdint.h>

/* X(NAME, config.json's hidden_act spelling). GELU is the erf form, GELU_NEW the tanh form;
 * gelu_pytorch_tanh and gelu_fast are other spellings of GELU_NEW, swish of SILU. */
#define TFM_ACTIVATION_MAP(X)                                                                  \
  X(NONE, "linear")                                                                            \
  X(GELU, "gelu")                                                                              \
  X(GELU_NEW, "gelu_new")                                                                      \
  X(RELU, "relu")                                                                              \
  X(SILU, "silu")                                                                              \
  X(TANH, "tanh")

#define TFM_ACTIVATION_ENUM(name, text) TFM_ACT_##name,
typedef enum { TFM_ACTIVATION_MAP(TFM_ACTIVATION_ENUM) TFM_ACT_COUNT } tfm_activation;
#undef TFM_ACTIVATION_ENUM

const char *tfm_activation_name(tfm_activation act);

/** By hidden_act spelling; false for an unknown one. */
bool tfm_activation_parse(const char *name, tfm_activation *out);

/** y[i] = act(x[i]), n >= 0 elements; y may be x. */
void tfm_activate(tfm_activation act, const float *x, int64_t n, float *y);

/** The same as the epilogue of a layer of such a precision has it: of narrow ones, whose results
 *  are about to be rounded, both GELUs are within 5e-5 of their definitions everywhere (an infinity
 *  gives NaN), in half the operations; all else is tfm_activate(). */
void tfm_activate_after(tfm_precision precision, tfm_activation act, const float *x, int64_t n,
                        float *y);

/** The gate of a gated ffn: a = act(a) * b, where a row of x is a | b, F floats each.
 *
 *  x [R, 2*F] f32 in, out   rows ldx apart; b stays what it is
 *  Numerics: act as tfm_activate(), then one product, rounded.
 *  Threads:  tasks are runs of rows; no allocation, no locks.
 *  Source:   Dauphin et al. 2016 (arXiv 1612.08083), Shazeer 2020 (2002.05202). */
void tfm_gate(tfm_activation act, float *x, int64_t ldx, int64_t R, int64_t F, tfm_par *par);

/** y[i] = 1 / (1 + exp(-x[i])), n >= 0 elements; y may be x. */
void tfm_sigmoid(const float *x, int64_t n, float *y);

/** x[i] = cap * tanh(x[i] / cap) in place, each step rounded; cap > 0. Source: Gemma Team 2024
 * (arXiv 2408.00118), section 2. */
void tfm_softcap(float cap, float *x, int64_t n);

/** One row: y = exp(x - max x) * (1 / sum). The sum runs in 16 lanes (element i in lane i mod 16)
 *  and a tree by halves, so that the bits depend on n and the values only. Terms below exp(-87)
 *  are zero. A NaN or +infinity anywhere makes the whole row NaN. n >= 1; y may be x. */
void tfm_softmax(const float *x, int64_t n, float *y);

#endif
