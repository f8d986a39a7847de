/* Scales of int8's inputs: what is noted of a run, the file it becomes, what of such a file is
 * refused, and what layers make of it. */
#include "core/model/smooth_private.h"
#include "tests/core/model/support.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const tfm_engine int8 = {.backend = TFM_BACKEND_NATIVE, .precision = TFM_INT8};

/* ---- noting and writing ---- */

/* A golden's sequences, `step` of them in a batch. */
static void run_some(tfm_whole *whole, const golden *all, int first, int n)
{
  int order[16];
  for (int i = 0; i < n; ++i) {
    order[i] = first + i;
  }
  golden g = pick_sequences(all, order, n);
  const tfm_ids ids = golden_ids(&g);
  tfm_whole_run(whole, &ids, NULL, NULL, NULL);
  close_golden(&g);
}

static tfm_buf note(const tfm_model *model, const golden *g, int step)
{
  tfm_err err = {.status = TFM_OK};
  tfm_whole *whole = NULL;
  tfm_smooth *seen = NULL;
  tfm_buf text = {.data = NULL};
  want_ok(tfm_whole_open(&whole, model, native_float32, g->T, g->B, &err), &err);
  want_ok(tfm_smooth_watch(&seen, whole, model, &err), &err);
  for (int b = 0; b < (int)g->B; b += step) {
    run_some(whole, g, b, (int)g->B - b < step ? (int)g->B - b : step);
  }
  want_ok(tfm_smooth_write(seen, model, g->B, &text, &err), &err);
  tfm_whole_close(whole);
  tfm_smooth_close(seen);
  return text;
}

/* However rows are grouped, and for every family: the same file, which is read back whole. */
static void check_file_of(const char *name, const folder *f)
{
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model(name);
  golden g = open_golden(name);
  tfm_buf text = note(&model, &g, (int)g.B);
  tfm_buf again = note(&model, &g, 1);
  char path[128];
  tfm_smooth *read = NULL;
  assert_int_equal(text.n, again.n);
  assert_memory_equal(text.data, again.data, text.n);
  put_file(f, "scales.json", text.data, text.n);
  (void)snprintf(path, sizeof path, "%s/scales.json", f->path);
  want_ok(tfm_smooth_open(&read, &model, path, &err), &err);
  assert_int_equal(strlen(read->id), 64);
  assert_true(read->nlayer > 0);
  for (int64_t i = 0; i < read->nlayer; ++i) {
    float top = 0.0f;
    for (int64_t k = 0; k < read->layers[i].width; ++k) {
      top = fmaxf(top, read->layers[i].reach[k]);
    }
    if (!(top > 0.0f)) {
      fail_msg("%s: layer %s was never run", name, read->layers[i].name);
    }
  }
  /* Its layers are all that int8 has, or a slice could not be opened. */
  tfm_engine engine = int8;
  engine.smooth = read;
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &model, engine, g.T, g.B, &err), &err);
  tfm_whole_close(whole);
  tfm_smooth_close(read);
  tfm_buf_fini(&text);
  tfm_buf_fini(&again);
  close_golden(&g);
  tfm_model_fini(&model);
}

static void every_family_is_noted_and_read_back(void **state)
{
  (void)state;
  folder f = open_folder();
  check_file_of("tiny", &f);
  for (int i = 0; family_models[i]; ++i) {
    check_file_of(family_models[i], &f);
  }
  for (int i = 0; decoder_models[i]; ++i) {
    check_file_of(decoder_models[i], &f);
  }
  close_folder(&f);
}

/* ---- scales ---- */

static void check_scales(const tfm_model *model, float *reach, const float *column,
                         const float *want, int64_t n)
{
  tfm_err err = {.status = TFM_OK};
  tfm_smooth_layer layer = {.name = (char[]){"0.ffn.in"}, .width = n, .reach = reach};
  tfm_smooth smooth = {.id = "test", .layers = &layer, .nlayer = 1};
  const tfm__loader loader = {.model = model, .engine = {.smooth = &smooth}};
  float scale[16];
  want_ok(tfm__smooth_scales(&loader, TFM__PLACE_FFN_IN, 0, column, n, scale, &err), &err);
  check_bits("scales", scale, want, n);
  assert_int_equal(tfm__smooth_scales(&loader, TFM__PLACE_FFN_OUT, 0, column, n, scale, &err),
                   TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "0.ffn.out"));
}

static void a_scale_is_the_nearest_power_of_two(void **state)
{
  (void)state;
  tfm_model model = open_model("tiny");
  float even[] = {1, 1, 1, 1, 1, 1, 1, 1};
  /* Parts of 16: 1, 1/2 (the root, 0.707, is as near to 1 as to 1/2 by ratio), below, 1/4 ... */
  float reach[] = {16.0f, 8.0f, 7.99f, 4.0f, 2.0f, 1.0f, 0.25f, 0.0f};
  const float want[] = {1.0f, 1.0f, 0.5f, 0.5f, 0.5f, 0.25f, 0.125f, 0x1p-5f};
  check_scales(&model, reach, even, want, 8);
  float column[] = {8.0f, 2.0f, 0.5f, 0.0f};
  const float other[] = {1.0f, 2.0f, 4.0f, 0x1p10f};
  check_scales(&model, even, column, other, 4);
  float nothing[] = {0.0f, 0.0f};
  const float ones[] = {1.0f, 1.0f};
  check_scales(&model, nothing, even, ones, 2);
  check_scales(&model, even, nothing, ones, 2);
  tfm_model_fini(&model);
}

/* ---- what is refused ---- */

typedef struct {
  tfm_model model;
  folder f;
  char path[128];
  char digest[TFM_SHA256_HEX];
} bad_files;

static bad_files open_bad(void)
{
  tfm_err err = {.status = TFM_OK};
  bad_files b = {.model = open_model("tiny"), .f = open_folder()};
  want_ok(tfm_model_digest(&b.model, false, b.digest, &err), &err);
  (void)snprintf(b.path, sizeof b.path, "%s/scales.json", b.f.path);
  return b;
}

static void close_bad(bad_files *b)
{
  close_folder(&b->f);
  tfm_model_fini(&b->model);
}

static void refuse(const bad_files *b, const char *text, size_t n, const char *word)
{
  tfm_err err = {.status = TFM_OK};
  tfm_smooth *smooth = NULL;
  put_file(&b->f, "scales.json", text, n);
  const tfm_status st = tfm_smooth_open(&smooth, &b->model, b->path, &err);
  if (st != TFM_E_FORMAT || !strstr(err.text, word) || !strstr(err.text, "scales.json")) {
    fail_msg("\"%.300s\": want %s in a refusal, got %d: %s", text, word, (int)st, err.text);
  }
  assert_null(smooth);
}

/* Members as a file has them, with the digest in place of "@". */
static void refuse_text(const bad_files *b, const char *text, const char *word)
{
  tfm_buf whole = {.data = NULL};
  for (const char *p = text; *p; ++p) {
    (void)(*p == '@' ? tfm_buf_str(&whole, b->digest) : tfm_buf_char(&whole, *p));
  }
  refuse(b, tfm_buf_cstr(&whole), whole.n, word);
  tfm_buf_fini(&whole);
}

#define HEAD "{\"format\":\"tfm-cluster int8 scales\",\"version\":1,\"model\":\"@\",\"rows\":3,"
#define ONE  "{\"layer\":\"0.ffn.in\",\"reach\":[1,2]}"

static void broken_files_are_refused_by_name(void **state)
{
  (void)state;
  static const struct {
    const char *text, *word;
  } bad[] = {
      {"", "scales.json"},
      {"[]", "object"},
      {"{}", "missing"},
      {"null", "object"},
      {HEAD "\"layers\":[]}", "0.attention.in"},
      {HEAD "\"layers\":[" ONE "]}", "0.attention.in"},
      {HEAD "\"layers\":[" ONE "," ONE "]}", "came before"},
      {HEAD "\"layers\":[{\"layer\":\"0.attention.in\",\"reach\":[1,2]}]}", "inputs"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[]}]}", "one input"},
      {HEAD "\"layers\":[{\"layer\":\"\",\"reach\":[1]}]}", "name of a layer"},
      {HEAD "\"layers\":[{\"layer\":\"a\\u0000\",\"reach\":[1]}]}", "name of a layer"},
      {HEAD "\"layers\":[{\"layer\":\"0123456789012345678901234567890123456789012345678\","
            "\"reach\":[1]}]}",
       "name of a layer"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"layer\":\"b\",\"reach\":[1]}]}", "twice"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[1],\"reach\":[1]}]}", "twice"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[1],\"more\":1}]}", "nothing else"},
      {HEAD "\"layers\":[{\"reach\":[1]}]}", "wants a name"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[-1]}]}", "magnitude"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[1e39]}]}", "magnitude"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[1e999]}]}", "$.layers[0].reach[0]"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[NaN]}]}", "$.layers[0].reach[0]"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":[null]}]}", "$.layers[0].reach[0]"},
      {HEAD "\"layers\":[{\"layer\":\"a\",\"reach\":\"1\"}]}", "array"},
      {HEAD "\"layers\":[7]}", "object"},
      {HEAD "\"layers\":{}}", "array"},
      {HEAD "\"layers\":[],\"layers\":[]}", "twice"},
      {HEAD "\"rows\":4,\"layers\":[]}", "twice"},
      {HEAD "\"layers\":[]} x", "scales.json"},
      {"{\"format\":\"tfm-cluster int8 scales\",\"version\":2,\"model\":\"@\",\"rows\":3,"
       "\"layers\":[]}",
       "$.version"},
      {"{\"format\":\"other\",\"version\":1,\"model\":\"@\",\"rows\":3,\"layers\":[]}",
       "verify --calibrate"},
      {"{\"format\":\"tfm-cluster int8 scales\",\"version\":1,\"model\":\"12\",\"rows\":3,"
       "\"layers\":[]}",
       "digest"},
      {"{\"format\":\"tfm-cluster int8 scales\",\"version\":1,\"model\":\"@\",\"rows\":0,"
       "\"layers\":[]}",
       "$.rows"},
      {"{\"format\":\"tfm-cluster int8 scales\",\"version\":1,\"model\":\""
       "0000000000000000000000000000000000000000000000000000000000000000\",\"rows\":3,"
       "\"layers\":[]}",
       "another model"},
  };
  bad_files b = open_bad();
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    refuse_text(&b, bad[i].text, bad[i].word);
  }
  close_bad(&b);
}

/* Every beginning of a good file, and the file with a byte changed here and there. */
static void cut_and_spoilt_files_do_not_crash(void **state)
{
  (void)state;
  bad_files b = open_bad();
  golden g = open_golden("tiny");
  tfm_buf text = note(&b.model, &g, (int)g.B);
  for (size_t n = 0; n + 2 < text.n; n += n < 400 ? 1 : 997) {
    refuse(&b, text.data, n, "scales.json");
  }
  for (size_t i = 0; i < text.n; i += 101) {
    tfm_err err = {.status = TFM_OK};
    tfm_smooth *smooth = NULL;
    const char was = text.data[i];
    text.data[i] = (char)(was ^ (1 << (i % 7)));
    put_file(&b.f, "scales.json", text.data, text.n);
    const tfm_status st = tfm_smooth_open(&smooth, &b.model, b.path, &err);
    assert_true(st == TFM_E_FORMAT || (st == TFM_OK && smooth));
    tfm_smooth_close(smooth);
    text.data[i] = was;
  }
  tfm_buf_fini(&text);
  close_golden(&g);
  close_bad(&b);
}

static void what_is_no_file_is_named(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_smooth *smooth = NULL;
  bad_files b = open_bad();
  assert_int_equal(tfm_smooth_open(&smooth, &b.model, b.path, &err), TFM_E_MISSING);
  assert_int_equal(tfm_smooth_open(&smooth, &b.model, b.f.path, &err), TFM_E_FORMAT);
  assert_null(smooth);
  close_bad(&b);
}

/* An input that overflowed has no reach. */
static void what_is_not_finite_is_not_written(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model("tiny");
  float reach[] = {1.0f, INFINITY};
  tfm_smooth_layer layer = {.name = (char[]){"0.ffn.out"}, .width = 2, .reach = reach};
  const tfm_smooth seen = {.layers = &layer, .nlayer = 1};
  tfm_buf text = {.data = NULL};
  assert_int_equal(tfm_smooth_write(&seen, &model, 1, &text, &err), TFM_E_CONFIG);
  assert_non_null(strstr(err.text, "0.ffn.out: input 1"));
  tfm_buf_fini(&text);
  tfm_model_fini(&model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_family_is_noted_and_read_back),
      cmocka_unit_test(a_scale_is_the_nearest_power_of_two),
      cmocka_unit_test(broken_files_are_refused_by_name),
      cmocka_unit_test(cut_and_spoilt_files_do_not_crash),
      cmocka_unit_test(what_is_no_file_is_named),
      cmocka_unit_test(what_is_not_finite_is_not_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
