#include "core/base/json_scan.h"

#include "core/base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "plain_run() counts from low bytes");

#define EACH_BYTE(x) ((x)*0x0101010101010101u)
#define HIGH_BITS    EACH_BYTE(0x80u)

static uint64_t zero_bytes(uint64_t w)
{
  return (w - EACH_BYTE(1u)) & ~w & HIGH_BITS;
}

/* Marks (in bit 7) the bytes that are not copied as they are: quote, backslash, controls, and
 * all beyond ASCII. A borrow may mark a byte above a true mark, never one below: the lowest mark
 * is right. */
static uint64_t special_bytes(uint64_t w)
{
  uint64_t controls = (w - EACH_BYTE(0x20u)) & ~w & HIGH_BITS;
  return zero_bytes(w ^ EACH_BYTE('"')) | zero_bytes(w ^ EACH_BYTE('\\')) | controls |
         (w & HIGH_BITS);
}

static const char *plain_run(const char *p, const char *end)
{
  uint64_t w = 0;
  while ((size_t)(end - p) >= sizeof w) {
    memcpy(&w, p, sizeof w);
    uint64_t marks = special_bytes(w);
    if (marks) {
      return p + __builtin_ctzll(marks) / 8;
    }
    p += sizeof w;
  }
  while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
         *p != '\\') {
    ++p;
  }
  return p;
}

/* One more than the value of a hexadecimal digit; 0 for all other bytes. A table, because whether
 * a digit is a letter is a coin toss that no branch predictor wins. */
static const unsigned char hex_plus_one[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
    ['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
    ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16, ['A'] = 11, ['B'] = 12,
    ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16};

/* The four digits after "\u" at p, or -1. */
static int32_t unit_at(const char *p, const char *end)
{
  if (end - p < 6 || p[0] != '\\' || p[1] != 'u') {
    return -1;
  }
  const int32_t a = hex_plus_one[(unsigned char)p[2]];
  const int32_t b = hex_plus_one[(unsigned char)p[3]];
  const int32_t c = hex_plus_one[(unsigned char)p[4]];
  const int32_t d = hex_plus_one[(unsigned char)p[5]];
  if (!a || !b || !c || !d) {
    return -1;
  }
  return (a - 1) << 12 | (b - 1) << 8 | (c - 1) << 4 | (d - 1);
}

static bool is_high(int32_t unit)
{
  return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(int32_t unit)
{
  return unit >= 0xdc00 && unit < 0xe000;
}

/* "\uXXXX", or two of them for a character beyond U+FFFF. */
static const char *unicode_escape(const char **at, const char *end, tfm_json_unicode unicode,
                                  uint32_t *c)
{
  int32_t unit = unit_at(*at, end);
  if (unit < 0) {
    return "a \\u escape wants four hexadecimal digits";
  }
  if (is_high(unit)) {
    int32_t low = unit_at(*at + 6, end);
    if (is_low(low)) {
      *c = 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
      *at += 12;
      return NULL;
    }
  }
  if (is_high(unit) || is_low(unit)) {
    if (unicode == TFM_JSON_STRICT) {
      return "a \\u escape is half of a surrogate pair";
    }
    unit = 0xfffd;
  }
  *c = (uint32_t)unit;
  *at += 6;
  return NULL;
}

static const char *escape(const char **at, const char *end, tfm_json_unicode unicode,
                          uint32_t *c)
{
  char kind = end - *at >= 2 ? (*at)[1] : '\0';
  switch (kind) {
  case 'u':
    return unicode_escape(at, end, unicode, c);
  case '"':
  case '\\':
  case '/':
    *c = (uint32_t)kind;
    break;
  case 'b':
    *c = '\b';
    break;
  case 'f':
    *c = '\f';
    break;
  case 'n':
    *c = '\n';
    break;
  case 'r':
    *c = '\r';
    break;
  case 't':
    *c = '\t';
    break;
  default:
    return end - *at >= 2 ? "unknown escape in a string" : "the text ends inside a string";
  }
  *at += 2;
  return NULL;
}

/* A run of well-formed characters beyond ASCII. */
static const char *wide_run(const char *p, const char *end)
{
  while (p < end && (unsigned char)*p >= 0x80) {
    size_t len = tfm_utf8_valid_at(p, (size_t)(end - p));
    if (!len) {
      break;
    }
    p += len;
  }
  return p;
}

/* What cannot be copied: an escape or, when lossy, malformed bytes. Moves *at behind it and
 * gives the character that stands there; anything else is a problem. */
static const char *special(const char **at, const char *end, tfm_json_unicode unicode,
                           uint32_t *c)
{
  if (*at == end) {
    return "the text ends inside a string";
  }
  if (**at == '\\') {
    return escape(at, end, unicode, c);
  }
  if ((unsigned char)**at < 0x20) {
    return "a control character stands in a string (it has to be escaped)";
  }
  if (unicode == TFM_JSON_STRICT) {
    return "malformed UTF-8 in a string";
  }
  *at += tfm_utf8_bad_at(*at, (size_t)(end - *at));
  *c = 0xfffd;
  return NULL;
}

/* Appends a run of n bytes and the character after it. */
static void add_decoded(tfm_buf *room, const char *run, size_t n, uint32_t c)
{
  enum { LONGEST = 4 };
  if (n) {
    (void)tfm_buf_append(room, run, n);
  }
  if (tfm_buf_reserve(room, LONGEST) == TFM_OK) {
    room->n += tfm_utf8_encode(c, room->data + room->n);
  }
}

const char *tfm__json_string(const char **at, const char *end, tfm_json_unicode unicode,
                             tfm_buf *room, tfm_span *out)
{
  const char *run = *at + 1; /* start of what is not yet copied to room */
  const char *p = run;
  bool decoded = false;
  tfm_buf_clear(room);
  for (;;) {
    p = plain_run(p, end);
    const char *wide = wide_run(p, end);
    if (wide > p) {
      p = wide;
      continue;
    }
    if (p < end && *p == '"') {
      break;
    }
    const char *before = p;
    uint32_t c = 0;
    const char *problem = special(&p, end, unicode, &c);
    if (problem) {
      *at = p;
      return problem;
    }
    if (out) {
      add_decoded(room, run, (size_t)(before - run), c);
    }
    decoded = true;
    run = p;
  }
  *at = p + 1;
  if (out && decoded) {
    (void)tfm_buf_append(room, run, (size_t)(p - run));
    *out = tfm_buf_view(room);
  } else if (out) {
    *out = (tfm_span){run, (size_t)(p - run)};
  }
  return room->failed ? "not enough memory to decode a string" : NULL;
}

static const char *digits_from(const char *p, const char *end)
{
  while (p < end && *p >= '0' && *p <= '9') {
    ++p;
  }
  return p;
}

const char *tfm__json_number(const char **at, const char *end, bool *integer)
{
  const char *p = *at;
  *integer = true;
  if (p < end && *p == '-') {
    ++p;
  }
  const char *whole = p;
  p = digits_from(p, end);
  *at = p;
  if (p == whole) {
    return "a number wants a digit here";
  }
  if (*whole == '0' && p - whole > 1) {
    *at = whole;
    return "a number has a leading zero";
  }
  if (p < end && *p == '.') {
    const char *fraction = ++p;
    *integer = false;
    *at = p = digits_from(p, end);
    if (p == fraction) {
      return "a number wants a digit after its point";
    }
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    ++p;
    *integer = false;
    if (p < end && (*p == '+' || *p == '-')) {
      ++p;
    }
    const char *exponent = p;
    *at = p = digits_from(p, end);
    if (p == exponent) {
      return "a number wants a digit in its exponent";
    }
  }
  return NULL;
}

bool tfm__json_to_u64(tfm_span digits, uint64_t *out)
{
  uint64_t x = 0;
  if (digits.n > 20 || digits.p[0] == '-') {
    return false;
  }
  for (size_t i = 0; i < digits.n; ++i) {
    uint64_t digit = (uint64_t)(digits.p[i] - '0');
    if (x > (UINT64_MAX - digit) / 10) {
      return false;
    }
    x = x * 10 + digit;
  }
  *out = x;
  return true;
}

bool tfm__json_to_i64(tfm_span digits, int64_t *out)
{
  bool minus = digits.p[0] == '-';
  uint64_t x = 0;
  if (!tfm__json_to_u64((tfm_span){digits.p + minus, digits.n - minus}, &x)) {
    return false;
  }
  if (!minus) {
    *out = (int64_t)x;
    return x <= INT64_MAX;
  }
  *out = (int64_t)(0 - x);
  return x > 0 && x <= (uint64_t)INT64_MAX + 1;
}

/* Up to 15 digits and powers up to 10^22 are exact doubles, so one product or quotient rounds
 * once and is therefore the nearest double (Clinger 1990). false: the general way is needed. */
static bool small_double(tfm_span number, double *out)
{
  static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  enum { MOST_DIGITS = 15, MOST_POWER = 22 };
  const char *p = number.p;
  const char *end = p + number.n;
  bool minus = *p == '-';
  int64_t mantissa = 0;
  int ndigit = 0;
  int power = 0;
  bool point = false;
  for (p += minus; p < end && *p != 'e' && *p != 'E'; ++p) {
    if (ndigit > MOST_DIGITS || power < -MOST_POWER) {
      return false; /* before the mantissa overflows */
    }
    if (*p == '.') {
      point = true;
      continue;
    }
    mantissa = mantissa * 10 + (*p - '0');
    ndigit += mantissa != 0;
    power -= point;
  }
  if (p < end) {
    int exponent = 0;
    bool down = *++p == '-';
    for (p += *p == '-' || *p == '+'; p < end && exponent < 1000; ++p) {
      exponent = exponent * 10 + (*p - '0');
    }
    power += down ? -exponent : exponent;
  }
  if (ndigit > MOST_DIGITS || power > MOST_POWER || power < -MOST_POWER) {
    return false;
  }
  double x = power < 0 ? (double)mantissa / powers[-power] : (double)mantissa * powers[power];
  *out = minus ? -x : x;
  return true;
}

double tfm__json_to_double(tfm_span number, tfm_buf *room)
{
  double x = 0;
  if (small_double(number, &x)) {
    return x;
  }
  char text[128];
  if (number.n < sizeof text) {
    memcpy(text, number.p, number.n);
    text[number.n] = '\0';
    return strtod(text, NULL);
  }
  tfm_buf_clear(room);
  (void)tfm_buf_span(room, number);
  return strtod(tfm_buf_cstr(room), NULL);
}
