/** The ways to a CRC-32C; each is as tfm_crc32c(). */
#ifndef TFM_CORE_BASE_CRC32C_PRIVATE_H
#define TFM_CORE_BASE_CRC32C_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One table, one byte at a time: what machines without instructions for it run, and what the tests
 * hold the others against. */
uint32_t tfm__crc32c_plain(uint32_t crc, const void *bytes, size_t n);

/** The SSE4.2 instruction, in three streams side by side; plain where there is none. */
uint32_t tfm__crc32c_streams(uint32_t crc, const void *bytes, size_t n);

/** Products of AVX-512; only where tfm__crc32c_can_fold(). */
uint32_t tfm__crc32c_fold(uint32_t crc, const void *bytes, size_t n);
bool tfm__crc32c_can_fold(void);

#endif
