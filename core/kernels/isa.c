#include "core/kernels/isa.h"

#include "core/kernels/amx.h"
#include "core/kernels/table.h"

#include <fenv.h>
#include <float.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define ISA_NAME(name, text) [TFM_ISA_##name] = text,
static const char *const isa_names[TFM_ISA_COUNT] = {TFM_ISA_MAP(ISA_NAME)};

static const tfm__kernels *used;
static tfm_isa used_isa; /* once there is one */

const char *tfm_isa_name(tfm_isa isa)
{
  return isa < TFM_ISA_COUNT ? isa_names[isa] : "unknown";
}

bool tfm_isa_parse(const char *name, tfm_isa *out)
{
  for (int i = 0; i < TFM_ISA_COUNT; ++i) {
    if (strcmp(name, isa_names[i]) == 0) {
      *out = (tfm_isa)i;
      return true;
    }
  }
  return false;
}

/* What came of trying AMX in this process. */
enum { AMX_UNTRIED, AMX_MISSING, AMX_DIFFERS, AMX_HOLDS };

#if TFM_WITH_AMX && TFM_WITH_AVX512
static int try_amx(void)
{
  static atomic_int known; /* the same whoever tries */
  int found = atomic_load(&known);
  if (found == AMX_UNTRIED) {
    found = !tfm__amx_permitted()                                  ? AMX_MISSING
            : tfm__amx_agrees(&tfm__amx_silicon, &tfm__amx_avx512) ? AMX_HOLDS
                                                                   : AMX_DIFFERS;
    atomic_store(&known, found);
  }
  return found;
}
#else
static int try_amx(void)
{
  return AMX_MISSING;
}
#endif

/* The kernels of an instruction set, NULL where this CPU or this build lacks it. */
static const tfm__kernels *kernels_of(tfm_isa isa)
{
  switch (isa) {
  case TFM_ISA_PORTABLE:
    return &tfm__kernels_portable;
  case TFM_ISA_AVX2:
#if TFM_WITH_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      return &tfm__kernels_avx2;
    }
#endif
    return NULL;
  case TFM_ISA_AVX512:
#if TFM_WITH_AVX512
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      return &tfm__kernels_avx512;
    }
#endif
    return NULL;
  case TFM_ISA_AMX:
    return try_amx() == AMX_HOLDS ? kernels_of(TFM_ISA_AVX512) : NULL;
  case TFM_ISA_COUNT:
    break;
  }
  return NULL;
}

bool tfm_isa_available(tfm_isa isa)
{
  return kernels_of(isa) != NULL;
}

tfm_isa tfm_isa_best(void)
{
  int best = TFM_ISA_COUNT - 1;
  while (!tfm_isa_available((tfm_isa)best)) {
    --best; /* portable always is */
  }
  return (tfm_isa)best;
}

const char *tfm_isa_note(void)
{
  return try_amx() != AMX_DIFFERS ? ""
                                  : "this CPU has AMX, whose products are not those of its "
                                    "manual here: it is not used; "
                                    "please report the CPU's model";
}

tfm_status tfm_isa_use(tfm_isa isa, tfm_err *err)
{
  const tfm__kernels *kernels = kernels_of(isa);
  if (!kernels) {
    return tfm_fail(
        err, TFM_E_UNSUPPORTED,
        "instruction set %s: this CPU or this build does not have it; the best here is %s%s%s",
        tfm_isa_name(isa), tfm_isa_name(tfm_isa_best()), *tfm_isa_note() ? "; " : "",
        tfm_isa_note());
  }
  used = kernels;
  used_isa = isa;
  return TFM_OK;
}

const tfm__kernels *tfm__kernels_used(void)
{
  /* Threads that race here before any choice read the same CPU and would store the same
   * pointer; nothing is stored, so there is no race at all. */
  const tfm__kernels *kernels = used;
  return kernels ? kernels : kernels_of(tfm_isa_best());
}

#if TFM_WITH_AVX512BF16
/* Whether AVX512_BF16 goes with the table. */
static bool has_bfloat16(const tfm__kernels *kernels)
{
  return kernels->isa == TFM_ISA_AVX512 && __builtin_cpu_supports("avx512bf16");
}
#endif

static const tfm__tiles *bfloat16_tiles(const tfm__kernels *kernels)
{
#if TFM_WITH_AVX512BF16
  if (has_bfloat16(kernels)) {
    return &tfm__tiles_avx512bf16;
  }
#endif
  return kernels->tile_bfloat16;
}

tfm__to_bfloat16_fn tfm__to_bfloat16_used(void)
{
  const tfm__kernels *kernels = tfm__kernels_used();
#if TFM_WITH_AVX512BF16
  if (has_bfloat16(kernels)) {
    return tfm__to_bfloat16_avx512bf16;
  }
#endif
  return kernels->to_bfloat16;
}

tfm__pair_bfloat16_fn tfm__pair_bfloat16_used(void)
{
  const tfm__kernels *kernels = tfm__kernels_used();
#if TFM_WITH_AVX512BF16
  if (has_bfloat16(kernels)) {
    return tfm__pair_bfloat16_avx512bf16;
  }
#endif
  return kernels->pair_bfloat16;
}

static const tfm__tiles *int8_tiles(const tfm__kernels *kernels)
{
#if TFM_WITH_AVX512VNNI
  if (kernels->isa == TFM_ISA_AVX512 && __builtin_cpu_supports("avx512vnni")) {
    return &tfm__tiles_avx512vnni;
  }
#endif
#if TFM_WITH_AVXVNNI
  if (kernels->isa == TFM_ISA_AVX2 && __builtin_cpu_supports("avxvnni")) {
    return &tfm__tiles_avxvnni;
  }
#endif
  return kernels->tile_int8;
}

const tfm__tiles *tfm__tiles_used(tfm_precision precision)
{
  const tfm__kernels *kernels = tfm__kernels_used();
  return !tfm_precision_narrow(precision) ? kernels->tile
         : precision == TFM_BFLOAT16      ? bfloat16_tiles(kernels)
                                          : int8_tiles(kernels);
}

tfm_isa tfm_isa_used(void)
{
  return used ? used_isa : tfm_isa_best();
}

const tfm__amx *tfm__amx_used(void)
{
  switch (tfm_isa_used()) {
  case TFM_ISA_AMX:
#if TFM_WITH_AMX
    return &tfm__amx_silicon;
#endif
  case TFM_ISA_AVX512:
#if TFM_WITH_AVX512
    return &tfm__amx_avx512;
#endif
  case TFM_ISA_AVX2:
#if TFM_WITH_AVX2
    return &tfm__amx_avx2;
#endif
  case TFM_ISA_PORTABLE:
  case TFM_ISA_COUNT:
    break;
  }
  return &tfm__amx_portable;
}

bool tfm__amx_is_silicon(void)
{
  return tfm_isa_used() == TFM_ISA_AMX;
}

void tfm_fp_default(void)
{
  (void)fesetenv(FE_DFL_ENV);
}

/* Looked at as bits: where operands count as zero, comparing would find zero, too. */
static bool is_zero(float x)
{
  uint32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  return bits == 0;
}

const char *tfm_fp_denormals(void)
{
  volatile float least_normal = FLT_MIN;
  volatile float denormal = FLT_MIN / 4;
  volatile float many = 16;
  const bool flushed = is_zero(least_normal / many);
  const bool ignored = is_zero(denormal * many);
  return flushed && ignored ? "lost" : flushed ? "flushed" : ignored ? "ignored" : "kept";
}
