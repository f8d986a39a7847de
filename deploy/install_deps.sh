#!/usr/bin/env bash
# Install the Debian 12 packages tfm-cluster needs: the one list of them, with what each is for.
#
# usage: deploy/install_deps.sh [run|serve|tests|package|valgrind]...     default: run
#   run       to build and run the program
#   serve     to run a program that was built elsewhere (containers)
#   tests     to build the tests and run the checks
#   package   to make a Debian package (deploy/package.sh)
#   valgrind  for tests/sanitize.sh valgrind
# No set includes another: name all you want.
#
# As root or with sudo. Touches apt only when something is missing, so it works offline once the
# packages are there. On a system without dpkg it names the packages and leaves it at that.
set -euo pipefail

list_run() {
  cat <<'LIST'
gcc              the compiler
libc6-dev        the C library's headers
cmake            configures the build (3.25)
ninja-build      runs the build
pkg-config       finds the libraries below
libopenmpi-dev   MPI headers and library (proto)
openmpi-bin      mpirun
libopenblas-dev  OpenBLAS, for --backend openblas; any variant, we start no BLAS threads
libdnnl-dev      oneDNN, for --backend onednn; the build does without where it is missing
libhwloc-dev     the machine's tree of nodes and cores (core/topo)
libcjson-dev     config.json and other small JSON (core/base)
libutf8proc-dev  Unicode normalisation (core/text)
libpcre2-dev     regular expressions of tokenizers (core/text)
zlib1g-dev       gz input and output (coordinator)
libzstd-dev      zst input and output (coordinator)
LIST
}

list_serve() {
  cat <<'LIST'
openmpi-bin      mpirun
libopenmpi3      MPI
libopenblas0     OpenBLAS, for --backend openblas; any variant
libdnnl2         oneDNN, for --backend onednn
libhwloc15       the machine's tree of nodes and cores
libcjson1        small JSON
libutf8proc2     Unicode normalisation
libpcre2-8-0     regular expressions of tokenizers
zlib1g           gz
libzstd1         zst
LIST
}

list_tests() {
  cat <<'LIST'
libcmocka-dev    unit tests
python3          lint scripts, the sum of the test results; standard library only
zsh              completion is asked of the shells themselves
fish             likewise
mandoc           checks the manual page
iproute2         two machines made of namespaces, with a cable between them
environment-modules  loads the module file
clang-format-14  the format check; this major version only, others format differently
LIST
}

list_package() {
  cat <<'LIST'
dpkg-dev         finds which libraries a Debian package depends on
file             likewise
LIST
}

list_valgrind() {
  cat <<'LIST'
valgrind         memory errors in real ranks
LIST
}

say() {
  printf 'install_deps: %s\n' "$*"
}

die() {
  printf 'install_deps: %s\n' "$*" >&2
  exit 1
}

wanted() {
  local set
  for set in "$@"; do
    case $set in
    run) list_run ;;
    serve) list_serve ;;
    tests) list_tests ;;
    package) list_package ;;
    valgrind) list_valgrind ;;
    *) die "no package set '$set'; there are: run serve tests package valgrind" ;;
    esac
  done | awk '{ print $1 }'
}

is_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# How to become root: nothing as root, sudo else; without a terminal sudo must not ask.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q -y \
    -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@"
}

# Run one apt step; its words are shown only when it fails.
step() {
  local log
  log=$(mktemp)
  if ! apt_get "$@" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "apt-get $1 failed (above); is the network there, and may you install packages?"
  fi
  rm -f "$log"
}

main() {
  local names name missing=()
  names=$(wanted "${@:-run}") || exit 1
  if ! command -v dpkg-query >/dev/null; then
    say "no dpkg here; install what matches these Debian packages: $(echo $names)"
    return 0
  fi
  for name in $names; do
    is_installed "$name" || missing+=("$name")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "all $(echo "$names" | wc -l) packages are installed"
    return 0
  fi
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    die "missing: ${missing[*]}; run as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing with apt: ${missing[*]}"
  step update
  step install --no-install-recommends "${missing[@]}"
  say "installed ${#missing[@]} packages and what they need"
}

main "$@"
