/** What every fuzz target is: one function that takes any bytes and must come back.
 *
 *  Under clang (preset fuzz) libFuzzer calls it with bytes it makes up; everywhere else replay.c
 *  calls it once for each file of the target's corpus. */
#ifndef TFM_TESTS_FUZZ_FUZZ_H
#define TFM_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** libFuzzer's name for it. Returns 0. Bytes it does not own may not be kept. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/** A claim that holds for all bytes; the first that does not is a finding. */
#define FUZZ_WANT(claim)                                                                       \
  do {                                                                                         \
    if (!(claim)) {                                                                            \
      (void)fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #claim);         \
      abort();                                                                                 \
    }                                                                                          \
  } while (0)

#endif
