#include "coordinator/cache.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "a/b", or nothing when it is too long or a is no absolute path. */
static void join(char *path, size_t room, const char *a, const char *b)
{
  const int n = a && a[0] == '/' ? snprintf(path, room, "%s/%s", a, b) : -1;
  if (n < 0 || (size_t)n >= room) {
    path[0] = '\0';
  }
}

void tfm_cache_folder(const tfm_options *options, char *path, size_t room)
{
  const char *named = options->cache_dir;
  char here[PATH_MAX];
  path[0] = '\0';
  if (!named || !named[0]) {
    join(path, room, getenv("XDG_CACHE_HOME"), "tfm-cluster");
    if (!path[0]) {
      join(path, room, getenv("HOME"), ".cache/tfm-cluster");
    }
  } else if (named[0] == '/') {
    join(path, room, named, "");
  } else if (strcmp(named, "none") != 0 && getcwd(here, sizeof here)) {
    join(path, room, here, named); /* other ranks may start elsewhere */
  }
}
