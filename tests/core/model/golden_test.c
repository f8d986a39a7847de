/* The reference library's numbers for the same files: what makes the rest of the program's
 * bits worth having. Every state after every layer is compared, so an error cannot hide behind
 * a later one that undoes it. */
#include "tests/core/model/support.h"

#include <stdio.h>

static void classifier_has_the_reference_states_and_logits(void **state)
{
  (void)state;
  check_golden("tiny", "tiny");
}

static void half_precision_files_have_the_reference_logits(void **state)
{
  (void)state;
  check_golden("f16", "f16");
}

static void shards_have_the_reference_logits(void **state)
{
  (void)state;
  check_golden("bf16-sharded", "bf16-sharded");
}

static void old_norm_names_are_read(void **state)
{
  (void)state;
  check_golden("gamma-beta", "gamma-beta");
}

static void every_kind_of_head_has_the_reference_logits(void **state)
{
  (void)state;
  check_golden("one-label", "one-label");
  check_golden("multi-label", "multi-label");
  check_golden("regression", "regression");
}

static void names_without_prefix_are_read(void **state)
{
  (void)state;
  check_golden("encoder", "encoder");
}

static void every_token_has_the_reference_logits(void **state)
{
  (void)state;
  check_golden("token", "token");
  check_golden("span", "span");
}

static void every_family_has_the_reference_states_and_logits(void **state)
{
  (void)state;
  for (int i = 0; family_models[i]; ++i) {
    char mask[64];
    check_golden(family_models[i], family_models[i]);
    (void)snprintf(mask, sizeof mask, "%s-mask", family_models[i]);
    check_masks(mask);
  }
}

static void every_decoder_has_the_reference_states_and_logits(void **state)
{
  (void)state;
  for (int i = 0; decoder_models[i]; ++i) {
    check_golden(decoder_models[i], decoder_models[i]);
  }
}

static void language_models_score_as_the_reference(void **state)
{
  (void)state;
  static const char *const names[] = {"gpt2-lm",        "llama-lm", "mistral-lm",
                                      "qwen2-lm",       "qwen3-lm", "neox-lm",
                                      "neox-serial-lm", "gemma-lm", "gemma2-lm"};
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    char name[64];
    (void)snprintf(name, sizeof name, "families/%s", names[i]);
    check_scores(name);
  }
}

static void spans_of_families_have_the_reference_logits(void **state)
{
  (void)state;
  check_golden("families/mpnet-span", "families/mpnet-span");
  check_golden("families/modernbert-span", "families/modernbert-span");
  check_golden("families/deberta-span", "families/deberta-span");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(classifier_has_the_reference_states_and_logits),
      cmocka_unit_test(half_precision_files_have_the_reference_logits),
      cmocka_unit_test(shards_have_the_reference_logits),
      cmocka_unit_test(old_norm_names_are_read),
      cmocka_unit_test(every_kind_of_head_has_the_reference_logits),
      cmocka_unit_test(names_without_prefix_are_read),
      cmocka_unit_test(every_family_has_the_reference_states_and_logits),
      cmocka_unit_test(every_decoder_has_the_reference_states_and_logits),
      cmocka_unit_test(language_models_score_as_the_reference),
      cmocka_unit_test(every_token_has_the_reference_logits),
      cmocka_unit_test(spans_of_families_have_the_reference_logits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
