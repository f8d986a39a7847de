#!/bin/bash
#SBATCH --job-name=tfm-cluster
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH hetjob
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
# tfm-cluster 0.1.0 sbatch, for: tfm-cluster fill-mask -m MODEL -i rows.jsonl -o filled.jsonl

export OPENBLAS_NUM_THREADS=1
out=filled.jsonl
progress() { stat -c %s -- "$out.journal" 2>/dev/null || echo 0; }
before=$(progress)
srun --mpi=pmix --het-group=0,1 --cpus-per-task=8 --cpu-bind=cores \
  tfm-cluster fill-mask -m MODEL -i rows.jsonl -o filled.jsonl &
step=$!
# Before the time limit: the ranks finish what is under way, commit it and leave with 75.
trap 'kill -USR1 "$step"' USR1
wait "$step"; code=$?
while kill -0 "$step" 2>/dev/null; do wait "$step"; code=$?; done
echo "tfm-cluster: exit code $code, $(progress) bytes of journal (before: $before), restart ${SLURM_RESTART_COUNT:-0}"
# 75 is "run me again"; without progress it would come back for ever.
if [ "$code" = 75 ] && [ "$(progress)" != "$before" ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
