/* Which token begins a text (cls_token), which stands for a gap (mask_token) and which for nothing
 * (pad_token), for the tasks that look for them; how long texts may be; and whether decoded texts
 * are cleaned up. Source: transformers 5.23, tokenization_utils_base.py. */
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/text/tokenizer_private.h"

#include <string.h>

enum {
  LARGEST_CONFIG = 64 << 20,
  LARGEST_LENGTH = 1 << 30 /* a model_max_length beyond is how transformers says "none" */
};
enum { CLS, MASK, PAD, ROLES };

typedef struct {
  const char *key;
  bool said; /* by a file, be it null */
  int32_t id;
} role;

static tfm_status open_small(tfm_json **out, const char *folder, const char *name, tfm_err *err)
{
  *out = NULL;
  char *path = tfm_path_join(folder, name);
  if (!path) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
  }
  tfm_status st = tfm_path_look(path) == TFM_PATH_NOTHING
                      ? TFM_OK
                      : tfm_json_open(out, path, LARGEST_CONFIG, err);
  tfm_free(path);
  return st;
}

/* A token as text, or as an object with "content". */
static void read_role(const tfm_tokenizer *t, const tfm_json *json, role *r)
{
  const tfm_json_node *node = json ? tfm_json_get(tfm_json_root(json), r->key) : NULL;
  const char *content = tfm_json_text(node);
  content = content ? content : tfm_json_text(tfm_json_get(node, "content"));
  if (node) {
    r->said = true;
    r->id = content ? tfm_tokenizer_id(t, tfm_span_of(content)) : -1;
  }
}

/* A class that is only a tokenizer.json has the roles that files give it, and no others. */
static bool has_usual_roles(const tfm_json *config)
{
  const char *name =
      config ? tfm_json_text(tfm_json_get(tfm_json_root(config), "tokenizer_class")) : NULL;
  return !name || (strcmp(name, "TokenizersBackend") != 0 &&
                   strcmp(name, "PreTrainedTokenizerFast") != 0);
}

/* One of two ways to spell a role; a vocabulary with both means the first. */
static void take_one(const tfm_tokenizer *t, const char *first, const char *second, role *r)
{
  if (!r->said) {
    r->id = tfm_tokenizer_id(t, tfm_span_of(first));
    r->id = r->id < 0 ? tfm_tokenizer_id(t, tfm_span_of(second)) : r->id;
  }
}

/* What the classes of the families have when no file says it. */
static void take_usual(const tfm_tokenizer *t, role roles[ROLES])
{
  const tfm__place *first = t->finish->nsingle ? &t->finish->single[0] : NULL;
  if (!roles[CLS].said && first && first->what == TFM__SPECIAL) {
    roles[CLS].id = first->id;
  }
  take_one(t, "<mask>", "[MASK]", &roles[MASK]);
  take_one(t, "<pad>", "[PAD]", &roles[PAD]);
}

/* Decoded texts are cleaned up when the files want it, but for BPE only when they insist. */
static tfm_status read_cleaning(tfm_tokenizer *t, const tfm_json *config, tfm_err *err)
{
  static const char insists[] =
      "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output";
  tfm_status st = TFM_OK;
  bool wanted = false;
  bool bpe_too = false;
  if (config) {
    const tfm_json_node *root = tfm_json_root(config);
    TFM_TRY(tfm_json_opt_bool(config, root, "clean_up_tokenization_spaces", &wanted, err));
    TFM_TRY(tfm_json_opt_bool(config, root, insists, &bpe_too, err));
  }
  t->cleans_up = wanted && (bpe_too || strcmp(t->model.v[0].kind->type, "BPE") != 0);

fail:
  return st;
}

/* How long texts may be and which end is cut; which token stands for what is unknown. */
static tfm_status read_limits(tfm_tokenizer *t, const tfm_json *config, tfm_err *err)
{
  tfm_status st = TFM_OK;
  double length = 0;
  const char *side = NULL;
  if (!config) {
    return TFM_OK;
  }
  const tfm_json_node *root = tfm_json_root(config);
  TFM_TRY(tfm_json_opt_double(config, root, "model_max_length", -1e300, 1e300, &length, err));
  TFM_TRY(tfm_json_opt_string(config, root, "truncation_side", &side, err));
  if (side) {
    t->truncate_left = strcmp(side, "left") == 0;
  }
  t->model_max_length = length > 0 && length <= LARGEST_LENGTH ? (size_t)length : 0;
  const tfm_json_node *unknown = tfm_json_get(root, "unk_token");
  const char *content = tfm_json_text(unknown);
  content = content ? content : tfm_json_text(tfm_json_get(unknown, "content"));
  if (content) {
    t->named_unknown = tfm_tokenizer_id(t, tfm_span_of(content));
  }

fail:
  return st;
}

tfm_status tfm__load_roles(tfm_tokenizer *t, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *config = NULL;
  tfm_json *map = NULL;
  role roles[ROLES] = {[CLS] = {.key = "cls_token", .id = -1},
                       [MASK] = {.key = "mask_token", .id = -1},
                       [PAD] = {.key = "pad_token", .id = -1}};
  TFM_TRY(open_small(&config, folder, "tokenizer_config.json", err));
  if (!config || !tfm_json_get(tfm_json_root(config), "added_tokens_decoder")) {
    TFM_TRY(open_small(&map, folder, "special_tokens_map.json", err));
  }
  TFM_TRY(read_limits(t, config, err));
  for (int i = 0; i < ROLES; ++i) {
    read_role(t, config, &roles[i]);
    read_role(t, map, &roles[i]); /* what both name, the map names last */
  }
  if (has_usual_roles(config)) {
    take_usual(t, roles);
  }
  TFM_TRY(read_cleaning(t, config, err));
  t->cls_id = roles[CLS].id;
  t->mask_id = roles[MASK].id;
  t->pad_id = roles[PAD].id;

fail:
  tfm_json_close(config);
  tfm_json_close(map);
  return st;
}
