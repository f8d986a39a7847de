/** What the backends of linear.h share. Room-private. */
#ifndef TFM_CORE_KERNELS_LINEAR_PRIVATE_H
#define TFM_CORE_KERNELS_LINEAR_PRIVATE_H

#include "core/kernels/amx.h"
#include "core/kernels/linear.h"
#include "core/kernels/table.h"

typedef struct tfm__onednn tfm__onednn; /* a layer's pieces, linear_onednn.c */

struct tfm_linear {
  tfm_backend backend; /* as asked for */
  tfm_backend runs_on; /* what really runs: narrow openblas layers run on native */
  tfm_precision precision;
  int64_t N;
  int64_t K;
  int64_t words; /* of K: 1, 2 or 4 values each, the last one padded with zeros; of pieces whole
                   * steps of tiles, each piece as many */
  int64_t panels; /* of 16 columns, the last one padded with zeros */
  /* native: blocks of 192 words of K, each [panels][word in block][16]; of
   * pieces linear_amx.c says, of groups linear_groups.c. ref, openblas, and
   * onednn until all have come: [N,K], as given or as rounded (int8: in steps). */
  float *weight;
  size_t weight_count; /* of four bytes */
  float *bias;         /* 16 * panels, zeros where there is none */
  float *scale;        /* int8, likewise: of an output's steps */
  float *shift;  /* likewise: integers of 32 bits, what unsigned bytes of x add to a sum */
  float *factor; /* int8: [K] of x (tfm_linear_smooth()); NULL: there are none */
  float *seen;   /* [K] of tfm_linear_watch(), or NULL */
  bool on_shelf; /* these five are not the layer's to free */
  tfm__onednn *onednn; /* NULL unless it runs the layer */
};

enum { TFM__INT8_SHIFT = 128 }; /* what is added to bytes of x, for VPDPBUSD */

/** int8: the largest magnitude of a row x of the layer, each times its factor where there are some;
 *  and values [first, first + n) of the row, likewise, in steps of 1 / inverse (table.h). */
float tfm__int8_reach(const tfm_linear *lin, const float *x);
void tfm__int8_bytes(const tfm_linear *lin, const float *x, int64_t first, int64_t n,
                     float inverse, unsigned char *out);

/** The step of int8 for values up to `reach`, and how many steps make one: 0 and 0 for nothing. */
float tfm__int8_step(float reach, float *inverse);

/** One call of tfm_linear_run(). */
typedef struct {
  const tfm_linear *lin;
  const float *x;
  int64_t ldx;
  int64_t M;
  float *y;
  int64_t ldy;
  tfm_epilogue epilogue;
  int64_t first, part; /* native: outputs [first, first + part); part 0: all there are */

  /* native between two layers, instead of x or y: words as tiles read them. A block of rows after
   * the other, in it a K block of all its rows, in that a row of TFM__ROW_STEP words. */
  const float *x_words;
  float *y_words;
} tfm__linear_job;

enum {
  TFM__BLOCK_ROWS = 112,      /* rows of a task of native: eight of the highest tiles */
  TFM__BLOCK_DEPTH = 768,     /* words of its rows that are packed at a time: four K blocks */
  TFM__BLOCK_COLS = 512,      /* most columns of a task whose rows are deeper */
  TFM__LINEAR_TASK = 80000000 /* most multiply-adds of a task: under 2 ms at 100 GFLOP/s */
};

enum {
  TFM__BLAS_COLS = 384, /* of a call of openblas */
  TFM__BLAS_DEPTH = 384 /* its K: OpenBLAS's own K block on AVX-512 */
};

enum {
  TFM__DNN_COLS = 256,      /* of a product of onednn */
  TFM__DNN_DEPTH = 512,     /* its K */
  TFM__DNN_PAD = 256 * 1024 /* most bytes it may want to work in */
};

/** What a thread packs and sums in: static, so that a run cannot run out of memory. One backend
 *  at a time uses it. */
typedef union {
  struct {
    _Alignas(64) float words[TFM__BLOCK_ROWS * TFM__BLOCK_DEPTH / TFM_LINEAR_K_BLOCK *
                             TFM__ROW_STEP];
    _Alignas(64) float sums[TFM__BLOCK_ROWS * TFM__BLOCK_COLS];
    _Alignas(64) float floats[TFM_LINEAR_K_BLOCK * 2 * TFM__LANES]; /* that groups stand for */
    float step[TFM__BLOCK_ROWS];                                    /* int8: of the rows */
    float inverse[TFM__BLOCK_ROWS];
  } native;
  struct {
    _Alignas(64) float rows[TFM_LINEAR_TILE * TFM__BLAS_DEPTH];
    _Alignas(64) float sums[TFM_LINEAR_TILE * TFM__BLAS_COLS];
  } blas;
  struct {
    _Alignas(64) unsigned char rows[TFM_LINEAR_TILE * TFM__DNN_DEPTH * 4];
    _Alignas(64) float sums[TFM_LINEAR_TILE * TFM__DNN_COLS];
    _Alignas(64) float more[TFM_LINEAR_TILE * TFM__DNN_COLS];
    _Alignas(64) unsigned char pad[TFM__DNN_PAD];
    float step[TFM_LINEAR_TILE];
    float inverse[TFM_LINEAR_TILE];
  } dnn;
  struct {
    _Alignas(64) float words[TFM__AMX_WORDS];
    _Alignas(64) float sums[TFM__AMX_ROWS * TFM__AMX_COLS];
    _Alignas(64) float last[2][TFM__AMX_STEP * TFM__LANES];
    float step[TFM__AMX_ROWS];
    float inverse[TFM__AMX_ROWS];
  } amx;
} tfm__linear_scratch;

tfm__linear_scratch *tfm__linear_scratch_mine(void);

/** Pack weights [n,K] of the outputs from `first` on; ref: rounded, as floats. */
void tfm__linear_pack_native(tfm_linear *lin, int64_t first, int64_t n, const float *weight);
void tfm__linear_pack_ref(tfm_linear *lin, int64_t first, int64_t n, const float *weight);
void tfm__linear_run_native(const tfm__linear_job *job, tfm_par *par);
void tfm__linear_run_ref(const tfm__linear_job *job, tfm_par *par);

/* ---- weights in groups: linear_groups.c ---- */

/** Words of k steps, from the first of a group on, of a quad; of a whole layer. */
int64_t tfm__group_words(int64_t k);
int64_t tfm__group_words_of(const tfm_linear *lin);
/** The quad of a panel in the K block of k steps at k0. */
float *tfm__group_block(const tfm_linear *lin, int64_t panel, int64_t k0, int64_t k);
void tfm__linear_pack_groups(tfm_linear *lin, int64_t first, int64_t n, const float *weight);

void tfm__linear_pack_pieces(tfm_linear *lin, int64_t first, int64_t n, const float *weight);
/** native in pieces, or in int8 where these have AMX's instructions. */
void tfm__linear_run_amx(const tfm__linear_job *job, const tfm__amx *amx, tfm_par *par);
/** tfm_linear_peak() of a precision in pieces, or of int8. */
double tfm__amx_peak(tfm_precision precision);
void tfm__linear_run_openblas(const tfm__linear_job *job, tfm_par *par);

/** Open OpenBLAS once, single-threaded; "openblas-" and its core name, borrowed, static; NULL when
 *  it cannot be used, which check() explains. Any thread. */
const char *tfm__openblas_begin(void);
tfm_status tfm__openblas_check(tfm_err *err);

/** The function of that name into *call, a pointer of so many bytes: C has no cast from an object's
 *  address to a function's. False, and NULL there, when the library has none. */
bool tfm__library_find(void *library, const char *name, void *call, size_t bytes);

/* ---- onednn: linear_onednn.c, where the build has it ---- */

/** Open the library once; what names its arithmetic, borrowed, static; NULL when it cannot be
 *  used, which check() explains. */
const char *tfm__onednn_begin(void);
tfm_status tfm__onednn_check(tfm_err *err);

/** Make lin's pieces: lin->onednn, which the caller closes in any case. Errors:
 *  TFM_E_UNSUPPORTED, TFM_E_NOMEM. */
tfm_status tfm__onednn_open(tfm_linear *lin, tfm_err *err);
void tfm__onednn_close(tfm__onednn *layer);
void tfm__linear_pack_onednn(tfm_linear *lin, int64_t first, int64_t n, const float *weight);
void tfm__linear_run_onednn(const tfm__linear_job *job, tfm_par *par);

#endif
