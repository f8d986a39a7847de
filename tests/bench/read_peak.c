/* What one core reads out of memory at most: the sum of an array that no cache holds, the best of
 * several passes, fetched ahead as far as is best here (core/kernels/DECISIONS.md 17 ff.). The
 * measure that one text's decoding is held against (decode_share.py): it reads all weights once a
 * token. Prints GB/s. */
#include "core/base/clock.h"
#include "core/base/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BYTES = 512 << 20, PASSES = 9, LINE = 64, AHEAD = 8192, LINES = 4 };

typedef uint64_t words __attribute__((vector_size(32)));

/* Four lines a turn, each of two vectors with a sum of its own. */
static uint64_t pass(const words *x, size_t n)
{
  enum { TURN = LINES * LINE / sizeof(words) };
  words sums[TURN] = {{0}};
  for (size_t i = 0; i < n; i += TURN) {
    for (size_t k = 0; k < TURN; k += LINE / sizeof(words)) {
      __builtin_prefetch((const char *)(x + i + k) + AHEAD);
    }
    for (size_t k = 0; k < TURN; ++k) {
      sums[k] += x[i + k];
    }
  }
  uint64_t all = 0;
  for (size_t k = 0; k < TURN; ++k) {
    all += sums[k][0] + sums[k][1] + sums[k][2] + sums[k][3];
  }
  return all;
}

int main(void)
{
  double best_s = 1e9;
  uint64_t sum = 0;
  words *x = tfm_alloc_huge(1, BYTES + AHEAD);
  if (!x) {
    fprintf(stderr, "read_peak: no memory for %d bytes\n", BYTES + AHEAD);
    return EXIT_FAILURE;
  }
  memset(x, 1, BYTES + AHEAD);
  for (int i = 0; i < PASSES; ++i) {
    const double start_s = tfm_now_s();
    sum += pass(x, BYTES / sizeof *x);
    const double took_s = tfm_now_s() - start_s;
    best_s = took_s < best_s ? took_s : best_s;
  }
  printf("%.1f GB/s (%" PRIx64 ")\n", BYTES / best_s / 1e9, sum);
  tfm_free(x);
  return EXIT_SUCCESS;
}
