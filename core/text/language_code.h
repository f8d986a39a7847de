/** Marian's language codes: a text that begins with >>fr<< is to become French. Private to the
 *  room. Source: transformers 5.23, models/marian (remove_language_code). */
#ifndef TFM_CORE_TEXT_LANGUAGE_CODE_H
#define TFM_CORE_TEXT_LANGUAGE_CODE_H

#include <stddef.h>
#include <string.h>

/** The bytes of the code at the beginning of a text, 0 when there is none. */
static inline size_t tfm__language_code(const char *p, size_t n)
{
  if (n < 4 || memcmp(p, ">>", 2) != 0) {
    return 0;
  }
  for (size_t i = 2; i + 1 < n; ++i) {
    if (p[i] == '<' && p[i + 1] == '<') {
      return i + 2;
    }
  }
  return 0;
}

#endif
