/* The configuration files of a folder without tokenizer.json. Source: transformers 5.23,
 * tokenization_utils_base.py (_from_pretrained, __init__) and tokenization_utils_tokenizers.py. */
#include "core/text/folder.h"

#include "core/base/file.h"
#include "core/base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LARGEST_CONFIG = 64 << 20, MOST_NAMED = 256 };

static const char *const role_keys[TFM__ROLES] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "not enough memory for the special tokens");
}

/* ---- lists ---- */

static tfm_status append(tfm__token_list *list, const tfm__added_token *token, tfm_err *err)
{
  if (list->n == list->cap) {
    size_t cap = list->cap ? list->cap * 2 : 16;
    tfm__added_token *v = tfm_realloc(list->v, cap, sizeof *v);
    if (!v) {
      return no_memory(err);
    }
    list->v = v;
    list->cap = cap;
  }
  list->v[list->n++] = *token;
  return TFM_OK;
}

/* Whether a role or another purpose has this content: few, so that looking at all will do. */
static bool is_named(const tfm__folder *f, tfm_span content)
{
  for (int role = 0; role < TFM__ROLES; ++role) {
    if (f->role[role].content.p && tfm_span_eq(f->role[role].content, content)) {
      return true;
    }
  }
  for (size_t i = 0; i < f->named.n; ++i) {
    if (tfm_span_eq(f->named.v[i].content, content)) {
      return true;
    }
  }
  return false;
}

/* ---- tokens in JSON ---- */

/* A token as a string, or as an object with "content" and flags; special: those objects are that
 * say nothing of it. *is_token is false for values of other kinds, null among them. */
static tfm_status read_token(tfm__folder *f, const tfm_json *json, const tfm_json_node *node,
                             bool special, tfm__added_token *t, bool *is_token, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *content = tfm_json_text(node);
  bool object = tfm_json_kind_of(node) == TFM_JSON_OBJECT;
  *t = (tfm__added_token){.special = special || !object};
  *is_token = object || content;
  if (!*is_token) {
    return TFM_OK;
  }
  if (object) {
    TFM_TRY(tfm_json_want_string(json, node, "content", &content, err));
    TFM_TRY(tfm_json_opt_bool(json, node, "lstrip", &t->lstrip, err));
    TFM_TRY(tfm_json_opt_bool(json, node, "rstrip", &t->rstrip, err));
    TFM_TRY(tfm_json_opt_bool(json, node, "single_word", &t->single_word, err));
    if (!special) {
      TFM_TRY(tfm_json_opt_bool(json, node, "special", &t->special, err));
    }
    t->normalized = !t->special;
    TFM_TRY(tfm_json_opt_bool(json, node, "normalized", &t->normalized, err));
  }
  t->content.n = strlen(content);
  t->content.p = tfm_arena_strndup(&f->memory, content, t->content.n);
  if (!t->content.p) {
    return no_memory(err);
  }

fail:
  return st;
}

static int by_id(const void *a, const void *b)
{
  const tfm__added_token *x = a;
  const tfm__added_token *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

static void sort_listed(tfm__folder *f)
{
  if (f->listed.n) {
    qsort(f->listed.v, f->listed.n, sizeof *f->listed.v, by_id);
  }
}

/* "added_tokens_decoder": {"5": {"content": ..., flags}, ...} */
static tfm_status read_decoder(tfm__folder *f, const tfm_json_node *all, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (const tfm_json_node *x = tfm_json_first(all); x; x = tfm_json_next(x)) {
    tfm__added_token t;
    bool is_token = false;
    char *end = NULL;
    const char *key = tfm_json_key(x);
    TFM_TRY(read_token(f, f->config, x, false, &t, &is_token, err));
    long id = strtol(key, &end, 10);
    if (!is_token || end == key || *end || id < 0 || id > TFM__HIGHEST_ID) {
      return tfm_fail(
          err, TFM_E_FORMAT,
          "tokenizer_config.json: added_tokens_decoder: %s: want an id up to %d and "
          "a token",
          key, TFM__HIGHEST_ID);
    }
    t.id = (int32_t)id;
    TFM_TRY(append(&f->listed, &t, err));
  }
  sort_listed(f);

fail:
  return st;
}

static tfm_status read_list(tfm__folder *f, const tfm_json *json, const tfm_json_node *all,
                            bool special, tfm__token_list *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (const tfm_json_node *x = tfm_json_first(all); x; x = tfm_json_next(x)) {
    tfm__added_token t;
    bool is_token = false;
    TFM_TRY(read_token(f, json, x, special, &t, &is_token, err));
    if (is_token) {
      TFM_TRY(append(out, &t, err));
    }
  }

fail:
  return st;
}

static bool ends_with(const char *s, const char *end)
{
  size_t n = strlen(s);
  size_t k = strlen(end);
  return n >= k && strcmp(s + n - k, end) == 0;
}

/* One member of either file that names a token: a role, or another purpose. */
static tfm_status read_named(tfm__folder *f, const tfm_json *json, const tfm_json_node *x,
                             bool special, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__added_token t;
  bool is_token = false;
  int role = 0;
  while (role < TFM__ROLES && strcmp(tfm_json_key(x), role_keys[role]) != 0) {
    ++role;
  }
  if (role == TFM__ROLES && !ends_with(tfm_json_key(x), "_token")) {
    return TFM_OK;
  }
  TFM_TRY(read_token(f, json, x, special, &t, &is_token, err));
  t.special = true;
  if (role < TFM__ROLES) {
    f->said[role] = true;
    f->plain[role] = tfm_json_kind_of(x) == TFM_JSON_STRING;
    f->role[role] = is_token ? t : (tfm__added_token){0};
  } else if (is_token) {
    TFM_TRY(append(&f->named, &t, err));
  }

fail:
  return st;
}

static tfm_status read_tokens(tfm__folder *f, const tfm_json *json, bool special, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  for (const tfm_json_node *x = tfm_json_first(root); x; x = tfm_json_next(x)) {
    TFM_TRY(read_named(f, json, x, special, err));
  }

fail:
  return st;
}

/* The lists of tokenizer_config.json. */
static tfm_status read_config_extra(tfm__folder *f, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(f->config);
  const tfm_json_node *extra = tfm_json_get(root, "extra_special_tokens");
  const tfm_json_node *older = tfm_json_get(root, "additional_special_tokens");
  if (tfm_json_kind_of(extra) == TFM_JSON_OBJECT) {
    if (tfm_json_count(extra)) {
      return read_list(f, f->config, extra, false, &f->named, err);
    }
    extra = NULL;
  }
  bool use_older = older && (!extra || tfm_json_count(extra) == 0);
  f->extra_said = extra || older;
  TFM_TRY(read_list(f, f->config, use_older ? older : extra, false, &f->extra, err));

fail:
  return st;
}

/* special_tokens_map.json counts more than tokenizer_config.json. */
static tfm_status read_map(tfm__folder *f, const tfm_json *map, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(map);
  TFM_TRY(read_tokens(f, map, true, err));
  const tfm_json_node *extra = tfm_json_get(root, "extra_special_tokens");
  if (tfm_json_kind_of(extra) == TFM_JSON_ARRAY) {
    f->extra_said = true;
    TFM_TRY(read_list(f, map, extra, true, &f->extra, err));
  } else {
    TFM_TRY(read_list(f, map, extra, true, &f->named, err));
  }
  TFM_TRY(read_list(f, map, tfm_json_get(root, "additional_special_tokens"), true,
                    &f->usual_extra, err));

fail:
  return st;
}

/* added_tokens.json: {"<token>": 5, ...} */
static tfm_status read_added(tfm__folder *f, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__vocab extra = {0};
  tfm__vocab_init(&extra);
  for (size_t i = 0; i < f->extra.n; ++i) {
    if (tfm__vocab_add(&extra, f->extra.v[i].content, (int32_t)i) == TFM__NO_MEMORY) {
      st = no_memory(err);
      goto fail;
    }
  }
  const tfm_json_node *root = tfm_json_root(json);
  for (const tfm_json_node *x = tfm_json_first(root); x; x = tfm_json_next(x)) {
    tfm__added_token t = {.content = tfm_span_of(tfm_json_key(x))};
    int64_t id = 0;
    TFM_TRY(tfm_json_node_int(json, x, tfm_json_key(x), 0, TFM__HIGHEST_ID, &id, err));
    t.content.p = tfm_arena_strndup(&f->memory, t.content.p, t.content.n);
    if (!t.content.p) {
      st = no_memory(err);
      goto fail;
    }
    t.id = (int32_t)id;
    t.special = is_named(f, t.content) || tfm__vocab_id(&extra, t.content) >= 0;
    t.normalized = !t.special;
    TFM_TRY(append(&f->listed, &t, err));
  }
  sort_listed(f);

fail:
  tfm__vocab_fini(&extra);
  return st;
}

/* ---- the files ---- */

tfm_status tfm__folder_find(tfm__folder *f, const char *name, char **path, tfm_err *err)
{
  size_t n = strlen(f->folder);
  size_t k = strlen(name);
  *path = tfm_arena_alloc(&f->memory, n + k + 2);
  if (!*path) {
    return no_memory(err);
  }
  memcpy(*path, f->folder, n);
  (*path)[n] = '/';
  memcpy(*path + n + 1, name, k + 1);
  if (tfm_path_look(*path) == TFM_PATH_NOTHING) {
    *path = NULL;
  }
  return TFM_OK;
}

static tfm_status open_json(tfm__folder *f, const char *name, tfm_json **out, tfm_err *err)
{
  char *path = NULL;
  tfm_status st = tfm__folder_find(f, name, &path, err);
  *out = NULL;
  return st == TFM_OK && path ? tfm_json_open(out, path, LARGEST_CONFIG, err) : st;
}

tfm_status tfm__folder_open(tfm__folder *f, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *map = NULL;
  tfm_json *added = NULL;
  f->folder = tfm_arena_strndup(&f->memory, folder, strlen(folder));
  if (!f->folder) {
    return no_memory(err);
  }
  TFM_TRY(open_json(f, "tokenizer_config.json", &f->config, err));
  TFM_TRY(open_json(f, "config.json", &f->model, err));
  const tfm_json_node *decoder = NULL;
  if (f->config) {
    decoder = tfm_json_get(tfm_json_root(f->config), "added_tokens_decoder");
    TFM_TRY(read_tokens(f, f->config, false, err));
    TFM_TRY(read_config_extra(f, err));
    TFM_TRY(read_decoder(f, decoder, err));
  }
  if (!decoder) {
    TFM_TRY(open_json(f, "special_tokens_map.json", &map, err));
    if (map) {
      TFM_TRY(read_map(f, map, err));
    }
    TFM_TRY(open_json(f, "added_tokens.json", &added, err));
    if (added) {
      TFM_TRY(read_added(f, added, err));
    }
  }

  if (f->named.n > MOST_NAMED) {
    st = tfm_fail(err, TFM_E_UNSUPPORTED,
                  "tokenizer_config.json: %zu tokens with names of their own; at most %d",
                  f->named.n, MOST_NAMED);
  }

fail:
  tfm_json_close(map);
  tfm_json_close(added);
  return st;
}

void tfm__folder_fini(tfm__folder *f)
{
  tfm_json_close(f->config);
  tfm_json_close(f->model);
  tfm_free(f->listed.v);
  tfm_free(f->named.v);
  tfm_free(f->extra.v);
  tfm_free(f->usual_extra.v);
  tfm_arena_fini(&f->memory);
  *f = (tfm__folder){0};
}

/* ---- asking ---- */

void tfm__folder_usual(tfm__folder *f, tfm__role role, const char *content)
{
  if (!f->said[role]) {
    f->role[role] = (tfm__added_token){.content = tfm_span_of(content), .special = true};
    f->plain[role] = true;
  }
}

void tfm__folder_strip(tfm__folder *f, tfm__role role, bool both)
{
  f->role[role].lstrip |= f->plain[role];
  f->role[role].rstrip |= f->plain[role] && both;
}

void tfm__folder_drop_extra(tfm__folder *f)
{
  f->usual_extra.n = 0;
}

tfm_status tfm__folder_usual_extra(tfm__folder *f, tfm_span content, bool special, tfm_err *err)
{
  const tfm__added_token token = {.content = content, .special = special};
  return append(&f->usual_extra, &token, err);
}

tfm_status tfm__folder_want(const tfm__folder *f, tfm__role role, tfm_span *content,
                            tfm_err *err)
{
  *content = f->role[role].content;
  return content->n
             ? TFM_OK
             : tfm_fail(err, TFM_E_FORMAT, "tokenizer_config.json: %s: want a token, got none",
                        role_keys[role]);
}

tfm_status tfm__folder_bool(const tfm__folder *f, const char *key, bool *out, tfm_err *err)
{
  return f->config ? tfm_json_opt_bool(f->config, tfm_json_root(f->config), key, out, err)
                   : TFM_OK;
}

tfm_status tfm__folder_string(const tfm__folder *f, const char *key, const char **out,
                              tfm_err *err)
{
  return f->config ? tfm_json_opt_string(f->config, tfm_json_root(f->config), key, out, err)
                   : TFM_OK;
}

tfm_status tfm__folder_int(const tfm__folder *f, const char *key, int64_t least, int64_t most,
                           int64_t *out, tfm_err *err)
{
  return f->config
             ? tfm_json_opt_int(f->config, tfm_json_root(f->config), key, least, most, out, err)
             : TFM_OK;
}

/* ---- adding ---- */

tfm_status tfm__folder_class_has_files(const char *tokenizer_class, tfm_err *err)
{
  static const char *const only_json[] = {"TokenizersBackend", "PreTrainedTokenizerFast"};
  for (size_t i = 0; i < sizeof only_json / sizeof only_json[0] && tokenizer_class; ++i) {
    if (strcmp(tokenizer_class, only_json[i]) == 0) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "tokenizer_config.json: tokenizer_class: %s is kept in tokenizer.json, "
                      "which is not in the folder: copy it there too",
                      tokenizer_class);
    }
  }
  return TFM_OK;
}

tfm_status tfm__folder_add_all(const tfm__folder *f, tfm__added *added, tfm_arena *memory,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__token_list *extra = f->extra_said ? &f->extra : &f->usual_extra;
  const struct {
    const tfm__added_token *v;
    size_t n;
  } lists[] = {{f->listed.v, f->listed.n},
               {f->role, TFM__ROLES},
               {f->named.v, f->named.n},
               {extra->v, extra->n}};
  size_t nlisted = 0; /* of added: what a listing says of a token counts */
  for (size_t k = 0; k < sizeof lists / sizeof lists[0]; ++k) {
    for (size_t i = 0; i < lists[k].n; ++i) {
      tfm__added_token t = lists[k].v[i];
      int32_t at = t.content.p ? tfm__vocab_id(&added->ids, t.content) : -1;
      if (!t.content.p || (at >= 0 && (size_t)at < nlisted)) {
        continue;
      }
      t.special |= is_named(f, t.content);
      TFM_TRY(tfm__added_put(added, memory, &t, err));
    }
    nlisted = k == 0 ? added->n : nlisted;
  }

fail:
  return st;
}
