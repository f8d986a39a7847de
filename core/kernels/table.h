/** What one instruction set offers: a table of functions, filled once per kernels_<isa>.c from
 * the same source (kernels_body.inc). Room-private.
 *
 *  A strip is the packed form all products read: rows of a row-major matrix, transposed so that
 * one step of k finds its rows side by side. Weights, keys and values are strips of 16 columns
 *  ("panels"). Rows of activations are not transposed (tfm__form).
 */
#ifndef TFM_CORE_KERNELS_TABLE_H
#define TFM_CORE_KERNELS_TABLE_H

#include "core/kernels/activation.h"
#include "core/kernels/isa.h"
#include "core/kernels/precision.h"

#include <stdint.h>

enum {
  TFM__LANES = 16,     /* floats of a vector and columns of a panel */
  TFM__TILE_ROWS = 14, /* the highest tile of any instruction set */
  TFM__TILE_VECS = 2,  /* the widest, in panels */
  TFM__QUAD = 4        /* panels of weights in groups, a line of bytes a step of k */
};

/** How the left operand lies: rows side by side, k steps a_step apart; or each row by itself,
 * TFM__ROW_STEP apart, k steps side by side. */
typedef enum { TFM__STRIP, TFM__ROWS, TFM__FORMS } tfm__form;

/* Words: a K block of a linear layer and a bit more, so that the same word of two rows in turn is
 * neither in one bank nor in one set of L1. */
enum { TFM__ROW_STEP = 192 + 4 };

/** Where rows of activations and a run of panels are read, and how far the next k is. */
typedef struct {
  const float *a;
  int64_t a_step;
  const float *b; /* panels; of strips k steps are 16 apart, of rows b_step */
  int64_t b_step;
  int64_t b_next; /* from a panel to the next */
  const float
      *ahead; /* what comes next, fetched into the cache on the way: a line a step, and */
  int64_t ahead_more; /* the one so far behind it, if that is another */
  int64_t ahead_step;
} tfm__operands;

/** What becomes of the old c. */
enum { TFM__TILE_SET, TFM__TILE_ADD, TFM__TILE_GO_ON };

/** c = sum over k of a[k] * b[k], one chain of fused multiply-adds from zero per element; ADD: the
 * old c plus that; GO_ON: the chain begins at the old c. c has ldc floats a row. */
typedef void (*tfm__tile_fn)(const tfm__operands *from, int64_t k, float *c, int64_t ldc,
                             int add);

/** Tiles of 1.. panels and 1.. rows. Those of bfloat16 and int8 read words of two and four values
 *  where float32 reads a float, and k counts words; c of int8 holds integers of 32 bits. */
typedef tfm__tile_fn tfm__tiles[TFM__FORMS][TFM__TILE_VECS][TFM__TILE_ROWS];

/** Weights in groups: a K block of a quad is, group by group, the scales of its 64 columns and then
 *  a line of 64 bytes for each step of k. In words: */
enum {
  TFM__GROUP_LINE = TFM__QUAD * TFM__LANES / 4,
  TFM__GROUP_SCALES = TFM__QUAD * TFM__LANES
};

/** Tiles of a quad and 1.. rows: c = a times those weights, each float(byte) * scale, as above; SET
 *  or ADD. b is the block; ahead moves ahead_step for each of its lines. */
typedef tfm__tile_fn tfm__group_tiles[TFM__TILE_ROWS];

/** A finished tile on its way out: y = residual + act(c + bias). Of int8, c is first made a float:
 *  (c - shift) * row_scale * col_scale, each operation rounded. */
typedef struct {
  const float *c;
  const float *row_scale; /* [rows], NULL unless int8 */
  const float *col_scale; /* [cols], readable as bias is */
  const float *shift;     /* [cols] integers of 32 bits, likewise */
  int64_t ldc;
  int64_t rows;
  int64_t cols;          /* 1..64; bias is readable up to the next multiple of 16 */
  const float *bias;     /* never NULL */
  const float *residual; /* NULL for none */
  int64_t ldr;
  float *y;
  int64_t ldy;
} tfm__finish;

typedef void (*tfm__finish_fn)(const tfm__finish *tile);

/** Rows to normalise, H floats each. */
typedef struct {
  const float *x;
  int64_t ldx;
  int64_t rows;
  int64_t H;
  const float *gain;
  const float *bias;
  float eps;
  float *y;
  int64_t ldy;
} tfm__norm_rows;

/** `rows` rows of n floats, ldx apart, as bfloat16, rows `apart` bytes apart: nearest, ties to
 *  even; denormals become zeros. */
typedef void (*tfm__to_bfloat16_fn)(const float *x, int64_t ldx, int64_t rows, int64_t n,
                                    unsigned char *out, int64_t apart);

typedef struct {
  tfm_isa isa;
  int tile_rows;                   /* tiles of 1..tile_rows rows ... */
  int tile_vecs;                   /* ... and 1..tile_vecs panels */
  const tfm__tiles *tile;          /* of float32; its neighbours: */
  const tfm__tiles *tile_bfloat16; /* where no instruction does it at once */
  const tfm__tiles *tile_int8;
  const tfm__group_tiles *tile_groups; /* as high as the others */

  /* k steps of panels [first, first + 2) of a quad in groups as floats, both side by side. */
  void (*ungroup)(const float *quad, int64_t k, int first, float *out);

  /* rows (1..step) rows of x, ldx apart, as a strip: out[j*step + i] = x[i*ldx + j], j < k;
   * zero for i >= rows. step <= 16. Writes up to 16 - step floats past the strip. */
  void (*pack)(const float *x, int64_t ldx, int64_t rows, int64_t k, int64_t step, float *out);

  tfm__to_bfloat16_fn to_bfloat16;

  /* words[i] = even[i] and, in its upper half, odd[i], as bfloat16. words may be even. */
  void (*pair_bfloat16)(const float *even, const float *odd, int64_t n, float *words);

  /* Of n values what bfloat16.h does, its numerics: x as bfloat16, and back; both in place. */
  void (*narrow)(const float *restrict x, int64_t n, uint16_t *restrict y);
  void (*widen)(const uint16_t *restrict x, int64_t n, float *restrict y);
  void (*round_narrow)(float *x, int64_t n);

  /* The largest magnitude of a row; NaN when the row is not finite. */
  float (*reach)(const float *x, int64_t n);

  /* The same of x[i] * by[i], rounded. */
  float (*reach_by)(const float *x, const float *by, int64_t n);

  /* n floats times inverse, to the nearest integer, ties to even, plus `shift`, as bytes. The
   * products are within 127.5. */
  void (*to_int8)(const float *x, int64_t n, float inverse, int shift, unsigned char *out);

  /* The same of x[i] * by[i], rounded. */
  void (*to_int8_by)(const float *x, const float *by, int64_t n, float inverse, int shift,
                     unsigned char *out);

  tfm__finish_fn finish[TFM_ACT_COUNT];
  void (*activate[TFM_ACT_COUNT])(const float *x, int64_t n, float *y);

  /* Of those that have a rougher form for narrow layers, that one; others NULL. */
  tfm__finish_fn finish_rough[TFM_ACT_COUNT];
  void (*activate_rough[TFM_ACT_COUNT])(const float *x, int64_t n, float *y);
  void (*sigmoid)(const float *x, int64_t n, float *y);
  void (*softmax)(const float *x, int64_t n, float *y);

  /* Softmax down the columns of s [n, 16*vecs], each first times scale: the bits of softmax()
   * on that column. In place. */
  void (*softmax_columns)(float *s, int64_t n, int64_t vecs, float scale);

  void (*norm_rows)(const tfm__norm_rows *norm);
  void (*rms_rows)(const tfm__norm_rows *norm); /* bias is not looked at */
} tfm__kernels;

extern const tfm__kernels tfm__kernels_portable;
extern const tfm__kernels tfm__kernels_avx2;
extern const tfm__kernels tfm__kernels_avx512;

/** Tiles of instructions that a CPU of that table may have besides. */
extern const tfm__tiles tfm__tiles_avx512bf16; /* AVX512_BF16, for avx512 */
extern const tfm__tiles tfm__tiles_avx512vnni; /* AVX512_VNNI, for avx512 */
extern const tfm__tiles tfm__tiles_avxvnni;    /* AVX_VNNI, for avx2 */

/** to_bfloat16() and pair_bfloat16() of such a CPU. */
typedef void (*tfm__pair_bfloat16_fn)(const float *even, const float *odd, int64_t n,
                                      float *words);
void tfm__to_bfloat16_avx512bf16(const float *x, int64_t ldx, int64_t rows, int64_t n,
                                 unsigned char *out, int64_t apart);
void tfm__pair_bfloat16_avx512bf16(const float *even, const float *odd, int64_t n,
                                   float *words);

/** The table in use; the best one when none was chosen. */
const tfm__kernels *tfm__kernels_used(void);

/** The fastest tiles of a precision that go with the table in use; all give the same bits. Those of
 *  groups are float32's, over floats. */
const tfm__tiles *tfm__tiles_used(tfm_precision precision);

/** What finishes tiles of layers of this precision. */
tfm__finish_fn tfm__finish_used(tfm_precision precision, tfm_activation act);

/** The fastest to_bfloat16() and pair_bfloat16() likewise. */
tfm__to_bfloat16_fn tfm__to_bfloat16_used(void);
tfm__pair_bfloat16_fn tfm__pair_bfloat16_used(void);

/** First of `parts` nearly equal pieces of 0..total: piece i is [share(i), share(i+1)). */
static inline int64_t tfm__share(int64_t total, int64_t parts, int64_t i)
{
  return total / parts * i + (i < total % parts ? i : total % parts);
}

#endif
