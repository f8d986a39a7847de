/** CRC-32C (Castagnoli), for frames and records: by products of AVX-512 where the processor has
 *  them (VPCLMULQDQ), by the SSE4.2 instruction where it has that.
 *  Source: RFC 3720 appendix B.4 (polynomial and test vectors). */
#ifndef TFM_CORE_BASE_CRC32C_H
#define TFM_CORE_BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** The checksum of n bytes, continuing from `crc` (0 to start): crc(a+b) = crc(b, crc(a)). */
uint32_t tfm_crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
