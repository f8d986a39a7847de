#include "core/base/shelf.h"

#include "core/base/checked.h"
#include "core/base/mem.h"

void *tfm_shelf_take(tfm_shelf *shelf, size_t n, size_t bytes)
{
  if (!shelf) {
    return tfm_alloc_huge(n, bytes);
  }
  size_t wanted = 0;
  if (!tfm_mul_size(n, bytes, &wanted) || wanted > shelf->bytes - shelf->used) {
    return NULL;
  }
  unsigned char *p = shelf->base + shelf->used;
  const size_t over = wanted % TFM_ALIGN;
  const size_t padding = over ? TFM_ALIGN - over : 0;
  const size_t left = shelf->bytes - shelf->used - wanted;
  shelf->used += wanted + (padding < left ? padding : left);
  return p;
}

bool tfm_shelf_filled(const tfm_shelf *shelf)
{
  return shelf && shelf->filled;
}
