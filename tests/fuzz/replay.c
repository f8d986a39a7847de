/* Runs a fuzz target once on every file of its corpus: what a build without libFuzzer can do.
 *
 * usage: fuzz_TARGET FOLDER|FILE... */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>

enum { LARGEST = 1 << 24 };

/* On memory of its own size, so that reading behind it is seen. */
static void replay_file(const char *path)
{
  tfm_err err = {0};
  tfm_buf file = {0};
  if (tfm_file_read_all(path, LARGEST, &file, &err) != TFM_OK) {
    (void)fprintf(stderr, "%s\n", err.text);
    exit(1);
  }
  uint8_t *exact = tfm_realloc(NULL, file.n, 1);
  FUZZ_WANT(exact);
  if (file.n) {
    memcpy(exact, file.data, file.n);
  }
  (void)fprintf(stderr, "%s\n", path); /* the last one named is the one that failed */
  (void)LLVMFuzzerTestOneInput(exact, file.n);
  tfm_free(exact);
  tfm_buf_fini(&file);
}

static int replay_folder(const char *path)
{
  struct dirent **entry = NULL;
  int files = 0;
  int n = scandir(path, &entry, NULL, alphasort);
  for (int i = 0; i < n; ++i) {
    char *inside = tfm_path_join(path, entry[i]->d_name);
    if (inside && tfm_path_look(inside) == TFM_PATH_FILE) {
      replay_file(inside);
      ++files;
    }
    tfm_free(inside);
    free(entry[i]);
  }
  free(entry);
  return files;
}

int main(int argc, char **argv)
{
  int files = 0;
  for (int i = 1; i < argc; ++i) {
    if (tfm_path_look(argv[i]) == TFM_PATH_FOLDER) {
      files += replay_folder(argv[i]);
    } else {
      replay_file(argv[i]);
      ++files;
    }
  }
  (void)printf("%d files replayed\n", files);
  return files ? 0 : 1; /* a corpus of nothing proves nothing */
}
