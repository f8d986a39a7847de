#include "core/text/algo/read_score.h"

#include <math.h>
#include <stdlib.h>

/* 10^n as the nearest double, n from 0 to 308. */
static double power_of_ten(int n)
{
  static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (n < (int)(sizeof exact / sizeof exact[0])) {
    return exact[n];
  }
  char room[8] = {
      '1', 'e', (char)('0' + n / 100), (char)('0' + n / 10 % 10), (char)('0' + n % 10), '\0'};
  return strtod(room, NULL);
}

/* significand * 10^exponent in the reader's steps. */
static double scale(uint64_t significand, int64_t exponent)
{
  enum { MOST = 308 };
  double f = (double)significand;
  while (exponent < -MOST) {
    if (!(f > 0)) {
      return f;
    }
    f /= 1e308;
    exponent += MOST;
  }
  if (exponent > MOST) {
    return f > 0 ? (double)INFINITY : f;
  }
  return exponent < 0 ? f / power_of_ten((int)-exponent) : f * power_of_ten((int)exponent);
}

typedef struct {
  const char *p, *end;
  uint64_t significand;
  int64_t exponent;
  bool full; /* the next digit did not fit: it and all after it are dropped */
} scan;

static bool is_digit(const scan *s)
{
  return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

/* Digits before the point (places 1) or behind it (places 0). */
static void take_digits(scan *s, int places)
{
  for (; is_digit(s); ++s->p) {
    uint64_t digit = (uint64_t)(*s->p - '0');
    s->full |= s->significand > (UINT64_MAX - digit) / 10;
    if (!s->full) {
      s->significand = s->significand * 10 + digit;
      s->exponent -= !places;
    } else {
      s->exponent += places;
    }
  }
}

static int64_t take_exponent(scan *s)
{
  enum { HUGE_EXPONENT = 1 << 30 };
  bool negative = s->p < s->end && *s->p == '-';
  s->p += s->p < s->end && (*s->p == '-' || *s->p == '+');
  int64_t e = 0;
  for (; is_digit(s); ++s->p) {
    e = e < HUGE_EXPONENT ? e * 10 + (*s->p - '0') : e;
  }
  return negative ? -e : e;
}

bool tfm__score_of(tfm_span number, double *out)
{
  scan s = {.p = number.p, .end = number.p + number.n};
  bool negative = s.p < s.end && *s.p == '-';
  s.p += negative;
  take_digits(&s, 1);
  if (s.p < s.end && *s.p == '.') {
    ++s.p;
    take_digits(&s, 0);
  }
  if (s.p < s.end && (*s.p == 'e' || *s.p == 'E')) {
    ++s.p;
    s.exponent += take_exponent(&s);
  }
  double x = scale(s.significand, s.exponent);
  *out = negative ? -x : x;
  return isfinite(x);
}

double tfm__read_score(tfm_jread *r)
{
  double score = 0;
  if (tfm_jread_peek(r) != TFM_JSON_NUMBER) {
    return tfm_jread_double(r); /* fails, and says what it is instead */
  }
  tfm_span number = tfm_jread_skip(r);
  if (tfm_jread_ok(r) && !tfm__score_of(number, &score)) {
    tfm_jread_fail(r, TFM_E_FORMAT, "the score is not finite");
  }
  return score;
}
