#!/bin/sh
# mpi_test.sh CODE COMMAND...: runs the command; success when it exits with exactly CODE. A job
# that should fail must fail in the way the test claims, not in any way.
want=$1
shift
"$@" </dev/null
got=$?
[ "$got" -eq "$want" ] && exit 0
echo "mpi_test.sh: want exit code $want, got $got" >&2
exit 1
