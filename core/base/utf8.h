/** UTF-8 as the Unicode standard defines it: no overlong forms, no surrogates, at most
 * U+10FFFF. Source: The Unicode Standard 15.0, table 3-7. Threads: all callable from many at
 * once. */
#ifndef TFM_CORE_BASE_UTF8_H
#define TFM_CORE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes (1..4) of the well-formed character that starts at p, with n bytes readable; 0 when
 * none does (n is 0, or the bytes are malformed or cut). */
size_t tfm_utf8_valid_at(const char *p, size_t n);

/** Bytes (>= 1) of the malformed piece at p that one U+FFFD stands for: the longest prefix of a
 *  well-formed character, as Python's lossy decoder does. Call only where valid_at() gave 0, n
 * > 0. */
size_t tfm_utf8_bad_at(const char *p, size_t n);

/** Whether all n bytes are well-formed; *bad_at (when not NULL) is the offset of the first that
 *  is not. */
bool tfm_utf8_valid(const char *p, size_t n, size_t *bad_at);

/** The code point of the well-formed character at p; *len is its bytes. */
uint32_t tfm_utf8_decode(const char *p, size_t *len);

/** Write code point c (a scalar value) to out; returns the bytes written, 1..4. */
size_t tfm_utf8_encode(uint32_t c, char out[4]);

/** Code points in n well-formed bytes. */
size_t tfm_utf8_count(const char *p, size_t n);

#endif
