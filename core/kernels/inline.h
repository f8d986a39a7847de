/** How the files that are compiled once per instruction set are inlined and unrolled.
 *  Room-private.
 *
 *  A function that only prefetches is inlined always, too: to GCC 12 it has no effect, so that it
 *  leaves out calls of it. */
#ifndef TFM_CORE_KERNELS_INLINE_H
#define TFM_CORE_KERNELS_INLINE_H

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Loops over registers: left as loops, they would put the accumulators into memory. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#endif
