#include "core/text/recipe.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <stdio.h>
#include <string.h>

enum { LARGEST_VOCAB = 512 << 20 };

static tfm_status no_memory(const tfm__recipe *r, tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
}

const char *tfm__recipe_word(bool x)
{
  return x ? "true" : "false";
}

/* ---- files ---- */

tfm_status tfm__recipe_file(tfm__recipe *r, const char *name, const char **path, tfm_err *err)
{
  char *found = NULL;
  tfm_status st = tfm__folder_find(&r->f, name, &found, err);
  if (st == TFM_OK && !found) {
    return tfm_fail(
        err, TFM_E_MISSING,
        "%s: neither tokenizer.json nor %s, which a %s is made of, is in it; copy it "
        "from where the checkpoint comes from",
        r->f.folder, name, r->kind);
  }
  *path = found;
  return st;
}

tfm_status tfm__recipe_bytes(tfm__recipe *r, int k, const char *path, tfm_err *err)
{
  return tfm_file_read_all(path, LARGEST_VOCAB, &r->file[k], err);
}

tfm_status tfm__recipe_text(tfm__recipe *r, int k, const char *path, tfm_err *err)
{
  size_t bad = 0;
  tfm_status st = tfm__recipe_bytes(r, k, path, err);
  if (st == TFM_OK && !tfm_utf8_valid(r->file[k].data, r->file[k].n, &bad)) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: byte %zu: the vocabulary is not UTF-8",
                    tfm_path_base(path), bad);
  }
  return st;
}

tfm_status tfm__recipe_token(tfm__recipe *r, tfm_span token, int64_t id, const char *name,
                             const char *what, size_t at, tfm_err *err)
{
  if (id < 0 || id > TFM__HIGHEST_ID) {
    return tfm_fail(err, TFM_E_FORMAT, "%s: %s %zu: the id %lld is beyond %d", name, what, at,
                    (long long)id, TFM__HIGHEST_ID);
  }
  switch (tfm__vocab_add(&r->t->vocab, token, (int32_t)id)) {
  case TFM__ADDED:
    return TFM_OK;
  case TFM__SAME_TEXT:
    return tfm_fail(err, TFM_E_FORMAT, "%s: %s %zu: the token \"%.*s\" stands there twice",
                    name, what, at, token.n > 64 ? 64 : (int)token.n, token.n ? token.p : "");
  case TFM__SAME_ID:
    return tfm_fail(err, TFM_E_FORMAT, "%s: %s %zu: another token has the id %lld already",
                    name, what, at, (long long)id);
  case TFM__NO_MEMORY:
  default:
    return no_memory(r, err);
  }
}

tfm_status tfm__recipe_merge(tfm__recipe *r, tfm_span left, tfm_span right, tfm_err *err)
{
  if (r->given.nmerge == r->merge_cap) {
    size_t cap = r->merge_cap ? r->merge_cap * 2 : 1024;
    struct tfm__given_merge *v = tfm_realloc(r->merge, cap, sizeof *v);
    if (!v) {
      return no_memory(r, err);
    }
    r->merge = v;
    r->merge_cap = cap;
  }
  r->merge[r->given.nmerge++] = (struct tfm__given_merge){left, right};
  return TFM_OK;
}

/* Control and user-defined pieces are found in the text before all else. */
static tfm_status add_marks(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__folder_drop_extra(&r->f);
  for (size_t i = 0; i < r->piece.n; ++i) {
    const tfm__file_piece *piece = &r->piece.v[i];
    if (piece->type == TFM__PIECE_CONTROL || piece->type == TFM__PIECE_USER_DEFINED) {
      TFM_TRY(
          tfm__folder_usual_extra(&r->f, piece->text, piece->type == TFM__PIECE_CONTROL, err));
    }
  }

fail:
  return st;
}

static tfm_status read_pieces(tfm__recipe *r, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__recipe_bytes(r, 0, path, err));
  TFM_TRY(tfm__piece_file_read(&r->piece, tfm_path_base(path), tfm_buf_view(&r->file[0]), err));
  r->given.charsmap = r->piece.charsmap;

fail:
  return st;
}

tfm_status tfm__recipe_pieces(tfm__recipe *r, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(read_pieces(r, path, err));
  TFM_TRY(add_marks(r, err));

fail:
  return st;
}

/* ---- the tokenizer.json ---- */

int32_t tfm__recipe_id(const tfm__recipe *r, tfm_span token)
{
  const tfm__added_token *added = tfm__added_by_text(&r->added, token);
  return added ? added->id : tfm__vocab_id(&r->t->vocab, token);
}

void tfm__recipe_usual(tfm__recipe *r, const char *const content[TFM__ROLES])
{
  for (int role = 0; role < TFM__ROLES; ++role) {
    if (content[role]) {
      tfm__folder_usual(&r->f, (tfm__role)role, content[role]);
    }
  }
}

tfm_status tfm__recipe_extra_ids(tfm__recipe *r, int64_t n, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char room[32];
  for (int64_t i = 0; i < n; ++i) {
    int len = snprintf(room, sizeof room, "<extra_id_%d>", (int)i);
    const char *name = tfm_arena_strndup(&r->f.memory, room, (size_t)len);
    if (!name) {
      return no_memory(r, err);
    }
    TFM_TRY(tfm__folder_usual_extra(&r->f, (tfm_span){name, (size_t)len}, true, err));
  }

fail:
  return st;
}

static void put_added(tfm_buf *b, const tfm__added_token *t)
{
  (void)tfm_buf_printf(b, "{\"id\":%d,\"content\":", (int)t->id);
  (void)tfm_buf_json_string(b, t->content);
  (void)tfm_buf_printf(b,
                       ",\"single_word\":%s,\"lstrip\":%s,\"rstrip\":%s,\"normalized\":%s,"
                       "\"special\":%s}",
                       tfm__recipe_word(t->single_word), tfm__recipe_word(t->lstrip),
                       tfm__recipe_word(t->rstrip), tfm__recipe_word(t->normalized),
                       tfm__recipe_word(t->special));
}

tfm_status tfm__recipe_begin(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__folder_add_all(&r->f, &r->added, &r->f.memory, err));
  tfm__added_assign(&r->added, &r->t->vocab);
  (void)tfm_buf_str(&r->json, "{\"version\":\"1.0\",\"added_tokens\":[");
  for (size_t i = 0; i < r->added.n; ++i) {
    (void)tfm_buf_str(&r->json, i ? "," : "");
    put_added(&r->json, &r->added.tokens[i]);
  }
  (void)tfm_buf_str(&r->json, "]");

fail:
  return st;
}

/* The special token that a letter of a template stands for. */
static tfm_status special_of(const tfm__recipe *r, char letter, tfm_span *token, tfm_err *err)
{
  static const char letters[] = "beuspcm"; /* as tfm__role */
  if (letter == 'l') {
    *token = r->language;
    return TFM_OK;
  }
  const char *role = strchr(letters, letter);
  TFM_ASSERT(role && *role);
  return tfm__folder_want(&r->f, (tfm__role)(role - letters), token, err);
}

static tfm_status put_places(tfm__recipe *r, const char *places, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (const char *p = places; *p; p += 2) {
    (void)tfm_buf_str(&r->json, p == places ? "" : ",");
    if (*p == 'A' || *p == 'B') {
      (void)tfm_buf_printf(&r->json, "{\"Sequence\":{\"id\":\"%c\",\"type_id\":%c}}", p[0],
                           p[1]);
      continue;
    }
    tfm_span token;
    TFM_TRY(special_of(r, *p, &token, err));
    (void)tfm_buf_str(&r->json, "{\"SpecialToken\":{\"id\":");
    (void)tfm_buf_json_string(&r->json, token);
    (void)tfm_buf_printf(&r->json, ",\"type_id\":%c}}", p[1]);
  }

fail:
  return st;
}

/* What the letters of the pair stand for: all of the text's, and more. */
static tfm_status put_specials(tfm__recipe *r, const char *places, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span done[8];
  size_t ndone = 0;
  for (const char *p = places; *p; p += 2) {
    tfm_span token;
    size_t k = 0;
    if (*p == 'A' || *p == 'B') {
      continue;
    }
    TFM_TRY(special_of(r, *p, &token, err));
    while (k < ndone && !tfm_span_eq(done[k], token)) {
      ++k;
    }
    if (k < ndone) {
      continue;
    }
    TFM_ASSERT(ndone < sizeof done / sizeof done[0]);
    done[ndone++] = token;
    int32_t id = tfm__recipe_id(r, token);
    if (id < 0) {
      return tfm_fail(err, TFM_E_FORMAT, "%s: the token \"%.*s\" has no id", r->f.folder,
                      token.n > 64 ? 64 : (int)token.n, token.p);
    }
    (void)tfm_buf_str(&r->json, ndone > 1 ? "," : "");
    (void)tfm_buf_json_string(&r->json, token);
    (void)tfm_buf_str(&r->json, ":{\"id\":");
    (void)tfm_buf_json_string(&r->json, token);
    (void)tfm_buf_printf(&r->json, ",\"ids\":[%d],\"tokens\":[", (int)id);
    (void)tfm_buf_json_string(&r->json, token);
    (void)tfm_buf_str(&r->json, "]}");
  }

fail:
  return st;
}

tfm_status tfm__recipe_template(tfm__recipe *r, const char *single, const char *pair,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  (void)tfm_buf_str(&r->json,
                    ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[");
  TFM_TRY(put_places(r, single, err));
  (void)tfm_buf_str(&r->json, "],\"pair\":[");
  TFM_TRY(put_places(r, pair, err));
  (void)tfm_buf_str(&r->json, "],\"special_tokens\":{");
  TFM_TRY(put_specials(r, pair, err));
  (void)tfm_buf_str(&r->json, "}}");

fail:
  return st;
}

tfm_status tfm__recipe_roberta(tfm__recipe *r, tfm__role first, tfm__role last, bool trim,
                               bool space, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__role order[2] = {last, first};
  const char *const key[2] = {"sep", "cls"};
  (void)tfm_buf_printf(&r->json,
                       ",\"post_processor\":{\"type\":\"RobertaProcessing\","
                       "\"trim_offsets\":%s,\"add_prefix_space\":%s",
                       tfm__recipe_word(trim), tfm__recipe_word(space));
  for (int i = 0; i < 2; ++i) {
    tfm_span token;
    TFM_TRY(tfm__folder_want(&r->f, order[i], &token, err));
    (void)tfm_buf_printf(&r->json, ",\"%s\":[", key[i]);
    (void)tfm_buf_json_string(&r->json, token);
    (void)tfm_buf_printf(&r->json, ",%d]", (int)tfm__recipe_id(r, token));
  }
  (void)tfm_buf_str(&r->json, "}");

fail:
  return st;
}

tfm_status tfm__recipe_bos_eos(tfm__recipe *r, tfm_err *err)
{
  static const char *const single[4] = {"A0", "b0A0", "A0e0", "b0A0e0"};
  static const char *const pair[4] = {"A0B1", "b0A0b1B1", "A0e0B1e1", "b0A0e0b1B1e1"};
  tfm_status st = TFM_OK;
  bool bos = false;
  bool eos = false;
  TFM_TRY(tfm__folder_bool(&r->f, "add_bos_token", &bos, err));
  TFM_TRY(tfm__folder_bool(&r->f, "add_eos_token", &eos, err));
  int k = (bos && r->f.role[TFM__BOS].content.n) + 2 * (eos && r->f.role[TFM__EOS].content.n);
  TFM_TRY(tfm__recipe_template(r, single[k], pair[k], err));

fail:
  return st;
}

/* ---- models that the sentencepiece library runs ---- */

tfm_status tfm__recipe_own_pieces(tfm__recipe *r, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(read_pieces(r, path, err));
  if (r->piece.model != TFM__PIECES_UNIGRAM || !r->piece.marks) {
    st = tfm_fail(err, TFM_E_UNSUPPORTED,
                  "%s: want a Unigram model that escapes blanks; others are not supported",
                  tfm_path_base(path));
  }

fail:
  return st;
}

tfm_status tfm__recipe_by_pieces(tfm__recipe *r, const char *single, const char *pair,
                                 bool codes, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span unknown;
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  const int32_t id = tfm__vocab_id(&r->t->vocab, unknown);
  if (id < 0) {
    return tfm_fail(err, TFM_E_FORMAT, "vocab.json: the unknown token \"%.*s\" is not in it",
                    unknown.n > 64 ? 64 : (int)unknown.n, unknown.p);
  }
  (void)tfm_buf_printf(&r->json, ",\"normalizer\":{\"type\":\"Pieces\",\"language_codes\":%s}",
                       tfm__recipe_word(codes));
  TFM_TRY(tfm__recipe_template(r, single, pair, err));
  (void)tfm_buf_printf(
      &r->json,
      ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Metaspace\","
      "\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":\"always\",\"split\":"
      "true},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":"
      "%llu,\"stop\":%llu}]},\"model\":{\"type\":\"Unigram\",\"unk_id\":%d,"
      "\"vocab\":null,\"pieces\":true,\"language_codes\":%s,"
      "\"byte_fallback\":%s}",
      1ull << 62, 1ull << 62, (int)id, tfm__recipe_word(codes),
      tfm__recipe_word(r->piece.byte_fallback));

fail:
  return st;
}

/* ---- from a folder to a tokenizer ---- */

static bool same_kind(const char *name, const char *kind)
{
  size_t n = strlen(kind);
  return strncmp(name, kind, n) == 0 && (!name[n] || strcmp(name + n, "Fast") == 0);
}

static bool has_type(const char *types, const char *type)
{
  size_t n = strlen(type);
  for (const char *p = n && types ? strstr(types, type) : NULL; p; p = strstr(p + 1, type)) {
    if (p > types && p[-1] == ' ' && p[n] == ' ') {
      return true;
    }
  }
  return false;
}

static tfm_status no_kind(const tfm__recipe *r, const char *path, const char *name,
                          const char *type, const tfm__recipe_kind *kinds, size_t n,
                          tfm_err *err)
{
  tfm_buf names = {0};
  if (!path) {
    return tfm_fail(err, TFM_E_MISSING,
                    "%s: no tokenizer: none of " TFM__TOKENIZER_FILES " is in it", r->f.folder);
  }
  tfm_status st = tfm__folder_class_has_files(name, err);
  if (st != TFM_OK) {
    return st;
  }
  for (size_t i = 0; i < n; ++i) {
    (void)tfm_buf_printf(&names, "%s%s", i ? ", " : "", kinds[i].kind);
  }
  st = tfm_fail(err, TFM_E_UNSUPPORTED,
                "%s: the %s of %s is not supported; those of %s are (say which it is by "
                "tokenizer_class in tokenizer_config.json, or save the folder with a "
                "tokenizer.json)",
                r->f.folder, tfm_path_base(path),
                name   ? name
                : type ? type
                       : "no known tokenizer_class",
                tfm_buf_cstr(&names));
  tfm_buf_fini(&names);
  return st;
}

/* The kind of this class, or of this model_type when no class is named; NULL when there is none. */
static const tfm__recipe_kind *find_kind(const tfm__recipe_kind *kinds, size_t n,
                                         const char *name, const char *type)
{
  for (size_t i = 0; i < n && type; ++i) {
    if (has_type(kinds[i].always, type)) {
      return &kinds[i];
    }
  }
  for (size_t i = 0; i < n; ++i) {
    if (name ? same_kind(name, kinds[i].kind)
             : !kinds[i].types || (type && has_type(kinds[i].types, type))) {
      return &kinds[i];
    }
  }
  return NULL;
}

/* What the files call it: the class in tokenizer_config.json, else in config.json; the type. */
static tfm_status read_names(const tfm__recipe *r, const char **name, const char **type,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__folder_string(&r->f, "tokenizer_class", name, err));
  if (r->f.model) {
    const tfm_json_node *root = tfm_json_root(r->f.model);
    TFM_TRY(tfm_json_opt_string(r->f.model, root, "model_type", type, err));
    if (!*name) {
      TFM_TRY(tfm_json_opt_string(r->f.model, root, "tokenizer_class", name, err));
    }
  }

fail:
  return st;
}

static tfm_status build(tfm__recipe *r, const char *path, const tfm__recipe_kind *kinds,
                        size_t n, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *name = NULL;
  const char *type = NULL;
  TFM_TRY(read_names(r, &name, &type, err));
  const tfm__recipe_kind *kind = find_kind(kinds, n, name, type);
  if (!kind) {
    return no_kind(r, path, name, type, kinds, n, err);
  }
  r->kind = kind->kind;
  TFM_TRY(kind->read(r, path, err));
  TFM_TRY(kind->build(r, err));
  (void)tfm_buf_str(&r->json, "}");
  if (r->json.failed) {
    return no_memory(r, err);
  }
  r->given.merge = r->merge;
  r->given.score = r->score;
  r->given.pieces = r->piece.n ? &r->piece : NULL;
  TFM_TRY(tfm__load_json(r->t, r->f.folder, tfm_buf_view(&r->json), &r->given, err));

fail:
  return st;
}

tfm_status tfm__recipe_run(tfm_tokenizer *t, const char *path, const char *folder,
                           const tfm__recipe_kind *kinds, size_t n, tfm_err *err)
{
  tfm__recipe r = {.t = t};
  tfm__added_init(&r.added);
  tfm_status st = tfm__folder_open(&r.f, folder, err);
  if (st == TFM_OK) {
    st = build(&r, path, kinds, n, err);
  }
  tfm_free(r.merge);
  tfm_free(r.score);
  tfm__piece_file_fini(&r.piece);
  tfm_buf_fini(&r.json);
  tfm_buf_fini(&r.file[0]);
  tfm_buf_fini(&r.file[1]);
  tfm__added_fini(&r.added);
  tfm__folder_fini(&r.f);
  return st;
}
