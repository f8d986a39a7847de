#include "tests/support/ref/ref.h"

#include <math.h>
#include <stdbool.h>

/* Steps of a bfloat16 are 2^-7 of its power of two, and those of denormals 2^-133; double precision
 * holds every quotient by a step exactly. */
float ref_bfloat16(float x)
{
  const double magnitude = fabs((double)x);
  int exponent = 0;
  if (isnan(x)) {
    return (float)copysign((double)NAN, (double)x);
  }
  if (magnitude <= 0.0 || isinf(x)) {
    return x;
  }
  (void)frexp(magnitude, &exponent); /* magnitude < 2^exponent */
  const double step = ldexp(1.0, exponent < -125 ? -133 : exponent - 8);
  const double whole = floor(magnitude / step);
  const double rest = magnitude / step - whole;
  const bool up = rest > 0.5 || (rest >= 0.5 && fmod(whole, 2.0) > 0.0);
  const double nearest = (whole + (up ? 1.0 : 0.0)) * step;
  const double rounded = nearest >= ldexp(1.0, 128) ? (double)INFINITY : nearest;
  return (float)copysign(rounded, (double)x);
}
