#include "core/model/config.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/arch/keys.h"
#include "core/model/arch/registry.h"
#include "core/model/shown.h"
#include "core/tensor/dims.h"

#include <stdio.h>
#include <string.h>

/* Limits refuse what no machine could hold before any size is computed from it; they keep every
 * product of two dimensions and four bytes far below 2^63. */
enum {
  CONFIG_MAX_BYTES = 32 << 20,
  MAX_HIDDEN = 1 << 16,
  MAX_HEADS = 1 << 12,
  MAX_FFN = 1 << 20,
  MAX_ROWS = 1 << 24, /* of the word and position tables */
  MAX_TYPES = 1 << 16,
  MAX_LABELS = 1 << 20
};

#define TASK_NAME(name, text) [TFM_TASK_##name] = text,
static const char *const task_names[TFM_TASK_COUNT] = {TFM_TASK_MAP(TASK_NAME)};

const char *tfm_task_name(tfm_task task)
{
  return task < TFM_TASK_COUNT ? task_names[task] : "unknown";
}

bool tfm_task_parse(const char *name, tfm_task *out)
{
  for (int i = 0; i < TFM_TASK_COUNT; ++i) {
    if (strcmp(name, task_names[i]) == 0) {
      *out = (tfm_task)i;
      return true;
    }
  }
  return false;
}

/* By the end of architectures[0]; the first that fits. */
static const struct {
  const char *suffix;
  tfm_task task;
} suffixes[] = {
    {"ForSequenceClassification", TFM_TASK_TEXT_CLASSIFICATION},
    {"ForTokenClassification", TFM_TASK_TOKEN_CLASSIFICATION},
    {"ForQuestionAnswering", TFM_TASK_QUESTION_ANSWERING},
    {"ForMaskedLM", TFM_TASK_FILL_MASK},
    {"ForPreTraining", TFM_TASK_FILL_MASK},
    {"ForCausalLM", TFM_TASK_TEXT_GENERATION},
    {"ForConditionalGeneration", TFM_TASK_TEXT_GENERATION},
    {"MTModel", TFM_TASK_TEXT_GENERATION},
    {"LMHeadModel", TFM_TASK_TEXT_GENERATION},
    {"Model", TFM_TASK_FEATURE_EXTRACTION},
};

static tfm_task task_of(const char *architecture)
{
  const size_t n = strlen(architecture);
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; ++i) {
    const size_t tail = strlen(suffixes[i].suffix);
    if (n >= tail && strcmp(architecture + n - tail, suffixes[i].suffix) == 0) {
      return suffixes[i].task;
    }
  }
  return TFM_TASK_NONE;
}

typedef struct {
  char text[64];
} key_name;

/* The spelling of "a|b" this file has; the first one when it has none. */
static key_name spelling(const tfm_json *json, const char *keys)
{
  key_name first = {.text = ""};
  for (const char *from = keys; *from;) {
    key_name name = {.text = ""};
    const size_t n = strcspn(from, "|");
    TFM_ASSERT(n < sizeof name.text);
    memcpy(name.text, from, n);
    if (tfm_json_get(tfm_json_root(json), name.text)) {
      return name;
    }
    first = from == keys ? name : first;
    from += n + (from[n] == '|');
  }
  return first;
}

static tfm_status want_dim(const tfm_json *json, const char *keys, int64_t most, int64_t *out,
                           tfm_err *err)
{
  return tfm_json_want_int(json, tfm_json_root(json), spelling(json, keys).text, 1, most, out,
                           err);
}

static tfm_status unknown_family(const char *model_type, tfm_err *err)
{
  char known[256] = "";
  size_t at = 0;
  for (int i = 0; tfm__arch_at(i); ++i) {
    const char *const *sister = tfm__arch_at(i)->sisters;
    const char *name = tfm__arch_at(i)->model_type;
    for (; name && at < sizeof known; name = sister ? *sister++ : NULL) {
      const int n = snprintf(known + at, sizeof known - at, "%s%s", at ? ", " : "", name);
      at += n > 0 ? (size_t)n : 0;
    }
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED,
                  "config.json: model_type: \"%s\" is not supported; supported are: %s",
                  tfm__shown_of(model_type).text, known);
}

static tfm_status read_family(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  const char *model_type = "";
  if (tfm_json_kind_of(root) != TFM_JSON_OBJECT) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "config.json: want an object at the top"));
  }
  TFM_TRY(tfm_json_want_string(json, root, "model_type", &model_type, err));
  config->arch = tfm__arch_find(model_type, &config->model_type);
  if (!config->arch) {
    TFM_TRY(unknown_family(model_type, err));
  }
  if (tfm_json_get(root, "quantization_config")) {
    TFM_TRY(
        tfm_fail(err, TFM_E_UNSUPPORTED,
                 "config.json: quantization_config: quantized checkpoints are not supported: "
                 "use the original one"));
  }

fail:
  return st;
}

static tfm_status read_architecture(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  const tfm_json_node *list = tfm_json_get(tfm_json_root(json), "architectures");
  config->architecture = "";
  if (!list) {
    return TFM_OK;
  }
  const tfm_json_node *first = tfm_json_first(list);
  const char *name = tfm_json_text(first);
  if (tfm_json_kind_of(list) != TFM_JSON_ARRAY || (first && !name)) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "config.json: architectures: want an array of strings, got another kind");
  }
  if (name) {
    config->architecture = tfm_arena_strndup(&config->arena, name, strlen(name));
    if (!config->architecture) {
      return tfm_fail(err, TFM_E_NOMEM, "config.json");
    }
    config->own = task_of(name);
  }
  return TFM_OK;
}

static tfm_status read_dims(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__config_keys *keys = &config->arch->keys;
  TFM_TRY(want_dim(json, keys->hidden, MAX_HIDDEN, &config->H, err));
  TFM_TRY(want_dim(json, keys->layers, TFM_MAX_LAYERS, &config->L, err));
  TFM_TRY(want_dim(json, keys->heads, MAX_HEADS, &config->N, err));
  if (keys->ffn) {
    TFM_TRY(want_dim(json, keys->ffn, MAX_FFN, &config->F, err));
  }
  TFM_TRY(want_dim(json, keys->vocab, MAX_ROWS, &config->V, err));
  if (keys->positions) {
    TFM_TRY(want_dim(json, keys->positions, MAX_ROWS, &config->positions, err));
  }
  if (keys->types) {
    TFM_TRY(want_dim(json, keys->types, MAX_TYPES, &config->types, err));
  }
  if (!keys->head_dim && config->H % config->N != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "config.json: %s: want a multiple of %s (%lld), got %lld",
                     spelling(json, keys->hidden).text, spelling(json, keys->heads).text,
                     (long long)config->N, (long long)config->H));
  }
  config->D = config->H / config->N;
  if (keys->head_dim) {
    TFM_TRY(want_dim(json, keys->head_dim, MAX_HIDDEN / config->N, &config->D, err));
  }
  config->G = config->N;
  config->turned = config->D;

fail:
  return st;
}

static tfm_status read_numerics(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  const tfm_arch *arch = config->arch;
  double eps = arch->norm_eps;
  if (arch->keys.norm_eps) {
    const key_name key = spelling(json, arch->keys.norm_eps);
    TFM_TRY(tfm__config_not_null(json, key.text, err));
    TFM_TRY(tfm_json_opt_double(json, root, key.text, 0.0, 1.0, &eps, err));
  }
  config->norm_eps = (float)eps;
  config->act = arch->act;
  if (arch->keys.act) {
    TFM_TRY(tfm__config_act(json, spelling(json, arch->keys.act).text, &config->act, err));
  }
  config->head_act = config->act;
  config->E = config->H;
  config->inner = 1;
  config->score_terms = 1;
  config->tied = true;
  config->pad_id = arch->pad_id;
  config->causal = arch->causal;
  config->scores_scaled = true;
  config->word_scale = config->head_scale = 1.0f;
  config->start_id = config->eos_id = -1;
  TFM_TRY(tfm_json_opt_bool(json, root, "tie_word_embeddings", &config->tied, err));
  TFM_TRY(tfm_json_opt_int(json, root, "pad_token_id", 0, config->V - 1, &config->pad_id, err));

fail:
  return st;
}

/* The decimal digits of a label's number, without sign or leading zeros; -1 for anything else.
 */
static int64_t label_number(const char *key, int64_t n)
{
  int64_t number = 0;
  if (key[0] == '\0' || (key[0] == '0' && key[1] != '\0')) {
    return -1;
  }
  for (const char *p = key; *p; ++p) {
    if (*p < '0' || *p > '9' || number >= n) {
      return -1;
    }
    number = 10 * number + (*p - '0');
  }
  return number < n ? number : -1;
}

/* id2label's keys are the numbers 0..n-1 in any order; the JSON reader has refused duplicates,
 * so n keys in range are all of them. */
static tfm_status read_label_map(tfm_config *config, const tfm_json_node *map, tfm_err *err)
{
  const int64_t n = tfm_json_count(map);
  if (tfm_json_kind_of(map) != TFM_JSON_OBJECT || n < 1 || n > MAX_LABELS) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "config.json: id2label: want an object of 1 to %d labels, got %s",
                    MAX_LABELS,
                    tfm_json_kind_of(map) != TFM_JSON_OBJECT ? "another kind of value"
                                                             : (n < 1 ? "none" : "more"));
  }
  config->labels = tfm_arena_alloc(&config->arena, (size_t)n * sizeof *config->labels);
  if (!config->labels) {
    return tfm_fail(err, TFM_E_NOMEM, "config.json: %lld labels", (long long)n);
  }
  for (const tfm_json_node *node = tfm_json_first(map); node; node = tfm_json_next(node)) {
    const int64_t id = label_number(tfm_json_key(node), n);
    const char *label = tfm_json_text(node);
    if (id < 0 || !label) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "config.json: id2label: \"%s\": want keys \"0\" to \"%lld\", each once, "
                      "with a string",
                      tfm__shown_of(tfm_json_key(node)).text, (long long)n - 1);
    }
    config->labels[id] = tfm_arena_strndup(&config->arena, label, strlen(label));
    if (!config->labels[id]) {
      return tfm_fail(err, TFM_E_NOMEM, "config.json: %lld labels", (long long)n);
    }
  }
  config->nlabel = n;
  return TFM_OK;
}

/* No names: num_labels of them (two when that is missing, as in the reference), LABEL_i. */
static tfm_status make_labels(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int64_t n = 2;
  TFM_TRY(tfm_json_opt_int(json, tfm_json_root(json), "num_labels", 1, MAX_LABELS, &n, err));
  config->labels = tfm_arena_alloc(&config->arena, (size_t)n * sizeof *config->labels);
  for (int64_t i = 0; config->labels && i < n; ++i) {
    char label[32];
    const int length = snprintf(label, sizeof label, "LABEL_%lld", (long long)i);
    config->labels[i] = tfm_arena_strndup(&config->arena, label, (size_t)length);
    if (!config->labels[i]) {
      config->labels = NULL;
    }
  }
  if (!config->labels) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "config.json: %lld labels", (long long)n));
  }
  config->nlabel = n;

fail:
  return st;
}

static tfm_status read_score_rule(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  const char *problem = "";
  const tfm_status st =
      tfm_json_opt_string(json, tfm_json_root(json), "problem_type", &problem, err);
  if (st != TFM_OK) {
    return st;
  }
  if (strcmp(problem, "regression") == 0) {
    config->score = TFM_SCORE_NONE;
  } else if (strcmp(problem, "multi_label_classification") == 0) {
    config->score = TFM_SCORE_SIGMOID;
  } else if (problem[0] == '\0' || strcmp(problem, "single_label_classification") == 0) {
    config->score = config->nlabel == 1 ? TFM_SCORE_SIGMOID : TFM_SCORE_SOFTMAX;
  } else {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "config.json: problem_type: \"%s\" is not supported",
                    tfm__shown_of(problem).text);
  }
  return TFM_OK;
}

static tfm_status read_labels(tfm_config *config, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *map = tfm_json_get(tfm_json_root(json), "id2label");
  if (config->task != TFM_TASK_TEXT_CLASSIFICATION &&
      config->task != TFM_TASK_TOKEN_CLASSIFICATION) {
    return TFM_OK;
  }
  TFM_TRY(map ? read_label_map(config, map, err) : make_labels(config, json, err));
  TFM_TRY(read_score_rule(config, json, err));

fail:
  return st;
}

static tfm_status read_config(tfm_config *config, const tfm_json *json, tfm_task task,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(read_family(config, json, err));
  TFM_TRY(read_architecture(config, json, err));
  config->task = task == TFM_TASK_NONE ? config->own : task;
  TFM_TRY(read_dims(config, json, err));
  TFM_TRY(read_numerics(config, json, err));
  config->decoder_F = config->F;
  TFM_TRY(config->arch->read(config, json, err));
  config->max_length = config->positions - config->position_offset;
  if (config->max_length < 1) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "config.json: %s: want at least %lld, got %lld",
                     config->arch->keys.positions, (long long)config->position_offset + 1,
                     (long long)config->positions));
  }
  config->trained = config->max_length;
  config->endless = config->endless || (config->causal && config->rope > 0);
  TFM_TRY(read_labels(config, json, err));

fail:
  return st;
}

void tfm_config_reach(tfm_config *config, int64_t longest)
{
  longest = longest < TFM_LENGTH_MOST ? longest : TFM_LENGTH_MOST;
  if (config->endless && longest > config->max_length) {
    config->max_length = longest;
  }
}

tfm_status tfm_config_read(tfm_config *config, const char *folder, tfm_err *err)
{
  return tfm_config_read_for(config, folder, TFM_TASK_NONE, err);
}

tfm_status tfm_config_read_for(tfm_config *config, const char *folder, tfm_task task,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  *config = (tfm_config){.arch = NULL};
  char *path = tfm_path_join(folder, "config.json");
  if (!path) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a path"));
  }
  TFM_TRY(tfm_json_open(&json, path, CONFIG_MAX_BYTES, err));
  TFM_TRY(read_config(config, json, task, err));

fail:
  tfm_json_close(json);
  tfm_free(path);
  if (st != TFM_OK) {
    tfm_config_fini(config);
  }
  return st;
}

void tfm_config_fini(tfm_config *config)
{
  tfm_arena_fini(&config->arena);
  *config = (tfm_config){.arch = NULL};
}

int64_t tfm_config_parameters(const tfm_config *config)
{
  const tfm__head_row *head = tfm__arch_head(config->arch, config->task);
  const bool shared = head && head->tied && config->tied; /* the decoder is the word table */
  int64_t n = tfm__part_floats(config, TFM__PART_EMBED) - (shared ? config->V * config->E : 0) +
              tfm__part_floats(config, TFM__PART_SIGHT) +
              tfm__part_floats(config, TFM__PART_FINAL) +
              tfm__part_floats(config, TFM__PART_HEAD);
  if (tfm_config_decoder(config)) { /* all but the words is there a second time */
    const tfm__module twice[] = {TFM__MODULE_POSITION, TFM__MODULE_EMBED_NORM,
                                 TFM__MODULE_POSITION_BIAS, TFM__MODULE_FINAL_NORM};
    for (size_t i = 0; i < sizeof twice / sizeof *twice; ++i) {
      n += tfm__module_floats(config, twice[i], config->encoder);
    }
  }
  for (int64_t u = 0; u < 2 * config->L; ++u) {
    n += tfm__unit_twin(config, u) < 0 ? tfm__unit_floats(config, u) : 0;
    n += u % 2 == 0 ? tfm__part_floats(config, TFM__PART_POSITIONS) : 0;
  }
  return n;
}
