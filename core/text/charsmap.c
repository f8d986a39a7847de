#include "core/text/charsmap.h"

#include "core/base/utf8.h"

#include <inttypes.h>
#include <string.h>

/* Where the children of a unit begin, from its own place. */
static inline size_t offset_of(uint32_t unit)
{
  return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

/* What the string that ends at a node becomes. */
static tfm_span result_at(const tfm__charsmap *map, size_t node)
{
  size_t at = node < map->nunit ? map->unit[node] & (~0u >> 1) : SIZE_MAX;
  return at < map->ntext ? tfm_span_of(map->text + at) : (tfm_span){NULL, 0};
}

static tfm_span look_up(const tfm__charsmap *map, const char *s, size_t n, bool longest,
                        size_t *len)
{
  tfm_span found = {NULL, 0};
  if (map->nunit == 0) {
    return found;
  }
  size_t node = offset_of(map->unit[0]);
  for (size_t i = 0; i < n; ++i) {
    unsigned char c = (unsigned char)s[i];
    node ^= c;
    if (c == 0 || node >= map->nunit) {
      break;
    }
    uint32_t unit = map->unit[node];
    if ((unit & (1u << 31 | 0xff)) != c) {
      break;
    }
    node ^= offset_of(unit);
    if (unit >> 8 & 1) {
      found = result_at(map, node);
      *len = i + 1;
      if (!longest) {
        break;
      }
    }
  }
  return found;
}

tfm_span tfm__charsmap_shortest(const tfm__charsmap *map, const char *s, size_t n)
{
  size_t len = 0;
  return look_up(map, s, n, false, &len);
}

tfm_span tfm__charsmap_longest(const tfm__charsmap *map, const char *s, size_t n, size_t *len)
{
  return look_up(map, s, n, true, len);
}

/* The strings must be UTF-8, and end. */
static bool is_whole(tfm_span text)
{
  return text.n == 0 || (text.p[text.n - 1] == '\0' && tfm_utf8_valid(text.p, text.n, NULL));
}

/* Every unit must lead into the array where it leads; look_up() checks that again. Values must
 * begin a character of the text. */
static bool is_sound(const tfm__charsmap *map)
{
  for (size_t i = 0; i < map->nunit; ++i) {
    uint32_t unit = map->unit[i];
    if (unit >> 31 || !(unit >> 8 & 1)) {
      continue;
    }
    size_t node = i ^ offset_of(unit);
    size_t at = node < map->nunit ? map->unit[node] & (~0u >> 1) : SIZE_MAX;
    if (at >= map->ntext || ((unsigned char)map->text[at] & 0xc0) == 0x80) {
      return false;
    }
  }
  return true;
}

tfm_status tfm__charsmap_of(tfm__charsmap *map, tfm_span s, tfm_err *err)
{
  uint32_t bytes = 0;
  memcpy(&bytes, s.p, s.n < sizeof bytes ? s.n : sizeof bytes);
  if (s.n < sizeof bytes || bytes % 4 || bytes == 0 || bytes > s.n - sizeof bytes) {
    return tfm_fail(err, TFM_E_FORMAT, "a charsmap of %zu bytes whose trie has %" PRIu32, s.n,
                    bytes);
  }
  *map = (tfm__charsmap){.unit = (const uint32_t *)(const void *)(s.p + sizeof bytes),
                         .nunit = bytes / 4,
                         .text = s.p + sizeof bytes + bytes,
                         .ntext = s.n - sizeof bytes - bytes};
  if (!is_whole((tfm_span){map->text, map->ntext}) || !is_sound(map)) {
    return tfm_fail(err, TFM_E_FORMAT, "the charsmap's trie and texts do not fit together");
  }
  return TFM_OK;
}
