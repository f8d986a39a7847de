#include "core/chat/chat.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/chat/messages.h"

#include <string.h>

enum { LARGEST_FILE = 64 << 20, ROLES = 7 };

static const char *const roles[ROLES] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                         "pad_token", "cls_token", "mask_token"};

struct tfm_chat {
  tfm__template *template;
  bool reads_content; /* the source speaks of content, which a message to go on with needs */
  tfm_arena memory;
  tfm_span token[ROLES]; /* p == NULL: there is none */
  struct tm now;
};

/* ---- files ------------------------------------------------------------------------------ */

static tfm_status open_json(tfm_json **out, const char *folder, const char *name, tfm_err *err)
{
  *out = NULL;
  char *path = tfm_path_join(folder, name);
  if (!path) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", name);
  }
  tfm_status st = tfm_path_look(path) == TFM_PATH_NOTHING
                      ? TFM_OK
                      : tfm_json_open(out, path, LARGEST_FILE, err);
  tfm_free(path);
  return st;
}

/* chat_template.jinja, when it is there. */
static tfm_status read_file(const char *folder, bool *there, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char *path = tfm_path_join(folder, "chat_template.jinja");
  *there = path && tfm_path_look(path) != TFM_PATH_NOTHING;
  if (!path) {
    st = tfm_fail(err, TFM_E_NOMEM, "chat_template.jinja: not enough memory");
  } else if (*there) {
    st = tfm_file_read_all(path, LARGEST_FILE, out, err);
  }
  tfm_free(path);
  return st;
}

/* The template of tokenizer_config.json: a text, or of a list the one named default. */
static const char *configured(const tfm_json *config)
{
  const tfm_json_node *node =
      config ? tfm_json_get(tfm_json_root(config), "chat_template") : NULL;
  if (tfm_json_kind_of(node) != TFM_JSON_ARRAY) {
    return tfm_json_text(node);
  }
  const char *found = NULL;
  for (const tfm_json_node *one = tfm_json_first(node); one; one = tfm_json_next(one)) {
    const char *name = tfm_json_text(tfm_json_get(one, "name"));
    if (name && strcmp(name, "default") == 0) {
      found = tfm_json_text(tfm_json_get(one, "template"));
    }
  }
  return found;
}

static tfm_status open_template(tfm_chat *chat, const char *folder, const tfm_json *config,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf file = {0};
  tfm_span source = {0};
  bool there = false;
  TFM_TRY(read_file(folder, &there, &file, err));
  const char *text = configured(config);
  if (there) {
    source = tfm_buf_view(&file);
  } else if (text) {
    source = tfm_span_of(text);
  } else {
    TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                     "this checkpoint has no chat_template (chat_template.jinja, or "
                     "tokenizer_config.json: chat_template): it was not made for conversation; "
                     "use generate"));
  }
  chat->reads_content = source.n && memmem(source.p, source.n, "content", 7);
  TFM_TRY(tfm__template_open(&chat->template, there ? "chat_template.jinja" : "chat_template",
                             source, err));

fail:
  tfm_buf_fini(&file);
  return st;
}

/* ---- special tokens --------------------------------------------------------------------- */

/* Tokenizers of these classes have no special tokens but those that files name. */
static bool plain_class(const tfm_json *config)
{
  const char *name =
      config ? tfm_json_text(tfm_json_get(tfm_json_root(config), "tokenizer_class")) : NULL;
  return name && (strcmp(name, "TokenizersBackend") == 0 ||
                  strcmp(name, "PreTrainedTokenizerFast") == 0);
}

/* Whether an object has the member, be it null. */
static bool says(const tfm_json *json, const char *key)
{
  const tfm_json_node *one = json ? tfm_json_first(tfm_json_root(json)) : NULL;
  while (one && strcmp(tfm_json_key(one), key) != 0) {
    one = tfm_json_next(one);
  }
  return one != NULL;
}

static tfm_status read_token(tfm_chat *chat, const tfm_json *json, int i, tfm_err *err)
{
  const tfm_json_node *node = json ? tfm_json_get(tfm_json_root(json), roles[i]) : NULL;
  const char *text = tfm_json_text(node);
  text = text ? text : tfm_json_text(tfm_json_get(node, "content"));
  if (text) {
    const size_t n = strlen(text);
    const char *copy = tfm_arena_strndup(&chat->memory, text, n);
    if (!copy) {
      return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", roles[i]);
    }
    chat->token[i] = (tfm_span){copy, n};
  }
  return TFM_OK;
}

static tfm_status read_tokens(tfm_chat *chat, const char *folder, const tfm_json *config,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *map = NULL;
  if (!says(config, "added_tokens_decoder")) {
    TFM_TRY(open_json(&map, folder, "special_tokens_map.json", err));
  }
  for (int i = 0; i < ROLES; ++i) {
    TFM_TRY(read_token(chat, config, i, err));
    TFM_TRY(read_token(chat, map, i, err));
    if (!says(config, roles[i]) && !says(map, roles[i]) && !plain_class(config) &&
        tfm__template_reads(chat->template, roles[i])) {
      TFM_TRY(tfm_fail(err, TFM_E_UNSUPPORTED,
                       "tokenizer_config.json: the chat_template reads %s, which the file does "
                       "not name; add it (null for none)",
                       roles[i]));
    }
  }

fail:
  tfm_json_close(map);
  return st;
}

tfm_status tfm_chat_open(tfm_chat **out, const char *folder, time_t now, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *config = NULL;
  *out = NULL;
  tfm_chat *chat = tfm_calloc(1, sizeof *chat);
  if (!chat) {
    return tfm_fail(err, TFM_E_NOMEM, "the chat_template: not enough memory");
  }
  (void)localtime_r(&now, &chat->now);
  TFM_TRY(open_json(&config, folder, "tokenizer_config.json", err));
  TFM_TRY(open_template(chat, folder, config, err));
  TFM_TRY(read_tokens(chat, folder, config, err));
  *out = chat;

fail:
  tfm_json_close(config);
  if (st != TFM_OK) {
    tfm_chat_close(chat);
  }
  return st;
}

void tfm_chat_close(tfm_chat *chat)
{
  if (chat) {
    tfm__template_close(chat->template);
    tfm_arena_fini(&chat->memory);
    tfm_free(chat);
  }
}

/* ---- rendering -------------------------------------------------------------------------- */

static void set(tfm__run *r, tfm__dict *variables, const char *name, tfm__value v)
{
  tfm__dict_set(r, variables, tfm_span_of(name), v);
}

static tfm__dict *variables_of(const tfm_chat *chat, tfm__run *r, tfm_span messages,
                               tfm_span *last)
{
  tfm__dict *variables = tfm__dict_new(r);
  for (int i = 0; i < ROLES; ++i) {
    if (chat->token[i].p) {
      set(r, variables, roles[i], tfm__text(chat->token[i]));
    }
  }
  set(r, variables, "messages", tfm__list_value(r, tfm__messages_read(r, messages, last)));
  set(r, variables, "tools", tfm__none());
  set(r, variables, "documents", tfm__none());
  set(r, variables, "add_generation_prompt", tfm__bool(last->p == NULL));
  return variables;
}

/* Where the mark of the message that is gone on with stands, its blank aside: the last place. */
static size_t find_mark(tfm_span s)
{
  const size_t n = tfm__chat_mark.n - 1;
  for (size_t i = s.n; i >= n; --i) {
    if (memcmp(s.p + i - n, tfm__chat_mark.p, n) == 0) {
      return i - n;
    }
  }
  return s.n;
}

/* Cut the text off behind the last message, and the blanks too where the template took them. */
static tfm_status cut_at_mark(tfm_buf *out, tfm_span last, bool reads_content, tfm_err *err)
{
  const tfm_span all = tfm_buf_view(out);
  const tfm_span stripped = tfm__rstrip(tfm__lstrip(last));
  const size_t at = find_mark(all);
  const bool there = reads_content && at < all.n &&
                     (stripped.n == 0 || memmem(all.p, all.n, stripped.p, stripped.n));
  if (!there) {
    return tfm_fail(
        err, TFM_E_FORMAT,
        "the last message is the assistant's, and the chat_template leaves it out or "
        "changes it: it cannot be gone on with");
  }
  const bool whole = all.n - at >= tfm__chat_mark.n && all.p[at + tfm__chat_mark.n - 1] == ' ';
  const tfm_span kept = {all.p, at};
  out->n = whole ? kept.n : tfm__rstrip(kept).n;
  return TFM_OK;
}

tfm_status tfm_chat_render(const tfm_chat *chat, tfm_span messages, tfm_buf *out, tfm_err *err)
{
  tfm__run r;
  tfm_buf text = {0};
  tfm_span last = {0};
  tfm__run_begin(&r, chat->template, &chat->now, &text, err);
  const tfm__dict *variables = variables_of(chat, &r, messages, &last);
  tfm_status st = r.st == TFM_OK ? tfm__run_render(&r, variables) : r.st;
  if (st == TFM_OK && last.p) {
    st = cut_at_mark(&text, last, chat->reads_content, err);
  }
  if (st == TFM_OK) {
    st = tfm_buf_span(out, tfm_buf_view(&text));
    st = st == TFM_OK ? st : tfm_fail(err, TFM_E_NOMEM, "no memory for a conversation");
  }
  tfm__run_end(&r);
  tfm_buf_fini(&text);
  return st;
}
