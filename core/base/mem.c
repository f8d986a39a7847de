#include "core/base/mem.h"

#include "core/base/checked.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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
