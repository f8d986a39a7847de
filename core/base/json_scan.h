/** The bytes of JSON: white space, strings and numbers, without any knowledge of what stands
 *  around them. Private to json_reader.c.
 *
 *  Each scanner starts at *at, moves it behind what it read, and returns NULL, or on failure a
 *  sentence about the problem with *at on the byte of the problem. Threads: callable from many
 *  at once. */
#ifndef TFM_CORE_BASE_JSON_SCAN_H
#define TFM_CORE_BASE_JSON_SCAN_H

#include "core/base/buf.h"
#include "core/base/json_reader.h"
#include "core/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool tfm__json_is_space(char c)
{
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/** Behind the white space at p. Indented texts are mostly blanks: they go by words of 8. */
static inline const char *tfm__json_space(const char *p, const char *end)
{
  while (p < end && tfm__json_is_space(*p)) {
    uint64_t blanks = 0x2020202020202020u;
    uint64_t word = 0;
    for (++p; (size_t)(end - p) >= sizeof word; p += sizeof word) {
      memcpy(&word, p, sizeof word);
      if (word != blanks) {
        p += __builtin_ctzll(word ^ blanks) / 8; /* little-endian: json_scan.c makes sure */
        break;
      }
    }
  }
  return p;
}

/** A string, from its opening quote. Malformed UTF-8 and lone surrogates are problems when strict
 *  and U+FFFD when lossy.
 *
 *  out   (may be NULL: check only) the decoded bytes: borrowed from the text when nothing had to
 *        be decoded, else from `room`
 *  room  used for decoding; afterwards room->failed says whether memory ran out */
const char *tfm__json_string(const char **at, const char *end, tfm_json_unicode unicode,
                             tfm_buf *room, tfm_span *out);

/** A number by the grammar of RFC 8259 section 6; *integer says whether it has neither fraction
 *  nor exponent. */
const char *tfm__json_number(const char **at, const char *end, bool *integer);

/** The value of digits with an optional minus sign. false: it does not fit, or is -0. */
bool tfm__json_to_i64(tfm_span digits, int64_t *out);
bool tfm__json_to_u64(tfm_span digits, uint64_t *out);

/** The nearest double to a number that tfm__json_number() accepted; `room` as above, for very
 *  long ones. Infinity when no double is large enough. */
double tfm__json_to_double(tfm_span number, tfm_buf *room);

#endif
