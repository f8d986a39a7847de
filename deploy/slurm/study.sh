#!/bin/bash
#SBATCH --job-name=tfm-cluster
#SBATCH --time=01:00:00
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --exclusive
#SBATCH --no-requeue
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=8
# tfm-cluster 0.1.0 sbatch, for: tfm-cluster scale -m MODEL --ranks 2,3,5,9,16 --svg study.svg

export OPENBLAS_NUM_THREADS=1
srun --mpi=pmix --cpus-per-task=8 --cpu-bind=cores \
  tfm-cluster scale -m MODEL --ranks 2,3,5,9,16 --svg study.svg
