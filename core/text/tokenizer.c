#include "core/text/tokenizer.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/text/chars.h"
#include "core/text/tokenizer_private.h"

#include <stdatomic.h>
#include <string.h>

enum { LARGEST_FILE = 512 << 20 }; /* bytes of a tokenizer.json: no known one has 64 MiB */

tfm_tokenizer *tfm__tokenizer_new(void)
{
  static _Atomic uint64_t serials = 0;
  tfm_tokenizer *t = tfm_calloc(1, sizeof *t);
  if (t) {
    t->serial = atomic_fetch_add(&serials, 1) + 1;
    tfm__chars_ready();
    tfm__vocab_init(&t->vocab);
    tfm__added_init(&t->added);
    t->finish = &tfm__plain_template;
    t->named_unknown = t->cls_id = t->mask_id = t->pad_id = -1;
  }
  return t;
}

void tfm_tokenizer_close(tfm_tokenizer *t)
{
  if (!t) {
    return;
  }
  tfm__chain_close(&t->normalizer);
  tfm__chain_close(&t->pre_tokenizer);
  tfm__chain_close(&t->model);
  tfm__chain_close(&t->decoder);
  tfm__added_fini(&t->added);
  tfm__vocab_fini(&t->vocab);
  tfm_arena_fini(&t->memory);
  tfm_free(t);
}

static tfm_status load_json_file(tfm_tokenizer *t, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  TFM_TRY(tfm_file_read_all(path, LARGEST_FILE, &text, err));
  TFM_TRY(tfm__load_json(t, tfm_path_base(path), tfm_buf_view(&text), NULL, err));

fail:
  tfm_buf_fini(&text);
  return st;
}

static bool ends_with(const char *s, const char *end)
{
  size_t n = strlen(s);
  size_t k = strlen(end);
  return n >= k && strcmp(s + n - k, end) == 0;
}

/* A tokenizer from the files of a folder; `path` is the one that holds the vocabulary, or NULL. */
static tfm_status open_path(tfm_tokenizer **out, const char *path, const char *folder,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_tokenizer *t = tfm__tokenizer_new();
  if (!t) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", folder);
  }
  if (!path) {
    TFM_TRY(tfm__load_codes(t, folder, err));
  } else if (ends_with(path, ".txt")) {
    TFM_TRY(tfm__load_vocab_txt(t, path, folder, err));
  } else if (strcmp(tfm_path_base(path), "vocab.json") == 0) {
    TFM_TRY(tfm__load_merges(t, path, folder, err));
  } else if (ends_with(path, ".model")) {
    TFM_TRY(tfm__load_pieces(t, path, folder, err));
  } else {
    TFM_TRY(load_json_file(t, path, err));
  }
  TFM_TRY(tfm__load_roles(t, folder, err));
  *out = t;
  return TFM_OK;

fail:
  tfm_tokenizer_close(t);
  return st;
}

tfm_status tfm_tokenizer_open_folder(tfm_tokenizer **out, const char *folder, tfm_err *err)
{
  static const char *const names[] = {"tokenizer.json", "vocab.txt", "vocab.json",
                                      "spiece.model",   "spm.model", "sentencepiece.bpe.model",
                                      "tokenizer.model"};
  tfm_status st = TFM_OK;
  *out = NULL;
  char *path = NULL;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    tfm_free(path);
    path = tfm_path_join(folder, names[i]);
    if (!path) {
      return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", folder);
    }
    if (tfm_path_look(path) != TFM_PATH_NOTHING) {
      st = open_path(out, path, folder, err);
      tfm_free(path);
      return st;
    }
  }
  tfm_free(path);
  return open_path(out, NULL, folder, err);
}

tfm_status tfm_tokenizer_open_file(tfm_tokenizer **out, const char *path, tfm_err *err)
{
  *out = NULL;
  const char *base = tfm_path_base(path);
  char *folder = base == path ? tfm_strndup(".", 1) : tfm_strndup(path, (size_t)(base - path));
  if (!folder) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", path);
  }
  tfm_status st = open_path(out, path, folder, err);
  tfm_free(folder);
  return st;
}

tfm_span tfm_tokenizer_token(const tfm_tokenizer *t, int32_t id)
{
  const tfm__added_token *added = tfm__added_by_id(&t->added, id);
  return added ? added->text : tfm__vocab_text(&t->vocab, id);
}

int32_t tfm_tokenizer_id(const tfm_tokenizer *t, tfm_span token)
{
  const tfm__added_token *added = tfm__added_by_text(&t->added, token);
  return added ? added->id : tfm__vocab_id(&t->vocab, token);
}

/* Ids and types that a template brings may be anything. */
static void raise_to_template(tfm_tokenizer_facts *f, const tfm__place *place, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    if (place[i].what == TFM__SPECIAL && place[i].id > f->highest_id) {
      f->highest_id = place[i].id;
    }
    if (place[i].type_id > f->highest_type_id) {
      f->highest_type_id = place[i].type_id;
    }
  }
}

tfm_tokenizer_facts tfm_tokenizer_describe(const tfm_tokenizer *t)
{
  tfm_tokenizer_facts f = {.model = t->model.v[0].kind->type,
                           .vocab = t->vocab.n,
                           .highest_id = t->vocab.highest,
                           .unknown_id = t->model.v[0].kind->unknown(t->model.v[0].self),
                           .cls_id = t->cls_id,
                           .mask_id = t->mask_id,
                           .pad_id = t->pad_id,
                           .model_max_length = t->model_max_length};
  f.marks_rest =
      t->model.v[0].kind->marks_rest && t->model.v[0].kind->marks_rest(t->model.v[0].self);
  if (f.unknown_id < 0) {
    f.unknown_id = t->named_unknown;
  }
  for (size_t i = 0; i < t->added.n; ++i) {
    f.vocab += tfm__vocab_id(&t->vocab, t->added.tokens[i].content) < 0;
  }
  if (t->added.highest_id > f.highest_id) {
    f.highest_id = t->added.highest_id;
  }
  f.added_single = tfm__template_added(t->finish, false);
  f.added_pair = tfm__template_added(t->finish, true);
  raise_to_template(&f, t->finish->single, t->finish->nsingle);
  raise_to_template(&f, t->finish->pair, t->finish->npair);
  return f;
}
