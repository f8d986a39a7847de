/* Weights are read and packed by any number of threads, a strip of a layer each: what is packed,
 * and what is said of a bad file, must not depend on them. The layers are large enough to have
 * several strips, some with outputs of two modules. */
#include "core/base/mem.h"
#include "core/model/slice.h"
#include "tests/core/model/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { H = 320, F = 2000, UNITS = 2, HEADER = 8192 };

static const char config[] =
    "{\"model_type\":\"bert\",\"architectures\":[\"BertModel\"],\"hidden_size\":320,"
    "\"num_hidden_layers\":1,\"num_attention_heads\":4,\"intermediate_size\":2000,"
    "\"vocab_size\":8,\"max_position_embeddings\":8,\"type_vocab_size\":2}";

typedef struct {
  const char *name;
  int64_t rows, width; /* width 0: of one axis */
} row;

#define LAYER "encoder.layer.0."

enum { UP = 10 };

static const row rows[] = {
    {"embeddings.word_embeddings.weight", 8, H},
    {"embeddings.position_embeddings.weight", 8, H},
    {"embeddings.token_type_embeddings.weight", 2, H},
    {"embeddings.LayerNorm.weight", H, 0},
    {"embeddings.LayerNorm.bias", H, 0},
    {LAYER "attention.self.query.weight", H, H},
    {LAYER "attention.self.query.bias", H, 0},
    {LAYER "attention.self.key.weight", H, H},
    {LAYER "attention.self.key.bias", H, 0},
    {LAYER "attention.self.value.weight", H, H},
    {LAYER "intermediate.dense.weight", F, H},
    {LAYER "attention.self.value.bias", H, 0},
    {LAYER "attention.output.dense.weight", H, H},
    {LAYER "attention.output.dense.bias", H, 0},
    {LAYER "attention.output.LayerNorm.weight", H, 0},
    {LAYER "attention.output.LayerNorm.bias", H, 0},
    {LAYER "intermediate.dense.bias", F, 0},
    {LAYER "output.dense.weight", H, F},
    {LAYER "output.dense.bias", H, 0},
    {LAYER "output.LayerNorm.weight", H, 0},
    {LAYER "output.LayerNorm.bias", H, 0},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static int64_t count_of(const row *r)
{
  return r->rows * (r->width ? r->width : 1);
}

/* Different numbers everywhere, between -1 and 1. */
static void fill(float *x, int64_t n)
{
  uint32_t s = 12345;
  for (int64_t i = 0; i < n; ++i) {
    s = s * 1664525u + 1013904223u;
    x[i] = (float)(int32_t)(s >> 8) * 0x1p-23f - 1.0f;
  }
}

/* The model's folder; in up, elements [bad[i]] are NaN. */
static folder make_model(const int64_t *bad, int nbad)
{
  folder f = open_folder();
  tfm_buf file = {0};
  char header[HEADER] = "{";
  size_t at = 1;
  int64_t floats = 0;
  int64_t up = 0;
  for (int i = 0; i < ROWS; ++i) {
    const row *r = &rows[i];
    char shape[48];
    (void)snprintf(shape, sizeof shape, r->width ? "%lld,%lld" : "%lld", (long long)r->rows,
                   (long long)r->width);
    at += (size_t)snprintf(header + at, sizeof header - at,
                           "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],"
                           "\"data_offsets\":[%lld,%lld]}",
                           i ? "," : "", r->name, shape, (long long)floats * 4,
                           (long long)(floats + count_of(r)) * 4);
    assert_true(at < sizeof header);
    up = i == UP ? floats : up;
    floats += count_of(r);
  }
  (void)snprintf(header + at, sizeof header - at, "}");
  add_safetensors(&file, header, (size_t)floats * sizeof(float));
  float *weights = want_floats(floats);
  fill(weights, floats);
  for (int i = 0; i < nbad; ++i) {
    weights[up + bad[i]] = NAN;
  }
  memcpy(file.data + file.n - (size_t)floats * sizeof *weights, weights,
         (size_t)floats * sizeof *weights);
  put_file(&f, "model.safetensors", file.data, file.n);
  put_text(&f, "config.json", config);
  tfm_free(weights);
  tfm_buf_fini(&file);
  return f;
}

static tfm_slice_options options_for(tfm_engine engine, tfm_par *par)
{
  return (tfm_slice_options){.last = UNITS,
                             .engine = engine,
                             .max_tokens = 8,
                             .max_sequences = 1,
                             .nthread = tfm_par_threads(par),
                             .par = par};
}

static void add_block(void *arg, const void *p, size_t bytes)
{
  assert_int_equal(tfm_buf_append(arg, p, bytes), TFM_OK);
}

/* All blocks of a slice's weights. */
static tfm_buf packed_with(const tfm_model *model, tfm_engine engine, tfm_par *par,
                           tfm_store *store)
{
  tfm_err err = {.status = TFM_OK};
  tfm_slice *slice = NULL;
  tfm_buf all = {0};
  tfm_slice_options options = options_for(engine, par);
  options.store = store;
  want_ok(tfm_slice_open(&slice, model, &options, &err), &err);
  tfm_slice_each_block(slice, add_block, &all);
  tfm_slice_close(slice);
  assert_true(all.n > 0);
  return all;
}

static tfm_buf packed_by(const tfm_model *model, tfm_engine engine, tfm_par *par)
{
  return packed_with(model, engine, par, NULL);
}

static void check_same(const tfm_model *model, tfm_engine engine, const tfm_buf *one,
                       tfm_par *par)
{
  tfm_buf many = packed_by(model, engine, par);
  assert_int_equal(many.n, one->n);
  assert_memory_equal(many.data, one->data, one->n);
  tfm_buf_fini(&many);
}

static void no_thread_changes_what_is_packed(void **state)
{
  (void)state;
  folder f = make_model(NULL, 0);
  tfm_model model = open_model(f.path);
  threads_par threads = make_threads(3);
  backwards_par backwards = make_backwards(4);
  static const tfm_precision precisions[] = {TFM_FLOAT32, TFM_BFLOAT16, TFM_INT8, TFM_BF16X3};
  for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; ++i) {
    const tfm_engine engine = {.backend = TFM_BACKEND_NATIVE, .precision = precisions[i]};
    tfm_buf one = packed_by(&model, engine, NULL);
    check_same(&model, engine, &one, &threads.par);
    check_same(&model, engine, &one, &backwards.par);
    tfm_buf_fini(&one);
  }
  const tfm_engine ref = {.backend = TFM_BACKEND_REF, .precision = TFM_FLOAT32};
  tfm_buf one = packed_by(&model, ref, NULL);
  check_same(&model, ref, &one, &threads.par);
  check_same(&model, ref, &one, &backwards.par);
  tfm_buf_fini(&one);
  tfm_model_fini(&model);
  close_folder(&f);
}

/* Of which a store's file is written in two pieces. */
static void weights_of_several_megabytes_come_back_from_a_cache(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  folder f = make_model(NULL, 0);
  folder cache = open_folder();
  tfm_model model = open_model(f.path);
  tfm_buf heap = packed_by(&model, native_float32, NULL);
  for (int cached = 0; cached <= UNITS; cached += UNITS) {
    const tfm_store_options options = {.folder = cache.path, .digest = "a model", .lent = -1};
    tfm_store *store = NULL;
    want_ok(tfm_store_open(&store, &model, &options, &err), &err);
    tfm_buf kept = packed_with(&model, native_float32, NULL, store);
    assert_int_equal(kept.n, heap.n);
    assert_memory_equal(kept.data, heap.data, heap.n);
    tfm_store_keep(store, 60);
    assert_int_equal(tfm_store_counted(store).cached, cached);
    assert_string_equal(tfm_store_note(store), "");
    tfm_store_close(store);
    tfm_buf_fini(&kept);
  }
  tfm_buf_fini(&heap);
  tfm_model_fini(&model);
  close_folder(&cache);
  close_folder(&f);
}

static tfm_err failure_of(const tfm_model *model, tfm_par *par)
{
  tfm_err err = {.status = TFM_OK};
  tfm_slice *slice = NULL;
  const tfm_slice_options options = options_for(native_float32, par);
  assert_int_equal(tfm_slice_open(&slice, model, &options, &err), TFM_E_FORMAT);
  assert_null(slice);
  return err;
}

static void the_first_bad_weight_is_told_whoever_reads_it(void **state)
{
  (void)state;
  /* In the second of three strips, and in the third. */
  static const int64_t bad[] = {900 * H + 7, 901 * H, 1999 * H + 319};
  folder f = make_model(bad, 3);
  tfm_model model = open_model(f.path);
  threads_par threads = make_threads(3);
  backwards_par backwards = make_backwards(4);
  backwards_par one_backwards = make_backwards(1);
  const tfm_err one = failure_of(&model, NULL);
  assert_non_null(strstr(one.text, "model.safetensors"));
  assert_non_null(strstr(one.text, LAYER "intermediate.dense.weight"));
  assert_non_null(strstr(one.text, "element 288007 is"));
  assert_string_equal(failure_of(&model, &threads.par).text, one.text);
  assert_string_equal(failure_of(&model, &backwards.par).text, one.text);
  assert_string_equal(failure_of(&model, &one_backwards.par).text, one.text);
  tfm_model_fini(&model);
  close_folder(&f);
}

static int64_t passing(const tfm_model *model, int nthread)
{
  tfm_err err = {.status = TFM_OK};
  tfm_slice_need need;
  tfm_slice_options options = options_for(native_float32, NULL);
  options.nthread = nthread;
  want_ok(tfm_slice_measure(&need, model, &options, &err), &err);
  return need.passing;
}

/* The widest strip is of down: 128 outputs of 2000 weights. */
static void a_thread_takes_a_strip(void **state)
{
  (void)state;
  folder f = make_model(NULL, 0);
  tfm_model model = open_model(f.path);
  const int64_t strip = passing(&model, 1);
  assert_in_range(strip, 1 << 19, 5 << 18);
  assert_int_equal(passing(&model, 3), 3 * strip);
  tfm_model_fini(&model);
  close_folder(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_thread_changes_what_is_packed),
      cmocka_unit_test(weights_of_several_megabytes_come_back_from_a_cache),
      cmocka_unit_test(the_first_bad_weight_is_told_whoever_reads_it),
      cmocka_unit_test(a_thread_takes_a_strip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
