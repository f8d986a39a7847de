/** What kernel tests share: cmocka, loops over instruction sets, comparison of bits, and an
 * executor that runs tasks in the reverse order. */
#ifndef TFM_TESTS_CORE_KERNELS_KERNELS_TEST_H
#define TFM_TESTS_CORE_KERNELS_KERNELS_TEST_H

#include "core/base/par.h"
#include "core/kernels/isa.h"
#include "tests/support/ref/noise.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Hashes of fixed inputs under numeric contract v1; rough: v2, of narrow layers. */
#define LINEAR_HASH           0x61ae3ed9521bedccu
#define ACTIVATION_HASH       0xd2557dfbe90eebfcu
#define ROUGH_ACTIVATION_HASH 0x94ef49b3a830ffeau
#define SOFTMAX_HASH          0x10609f83d23b98c2u
#define LAYERNORM_HASH        0xcad1ec07b6cd81a8u
#define ATTENTION_HASH        0x987a0fcb77ba6919u

/** The body runs once per instruction set this CPU has, with that set in use; the best one is
 * in use again afterwards. */
#define FOR_EACH_ISA(isa)                                                                      \
  for (tfm_isa isa = TFM_ISA_PORTABLE; next_isa(&isa); isa = (tfm_isa)((int)isa + 1))

static inline int next_isa(tfm_isa *isa)
{
  while (*isa < TFM_ISA_COUNT && !tfm_isa_available(*isa)) {
    *isa = (tfm_isa)((int)*isa + 1);
  }
  return tfm_isa_use(*isa < TFM_ISA_COUNT ? *isa : tfm_isa_best(), NULL) == TFM_OK &&
         *isa < TFM_ISA_COUNT;
}

__attribute__((format(printf, 4, 5))) static inline void
check_same_bits(const float *got, const float *want, int64_t count, const char *format, ...)
{
  for (int64_t i = 0; i < count; ++i) {
    if (!same_bits(got[i], want[i])) {
      char where[256];
      va_list args;
      va_start(args, format);
      (void)vsnprintf(where, sizeof where, format, args);
      va_end(args);
      fail_msg("%s: element %lld: got %.9g, want %.9g", where, (long long)i, (double)got[i],
               (double)want[i]);
    }
  }
}

/** Runs tasks last to first, as if by nthread threads. */
typedef struct {
  tfm_par par;
} backwards_par;

static inline void backwards_run(tfm_par *par, int ntask, tfm_task_fn fn, void *arg)
{
  for (int task = ntask - 1; task >= 0; --task) {
    fn(arg, task, task % par->nthread);
  }
}

static inline backwards_par backwards_par_of(int nthread)
{
  return (backwards_par){{nthread, backwards_run}};
}

#endif
