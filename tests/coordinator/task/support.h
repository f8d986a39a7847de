/** What the tests of tasks share: a tokenizer, rows, made-up results, and answers to compare. */
#ifndef TFM_TESTS_COORDINATOR_TASK_SUPPORT_H
#define TFM_TESTS_COORDINATOR_TASK_SUPPORT_H

#include "coordinator/task/task.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

#include <math.h>

/** What a task looks at, over a tokenizer of the fixtures; models are not needed. */
typedef struct {
  const tfm_task_ops *task;
  tfm_options options;
  tfm_config config;
  tfm_model model;
  char folder[256];
  tfm_head_spec spec;
  tfm_task_context context;
  tfm_encoder encoder;
  tfm_encoding scratch;
  tfm_tokenizer *tokenizer;
} stage;

/** "text/bert.json": below the fixtures. */
static inline void stage_make(stage *f, const tfm_task_ops *task, const char *tokenizer,
                              tfm_head_shape shape)
{
  tfm_err err = {0};
  memset(f, 0, sizeof *f);
  char *path = tfm_path_join(TFM_FIXTURES, tokenizer);
  assert_non_null(path);
  CHECK_OK(tfm_tokenizer_open_file(&f->tokenizer, path, &err), &err);
  tfm_free(path);
  f->task = task;
  f->options.stride = f->options.doc_stride = -1;
  f->context = (tfm_task_context){.options = &f->options,
                                  .config = &f->config,
                                  .spec = &f->spec,
                                  .tokenizer = f->tokenizer,
                                  .max_length = 512,
                                  .shape = shape};
}

/** The checkpoint's folder, below the fixtures. */
static inline void stage_folder(stage *f, const char *path, const char *name)
{
  (void)snprintf(f->folder, sizeof f->folder, TFM_FIXTURES "/%s/%s", path, name);
  f->model.folder = f->folder;
  f->context.folder = f->folder;
  f->context.model = &f->model;
}

/** After the options are set: begin the task, and be ready for rows. */
static inline void stage_begin(stage *f)
{
  tfm_err err = {0};
  if (f->task->ask) {
    CHECK_OK(f->task->ask(&f->context, &err), &err);
  }
  if (f->task->begin) {
    CHECK_OK(f->task->begin(&f->context, &err), &err);
  }
  f->encoder = (tfm_encoder){.tokenizer = f->tokenizer,
                             .limits = {.V = 1 << 20, .max_length = f->context.max_length},
                             .max_length = f->context.max_length,
                             .places = f->task->places,
                             .cut = f->task->cut,
                             .shape = f->context.shape,
                             .row = f->task->row,
                             .task = &f->context};
}

static inline void stage_drop(stage *f)
{
  if (f->task->end) {
    f->task->end(&f->context);
  }
  tfm_encoding_fini(&f->scratch);
  tfm_tokenizer_close(f->tokenizer);
}

/** A row and its sequences; pair may be NULL, the list empty. Borrows the texts. */
static inline tfm_item *stage_encode(stage *f, const char *text, const char *pair,
                                     const tfm_span *list, int nlist)
{
  tfm_err err = {0};
  tfm_row *row = tfm_calloc(1, sizeof *row);
  assert_non_null(row);
  row->memory = row;
  row->text = tfm_span_of(text);
  row->pair = pair ? tfm_span_of(pair) : (tfm_span){0};
  row->has_list = list != NULL;
  row->list = list;
  row->nlist = nlist;
  tfm_item *item = tfm_item_open(row);
  assert_non_null(item);
  item->width = f->context.shape.width;
  CHECK_OK(tfm_encoder_run(&f->encoder, item, &f->scratch, &err), &err);
  return item;
}

/** Room for the results of a sequence. */
static inline float *stage_values(const tfm_item *item, tfm_sequence *s)
{
  s->values = tfm_calloc((size_t)(s->rows * item->width), sizeof *s->values);
  assert_non_null(s->values);
  return s->values;
}

/** Numbers nested as [sequences][rows][width], each divided by `unit`, as results of the item. */
static inline void stage_fill(tfm_item *item, const tfm_json_node *sequences, float unit)
{
  int64_t n = 0;
  for (const tfm_json_node *x = tfm_json_first(sequences); x; x = tfm_json_next(x), ++n) {
    assert_true(n < item->nseq);
    tfm_sequence *s = &item->seqs[n];
    float *values = stage_values(item, s);
    int64_t i = 0;
    for (const tfm_json_node *row = tfm_json_first(x); row; row = tfm_json_next(row)) {
      for (const tfm_json_node *v = tfm_json_first(row); v; v = tfm_json_next(v), ++i) {
        double number = 0;
        assert_true(i < s->rows * item->width && tfm_json_number(v, &number));
        values[i] = (float)number / unit;
      }
    }
    assert_int_equal(i, s->rows * item->width);
  }
  assert_int_equal(n, item->nseq);
}

/** Objects have the same members in the same order, arrays as many elements, numbers differ by no
 * more than 1e-6: the reference's are float32 too, summed in another order. */
static inline void check_same(const tfm_json_node *want, const tfm_json_node *got, size_t line)
{
  const tfm_json_kind kind = tfm_json_kind_of(want);
  double a = 0;
  double b = 0;
  if (tfm_json_number(want, &a)) {
    if (!tfm_json_number(got, &b) || !(fabs(a - b) <= 1e-6)) {
      fail_msg("line %zu: want %.9g, got %.9g", line, a, b);
    }
    return;
  }
  assert_int_equal(kind, tfm_json_kind_of(got));
  if (kind != TFM_JSON_OBJECT && kind != TFM_JSON_ARRAY) {
    assert_string_equal(tfm_json_text(want), tfm_json_text(got));
    return;
  }
  const tfm_json_node *g = tfm_json_first(got);
  for (const tfm_json_node *w = tfm_json_first(want); w; w = tfm_json_next(w)) {
    if (!g) {
      fail_msg("line %zu: less than is wanted", line);
    }
    if (kind == TFM_JSON_OBJECT) {
      assert_string_equal(tfm_json_key(w), tfm_json_key(g));
    }
    check_same(w, g, line);
    g = tfm_json_next(g);
  }
  if (g) {
    fail_msg("line %zu: more than is wanted", line);
  }
}

/** Compare one field of an answer, JSON, with what is wanted. */
static inline void check_field(const tfm_json_node *want, const tfm_buf *field, size_t line)
{
  tfm_err err = {0};
  tfm_json *json = NULL;
  CHECK_OK(tfm_json_parse(&json, "the answer", field->data, field->n, &err), &err);
  check_same(want, tfm_json_root(json), line);
  tfm_json_close(json);
}

static inline int64_t number_of(const tfm_json *json, const char *key)
{
  tfm_err err = {0};
  int64_t value = 0;
  CHECK_OK(tfm_json_want_int(json, tfm_json_root(json), key, -1, INT32_MAX, &value, &err),
           &err);
  return value;
}

static inline const char *text_of(const tfm_json *json, const char *key)
{
  return tfm_json_text(tfm_json_get(tfm_json_root(json), key));
}

static inline bool flag_of(const tfm_json *json, const char *key)
{
  tfm_err err = {0};
  bool value = false;
  CHECK_OK(tfm_json_opt_bool(json, tfm_json_root(json), key, &value, &err), &err);
  return value;
}

/** Call check for every line of a JSONL file of the fixtures; returns how many there are. */
static inline size_t each_line(const char *path,
                               void (*check)(const tfm_json *json, size_t line))
{
  enum { LARGEST = 4 << 20 };
  tfm_err err = {0};
  tfm_buf text = {0};
  size_t line = 0;
  CHECK_OK(tfm_file_read_all(path, LARGEST, &text, &err), &err);
  for (const char *p = text.data; p < text.data + text.n;) {
    const char *end = memchr(p, '\n', (size_t)(text.data + text.n - p));
    tfm_json *json = NULL;
    assert_non_null(end);
    CHECK_OK(tfm_json_parse(&json, path, p, (size_t)(end - p), &err), &err);
    check(json, ++line);
    tfm_json_close(json);
    p = end + 1;
  }
  tfm_buf_fini(&text);
  return line;
}

#endif
