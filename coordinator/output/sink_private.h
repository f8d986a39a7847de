/** What the files of a sink share: sink.c writes, recover.c begins and goes on, publish.c
 * finishes. */
#ifndef TFM_COORDINATOR_OUTPUT_SINK_PRIVATE_H
#define TFM_COORDINATOR_OUTPUT_SINK_PRIVATE_H

#include "coordinator/output/grown.h"
#include "coordinator/output/pack.h"
#include "coordinator/output/place.h"
#include "coordinator/output/sink.h"
#include "coordinator/resume/journal.h"

struct tfm_sink {
  tfm__place names; /* all NULL for standard output and devices */
  char *error_path;
  int lock;                      /* what holds the lock when part.fd does not: -1 else */
  tfm__grown part, tail, errors; /* fd -1: not there */
  bool tail_begun;               /* the tail holds the first lines of the member that is open */
  tfm__stretch tail_kept;        /* of the last commit, which needs it */
  const tfm__packing *packing;   /* NULL: plain */
  void *packer;
  int64_t member_lines; /* in the member that is open */
  tfm_sha256 sha;       /* of part's written bytes */
  int64_t lines;
  /* Where the output may end: behind any line, or behind a member. */
  tfm_sha256 settled_sha;
  int64_t settled_lines;
  tfm__journal *journal; /* NULL for standard output and devices */
  tfm_tally committed;
  bool any;     /* something is committed */
  bool stray;   /* the part was made although the output is complete */
  bool anew;    /* the part was begun by this attempt */
  bool listed;  /* the list of errors was made by this attempt */
  bool final;   /* the last commit says that there are no more rows */
  bool renamed; /* the part has its name already */
  bool broken;  /* a write or sync failed: what is on the disk is not known any more */
  bool finished;
  tfm_status (*vouch)(void *arg, tfm_err *err); /* or NULL; see sink.h */
  void *arg;
  double begin_s, due_s; /* when it was opened; when the next commit is due */
  tfm_sink_costs costs;
};

/** Open and lock the list of errors; nothing for NULL. */
tfm_status tfm__sink_open_errors(tfm_sink *sink, const char *path, tfm_err *err) TFM_MUST_USE;

/** Give a line to the compressor; *ended: its member is full. */
tfm_status tfm__sink_pack(tfm_sink *sink, tfm_span line, bool *ended,
                          tfm_err *err) TFM_MUST_USE;

/** The output may end here. */
void tfm__sink_settle(tfm_sink *sink);

/** Lock the part and find out what is there: fills *start, and gets the sink ready to write. */
tfm_status tfm__sink_begin(tfm_sink *sink, const tfm_sink_options *options,
                           tfm_sink_start *start, tfm_err *err) TFM_MUST_USE;

/** Give the finished part its name and its manifest, and take journal and tail away. */
tfm_status tfm__sink_publish(tfm_sink *sink, const char *hex, tfm_err *err) TFM_MUST_USE;

#endif
