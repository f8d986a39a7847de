/* What families read of config.json beyond what all have: their switches, old spellings, and what
 * is refused by name before a weight is looked at. */
#include "core/model/config.h"

#include "tests/core/model/support.h"
#include "tests/support/check.h"

#define SHAPE                                                                                  \
  "\"hidden_size\":48,\"num_hidden_layers\":4,\"num_attention_heads\":4,"                      \
  "\"intermediate_size\":96,\"vocab_size\":100,\"max_position_embeddings\":64"

static const char mpnet[] = "\"model_type\":\"mpnet\"," SHAPE;
static const char nomic[] = "\"model_type\":\"nomic_bert\",\"type_vocab_size\":2," SHAPE;

/* The family's good members, and more of them. */
static tfm_status read_family(const char *family, const char *more, tfm_config *config,
                              tfm_err *err)
{
  tfm_buf text = {.data = NULL};
  folder f = open_folder();
  (void)tfm_buf_printf(&text, "{%s%s%s}", family, more[0] ? "," : "", more);
  put_text(&f, "config.json", tfm_buf_cstr(&text));
  const tfm_status st = tfm_config_read(config, f.path, err);
  tfm_buf_fini(&text);
  close_folder(&f);
  return st;
}

static tfm_config want_config(const char *family, const char *more)
{
  tfm_err err = {.status = TFM_OK};
  tfm_config c;
  CHECK_OK(read_family(family, more, &c, &err), &err);
  return c;
}

static const struct {
  const char *family, *more;
  tfm_status st;
  const char *named;
} refused[] = {
    {mpnet, "\"relative_attention_num_buckets\":31", TFM_E_FORMAT,
     "num_buckets: want at least"},
    {mpnet, "\"relative_attention_num_buckets\":0", TFM_E_FORMAT, "relative_attention_num"},
    {mpnet, "\"is_decoder\":true", TFM_E_UNSUPPORTED, "is_decoder"},
    {nomic, "\"rope_parameters\":{\"rope_type\":\"yarn\"}", TFM_E_UNSUPPORTED, "\"yarn\""},
    {nomic, "\"rope_parameters\":{\"type\":\"linear\"}", TFM_E_UNSUPPORTED, "\"linear\""},
    {nomic, "\"rope_parameters\":[]", TFM_E_FORMAT, "rope_parameters: want an object"},
    {nomic, "\"rope_parameters\":{\"rope_theta\":0.5}", TFM_E_FORMAT, "rope_theta"},
    {nomic, "\"rope_parameters\":{\"partial_rotary_factor\":0.5}", TFM_E_UNSUPPORTED, "0.5"},
    {nomic, "\"rope_scaling\":{\"type\":\"linear\"}", TFM_E_UNSUPPORTED, "rope_scaling"},
    {nomic, "\"head_dim\":16", TFM_E_UNSUPPORTED, "head_dim: 16"},
    {nomic, "\"hidden_act\":null", TFM_E_FORMAT, "hidden_act"},
    {nomic, "\"activation_function\":\"gelu\"", TFM_E_UNSUPPORTED,
     "activation_function: \"gelu\""},
    {nomic, "\"prenorm\":true", TFM_E_UNSUPPORTED, "prenorm"},
    {nomic, "\"qkv_proj_bias\":true", TFM_E_UNSUPPORTED, "qkv_proj_bias"},
    {nomic, "\"rotary_emb_fraction\":0.5", TFM_E_UNSUPPORTED, "rotary_emb_fraction: 0.5"},
    {nomic, "\"moe_every_n_layers\":2", TFM_E_UNSUPPORTED, "moe_every_n_layers: 2"},
    {nomic, "\"rotary_scaling_factor\":2", TFM_E_UNSUPPORTED, "rotary_scaling_factor"},
};

static void switches_that_are_not_supported_are_refused_by_name(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(refused); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_config c;
    CHECK_FAILS(read_family(refused[i].family, refused[i].more, &c, &err), refused[i].st, &err,
                refused[i].named);
  }
}

/* The reference looks at id 1 and the first 32 buckets whatever the configuration says. */
static void mpnet_counts_around_id_one(void **state)
{
  (void)state;
  tfm_config c = want_config(mpnet, "\"pad_token_id\":7,\"relative_attention_num_buckets\":40");
  assert_true(c.pad_id == 1 && c.position_offset == 2 && c.skip_pad && c.max_length == 62);
  assert_true(c.relative == 40 && c.buckets == 32 && c.types == 0);
  tfm_config_fini(&c);
}

static void nomic_reads_new_and_old_spellings(void **state)
{
  (void)state;
  tfm_config c = want_config(nomic, "");
  assert_true(c.rope == 1000.0 && c.act == TFM_ACT_SILU && c.max_length == 64);
  tfm_config_fini(&c);
  c = want_config(nomic, "\"rope_parameters\":{\"rope_theta\":9000,\"rope_type\":\"default\"}");
  assert_true(c.rope == 9000.0);
  tfm_config_fini(&c);
  c = want_config("\"model_type\":\"nomic_bert\",\"n_embd\":24,\"n_layer\":3,\"n_head\":2,"
                  "\"n_inner\":36,\"vocab_size\":57,\"n_positions\":80,\"type_vocab_size\":2",
                  "\"layer_norm_epsilon\":1e-5,\"activation_function\":\"geglu\","
                  "\"rotary_emb_base\":500,\"rotary_scaling_factor\":null,\"prenorm\":false");
  assert_true(c.H == 24 && c.L == 3 && c.N == 2 && c.F == 36 && c.max_length == 80);
  assert_true(c.rope == 500.0 && c.act == TFM_ACT_GELU && c.norm_eps == 1e-5f);
  tfm_config_fini(&c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(switches_that_are_not_supported_are_refused_by_name),
      cmocka_unit_test(mpnet_counts_around_id_one),
      cmocka_unit_test(nomic_reads_new_and_old_spellings),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
