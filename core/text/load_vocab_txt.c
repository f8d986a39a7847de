/* A folder of the older kind: vocab.txt, a token a line, with tokenizer_config.json and
 * special_tokens_map.json where these are. It is turned into the tokenizer.json it stands for and
 * read as such, so that there is one way to build a tokenizer. What stands for what is as in
 * transformers' BertTokenizer. */
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/folder.h"
#include "core/text/tokenizer_private.h"
#include "core/text/unicode.h"

#include <stdlib.h>
#include <string.h>

enum {
  LARGEST_VOCAB = 512 << 20,
  LARGEST_CONFIG = 64 << 20,
  LARGEST_LENGTH = 1 << 30 /* a model_max_length beyond is how transformers says "none" */
};

/* The special tokens by what they are for, in the order in which missing ones get ids. */
enum { UNK = 2, SEP = 3, PAD = 4, CLS = 5, MASK = 6, NROLE = 7 };
static const struct {
  const char *key, *usual;
} roles[NROLE] = {{"bos_token", NULL},     {"eos_token", NULL},    {"unk_token", "[UNK]"},
                  {"sep_token", "[SEP]"},  {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"},
                  {"mask_token", "[MASK]"}};

typedef struct {
  tfm_arena memory;
  tfm__vocab vocab;
  bool lower, ideographs;
  int strip; /* -1: as lower */
  tfm__added_token role[NROLE];
  tfm__added_token *other; /* of added_tokens_decoder, then additional ones */
  size_t nother, other_cap;
  size_t nlisted; /* of added_tokens_decoder */
} recipe;

/* ---- vocab.txt ---- */

static size_t trimmed(const char *p, size_t n)
{
  while (n > 0) {
    size_t k = n - 1;
    size_t len = 0;
    while (k > 0 && ((unsigned char)p[k] & 0xc0) == 0x80) {
      --k;
    }
    if (!(tfm__unicode_class(tfm_utf8_decode(p + k, &len)) & TFM__SPACE)) {
      break;
    }
    n = k;
  }
  return n;
}

static tfm_status add_line(recipe *c, tfm_span token, size_t line, const char *name,
                           tfm_err *err)
{
  if (line > TFM__HIGHEST_ID) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: more than %d lines", name, TFM__HIGHEST_ID + 1);
  }
  tfm__vocab_answer answer = tfm__vocab_add(&c->vocab, token, (int32_t)line);
  if (answer == TFM__SAME_TEXT) {
    answer = tfm__vocab_move(&c->vocab, token, (int32_t)line); /* the last line counts */
  }
  return answer == TFM__ADDED ? TFM_OK
                              : tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
}

static tfm_status read_lines(recipe *c, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  const char *name = tfm_path_base(path);
  size_t bad = 0;
  size_t line = 0;
  TFM_TRY(tfm_file_read_all(path, LARGEST_VOCAB, &text, err));
  if (!tfm_utf8_valid(text.data, text.n, &bad)) {
    st = tfm_fail(err, TFM_E_FORMAT, "%s: byte %zu: the vocabulary is not UTF-8", name, bad);
    goto fail;
  }
  for (size_t i = 0; i < text.n; ++line) {
    const char *p = text.data + i;
    const char *end = memchr(p, '\n', text.n - i);
    size_t n = end ? (size_t)(end - p) : text.n - i;
    TFM_TRY(add_line(c, (tfm_span){p, trimmed(p, n)}, line, name, err));
    i += n + 1;
  }

fail:
  tfm_buf_fini(&text);
  return st;
}

/* ---- tokenizer_config.json and special_tokens_map.json ---- */

/* Open folder/name; *out stays NULL when it is not there. */
static tfm_status open_config(tfm_json **out, const char *folder, const char *name,
                              tfm_err *err)
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

/* A token as a string, or as an object with "content" and flags. Other kinds leave it alone;
 * null takes it away. */
static tfm_status read_token(recipe *c, const tfm_json *json, const tfm_json_node *node,
                             tfm__added_token *t, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *content = tfm_json_text(node);
  tfm_json_kind kind = tfm_json_kind_of(node);
  bool special = t->special;
  if (kind == TFM_JSON_NULL) {
    t->content = (tfm_span){NULL, 0};
    return TFM_OK;
  }
  if (kind == TFM_JSON_OBJECT) {
    *t = (tfm__added_token){.special = special};
    TFM_TRY(tfm_json_want_string(json, node, "content", &content, err));
    TFM_TRY(tfm_json_opt_bool(json, node, "lstrip", &t->lstrip, err));
    TFM_TRY(tfm_json_opt_bool(json, node, "rstrip", &t->rstrip, err));
    TFM_TRY(tfm_json_opt_bool(json, node, "single_word", &t->single_word, err));
    TFM_TRY(tfm_json_opt_bool(json, node, "normalized", &t->normalized, err));
  } else if (kind == TFM_JSON_STRING) {
    *t = (tfm__added_token){.special = special};
  } else {
    return TFM_OK;
  }
  t->content.n = strlen(content);
  t->content.p = tfm_arena_strndup(&c->memory, content, t->content.n);
  if (!t->content.p) {
    return tfm_fail(err, TFM_E_NOMEM, "not enough memory for the special tokens");
  }

fail:
  return st;
}

static tfm_status add_other(recipe *c, tfm__added_token t, tfm_err *err)
{
  if (c->nother == c->other_cap) {
    size_t cap = c->other_cap ? c->other_cap * 2 : 16;
    tfm__added_token *v = tfm_realloc(c->other, cap, sizeof *v);
    if (!v) {
      return tfm_fail(err, TFM_E_NOMEM, "not enough memory for the added tokens");
    }
    c->other = v;
    c->other_cap = cap;
  }
  c->other[c->nother++] = t;
  return TFM_OK;
}

static int by_id(const void *a, const void *b)
{
  const tfm__added_token *x = a;
  const tfm__added_token *y = b;
  return (x->id > y->id) - (x->id < y->id);
}

/* {"5": {"content": ..., flags}, ...} */
static tfm_status read_decoder(recipe *c, const tfm_json *json, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *all = tfm_json_get(tfm_json_root(json), "added_tokens_decoder");
  for (const tfm_json_node *x = tfm_json_first(all); x; x = tfm_json_next(x)) {
    tfm__added_token t = {0};
    TFM_TRY(read_token(c, json, x, &t, err));
    if (tfm_json_kind_of(x) == TFM_JSON_OBJECT) {
      TFM_TRY(tfm_json_opt_bool(json, x, "special", &t.special, err));
    }
    t.id = (int32_t)strtol(tfm_json_key(x), NULL, 10);
    TFM_TRY(add_other(c, t, err));
  }
  if (c->nother) {
    qsort(c->other, c->nother, sizeof *c->other, by_id);
  }
  c->nlisted = c->nother;

fail:
  return st;
}

/* Roles and additional special tokens of either file. */
static tfm_status read_names(recipe *c, const tfm_json *json, tfm_err *err)
{
  static const char *const more[] = {"additional_special_tokens", "extra_special_tokens"};
  tfm_status st = TFM_OK;
  const tfm_json_node *root = tfm_json_root(json);
  for (const tfm_json_node *x = tfm_json_first(root); x; x = tfm_json_next(x)) {
    for (int i = 0; i < NROLE; ++i) {
      if (strcmp(tfm_json_key(x), roles[i].key) == 0) {
        TFM_TRY(read_token(c, json, x, &c->role[i], err));
      }
    }
  }
  for (size_t i = 0; i < sizeof more / sizeof more[0]; ++i) {
    const tfm_json_node *x = tfm_json_first(tfm_json_get(root, more[i]));
    for (; x; x = tfm_json_next(x)) {
      tfm__added_token t = {.special = true};
      TFM_TRY(read_token(c, json, x, &t, err));
      TFM_TRY(add_other(c, t, err));
    }
  }

fail:
  return st;
}

/* Families that tokenize exactly as BERT does. */
static tfm_status check_class(const tfm_json *json, tfm_err *err)
{
  static const char *const same[] = {"BertTokenizer",        "DistilBertTokenizer",
                                     "ElectraTokenizer",     "MobileBertTokenizer",
                                     "SqueezeBertTokenizer", "LayoutLMTokenizer",
                                     "LxmertTokenizer",      "RetriBertTokenizer",
                                     "ConvBertTokenizer",    "DPRQuestionEncoderTokenizer"};
  const char *name = NULL;
  tfm_status st = tfm_json_opt_string(json, tfm_json_root(json), "tokenizer_class", &name, err);
  if (st == TFM_OK) {
    st = tfm__folder_class_has_files(name, err);
  }
  if (st != TFM_OK || !name) {
    return st;
  }
  for (size_t i = 0; i < sizeof same / sizeof same[0]; ++i) {
    size_t n = strlen(same[i]);
    if (strncmp(name, same[i], n) == 0 && (name[n] == '\0' || strcmp(name + n, "Fast") == 0)) {
      return TFM_OK;
    }
  }
  return tfm_fail(
      err, TFM_E_UNSUPPORTED,
      "tokenizer_config.json: tokenizer_class: %s with a vocab.txt is not supported; "
      "BertTokenizer and its like are (or save the folder with a tokenizer.json)",
      name);
}

static tfm_status read_configs(recipe *c, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *config = NULL;
  tfm_json *map = NULL;
  bool strip = false;
  TFM_TRY(open_config(&config, folder, "tokenizer_config.json", err));
  TFM_TRY(open_config(&map, folder, "special_tokens_map.json", err));
  if (config) {
    const tfm_json_node *root = tfm_json_root(config);
    TFM_TRY(check_class(config, err));
    TFM_TRY(tfm_json_opt_bool(config, root, "do_lower_case", &c->lower, err));
    TFM_TRY(tfm_json_opt_bool(config, root, "tokenize_chinese_chars", &c->ideographs, err));
    if (tfm_json_get(root, "strip_accents")) {
      TFM_TRY(tfm_json_opt_bool(config, root, "strip_accents", &strip, err));
      c->strip = strip;
    }
    TFM_TRY(read_decoder(c, config, err));
    TFM_TRY(read_names(c, config, err));
  }
  if (map && c->nlisted == 0) {
    TFM_TRY(read_names(c, map, err));
  }

fail:
  tfm_json_close(config);
  tfm_json_close(map);
  return st;
}

/* ---- the tokenizer.json it stands for ---- */

static const char *word(bool x)
{
  return x ? "true" : "false";
}

static void write_added(tfm_buf *b, const tfm__added_token *t)
{
  if (!t->content.p) {
    return;
  }
  (void)tfm_buf_str(b, b->data[b->n - 1] == '[' ? "" : ",");
  (void)tfm_buf_str(b, "{\"id\":0,\"content\":");
  (void)tfm_buf_json_string(b, t->content);
  (void)tfm_buf_printf(b,
                       ",\"single_word\":%s,\"lstrip\":%s,\"rstrip\":%s,\"normalized\":%s,"
                       "\"special\":%s}",
                       word(t->single_word), word(t->lstrip), word(t->rstrip),
                       word(t->normalized), word(t->special));
}

static void write_added_tokens(tfm_buf *b, const recipe *c)
{
  (void)tfm_buf_str(b, "\"added_tokens\":[");
  for (size_t i = 0; i < c->nlisted; ++i) {
    write_added(b, &c->other[i]);
  }
  for (int i = 0; i < NROLE; ++i) {
    write_added(b, &c->role[i]);
  }
  for (size_t i = c->nlisted; i < c->nother; ++i) {
    write_added(b, &c->other[i]);
  }
  (void)tfm_buf_str(b, "],");
}

static void write_model(tfm_buf *b, const recipe *c)
{
  (void)tfm_buf_printf(b,
                       "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
                       "\"handle_chinese_chars\":%s,\"strip_accents\":%s,\"lowercase\":%s},",
                       word(c->ideographs), c->strip < 0 ? "null" : word(c->strip > 0),
                       word(c->lower));
  (void)tfm_buf_str(b,
                    "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
                    "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},"
                    "\"model\":{\"type\":\"WordPiece\",\"unk_token\":");
  (void)tfm_buf_json_string(b, c->role[UNK].content);
  (void)tfm_buf_str(b, ",\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,"
                       "\"vocab\":{");
  for (size_t i = 0; i < c->vocab.n; ++i) {
    const tfm__vocab_entry *e = &c->vocab.entry[i];
    (void)tfm_buf_str(b, i ? "," : "");
    (void)tfm_buf_json_string(b, tfm__vocab_entry_text(&c->vocab, e));
    (void)tfm_buf_printf(b, ":%d", (int)e->id);
  }
  (void)tfm_buf_str(b, "}}}");
}

static const tfm__place *own_template(tfm_tokenizer *t, const recipe *c)
{
  tfm__place *v = tfm_arena_alloc(&t->memory, 5 * sizeof *v);
  const int order[5] = {CLS, -1, SEP, -1, SEP};
  for (int i = 0; v && i < 5; ++i) {
    v[i] = (tfm__place){.what = i == 1 ? TFM__FIRST : TFM__SECOND, .type_id = i > 2};
    if (order[i] >= 0) {
      const tfm__added_token *x = tfm__added_by_text(&t->added, c->role[order[i]].content);
      v[i] = (tfm__place){TFM__SPECIAL, i > 2, x->id, x->content};
    }
  }
  return v;
}

static tfm_status check_recipe(const recipe *c, const char *name, tfm_err *err)
{
  static const int needed[] = {UNK, SEP, CLS};
  for (size_t i = 0; i < sizeof needed / sizeof needed[0]; ++i) {
    const tfm__added_token *t = &c->role[needed[i]];
    if (t->content.n == 0) {
      return tfm_fail(err, TFM_E_FORMAT, "tokenizer_config.json: %s: want a token, got none",
                      roles[needed[i]].key);
    }
  }
  tfm_span unknown = c->role[UNK].content;
  if (tfm__vocab_id(&c->vocab, unknown) < 0) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s: the unknown token \"%.*s\" is not in the vocabulary", name,
                    unknown.n > 64 ? 64 : (int)unknown.n, unknown.p);
  }
  return TFM_OK;
}

static tfm_status build(tfm_tokenizer *t, const recipe *c, const char *name, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf b = {0};
  (void)tfm_buf_str(&b, "{");
  write_added_tokens(&b, c);
  write_model(&b, c);
  if (b.failed) {
    st = tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
    goto fail;
  }
  TFM_TRY(tfm__load_json(t, name, tfm_buf_view(&b), NULL, err));
  const tfm__place *places = own_template(t, c);
  tfm__template *finish = tfm_arena_alloc(&t->memory, sizeof *finish);
  if (!places || !finish) {
    st = tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
    goto fail;
  }
  *finish = (tfm__template){.single = places, .nsingle = 3, .pair = places, .npair = 5};
  t->finish = finish;

fail:
  tfm_buf_fini(&b);
  return st;
}

tfm_status tfm__load_vocab_txt(tfm_tokenizer *t, const char *path, const char *folder,
                               tfm_err *err)
{
  tfm_status st = TFM_OK;
  recipe c = {.lower = true, .ideographs = true, .strip = -1};
  tfm__vocab_init(&c.vocab);
  for (int i = 0; i < NROLE; ++i) {
    c.role[i].special = true;
    if (roles[i].usual) {
      c.role[i].content = tfm_span_of(roles[i].usual);
    }
  }
  TFM_TRY(read_lines(&c, path, err));
  TFM_TRY(read_configs(&c, folder, err));
  TFM_TRY(check_recipe(&c, tfm_path_base(path), err));
  TFM_TRY(build(t, &c, tfm_path_base(path), err));

fail:
  tfm__vocab_fini(&c.vocab);
  tfm_arena_fini(&c.memory);
  tfm_free(c.other);
  return st;
}

tfm_status tfm__load_limits(tfm_tokenizer *t, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *config = NULL;
  double length = 0;
  const char *side = NULL;
  TFM_TRY(open_config(&config, folder, "tokenizer_config.json", err));
  if (!config) {
    return TFM_OK;
  }
  const tfm_json_node *root = tfm_json_root(config);
  TFM_TRY(tfm_json_opt_double(config, root, "model_max_length", 0, 1e300, &length, err));
  TFM_TRY(tfm_json_opt_string(config, root, "truncation_side", &side, err));
  if (side) {
    t->truncate_left = strcmp(side, "left") == 0;
  }
  t->model_max_length = length <= LARGEST_LENGTH ? (size_t)length : 0;
  const tfm_json_node *unknown = tfm_json_get(root, "unk_token");
  const char *content = tfm_json_text(unknown);
  content = content ? content : tfm_json_text(tfm_json_get(unknown, "content"));
  if (content) {
    t->named_unknown = tfm_tokenizer_id(t, tfm_span_of(content));
  }

fail:
  tfm_json_close(config);
  return st;
}
