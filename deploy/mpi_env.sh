#!/usr/bin/env bash
# The environment mpirun needs as root, in a container, or with more ranks than cores.
#
#   . deploy/mpi_env.sh                        set it in this shell
#   deploy/mpi_env.sh mpirun -np 8 ...         or for one command
#
# Production jobs that have a core for each rank need none of this. A variable that is already
# set stays as it is. TFM_RANKS=N says how many ranks are coming: with a core for each, binding
# is left to mpirun; unknown or too many, nothing is bound.

# mpirun refuses root unless told twice.
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=${OMPI_ALLOW_RUN_AS_ROOT:-1}
  export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=${OMPI_ALLOW_RUN_AS_ROOT_CONFIRM:-1}
fi

# More ranks than cores: first name for Open MPI 4, second for Open MPI 5.
export OMPI_MCA_rmaps_base_oversubscribe=${OMPI_MCA_rmaps_base_oversubscribe:-1}
: "${PRTE_MCA_rmaps_default_mapping_policy:=:oversubscribe}"
export PRTE_MCA_rmaps_default_mapping_policy
if [ "${TFM_RANKS:-9999}" -gt "$(getconf _NPROCESSORS_ONLN)" ]; then
  export OMPI_MCA_hwloc_base_binding_policy=${OMPI_MCA_hwloc_base_binding_policy:-none}
  export PRTE_MCA_hwloc_default_binding_policy=${PRTE_MCA_hwloc_default_binding_policy:-none}
fi

# Containers often forbid one process to read another's memory; Open MPI 4 then complains at
# every large message. Copying through shared memory always works.
export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}

# --backend openblas: the library starts threads when it is opened; ours are the only ones wanted.
export OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}

if [ "${BASH_SOURCE[0]:-}" = "$0" ]; then
  exec "$@"
fi
