/** SHA-256, for output checksums and the identity of models. Source: FIPS 180-4. */
#ifndef TFM_CORE_BASE_SHA256_H
#define TFM_CORE_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint32_t h[8];
  uint64_t bytes;
  unsigned char block[64];
} tfm_sha256;

enum { TFM_SHA256_HEX = 65 }; /* 64 digits and a NUL */

void tfm_sha256_init(tfm_sha256 *s);
void tfm_sha256_add(tfm_sha256 *s, const void *bytes, size_t n);

/** The digest of what was added so far, as lower-case hex; adding may go on afterwards. */
void tfm_sha256_hex(const tfm_sha256 *s, char out[TFM_SHA256_HEX]);

#endif
