#include "coordinator/identity.h"

#include "core/base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tfm_identity_path(const char *what, const char *path, tfm_buf *out)
{
  struct stat at;
  if (strcmp(path, "-") == 0 || stat(path, &at) != 0 || S_ISFIFO(at.st_mode)) {
    (void)tfm_buf_printf(out, "%s %s of process %ld at %.9f\n", what, path, (long)getpid(),
                         tfm_now_s());
    return;
  }
  (void)tfm_buf_printf(out, "%s %s %lld %lld.%09ld\n", what, path, (long long)at.st_size,
                       (long long)at.st_mtim.tv_sec, at.st_mtim.tv_nsec);
}

/* ---- folders ---- */

static bool ends_with(const char *name, const char *end)
{
  size_t n = strlen(name);
  size_t m = strlen(end);
  return n > m && strcmp(name + n - m, end) == 0;
}

static int by_name(const void *a, const void *b)
{
  const struct dirent *const *x = a;
  const struct dirent *const *y = b;
  return strcmp((*x)->d_name, (*y)->d_name);
}

static int is_visible(const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

/* The files of one folder in the order of their bytes; of a module's folder its weights too. */
static tfm_status add_files(const char *folder, bool module, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  struct dirent **entry = NULL;
  int n = scandir(folder, &entry, is_visible, NULL);
  if (n < 0) {
    return tfm_fail(err, TFM_E_IO, "%s: cannot be listed: %s", folder, strerror(errno));
  }
  qsort(entry, (size_t)n, sizeof(struct dirent *), by_name);
  for (int i = 0; i < n; ++i) {
    const char *name = entry[i]->d_name;
    struct stat at;
    tfm_buf path = {0};
    if (st == TFM_OK && tfm_buf_printf(&path, "%s/%s", folder, name) != TFM_OK) {
      st = tfm_fail(err, TFM_E_NOMEM, "the name of a file");
    }
    if (st == TFM_OK && stat(tfm_buf_cstr(&path), &at) == 0) {
      if (S_ISDIR(at.st_mode) && !module) {
        st = add_files(path.data, true, out, err);
      } else if (S_ISREG(at.st_mode) &&
                 (module || ends_with(name, ".json") || ends_with(name, ".txt") ||
                  ends_with(name, ".model"))) {
        tfm_identity_path("file", path.data, out);
      }
    }
    tfm_buf_fini(&path);
    free(entry[i]);
  }
  free(entry);
  return st;
}

tfm_status tfm_identity_folder(const char *folder, tfm_buf *out, tfm_err *err)
{
  struct stat at;
  if (stat(folder, &at) == 0 && !S_ISDIR(at.st_mode)) {
    tfm_identity_path("file", folder, out);
    return TFM_OK;
  }
  return add_files(folder, false, out, err);
}

/* ---- options ---- */

static void add_name(tfm_buf *out, const char *what, const char *name)
{
  (void)tfm_buf_printf(out, "%s %s\n", what, name ? name : "-");
}

void tfm_identity_options(const tfm_options *options, tfm_buf *out)
{
  const tfm_options *o = options;
  (void)tfm_buf_printf(out, "program %s\n", TFM_VERSION);
  (void)tfm_buf_printf(out, "rows skip %lld limit %lld format %d\n", (long long)o->skip,
                       (long long)o->limit, (int)o->input_format);
  (void)tfm_buf_printf(out, "result format %d\n", (int)o->output_format);
  tfm_options_tell(o, out);
  add_name(out, "text column", o->text_column);
  add_name(out, "pair column", o->pair_column);
  add_name(out, "id column", o->id_column);
  (void)tfm_buf_printf(out, "passthrough %s\n", o->passthrough_all ? "all" : "named");
  for (int i = 0; i < o->npassthrough; ++i) {
    add_name(out, "passthrough", o->passthrough[i]);
  }
  for (int i = 0; i < o->ninput; ++i) {
    tfm_identity_path("input", o->inputs[i], out);
  }
  if (o->ninput == 0) {
    tfm_identity_path("input", "-", out);
  }
}
