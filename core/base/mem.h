/** Memory from the heap, with the multiplication checked and the alignment kernels want.
 *
 *  gives: every non-NULL result, release with tfm_free(). NULL means no memory (or a product
 * that does not fit); callers turn it into TFM_E_NOMEM. Asking for 0 bytes gives a valid
 * pointer. Threads: callable from many at once.
 */
#ifndef TFM_CORE_BASE_MEM_H
#define TFM_CORE_BASE_MEM_H

#include <stddef.h>

enum { TFM_ALIGN = 64 }; /* bytes: one cache line, one AVX-512 register */

/** n elements of `bytes` each, zeroed. */
void *tfm_calloc(size_t n, size_t bytes);

/** Grow or shrink to n elements; new elements are not zeroed. On NULL the old block is intact.
 */
void *tfm_realloc(void *old, size_t n, size_t bytes);

/** The same for an array that will be filled: from some megabytes on the system is asked for huge
 * pages (madvise(2), MADV_HUGEPAGE), which cost a fault each in place of 512. */
void *tfm_realloc_huge(void *old, size_t n, size_t bytes);

/** n elements of `bytes` each, aligned to TFM_ALIGN, NOT zeroed and not touched: the thread
 * that writes a page first decides its NUMA node. */
void *tfm_alloc_aligned(size_t n, size_t bytes);

/** The same for what is read or written over and over: from two megabytes on it begins at a huge
 * page, and the system is asked for as many of them as fit in it. Pages are touched as they were,
 * but so many at once. */
void *tfm_alloc_huge(size_t n, size_t bytes);

/** A NUL-terminated copy of n bytes. */
char *tfm_strndup(const char *s, size_t n);

/** Releases any of the above; NULL is allowed. */
void tfm_free(void *p);

#endif
