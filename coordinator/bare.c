#include "coordinator/bare.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { SILENT_MS = 2000 };

typedef enum { FED, UNFED, UNKNOWN } feeding;

/* Terminals and the null device by their device numbers (Linux, admin-guide/devices.txt). */
static bool is_terminal(const struct stat *at)
{
  const unsigned number = major(at->st_rdev);
  return S_ISCHR(at->st_mode) &&
         (number == 4 || number == 5 || (number >= 136 && number <= 143));
}

static feeding look_at(const struct stat *at)
{
  if (S_ISREG(at->st_mode)) {
    return FED;
  }
  if (!S_ISCHR(at->st_mode)) {
    return UNKNOWN;
  }
  bool null_device = major(at->st_rdev) == 1 && minor(at->st_rdev) == 3;
  return null_device || is_terminal(at) ? UNFED : FED;
}

/* The process that started this one, when it is a launcher on this host: 0 else. */
static int launcher_pid(void)
{
  static const char *const launchers[] = {"mpirun", "mpiexec", "orterun", "prterun", "prte"};
  char path[64];
  char name[64] = "";
  int parent = (int)getppid();
  (void)snprintf(path, sizeof path, "/proc/%d/comm", parent);
  FILE *file = fopen(path, "re");
  if (!file) {
    return 0;
  }
  bool read = fgets(name, sizeof name, file) != NULL;
  (void)fclose(file);
  name[strcspn(name, "\n")] = '\0';
  for (size_t i = 0; read && i < sizeof launchers / sizeof launchers[0]; ++i) {
    if (strcmp(name, launchers[i]) == 0) {
      return parent;
    }
  }
  return 0;
}

/* False: the launcher closed it. */
static bool launcher_input(int pid, struct stat *at)
{
  char path[64];
  (void)snprintf(path, sizeof path, "/proc/%d/fd/0", pid);
  return stat(path, at) == 0;
}

static feeding look_at_launcher(void)
{
  struct stat at;
  int pid = launcher_pid();
  if (!pid) {
    return UNKNOWN;
  }
  return launcher_input(pid, &at) ? look_at(&at) : UNFED;
}

bool tfm_bare_terminal(bool under_mpi)
{
  struct stat at;
  const int pid = under_mpi ? launcher_pid() : 0;
  return (pid ? launcher_input(pid, &at) : fstat(STDIN_FILENO, &at) == 0) && is_terminal(&at);
}

static bool is_silent(void)
{
  struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
  return poll(&in, 1, SILENT_MS) == 0;
}

bool tfm_bare_input(bool under_mpi)
{
  struct stat at;
  feeding seen = UNKNOWN;
  if (under_mpi) {
    seen = look_at_launcher();
  }
  if (seen == UNKNOWN) {
    seen = fstat(STDIN_FILENO, &at) == 0 ? look_at(&at) : UNFED;
  }
  return seen == UNFED || (seen == UNKNOWN && is_silent());
}
