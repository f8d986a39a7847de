#include "core/base/mem.h"

#include "core/base/checked.h"

#include <stdlib.h>
#include <string.h>

void *tfm_calloc(size_t n, size_t bytes)
{
  return calloc(n ? n : 1, bytes ? bytes : 1);
}

void *tfm_realloc(void *old, size_t n, size_t bytes)
{
  size_t total = 0;
  if (!tfm_mul_size(n, bytes, &total)) {
    return NULL;
  }
  return realloc(old, total ? total : 1);
}

void *tfm_alloc_aligned(size_t n, size_t bytes)
{
  size_t total = 0;
  if (!tfm_mul_size(n, bytes, &total) || !tfm_add_size(total, TFM_ALIGN - 1, &total)) {
    return NULL;
  }
  total -= total % TFM_ALIGN; /* aligned_alloc wants a multiple of the alignment */
  return aligned_alloc(TFM_ALIGN, total ? total : TFM_ALIGN);
}

char *tfm_strndup(const char *s, size_t n)
{
  size_t total = 0;
  if (!tfm_add_size(n, 1, &total)) {
    return NULL;
  }
  char *copy = malloc(total);
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
