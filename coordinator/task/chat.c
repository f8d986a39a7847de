/* Conversation: messages, as the checkpoint's chat_template writes them, and what the model
 * answers.
 *
 *  A row's text is a JSON array of messages, else one message of the user. What follows it is made
 * as generate makes it: every function below renders the messages or hands on to that task. Source:
 * transformers, pipelines/text_generation.py. */
#include "core/chat/chat.h"
#include "coordinator/task/task.h"
#include "core/base/json.h"
#include "core/base/mem.h"

#include <string.h>
#include <time.h>

/* What begin() makes. */
typedef struct {
  tfm_chat *chat;
  tfm_options options;     /* the job's, but for what has no meaning here */
  void *generate;          /* generate's own */
  tfm_branching branching; /* generate's, but that somebody listens */
  tfm_buf system;          /* "role" and "content" of the message --system says; empty: none */
} talk;

/* The context as generate sees it. */
static tfm_task_context inner(const tfm_task_context *context)
{
  const talk *t = context->own;
  tfm_task_context other = *context;
  other.options = &t->options;
  other.own = t->generate;
  return other;
}

static tfm_status chat_ask(tfm_task_context *context, tfm_err *err)
{
  return tfm_task_generate.ask(context, err);
}

/* A text that grows alone is heard token by token. */
static bool heard_ends(const void *arg, const tfm_sequence *text, const int32_t *tail,
                       int64_t n)
{
  const tfm_task_context *context = arg;
  const tfm_task_context other = inner(context);
  const tfm_branching *own = tfm_task_generate.grows(&other);
  const bool over = own->ends(own->arg, text, tail, n);
  return context->listener.token(context->listener.arg, tail[n - 1]) || over;
}

static void listen(tfm_task_context *context, const tfm_task_context *other)
{
  talk *t = context->own;
  t->branching = *tfm_task_generate.grows(other);
  if (context->listener.token && t->branching.width == 1) {
    t->branching.ends = heard_ends;
    t->branching.arg = context;
  }
}

static void put_system(talk *t, const char *text)
{
  if (text) {
    (void)tfm_buf_str(&t->system, "{\"role\":\"system\",\"content\":");
    (void)tfm_buf_json_string(&t->system, tfm_span_of(text));
    (void)tfm_buf_char(&t->system, '}');
  }
}

static tfm_status chat_begin(tfm_task_context *context, tfm_err *err)
{
  tfm_status st = TFM_OK;
  talk *t = tfm_calloc(1, sizeof *t);
  context->own = t;
  if (!t) {
    return tfm_fail(err, TFM_E_NOMEM, "the chat_template");
  }
  t->options = *context->options;
  t->options.return_full_text = false;
  TFM_TRY(tfm_chat_open(&t->chat, context->folder, time(NULL), err));
  tfm_task_context other = inner(context);
  st = tfm_task_generate.begin(&other, err);
  t->generate = other.own;
  context->max_length = other.max_length;
  if (st == TFM_OK) {
    listen(context, &other);
    put_system(t, context->options->system_prompt);
    st = t->system.failed ? tfm_fail(err, TFM_E_NOMEM, "--system") : TFM_OK;
  }

fail:
  return st;
}

static void chat_end(tfm_task_context *context)
{
  talk *t = context->own;
  if (t) {
    tfm_task_context other = inner(context);
    tfm_task_generate.end(&other);
    tfm_chat_close(t->chat);
    tfm_buf_fini(&t->system);
    tfm_free(t);
  }
}

static bool is_array(tfm_span text)
{
  size_t i = 0;
  while (i < text.n && (text.p[i] == ' ' || (text.p[i] >= '\t' && text.p[i] <= '\r'))) {
    ++i;
  }
  return i < text.n && text.p[i] == '[';
}

/* Whether the first of the messages is one of the system; what is no message at all is not ours to
 * refuse. */
static bool has_system(tfm_span text)
{
  tfm_json *json = NULL;
  tfm_err ignored = {0};
  if (tfm_json_parse(&json, "messages", text.p, text.n, &ignored) != TFM_OK) {
    return true;
  }
  const tfm_json_node *first = tfm_json_first(tfm_json_root(json));
  const char *role = tfm_json_text(tfm_json_get(first, "role"));
  const bool has = !role || strcmp(role, "system") == 0;
  tfm_json_close(json);
  return has;
}

/* Messages as one JSON array, with the system's before them where it was asked for. */
static void put_messages(const talk *t, tfm_span text, tfm_buf *out)
{
  const bool array = is_array(text);
  const size_t open = array ? (size_t)((const char *)memchr(text.p, '[', text.n) - text.p) : 0;
  const bool system = t->system.n && !(array && has_system(text));
  (void)tfm_buf_char(out, '[');
  if (system) {
    (void)tfm_buf_span(out, tfm_buf_view(&t->system));
    (void)tfm_buf_char(out, ',');
  }
  if (array) {
    (void)tfm_buf_append(out, text.p + open + 1, text.n - open - 1);
  } else {
    (void)tfm_buf_str(out, "{\"role\":\"user\",\"content\":");
    (void)tfm_buf_json_string(out, text);
    (void)tfm_buf_str(out, "}]");
  }
}

static tfm_status render(const talk *t, tfm_span text, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf messages = {0};
  put_messages(t, text, &messages);
  st = messages.failed ? tfm_fail(err, TFM_E_NOMEM, "a message")
                       : tfm_chat_render(t->chat, tfm_buf_view(&messages), out, err);
  tfm_buf_fini(&messages);
  return st;
}

/* Cut anywhere, a conversation would ask something else. */
static void refuse_long(const tfm_encoder *encoder, tfm_item *item)
{
  const tfm_task_context *context = encoder->task;
  tfm_err bad = {0};
  if (item->truncated) {
    item->truncated = false;
    (void)tfm_fail(&bad, TFM_E_FORMAT,
                   "the conversation is longer than %lld tokens; leave out its first turns%s",
                   (long long)encoder->max_length,
                   context->config->endless ? ", or raise --max-length" : "");
    tfm_item_fail(item, &bad);
  }
}

/* The row's text is the rendering while it is encoded; its special tokens are in it already. */
static tfm_status chat_row(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                           tfm_err *err)
{
  const tfm_task_context other = inner(encoder->task);
  const talk *t = ((const tfm_task_context *)encoder->task)->own;
  const tfm_span text = item->row->text;
  tfm_encoder bare = *encoder;
  tfm_buf out = {0};
  tfm_err bad = {0};
  tfm_status st = render(t, text, &out, &bad);
  if (st != TFM_OK) {
    *err = bad;
    st = tfm_encoder_failed(item, &bad);
  } else {
    bare.task = &other;
    bare.no_specials = true;
    item->row->text = tfm_buf_view(&out);
    st = tfm_task_generate.row(&bare, item, scratch, err);
    item->row->text = text;
    refuse_long(encoder, item);
  }
  tfm_buf_fini(&out);
  return st;
}

static int chat_fields(const tfm_task_context *context, const char **names)
{
  if (!context->own) {
    return tfm_task_generate.fields(context, names);
  }
  const tfm_task_context other = inner(context);
  return tfm_task_generate.fields(&other, names);
}

static tfm_status chat_answer(const tfm_task_context *context, const tfm_item *item,
                              tfm_answer *answer, tfm_err *err)
{
  const tfm_task_context other = inner(context);
  return tfm_task_generate.answer(&other, item, answer, err);
}

static const tfm_branching *chat_grows(const tfm_task_context *context)
{
  const talk *t = context->own;
  return &t->branching;
}

static const char *const chat_urls[] = {"/v1/chat/completions", NULL};

const tfm_task_ops tfm_task_chat = {
    .name = "chat",
    .head = TFM_TASK_TEXT_GENERATION,
    .wants = {.text_name = "messages", .text_array = true, .urls = chat_urls},
    .ask = chat_ask,
    .begin = chat_begin,
    .end = chat_end,
    .row = chat_row,
    .fields = chat_fields,
    .answer = chat_answer,
    .grows = chat_grows,
};
