/** AMX's instructions on a CPU without them: each is a SIGILL there, whose handler does what the
 *  manual says the instruction does and goes on behind it. So what a compiler made of
 *  amx_silicon.c runs: its encodings, its shapes of tiles, its strides, in its order.
 *
 *  Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18
 *  (tiles, TILECFG), volume 2 (LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED, TDPBF16PS,
 *  TDPBUSD). Threads: each has tiles of its own; the counts are for one thread. */
#ifndef TFM_TESTS_CORE_KERNELS_AMX_TRAP_H
#define TFM_TESTS_CORE_KERNELS_AMX_TRAP_H

#include <stdbool.h>
#include <stdint.h>

typedef enum {
  AMX_LDTILECFG,
  AMX_TILERELEASE,
  AMX_TILEZERO,
  AMX_TILELOADD,
  AMX_TILESTORED,
  AMX_TDPBF16PS,
  AMX_TDPBUSD,
  AMX_INSTRUCTIONS
} amx_instruction;

typedef struct {
  int64_t seen[AMX_INSTRUCTIONS];
  int64_t refused; /* that a CPU would not have done: no shape, shapes that do not fit, ... */
  const char *refusal; /* the first one's reason, static */
} amx_trapped;

/** Begin to trap, with all counts zero and no tile configured. False where this is no Linux on
 *  x86-64. Any other illegal instruction still ends the process. */
bool amx_trap_open(void);

/** What this thread ran since then. */
const amx_trapped *amx_trap_counts(void);

/** SIGILL is again what it was. */
void amx_trap_close(void);

#endif
