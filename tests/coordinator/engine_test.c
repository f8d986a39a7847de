/* Which engine a job takes: by rule from options, instruction set and weights. */
#include "coordinator/engine.h"

#include "core/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
  const char *backend, *dtype, *mode;
  tfm_isa isa;
  const char *numeric_id; /* NULL: refused */
  const char *shown;      /* the mode, or a word of the message */
  const char *int8;       /* the mode of int8; NULL: auto */
} rule;

static const char *wire = "float32"; /* --wire-dtype */

static tfm_status choose(const rule *r, tfm_model *model, tfm_job *job, tfm_err *err)
{
  static tfm_options options;
  options = (tfm_options){.backend = r->backend,
                          .dtype = r->dtype,
                          .float32_mode = r->mode,
                          .int8_mode = r->int8 ? r->int8 : "auto",
                          .kv_dtype = "float32",
                          .wire_dtype = wire,
                          .isa = "auto"};
  *job = (tfm_job){.options = &options, .model = *model};
  return tfm_engine_choose(job, r->isa, err);
}

static void the_engine_follows_by_rule(void **state)
{
  tfm_model *model = *state;
  static const rule rules[] = {
      {"auto", "auto", "auto", TFM_ISA_AVX512, "c1-native-float32-k192", "exact", NULL},
      {"auto", "auto", "auto", TFM_ISA_AMX, "c1-native-bf16x3-k32", "bf16x3", NULL},
      {"auto", "float32", "exact", TFM_ISA_AMX, "c1-native-float32-k192", "exact", NULL},
      {"auto", "float32", "bf16x3", TFM_ISA_AVX2, "c1-native-bf16x3-k32", "bf16x3", NULL},
      {"native", "auto", "bf16x2", TFM_ISA_AMX, "c1-native-bf16x2-k32", "bf16x2", NULL},
      {"ref", "auto", "auto", TFM_ISA_AMX, "c1-native-bf16x3-k32", "bf16x3", NULL},
      {"ref", "auto", "bf16x3", TFM_ISA_AMX, "c1-native-bf16x3-k32", "bf16x3", NULL},
      {"auto", "bfloat16", "auto", TFM_ISA_AVX512, "c2-native-bfloat16-k192", "", NULL},
      {"auto", "bfloat16", "auto", TFM_ISA_AMX, "c2-native-bfloat16-amx-k32", "", NULL},
      {"ref", "bfloat16", "auto", TFM_ISA_AMX, "c2-native-bfloat16-amx-k32", "", NULL},
      {"auto", "int8", "auto", TFM_ISA_AMX, "c2-native-int8-k192", "", NULL},
      {"openblas", "int8", "auto", TFM_ISA_AVX2, NULL, "openblas", NULL},
      {"openblas", "auto", "bf16x3", TFM_ISA_AVX2, NULL, "--backend openblas", NULL},
      {"auto", "int8", "bf16x3", TFM_ISA_AVX2, NULL, "leave one out", NULL},
      {"mkl", "auto", "auto", TFM_ISA_AVX2, NULL, "mkl", NULL},
  };
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; ++i) {
    tfm_job job;
    tfm_err err = {0};
    const tfm_status st = choose(&rules[i], model, &job, &err);
    if (rules[i].numeric_id) {
      assert_int_equal(st, TFM_OK);
      assert_string_equal(job.numeric_id, rules[i].numeric_id);
      assert_string_equal(tfm_engine_mode(&job.engine), rules[i].shown);
    } else {
      assert_int_equal(st, TFM_E_USAGE);
      assert_non_null(strstr(err.text, rules[i].shown));
    }
  }
}

/* A decoder reads its weights for a token or a few: pieces, half as large again, are slower. */
static void decoders_stay_exact(void **state)
{
  static const rule amx = {"auto", "auto", "auto", TFM_ISA_AMX, NULL, NULL, NULL};
  tfm_model model = *(const tfm_model *)*state;
  tfm_job job;
  tfm_err err = {0};
  model.config.causal = true;
  assert_int_equal(choose(&amx, &model, &job, &err), TFM_OK);
  assert_string_equal(job.numeric_id, "c1-native-float32-k192");
}

/* dynamic unless groups are asked for; those are native's alone, which ref defines. */
static void int8_has_two_modes(void **state)
{
  tfm_model *model = *state;
  static const rule rules[] = {
      {"auto", "int8", "auto", TFM_ISA_AVX512, "c2-native-int8-k192", "dynamic", "auto"},
      {"auto", "int8", "auto", TFM_ISA_AVX512, "c2-native-int8-k192", "dynamic", "dynamic"},
      {"auto", "int8", "auto", TFM_ISA_AMX, "c1-native-int8-g64-k192", "groups", "groups"},
      {"ref", "int8", "auto", TFM_ISA_AVX2, "c1-native-int8-g64-k192", "groups", "groups"},
      {"auto", "float32", "auto", TFM_ISA_AVX2, "c1-native-float32-k192", "", "auto"},
      {"auto", "auto", "auto", TFM_ISA_AVX2, NULL, "add --dtype int8", "groups"},
      {"auto", "bfloat16", "auto", TFM_ISA_AVX2, NULL, "not bfloat16", "dynamic"},
      {"onednn", "int8", "auto", TFM_ISA_AVX2, NULL, "--backend onednn", "groups"},
      {"auto", "int8", "exact", TFM_ISA_AVX2, NULL, "leave one out", "groups"},
  };
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; ++i) {
    tfm_job job;
    tfm_err err = {0};
    const tfm_status st = choose(&rules[i], model, &job, &err);
    if (rules[i].numeric_id) {
      assert_int_equal(st, TFM_OK);
      assert_string_equal(job.numeric_id, rules[i].numeric_id);
      assert_string_equal(tfm_engine_int8_mode(&job.engine), rules[i].shown);
    } else {
      assert_int_equal(st, TFM_E_USAGE);
      assert_non_null(strstr(err.text, rules[i].shown));
    }
  }
}

/* What is rounded on the wire is part of every engine's name. */
static void the_wire_is_named(void **state)
{
  tfm_model *model = *state;
  static const rule plain = {"auto", "auto", "auto", TFM_ISA_AVX2, NULL, NULL, NULL};
  static const rule int8 = {"auto", "int8", "auto", TFM_ISA_AVX2, NULL, NULL, NULL};
  tfm_job job;
  tfm_err err = {0};
  wire = "bfloat16";
  assert_int_equal(choose(&plain, model, &job, &err), TFM_OK);
  assert_string_equal(job.numeric_id, "c1-native-float32-k192-wire-bfloat16");
  assert_int_equal(tfm_engine_wire_bytes(&job.engine), 2);
  assert_int_equal(choose(&int8, model, &job, &err), TFM_OK);
  assert_string_equal(job.numeric_id, "c2-native-int8-k192-wire-bfloat16");
  wire = "float32";
  assert_int_equal(choose(&plain, model, &job, &err), TFM_OK);
  assert_string_equal(job.numeric_id, "c1-native-float32-k192");
  assert_int_equal(tfm_engine_wire_bytes(&job.engine), 4);
}

/* Libraries have numbers of their own. */
static void libraries_are_named(void **state)
{
  tfm_model *model = *state;
  static const rule openblas = {"openblas", "auto", "auto", TFM_ISA_AMX, NULL, NULL, NULL};
  static const rule onednn = {"onednn", "bfloat16", "auto", TFM_ISA_AMX, NULL, NULL, NULL};
  tfm_job job;
  tfm_err err = {0};
  assert_int_equal(choose(&openblas, model, &job, &err), TFM_OK);
  assert_non_null(strstr(job.numeric_id, "c1-openblas-"));
  assert_non_null(strstr(job.numeric_id, "-float32-"));
  if (choose(&onednn, model, &job, &err) == TFM_OK) {
    assert_non_null(strstr(job.numeric_id, "c2-onednn-2."));
    assert_non_null(strstr(job.numeric_id, "-bfloat16-"));
  } else {
    assert_non_null(strstr(err.text, "onednn"));
  }
}

static int open_fixture(void **state)
{
  static tfm_model model;
  tfm_err err = {0};
  *state = &model;
  return tfm_model_open(&model, TFM_FIXTURES "/model/encoder", &err) == TFM_OK ? 0 : -1;
}

static int close_fixture(void **state)
{
  tfm_model_fini(*state);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_engine_follows_by_rule), cmocka_unit_test(decoders_stay_exact),
      cmocka_unit_test(int8_has_two_modes),         cmocka_unit_test(the_wire_is_named),
      cmocka_unit_test(libraries_are_named),
  };
  return cmocka_run_group_tests(tests, open_fixture, close_fixture);
}
