/* What families read of config.json beyond what all have: their switches, old spellings, and what
 * is refused by name before a weight is looked at. */
#include "core/model/config.h"
#include "core/model/cost.h"

#include "tests/core/model/support.h"
#include "tests/support/check.h"

#define SHAPE                                                                                  \
  "\"hidden_size\":48,\"num_hidden_layers\":4,\"num_attention_heads\":4,"                      \
  "\"intermediate_size\":96,\"vocab_size\":100,\"max_position_embeddings\":64"

static const char mpnet[] = "\"model_type\":\"mpnet\"," SHAPE;
static const char nomic[] = "\"model_type\":\"nomic_bert\",\"type_vocab_size\":2," SHAPE;

static const char modern[] = "\"model_type\":\"modernbert\"," SHAPE;

static const char deberta[] = "\"model_type\":\"deberta-v2\"," SHAPE;
#define RELATIVE "\"relative_attention\":true,\"pos_att_type\":\"p2c|c2p\""

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
    {modern, "\"layer_types\":[\"full_attention\"]", TFM_E_FORMAT,
     "layer_types: want an array"},
    {modern, "\"layer_types\":\"full_attention\"", TFM_E_FORMAT, "layer_types"},
    {modern, "\"layer_types\":[\"full_attention\",\"x\",\"x\",\"x\"]", TFM_E_UNSUPPORTED,
     "\"x\""},
    {modern, "\"layer_types\":[1,2,3,4]", TFM_E_UNSUPPORTED, "layer_types"},
    {modern, "\"global_attn_every_n_layers\":0", TFM_E_FORMAT, "global_attn_every_n_layers"},
    {modern, "\"local_attention\":0", TFM_E_FORMAT, "local_attention"},
    {modern, "\"classifier_pooling\":\"max\"", TFM_E_UNSUPPORTED,
     "classifier_pooling: \"max\""},
    {modern, "\"norm_bias\":1", TFM_E_FORMAT, "norm_bias"},
    {modern, "\"local_rope_theta\":null", TFM_E_FORMAT, "local_rope_theta"},
    {modern, "\"rope_parameters\":7", TFM_E_FORMAT, "rope_parameters: want an object"},
    {modern, "\"rope_parameters\":{\"rope_theta\":10000}", TFM_E_UNSUPPORTED, "\"rope_theta\""},
    {modern, "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"yarn\"}}",
     TFM_E_UNSUPPORTED, "\"yarn\""},
    {"\"model_type\":\"modernbert\",\"hidden_size\":48,\"num_hidden_layers\":1,"
     "\"num_attention_heads\":16,\"intermediate_size\":9,\"vocab_size\":9",
     "\"max_position_embeddings\":9", TFM_E_FORMAT, "heads of 3"},
    {deberta, "\"pos_att_type\":\"c2p|p2p\"", TFM_E_UNSUPPORTED, "pos_att_type: \"p2p\""},
    {deberta, "\"pos_att_type\":[\"c2p\",1]", TFM_E_FORMAT, "pos_att_type"},
    {deberta, "\"pos_att_type\":{}", TFM_E_FORMAT, "pos_att_type"},
    {deberta, "\"norm_rel_ebd\":\"batch\"", TFM_E_UNSUPPORTED, "norm_rel_ebd: \"batch\""},
    {deberta, "\"relative_attention\":1", TFM_E_FORMAT, "relative_attention"},
    {deberta, RELATIVE ",\"position_buckets\":1", TFM_E_FORMAT, "position_buckets: want 2"},
    {deberta, RELATIVE ",\"position_buckets\":126", TFM_E_FORMAT, "position_buckets"},
    {deberta, RELATIVE ",\"max_relative_positions\":1e9", TFM_E_FORMAT, "max_relative_pos"},
    {deberta, "\"conv_kernel_size\":4", TFM_E_FORMAT, "conv_kernel_size: want an odd"},
    {deberta, "\"conv_kernel_size\":3,\"conv_groups\":2", TFM_E_UNSUPPORTED, "conv_groups: 2"},
    {deberta, "\"conv_kernel_size\":3,\"conv_act\":\"x\"", TFM_E_UNSUPPORTED, "conv_act"},
    {deberta, "\"attention_head_size\":16", TFM_E_UNSUPPORTED, "attention_head_size: 16"},
    {deberta, "\"type_vocab_size\":-1", TFM_E_FORMAT, "type_vocab_size"},
    {deberta, "\"type_vocab_size\":null", TFM_E_FORMAT, "type_vocab_size"},
    {deberta,
     "\"architectures\":[\"DebertaV2ForSequenceClassification\"],"
     "\"pooler_hidden_size\":24",
     TFM_E_UNSUPPORTED, "pooler_hidden_size: 24"},
    {deberta,
     "\"architectures\":[\"DebertaV2ForMaskedLM\"],\"legacy\":false,"
     "\"embedding_size\":24",
     TFM_E_UNSUPPORTED, "embedding_size: 24"},
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

static void modernbert_knows_its_layers_by_new_and_old_keys(void **state)
{
  (void)state;
  tfm_config c = want_config(modern, "");
  assert_true(!c.local[0] && c.local[1] && c.local[2] && !c.local[3] && c.window == 65);
  assert_true(c.rope == 160000.0 && c.rope_local == 10000.0 && !c.head_mean && !c.causal);
  tfm_config_fini(&c);
  c = want_config(modern, "\"global_attn_every_n_layers\":2,\"local_attention\":9,"
                          "\"global_rope_theta\":5000,\"local_rope_theta\":300,"
                          "\"classifier_pooling\":\"mean\",\"classifier_activation\":\"silu\"");
  assert_true(!c.local[0] && c.local[1] && !c.local[2] && c.local[3] && c.window == 5);
  assert_true(c.rope == 5000.0 && c.rope_local == 300.0);
  assert_true(c.head_mean && c.head_act == TFM_ACT_SILU);
  tfm_config_fini(&c);
  c = want_config(modern, "\"layer_types\":[\"sliding_attention\",\"sliding_attention\","
                          "\"full_attention\",\"sliding_attention\"],\"rope_parameters\":"
                          "{\"sliding_attention\":{\"rope_theta\":77}}");
  assert_true(c.local[0] && c.local[1] && !c.local[2] && c.local[3]);
  assert_true(c.rope == 160000.0 && c.rope_local == 77.0);
  tfm_config_fini(&c);
}

static void deberta_reads_what_its_scores_meet(void **state)
{
  (void)state;
  tfm_config c = want_config(deberta, "");
  assert_true(!c.meets_key_rows && !c.meets_query_rows && c.score_terms == 1 && c.types == 0);
  tfm_config_fini(&c);
  c = want_config(deberta, RELATIVE ",\"position_buckets\":-1");
  assert_true(c.meets_key_rows && c.meets_query_rows && c.score_terms == 3);
  assert_true(c.buckets == 0 && c.farthest == 64 && c.relative == 128);
  tfm_config_fini(&c);
  c = want_config(deberta, "\"relative_attention\":true,\"pos_att_type\":[\" C2P \"],"
                           "\"position_buckets\":16,\"max_relative_positions\":30");
  assert_true(c.meets_key_rows && !c.meets_query_rows && c.score_terms == 2);
  assert_true(c.buckets == 16 && c.farthest == 30 && c.relative == 32);
  tfm_config_fini(&c);
  /* The scale counts what pos_att_type names, whether or not scores meet positions. */
  c = want_config(deberta, "\"pos_att_type\":\"p2c|c2p\"");
  assert_true(!c.meets_key_rows && !c.meets_query_rows && c.score_terms == 3);
  tfm_config_fini(&c);
}

/* A first layer with a convolution beside it cannot be cut: its second unit is all of it. */
static void a_layer_with_a_convolution_costs_in_its_second_unit(void **state)
{
  (void)state;
  tfm_config plain = want_config(deberta, RELATIVE);
  tfm_config c = want_config(deberta, RELATIVE ",\"conv_kernel_size\":3");
  assert_int_equal(tfm_cost_unit_bytes(&c, TFM_FLOAT32, 0), 0);
  assert_true(tfm_cost_unit(&c, TFM_FLOAT32, 0, 32) == 0.0);
  assert_true(tfm_cost_unit(&c, TFM_FLOAT32, 1, 32) >
              tfm_cost_unit(&plain, TFM_FLOAT32, 0, 32) +
                  tfm_cost_unit(&plain, TFM_FLOAT32, 1, 32));
  assert_int_equal(tfm_cost_unit_bytes(&c, TFM_FLOAT32, 1),
                   tfm_cost_unit_bytes(&plain, TFM_FLOAT32, 0) +
                       tfm_cost_unit_bytes(&plain, TFM_FLOAT32, 1) +
                       4 * (48 * 3 * 48 + 48 + 2 * 48));
  assert_int_equal(tfm_cost_unit_bytes(&c, TFM_FLOAT32, 2),
                   tfm_cost_unit_bytes(&plain, TFM_FLOAT32, 2));
  tfm_config_fini(&plain);
  tfm_config_fini(&c);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(switches_that_are_not_supported_are_refused_by_name),
      cmocka_unit_test(mpnet_counts_around_id_one),
      cmocka_unit_test(nomic_reads_new_and_old_spellings),
      cmocka_unit_test(modernbert_knows_its_layers_by_new_and_old_keys),
      cmocka_unit_test(deberta_reads_what_its_scores_meet),
      cmocka_unit_test(a_layer_with_a_convolution_costs_in_its_second_unit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
