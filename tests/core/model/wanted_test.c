/* Of a last layer only what the head looks at is computed, and no result has another bit by that:
 * every family and view, against the same model whose last layer makes every row; cuts, threads,
 * backends, instruction sets and precisions too. */
#include "core/model/wanted.h"

#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "tests/core/model/support.h"

#include <stdio.h>
#include <string.h>

/* Which tokens a batch marks. */
typedef enum { MARK_NONE, MARK_SOME, MARK_ONE_EACH } marking;

typedef struct {
  const char *name;
  tfm_model model;
  tfm_engine engine;
  golden g;
  tfm_ids ids;
  int32_t *marks;
  int64_t floats; /* of results */
  float *result;  /* of the model whose last layer makes all rows */
  float *last;    /* [T,H] its last state */
} oracle;

static void keep_last(void *arg, int64_t unit, const float *x, int64_t T, int64_t H)
{
  (void)unit;
  memcpy(arg, x, (size_t)(T * H) * sizeof *x);
}

static void run_whole(const oracle *o, float *result, float *last)
{
  tfm_err err = {.status = TFM_OK};
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &o->model, o->engine, o->g.T, o->g.B, &err), &err);
  tfm_whole_run(whole, &o->ids, result, keep_last, last);
  tfm_whole_close(whole);
}

/* SOME: the first of the first sequence, none of the second, then one in five. */
static void mark(oracle *o, marking how)
{
  const golden *g = &o->g;
  o->marks = tfm_calloc((size_t)g->T, sizeof *o->marks);
  assert_non_null(o->marks);
  for (int32_t b = 0; b < g->B && how == MARK_ONE_EACH; ++b) {
    o->marks[o->ids.nmark++] = (g->cu_len[b] + g->cu_len[b + 1]) / 2;
  }
  for (int32_t t = 0; t < g->T && how == MARK_SOME; ++t) {
    const bool second = t >= g->cu_len[1] && t < g->cu_len[2];
    if (t == 0 || (!second && t % 5 == 4)) {
      o->marks[o->ids.nmark++] = t;
    }
  }
  o->ids.marks = o->marks;
}

static oracle open_oracle(const char *name, const tfm_head_spec *spec, marking how,
                          tfm_precision precision)
{
  oracle o = {.name = name,
              .model = open_model_for(name, spec),
              .engine = {.backend = TFM_BACKEND_NATIVE, .precision = precision},
              .g = open_golden(name)};
  o.ids = golden_ids(&o.g);
  mark(&o, how);
  const tfm_head_shape shape = tfm_model_shape(&o.model);
  o.floats = shape.width * (shape.rows == TFM_ROWS_SEQUENCE ? o.g.B : o.ids.nmark);
  assert_true(o.floats > 0);
  o.result = want_floats(o.floats);
  o.last = want_floats(o.g.T * o.g.H);
  const tfm_wanted own = o.model.config.wanted;
  o.model.config.wanted = TFM_WANTED_ALL;
  run_whole(&o, o.result, o.last);
  o.model.config.wanted = own;
  return o;
}

static void close_oracle(oracle *o)
{
  tfm_free(o->result);
  tfm_free(o->last);
  tfm_free(o->marks);
  close_golden(&o->g);
  tfm_model_fini(&o->model);
}

/* Rows of spans have the bits of the full state, and some other row has not: it was left out. */
static void check_rows(const oracle *o, const float *last)
{
  const int64_t H = o->g.H;
  const tfm_batch batch = {.B = o->g.B,
                           .T = o->g.T,
                           .cu_len = o->g.cu_len,
                           .nmark = o->ids.nmark,
                           .marks = o->ids.marks};
  int32_t spans[16];
  int64_t others = 0;
  tfm__wanted_spans(o->model.config.wanted, &batch, spans);
  for (int64_t b = 0; b < o->g.B; ++b) {
    for (int64_t t = 0; t < o->g.cu_len[b + 1] - o->g.cu_len[b]; ++t) {
      const int64_t at = (o->g.cu_len[b] + t) * H;
      if (t >= spans[2 * b] && t < spans[2 * b + 1]) {
        check_bits(o->name, last + at, o->last + at, H);
      } else {
        others += memcmp(last + at, o->last + at, (size_t)H * sizeof *last) != 0;
      }
    }
  }
  assert_true(others > 0);
}

/* In two slices, the second of which begins at unit `cut`. */
static void check_cut(const oracle *o, tfm_engine engine, int64_t cut, tfm_par *par)
{
  tfm_err err = {.status = TFM_OK};
  tfm_embed *embed = NULL;
  const int64_t bounds[] = {0, cut, 2 * o->model.config.L};
  float *x = want_floats(o->g.T * o->g.H);
  float *result = want_floats(o->floats);
  const tfm_batch batch = {.B = o->g.B,
                           .T = o->g.T,
                           .cu_len = o->g.cu_len,
                           .x = x,
                           .nmark = o->ids.nmark,
                           .marks = o->ids.marks,
                           .ids = o->g.ids};
  want_ok(tfm_embed_open(&embed, &o->model, NULL, &err), &err);
  tfm_embed_run(embed, &o->ids, x, par);
  tfm_embed_close(embed);
  for (int i = 0; i < 2; ++i) {
    const tfm_slice_options options = {.first = bounds[i],
                                       .last = bounds[i + 1],
                                       .head = i == 1,
                                       .engine = engine,
                                       .max_tokens = o->g.T,
                                       .max_sequences = o->g.B,
                                       .nthread = tfm_par_threads(par)};
    tfm_slice *slice = NULL;
    want_ok(tfm_slice_open(&slice, &o->model, &options, &err), &err);
    tfm_slice_run(slice, &batch, par);
    if (options.head) {
      tfm_slice_head(slice, &batch, result, par);
    }
    tfm_slice_close(slice);
  }
  check_bits(o->name, result, o->result, o->floats);
  check_rows(o, x);
  tfm_free(result);
  tfm_free(x);
}

static void check(const char *name, const tfm_head_spec *spec, marking how, tfm_wanted wanted)
{
  oracle o = open_oracle(name, spec, how, TFM_FLOAT32);
  threads_par threads = make_threads(3);
  assert_int_equal(o.model.config.wanted, wanted);
  for (int64_t cut = 0; cut <= 2 * o.model.config.L; ++cut) {
    check_cut(&o, o.engine, cut, cut % 2 ? &threads.par : NULL);
  }
  close_oracle(&o);
}

static const tfm_head_spec own = {.task = TFM_TASK_NONE};

static void classifiers_look_at_one_token(void **state)
{
  (void)state;
  int means = 0;
  check("tiny", &own, MARK_NONE, TFM_WANTED_FIRST);
  for (int i = 0; family_models[i]; ++i) {
    tfm_model model = open_model_for(family_models[i], &own);
    const bool mean = model.config.head_mean; /* of all */
    tfm_model_fini(&model);
    means += mean;
    if (!mean) {
      check(family_models[i], &own, MARK_NONE, TFM_WANTED_FIRST);
    }
  }
  assert_int_equal(means, 1);
  for (int i = 0; decoder_models[i]; ++i) {
    check(decoder_models[i], &own, i % 2 ? MARK_NONE : MARK_ONE_EACH, TFM_WANTED_LAST);
  }
}

static void texts_that_go_on_look_at_marked_tokens(void **state)
{
  (void)state;
  const tfm_head_spec spec = {.task = TFM_TASK_TEXT_GENERATION, .lm = TFM_LM_NEXT};
  static const char *const models[] = {"gpt2",   "llama", "mistral",     "qwen3",
                                       "gemma2", "neox",  "neox-serial", NULL};
  for (int i = 0; models[i]; ++i) {
    char name[64];
    (void)snprintf(name, sizeof name, "families/%s-lm", models[i]);
    check(name, &spec, i % 2 ? MARK_SOME : MARK_ONE_EACH, TFM_WANTED_MARKED);
  }
}

static void masks_are_looked_at_alone(void **state)
{
  (void)state;
  const tfm_head_spec spec = {.task = TFM_TASK_FILL_MASK};
  static const char *const models[] = {"mask", "families/deberta-mask",
                                       "families/modernbert-mask", NULL};
  for (int i = 0; models[i]; ++i) {
    check(models[i], &spec, MARK_SOME, TFM_WANTED_MARKED);
  }
}

static void some_poolings_look_at_one_token(void **state)
{
  (void)state;
  check("encoder", &(tfm_head_spec){.pooling = TFM_POOLING_CLS}, MARK_NONE, TFM_WANTED_FIRST);
  check("encoder", &(tfm_head_spec){.pooling = TFM_POOLING_LAST_TOKEN}, MARK_NONE,
        TFM_WANTED_LAST);
  static const tfm_pooling all[] = {TFM_POOLING_AUTO,          TFM_POOLING_MAX,
                                    TFM_POOLING_MEAN,          TFM_POOLING_MEAN_SQRT_LEN,
                                    TFM_POOLING_WEIGHTED_MEAN, TFM_POOLING_EACH};
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    tfm_model model = open_model_for("encoder", &(tfm_head_spec){.pooling = all[i]});
    assert_int_equal(model.config.wanted, TFM_WANTED_ALL);
    tfm_model_fini(&model);
  }
}

static void no_precision_backend_or_instruction_set_knows(void **state)
{
  (void)state;
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    oracle o = open_oracle("tiny", &own, MARK_NONE, (tfm_precision)p);
    tfm_engine ref = o.engine;
    ref.backend = TFM_BACKEND_REF;
    check_cut(&o, ref, 3, NULL);
    for (int isa = 0; isa < TFM_ISA_COUNT; ++isa) {
      if (tfm_isa_available((tfm_isa)isa)) {
        assert_int_equal(tfm_isa_use((tfm_isa)isa, NULL), TFM_OK);
        check_cut(&o, o.engine, 3, NULL);
      }
    }
    assert_int_equal(tfm_isa_use(tfm_isa_best(), NULL), TFM_OK);
    close_oracle(&o);
  }
}

/* A frame's marks are within the batch; whose they are nobody has checked. */
static void marks_of_others_are_none(void **state)
{
  (void)state;
  const int32_t cu_len[] = {0, 3, 7, 9};
  const int32_t marks[] = {1, 7, 8};
  const tfm_batch batch = {.B = 3, .T = 9, .cu_len = cu_len, .nmark = 3, .marks = marks};
  static const int32_t last[] = {1, 2, 3, 4, 1, 2};
  static const int32_t marked[] = {1, 2, 0, 0, 0, 2};
  int32_t spans[6];
  tfm__wanted_spans(TFM_WANTED_LAST, &batch, spans);
  assert_memory_equal(spans, last, sizeof last);
  tfm__wanted_spans(TFM_WANTED_MARKED, &batch, spans);
  assert_memory_equal(spans, marked, sizeof marked);
}

static void rows_go_to_the_front_and_back(void **state)
{
  (void)state;
  const int32_t cu_len[] = {10, 13, 14, 18}; /* x begins at row 10 */
  const int32_t spans[] = {1, 3, 0, 0, 3, 4};
  float x[] = {0, 1, 2, 3, 4, 5, 6, 7};
  int32_t lengths[4];
  assert_int_equal(tfm__wanted_to_front(spans, cu_len, 3, 1, x), 3);
  assert_true(x[0] == 1 && x[1] == 2 && x[2] == 7);
  x[0] = 11;
  x[1] = 12;
  x[2] = 17;
  tfm__wanted_back(spans, cu_len, 3, 1, x);
  assert_true(x[1] == 11 && x[2] == 12 && x[7] == 17);
  tfm__wanted_lengths(spans, 3, lengths);
  assert_true(lengths[0] == 0 && lengths[1] == 2 && lengths[2] == 2 && lengths[3] == 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_go_to_the_front_and_back),
      cmocka_unit_test(marks_of_others_are_none),
      cmocka_unit_test(classifiers_look_at_one_token),
      cmocka_unit_test(texts_that_go_on_look_at_marked_tokens),
      cmocka_unit_test(masks_are_looked_at_alone),
      cmocka_unit_test(some_poolings_look_at_one_token),
      cmocka_unit_test(no_precision_backend_or_instruction_set_knows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
