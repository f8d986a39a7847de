#include "coordinator/report/table.h"

#include "coordinator/task/classify.h"
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <stdio.h>

enum { TEXT_COLUMNS = 64, LABEL_COLUMNS = 10 };

static tfm_status printed(int n, tfm_err *err)
{
  return n >= 0 ? TFM_OK : tfm_fail(err, TFM_E_IO, "standard output cannot be written");
}

tfm_status tfm_table_begin(const tfm_job *job, tfm_err *err)
{
  return printed(
      printf("The bundled sample, scored by the embedded model %s (no input was given; "
             "tfm-cluster help shows how).\n\n%-*s  %-*s %s\n",
             tfm_path_base(job->folder), TEXT_COLUMNS, "text", LABEL_COLUMNS, "label", "score"),
      err);
}

/* The first bytes of a text that fit the column, cut at a character. */
static size_t fitting(tfm_span text, size_t *columns)
{
  size_t at = 0;
  *columns = 0;
  while (at < text.n && *columns < TEXT_COLUMNS) {
    size_t len = tfm_utf8_valid_at(text.p + at, text.n - at);
    at += len ? len : 1;
    ++*columns;
  }
  return at;
}

tfm_status tfm_table_row(const tfm_job *job, const tfm_item *item, tfm_err *err)
{
  size_t columns = 0;
  size_t n = fitting(item->row->text, &columns);
  const char *label = "error";
  double score = 0;
  if (item->status == TFM_OK) {
    const tfm_config *config = &job->model.config;
    float *scores = tfm_calloc((size_t)config->nlabel, sizeof *scores);
    if (!scores) {
      return tfm_fail(err, TFM_E_NOMEM, "scores of %lld labels", (long long)config->nlabel);
    }
    tfm_classify_scores(config, TFM_APPLY_AUTO, item->seqs[0].values, scores);
    int64_t best = tfm_classify_best(scores, config->nlabel);
    label = config->labels[best];
    score = (double)scores[best];
    tfm_free(scores);
  }
  return printed(printf("%.*s%*s  %-*s %.4f\n", (int)n, item->row->text.p,
                        (int)(TEXT_COLUMNS - columns), "", LABEL_COLUMNS, label, score),
                 err);
}
