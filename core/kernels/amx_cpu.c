/* May this process use AMX? The CPU says whether it is there; Linux gives the 8 KiB of a thread's
 * tiles only to processes that ask. */
#include "core/kernels/amx.h"

#include <stdatomic.h>

#ifdef TFM_AMX_STAND_IN
static bool ask(void)
{
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#elif defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  AMX_BF16 = 1 << 22, /* of leaf 7, in edx */
  AMX_TILE = 1 << 24,
  AMX_INT8 = 1 << 25,
  REQUEST = 0x1023, /* ARCH_REQ_XCOMP_PERM */
  TILE_DATA = 18    /* the state's number */
};

static bool ask(void)
{
  const unsigned int wanted = AMX_BF16 | AMX_TILE | AMX_INT8;
  unsigned int a = 0;
  unsigned int b = 0;
  unsigned int c = 0;
  unsigned int d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & wanted) == wanted &&
         syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
}
#else
static bool ask(void)
{
  return false;
}
#endif

bool tfm__amx_permitted(void)
{
  enum { UNKNOWN, NO, YES };
  static atomic_int answer; /* the same whoever asks */
  int known = atomic_load(&answer);
  if (known == UNKNOWN) {
    known = ask() ? YES : NO;
    atomic_store(&answer, known);
  }
  return known == YES;
}
