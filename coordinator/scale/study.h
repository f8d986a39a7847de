/** A scaling study as it is made: what its parts share. Room-private. */
#ifndef TFM_COORDINATOR_SCALE_STUDY_H
#define TFM_COORDINATOR_SCALE_STUDY_H

#include "coordinator/job.h"
#include "coordinator/report/timeline.h"
#include "coordinator/scale/check.h"
#include "coordinator/scale/figures.h"

enum { TFM__STUDY_ROWS = 24 /* stages of a layout that are drawn */ };

/** A run more, after those that count, in which the ranks say what they do when. Zero-initialised
 *  but for layout is empty. */
typedef struct {
  int layout;        /* of the study's runs */
  double run_s;      /* what it took */
  double busy, send; /* computing and sending, of its stages' time, by their own statistics */
  tfm_timeline *timeline; /* of rank 0 and the first TFM__STUDY_ROWS */
} tfm__study_record;

/** Plain data of scale.c. */
typedef struct {
  const tfm_options *options; /* borrowed */
  tfm_world *world;           /* borrowed */
  int nlayout;
  tfm_scale_runs *runs; /* [nlayout] */
  tfm__study_record
      records[2]; /* for the drawing: the fastest layout, and that of most stages */
  int nrecord;
  tfm_scale_check *check;
  bool made; /* rows are made up, of `length` tokens; else they are the input's */
  int64_t length;
  tfm_buf text;   /* the made rows, a line each */
  int64_t ntext;  /* lines in it */
  int64_t rows;   /* of a run; weak: of each worker */
  int64_t input;  /* rows of the input */
  double peak;    /* flops of rank 0's core a second; 0: not measured yet */
  char model[64]; /* folder's name */
  char dtype[32], task[40], numeric_id[TFM_NUMERIC_ID], host[256];
  int threads, ncore; /* of a worker, of rank 0's host */
} tfm__study;

/** Rows of a run of this layout. */
int64_t tfm__study_rows(const tfm__study *s, const tfm_scale_layout *layout);

/** Run one layout once; keep: count it. record: ask the ranks what they do when; NULL: nobody is
 *  asked. Collective with tfm_worker_main(). Errors: of a job; when the input has fewer rows than
 *  it should, TFM_E_USAGE. */
tfm_status tfm__study_run(tfm__study *s, tfm_scale_runs *runs, bool keep,
                          tfm__study_record *record, double *took_s, tfm_err *err) TFM_MUST_USE;

/** Append the report in the asked format, its last line the check's. Errors: TFM_E_NOMEM. */
tfm_status tfm__study_print(const tfm__study *s, tfm_buf *out) TFM_MUST_USE;

/** Append the drawing. Errors: TFM_E_NOMEM. */
tfm_status tfm__study_draw(const tfm__study *s, tfm_buf *out) TFM_MUST_USE;

#endif
