/** A bump arena: many small blocks that live and die together. */
#ifndef TFM_CORE_BASE_ARENA_H
#define TFM_CORE_BASE_ARENA_H

#include <stddef.h>

typedef struct tfm_arena_block tfm_arena_block;

/** Zero-initialised is empty and ready. Not thread-safe. */
typedef struct {
  tfm_arena_block *last;
  size_t used;  /* bytes taken in the last block */
  size_t bytes; /* bytes of the last block */
} tfm_arena;

/** n bytes aligned to 16, not zeroed; NULL when memory is out. Borrowed until tfm_arena_fini().
 */
void *tfm_arena_alloc(tfm_arena *arena, size_t n);

/** A NUL-terminated copy of n bytes (which may hold NULs themselves). NULL when memory is out.
 */
char *tfm_arena_strndup(tfm_arena *arena, const char *s, size_t n);

/** Frees everything; the arena is empty and ready again. */
void tfm_arena_fini(tfm_arena *arena);

#endif
