#include "coordinator/output/manifest.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MOST_BYTES = 64 << 20 };

/* Compared instead of the text, which may hold file names that are no UTF-8. */
static void digest_identity(const char *job, const char *inputs, char hex[TFM_SHA256_HEX])
{
  tfm_sha256 s;
  tfm_sha256_init(&s);
  tfm_sha256_add(&s, job, strlen(job));
  tfm_sha256_add(&s, inputs, strlen(inputs));
  tfm_sha256_hex(&s, hex);
}

static tfm_status build(const tfm__manifest *m, tfm_buf *out, tfm_err *err)
{
  char hex[TFM_SHA256_HEX];
  digest_identity(m->job, m->inputs, hex);
  (void)tfm_buf_str(out, "{\n  \"schema\": \"tfm-cluster.manifest/2\",\n  \"output\": ");
  (void)tfm_buf_json_string(out, tfm_span_of(tfm_path_base(m->output)));
  (void)tfm_buf_printf(out,
                       ",\n  \"lines\": %lld,\n  \"bytes\": %lld,\n  \"sha256\": \"%s\",\n"
                       "  \"identity_sha256\": \"%s\",\n  \"job\": ",
                       (long long)m->lines, (long long)m->bytes, m->sha256, hex);
  (void)tfm_buf_json_string(out, tfm_span_of(m->job));
  (void)tfm_buf_str(out, ",\n  \"inputs\": ");
  (void)tfm_buf_json_string(out, tfm_span_of(m->inputs));
  (void)tfm_buf_str(out, "\n}\n");
  return out->failed ? tfm_fail(err, TFM_E_NOMEM, "the output's manifest") : TFM_OK;
}

tfm_status tfm__manifest_write(const tfm__manifest *manifest, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  int fd = -1;
  TFM_TRY(build(manifest, &text, err));
  fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) {
    TFM_TRY(tfm_fail(err, TFM_E_OUTPUT, "%.400s cannot be made: %s", path, strerror(errno)));
  }
  for (size_t at = 0; at < text.n;) {
    ssize_t n = write(fd, text.data + at, text.n - at);
    if (n < 0 && errno != EINTR) {
      TFM_TRY(tfm_fail(err, TFM_E_IO, "%.400s: writing failed: %s", path, strerror(errno)));
    }
    at += n > 0 ? (size_t)n : 0;
  }
  if (fsync(fd) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_IO, "%.400s: writing failed: %s", path, strerror(errno)));
  }

fail:
  if (fd >= 0) {
    (void)close(fd);
  }
  tfm_buf_fini(&text);
  return st;
}

bool tfm__manifest_matches(const char *path, const tfm_identity *identity, int64_t bytes)
{
  tfm_json *json = NULL;
  tfm_err ignored = {0};
  char hex[TFM_SHA256_HEX];
  const char *kept = "";
  int64_t size = -1;
  bool matches = tfm_json_open(&json, path, MOST_BYTES, &ignored) == TFM_OK;
  if (matches) {
    const tfm_json_node *root = tfm_json_root(json);
    digest_identity(identity->job.data, identity->inputs.data, hex);
    matches = tfm_json_want_string(json, root, "identity_sha256", &kept, &ignored) == TFM_OK &&
              tfm_json_want_int(json, root, "bytes", 0, INT64_MAX, &size, &ignored) == TFM_OK &&
              strcmp(kept, hex) == 0 && size == bytes;
  }
  tfm_json_close(json);
  return matches;
}

bool tfm__manifest_differs(const char *path, const tfm_identity *identity,
                           tfm_difference *where)
{
  tfm_json *json = NULL;
  tfm_err ignored = {0};
  const char *job = NULL;
  const char *inputs = NULL;
  bool differs = tfm_json_open(&json, path, MOST_BYTES, &ignored) == TFM_OK;
  if (differs) {
    const tfm_json_node *root = tfm_json_root(json);
    differs = tfm_json_want_string(json, root, "job", &job, &ignored) == TFM_OK &&
              tfm_json_want_string(json, root, "inputs", &inputs, &ignored) == TFM_OK &&
              (tfm_identity_differ(job, identity->job.data, true, where) ||
               tfm_identity_differ(inputs, identity->inputs.data, true, where));
  }
  tfm_json_close(json);
  return differs;
}

bool tfm__manifest_value(const char *path, const char *name, char *value, size_t room)
{
  tfm_json *json = NULL;
  tfm_err ignored = {0};
  const char *job = NULL;
  const bool found =
      tfm_json_open(&json, path, MOST_BYTES, &ignored) == TFM_OK &&
      tfm_json_want_string(json, tfm_json_root(json), "job", &job, &ignored) == TFM_OK &&
      tfm_identity_value(job, name, value, room);
  tfm_json_close(json);
  return found;
}
