#!/usr/bin/env bash
# usage: no_libm.sh LIBTFM_KERNELS.a
# The kernels' bits must not depend on anybody's libm: none of its functions may be asked for.
set -euo pipefail

wanted=$(nm -u "$1" | awk '$1 == "U" { print $2 }' | sort -u)
if found=$(grep -Ex '(exp|exp2|expm1|log|log2|log1p|pow|erf|erfc|tanh|sinh|cosh|sqrt|fma|round|rint|nearbyint|lrint|ldexp|scalbn|floor|ceil|cos|sin)f?' <<<"$wanted"); then
  echo "libm functions in $1: ${found//$'\n'/ }"
  exit 1
fi
# A list without memcpy is the list of something else.
grep -qx memcpy <<<"$wanted"
