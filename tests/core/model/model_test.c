/* Opening a checkpoint: every tensor the family needs is there with the right shape, or is
 * named. Broken models are the tiny fixture with bytes of its header changed in place. */
#include "core/model/model.h"

#include "core/model/cost.h"
#include "core/model/embed.h"
#include "tests/core/model/support.h"
#include "tests/support/check.h"

#include <math.h>

#define TINY MODEL_FIXTURES "tiny/"

/* The fixture in a folder of its own; weights point into *file, released by the caller. */
static folder copy_tiny(tfm_buf *file)
{
  folder f = open_folder();
  tfm_buf config = get_file(TINY "config.json");
  put_file(&f, "config.json", config.data, config.n);
  tfm_buf_fini(&config);
  *file = get_file(TINY "model.safetensors");
  return f;
}

/* Change `from` into `to`, of the same length, at its first place in the header. */
static void edit(tfm_buf *file, const char *from, const char *to)
{
  assert_int_equal(strlen(from), strlen(to));
  char *at = memmem(file->data, file->n, from, strlen(from));
  assert_non_null(at);
  memcpy(at, to, strlen(to));
}

static tfm_status open_copy(const folder *f, const tfm_buf *file, tfm_err *err)
{
  tfm_model model;
  put_file(f, "model.safetensors", file->data, file->n);
  const tfm_status st = tfm_model_open(&model, f->path, err);
  tfm_model_fini(&model);
  return st;
}

/* The fixture holds exactly what a classifier needs, so each of its tensors must be missed. */
static void every_missing_tensor_is_named(void **state)
{
  (void)state;
  tfm_model tiny = open_model("tiny");
  tfm_buf file = {.data = NULL};
  folder f = copy_tiny(&file);
  const int64_t count = tfm_checkpoint_count(tiny.checkpoint);
  assert_int_equal(count, 5 + 3 * 16 + 4);
  for (int64_t i = 0; i < count; ++i) {
    char name[128];
    char other[128];
    tfm_err err = {.status = TFM_OK};
    (void)snprintf(name, sizeof name, "\"%s\"", tfm_checkpoint_at(tiny.checkpoint, i)->name);
    (void)snprintf(other, sizeof other, "%s", name);
    other[strlen(other) - 2] = '_';
    edit(&file, name, other);
    CHECK_FAILS(open_copy(&f, &file, &err), TFM_E_FORMAT, &err,
                tfm_checkpoint_at(tiny.checkpoint, i)->name);
    edit(&file, other, name);
  }
  tfm_buf_fini(&file);
  close_folder(&f);
  tfm_model_fini(&tiny);
}

static void wrong_shapes_are_named_with_want_and_got(void **state)
{
  (void)state;
  static const struct {
    const char *from, *to, *named;
  } rows[] = {
      {"\"shape\":[88,40]", "\"shape\":[40,88]",
       "want shape [88,40] as config.json says, got "
       "[40,88]"},
      {"\"shape\":[57,40]", "\"shape\":[40,57]", "word_embeddings.weight: want shape [57,40]"},
      {"\"shape\":[57,40]", "\"shape\":[2280] ", "got [2280]"},
      {"\"shape\":[3,40]", "\"shape\":[40,3]", "classifier.weight: want shape [3,40]"},
      {"\"shape\":[48,40]", "\"shape\":[60,32]",
       "position_embeddings.weight: want shape [48,40]"},
  };
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_buf file = {.data = NULL};
    folder f = copy_tiny(&file);
    edit(&file, rows[i].from, rows[i].to);
    CHECK_FAILS(open_copy(&f, &file, &err), TFM_E_FORMAT, &err, rows[i].named);
    assert_non_null(strstr(err.text, "model.safetensors"));
    tfm_buf_fini(&file);
    close_folder(&f);
  }
}

static void needed_tensors_must_be_floats(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_buf file = {.data = NULL};
  folder f = copy_tiny(&file);
  edit(&file, "\"bert.pooler.dense.bias\":{\"dtype\":\"F32\"",
       "\"bert.pooler.dense.bias\":{\"dtype\":\"I32\"");
  CHECK_FAILS(open_copy(&f, &file, &err), TFM_E_UNSUPPORTED, &err, "pooler.dense.bias");
  tfm_buf_fini(&file);
  close_folder(&f);
}

static void more_layers_than_tensors_name_the_layer(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model;
  tfm_buf file = {.data = NULL};
  folder f = copy_tiny(&file);
  put_file(&f, "model.safetensors", file.data, file.n);
  tfm_buf config = get_file(TINY "config.json");
  edit(&config, "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");
  put_file(&f, "config.json", config.data, config.n);
  CHECK_FAILS(tfm_model_open(&model, f.path, &err), TFM_E_FORMAT, &err, "encoder.layer.3.");
  tfm_buf_fini(&config);
  tfm_buf_fini(&file);
  close_folder(&f);
}

static void what_is_no_model_folder_is_refused(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model;
  tfm_buf name = {.data = NULL};
  CHECK_FAILS(tfm_model_open(&model, "/nonexistent/model", &err), TFM_E_MISSING, &err,
              "/nonexistent/model");
  CHECK_FAILS(tfm_model_open(&model, TINY "config.json", &err), TFM_E_FORMAT, &err,
              "no folder");
  (void)tfm_buf_printf(&name, "/%05000d", 1);
  CHECK_FAILS(tfm_model_open(&model, tfm_buf_cstr(&name), &err), TFM_E_MISSING, &err, "/000");
  tfm_buf_fini(&name);
}

static void prefixes_are_found(void **state)
{
  (void)state;
  tfm_model tiny = open_model("tiny");
  tfm_model encoder = open_model("encoder");
  assert_string_equal(tiny.prefix, "bert.");
  assert_string_equal(encoder.prefix, "");
  tfm_model_fini(&tiny);
  tfm_model_fini(&encoder);
}

static void digests_follow_configuration_and_weights(void **state)
{
  (void)state;
  char hex[3][TFM_SHA256_HEX];
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model("tiny");
  CHECK_OK(tfm_model_digest(&model, false, hex[0], &err), &err);
  tfm_model_fini(&model);
  tfm_buf file = {.data = NULL};
  folder f = copy_tiny(&file);
  put_file(&f, "model.safetensors", file.data, file.n);
  for (int i = 1; i < 3; ++i) {
    CHECK_OK(tfm_model_open(&model, f.path, &err), &err);
    CHECK_OK(tfm_model_digest(&model, false, hex[i], &err), &err);
    tfm_model_fini(&model);
    tfm_buf config = get_file(TINY "config.json");
    edit(&config, "NEUTRAL", "neutral");
    put_file(&f, "config.json", config.data, config.n);
    tfm_buf_fini(&config);
  }
  assert_string_equal(hex[0], hex[1]); /* where the folder is does not matter */
  assert_string_not_equal(hex[0], hex[2]);
  tfm_buf_fini(&file);
  close_folder(&f);
}

/* The fixture's tensors are what a classifier needs and nothing else: counting them in the file
 * and from the configuration must agree. */
static void counts_from_the_configuration_match_the_file(void **state)
{
  (void)state;
  tfm_model m = open_model("tiny");
  int64_t elements = 0;
  for (int64_t i = 0; i < tfm_checkpoint_count(m.checkpoint); ++i) {
    elements += tfm_checkpoint_at(m.checkpoint, i)->count;
  }
  assert_int_equal(tfm_config_parameters(&m.config), elements);
  int64_t bytes = tfm_cost_embed_bytes(&m.config) + tfm_cost_head_bytes(&m.config, TFM_FLOAT32);
  for (int64_t u = 0; u < 2 * m.config.L; ++u) {
    bytes += tfm_cost_unit_bytes(&m.config, TFM_FLOAT32, u);
  }
  assert_int_equal(bytes, 4 * elements);
  tfm_model_fini(&m);
}

/* By hand for H 40: four HxH products with their biases, of int8 also a scale and a shift for each
 * output (in groups, of which 40 make one, a scale), and a norm. */
static void narrow_weights_are_counted_as_they_lie(void **state)
{
  (void)state;
  tfm_model m = open_model("tiny");
  const int64_t beside = 4 * (4 * 40 + 2 * 40);
  assert_int_equal(tfm_cost_unit_bytes(&m.config, TFM_BFLOAT16, 0), 4 * 1600 * 2 + beside);
  assert_int_equal(tfm_cost_unit_bytes(&m.config, TFM_INT8, 0),
                   4 * 1600 + beside + 4 * (2 * 4 * 40));
  assert_int_equal(tfm_cost_unit_bytes(&m.config, TFM_INT8_GROUPS, 0),
                   4 * 1600 + beside + 4 * (4 * 40));
  tfm_model_fini(&m);
}

/* Linear layers take half or a quarter of the time, scores and their values half; all of it where
 * only weights are int8. */
static void narrow_numbers_cost_less(void **state)
{
  (void)state;
  tfm_model m = open_model("tiny");
  const double linear = 8 * 16 * 1600;
  const double scores = 4 * 16 * 16 * 40;
  assert_true(fabs(tfm_cost_unit(&m.config, TFM_BFLOAT16, 0, 16) - linear / 2 - scores / 2) <
              0.5);
  assert_true(fabs(tfm_cost_unit(&m.config, TFM_INT8, 0, 16) - linear / 4 - scores / 2) < 0.5);
  assert_true(fabs(tfm_cost_unit(&m.config, TFM_INT8_GROUPS, 0, 16) - linear - scores) < 0.5);
  tfm_model_fini(&m);
}

/* By hand for H 40, F 88, C 3, and n tokens: four HxH products and two nxn ones a head. */
static void flops_are_two_per_multiply_add(void **state)
{
  (void)state;
  tfm_model m = open_model("tiny");
  for (int64_t n = 1; n < 50; n += 7) {
    const double d = (double)n;
    assert_true(fabs(tfm_cost_unit(&m.config, TFM_FLOAT32, 0, n) -
                     (8 * d * 1600 + 4 * d * d * 40)) < 0.5);
    assert_true(fabs(tfm_cost_unit(&m.config, TFM_FLOAT32, 5, n) - 4 * d * 40 * 88) < 0.5);
    assert_true(fabs(tfm_cost_head(&m.config, TFM_INT8, n) - 2 * (1600 + 120)) < 0.5);
  }
  m.config.wanted = TFM_WANTED_FIRST; /* of the last layer: k and v of all, the rest of one */
  assert_true(fabs(tfm_cost_unit(&m.config, TFM_FLOAT32, 2, 9) - (72 * 1600 + 324 * 40)) < 0.5);
  assert_true(fabs(tfm_cost_unit(&m.config, TFM_FLOAT32, 4, 9) - (40 * 1600 + 36 * 40)) < 0.5);
  assert_true(fabs(tfm_cost_unit(&m.config, TFM_FLOAT32, 5, 9) - 4 * 40 * 88) < 0.5);
  tfm_model_fini(&m);
}

static void rows_outside_the_tables_are_refused(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model m = open_model("tiny");
  tfm_embed *embed = NULL;
  CHECK_OK(tfm_embed_open(&embed, &m, NULL, &err), &err);
  const tfm_id_limits limits = tfm_embed_limits(embed);
  int32_t ids[49] = {0, 56};
  int32_t types[49] = {0, 1};
  CHECK_OK(tfm_id_check(&limits, ids, types, 48, &err), &err);
  CHECK_FAILS(tfm_id_check(&limits, ids, types, 49, &err), TFM_E_FORMAT, &err, "got 49");
  CHECK_FAILS(tfm_id_check(&limits, ids, types, 0, &err), TFM_E_FORMAT, &err, "got 0");
  ids[2] = 57;
  CHECK_FAILS(tfm_id_check(&limits, ids, types, 3, &err), TFM_E_FORMAT, &err, "id 57");
  ids[2] = -1;
  CHECK_FAILS(tfm_id_check(&limits, ids, types, 3, &err), TFM_E_FORMAT, &err, "id -1");
  ids[2] = 0;
  types[2] = 2;
  CHECK_FAILS(tfm_id_check(&limits, ids, types, 3, &err), TFM_E_FORMAT, &err, "type id 2");
  tfm_embed_close(embed);
  tfm_model_fini(&m);
}

/* What sentence-transformers 6 saves of a cross-encoder: one module, whose head is its own. */
static void a_cross_encoder_is_no_sentence_folder(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {0};
  tfm_sentence s = {0};
  put_text(&f, "modules.json", "[{\"idx\":0,\"path\":\"\",\"type\":\"x.Transformer\"}]");
  CHECK_FAILS(tfm__sentence_read(&s, f.path, &err), TFM_E_FORMAT, &err, "got 1 modules");
  put_text(&f, "config_sentence_transformers.json", "{\"model_type\":\"CrossEncoder\"}");
  CHECK_OK(tfm__sentence_read(&s, f.path, &err), &err);
  assert_false(s.there);
  tfm__sentence_fini(&s);
  close_folder(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_missing_tensor_is_named),
      cmocka_unit_test(wrong_shapes_are_named_with_want_and_got),
      cmocka_unit_test(needed_tensors_must_be_floats),
      cmocka_unit_test(more_layers_than_tensors_name_the_layer),
      cmocka_unit_test(what_is_no_model_folder_is_refused),
      cmocka_unit_test(prefixes_are_found),
      cmocka_unit_test(digests_follow_configuration_and_weights),
      cmocka_unit_test(counts_from_the_configuration_match_the_file),
      cmocka_unit_test(narrow_weights_are_counted_as_they_lie),
      cmocka_unit_test(narrow_numbers_cost_less),
      cmocka_unit_test(flops_are_two_per_multiply_add),
      cmocka_unit_test(rows_outside_the_tables_are_refused),
      cmocka_unit_test(a_cross_encoder_is_no_sentence_folder),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
