#include "coordinator/task/task.h"

#include <string.h>

/* Of two that need the same head, the first is what a model is run with unless its files or the
 * user say otherwise. */
static const tfm_task_ops *const rows[] = {
    &tfm_task_classify,  &tfm_task_embed,     &tfm_task_entities,  &tfm_task_question,
    &tfm_task_fill_mask, &tfm_task_zero_shot, &tfm_task_rerank,    &tfm_task_generate,
    &tfm_task_score,     &tfm_task_chat,      &tfm_task_translate, &tfm_task_summarize};

enum { NROW = sizeof rows / sizeof rows[0] };

/* transformers' other names. */
static const struct {
  const char *alias, *name;
} aliases[] = {
    {"sentiment-analysis", "text-classification"},
    {"ner", "token-classification"},
    {"sentence-embedding", "feature-extraction"},
    {"sentence-similarity", "feature-extraction"},
    {"text-ranking", "rerank"},
    {"conversational", "chat"},
    {"text2text-generation", "text-generation"},
};

const tfm_task_ops *tfm_task_find(const char *name)
{
  for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; ++i) {
    name = strcmp(name, aliases[i].alias) == 0 ? aliases[i].name : name;
  }
  for (int i = 0; i < NROW; ++i) {
    if (strcmp(rows[i]->name, name) == 0) {
      return rows[i];
    }
  }
  return NULL;
}

const tfm_task_ops *tfm_task_of_head(tfm_task head)
{
  for (int i = 0; i < NROW; ++i) {
    if (rows[i]->head == head) {
      return rows[i];
    }
  }
  return NULL;
}

void tfm_task_list(tfm_buf *out)
{
  for (int i = 0; i < NROW; ++i) {
    (void)tfm_buf_printf(out, "%s%s", i ? ", " : "", rows[i]->name);
  }
}

void tfm_put_floats(tfm_buf *out, const float *x, int64_t n)
{
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < n; ++i) {
    if (i) {
      (void)tfm_buf_char(out, ',');
    }
    (void)tfm_buf_float(out, x[i]);
  }
  (void)tfm_buf_char(out, ']');
}

void tfm_put_rows(tfm_buf *out, const float *x, int64_t n, int64_t width, int64_t stride)
{
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < n; ++i) {
    if (i) {
      (void)tfm_buf_char(out, ',');
    }
    tfm_put_floats(out, x + i * stride, width);
  }
  (void)tfm_buf_char(out, ']');
}
