/* OpenAI batch files: {"custom_id", "method", "url", "body": {...}} a line. The body's texts become
 * the row's text and list; what the answer needs of the request is passed through.
 * Source: the batch schema of OpenAI's API; /v1/score and /v1/rerank as in vLLM's run-batch. */
#include "coordinator/input/parser.h"

#include <string.h>

/* What a line has told so far. */
typedef struct {
  tfm__parser *p;
  tfm_buf *url; /* the parser's scratch memory */
  bool id, method_wrong, body;
  tfm_span raw; /* of the body */
} request;

/* Keys of a body by what they become; NULL: none. */
typedef struct {
  const char *url, *text, *list;
} body_keys;

static const body_keys bodies[] = {{"/v1/chat/completions", "messages", NULL},
                                   {"/v1/completions", "prompt", NULL},
                                   {"/v1/embeddings", "input", "input"},
                                   {"/v1/rerank", "query", "documents"},
                                   {"/v1/score", "text_1", "text_2"}};

/* Whether the task answers requests of this url. */
static bool is_served(const tfm__columns *c, tfm_span url)
{
  for (const char *const *u = c->urls; u && *u; ++u) {
    if (tfm_span_is(url, *u)) {
      return true;
    }
  }
  return false;
}

static void keep(tfm__parser *p, const char *name, tfm_span raw)
{
  tfm__draft *d = &p->draft;
  tfm__draft_add(d, tfm__draft_put(d, tfm_span_of(name)), tfm__draft_repair(d, raw), true);
}

/* A text: a string, or an object with one under "text" (rerank's documents). */
static bool take_text(tfm__parser *p, tfm_jread *from, tfm__piece *out)
{
  tfm_span key;
  bool found = false;
  if (tfm_jread_peek(from) == TFM_JSON_STRING) {
    *out = tfm__draft_put(&p->draft, tfm_jread_string(from));
    return true;
  }
  if (tfm_jread_peek(from) != TFM_JSON_OBJECT) {
    (void)tfm_jread_skip(from);
    return false;
  }
  tfm_jread_object(from);
  while (tfm_jread_key(from, &key)) {
    if (tfm_span_is(key, "text") && tfm_jread_peek(from) == TFM_JSON_STRING) {
      *out = tfm__draft_put(&p->draft, tfm_jread_string(from));
      found = true;
    } else {
      (void)tfm_jread_skip(from);
    }
  }
  return found;
}

static void take_list(tfm__parser *p, tfm_jread *from, const char *key)
{
  tfm__draft *d = &p->draft;
  tfm__piece text;
  d->has_list = true;
  d->nlist = 0;
  if (tfm_jread_peek(from) != TFM_JSON_ARRAY) {
    if (take_text(p, from, &text)) {
      tfm__draft_add_list(d, text);
    } else {
      tfm__draft_fail(d, "body.%s: want a string or an array of strings", key);
    }
    return;
  }
  tfm_jread_array(from);
  for (int i = 0; tfm_jread_element(from); ++i) {
    if (take_text(p, from, &text)) {
      tfm__draft_add_list(d, text);
    } else {
      tfm__draft_fail(d, "body.%s: element %d: want a string (ids of tokens are not supported)",
                      key, i);
    }
  }
  if (d->nlist == 0) {
    tfm__draft_fail(d, "body.%s: want at least one text", key);
  }
}

static bool is_count(tfm_span raw)
{
  bool digits = raw.n > 0 && raw.n < 10 && raw.p[0] != '0';
  for (size_t i = 0; i < raw.n && digits; ++i) {
    digits = raw.p[i] >= '0' && raw.p[i] <= '9';
  }
  return digits;
}

/* encoding_format and dimensions of an embedding, top_n of a ranking; "model" is said again in the
 * answer, and what else there may be is of no effect here. */
static void take_setting(tfm__parser *p, tfm_jread *from, tfm_span key)
{
  const bool null = tfm_jread_peek(from) == TFM_JSON_NULL;
  const bool format = tfm_span_is(key, "encoding_format");
  const bool dimensions = tfm_span_is(key, "dimensions");
  const bool top = tfm_span_is(key, "top_n");
  const bool model = tfm_span_is(key, "model");
  const tfm_span raw = tfm_jread_skip(from);
  if (null) {
    return;
  }
  if (format && !tfm_span_is(raw, "\"float\"") && !tfm_span_is(raw, "\"base64\"")) {
    tfm__draft_fail(&p->draft, "body.encoding_format: want \"float\" or \"base64\"");
  } else if (dimensions) {
    tfm__draft_fail(
        &p->draft,
        "body.dimensions is not supported for one request; --truncate-dim is, for all");
  } else if (top && !is_count(raw)) {
    tfm__draft_fail(&p->draft, "body.top_n: want a number of documents, at least 1");
  } else if (format || top || model) {
    keep(p, format ? "encoding_format" : top ? "top_n" : "model", raw);
  }
}

/* ---- requests for a text ---- */

/* What a request may say only as the job does: all requests share one way of choosing tokens. */
static const char *const of_the_job[] = {"temperature",      "top_p",     "n",
                                         "presence_penalty", "best_of",   "frequency_penalty",
                                         "logit_bias",       "logprobs",  "top_logprobs",
                                         "response_format",  "tools",     "functions",
                                         "suffix",           "echo",      "stream",
                                         "reasoning_effort", "modalities"};

/* As it is where nobody asks for anything. */
static bool is_default(tfm_span key, tfm_span raw)
{
  if (tfm_span_is(key, "n") || tfm_span_is(key, "best_of")) {
    return tfm_span_is(raw, "1");
  }
  const char *const none[] = {"0", "0.0", "false", "{}", "[]", "{\"type\":\"text\"}", "\"\""};
  const bool chosen = tfm_span_is(key, "temperature") || tfm_span_is(key, "top_p");
  bool same = false;
  for (size_t i = 0; i < sizeof none / sizeof none[0]; ++i) {
    same = same || (!chosen && tfm_span_is(raw, none[i]));
  }
  return same;
}

/* A string, or an array of them. */
static bool is_stop(tfm_span raw)
{
  return raw.n > 0 && (raw.p[0] == '"' || raw.p[0] == '[');
}

static void take_wish(tfm__parser *p, tfm_jread *from, tfm_span key)
{
  const bool null = tfm_jread_peek(from) == TFM_JSON_NULL;
  const tfm_span raw = tfm_jread_skip(from);
  const bool most = tfm_span_is(key, "max_tokens") || tfm_span_is(key, "max_completion_tokens");
  const bool stop = tfm_span_is(key, "stop");
  if (null) {
    return;
  }
  if (most && !is_count(raw)) {
    tfm__draft_fail(&p->draft, "body.%.*s: want a number of tokens, at least 1", (int)key.n,
                    key.p);
  } else if (stop && !is_stop(raw)) {
    tfm__draft_fail(&p->draft, "body.stop: want a string or an array of strings");
  } else if (most || stop || tfm_span_is(key, "model")) {
    keep(p, most ? "max_tokens" : stop ? "stop" : "model", raw);
  } else if (tfm_span_is(key, "temperature") || tfm_span_is(key, "top_p")) {
    keep(p, tfm_span_is(key, "top_p") ? "top_p" : "temperature", raw);
  }
  for (size_t i = 0; i < sizeof of_the_job / sizeof of_the_job[0]; ++i) {
    const bool known = tfm_span_is(key, "temperature") || tfm_span_is(key, "top_p");
    if (!known && tfm_span_is(key, of_the_job[i]) && !is_default(key, raw)) {
      tfm__draft_fail(&p->draft,
                      "body.%s is not supported for one request; options of the command are, "
                      "for all",
                      of_the_job[i]);
    }
  }
}

/* Messages are taken as the JSON they are; a prompt is a string. */
static bool take_prompt(tfm__parser *p, tfm_jread *from, bool messages)
{
  if (messages && tfm_jread_peek(from) == TFM_JSON_ARRAY) {
    p->draft.text = tfm__draft_repair(&p->draft, tfm_jread_skip(from));
    return true;
  }
  if (!messages && tfm_jread_peek(from) == TFM_JSON_STRING) {
    p->draft.text = tfm__draft_put(&p->draft, tfm_jread_string(from));
    return true;
  }
  (void)tfm_jread_skip(from);
  return false;
}

static void read_wishes(tfm__parser *p, const body_keys *keys, tfm_span raw)
{
  tfm_jread *from = p->inner;
  const bool messages = strcmp(keys->text, "messages") == 0;
  tfm_span key;
  tfm_err err;
  bool text = false;
  tfm_jread_restart(from, raw.p, raw.n);
  tfm_jread_object(from);
  while (tfm_jread_key(from, &key)) {
    if (tfm_span_is(key, keys->text)) {
      text = take_prompt(p, from, messages);
    } else {
      take_wish(p, from, key);
    }
  }
  if (tfm_jread_status(from, &err) != TFM_OK) {
    tfm__draft_fail(&p->draft, "body: %s", err.text);
    p->draft.no_memory |= err.status == TFM_E_NOMEM;
  }
  if (!text) {
    tfm__draft_fail(&p->draft, "body.%s: want %s", keys->text,
                    messages ? "an array of messages" : "a string");
  }
}

static void read_body(tfm__parser *p, const body_keys *keys, tfm_span raw)
{
  tfm_jread *from = p->inner;
  tfm_span key;
  tfm_err err;
  const bool one = strcmp(keys->text, keys->list) == 0; /* a text, or a list of texts */
  bool text = false;
  bool list = false;
  tfm_jread_restart(from, raw.p, raw.n);
  tfm_jread_object(from);
  while (tfm_jread_key(from, &key)) {
    if (tfm_span_is(key, keys->text) && !(one && tfm_jread_peek(from) == TFM_JSON_ARRAY)) {
      text = take_text(p, from, &p->draft.text);
    } else if (tfm_span_is(key, keys->list)) {
      take_list(p, from, keys->list);
      list = true;
    } else {
      take_setting(p, from, key);
    }
  }
  if (tfm_jread_status(from, &err) != TFM_OK) {
    tfm__draft_fail(&p->draft, "body: %s", err.text);
    p->draft.no_memory |= err.status == TFM_E_NOMEM;
  }
  if (!text && !(one && list)) {
    tfm__draft_fail(&p->draft, "body.%s: want a string%s", keys->text,
                    one ? " or an array of strings" : "");
  }
  if (!one && !list) {
    tfm__draft_fail(&p->draft, "body.%s: want an array of strings", keys->list);
  }
}

static void read_member(request *r, tfm_span key)
{
  tfm_jread *from = r->p->json;
  const bool string = tfm_jread_peek(from) == TFM_JSON_STRING;
  if (tfm_span_is(key, "custom_id") && string) {
    r->p->draft.id = tfm__draft_put_string(&r->p->draft, tfm_jread_string(from));
    r->id = true;
  } else if (tfm_span_is(key, "url") && string) {
    tfm_buf_clear(r->url);
    (void)tfm_buf_span(r->url, tfm_jread_string(from));
  } else if (tfm_span_is(key, "method") && string) {
    r->method_wrong = !tfm_span_is(tfm_jread_string(from), "POST");
  } else if (tfm_span_is(key, "body") && tfm_jread_peek(from) == TFM_JSON_OBJECT) {
    r->raw = tfm_jread_skip(from);
    r->body = true;
  } else {
    (void)tfm_jread_skip(from);
  }
}

/* What the members are together. */
static void read_request(request *r)
{
  tfm__draft *d = &r->p->draft;
  const tfm_span url = tfm_buf_view(r->url);
  const body_keys *keys = NULL;
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; ++i) {
    keys = tfm_span_is(url, bodies[i].url) ? &bodies[i] : keys;
  }
  keep(r->p, "url", url);
  if (!r->id) {
    tfm__draft_fail(d, "custom_id: want a string");
  }
  if (r->method_wrong) {
    tfm__draft_fail(d, "method: want \"POST\"");
  }
  if (!keys || !is_served(&r->p->columns, url)) {
    tfm__draft_fail(d, "url \"%.*s\" is not what this task answers; %s is",
                    url.n > 64 ? 64 : (int)url.n, url.n ? url.p : "",
                    r->p->columns.urls ? r->p->columns.urls[0] : "none");
  } else if (!r->body) {
    tfm__draft_fail(d, "body: want an object");
  } else if (keys->list) {
    read_body(r->p, keys, r->raw);
  } else {
    read_wishes(r->p, keys, r->raw);
  }
}

static void read_line(tfm__parser *p, const tfm__record *record)
{
  request r = {.p = p, .url = &p->scratch};
  tfm_span key = {0};
  tfm_err err;
  tfm_buf_clear(r.url);
  tfm_jread_restart(p->json, record->bytes.p, record->bytes.n);
  tfm_jread_object(p->json);
  while (tfm_jread_key(p->json, &key)) {
    read_member(&r, key);
  }
  tfm_jread_end(p->json);
  if (tfm_jread_status(p->json, &err) != TFM_OK) {
    tfm__draft_discard(&p->draft, err.text);
    p->draft.no_memory = err.status == TFM_E_NOMEM;
  } else {
    read_request(&r);
  }
}

static tfm_status next_line(tfm__parser *p, tfm__window *w, tfm__record *record, bool *there,
                            tfm_err *err)
{
  (void)p;
  return tfm__window_line(w, record, there, err);
}

const tfm__format tfm__format_openai = {
    .next = next_line, .blank = tfm__record_white, .read = read_line};
