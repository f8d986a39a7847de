/** Where results go: a file that looks complete only when it is, or standard output.
 *
 *  A file is written as "<path>.part" (locked: a second job on it is TFM_E_OUTPUT "busy"),
 * renamed to its name at the end, and described by "<path>.manifest.json" (identity, lines,
 * bytes, sha256). What of it is on the disk stands in "<path>.journal": a commit is data, sync,
 * record, sync. The same job begun again goes on behind the last commit whose bytes are there,
 * and writes the bytes an undisturbed job writes. "<path>.tail" holds the lines of the compressed
 * member that is open: gz and zst, by the path's ending, are independent members of a fixed
 * number of lines.
 *
 *  What is there already decides what open does (INTERFACE section 4): complete and of the same
 * identity: nothing to do; begun by the same job: gone on with; begun by another job:
 * TFM_E_CONFIG, or TFM_E_FORMAT when its inputs differ, naming what does; anything else:
 * TFM_E_OUTPUT unless restart.
 *
 *  A device or pipe is written as it is. Standard output is best effort: no part file, no
 * journal, no manifest; a closed pipe is TFM_E_IO. Every write is checked; a full device is
 * TFM_E_IO and leaves no file under the final name.
 */
#ifndef TFM_COORDINATOR_OUTPUT_SINK_H
#define TFM_COORDINATOR_OUTPUT_SINK_H

#include "coordinator/resume/identity.h"
#include "coordinator/resume/record.h"
#include "core/base/sha256.h"

typedef struct tfm_sink tfm_sink;

/** Check early, before models are loaded, that path can be made: the folder exists and may be
 * written, it is no folder, and neither it nor a file made beside it is one of the ninput
 * inputs (none named: standard input). NULL or "-" is standard output: fine unless it is an
 * input. Errors: TFM_E_OUTPUT (with the path and the reason), TFM_E_USAGE (same file as an
 * input). */
tfm_status tfm_sink_check(const char *path, const char *const *inputs, int ninput,
                          tfm_err *err) TFM_MUST_USE;

/** The same for the list of errors, which must not be the output at path either, nor a file made
 * beside it. Messages begin with --errors. */
tfm_status tfm_sink_check_errors(const char *errors, const char *path,
                                 const char *const *inputs, int ninput,
                                 tfm_err *err) TFM_MUST_USE;

/** A file and the option that names it. */
typedef struct {
  const char *option, *path;
} tfm_sink_named;

/** The same for a file that a run writes beside its output: it must be neither one of the others,
 *  which have been checked, nor a file made beside one of those, nor standard output. Messages
 *  begin with the option. */
tfm_status tfm_sink_check_beside(const tfm_sink_named *file, const tfm_sink_named *others,
                                 int nother, const char *const *inputs, int ninput,
                                 tfm_err *err) TFM_MUST_USE;

/** What the job that began or finished the output at path was, by the name of a line of its
 *  identity (coordinator/resume/identity.h). False when there is no such output or line, or it is
 *  longer than room. */
bool tfm_sink_recorded(const char *path, const char *name, char *value, size_t room);

typedef struct {
  const char *path;             /* NULL or "-": standard output */
  const char *errors;           /* list of errors that is committed with it, or NULL */
  const tfm_identity *identity; /* complete; borrowed until open returns */
  tfm_resume resume;
  bool restart; /* replace what is there */
  /* Asked before each commit whether the rows so far are to be kept; its time counts as the
   * commit's. Its error breaks the sink: nothing more is committed. NULL: they are. */
  tfm_status (*vouch)(void *arg, tfm_err *err);
  void *arg;
} tfm_sink_options;

/** What open found. */
typedef struct {
  bool done;    /* complete and of this identity: there is nothing to do, and no sink */
  bool resumed; /* the rows of `tally` are in it: reading goes on at tally.mark */
  bool final;   /* they are all rows; only finish() is left */
  bool reread;  /* an input has another time than it had: all of it must be read again */
  tfm_tally tally;
  tfm_mark since; /* a place that was committed before */
} tfm_sink_start;

/** gives: *out, release with tfm_sink_close(). */
tfm_status tfm_sink_open(tfm_sink **out, tfm_sink_start *start, const tfm_sink_options *options,
                         tfm_err *err) TFM_MUST_USE;

/** Append one row's bytes (a whole line). */
tfm_status tfm_sink_write(tfm_sink *sink, tfm_span line, tfm_err *err) TFM_MUST_USE;

/** Append a line to the list of errors. */
tfm_status tfm_sink_error(tfm_sink *sink, tfm_span line, tfm_err *err) TFM_MUST_USE;

/** Push what is buffered to the files (a person watches, or the input is slow). */
tfm_status tfm_sink_flush(tfm_sink *sink, tfm_err *err) TFM_MUST_USE;

/** Whether it is time to commit: often enough to lose little, and so seldom that it takes less than
 * a hundredth of the time. */
bool tfm_sink_due(const tfm_sink *sink);

/** Whether what was committed is kept for another attempt: not so for standard output, a device
 * or a pipe. */
bool tfm_sink_keeps(const tfm_sink *sink);

/** Put everything added so far on the disk, as the rows of tally; what is not kept is pushed out.
 * Nothing when nothing is new, and after an error of this sink. */
tfm_status tfm_sink_commit(tfm_sink *sink, const tfm_tally *tally, tfm_err *err) TFM_MUST_USE;

/** Finish: commit, rename, manifest, no journal any more. hex gets the sha256 of all bytes of the
 * file. */
tfm_status tfm_sink_finish(tfm_sink *sink, const tfm_tally *tally, char hex[TFM_SHA256_HEX],
                           tfm_err *err) TFM_MUST_USE;

/** What committing has cost so far. */
typedef struct {
  int64_t commits;
  double seconds;
} tfm_sink_costs;
tfm_sink_costs tfm_sink_cost(const tfm_sink *sink);

/** Without finish(): the part file and its journal stay, nothing has the final name. NULL is
 * allowed. */
void tfm_sink_close(tfm_sink *sink);

#endif
