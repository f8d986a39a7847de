#!/usr/bin/env bash
# Make the packages: a .deb of Debian 12 and a tarball, in build/package, and check the .deb with lintian
# where that is installed.
#
# usage: deploy/package.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

say "packages"
bash deploy/install_deps.sh run package
build release "tfm-cluster tfm_printed" "$(tests_wanted)"
out=$PWD/build/package
rm -rf "$out"
mkdir -p "$out"
for generator in TGZ DEB; do
  (cd build/release && cpack -G "$generator" -B "$out") >"$out/$generator.log" 2>&1 ||
    { tail -n 20 "$out/$generator.log"; exit 1; }
done
rm -rf "$out"/_CPack_Packages "$out"/*.log
if command -v lintian >/dev/null; then
  say "lintian"
  lintian --allow-root --fail-on warning --suppress-tags-from-file deploy/package/lintian-explained "$out"/*.deb
fi
ls -l "$out"
