/** Products of tiles, 16 rows of 16 words each: what AMX keeps in a register. Room-private.
 *
 *  The loops over tiles are written once (amx_body.inc), over eight registers that are loaded,
 *  stored and multiplied. amx_silicon.c makes them of AMX's instructions; amx_{portable,avx2,
 *  avx512}.c of a model of these instructions by their manual, for CPUs without them and for
 *  tests.
 *
 *  What TDPBF16PS does to an output c, given 16 words of x and of w: the products of the low
 *  halves are summed from zero by fused multiply-adds, in order, and so are those of the high
 *  halves; c += low + high. Sums that would be denormal are zeros. TDPBUSD adds exact integers. */
#ifndef TFM_CORE_KERNELS_AMX_H
#define TFM_CORE_KERNELS_AMX_H

#include <stdbool.h>
#include <stdint.h>

enum {
  TFM__AMX_STEP = 16,     /* words of K of one product, rows and columns of a tile */
  TFM__AMX_STRIP = 32,    /* rows that share a load of weights: two tiles */
  TFM__AMX_GROUP = 32,    /* columns that share a load of rows: two panels */
  TFM__AMX_PIECES = 3,    /* most of a float32 */
  TFM__AMX_BLOCK = 128,   /* words of K of a group whose weights stay in L1 (16 KiB) ... */
  TFM__AMX_SPLIT = 64,    /* ... for each of two or three pieces (16 or 24 KiB) */
  TFM__AMX_ROWS = 256,    /* of a task: as often each weight that comes from L3 is used */
  TFM__AMX_COLS = 512,    /* of a task, at most */
  TFM__AMX_WORDS = 131072 /* of a task's rows at a time: half a megabyte of L2 */
};

/** Some rows times a group, over one block of K: c = (go_on ? c : 0) + a b. */
typedef struct {
  const float *a; /* words [rows, a strip's more at most][a_row]; pieces are a_piece apart */
  int64_t a_row;
  int64_t a_piece;
  const float *b[2];       /* panels: words [step][16] rows of 16, b_row apart */
  const float *last[2];    /* of int8: the last step of each, perhaps a padded copy */
  int64_t b_row, last_row; /* from a row of b, or of last, to the next */
  int64_t b_piece;         /* from a piece to the next */
  const float *ahead;      /* fetched on the way: what comes next ... */
  int64_t ahead_step;      /* ... a line of 16 words this often for each step of each strip */
  int64_t steps;
  float *c; /* [rows, whole strips][32] */
  int64_t rows;
  bool wide; /* both panels are there */
  bool go_on;
} tfm__amx_panel;

/** The ways of one set of instructions. */
typedef struct {
  void (*int8)(const tfm__amx_panel *panel);
  /* bfloat16 in 1..3 pieces a number: for each step the products of pieces whose places add up to
   * less than their count, last piece of w first, then last of x. */
  void (*pieces[TFM__AMX_PIECES])(const tfm__amx_panel *panel);
  void (*begin)(void); /* before and after the panels of a task, in its thread */
  void (*end)(void);
  int64_t task; /* multiply-adds of a task, at most: about 2 ms */
} tfm__amx;

extern const tfm__amx tfm__amx_portable;
extern const tfm__amx tfm__amx_avx2;
extern const tfm__amx tfm__amx_avx512;
extern const tfm__amx tfm__amx_silicon; /* once tfm__amx_permitted() */

/** Whether this CPU has AMX-TILE, AMX-BF16 and AMX-INT8 and the system lets this process use them,
 *  which it is asked for here. */
bool tfm__amx_permitted(void);

/** Whether both give the same bits for whatever is tried here: int8 and bfloat16 in 1..3 pieces.
 *  So AMX is held against the model of its manual in every process that could use it, which takes
 *  a fraction of a millisecond. */
bool tfm__amx_agrees(const tfm__amx *one, const tfm__amx *other);

/** Those that go with the instruction set in use. */
const tfm__amx *tfm__amx_used(void);

/** Whether that is AMX itself. */
bool tfm__amx_is_silicon(void);

#endif
