#!/usr/bin/env bash
# From a bare Debian 12 to a verdict: install packages, build, run every test. The last line is
# `N passed, N failed` (and `, N skipped`, each named before); the exit code is 0 only when tests
# ran and none failed. Run it again any time; only what is missing is done.
#
# usage: deploy/test.sh
#   release: every test, as users run the program
#   asan:    labels unit and local again under address and undefined-behaviour sanitizers
# tests/sanitize.sh has the longer runs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

say "packages"
bash deploy/install_deps.sh run tests
check release
check asan --label-regex '^(unit|local)$'
tally
