/* AMX: tiles in registers; empty where the compiler has none. Not yet run on a CPU that has it. */
#include "core/kernels/amx.h"
#include "core/kernels/inline.h"

#ifdef TFM_AMX_STAND_IN
#include "core/kernels/simd_avx512.h"

#define FLUSH(v) (v)
#define TOGETHER 4
#define TILES    tfm__amx_silicon
#include "core/kernels/amx_model.inc"

/* As GCC and as Clang say that all three are there. */
#elif (defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AMX_INT8__)) ||             \
    (defined(__AMXTILE__) && defined(__AMXBF16__) && defined(__AMXINT8__))

#include <immintrin.h>

/* As LDTILECFG reads it. */
typedef struct {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} shape;
_Static_assert(sizeof(shape) == 64, "64 bytes");

static void begin(void)
{
  static const shape whole = {.palette = 1,
                              .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                              .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
  _tile_loadconfig(&whole);
}

/* Lets the system save less of this thread. */
static void end(void)
{
  _tile_release();
}

/* The compiler does not know that these touch memory; whoever calls a panel has written a and b
 * and reads c on the other side of a call through a pointer. */
#define TILE_REGISTERS
#define TILE_ROWS(n)
#define TILE_ZERO(i)           _tile_zero(i)
#define TILE_LOAD(i, at, row)  _tile_loadd(i, at, (row)*4)
#define TILE_STORE(i, at, row) _tile_stored(i, at, (row)*4)
#define TILE_BF16(c, a, b)     _tile_dpbf16ps(c, a, b)
#define TILE_INT8(c, a, b)     _tile_dpbusd(c, a, b)
#define TILE_AHEAD(at)         __builtin_prefetch(at, 0, 2) /* into L2 */
#define TILES_BEGIN            begin
#define TILES_END              end
#define TILES_TASK             800000000
#define TILES                  tfm__amx_silicon
#include "core/kernels/amx_body.inc"
#else
typedef int tfm__no_amx; /* an empty file is not C */
#endif
