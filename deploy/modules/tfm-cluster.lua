-- Lmod: module use PREFIX/share/modulefiles; module load tfm-cluster
-- The prefix is where this file is installed, so that the tree may be moved.
local prefix = myFileName():gsub("/share/modulefiles/.*$", "")

whatis("Name: tfm-cluster")
whatis("Version: " .. myModuleVersion())
whatis("Description: pipeline-parallel transformer inference for CPUs over MPI")
help([[
mpirun -np 8 tfm-cluster --model DIR -i rows.jsonl -o scores.jsonl
tfm-cluster help; man tfm-cluster

It needs the Open MPI it was built with: load that module first.
]])

conflict("tfm-cluster")
prepend_path("PATH", pathJoin(prefix, "bin"))
prepend_path("MANPATH", pathJoin(prefix, "share/man") .. ":")
setenv("TFM_CLUSTER_HOME", prefix)
if not os.getenv("OPENBLAS_NUM_THREADS") then
  setenv("OPENBLAS_NUM_THREADS", "1") -- the program has threads of its own
end
