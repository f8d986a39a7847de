/* Which token begins a text (cls_token) and which stands for a gap (mask_token): for the tasks that
 * look for them. Source: transformers 5.23, tokenization_utils_base.py. */
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/text/tokenizer_private.h"

#include <string.h>

enum { LARGEST_CONFIG = 64 << 20 };

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

/* What the classes of the families have when no file says it: they begin a text with the former,
 * and spell the latter in one of two ways (a vocabulary with both means the first). */
static void take_usual(const tfm_tokenizer *t, role *cls, role *mask)
{
  static const char *const masks[] = {"<mask>", "[MASK]"};
  const tfm__place *first = t->finish->nsingle ? &t->finish->single[0] : NULL;
  if (!cls->said && first && first->what == TFM__SPECIAL) {
    cls->id = first->id;
  }
  for (size_t i = 0; i < sizeof masks / sizeof masks[0] && !mask->said && mask->id < 0; ++i) {
    mask->id = tfm_tokenizer_id(t, tfm_span_of(masks[i]));
  }
}

tfm_status tfm__load_roles(tfm_tokenizer *t, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *config = NULL;
  tfm_json *map = NULL;
  role cls = {.key = "cls_token", .id = -1};
  role mask = {.key = "mask_token", .id = -1};
  TFM_TRY(open_small(&config, folder, "tokenizer_config.json", err));
  if (!config || !tfm_json_get(tfm_json_root(config), "added_tokens_decoder")) {
    TFM_TRY(open_small(&map, folder, "special_tokens_map.json", err));
  }
  read_role(t, config, &cls);
  read_role(t, config, &mask);
  read_role(t, map, &cls); /* what both name, the map names last */
  read_role(t, map, &mask);
  if (has_usual_roles(config)) {
    take_usual(t, &cls, &mask);
  }
  t->cls_id = cls.id;
  t->mask_id = mask.id;

fail:
  tfm_json_close(config);
  tfm_json_close(map);
  return st;
}
