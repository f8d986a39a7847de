#include "coordinator/bus.h"

#include "core/base/status.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What a handler may touch: texts that are there before it is installed, and write(2). */
static char of_file[320];
static char of_memory[320];

static void handle(int signal, siginfo_t *info, void *context)
{
  const bool memory = info->si_code == BUS_MCEERR_AR || info->si_code == BUS_MCEERR_AO;
  const char *text = memory ? of_memory : of_file;
  (void)signal;
  (void)context;
  (void)!write(STDERR_FILENO, text, strlen(text));
  _exit(tfm_status_exit(memory ? TFM_E_INTERNAL : TFM_E_IO));
}

void tfm_bus_install(int rank)
{
  char who[32] = "";
  struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO};
  if (rank >= 0) {
    (void)snprintf(who, sizeof who, "rank %d: ", rank);
  }
  (void)snprintf(of_file, sizeof of_file,
                 "tfm-cluster: error: %sa file that is mapped became shorter, or could not be "
                 "read (SIGBUS): leave the "
                 "folder of --cache-dir alone while jobs run, or pass --cache-dir none; run "
                 "the same command again\n",
                 who);
  (void)snprintf(of_memory, sizeof of_memory,
                 "tfm-cluster: error: %smemory of this machine failed, says its system "
                 "(SIGBUS): run the same command "
                 "again on another\n",
                 who);
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(SIGBUS, &action, NULL);
}
