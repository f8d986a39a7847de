/** The characters that stand for bytes, so that a vocabulary of strings can hold any bytes: those
 *  of Latin-1 that print stay, the others become U+0100 and up in order.
 *  Source: GPT-2's encoder, bytes_to_unicode(). */
#ifndef TFM_CORE_TEXT_BYTE_LEVEL_H
#define TFM_CORE_TEXT_BYTE_LEVEL_H

#include <stdint.h>

enum { TFM__BYTE_LEVEL_END = 0x144 }; /* all of them lie below */

static inline uint32_t tfm__byte_level_character(uint32_t byte)
{
  if (byte <= 0x20) {
    return 0x100 + byte;
  }
  if (byte >= 0x7f && byte <= 0xa0) {
    return 0x121 + (byte - 0x7f);
  }
  return byte == 0xad ? 0x143 : byte;
}

#endif
