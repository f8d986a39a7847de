/* A library that stands between the program and MPI (mpirun -x LD_PRELOAD=...): it makes MPI behave
 * as badly as the standard allows, or as a bad wire would. Never part of the program.
 *
 *  TFM_SHIM_SSEND=1    every Isend completes only once it is received: what relies on MPI's buffers
 *                      hangs
 *  TFM_SHIM_LATE=P     a probe says "not yet" P times of 100, and a test of requests does nothing
 *  TFM_SHIM_SLOW=US    each message this rank sends is held up to US microseconds before it leaves
 *  TFM_SHIM_FLIP=N     one bit of the N-th message, from 1, that rank TFM_SHIM_FLIP_RANK sends is
 *                      another
 *  TFM_SHIM_KILL=N     rank TFM_SHIM_KILL_RANK is killed before the N-th, from 1, of its calls that
 *                      begin something: messages, what all ranks do together, the end
 *  TFM_SHIM_FLUSH=1    MPI_Init leaves the processor taking denormals for zero
 *  TFM_SHIM_SEED=S     of all of these; ranks draw different numbers
 *  TFM_SHIM_LOG=PREFIX at the end PREFIX.RANK tells what went through, and the requests and
 *                      messages that were begun and never completed
 */
#include <mpi.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int rank;
static uint64_t rng;
static bool ssend;
static long late, slow_us, flip_at, kill_at, steps;
static long sends, receives, lies, flips, begun, completed, matched, taken;

static long number_of(const char *name)
{
  const char *text = getenv(name);
  return text ? strtol(text, NULL, 10) : 0;
}

static uint64_t draw(uint64_t below)
{
  rng ^= rng >> 12;
  rng ^= rng << 25;
  rng ^= rng >> 27;
  return rng * 2685821657736338717u % below;
}

static bool lie(void)
{
  bool now = late > 0 && draw(100) < (uint64_t)late;
  lies += now;
  return now;
}

static void step(void)
{
  if (++steps == kill_at) {
    (void)raise(SIGKILL);
  }
}

int MPI_Init_thread(int *argc, char ***argv, int wanted, int *given)
{
  int code = PMPI_Init_thread(argc, argv, wanted, given);
  (void)PMPI_Comm_rank(MPI_COMM_WORLD, &rank);
  rng = ((uint64_t)number_of("TFM_SHIM_SEED") * 1000003 + (uint64_t)rank) * 2 + 1;
  (void)draw(2);
  ssend = number_of("TFM_SHIM_SSEND") != 0;
  late = number_of("TFM_SHIM_LATE");
  slow_us = number_of("TFM_SHIM_SLOW");
  flip_at = number_of("TFM_SHIM_FLIP_RANK") == rank ? number_of("TFM_SHIM_FLIP") : 0;
  kill_at = number_of("TFM_SHIM_KILL_RANK") == rank ? number_of("TFM_SHIM_KILL") : 0;
  step();
#if defined(__x86_64__)
  if (number_of("TFM_SHIM_FLUSH")) {
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | 0x8040);
  }
#endif
  return code;
}

/* The same bytes with one bit changed. It is never freed: MPI may read it until the end. */
static const void *spoilt(const void *bytes, int n)
{
  unsigned char *copy = malloc((size_t)n);
  if (!copy) {
    abort();
  }
  memcpy(copy, bytes, (size_t)n);
  uint64_t bit = draw((uint64_t)n * 8);
  copy[bit / 8] ^= (unsigned char)(1 << bit % 8);
  ++flips;
  return copy;
}

int MPI_Isend(const void *bytes, int n, MPI_Datatype type, int to, int tag, MPI_Comm comm,
              MPI_Request *request)
{
  step();
  ++sends;
  ++begun;
  if (slow_us > 0) {
    struct timespec nap = {.tv_nsec = (long)draw((uint64_t)slow_us) * 1000};
    (void)nanosleep(&nap, NULL);
  }
  if (flip_at == sends && n > 0) {
    bytes = spoilt(bytes, n);
  }
  return ssend ? PMPI_Issend(bytes, n, type, to, tag, comm, request)
               : PMPI_Isend(bytes, n, type, to, tag, comm, request);
}

int MPI_Imrecv(void *to, int n, MPI_Datatype type, MPI_Message *message, MPI_Request *request)
{
  step();
  ++receives;
  ++begun;
  ++taken;
  return PMPI_Imrecv(to, n, type, message, request);
}

int MPI_Comm_idup(MPI_Comm comm, MPI_Comm *copy, MPI_Request *request)
{
  step();
  ++begun;
  return PMPI_Comm_idup(comm, copy, request);
}

int MPI_Iallgather(const void *from, int nfrom, MPI_Datatype from_type, void *to, int nto,
                   MPI_Datatype to_type, MPI_Comm comm, MPI_Request *request)
{
  step();
  ++begun;
  return PMPI_Iallgather(from, nfrom, from_type, to, nto, to_type, comm, request);
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request *request)
{
  step();
  ++begun;
  return PMPI_Ibarrier(comm, request);
}

int MPI_Improbe(int from, int tag, MPI_Comm comm, int *flag, MPI_Message *message,
                MPI_Status *status)
{
  if (lie()) {
    *flag = 0;
    return MPI_SUCCESS;
  }
  int code = PMPI_Improbe(from, tag, comm, flag, message, status);
  matched += code == MPI_SUCCESS && *flag;
  return code;
}

int MPI_Iprobe(int from, int tag, MPI_Comm comm, int *flag, MPI_Status *status)
{
  if (lie()) {
    *flag = 0;
    return MPI_SUCCESS;
  }
  return PMPI_Iprobe(from, tag, comm, flag, status);
}

int MPI_Test(MPI_Request *request, int *flag, MPI_Status *status)
{
  bool open = *request != MPI_REQUEST_NULL;
  if (open && lie()) {
    *flag = 0;
    return MPI_SUCCESS;
  }
  int code = PMPI_Test(request, flag, status);
  completed += open && code == MPI_SUCCESS && *flag;
  return code;
}

int MPI_Testsome(int n, MPI_Request requests[], int *done, int indices[], MPI_Status statuses[])
{
  if (lie()) {
    *done = 0;
    return MPI_SUCCESS;
  }
  int code = PMPI_Testsome(n, requests, done, indices, statuses);
  completed += code == MPI_SUCCESS && *done != MPI_UNDEFINED ? *done : 0;
  return code;
}

int MPI_Finalize(void)
{
  step();
  const char *prefix = getenv("TFM_SHIM_LOG");
  char path[4096];
  if (prefix && snprintf(path, sizeof path, "%s.%d", prefix, rank) < (int)sizeof path) {
    FILE *log = fopen(path, "w");
    if (log) {
      (void)fprintf(
          log,
          "{\"steps\": %ld, \"sends\": %ld, \"receives\": %ld, \"lies\": %ld, \"flips\": %ld, "
          "\"requests_left\": %ld, \"messages_left\": %ld}\n",
          steps, sends, receives, lies, flips, begun - completed, matched - taken);
      (void)fclose(log);
    }
  }
  return PMPI_Finalize();
}
