/* Slurm: https://slurm.schedmd.com/sbatch.html. srun starts the ranks through PMIx, so that signals
 * and the loss of a node are Slurm's own business; mpirun in the allocation does as well. */
#include "coordinator/submit/script.h"

static void put_option(const char *name, const char *value, tfm_buf *out)
{
  if (value) {
    (void)tfm_buf_printf(out, "#SBATCH --%s=%s\n", name, value);
  }
}

/* One component of a job: all of it, or behind "hetjob". */
static void put_resources(const tfm_options *o, int64_t nodes, int64_t ranks,
                          const char *memory, tfm_buf *out)
{
  (void)tfm_buf_printf(out,
                       "#SBATCH --nodes=%lld\n#SBATCH --ntasks-per-node=%lld\n"
                       "#SBATCH --cpus-per-task=%lld\n",
                       (long long)nodes, (long long)ranks, (long long)o->cores_per_rank);
  put_option("mem", memory, out);
  put_option("partition", o->partition, out);
}

static void put_header(const tfm__job_script *job, tfm_buf *out)
{
  const tfm_options *o = job->asked;
  put_option("job-name", o->job_name, out);
  put_option("time", o->time_limit, out);
  put_option("account", o->account, out);
  if (o->array) {
    (void)tfm_buf_printf(out, "#SBATCH --array=0-%lld\n", (long long)o->array - 1);
  }
  (void)tfm_buf_printf(out, "#SBATCH --output=%%x-%s.log\n#SBATCH --open-mode=append\n",
                       o->array ? "%A_%a" : "%j");
  /* Two minutes before the limit the batch shell, and only it, is told. */
  (void)tfm_buf_str(out, job->measures ? "#SBATCH --exclusive\n#SBATCH --no-requeue\n"
                                       : "#SBATCH --signal=B:USR1@120\n#SBATCH --requeue\n");
  if (!o->coordinator_memory) {
    put_resources(o, o->nodes, o->ranks_per_node, o->node_memory, out);
    return;
  }
  put_resources(o, 1, 1, o->coordinator_memory, out);
  (void)tfm_buf_str(out, "#SBATCH hetjob\n");
  put_resources(o, o->nodes, o->ranks_per_node, o->node_memory, out);
}

static const char body[] =
    "step=$!\n"
    "# Before the time limit: the ranks finish what is under way, commit it and leave with "
    "75.\n"
    "trap 'kill -USR1 \"$step\"' USR1\n"
    "wait \"$step\"; code=$?\n"
    "while kill -0 \"$step\" 2>/dev/null; do wait \"$step\"; code=$?; done\n"
    "echo \"tfm-cluster: exit code $code, $(progress) bytes of journal (before: $before), "
    "restart ${SLURM_RESTART_COUNT:-0}\"\n"
    "# 75 is \"run me again\"; without progress it would come back for ever.\n"
    "if [ \"$code\" = 75 ] && [ \"$(progress)\" != \"$before\" ]; then\n"
    "  scontrol requeue \"$SLURM_JOB_ID\"\n"
    "fi\n"
    "exit \"$code\"\n";

void tfm__put_slurm(const tfm__job_script *job, tfm_buf *out)
{
  const tfm_options *o = job->asked;
  (void)tfm_buf_str(out, "#!/bin/bash\n");
  put_header(job, out);
  tfm__put_maker(job, out);
  tfm__put_environment(out);
  if (!job->measures) {
    tfm__put_output(job, o->array ? "$SLURM_ARRAY_TASK_ID" : NULL, out);
    tfm__put_progress(out);
  }
  (void)tfm_buf_printf(out, "srun --mpi=pmix%s --cpus-per-task=%lld --cpu-bind=cores \\\n  ",
                       o->coordinator_memory ? " --het-group=0,1" : "",
                       (long long)o->cores_per_rank);
  tfm__put_command(job, o->array > 0, out);
  (void)tfm_buf_str(out, job->measures ? "\n" : " &\n");
  (void)tfm_buf_str(out, job->measures ? "" : body);
}
