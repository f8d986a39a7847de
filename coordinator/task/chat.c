/* Conversation: messages, as the checkpoint's chat_template writes them, and what the model
 * answers.
 *
 *  A row's text is a JSON array of messages, else one message of the user. What follows it is made
 * as generate makes it: every function below renders the messages or hands on to that task. Source:
 * transformers, pipelines/text_generation.py. */
#include "core/chat/chat.h"
#include "coordinator/task/task.h"
#include "core/base/mem.h"

#include <time.h>

/* What begin() makes. */
typedef struct {
  tfm_chat *chat;
  tfm_options options; /* the job's, but for what has no meaning here */
  void *generate;      /* generate's own */
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

static tfm_status render(const talk *t, tfm_span text, tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf messages = {0};
  if (is_array(text)) {
    return tfm_chat_render(t->chat, text, out, err);
  }
  (void)tfm_buf_str(&messages, "[{\"role\":\"user\",\"content\":");
  (void)tfm_buf_json_string(&messages, text);
  (void)tfm_buf_str(&messages, "}]");
  st = messages.failed ? tfm_fail(err, TFM_E_NOMEM, "a message")
                       : tfm_chat_render(t->chat, tfm_buf_view(&messages), out, err);
  tfm_buf_fini(&messages);
  return st;
}

/* Cut anywhere, a conversation would ask something else. */
static void refuse_long(const tfm_encoder *encoder, tfm_item *item)
{
  tfm_err bad = {0};
  if (item->truncated) {
    item->truncated = false;
    (void)tfm_fail(&bad, TFM_E_FORMAT,
                   "the conversation is longer than %lld tokens; leave out its first turns",
                   (long long)encoder->max_length);
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
  const tfm_task_context other = inner(context);
  return tfm_task_generate.grows(&other);
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
