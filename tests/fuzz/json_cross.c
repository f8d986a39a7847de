/* Crosses two JSON texts for libFuzzer: a value of the first is replaced by one of the second,
 * which has the same key when there is one. So components travel from file to file whole; changes
 * of single bytes are libFuzzer's own. Works on broken JSON too: then what it takes for values may
 * be anything. */
#include "core/base/span.h"
#include "tests/fuzz/fuzz.h"

enum { DEEPEST = 64 };

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb,
                                 uint8_t *out, size_t most, unsigned seed);

typedef struct {
  tfm_span key; /* {NULL, 0} in an array */
  size_t begin, end;
} value;

static uint32_t next_random(uint32_t *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 17;
  return *state ^= *state << 5;
}

/* The end of the string whose quote stands at i. */
static size_t string_end(tfm_span s, size_t i)
{
  for (++i; i < s.n && s.p[i] != '"'; ++i) {
    i += s.p[i] == '\\';
  }
  return i < s.n ? i + 1 : s.n;
}

static size_t value_end(tfm_span s, size_t i)
{
  int depth = 0;
  do {
    char c = s.p[i];
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
      return i;
    }
    depth += (c == '{' || c == '[') - (c == '}' || c == ']');
    i = c == '"' ? string_end(s, i) : i + 1;
    if (depth == 0 && (c == '"' || c == '}' || c == ']')) {
      return i;
    }
  } while (i < s.n);
  return i;
}

/* Choose one of the values at random; with a key, of those that have it. */
static bool choose(tfm_span s, const tfm_span *key, uint32_t *random, value *chosen)
{
  bool object[DEEPEST] = {false};
  unsigned depth = 0;
  uint32_t seen = 0;
  tfm_span word = {NULL, 0};
  for (size_t i = 0; i < s.n;) {
    char c = s.p[i];
    size_t begin = i + 1;
    if (c == '{' || c == '[') {
      depth = (depth + 1) % DEEPEST;
      object[depth] = c == '{';
    } else if (c == '}' || c == ']') {
      depth = (depth + DEEPEST - 1) % DEEPEST;
    }
    bool starts = c == ':' || ((c == '[' || c == ',') && !object[depth]);
    if (starts && begin < s.n) {
      tfm_span name = c == ':' ? word : (tfm_span){NULL, 0};
      bool fits = !key || tfm_span_eq(name, *key);
      if (fits && next_random(random) % ++seen == 0) {
        *chosen = (value){name, begin, value_end(s, begin)};
      }
    }
    i = c == '"' ? string_end(s, i) : i + 1;
    word = c == '"' ? (tfm_span){s.p + begin, i - begin} : word;
  }
  return seen > 0;
}

static size_t put(uint8_t *out, size_t n, size_t most, tfm_span s)
{
  size_t take = s.n < most - n ? s.n : most - n;
  if (take) {
    memcpy(out + n, s.p, take);
  }
  return n + take;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t na, const uint8_t *b, size_t nb,
                                 uint8_t *out, size_t most, unsigned seed)
{
  uint32_t random = seed | 1;
  tfm_span to = {(const char *)a, na};
  tfm_span from = {(const char *)b, nb};
  value old = {{NULL, 0}, na, na};
  value new = {{NULL, 0}, 0, nb};
  if (choose(to, NULL, &random, &old) && !choose(from, &old.key, &random, &new)) {
    (void)choose(from, NULL, &random, &new);
  }
  size_t n = put(out, 0, most, (tfm_span){to.p, old.begin});
  n = put(out, n, most, (tfm_span){from.p + new.begin, new.end - new.begin});
  return put(out, n, most, (tfm_span){to.p + old.end, na - old.end});
}
