#include "core/base/decimal.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Decimals of this many digits all survive a normal float or double, so a shorter one shows as
 * zeros at the end. */
enum { FLOAT_SURE = 6, FLOAT_MOST = 9, DOUBLE_SURE = 15, DOUBLE_MOST = 17 };

static void strip_zeros(tfm__decimal *d)
{
  while (d->n > 1 && d->digits[d->n - 1] == '0') {
    --d->n;
  }
}

static void set_zero(tfm__decimal *d)
{
  d->digits[0] = '0';
  d->n = 1;
  d->exponent = 0;
}

/* "d.ddde-XX", as printf writes it. */
static void take_text(const char *text, tfm__decimal *d)
{
  d->n = 0;
  const char *p = text;
  for (; *p != 'e'; ++p) {
    if (*p >= '0' && *p <= '9') {
      d->digits[d->n++] = *p;
    }
  }
  d->exponent = atoi(p + 1);
  strip_zeros(d);
}

/* Trying lengths with the C library, whose conversions round correctly. */
static void search_double(double x, int from, int most, tfm__decimal *d)
{
  char text[40];
  for (int digits = from; digits <= most; ++digits) {
    (void)snprintf(text, sizeof text, "%.*e", digits - 1, x);
    double back = strtod(text, NULL);
    if (memcmp(&back, &x, sizeof x) == 0) {
      break;
    }
  }
  take_text(text, d);
}

static void search_float(float x, int from, tfm__decimal *d)
{
  char text[40];
  for (int digits = from; digits <= FLOAT_MOST; ++digits) {
    (void)snprintf(text, sizeof text, "%.*e", digits - 1, (double)x);
    float back = strtof(text, NULL);
    if (memcmp(&back, &x, sizeof x) == 0) {
      break;
    }
  }
  take_text(text, d);
}

enum { MOST_POWER = 22 }; /* the powers of ten that a double holds exactly */

static const double power_of_ten[MOST_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* x * 10^power, rounded once; power within the table. */
static double scale(double x, int power)
{
  return power < 0 ? x / power_of_ten[-power] : x * power_of_ten[power];
}

static float neighbour(float x, int step)
{
  uint32_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  bits += (uint32_t)step;
  memcpy(&x, &bits, sizeof bits);
  return x;
}

/* The digits of a whole number below 10^digits. */
static void take_whole(uint32_t whole, int digits, tfm__decimal *d)
{
  d->n = digits;
  for (int i = digits; i > 0; --i) {
    d->digits[i - 1] = (char)('0' + whole % 10);
    whole /= 10;
  }
  strip_zeros(d);
}

enum { QUICK_LOW = -8, QUICK_HIGH = 20 };

/* floor(log10(x)) where it is from QUICK_LOW to QUICK_HIGH, else something outside. The estimate
 * from the binary exponent is right or one too small; a float times 10^8 or less is exact as a
 * double, so the comparison decides. */
static int decimal_exponent(double x)
{
  int binary = 0;
  (void)frexp(x, &binary);
  int exponent = (int)floor((binary - 1) * 0.30102999566398120);
  if (exponent < QUICK_LOW - 1 || exponent > QUICK_HIGH) {
    return exponent;
  }
  return scale(x, -(exponent + 1)) >= 1 ? exponent + 1 : exponent;
}

/* The quick way. A decimal reads back as x when it lies between the points halfway to x's
 * neighbours. Those are exact as doubles, and a candidate of at most 9 digits is one division or
 * product away from exact, so it is off by at most half an ulp: a comparison that keeps clear by
 * two ulps is certain. false: not certain, or powers of ten beyond the table. */
static bool quick_float(float x, tfm__decimal *d)
{
  double wide = (double)x;
  const double margin = 0x1p-51;
  double low = (wide + (double)neighbour(x, -1)) / 2;
  double high = (wide + (double)neighbour(x, 1)) / 2;
  int exponent = decimal_exponent(wide);
  if (exponent < QUICK_LOW || exponent > QUICK_HIGH) {
    return false;
  }
  for (int digits = FLOAT_SURE; digits <= FLOAT_MOST; ++digits) {
    double whole = rint(scale(wide, digits - 1 - exponent));
    double candidate = scale(whole, exponent - digits + 1);
    if (candidate > low + low * margin && candidate < high - high * margin) {
      bool carried = whole >= power_of_ten[digits]; /* 9.9..9 rounded up to 10 */
      take_whole((uint32_t)whole / (carried ? 10 : 1), digits, d);
      d->exponent = exponent + carried;
      return true;
    }
    if (candidate > low - low * margin && candidate < high + high * margin) {
      return false;
    }
  }
  return false;
}

void tfm__decimal_of_float(float x, tfm__decimal *out)
{
  const float smallest_normal = 0x1p-126f;
  out->minus = signbit(x) != 0;
  x = fabsf(x);
  if (!(x > 0)) {
    set_zero(out);
  } else if (x < smallest_normal) {
    search_float(x, 1, out);
  } else if (!quick_float(x, out)) {
    search_float(x, FLOAT_SURE, out);
  }
}

void tfm__decimal_of_double(double x, tfm__decimal *out)
{
  const double smallest_normal = 0x1p-1022;
  out->minus = signbit(x) != 0;
  x = fabs(x);
  if (!(x > 0)) {
    set_zero(out);
  } else {
    search_double(x, x < smallest_normal ? 1 : DOUBLE_SURE, DOUBLE_MOST, out);
  }
}

tfm_status tfm__decimal_write(tfm_buf *b, const tfm__decimal *d)
{
  enum { FIRST_PLAIN = -4, LAST_PLAIN = 15 };
  enum { ROOM = 64 }; /* 17 digits, or 16 before the point; sign, point, zeros, exponent */
  if (tfm_buf_reserve(b, ROOM) != TFM_OK) {
    return TFM_E_NOMEM;
  }
  char *text = b->data + b->n;
  size_t n = 0;
  int whole = d->exponent + 1; /* digits before the point */
  if (d->minus) {
    text[n++] = '-';
  }
  if (d->exponent < FIRST_PLAIN || d->exponent > LAST_PLAIN) {
    text[n++] = d->digits[0];
    whole = 1;
  } else {
    for (int i = 0; i < whole; ++i) {
      text[n++] = i < d->n ? d->digits[i] : '0';
    }
    if (whole <= 0) {
      text[n++] = '0';
    }
  }
  if (d->n > whole) {
    text[n++] = '.';
    for (int i = whole; i < d->n; ++i) {
      text[n++] = i < 0 ? '0' : d->digits[i];
    }
  }
  if (d->exponent < FIRST_PLAIN || d->exponent > LAST_PLAIN) {
    n += (size_t)snprintf(text + n, 8, "e%+03d", d->exponent);
  }
  b->n += n;
  return TFM_OK;
}
