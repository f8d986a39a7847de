#!/usr/bin/env bash
# Fuzz one target for a while: everything it finds stays in build/fuzz/found/TARGET.
#
# usage: tests/fuzz/run.sh TARGET SECONDS [libFuzzer options]
# Builds preset fuzz first. Starts from the committed corpus and from what earlier runs found, adds a
# line to build/fuzz/found/log, and ends with libFuzzer's code: not 0 after a finding, whose input
# lies beside the log as TARGET-crash-... (or -timeout-, -oom-, -leak-).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${1:?usage: tests/fuzz/run.sh TARGET SECONDS [options]}
seconds=${2:?usage: tests/fuzz/run.sh TARGET SECONDS [options]}
shift 2
[ -e build/fuzz/build.ninja ] || cmake --preset fuzz >/dev/null
cmake --build --preset fuzz >/dev/null

found=build/fuzz/found
mkdir -p "$found/$target"
options=(-max_total_time="$seconds" -timeout=20 -max_len=8192 -print_final_stats=1
  -artifact_prefix="$found/$target-")
if [ -e "tests/fuzz/$target.dict" ]; then
  options+=(-dict="tests/fuzz/$target.dict")
fi
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=0}

status=0
started=$(date +%s)
"build/fuzz/tests/fuzz/fuzz_$target" "${options[@]}" "$@" "$found/$target" \
  "tests/fixtures/fuzz/$target" >"$found/$target.out" 2>&1 || status=$?
took=$(($(date +%s) - started))
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found/$target.out")
echo "$(date -u +%FT%TZ) $target ${took} s, ${runs:-0} executions, code $status" | tee -a "$found/log"
[ "$status" -eq 0 ] || tail -n 40 "$found/$target.out"
exit "$status"
