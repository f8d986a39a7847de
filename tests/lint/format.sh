#!/usr/bin/env bash
# Check that clang-format 14 would change nothing: every C file of the project.
#
# usage: tests/lint/format.sh [ROOT]       mend with: tests/lint/format.sh --fix
# Another major version formats differently, so a missing clang-format-14 is a failure, not a
# skip: deploy/install_deps.sh tests installs it.
set -euo pipefail
fix=
if [ "${1:-}" = --fix ]; then
  fix=1
  shift
fi
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${1:-$here/../..}"
tool=${CLANG_FORMAT:-clang-format-14}

if ! "$tool" --version 2>/dev/null | grep -q 'version 14\.'; then
  echo "$tool: missing, or not version 14; run: bash deploy/install_deps.sh tests" >&2
  exit 1
fi

list() {
  if [ -e .git ] && git ls-files >/dev/null 2>&1; then
    git ls-files -z -- '*.c' '*.h' 'core/*.inc'
  else
    find . \( -name .git -o -path ./build \) -prune -o -type f \( -name '*.[ch]' -o -path './core/*.inc' \) -print0
  fi
}

mapfile -d '' -t sources < <(list)
if [ ${#sources[@]} -eq 0 ]; then
  echo "no C files to look at" >&2
  exit 1
fi
if [ -n "$fix" ]; then
  "$tool" -style=file -i "${sources[@]}"
else
  "$tool" -style=file --dry-run --Werror "${sources[@]}"
fi
echo "${#sources[@]} files formatted"
