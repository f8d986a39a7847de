/** Which instruction sets this build and this CPU have, and which one kernels use.
 *
 *  Every kernel gives the same bits for every instruction set (DESIGN D3): the choice is speed
 *  only. AMX multiplies tiles of bfloat16 and int8; all else is AVX-512's there. Chosen once per
 *  process, before kernels run.
 */
#ifndef TFM_CORE_KERNELS_ISA_H
#define TFM_CORE_KERNELS_ISA_H

#include "core/base/status.h"

#include <stdbool.h>

/* X(NAME, "name") from slowest to fastest; PORTABLE is plain C and the definition of the bits.
 */
#define TFM_ISA_MAP(X)                                                                         \
  X(PORTABLE, "portable")                                                                      \
  X(AVX2, "avx2")                                                                              \
  X(AVX512, "avx512")                                                                          \
  X(AMX, "amx")

#define TFM_ISA_ENUM(name, text) TFM_ISA_##name,
typedef enum { TFM_ISA_MAP(TFM_ISA_ENUM) TFM_ISA_COUNT } tfm_isa;
#undef TFM_ISA_ENUM

const char *tfm_isa_name(tfm_isa isa);

/** By name; false for an unknown one. */
bool tfm_isa_parse(const char *name, tfm_isa *out);

/** The best one this CPU and this build can run. */
tfm_isa tfm_isa_best(void);

/** Whether this CPU and this build can run it. AMX can where the system permits it and its products
 *  are, bit for bit, those of a model of its manual: tried once per process. */
bool tfm_isa_available(tfm_isa isa);

/** What a person should know about the choice: that AMX is there and was found to multiply
 *  otherwise than its manual says, so that it is not available. "" otherwise. Static. */
const char *tfm_isa_note(void);

/** Use this one from now on; TFM_E_UNSUPPORTED when it is not available here. Not thread-safe:
 *  call before kernels run. Without a call the best one is used. */
tfm_status tfm_isa_use(tfm_isa isa, tfm_err *err);

/** The one in use. */
tfm_isa tfm_isa_used(void);

/** Flush-to-zero and denormals-are-zero OFF in this thread: results must not depend on what a
 *  library set before. Call at the start of each thread that runs kernels. */
void tfm_fp_default(void);

/** What this thread's floating point unit does to numbers below the normal ones, by trying: "kept",
 * "flushed" (results become zero), "ignored" (operands count as zero) or "lost" (both). Static. */
const char *tfm_fp_denormals(void);

#endif
