#include "core/model/sentence.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/shown.h"

#include <string.h>

enum { SMALL_FILE = 1 << 20, MOST_MODULES = 32, MOST_WIDTH = 1 << 20 };

#define POOLING_NAME(name, text, key) [TFM_POOLING_##name] = text,
static const char *const pooling_names[TFM_POOLING_COUNT] = {
    [TFM_POOLING_AUTO] = "auto", TFM_POOLING_MAP(POOLING_NAME)[TFM_POOLING_EACH] = "none"};

#define POOLING_KEY(name, text, key) [TFM_POOLING_##name] = key,
static const char *const pooling_keys[TFM_POOLING_COUNT] = {TFM_POOLING_MAP(POOLING_KEY)};

const char *tfm_pooling_name(tfm_pooling pooling)
{
  return pooling < TFM_POOLING_COUNT ? pooling_names[pooling] : "unknown";
}

/* The reader of one document at a time. */
typedef struct {
  tfm_sentence *s;
  const char *folder;
  tfm_json *json;
  const tfm_json_node *root;
} reading;

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "modules.json");
}

/* Paths in modules.json are plain names below the folder. */
static bool is_plain(const char *path)
{
  return path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 &&
         !strstr(path, "/..");
}

static tfm_status open_json(reading *r, const char *path, const char *name, tfm_err *err)
{
  char *where = path[0] ? tfm_path_join(r->folder, path) : NULL;
  char *file = path[0] && !where ? NULL : tfm_path_join(where ? where : r->folder, name);
  tfm_json_close(r->json);
  r->json = NULL;
  tfm_status st = file ? tfm_json_open(&r->json, file, SMALL_FILE, err) : no_memory(err);
  r->root = st == TFM_OK ? tfm_json_root(r->json) : NULL;
  if (st == TFM_OK &&
      tfm_json_kind_of(r->root) !=
          (strcmp(name, "modules.json") == 0 ? TFM_JSON_ARRAY : TFM_JSON_OBJECT)) {
    st = tfm_fail(err, TFM_E_FORMAT, "%s: want an %s at the top", name,
                  strcmp(name, "modules.json") == 0 ? "array" : "object");
  } else if (st == TFM_E_MISSING) {
    (void)tfm_fail(err, TFM_E_FORMAT, "modules.json names %s, but %s/%s is not there",
                   tfm__shown_of(path).text, tfm__shown_of(path).text, name);
    st = TFM_E_FORMAT;
  } else if (st != TFM_OK && path[0]) {
    (void)tfm_err_prefix(err, "%s", tfm__shown_of(path).text);
  }
  tfm_free(where);
  tfm_free(file);
  return st;
}

/* ---- pooling ---- */

static tfm_status add_pooling(tfm_sentence *s, const char *word, tfm_err *err)
{
  for (int p = TFM_POOLING_AUTO + 1; p < TFM_POOLING_EACH; ++p) {
    /* the newest folders spell one of them as the old key ends */
    if (strcmp(word, pooling_names[p]) == 0 ||
        (p == TFM_POOLING_MEAN_SQRT_LEN && strcmp(word, "mean_sqrt_len_tokens") == 0)) {
      if (s->npool == TFM__POOLING_MOST) {
        return tfm_fail(err, TFM_E_FORMAT, "pooling_mode: want at most %d modes",
                        TFM__POOLING_MOST);
      }
      s->pool[s->npool++] = (tfm_pooling)p;
      return TFM_OK;
    }
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED, "pooling_mode: \"%s\" is not supported",
                  tfm__shown_of(word).text);
}

static tfm_status read_new_modes(reading *r, const tfm_json_node *mode, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (tfm_json_text(mode)) {
    return add_pooling(r->s, tfm_json_text(mode), err);
  }
  if (tfm_json_kind_of(mode) != TFM_JSON_ARRAY) {
    return tfm_fail(err, TFM_E_FORMAT, "pooling_mode: want a string or an array of strings");
  }
  for (const tfm_json_node *n = tfm_json_first(mode); n; n = tfm_json_next(n)) {
    TFM_TRY(add_pooling(r->s, tfm_json_text(n) ? tfm_json_text(n) : "", err));
  }

fail:
  return st;
}

static tfm_status read_pooling(reading *r, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_sentence *s = r->s;
  bool include_prompt = true;
  TFM_TRY(open_json(r, path, "config.json", err));
  const tfm_json_node *mode = tfm_json_get(r->root, "pooling_mode");
  s->npool = 0;
  if (mode) {
    TFM_TRY(read_new_modes(r, mode, err));
  }
  for (int p = TFM_POOLING_AUTO + 1; p < TFM_POOLING_EACH && !mode; ++p) {
    bool on = false;
    TFM_TRY(tfm_json_opt_bool(r->json, r->root, pooling_keys[p], &on, err));
    if (on) {
      s->pool[s->npool++] = (tfm_pooling)p;
    }
  }
  if (s->npool == 0) {
    s->pool[s->npool++] = TFM_POOLING_MEAN;
  }
  TFM_TRY(tfm_json_opt_bool(r->json, r->root, "include_prompt", &include_prompt, err));
  s->after_prompt = !include_prompt;

fail:
  return st;
}

/* ---- dense ---- */

/* By the class's name, whatever module path is before it. */
static tfm_status read_activation(reading *r, tfm__step *step, tfm_err *err)
{
  static const struct {
    const char *name;
    tfm_activation act;
  } known[] = {{"Identity", TFM_ACT_NONE},
               {"Tanh", TFM_ACT_TANH},
               {"ReLU", TFM_ACT_RELU},
               {"GELU", TFM_ACT_GELU},
               {"SiLU", TFM_ACT_SILU}};
  const char *name = "Tanh";
  tfm_status st = tfm_json_opt_string(r->json, r->root, "activation_function", &name, err);
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; st == TFM_OK && i < sizeof known / sizeof known[0]; ++i) {
    if (strcmp(dot ? dot + 1 : name, known[i].name) == 0) {
      step->act = known[i].act;
      return TFM_OK;
    }
  }
  return st != TFM_OK
             ? st
             : tfm_fail(err, TFM_E_UNSUPPORTED, "activation_function: \"%s\" is not supported",
                        tfm__shown_of(name).text);
}

/* Only the vector itself can go through a dense step, and nothing beside it. */
static tfm_status refuse_other_dense(reading *r, tfm_err *err)
{
  static const char *const keys[] = {"module_input_name", "module_output_name"};
  bool residual = false;
  tfm_status st = tfm_json_opt_bool(r->json, r->root, "use_residual", &residual, err);
  if (st == TFM_OK && residual) {
    return tfm_fail(err, TFM_E_UNSUPPORTED, "use_residual: true is not supported");
  }
  for (int i = 0; i < 2 && st == TFM_OK; ++i) {
    const char *name = "sentence_embedding";
    st = tfm_json_opt_string(r->json, r->root, keys[i], &name, err);
    if (st == TFM_OK && strcmp(name, "sentence_embedding") != 0) {
      st = tfm_fail(err, TFM_E_UNSUPPORTED, "%s: \"%s\" is not supported", keys[i],
                    tfm__shown_of(name).text);
    }
  }
  return st;
}

static tfm_status read_dense(reading *r, tfm__step *step, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char *path = NULL;
  step->bias = true;
  TFM_TRY(open_json(r, step->path, "config.json", err));
  TFM_TRY(tfm_json_want_int(r->json, r->root, "in_features", 1, MOST_WIDTH, &step->in, err));
  TFM_TRY(tfm_json_want_int(r->json, r->root, "out_features", 1, MOST_WIDTH, &step->out, err));
  TFM_TRY(tfm_json_opt_bool(r->json, r->root, "bias", &step->bias, err));
  TFM_TRY(read_activation(r, step, err));
  TFM_TRY(refuse_other_dense(r, err));
  path = tfm_path_join(r->folder, step->path);
  TFM_TRY(path ? tfm_checkpoint_open(&step->checkpoint, path, err) : no_memory(err));

fail:
  tfm_free(path);
  if (st != TFM_OK) {
    (void)tfm_err_prefix(err, "%s", tfm__shown_of(step->path).text);
  }
  return st;
}

/* ---- the chain ---- */

static tfm_status add_step(reading *r, tfm__step_kind kind, const char *path, tfm_err *err)
{
  tfm_sentence *s = r->s;
  if (s->nstep == TFM__STEP_MOST) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "modules.json: more than %d modules after the pooling", TFM__STEP_MOST);
  }
  tfm__step *step = &s->steps[s->nstep++];
  *step = (tfm__step){.kind = kind, .path = path};
  return kind == TFM__STEP_DENSE ? read_dense(r, step, err) : TFM_OK;
}

static tfm_status add_module(reading *r, int i, const char *type, const char *path,
                             tfm_err *err)
{
  tfm_sentence *s = r->s;
  const char *dot = strrchr(type, '.');
  const char *name = dot ? dot + 1 : type;
  if (i == 0 && strcmp(name, "Transformer") == 0) {
    s->body = path;
    return TFM_OK;
  }
  if (i == 1 && strcmp(name, "Pooling") == 0) {
    return read_pooling(r, path, err);
  }
  if (i >= 2 && strcmp(name, "Dense") == 0) {
    return add_step(r, TFM__STEP_DENSE, path, err);
  }
  if (i >= 2 && strcmp(name, "Normalize") == 0) {
    return add_step(r, TFM__STEP_NORMALIZE, path, err);
  }
  if (i >= 2 && strcmp(name, "Dropout") == 0) {
    return TFM_OK; /* does nothing when a model is used */
  }
  return tfm_fail(err, TFM_E_UNSUPPORTED,
                  "modules.json: module %d, \"%s\", is not supported here; supported are: "
                  "Transformer, Pooling, then Dense, Normalize, Dropout",
                  i, tfm__shown_of(type).text);
}

/* The modules in the order they run; their strings must outlive the documents read in between. */
static tfm_status read_modules(reading *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *type[MOST_MODULES];
  const char *path[MOST_MODULES];
  int n = 0;
  TFM_TRY(open_json(r, "", "modules.json", err));
  for (const tfm_json_node *m = tfm_json_first(r->root); m; m = tfm_json_next(m)) {
    const char *a = tfm_json_text(tfm_json_get(m, "type"));
    const char *b = tfm_json_text(tfm_json_get(m, "path"));
    if (!a || !b || !is_plain(b) || n == MOST_MODULES) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                       "modules.json: module %d: want a type, and a path inside the folder",
                       n));
    }
    type[n] = tfm_arena_strndup(&r->s->arena, a, strlen(a));
    path[n] = tfm_arena_strndup(&r->s->arena, b, strlen(b));
    if (!type[n] || !path[n]) {
      TFM_TRY(no_memory(err));
    }
    ++n;
  }
  for (int i = 0; i < n; ++i) {
    TFM_TRY(add_module(r, i, type[i], path[i], err));
  }
  if (n < 2) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "modules.json: want at least a Transformer and a Pooling, got %d modules",
                     n));
  }

fail:
  return st;
}

/* Whether folder/name is there. */
static tfm_status look_for(const reading *r, const char *name, bool *there, tfm_err *err)
{
  char *path = tfm_path_join(r->folder, name);
  if (!path) {
    return no_memory(err);
  }
  *there = tfm_path_look(path) != TFM_PATH_NOTHING;
  tfm_free(path);
  return TFM_OK;
}

/* A cross-encoder's folder has a modules.json too, but its head is the model's own. */
static tfm_status is_ranker(reading *r, bool *ranker, tfm_err *err)
{
  static const char name[] = "config_sentence_transformers.json";
  tfm_status st = TFM_OK;
  bool there = false;
  *ranker = false;
  TFM_TRY(look_for(r, name, &there, err));
  if (there) {
    TFM_TRY(open_json(r, "", name, err));
    const char *type = tfm_json_text(tfm_json_get(r->root, "model_type"));
    *ranker = type && strcmp(type, "CrossEncoder") == 0;
  }

fail:
  return st;
}

tfm_status tfm__sentence_read(tfm_sentence *s, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  reading r = {.s = s, .folder = folder};
  bool there = false;
  bool ranker = false;
  *s = (tfm_sentence){.body = ""};
  TFM_TRY(look_for(&r, "modules.json", &there, err));
  if (there) {
    TFM_TRY(is_ranker(&r, &ranker, err));
  }
  if (there && !ranker) {
    TFM_TRY(read_modules(&r, err));
    s->there = true;
  }

fail:
  tfm_json_close(r.json);
  if (st != TFM_OK) {
    tfm__sentence_fini(s);
  }
  return st;
}

void tfm__sentence_fini(tfm_sentence *s)
{
  for (int i = 0; i < s->nstep; ++i) {
    tfm_checkpoint_close(s->steps[i].checkpoint);
  }
  tfm_arena_fini(&s->arena);
  *s = (tfm_sentence){.there = false};
}

/* ---- weights ---- */

static tfm_status find_tensor(const tfm__step *step, const char *name, int ndim,
                              const tfm_tensor_info **out, tfm_err *err)
{
  const tfm_tensor_info *info = tfm_checkpoint_find(step->checkpoint, name);
  *out = info;
  if (!info) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: tensor %s is not there",
                    tfm__shown_of(step->path).text, name);
  }
  if (info->ndim != ndim || info->dim[0] != step->out ||
      (ndim == 2 && info->dim[1] != step->in)) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s: %s: want %lld outputs of %lld inputs as its config.json says, got "
                    "another shape",
                    tfm__shown_of(step->path).text, name, (long long)step->out,
                    (long long)step->in);
  }
  if (!tfm_dtype_is_weight(info->dtype)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED, "%s: %s: dtype %s: want F32, F16 or BF16",
                    tfm__shown_of(step->path).text, name, tfm_dtype_name(info->dtype));
  }
  return TFM_OK;
}

tfm_status tfm__sentence_check(const tfm_sentence *s, int64_t width, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int i = 0; i < s->nstep; ++i) {
    const tfm__step *step = &s->steps[i];
    const tfm_tensor_info *info = NULL;
    if (step->kind != TFM__STEP_DENSE) {
      continue;
    }
    if (step->in != width) {
      TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                       "%s/config.json: in_features: want %lld, the width of the vector before "
                       "it, got %lld",
                       tfm__shown_of(step->path).text, (long long)width, (long long)step->in));
    }
    TFM_TRY(find_tensor(step, "linear.weight", 2, &info, err));
    if (step->bias) {
      TFM_TRY(find_tensor(step, "linear.bias", 1, &info, err));
    }
    width = step->out;
  }

fail:
  return st;
}

tfm_status tfm__sentence_dense(const tfm_sentence *s, int i, float **weight, float **bias,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__step *step = &s->steps[i];
  const tfm_tensor_info *info = NULL;
  *weight = tfm_alloc_aligned((size_t)(step->out * step->in), sizeof **weight);
  *bias = step->bias ? tfm_alloc_aligned((size_t)step->out, sizeof **bias) : NULL;
  if (!*weight || (step->bias && !*bias)) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "%s: %lld x %lld weights",
                     tfm__shown_of(step->path).text, (long long)step->out,
                     (long long)step->in));
  }
  TFM_TRY(find_tensor(step, "linear.weight", 2, &info, err));
  TFM_TRY(tfm_checkpoint_read(step->checkpoint, info, *weight, err));
  if (step->bias) {
    TFM_TRY(find_tensor(step, "linear.bias", 1, &info, err));
    TFM_TRY(tfm_checkpoint_read(step->checkpoint, info, *bias, err));
  }
  return TFM_OK;

fail:
  tfm_free(*weight);
  tfm_free(*bias);
  *weight = *bias = NULL;
  return st;
}

/* The decisions are digested as they were understood, so that a file's layout does not matter. */
tfm_status tfm__sentence_digest(const tfm_sentence *s, bool full, tfm_sha256 *sha, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {.data = NULL};
  if (!s->there) {
    return TFM_OK;
  }
  (void)tfm_buf_printf(&text, "modules %d", s->after_prompt);
  for (int i = 0; i < s->npool; ++i) {
    (void)tfm_buf_printf(&text, " %s", tfm_pooling_name(s->pool[i]));
  }
  for (int i = 0; i < s->nstep; ++i) {
    const tfm__step *step = &s->steps[i];
    (void)tfm_buf_printf(&text, " %d:%lld:%lld:%d:%d", (int)step->kind, (long long)step->in,
                         (long long)step->out, step->bias, (int)step->act);
  }
  if (text.failed) {
    TFM_TRY(no_memory(err));
  }
  tfm_sha256_add(sha, text.data, text.n);
  for (int i = 0; i < s->nstep; ++i) {
    if (s->steps[i].checkpoint) {
      TFM_TRY(tfm_checkpoint_digest(s->steps[i].checkpoint, full, sha, err));
    }
  }

fail:
  tfm_buf_fini(&text);
  return st;
}
