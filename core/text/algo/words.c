#include "core/text/algo/words.h"

#include "core/base/mem.h"

#include <string.h>

/* A record is words of 8 bytes: a head, the word (zero behind its end), its parts. The head holds
 * the upper half of the hash, the bytes and the count of parts. */
_Static_assert(sizeof(tfm__part) == 8, "a part is one word of a record");

enum { ROOM = TFM__WORDS_ROOM / 8 };

static uint64_t head_of(uint64_t hash, size_t n)
{
  return hash >> 32 << 32 | (uint64_t)n << 16;
}

static size_t words_of(size_t n)
{
  return (n + 7) / 8;
}

/* Word i of n bytes, with zeros behind them. */
static uint64_t word_at(const char *p, size_t n, size_t i)
{
  uint64_t word = 0;
  memcpy(&word, p + 8 * i, sizeof word);
  size_t left = n - 8 * i;
  return left >= 8 ? word : word & (((uint64_t)1 << 8 * left) - 1);
}

tfm_status tfm__words_init(tfm__words *w)
{
  *w = (tfm__words){.used = 1};
  w->slot = tfm_calloc(TFM__WORDS_SLOTS, sizeof *w->slot);
  w->room = tfm_realloc(NULL, ROOM, sizeof *w->room);
  if (!w->slot || !w->room) {
    tfm__words_fini(w);
    return TFM_E_NOMEM;
  }
  return TFM_OK;
}

void tfm__words_fini(tfm__words *w)
{
  tfm_free(w->slot);
  tfm_free(w->room);
  *w = (tfm__words){0};
}

uint64_t tfm__words_hash(const char *p, size_t n)
{
  uint64_t h = n * 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < words_of(n); ++i) {
    h = (h ^ word_at(p, n, i)) * 0xd6e8feb86659fd93u;
    h ^= h >> 32;
  }
  return h * 0x9e3779b97f4a7c15u;
}

static size_t slot_of(uint64_t hash)
{
  return (size_t)(hash >> 12) & (TFM__WORDS_SLOTS - 1);
}

const tfm__part *tfm__words_get(const tfm__words *w, uint64_t hash, const char *p, size_t n,
                                size_t *count)
{
  uint64_t head = head_of(hash, n);
  for (size_t s = slot_of(hash); w->slot[s]; s = (s + 1) & (TFM__WORDS_SLOTS - 1)) {
    const uint64_t *record = w->room + w->slot[s];
    if (record[0] >> 16 != head >> 16) {
      continue;
    }
    size_t i = 0;
    while (i < words_of(n) && record[1 + i] == word_at(p, n, i)) {
      ++i;
    }
    if (i == words_of(n)) {
      *count = record[0] & 0xffff;
      return (const tfm__part *)(record + 1 + i);
    }
  }
  return NULL;
}

void tfm__words_put(tfm__words *w, uint64_t hash, const char *p, size_t n,
                    const tfm__part *parts, size_t count)
{
  if (n > TFM__WORD_BYTES || count > TFM__WORD_TOKENS) {
    return;
  }
  size_t need = 1 + words_of(n) + count;
  if (w->used + need > ROOM || w->held >= TFM__WORDS_SLOTS / 2) {
    memset(w->slot, 0, TFM__WORDS_SLOTS * sizeof *w->slot);
    w->used = 1;
    w->held = 0;
  }
  size_t s = slot_of(hash);
  while (w->slot[s]) {
    s = (s + 1) & (TFM__WORDS_SLOTS - 1);
  }
  uint64_t *record = w->room + w->used;
  record[0] = head_of(hash, n) | count;
  for (size_t i = 0; i < words_of(n); ++i) {
    record[1 + i] = word_at(p, n, i);
  }
  memcpy(record + 1 + words_of(n), parts, count * sizeof *parts);
  w->slot[s] = w->used;
  w->used += (uint32_t)need;
  ++w->held;
}
