#include "core/model/shown.h"

#include <string.h>

enum { MOST = 120 };

tfm__shown tfm__shown_bytes(const char *name, size_t n)
{
  tfm__shown s = {.text = ""};
  size_t keep = n;
  if (n > MOST) {
    keep = MOST;
    while (keep > 0 && ((unsigned char)name[keep] & 0xc0u) == 0x80u) {
      keep -= 1; /* not in the middle of a UTF-8 character */
    }
  }
  for (size_t i = 0; i < keep; ++i) {
    const unsigned char c = (unsigned char)name[i];
    s.text[i] = name[i];
    if (c < 0x20 || c == 0x7f) {
      s.text[i] = '?';
    }
  }
  memcpy(s.text + keep, n > keep ? "..." : "", n > keep ? 4 : 1);
  return s;
}

tfm__shown tfm__shown_of(const char *name)
{
  return tfm__shown_bytes(name, strlen(name));
}
