#%Module
# environment-modules: module use PREFIX/share/modulefiles; module load tfm-cluster
# The prefix is where this file is installed, so that the tree may be moved.
set prefix [file dirname [file dirname [file dirname [file dirname $ModulesCurrentModulefile]]]]

module-whatis "pipeline-parallel transformer inference for CPUs over MPI"
proc ModulesHelp { } {
  puts stderr "mpirun -np 8 tfm-cluster --model DIR -i rows.jsonl -o scores.jsonl"
  puts stderr "tfm-cluster help; man tfm-cluster"
  puts stderr "It needs the Open MPI it was built with: load that module first."
}

conflict tfm-cluster
prepend-path PATH $prefix/bin
prepend-path MANPATH $prefix/share/man:
setenv TFM_CLUSTER_HOME $prefix
if { ![info exists ::env(OPENBLAS_NUM_THREADS)] } {
  setenv OPENBLAS_NUM_THREADS 1 ;# the program has threads of its own
}
