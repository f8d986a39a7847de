/* What is written down about the job of an output: in its journal, else in its manifest. */
#include "coordinator/output/manifest.h"
#include "coordinator/output/place.h"
#include "coordinator/output/sink.h"
#include "coordinator/resume/journal.h"

static bool of_journal(const char *path, const char *name, char *value, size_t room)
{
  tfm_err ignored = {0};
  tfm__journal *journal = NULL;
  const bool found = tfm__journal_open(&journal, path, &ignored) == TFM_OK && journal &&
                     tfm_identity_value(tfm__journal_says(journal)->job, name, value, room);
  tfm__journal_close(journal);
  return found;
}

bool tfm_sink_recorded(const char *path, const char *name, char *value, size_t room)
{
  tfm_err ignored = {0};
  tfm__place place = {0};
  const bool found = !tfm__place_is_stdout(path) &&
                     tfm__place_init(&place, path, &ignored) == TFM_OK &&
                     (of_journal(place.journal, name, value, room) ||
                      tfm__manifest_value(place.manifest, name, value, room));
  tfm__place_fini(&place);
  return found;
}
