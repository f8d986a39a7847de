/** The plain twin of crc32c.c: one table, one byte at a time. It is what machines without the
 *  instruction run, and what the tests hold the fast path against. */
#ifndef TFM_CORE_BASE_CRC32C_PRIVATE_H
#define TFM_CORE_BASE_CRC32C_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

/** As tfm_crc32c(). */
uint32_t tfm__crc32c_plain(uint32_t crc, const void *bytes, size_t n);

#endif
