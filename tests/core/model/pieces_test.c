/* The check of --float32-mode auto. */
#include "core/model/pieces.h"

#include "core/base/buf.h"
#include "tests/core/model/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void largest_weights_tell(void **state)
{
  (void)state;
  static const float fit[] = {0.0f, 0x1p-80f, 1e-3f, 1.0f, 0x1p100f};
  static const float unfit[] = {0x1p-81f, 0x1p-130f, 0x1p101f, INFINITY, NAN};
  for (size_t i = 0; i < sizeof fit / sizeof fit[0]; ++i) {
    assert_true(tfm_pieces_hold(fit[i]));
  }
  for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; ++i) {
    assert_false(tfm_pieces_hold(unfit[i]));
  }
}

static bool holds(const tfm_model *model)
{
  tfm_err err = {0};
  bool hold = false;
  want_ok(tfm_pieces_hold_model(model, &hold, &err), &err);
  return hold;
}

static void trained_weights_fit(void **state)
{
  (void)state;
  tfm_model model = open_model("encoder");
  assert_true(holds(&model));
  tfm_model_fini(&model);
}

/* A safetensors file of one matrix [2,2]. */
static tfm_checkpoint *checkpoint_of(const char *name, const float weight[4])
{
  char made[] = "/tmp/tfm_pieces_XXXXXX";
  char path[64];
  char header[128];
  tfm_err err = {0};
  tfm_checkpoint *checkpoint = NULL;
  assert_non_null(mkdtemp(made));
  (void)snprintf(path, sizeof path, "%s/model.safetensors", made);
  (void)snprintf(header, sizeof header,
                 "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", name);
  const uint64_t bytes = strlen(header);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(&bytes, sizeof bytes, 1, file), 1);
  assert_int_equal(fwrite(header, 1, bytes, file), bytes);
  assert_int_equal(fwrite(weight, sizeof(float), 4, file), 4);
  assert_int_equal(fclose(file), 0);
  want_ok(tfm_checkpoint_open(&checkpoint, made, &err), &err);
  (void)unlink(path);
  (void)rmdir(made);
  return checkpoint;
}

/* One weight is enough; an embedding of the vocabulary may hold anything. */
static void one_weight_is_enough(void **state)
{
  (void)state;
  const float good[4] = {1.0f, -0.5f, 0x1p-120f, 0.0f};
  const float large[4] = {1.0f, -0x1p120f, 0.1f, 0.0f};
  const float small[4] = {0x1p-120f, -0x1p-90f, 0.0f, 0.0f};
  const struct {
    const float *weight;
    int64_t V;
    bool hold;
  } cases[] = {{good, 9, true}, {large, 9, false}, {small, 9, false}, {large, 2, true}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    tfm_model model = {.config.V = cases[i].V,
                       .checkpoint = checkpoint_of("w", cases[i].weight)};
    assert_int_equal(holds(&model), cases[i].hold);
    tfm_checkpoint_close(model.checkpoint);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(largest_weights_tell),
      cmocka_unit_test(trained_weights_fit),
      cmocka_unit_test(one_weight_is_enough),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
