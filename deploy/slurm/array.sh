#!/bin/bash
#SBATCH --job-name=tfm-cluster
#SBATCH --time=02:00:00
#SBATCH --array=0-19
#SBATCH --output=%x-%A_%a.log
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@120
#SBATCH --requeue
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=8
#SBATCH --cpus-per-task=4
# tfm-cluster 0.1.0 sbatch, for: tfm-cluster classify -m MODEL -i rows.jsonl -o scores.jsonl

export OPENBLAS_NUM_THREADS=1
shard=$SLURM_ARRAY_TASK_ID/20
out=scores-$(printf '%05d' "$SLURM_ARRAY_TASK_ID")-of-00020.jsonl
progress() { stat -c %s -- "$out.journal" 2>/dev/null || echo 0; }
before=$(progress)
srun --mpi=pmix --cpus-per-task=4 --cpu-bind=cores \
  tfm-cluster classify -m MODEL -i rows.jsonl -o scores.jsonl --shard "$shard" -o "$out" &
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
