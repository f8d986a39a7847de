#include "coordinator/output/manifest.h"
#include "coordinator/output/sink_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static tfm_status put_name(const char *from, const char *to, tfm_err *err)
{
  return rename(from, to) == 0
             ? TFM_OK
             : tfm_fail(err, TFM_E_OUTPUT, "%.300s cannot be renamed to %.300s: %s", from, to,
                        strerror(errno));
}

/* The manifest is complete before the output has its name, and takes its own name behind it: at
 * no moment does either lie. The journal goes last, once the names are on the disk: until then
 * its last record tells the next attempt which of these steps are missing. */
tfm_status tfm__sink_publish(tfm_sink *sink, const char *hex, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__place *n = &sink->names;
  const tfm__journal_head *head = tfm__journal_says(sink->journal);
  tfm__manifest manifest = {.output = n->path,
                            .job = head->job,
                            .inputs = head->input,
                            .lines = sink->lines,
                            .bytes = sink->part.bytes};
  memcpy(manifest.sha256, hex, TFM_SHA256_HEX);
  TFM_TRY(tfm__manifest_write(&manifest, n->manifest_new, err));
  TFM_TRY(sink->renamed ? TFM_OK : put_name(n->part, n->path, err));
  TFM_TRY(put_name(n->manifest_new, n->manifest, err));
  TFM_TRY(tfm__place_sync(n->path, err));
  if (sink->renamed) {
    (void)unlink(n->part);
  }
  (void)unlink(n->tail);
  (void)unlink(n->journal);
  TFM_TRY(tfm__place_sync(n->path, err));

fail:
  return st;
}
