#include "core/text/finish.h"

static const tfm__place plain[] = {{.what = TFM__FIRST, .type_id = 0},
                                   {.what = TFM__SECOND, .type_id = 1}};
const tfm__template tfm__plain_template = {
    .single = plain, .nsingle = 1, .pair = plain, .npair = 2};

size_t tfm__template_added(const tfm__template *t, bool pair)
{
  const tfm__place *place = pair ? t->pair : t->single;
  size_t n = pair ? t->npair : t->nsingle;
  size_t added = 0;
  for (size_t i = 0; i < n; ++i) {
    added += place[i].what == TFM__SPECIAL;
  }
  return added;
}

static size_t least(size_t a, size_t b)
{
  return a < b ? a : b;
}

bool tfm__truncate(size_t most, bool pair, size_t *n1, size_t *n2)
{
  if (*n1 + *n2 <= most) {
    return false;
  }
  if (!pair) {
    *n1 = most;
    return true;
  }
  /* As the library computes it: s is the shorter one, l what the longer may keep. */
  bool swapped = *n1 > *n2;
  size_t s = least(*n1, *n2);
  size_t l = s;
  if (s <= most && most - s > s) {
    l = most - s;
  }
  if (s + l > most) {
    s = most / 2;
    l = s + most % 2;
  }
  *n1 = swapped ? l : s;
  *n2 = swapped ? s : l;
  return true;
}
