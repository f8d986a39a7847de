/** The precompiled character map of a sentencepiece model: strings and what they become.
 *
 *  Bytes of it: a number of four bytes, that many bytes of a double array in the layout of
 *  Darts-clone, and the results, each ended by NUL. Source: normalizer.cc of SentencePiece
 *  (DecodePrecompiledCharsMap). Private to the room. */
#ifndef TFM_CORE_TEXT_CHARSMAP_H
#define TFM_CORE_TEXT_CHARSMAP_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stddef.h>
#include <stdint.h>

/** Zero-initialised is the empty map. Borrows its bytes. */
typedef struct {
  const uint32_t *unit;
  size_t nunit;
  const char *text; /* what strings become, each ended by NUL */
  size_t ntext;
} tfm__charsmap;

/** Use bytes, which begin where a uint32_t may and outlive the map. Errors: TFM_E_FORMAT when they
 *  are no such map, or its parts do not fit together. */
tfm_status tfm__charsmap_of(tfm__charsmap *map, tfm_span bytes, tfm_err *err) TFM_MUST_USE;

/** What the shortest string of the map at the beginning of s becomes; {NULL, 0}: there is none. */
tfm_span tfm__charsmap_shortest(const tfm__charsmap *map, const char *s, size_t n);

/** The same of the longest, whose bytes go to *len. */
tfm_span tfm__charsmap_longest(const tfm__charsmap *map, const char *s, size_t n, size_t *len);

#endif
