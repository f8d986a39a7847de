#include "core/chat/messages.h"

#include "core/base/json_reader.h"

#include <stdlib.h>
#include <string.h>

const tfm_span tfm__chat_mark = {"CONTINUE_FINAL_MESSAGE_TAG ", 27};

/* ---- JSON ------------------------------------------------------------------------------- */

/* A number by its text: an integer that fits, else a double. */
static tfm__value read_number(tfm__run *r, tfm_jread *from)
{
  const tfm_span raw = tfm_jread_skip(from);
  char copy[64];
  if (raw.n == 0 || raw.n >= sizeof copy) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "a number of %zu digits is not supported", raw.n);
  }
  memcpy(copy, raw.p, raw.n);
  copy[raw.n] = '\0';
  if (strpbrk(copy, ".eE")) {
    return tfm__real(strtod(copy, NULL));
  }
  return raw.n < 19 ? tfm__int(strtoll(copy, NULL, 10))
                    : tfm__fail(r, TFM_E_UNSUPPORTED,
                                "an integer of %zu digits is not supported", raw.n);
}

/* The reader bounds the depth. */
static tfm__value read_value(tfm__run *r, tfm_jread *from)
{
  tfm_span key = {0};
  switch (tfm_jread_peek(from)) {
  case TFM_JSON_STRING:
    return tfm__copy(r, tfm_jread_string(from));
  case TFM_JSON_NUMBER:
    return read_number(r, from);
  case TFM_JSON_TRUE:
  case TFM_JSON_FALSE:
    return tfm__bool(tfm_jread_bool(from));
  case TFM_JSON_ARRAY: {
    tfm__list *list = tfm__list_new(r, TFM__PLAIN);
    tfm_jread_array(from);
    while (tfm_jread_element(from)) {
      tfm__list_add(r, list, read_value(r, from));
    }
    return tfm__list_value(r, list);
  }
  case TFM_JSON_OBJECT: {
    tfm__dict *dict = tfm__dict_new(r);
    tfm_jread_object(from);
    while (tfm_jread_key(from, &key)) {
      const tfm__value name = tfm__copy(r, key);
      tfm__dict_set(r, dict, name.as.text, read_value(r, from));
    }
    return tfm__dict_value(dict);
  }
  case TFM_JSON_NULL:
  case TFM_JSON_NONE:
    break;
  }
  (void)tfm_jread_skip(from);
  return tfm__none();
}

/* ---- messages --------------------------------------------------------------------------- */

static tfm__value *member(const tfm__dict *dict, const char *name)
{
  return tfm__dict_find(dict, tfm_span_of(name));
}

/* A copy without what is null, in which reasoning goes by each of its names. */
static tfm__value normalize(tfm__run *r, const tfm__dict *message)
{
  static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
  tfm__dict *out = tfm__dict_new(r);
  const tfm__value *reasoning = NULL;
  for (int i = 0; i < 3 && !reasoning; ++i) {
    reasoning = member(message, names[i]);
    reasoning = reasoning && reasoning->kind == TFM__NONE ? NULL : reasoning;
  }
  if (reasoning) {
    tfm__dict_set(r, out, tfm_span_of("thinking"), *reasoning);
  }
  for (int64_t i = 0; i < message->n; ++i) {
    if (message->v[i].value.kind != TFM__NONE) {
      tfm__dict_set(r, out, message->v[i].key, message->v[i].value);
    }
  }
  if (reasoning) {
    tfm__dict_set(r, out, tfm_span_of("reasoning_content"), *reasoning);
  }
  return tfm__dict_value(out);
}

static void mark_text(tfm__run *r, tfm__value *text, tfm_span *last)
{
  if (text->kind != TFM__TEXT) {
    (void)tfm__fail(r, TFM_E_FORMAT,
                    "the last message is the assistant's, and has no text to go on with");
    return;
  }
  *last = text->as.text;
  text->as.text = tfm__join(r, *last, tfm__chat_mark);
}

/* Put the mark behind the content: behind the last text of it when it has parts. */
static void mark_last(tfm__run *r, const tfm__dict *message, tfm_span *last)
{
  tfm__value nothing = tfm__none();
  tfm__value *content = member(message, "content");
  content = content ? content : &nothing;
  for (int64_t i = content->kind == TFM__LIST ? content->as.list->n : 0; i > 0; --i) {
    const tfm__value part = content->as.list->v[i - 1];
    tfm__value *text = part.kind == TFM__DICT ? member(part.as.dict, "text") : NULL;
    if (text) {
      mark_text(r, text, last);
      return;
    }
  }
  mark_text(r, content, last);
}

static void check(tfm__run *r, tfm__value message, int64_t i)
{
  const bool object = message.kind == TFM__DICT;
  if (!object || !member(message.as.dict, "role") || !member(message.as.dict, "content")) {
    (void)tfm__fail(r, TFM_E_FORMAT, "message %lld: want an object with role and content",
                    (long long)i);
  }
}

static tfm__list *gather(tfm__run *r, const tfm__list *all, tfm_span *last)
{
  tfm__list *list = tfm__list_new(r, TFM__PLAIN);
  for (int64_t i = 0; i < all->n && r->st == TFM_OK; ++i) {
    check(r, all->v[i], i);
    if (r->st == TFM_OK) {
      tfm__list_add(r, list, normalize(r, all->v[i].as.dict));
    }
  }
  if (list->n == 0) {
    (void)tfm__fail(r, TFM_E_FORMAT, "want at least one message");
  }
  if (r->st != TFM_OK) {
    return list;
  }
  const tfm__dict *message = list->v[list->n - 1].as.dict;
  const tfm__value *role = member(message, "role");
  if (role && role->kind == TFM__TEXT && tfm_span_is(role->as.text, "assistant")) {
    mark_last(r, message, last);
  }
  return list;
}

tfm__list *tfm__messages_read(tfm__run *r, tfm_span json, tfm_span *last)
{
  *last = (tfm_span){0};
  tfm__list *none = tfm__list_new(r, TFM__PLAIN);
  tfm_jread *from = tfm_jread_open("messages", json.p, json.n, TFM_JSON_LOSSY);
  if (!from) {
    (void)tfm__fail(r, TFM_E_NOMEM, "no memory for messages");
    return none;
  }
  tfm_err bad = {0};
  const tfm__value all = read_value(r, from);
  tfm_jread_end(from);
  if (tfm_jread_status(from, &bad) != TFM_OK) {
    (void)tfm__fail(r, bad.status, "%s", bad.text);
  } else if (all.kind != TFM__LIST) {
    (void)tfm__fail(r, TFM_E_FORMAT, "messages: want an array, got %s", tfm__kind_name(all));
  }
  tfm_jread_close(from);
  return r->st == TFM_OK ? gather(r, all.as.list, last) : none;
}
