#include "coordinator/identity.h"

#include "core/base/clock.h"

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
