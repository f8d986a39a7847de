/* config.json, for the model's own task and for every other. What is read can be counted: no size
 * of it overflows. */
#include "core/model/config.h"

#include "core/model/arch/registry.h"
#include "core/model/cost.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"

static void count(const tfm_config *c)
{
  FUZZ_WANT(c->arch && c->model_type && c->architecture);
  FUZZ_WANT(c->L > 0 && c->H > 0 && c->N > 0 && c->D > 0 && c->G > 0 && c->V > 0 && c->E > 0);
  FUZZ_WANT(c->N % c->G == 0 && c->turned <= c->D && c->max_length > 0);
  FUZZ_WANT(c->nlabel >= 0 && c->pad_id >= -1 && c->pad_id < c->V);
  for (int64_t i = 0; i < c->nlabel; ++i) {
    FUZZ_WANT(c->labels[i]);
  }
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    if (tfm__module_name(c, (tfm__module)m)) {
      tfm__module_shape shape = tfm__module_shape_of(c, (tfm__module)m);
      FUZZ_WANT(shape.rows > 0 && shape.width > 0);
      FUZZ_WANT(shape.rows <= INT64_MAX / 8 / shape.width);
    }
  }
  FUZZ_WANT(tfm_cost_embed_bytes(c) > 0 && tfm_cost_head_bytes(c, TFM_INT8) >= 0);
  FUZZ_WANT(tfm_cost_unit_bytes(c, TFM_FLOAT32, 1) > 0);
  FUZZ_WANT(tfm_cost_page_bytes(c, TFM_INT8, 0, 2 * c->L) >= 0);
  FUZZ_WANT(tfm_cost_unit(c, TFM_FLOAT32, 1, c->max_length) > 0);
  FUZZ_WANT(c->L > 64 || tfm_config_parameters(c) > 0); /* it walks the layers */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  if (n == 0) {
    return 0;
  }
  fuzz_put_file("config.json", (tfm_span){(const char *)data, n});
  for (int task = 0; task < TFM_TASK_COUNT; ++task) {
    tfm_err err = {0};
    tfm_config config;
    tfm_status st = tfm_config_read_for(&config, fuzz_folder(), (tfm_task)task, &err);
    if (st == TFM_OK) {
      count(&config);
    } else {
      FUZZ_WANT(st == TFM_E_FORMAT || st == TFM_E_UNSUPPORTED);
      FUZZ_WANT(strncmp(err.text, "config.json: ", 13) == 0);
    }
    tfm_config_fini(&config);
  }
  return 0;
}
