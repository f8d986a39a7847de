# Steps that demo.sh, test.sh and tests/sanitize.sh share. Sourced by bash, never run.
#
# The caller has `set -euo pipefail`; afterwards the current folder is the project's root, and
# the environment is that of mpi_env.sh.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C.UTF-8
. deploy/mpi_env.sh

TFM_CORES=$(getconf _NPROCESSORS_ONLN)
TFM_RESULTS=() # junit files and names of failed builds, for tally.py

say() {
  printf '==> %s\n' "$*"
}

# ON where the test packages are: then the tests stay configured, and nothing is configured anew.
tests_wanted() {
  pkg-config --exists cmocka && echo ON || echo OFF
}

# build PRESET TARGETS TESTS: configure and build; the output is shown only when it fails.
# TESTS is ON or OFF. Compiles what changed, so a second run is quick.
build() {
  local preset=$1 targets=$2 tests=$3 log=build/$1.log
  mkdir -p build
  say "building preset $preset in build/$preset (log: $log)"
  if cmake --preset "$preset" -DTFM_BUILD_TESTS="$tests" \
    -DCMAKE_VERIFY_INTERFACE_HEADER_SETS="$tests" >"$log" 2>&1 </dev/null &&
    # shellcheck disable=SC2086
    cmake --build "build/$preset" --target $targets >>"$log" 2>&1 </dev/null; then
    return 0
  fi
  # Ninja prints a failing command first and its messages after it.
  tail -n 60 "$log"
  return 1
}

# check PRESET [CTEST OPTIONS...]: build everything and every header alone, then run ctest.
# Notes the results for tally; never fails itself, so that later presets still run.
check() {
  local preset=$1 junit=build/$1/results.xml
  shift
  rm -f "$junit"
  if ! build "$preset" "all all_verify_interface_header_sets" ON; then
    TFM_RESULTS+=("failed:build.$preset")
    return 0
  fi
  say "testing preset $preset ${*:+($*)}"
  ctest --preset "$preset" --parallel "$TFM_CORES" --output-junit results.xml "$@" </dev/null ||
    true # what failed stands in the junit file
  TFM_RESULTS+=("$junit")
}

# Print what was skipped and what failed, by name, then `N passed, N failed[, N skipped]` as the
# last line. Fails when anything failed or nothing ran.
tally() {
  python3 deploy/tally.py "${TFM_RESULTS[@]}"
}
