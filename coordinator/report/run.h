/** A folder of --outdir, read again. */
#ifndef TFM_COORDINATOR_REPORT_RUN_H
#define TFM_COORDINATOR_REPORT_RUN_H

#include "core/base/json.h"

enum { TFM_RUN_RANKS = 64 /* that are shown of a run */ };

/** Zero-initialised is empty. */
typedef struct {
  char *dir;
  const char *name; /* the folder's, within dir */
  tfm_json *json;
  const tfm_json_node *root, *summary; /* of run.json; summary is NULL until a run has ended */
} tfm_run;

/** Read dir/run.json. gives: *run, release with tfm_run_close(), also after an error.
 *  Errors: TFM_E_MISSING, TFM_E_FORMAT (no run of this program, or of another schema), TFM_E_IO,
 *  TFM_E_NOMEM. */
tfm_status tfm_run_open(tfm_run *run, const char *dir, tfm_err *err) TFM_MUST_USE;
void tfm_run_close(tfm_run *run);

/** A member of an object of the summary ("" is the summary itself): NaN, or "", where there is
 * none. */
double tfm_run_number(const tfm_run *run, const char *object, const char *key);
const char *tfm_run_text(const tfm_run *run, const char *object, const char *key);

/** The same of any node. */
double tfm_run_number_of(const tfm_json_node *node, const char *key);
const char *tfm_run_text_of(const tfm_json_node *node, const char *key);

/** The ranks of the summary that are shown, rank 0 first: how many. nodes [TFM_RUN_RANKS] out. */
int tfm_run_ranks(const tfm_run *run, const tfm_json_node *nodes[TFM_RUN_RANKS]);

#endif
