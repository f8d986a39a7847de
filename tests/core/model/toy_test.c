/* Adding a family takes one file and one row: the toy family (toy_family.c) runs the weights of the
 * DistilBERT fixture under names of its own, on every cut, to the same bits. */
#include "tests/core/model/support.h"

#include "core/base/mem.h"
#include "core/model/config.h"
#include "tests/core/model/tolerance.h"
#include "tests/support/check.h"

#define DISTILBERT "families/distilbert"

static const char config[] =
    "{\"model_type\":\"toy\",\"architectures\":[\"ToyForSequenceClassification\"],\"width\":24,"
    "\"floors\":2,\"eyes\":2,\"inner_width\":36,\"words\":57,\"seats\":50,\"bend\":\"gelu\","
    "\"id2label\":{\"0\":\"no\",\"1\":\"yes\",\"2\":\"maybe\"}}";

/* What the fixture's header says, and what the toy's does; longer names first. */
static const struct {
  const char *theirs, *ours;
} names[] = {
    {"distilbert.embeddings.word_embeddings.", "body.in.word."},
    {"distilbert.embeddings.position_embeddings.", "body.in.seat."},
    {"distilbert.embeddings.LayerNorm.", "body.in.norm."},
    {"distilbert.transformer.layer.", "body.floor."},
    {".attention.q_lin.", ".ask."},
    {".attention.k_lin.", ".key."},
    {".attention.v_lin.", ".value."},
    {".attention.out_lin.", ".gather."},
    {".sa_layer_norm.", ".gather_norm."},
    {".ffn.lin1.", ".up."},
    {".ffn.lin2.", ".down."},
    {".output_layer_norm.", ".down_norm."},
    {"pre_classifier.", "verdict.bend."},
    {"classifier.", "verdict.say."},
};

static void add_renamed(tfm_buf *out, const char *text, size_t n)
{
  for (size_t at = 0; at < n;) {
    size_t taken = 0;
    for (size_t i = 0; !taken && i < COUNT_OF(names); ++i) {
      const size_t length = strlen(names[i].theirs);
      if (length <= n - at && memcmp(text + at, names[i].theirs, length) == 0) {
        (void)tfm_buf_printf(out, "%s", names[i].ours);
        taken = length;
      }
    }
    if (!taken) {
      (void)tfm_buf_char(out, text[at]);
      taken = 1;
    }
    at += taken;
  }
}

/* The fixture's weights with the toy's names in front. */
static void put_weights(const folder *f)
{
  uint64_t n = 0;
  tfm_buf theirs = get_file(MODEL_FIXTURES DISTILBERT "/model.safetensors");
  tfm_buf header = {.data = NULL};
  tfm_buf ours = {.data = NULL};
  memcpy(&n, theirs.data, sizeof n);
  add_renamed(&header, theirs.data + sizeof n, n);
  while (header.n % 8) {
    (void)tfm_buf_char(&header, ' ');
  }
  add_safetensors(&ours, tfm_buf_cstr(&header), 0);
  assert_int_equal(tfm_buf_append(&ours, theirs.data + sizeof n + n, theirs.n - sizeof n - n),
                   TFM_OK);
  put_file(f, "model.safetensors", ours.data, ours.n);
  tfm_buf_fini(&ours);
  tfm_buf_fini(&header);
  tfm_buf_fini(&theirs);
}

static float *run_whole(const char *path, const golden *g)
{
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model(path);
  tfm_whole *whole = NULL;
  const tfm_ids ids = golden_ids(g);
  float *logits = want_floats(g->B * g->C);
  want_ok(tfm_whole_open(&whole, &model, native_float32, g->T, g->B, &err), &err);
  assert_int_equal(tfm_whole_width(whole), g->C);
  tfm_whole_run(whole, &ids, logits, NULL, NULL);
  tfm_whole_close(whole);
  tfm_model_fini(&model);
  return logits;
}

static void one_file_and_one_row_make_a_family(void **state)
{
  (void)state;
  folder f = open_folder();
  put_text(&f, "config.json", config);
  put_weights(&f);
  golden g = open_golden(DISTILBERT);
  float *toy = run_whole(f.path, &g);
  float *known = run_whole(DISTILBERT, &g);
  check_bits("logits", toy, known, g.B * g.C);
  check_near("logits", toy, g.logits, g.B * g.C, TOL_MODEL);
  tfm_free(toy);
  tfm_free(known);
  close_golden(&g);
  close_folder(&f);
}

static void its_switches_are_refused_by_name(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_config c;
  tfm_buf text = {.data = NULL};
  folder f = open_folder();
  (void)tfm_buf_printf(&text, "{\"looks_back_only\":true,%s", config + 1);
  put_text(&f, "config.json", tfm_buf_cstr(&text));
  CHECK_FAILS(tfm_config_read(&c, f.path, &err), TFM_E_UNSUPPORTED, &err, "looks_back_only");
  tfm_buf_fini(&text);
  close_folder(&f);
}

/* And the list of what is known has it, so that an unknown type's message names it. */
static void it_is_in_the_list(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_config c;
  folder f = open_folder();
  put_text(&f, "config.json", "{\"model_type\":\"none-such\"}");
  CHECK_FAILS(tfm_config_read(&c, f.path, &err), TFM_E_UNSUPPORTED, &err, "toy");
  close_folder(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_file_and_one_row_make_a_family),
      cmocka_unit_test(its_switches_are_refused_by_name),
      cmocka_unit_test(it_is_in_the_list),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
