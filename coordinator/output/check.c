#include "coordinator/output/place.h"
#include "coordinator/output/sink.h"
#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tfm_status check_folder(const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  struct stat about;
  char *folder = tfm__place_folder(path);
  if (!folder) {
    return tfm_fail(err, TFM_E_NOMEM, "output %.400s", path);
  }
  if (stat(folder, &about) != 0) {
    st = tfm_fail(err, TFM_E_OUTPUT, "output %.300s: folder %.300s: %s; make it first", path,
                  folder, strerror(errno));
  } else if (!S_ISDIR(about.st_mode)) {
    st = tfm_fail(err, TFM_E_OUTPUT, "output %.300s: %.300s is no folder", path, folder);
  } else if (access(folder, W_OK | X_OK) != 0) {
    st = tfm_fail(err, TFM_E_OUTPUT, "output %.300s: folder %.300s: %s", path, folder,
                  strerror(errno));
  }
  tfm_free(folder);
  return st;
}

static bool look_at_input(const char *path, struct stat *about)
{
  return (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, about) : stat(path, about)) == 0 &&
         S_ISREG(about->st_mode);
}

/* Whether the file that `about` tells of is one of the inputs. */
static tfm_status check_inputs(const struct stat *about, const char *written,
                               const char *const *inputs, int ninput, tfm_err *err)
{
  static const char *const standard[] = {"-"};
  const char *const *paths = ninput ? inputs : standard;
  for (int i = 0; i < (ninput ? ninput : 1); ++i) {
    struct stat input;
    if (look_at_input(paths[i], &input) && input.st_dev == about->st_dev &&
        input.st_ino == about->st_ino) {
      return tfm_fail(err, TFM_E_USAGE,
                      "the output would be written over the input %.300s (as %.300s); choose "
                      "another name",
                      paths[i], written);
    }
  }
  return TFM_OK;
}

static tfm_status check_names(const char *path, const char *const *inputs, int ninput,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  struct stat about;
  tfm__place n = {0};
  TFM_TRY(tfm__place_init(&n, path, err));
  const char *all[TFM__PLACE_NAMES];
  tfm__place_all(&n, all);
  for (int i = 0; i < TFM__PLACE_NAMES; ++i) {
    if (stat(all[i], &about) == 0 && S_ISREG(about.st_mode)) {
      TFM_TRY(check_inputs(&about, all[i], inputs, ninput, err));
    }
  }
  TFM_TRY(check_folder(n.path, err));

fail:
  tfm__place_fini(&n);
  return st;
}

tfm_status tfm_sink_check(const char *path, const char *const *inputs, int ninput, tfm_err *err)
{
  struct stat about;
  if (tfm__place_is_stdout(path)) {
    bool file = fstat(STDOUT_FILENO, &about) == 0 && S_ISREG(about.st_mode);
    return file ? check_inputs(&about, "standard output", inputs, ninput, err) : TFM_OK;
  }
  size_t n = strlen(path);
  bool there = stat(path, &about) == 0;
  if ((there && S_ISDIR(about.st_mode)) || (n && path[n - 1] == '/')) {
    return tfm_fail(err, TFM_E_OUTPUT, "output %.400s is a folder; name a file", path);
  }
  if (there && !S_ISREG(about.st_mode)) {
    return TFM_OK; /* a device or pipe is written as it is */
  }
  return check_names(path, inputs, ninput, err);
}

/* A path with its folder's links followed, and its own where it is there. gives: a string for
 * tfm_free(), or NULL. */
static char *full_name(const char *path)
{
  tfm_buf name = {0};
  char *folder = tfm__place_folder(path);
  char *real = realpath(path, NULL);
  char *home = real || !folder ? NULL : realpath(folder, NULL);
  if (real || !home) {
    (void)tfm_buf_str(&name, real ? real : path);
  } else {
    (void)tfm_buf_printf(&name, "%s/%s", home, tfm_path_base(path));
  }
  free(real); /* from the C library */
  free(home);
  tfm_free(folder);
  char *text = name.failed ? NULL : tfm_strndup(name.data ? name.data : "", name.n);
  tfm_buf_fini(&name);
  return text;
}

static bool is_special(const char *path)
{
  struct stat about;
  return stat(path, &about) == 0 && !S_ISREG(about.st_mode);
}

/* Whether a path is the output, or one of the files made beside it. Devices can be both. */
static tfm_status check_apart(const char *errors, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__place output = {0};
  const char *all[TFM__PLACE_NAMES];
  if (is_special(errors) || is_special(path)) {
    return TFM_OK;
  }
  char *name = full_name(errors);
  char *of = full_name(path);
  if (!name || !of) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the names %.200s and %.200s", errors, path));
  }
  TFM_TRY(tfm__place_init(&output, of, err));
  tfm__place_all(&output, all);
  for (int i = 0; i < TFM__PLACE_NAMES; ++i) {
    struct stat a;
    struct stat b;
    bool same = stat(all[i], &a) == 0 && stat(name, &b) == 0 && S_ISREG(a.st_mode) &&
                a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    if (same || strcmp(all[i], name) == 0) {
      TFM_TRY(tfm_fail(err, TFM_E_USAGE,
                       "%.300s belongs to %.300s, which is written too; choose another name",
                       errors, path));
    }
  }

fail:
  tfm__place_fini(&output);
  tfm_free(name);
  tfm_free(of);
  return st;
}

tfm_status tfm_sink_check_beside(const tfm_sink_named *file, const tfm_sink_named *others,
                                 int nother, const char *const *inputs, int ninput,
                                 tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (tfm__place_is_stdout(file->path)) {
    TFM_TRY(tfm_fail(err, TFM_E_USAGE, "standard output is for results; name a file"));
  }
  TFM_TRY(tfm_sink_check(file->path, inputs, ninput, err));
  for (int i = 0; i < nother; ++i) {
    const char *other = others[i].path;
    if (!tfm__place_is_stdout(other)) {
      TFM_TRY(check_apart(file->path, other, err));
      TFM_TRY(check_apart(other, file->path, err));
    }
  }

fail:
  return st == TFM_OK ? st : tfm_err_prefix(err, "%s", file->option);
}

tfm_status tfm_sink_check_errors(const char *errors, const char *path,
                                 const char *const *inputs, int ninput, tfm_err *err)
{
  tfm_status st = tfm_sink_check(errors, inputs, ninput, err);
  if (st == TFM_OK && !tfm__place_is_stdout(path)) {
    st = check_apart(errors, path, err);
  }
  return st == TFM_OK ? st : tfm_err_prefix(err, "--errors");
}
