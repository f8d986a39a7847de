/** Linear layers behind one contract: y = epilogue(x W^T), weights packed once at load.
 *
 *  Contract v1 (DESIGN D3, D4) for float32:
 *   - the arithmetic of `ref` is the definition: for each output, K is walked in blocks of 192; a
 *     block is one chain of fused multiply-adds from zero, k ascending; block sums are added in
 *     ascending order (the first starts the sum); bias is added last (no bias is a bias of
 *     zeros); then the activation; then the residual (y = residual + act(sum + bias)).
 *   - `native` gives the same bits as `ref` on every instruction set.
 *   - every backend gives a row the same bits whatever M is and wherever the row stands.
 *  For bfloat16: x and W are rounded to the nearest bfloat16 (ties to even, denormals to zero) and
 *  a block is 192 pairs of k; a chain takes the second of a pair before the first, and its sums
 *  that would be denormal are zero: the order and the roundings of VDPBF16PS. For int8: W per
 *  output and x per row are rounded to the nearest of -127..127 steps (largest magnitude / 127; a
 *  row below 2^-100 is all zeros), sums are exact integers, and a sum becomes a float by
 *  float(sum) * row scale * output scale; where a layer has factors (tfm_linear_smooth()), x is
 *  x times factor, rounded to float32, in all of that. What follows a sum is as above, but
 *  for the activation (tfm_activate_after()). `ref` is the
 *  definition of these too, and `native` equals it on every instruction set.
 *
 *  For int8-g64 only W is rounded: an output's weights in groups of 64 along K, each to the nearest
 *  of -127..127 steps as above; a weight is then float(steps) * the group's scale, rounded to
 *  float32, and all else is float32's arithmetic on such weights, bit for bit. `ref` and `native`
 *  have it.
 *
 *  In pieces (bf16x3, bf16x2, one of bfloat16 on AMX) a number is the sum of as many bfloat16: the
 *  nearest one, that of what is left, and so on. K is walked in steps of 32; in a step the pieces
 *  of w come last to first, and with each the pieces of x whose places add up to less than the
 *  count, last to first; such a product of pieces is summed as one product of tiles (amx.h) and
 *  added to the sum, which begins at zero. Sums that would be denormal are zeros. That is exact to
 *  about 2^-22, 2^-16 and 2^-8 of the magnitudes summed, for numbers up to 2^127.
 *
 *  `openblas` (float32 alone) and `onednn` (where the build and the machine have it) have an
 *  arithmetic of their own, but for the exact sums of int8: they run fixed tiles of
 *  TFM_LINEAR_TILE rows (the last one zero-filled) and are only trusted after tfm_linear_probe();
 *  outputs narrower than 32 columns go through native's kernel.
 */
#ifndef TFM_CORE_KERNELS_LINEAR_H
#define TFM_CORE_KERNELS_LINEAR_H

#include "core/base/par.h"
#include "core/base/shelf.h"
#include "core/base/status.h"
#include "core/kernels/activation.h"
#include "core/kernels/isa.h"
#include "core/kernels/precision.h"
#include "core/kernels/smooth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TFM_LINEAR_K_BLOCK = 192, TFM_LINEAR_TILE = 96, TFM_LINEAR_TILE_K = 32 };

#define TFM_BACKEND_MAP(X)                                                                     \
  X(REF, "ref")                                                                                \
  X(NATIVE, "native")                                                                          \
  X(OPENBLAS, "openblas")                                                                      \
  X(ONEDNN, "onednn")

#define TFM_BACKEND_ENUM(name, text) TFM_BACKEND_##name,
typedef enum { TFM_BACKEND_MAP(TFM_BACKEND_ENUM) TFM_BACKEND_COUNT } tfm_backend;
#undef TFM_BACKEND_ENUM

const char *tfm_backend_name(tfm_backend backend);
bool tfm_backend_parse(const char *name, tfm_backend *out);

/** TFM_OK when this build and this machine have it; else TFM_E_UNSUPPORTED and what to do. */
tfm_status tfm_backend_check(tfm_backend backend, tfm_err *err) TFM_MUST_USE;

/** What decides the bits of this backend, for numeric_id: "native" for ref and native alike
 *  (they are equal), "openblas-SkylakeX" with the core name OpenBLAS chose,
 *  "onednn-2.6-avx512_core_vnni" with oneDNN's version and instruction set. Borrowed, static.
 *  A library that cannot be opened is "-missing". */
const char *tfm_backend_arithmetic(tfm_backend backend);

/** Who computes a layer, and in which numbers; in which ones a slice keeps keys and values; and to
 *  which ones, float32 or bfloat16, it rounds the residual stream at each place where a line of
 *  stages may be cut, so that what travels between them is that. */
typedef struct {
  tfm_backend backend;
  tfm_precision precision, kv, wire;
  const tfm_smooth *smooth; /* int8: its layers have factors; NULL: none do. Borrowed */
} tfm_engine;

/** Whether layers of this engine have factors: int8's do where it says whose. */
bool tfm_engine_smooths(tfm_engine engine);

/** Version of the numeric contract (DESIGN D3) of float32, and of narrow precisions. */
enum { TFM_NUMERIC_CONTRACT = 1, TFM_NUMERIC_CONTRACT_NARROW = 2 };

/** The name of everything that decides bits (INTERFACE section 2), as this build computes them;
 * the same for ranks that agree, whatever their processors. */
enum { TFM_NUMERIC_ID = 160 };
void tfm_engine_numeric_id(tfm_engine engine, char out[TFM_NUMERIC_ID]);

typedef struct tfm_linear tfm_linear; /* packed weights [N,K] and bias [N] */

enum { TFM_LINEAR_INT8_K = 65535 }; /* the widest K whose int8 sums fit 32 bits */

enum { TFM_LINEAR_PANEL = 16 }; /* outputs that are packed together */

/** Make a layer whose weights are still to come, so that they need not all be in memory at once. N
 *  and K are at least 1, and K at most TFM_LINEAR_INT8_K for int8.
 *  gives: *out, release with tfm_linear_close(). Errors: TFM_E_NOMEM;
 *  TFM_E_UNSUPPORTED (openblas with another precision than float32, a K too wide for int8, onednn
 *  where it is missing or has no fast product of this kind). */
tfm_status tfm_linear_begin(tfm_linear **out, tfm_backend backend, tfm_precision precision,
                            int64_t N, int64_t K, tfm_err *err) TFM_MUST_USE;

/** The same with its memory from a shelf: on one that is filled the layer is whole, nothing may be
 *  put. A NULL shelf is the heap. */
tfm_status tfm_linear_begin_on(tfm_linear **out, tfm_engine engine, int64_t N, int64_t K,
                               tfm_shelf *shelf, tfm_err *err) TFM_MUST_USE;

/** Names the form layers of this engine are packed in, "native-float32-2": equal names are equal
 *  forms, in every process of every build, so that what one has packed another can run. "" for
 *  backends whose form is their own affair, or no packing at all. Static. The number is to be
 *  raised with every change of the form. */
const char *tfm_linear_packing(tfm_engine engine);

/** Of an int8 layer that was begun with engine.smooth, before the first output is put: each x[k] is
 *  multiplied by factor[k], rounded to float32, and what the row's step is found from and what is
 *  rounded are those products. Outputs are put as such inputs meet them: the caller has multiplied
 *  their weights by 1/factor. factor [K] is positive, finite, and copied. */
void tfm_linear_smooth(tfm_linear *lin, const float *factor);

/** From now on each run also notes the largest magnitude of each input: largest [K] becomes the
 *  larger of what it was and of |x[k]| in any row; NaN counts as infinity. NULL: no more. Runs of
 *  this layer may not overlap then. Borrowed; no bit of a result changes. */
void tfm_linear_watch(tfm_linear *lin, float *largest);

/** Pack the weights of outputs [first, first + n): weight [n,K] f32 row-major (a checkpoint's
 *  nn.Linear), bias [n] or NULL for none; both are copied, and finite. first is a multiple of
 *  TFM_LINEAR_PANEL, and so is n unless these are the last. Each output is put once, in any order,
 *  before the first run; of other backends than onednn several threads may do so at once. The
 *  packed memory is first touched by the calling thread; its form does not depend on the
 *  instruction set in use, nor on how the outputs were shared out over calls. */
void tfm_linear_put(tfm_linear *lin, int64_t first, int64_t n, const float *weight,
                    const float *bias);

/** Both of these for weights [N,K] and bias [N] or NULL that are in memory. */
tfm_status tfm_linear_open(tfm_linear **out, tfm_backend backend, tfm_precision precision,
                           const float *weight, const float *bias, int64_t N, int64_t K,
                           tfm_err *err) TFM_MUST_USE;

void tfm_linear_close(tfm_linear *lin);

/** Bytes of the packed weights and bias, padding to 16 columns included. */
size_t tfm_linear_bytes(const tfm_linear *lin);

/** Where the packed weights lie and how many bytes they are, for asking the system which memory
 *  node holds them. Borrowed until closed. */
void *tfm_linear_memory(const tfm_linear *lin, size_t *bytes);

/** What happens to a sum before it is stored. */
typedef struct {
  tfm_activation act;    /* TFM_ACT_NONE for none */
  const float *residual; /* [M,N] rows ldr apart, or NULL; may be y itself */
  int64_t ldr;
} tfm_epilogue;

/** y = epilogue(x W^T + bias).
 *
 *  x  [M,K] f32 in   rows ldx apart (>= K)
 *  y  [M,N] f32 out  rows ldy apart (>= N); may not overlap x
 *  Threads: tasks are cut over rows and columns, each under 2 ms at 100 GFLOP/s; callable from
 *           many threads on one lin.
 *  Cost:    2*M*N*K flops; weights are read once per 112 rows, rows once or a few times.
 *  Errors:  none. Scratch is static and thread-local, 1.1 MiB, which glibc takes from the stack
 *           mapping a thread is made with. (onednn asks for some hundred bytes more, and ends the
 *           program when there are none.) */
void tfm_linear_run(const tfm_linear *lin, const float *x, int64_t ldx, int64_t M, float *y,
                    int64_t ldy, const tfm_epilogue *epilogue, tfm_par *par);

/** Whether a run can be had in parts that meet before output n, each for its share of the work. */
bool tfm_linear_cuts_at(const tfm_linear *lin, int64_t n);

/** Outputs [first, first + n) of a layer: both ends are 0, N, or where it can be cut. */
typedef struct {
  const tfm_linear *lin;
  int64_t first, n;
} tfm_linear_part;

/** These of y = x W^T + bias, bit for bit; the others are left as they are. y is where output 0 of
 *  the first row would be; all else is as for tfm_linear_run(). */
void tfm_linear_run_part(const tfm_linear_part *part, const float *x, int64_t ldx, int64_t M,
                         float *y, int64_t ldy, tfm_par *par);

/** How many rows to give a backend's layers at a time where their results are soon read again: as
 *  few as are no more work a row, so that these are still in L2. Never a matter of bits. */
int64_t tfm_linear_rows_at_once(tfm_backend backend, tfm_precision precision);

/** Two layers with nothing but an activation between them. */
typedef struct {
  const tfm_linear *up, *down; /* up's N is down's K */
  tfm_activation act;
  float *between;        /* scratch of tfm_linear_between() floats */
  tfm_epilogue epilogue; /* down's */
} tfm_linear_two;

/** How much there must be between layers for M rows, when up has N outputs. */
int64_t tfm_linear_between(int64_t N, int64_t M);

/** y = epilogue(act(x up^T + bias) down^T + bias): the bits of two runs. Where both are native's
 *  (not on AMX) and not int8, what is between them is made as down's products read it. y may be
 *  x; all else is as for tfm_linear_run(). */
void tfm_linear_run_two(const tfm_linear_two *two, const float *x, int64_t ldx, int64_t M,
                        float *y, int64_t ldy, tfm_par *par);

/** Whether a packed layer really gives one row the same bits at every place of a tile and
 *  whatever stands around it: tiles of equal rows, of different rows turned by one place, and a
 *  lone row, on the layer's own shape, compared bit by bit. Always true for ref, native and
 *  layers that run on native; false when memory for the test is out. Cost: four tiles. */
bool tfm_linear_probe(const tfm_linear *lin);

#endif
