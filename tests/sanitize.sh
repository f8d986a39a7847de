#!/usr/bin/env bash
# Run the tests under a tool that watches memory or threads; the last line counts as in test.sh.
#
# usage: tests/sanitize.sh [asan|tsan|valgrind]...     default: asan
#   asan      address and undefined behaviour, every test
#   tsan      data races, labels unit and local (MPI itself is not instrumented)
#   valgrind  label unit, then the bundled sample through 3 real ranks; what MPI itself does is
#             suppressed by tests/support/valgrind-mpi.supp
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../deploy/steps.sh"

VALGRIND=(valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite
  --errors-for-leak-kinds=definite --num-callers=40
  --suppressions=tests/support/valgrind-mpi.supp)

# Lines `name TAB command...` of the tests with label unit.
unit_tests() {
  ctest --test-dir build/dev -L '^unit$' --show-only=json-v1 | python3 -c '
import json, sys
for t in json.load(sys.stdin)["tests"]:
    print("\t".join([t["name"], *t.get("command", ["missing"])]))'
}

# note NAME COMMAND...: run it, remember how it ended, show its output when it failed.
note() {
  local name=$1 log=build/dev/valgrind.log status=0
  shift
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -eq 0 ] || [ "$status" -eq 77 ]; then
    TFM_RESULTS+=("passed:$name")
  else
    echo "$name: exit code $status"
    tail -n 40 "$log"
    TFM_RESULTS+=("failed:$name")
  fi
}

valgrind_units() {
  local name command
  while IFS=$'\t' read -r -a command; do
    name=${command[0]}
    note "valgrind.$name" "${VALGRIND[@]}" "${command[@]:1}"
  done < <(unit_tests)
}

# The same bits as without valgrind, or valgrind watched another run than users have.
valgrind_ranks() {
  local out=build/dev/valgrind.jsonl plain=build/dev/plain.jsonl
  local job=(build/dev/tfm-cluster classify --quiet --restart --isa avx2 -i deploy/models/sample.txt -o)
  note valgrind.np3.plain mpirun -np 3 "${job[@]}" "$plain"
  note valgrind.np3 mpirun -np 3 "${VALGRIND[@]}" "${job[@]}" "$out"
  note valgrind.np3.same_bits cmp "$plain" "$out"
}

run_valgrind() {
  bash deploy/install_deps.sh valgrind
  if ! build dev all ON; then
    TFM_RESULTS+=("failed:build.dev")
    return 0
  fi
  say "label unit under valgrind"
  valgrind_units
  say "3 ranks under valgrind"
  valgrind_ranks
}

for tool in "${@:-asan}"; do
  case $tool in
  asan | tsan | valgrind) ;;
  *)
    echo "sanitize.sh: no tool '$tool'; there are: asan tsan valgrind" >&2
    exit 64
    ;;
  esac
done
say "packages"
bash deploy/install_deps.sh run tests
for tool in "${@:-asan}"; do
  case $tool in
  valgrind) run_valgrind ;;
  *) check "$tool" ;;
  esac
done
tally
