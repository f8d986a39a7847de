#include "coordinator/schedule/crew.h"
#include "core/base/log.h"

#include <stddef.h>
#include <string.h>

/* Fields that must be equal on all ranks before a weight is read. */
typedef struct {
  const char *name;
  size_t offset;
  const char *remedy;
} agreement;

static const agreement agreements[] = {
    {"program version", offsetof(tfm_msg_hello, version), "start the same build on every node"},
    {"model digest", offsetof(tfm_msg_hello, digest),
     "put the same checkpoint on every node (--digest full compares every byte)"},
    {"arithmetic", offsetof(tfm_msg_hello, arithmetic),
     "use --backend native, which gives the same bits on every processor"},
    {"numeric_id", offsetof(tfm_msg_hello, numeric_id), "start the same build on every node"},
    {"denormals", offsetof(tfm_msg_hello, denormals),
     "something sets that node's floating point unit: a library preloaded there, or its "
     "system"},
};

enum { NAGREEMENT = sizeof agreements / sizeof agreements[0], LINES_MOST = 40 };

static const char *field_of(const tfm_crew *crew, int rank, const agreement *a)
{
  return (const char *)&crew->ranks[rank].hello + a->offset;
}

static bool differs(const tfm_crew *crew, int rank, const agreement *a)
{
  return strcmp(field_of(crew, 0, a), field_of(crew, rank, a)) != 0;
}

int tfm_crew_differences(const tfm_crew *crew, tfm_buf *out)
{
  int lines = 0;
  for (size_t i = 0; i < NAGREEMENT; ++i) {
    const agreement *a = &agreements[i];
    bool headed = false;
    for (int rank = 1; rank < crew->nrank; ++rank) {
      if (!differs(crew, rank, a) || lines++ >= LINES_MOST) {
        continue;
      }
      if (!headed) {
        (void)tfm_buf_printf(out, "%-16s rank 0 on %.64s: %.80s\n", a->name,
                             crew->ranks[0].hello.host, field_of(crew, 0, a));
        headed = true;
      }
      (void)tfm_buf_printf(out, "%-16s rank %d on %.64s: %.80s\n", "", rank,
                           crew->ranks[rank].hello.host, field_of(crew, rank, a));
    }
  }
  if (lines > LINES_MOST) {
    (void)tfm_buf_printf(out, "%-16s and %d more\n", "", lines - LINES_MOST);
  }
  return lines;
}

static void log_table(const tfm_crew *crew)
{
  tfm_buf text = {0};
  char *save = NULL;
  if (tfm_crew_differences(crew, &text) > 1) {
    (void)tfm_buf_cstr(&text);
    for (char *line = text.data ? strtok_r(text.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
      tfm_log(TFM_LOG_ERROR, "%s", line);
    }
  }
  tfm_buf_fini(&text);
}

tfm_status tfm_crew_compare(const tfm_crew *crew, tfm_err *err)
{
  for (size_t i = 0; i < NAGREEMENT; ++i) {
    const agreement *a = &agreements[i];
    for (int rank = 1; rank < crew->nrank; ++rank) {
      if (!differs(crew, rank, a)) {
        continue;
      }
      log_table(crew);
      return tfm_fail(err, TFM_E_CONFIG,
                      "ranks disagree on the %s: rank 0 (%.64s) has %.80s, rank %d (%.64s) has "
                      "%.80s; %s",
                      a->name, crew->ranks[0].hello.host, field_of(crew, 0, a), rank,
                      crew->ranks[rank].hello.host, field_of(crew, rank, a), a->remedy);
    }
  }
  return TFM_OK;
}
