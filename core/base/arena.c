#include "core/base/arena.h"

#include "core/base/checked.h"
#include "core/base/mem.h"

#include <stdalign.h>
#include <string.h>

enum { GRAIN = 16, FIRST_BLOCK = 4096, LARGEST_STEP = 1 << 20 };

struct tfm_arena_block {
  tfm_arena_block *before;
  alignas(GRAIN) unsigned char data[];
};

/* Blocks double up to a megabyte, so that n small strings cost O(log n) calls to the heap. */
static size_t next_block_bytes(const tfm_arena *arena, size_t need)
{
  size_t bytes = arena->bytes ? arena->bytes * 2 : FIRST_BLOCK;
  if (bytes > LARGEST_STEP) {
    bytes = LARGEST_STEP;
  }
  return need > bytes ? need : bytes;
}

void *tfm_arena_alloc(tfm_arena *arena, size_t n)
{
  size_t need = 0;
  if (!tfm_add_size(n, GRAIN - 1, &need)) {
    return NULL;
  }
  need -= need % GRAIN;
  if (!arena->last || need > arena->bytes - arena->used) {
    size_t bytes = next_block_bytes(arena, need);
    size_t total = 0;
    if (!tfm_add_size(bytes, sizeof(tfm_arena_block), &total)) {
      return NULL;
    }
    tfm_arena_block *block = tfm_realloc(NULL, total, 1);
    if (!block) {
      return NULL;
    }
    block->before = arena->last;
    arena->last = block;
    arena->bytes = bytes;
    arena->used = 0;
  }
  void *p = arena->last->data + arena->used;
  arena->used += need;
  return p;
}

char *tfm_arena_strndup(tfm_arena *arena, const char *s, size_t n)
{
  size_t total = 0;
  if (!tfm_add_size(n, 1, &total)) {
    return NULL;
  }
  char *copy = tfm_arena_alloc(arena, total);
  if (copy) {
    if (n) {
      memcpy(copy, s, n);
    }
    copy[n] = '\0';
  }
  return copy;
}

void tfm_arena_fini(tfm_arena *arena)
{
  while (arena->last) {
    tfm_arena_block *before = arena->last->before;
    tfm_free(arena->last);
    arena->last = before;
  }
  *arena = (tfm_arena){0};
}
