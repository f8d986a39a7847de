/** The shortest decimal of a binary number. Private to buf.c.
 *
 *  Shortest: the fewest significant digits whose nearest decimal reads back as the same number;
 *  of the decimals of that length it is the nearest. */
#ifndef TFM_CORE_BASE_DECIMAL_H
#define TFM_CORE_BASE_DECIMAL_H

#include "core/base/buf.h"

#include <stdbool.h>

enum { TFM__DECIMAL_DIGITS = 17 };

/** value = d.ddd * 10^exponent, with n digits, the last not '0' (zero itself is "0"). */
typedef struct {
  char digits[TFM__DECIMAL_DIGITS + 1];
  int n;
  int exponent;
  bool minus;
} tfm__decimal;

/** x must be finite. The float way is quick (about 50 ns) for magnitudes of 1e-8 to 1e20. */
void tfm__decimal_of_float(float x, tfm__decimal *out);
void tfm__decimal_of_double(double x, tfm__decimal *out);

/** Append it in a form JSON accepts: with an exponent below 1e-4 and from 1e16 on, as Python's
 *  repr does, else plainly. */
tfm_status tfm__decimal_write(tfm_buf *b, const tfm__decimal *d);

#endif
