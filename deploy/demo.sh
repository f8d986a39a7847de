#!/usr/bin/env bash
# From a bare Debian 12 to a running cluster: install packages, build, and let 8 ranks classify
# the bundled sample with the bundled model. Run it again any time; only what is missing is done.
#
# usage: deploy/demo.sh
set -euo pipefail
TFM_RANKS=8
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

say "packages"
bash deploy/install_deps.sh run
build release tfm-cluster "$(tests_wanted)"
say "mpirun -np $TFM_RANKS build/release/tfm-cluster"
mpirun -np "$TFM_RANKS" build/release/tfm-cluster </dev/null
