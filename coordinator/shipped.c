#include "coordinator/job.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

char *tfm_job_shipped(const char *name)
{
  static const char *const places[] = {"../share/tfm-cluster", "../../deploy", "../deploy"};
  char exe[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  if (n <= 0) {
    return NULL;
  }
  exe[n] = '\0';
  char *slash = strrchr(exe, '/');
  if (!slash) {
    return NULL;
  }
  *slash = '\0';
  for (size_t i = 0; i < sizeof places / sizeof places[0]; ++i) {
    char *place = tfm_path_join(exe, places[i]);
    char *path = place ? tfm_path_join(place, name) : NULL;
    tfm_free(place);
    if (path && tfm_path_look(path) != TFM_PATH_NOTHING) {
      return path;
    }
    tfm_free(path);
  }
  return NULL;
}
