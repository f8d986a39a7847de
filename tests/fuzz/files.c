#include "tests/fuzz/files.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

enum { MOST_FILES = 8 };

static char folder[64];
static struct {
  const char *name;
  char *path;
} files[MOST_FILES];
static int nfile;

static void remove_folder(void)
{
  for (int i = 0; i < nfile; ++i) {
    (void)unlink(files[i].path);
    tfm_free(files[i].path);
  }
  (void)rmdir(folder);
}

const char *fuzz_folder(void)
{
  if (!folder[0]) {
    const char *parent = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(folder, sizeof folder, "%s/tfm-fuzz-XXXXXX", parent);
    FUZZ_WANT(mkdtemp(folder));
    FUZZ_WANT(atexit(remove_folder) == 0);
  }
  return folder;
}

static const char *path_of(const char *name)
{
  int i = 0;
  while (i < nfile && strcmp(files[i].name, name) != 0) {
    ++i;
  }
  if (i == nfile) {
    FUZZ_WANT(nfile < MOST_FILES);
    files[i].name = name;
    files[i].path = tfm_path_join(fuzz_folder(), name);
    FUZZ_WANT(files[i].path);
    ++nfile;
  }
  return files[i].path;
}

void fuzz_put_file(const char *name, tfm_span text)
{
  const char *path = path_of(name);
  if (text.n == 0) {
    (void)unlink(path);
    return;
  }
  FILE *file = fopen(path, "we");
  FUZZ_WANT(file && fwrite(text.p, 1, text.n, file) == text.n);
  FUZZ_WANT(fclose(file) == 0);
}

tfm_span fuzz_take_text(tfm_span *rest)
{
  const char *nul = rest->n ? memchr(rest->p, 0, rest->n) : NULL;
  tfm_span text = {rest->p, nul ? (size_t)(nul - rest->p) : rest->n};
  rest->p = nul ? nul + 1 : rest->p;
  rest->n = nul ? rest->n - text.n - 1 : 0;
  return text;
}
