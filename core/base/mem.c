#include "core/base/mem.h"

#include "core/base/checked.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, HUGE_PAGE = 2 << 20, HUGE_FROM = 4 << 20 };

/* No object is larger than PTRDIFF_MAX; refusing here keeps the heap's own opinion out of it. */
static bool total_of(size_t n, size_t bytes, size_t *total)
{
  return tfm_mul_size(n, bytes, total) && *total <= PTRDIFF_MAX;
}

void *tfm_calloc(size_t n, size_t bytes)
{
  size_t total = 0;
  if (!total_of(n, bytes, &total)) {
    return NULL;
  }
  return calloc(total ? total : 1, 1);
}

void *tfm_realloc(void *old, size_t n, size_t bytes)
{
  size_t total = 0;
  if (!total_of(n, bytes, &total)) {
    return NULL;
  }
  return realloc(old, total ? total : 1);
}

void *tfm_realloc_huge(void *old, size_t n, size_t bytes)
{
  char *p = tfm_realloc(old, n, bytes);
  if (p && n * bytes >= HUGE_FROM) { /* checked above */
    /* Whole pages outwards: a mapping whose first page is of another kind is two to the kernel,
     * and two do not grow as one. */
    char *begin = p - (uintptr_t)p % PAGE;
    (void)madvise(begin, (size_t)(p - begin) + n * bytes, MADV_HUGEPAGE); /* or not */
  }
  return p;
}

void *tfm_alloc_aligned(size_t n, size_t bytes)
{
  size_t total = 0;
  if (!total_of(n, bytes, &total)) {
    return NULL;
  }
  total += TFM_ALIGN - 1;     /* cannot wrap: far below SIZE_MAX */
  total -= total % TFM_ALIGN; /* aligned_alloc wants a multiple of the alignment */
  return aligned_alloc(TFM_ALIGN, total ? total : TFM_ALIGN);
}

void *tfm_alloc_huge(size_t n, size_t bytes)
{
  size_t total = 0;
  void *p = NULL;
  if (!total_of(n, bytes, &total) || total < HUGE_PAGE) {
    return tfm_alloc_aligned(n, bytes);
  }
  if (posix_memalign(&p, HUGE_PAGE, total) != 0) {
    return NULL;
  }
  (void)madvise(p, total - total % HUGE_PAGE, MADV_HUGEPAGE); /* or not */
  return p;
}

char *tfm_strndup(const char *s, size_t n)
{
  if (n >= PTRDIFF_MAX) {
    return NULL;
  }
  char *copy = malloc(n + 1);
  if (copy) {
    if (n) {
      memcpy(copy, s, n);
    }
    copy[n] = '\0';
  }
  return copy;
}

void tfm_free(void *p)
{
  free(p);
}
