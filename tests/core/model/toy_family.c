/* A family that no checkpoint has, as anybody would add one: this file, and one row in the table
 * (toy_registry.c). Its arithmetic is DistilBERT's, its names are its own. */
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"

static tfm_status read_toy(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  config->position_offset = 0;
  return tfm__config_only_false(json, "looks_back_only", err);
}

static const tfm__head_row heads[] = {
    {.task = TFM_TASK_TEXT_CLASSIFICATION,
     .dense = "verdict.bend",
     .act = TFM_ACT_RELU,
     .out = "verdict.say"},
    {.task = TFM_TASK_NONE},
};

const tfm_arch tfm__arch_toy = {
    .model_type = "toy",
    .prefix = "body.",
    .keys = {.hidden = "width",
             .layers = "floors",
             .heads = "eyes",
             .ffn = "inner_width",
             .vocab = "words",
             .positions = "seats",
             .act = "bend"},
    .norm_eps = 1e-12,
    .act = TFM_ACT_GELU,
    .read = read_toy,
    .module =
        {
            [TFM__MODULE_WORD] = "@in.word",
            [TFM__MODULE_POSITION] = "@in.seat",
            [TFM__MODULE_EMBED_NORM] = "@in.norm",
            [TFM__MODULE_QUERY] = "@floor.#.ask",
            [TFM__MODULE_KEY] = "@floor.#.key",
            [TFM__MODULE_VALUE] = "@floor.#.value",
            [TFM__MODULE_CONTEXT] = "@floor.#.gather",
            [TFM__MODULE_ATTENTION_NORM] = "@floor.#.gather_norm",
            [TFM__MODULE_UP] = "@floor.#.up",
            [TFM__MODULE_DOWN] = "@floor.#.down",
            [TFM__MODULE_FFN_NORM] = "@floor.#.down_norm",
        },
    .sum = {TFM__MODULE_WORD, TFM__MODULE_POSITION, TFM__MODULE_COUNT},
    .block = &tfm__block_post_norm,
    .heads = heads,
};
