/* PBS (https://help.altair.com, PBS Professional user's guide), LSF (IBM Spectrum LSF, bsub) and
 * Kubernetes (kubeflow's MPI operator, kubeflow.org/v2beta1). */
#include "coordinator/submit/script.h"

static void put_line(const char *before, const char *value, const char *after, tfm_buf *out)
{
  if (value) {
    (void)tfm_buf_printf(out, "%s%s%s\n", before, value, after);
  }
}

static void put_mpirun(const tfm__job_script *job, bool array, tfm_buf *out)
{
  (void)tfm_buf_printf(
      out, "mpirun -np %d --map-by ppr:%lld:node:PE=%lld --bind-to core \\\n  ", job->ranks,
      (long long)job->asked->ranks_per_node, (long long)job->asked->cores_per_rank);
  tfm__put_command(job, array, out);
}

/* Nothing to go on with: its code is the job's. */
static void put_measurement(const tfm__job_script *job, tfm_buf *out)
{
  put_mpirun(job, false, out);
  (void)tfm_buf_char(out, '\n');
}

void tfm__put_pbs(const tfm__job_script *job, tfm_buf *out)
{
  const tfm_options *o = job->asked;
  (void)tfm_buf_printf(out, "#!/bin/bash\n#PBS -N %s\n", o->job_name);
  (void)tfm_buf_printf(out,
                       "#PBS -l select=%lld:ncpus=%lld:mpiprocs=%lld:ompthreads=%lld%s%s\n",
                       (long long)o->nodes, (long long)(o->ranks_per_node * o->cores_per_rank),
                       (long long)o->ranks_per_node, (long long)o->cores_per_rank,
                       o->node_memory ? ":mem=" : "", o->node_memory ? o->node_memory : "");
  put_line("#PBS -l walltime=", o->time_limit, "", out);
  put_line("#PBS -q ", o->partition, "", out);
  put_line("#PBS -A ", o->account, "", out);
  if (o->array) {
    (void)tfm_buf_printf(out, "#PBS -J 0-%lld\n", (long long)o->array - 1);
  }
  (void)tfm_buf_printf(out, "#PBS -j oe\n#PBS -r %s\n",
                       job->measures ? "n\n#PBS -l place=excl" : "y");
  tfm__put_maker(job, out);
  tfm__put_environment(out);
  (void)tfm_buf_str(out, "cd \"$PBS_O_WORKDIR\" || exit 66\n");
  if (job->measures) {
    put_measurement(job, out);
    return;
  }
  tfm__put_output(job, o->array ? "$PBS_ARRAY_INDEX" : NULL, out);
  tfm__put_progress(out);
  put_mpirun(job, o->array > 0, out);
  (void)tfm_buf_str(
      out,
      " &\n"
      "job=$!\n"
      "# PBS ends a job with TERM: what is there is committed, the code is 75.\n"
      "trap 'kill -TERM \"$job\"' TERM\n"
      "wait \"$job\"; code=$?\n"
      "while kill -0 \"$job\" 2>/dev/null; do wait \"$job\"; code=$?; done\n"
      "echo \"tfm-cluster: exit code $code, $(progress) bytes of journal (before: "
      "$before)\"\n"
      "[ \"$code\" != 75 ] || echo \"tfm-cluster: submit the same script again to go on\"\n"
      "exit \"$code\"\n");
}

void tfm__put_lsf(const tfm__job_script *job, tfm_buf *out)
{
  const tfm_options *o = job->asked;
  (void)tfm_buf_printf(out, "#!/bin/bash\n#BSUB -J \"%s", o->job_name);
  if (o->array) {
    (void)tfm_buf_printf(out, "[1-%lld]", (long long)o->array);
  }
  (void)tfm_buf_printf(out,
                       "\"\n#BSUB -n %d\n#BSUB -R \"span[ptile=%lld] affinity[core(%lld)]\"\n",
                       job->ranks, (long long)o->ranks_per_node, (long long)o->cores_per_rank);
  put_line("#BSUB -W ", o->time_limit, "", out);
  put_line("#BSUB -M ", o->node_memory, "", out);
  put_line("#BSUB -q ", o->partition, "", out);
  put_line("#BSUB -P ", o->account, "", out);
  /* USR1 two minutes before the limit; exit code 75 goes back to the queue. */
  (void)tfm_buf_printf(
      out, "%s#BSUB -o %s\n",
      job->measures ? "#BSUB -x\n" : "#BSUB -wa USR1\n#BSUB -wt 2\n#BSUB -r\n#BSUB -Q \"75\"\n",
      o->array ? "%J_%I.log" : "%J.log");
  tfm__put_maker(job, out);
  tfm__put_environment(out);
  if (job->measures) {
    put_measurement(job, out);
    return;
  }
  if (o->array) {
    tfm__put_output(job, "$((LSB_JOBINDEX - 1))", out);
  }
  put_mpirun(job, o->array > 0, out);
  (void)tfm_buf_str(out, " &\n"
                         "job=$!\n"
                         "trap 'kill -USR1 \"$job\"' USR1\n"
                         "wait \"$job\"; code=$?\n"
                         "while kill -0 \"$job\" 2>/dev/null; do wait \"$job\"; code=$?; done\n"
                         "exit \"$code\"\n");
}

/* A list of YAML in its flow form: JSON strings are YAML. */
static void put_args(const tfm__job_script *job, tfm_buf *out)
{
  (void)tfm_buf_printf(out, "              command: [mpirun, -np, \"%d\", tfm-cluster",
                       job->ranks);
  for (int i = 0; i < job->asked->ncommand; ++i) {
    (void)tfm_buf_str(out, ", ");
    (void)tfm_buf_json_string(out, tfm_span_of(job->asked->command[i]));
  }
  (void)tfm_buf_str(out, "]\n");
}

static void put_pod(const tfm_options *o, const char *name, int64_t replicas,
                    const char *restart, tfm_buf *out)
{
  (void)tfm_buf_printf(out,
                       "    %s:\n      replicas: %lld\n      template:\n        spec:\n%s"
                       "          containers:\n            - name: %s\n"
                       "              image: %s\n",
                       name, (long long)replicas, restart, *restart ? "launcher" : "worker",
                       o->image);
}

static void put_volumes(tfm_buf *out)
{
  (void)tfm_buf_str(out,
                    "              securityContext: {runAsNonRoot: true, runAsUser: 1000}\n"
                    "              volumeMounts: [{name: data, mountPath: /data}]\n"
                    "          volumes: [{name: data, persistentVolumeClaim: {claimName: "
                    "tfm-data}}]\n");
}

void tfm__put_k8s(const tfm__job_script *job, tfm_buf *out)
{
  const tfm_options *o = job->asked;
  const long long cores = (long long)(o->ranks_per_node * o->cores_per_rank);
  const char *memory = o->node_memory ? o->node_memory : "8Gi";
  tfm__put_maker(job, out);
  (void)tfm_buf_printf(out,
                       "# Files of the command are paths below /data of the claim tfm-data.\n"
                       "apiVersion: kubeflow.org/v2beta1\nkind: MPIJob\nmetadata:\n  name: %s\n"
                       "spec:\n  slotsPerWorker: %lld\n  mpiImplementation: OpenMPI\n"
                       "  launcherCreationPolicy: WaitForWorkersReady\n"
                       "  sshAuthMountPath: /srv/tfm/.ssh\n  runPolicy:\n"
                       "    cleanPodPolicy: Running\n    backoffLimit: 6\n"
                       "  mpiReplicaSpecs:\n",
                       o->job_name, (long long)o->ranks_per_node);
  put_pod(o, "Launcher", 1, "          restartPolicy: OnFailure\n", out);
  put_args(job, out);
  put_volumes(out);
  put_pod(o, "Worker", o->nodes, "", out);
  (void)tfm_buf_printf(out,
                       "              resources:\n"
                       "                requests: {cpu: \"%lld\", memory: %s}\n"
                       "                limits: {cpu: \"%lld\", memory: %s}\n",
                       cores, memory, cores, memory);
  put_volumes(out);
}
