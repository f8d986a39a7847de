#include "coordinator/dialog.h"

#include "coordinator/bare.h"
#include "coordinator/stop.h"
#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 100 /* between looks for ctrl-C and the end of the job */, LINE = 4096 };

static const char prompt[] = "> ";
static const char help[] =
    "/clear forgets the conversation, /exit or ctrl-D leaves, ctrl-C ends "
    "an answer\n";

struct tfm_dialog {
  tfm_options options;
  int terminal; /* what was standard input */
  int rows;     /* the pipe's end that rows are written to; -1: closed */
  pthread_t thread;
  bool started;
  pthread_mutex_t lock;
  pthread_cond_t answered;

  /* Behind the lock. */
  bool waits;   /* for an answer */
  bool closing; /* no answer will come */
  bool failed;  /* the last one was none */
  tfm_buf said; /* the answer, as a JSON string */

  /* The terminal's thread alone. */
  tfm_buf typed;   /* read, but not used: the rest of a line, more lines */
  tfm_buf history; /* messages, as members of a JSON array */

  /* The job's thread alone. */
  tfm_decoder *decoder;
  int64_t heard; /* tokens of this answer */
  tfm_buf text;
};

bool tfm_dialog_wanted(const tfm_options *options, bool under_mpi)
{
  return options->verb == TFM_VERB_CHAT && options->ninput == 0 && !options->output &&
         !options->dry_run && options->output_format == TFM_OUT_JSONL &&
         tfm_bare_terminal(under_mpi);
}

/* Whatever the system takes at a time; signals are no reason to stop. */
static bool write_all(int fd, const char *p, size_t n)
{
  while (n > 0) {
    const ssize_t k = write(fd, p, n);
    if (k < 0 && errno != EINTR) {
      return false;
    }
    p += k > 0 ? k : 0;
    n -= k > 0 ? (size_t)k : 0;
  }
  return true;
}

static bool show(const char *p, size_t n)
{
  return write_all(STDOUT_FILENO, p, n);
}

tfm_status tfm_dialog_open(tfm_dialog **out, const tfm_options *options,
                           const tfm_options **own, tfm_err *err)
{
  int ends[2] = {-1, -1};
  *out = NULL;
  tfm_dialog *d = tfm_calloc(1, sizeof *d);
  if (!d) {
    return tfm_fail(err, TFM_E_NOMEM, "a conversation");
  }
  (void)pthread_mutex_init(&d->lock, NULL);
  (void)pthread_cond_init(&d->answered, NULL);
  d->terminal = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  d->rows = -1;
  if (d->terminal < 0 || pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0) {
    const int reason = errno;
    (void)close(ends[0]);
    (void)close(ends[1]);
    tfm_dialog_close(d);
    return tfm_fail(err, TFM_E_IO, "standard input cannot be read: %s", strerror(reason));
  }
  (void)close(ends[0]);
  d->rows = ends[1];
  (void)fcntl(d->rows, F_SETFD, FD_CLOEXEC);
  d->options = *options;
  d->options.input_format = TFM_IN_JSONL;
  d->options.progress = TFM_PROGRESS_NONE;
  d->options.num_return_sequences = 1;
  *own = &d->options;
  *out = d;
  return TFM_OK;
}

/* ---- the terminal's thread ---- */

static bool is_closing(tfm_dialog *d)
{
  (void)pthread_mutex_lock(&d->lock);
  const bool closing = d->closing;
  (void)pthread_mutex_unlock(&d->lock);
  return closing;
}

/* More of what is typed; false at its end. */
static bool read_more(tfm_dialog *d)
{
  char room[LINE];
  struct pollfd in = {.fd = d->terminal, .events = POLLIN};
  while (!is_closing(d)) {
    if (tfm_stop_interrupted()) {
      (void)show("\n", 1);
      (void)show(help, sizeof help - 1);
      (void)show(prompt, sizeof prompt - 1);
    }
    if (poll(&in, 1, LOOK_MS) <= 0) {
      continue;
    }
    const ssize_t n = read(d->terminal, room, sizeof room);
    if (n > 0) {
      (void)tfm_buf_append(&d->typed, room, (size_t)n);
      return !d->typed.failed;
    }
    if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return false;
}

/* The next line, without its end; false when there is none. *used: bytes of d->typed it took. */
static bool next_line(tfm_dialog *d, tfm_span *line, size_t *used)
{
  const char *end = NULL;
  while (!d->typed.n || !(end = memchr(d->typed.data, '\n', d->typed.n))) {
    if (!read_more(d)) {
      return false;
    }
  }
  *used = (size_t)(end - d->typed.data) + 1;
  *line = (tfm_span){d->typed.data, *used - 1};
  while (line->n > 0 && (line->p[line->n - 1] == '\r' || line->p[line->n - 1] == ' ')) {
    --line->n;
  }
  return true;
}

static void drop_line(tfm_dialog *d, size_t used)
{
  memmove(d->typed.data, d->typed.data + used, d->typed.n - used);
  d->typed.n -= used;
}

/* Put a message behind the others; content is a JSON string. */
static void add_message(tfm_dialog *d, const char *role, tfm_span content)
{
  (void)tfm_buf_printf(&d->history, "%s{\"role\":\"%s\",\"content\":", d->history.n ? "," : "",
                       role);
  (void)tfm_buf_span(&d->history, content);
  (void)tfm_buf_char(&d->history, '}');
}

static bool send_row(tfm_dialog *d)
{
  tfm_buf row = {0};
  (void)tfm_buf_str(&row, "{\"messages\":[");
  (void)tfm_buf_span(&row, tfm_buf_view(&d->history));
  (void)tfm_buf_str(&row, "]}\n");
  const bool sent = !row.failed && write_all(d->rows, row.data, row.n);
  tfm_buf_fini(&row);
  return sent;
}

/* Ask what was typed, and wait for the answer; false when none will come. */
static bool ask(tfm_dialog *d, tfm_span line)
{
  const size_t before = d->history.n;
  tfm_buf content = {0};
  (void)tfm_buf_json_string(&content, line);
  add_message(d, "user", tfm_buf_view(&content));
  tfm_buf_fini(&content);
  (void)tfm_stop_interrupted(); /* one that came too late for the last answer */
  (void)pthread_mutex_lock(&d->lock);
  d->waits = true;
  bool goes_on = !d->closing && !d->history.failed && send_row(d);
  while (goes_on && d->waits && !d->closing) {
    (void)pthread_cond_wait(&d->answered, &d->lock);
  }
  goes_on = goes_on && !d->waits;
  if (goes_on && d->failed) {
    d->history.n = before; /* as if it had not been said */
  } else if (goes_on) {
    add_message(d, "assistant", tfm_buf_view(&d->said));
  }
  (void)pthread_mutex_unlock(&d->lock);
  return goes_on;
}

static bool hear_line(tfm_dialog *d, tfm_span line)
{
  if (tfm_span_is(line, "/exit") || tfm_span_is(line, "/quit")) {
    return false;
  }
  if (tfm_span_is(line, "/clear")) {
    d->history.n = 0;
  } else if (tfm_span_is(line, "/help")) {
    (void)show(help, sizeof help - 1);
  } else if (line.n > 0) {
    return ask(d, line);
  }
  return true;
}

static void *terminal_main(void *arg)
{
  tfm_dialog *d = arg;
  tfm_span line;
  size_t used = 0;
  bool goes_on = true;
  while (goes_on && show(prompt, sizeof prompt - 1) && next_line(d, &line, &used)) {
    goes_on = hear_line(d, line);
    drop_line(d, used);
  }
  (void)show("\n", goes_on ? 1 : 0);
  (void)close(d->rows); /* no more rows: the job ends in order */
  return NULL;
}

tfm_status tfm_dialog_begin(tfm_dialog *d, const tfm_tokenizer *tokenizer, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm_decoder_open(&d->decoder, tokenizer, true, err));
  tfm_stop_interrupts();
  if (pthread_create(&d->thread, NULL, terminal_main, d) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a thread that reads the terminal"));
  }
  d->started = true;

fail:
  return st;
}

/* ---- the job's thread ---- */

static bool hear_token(void *arg, int32_t id)
{
  tfm_dialog *d = arg;
  tfm_err ignored = {0}; /* tfm_dialog_answer() meets it again */
  d->text.n = 0;
  ++d->heard;
  if (tfm_decoder_feed(d->decoder, id, &d->text, &ignored) == TFM_OK) {
    (void)show(d->text.data, d->text.n);
  }
  return tfm_stop_interrupted();
}

tfm_listener tfm_dialog_listener(tfm_dialog *d)
{
  return (tfm_listener){.token = hear_token, .arg = d};
}

/* What the tokens behind those that were heard add; the last of an answer is heard here alone. */
static tfm_status show_rest(tfm_dialog *d, const tfm_sequence *text, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t made = text->nend > 0 ? text->ends[0].rows : text->rows;
  d->text.n = 0;
  for (; d->heard < made; ++d->heard) {
    TFM_TRY(tfm_decoder_feed(d->decoder, (int32_t)text->values[2 * d->heard], &d->text, err));
  }
  TFM_TRY(tfm_decoder_end(d->decoder, &d->text, err));
  (void)tfm_buf_char(&d->text, '\n');
  if (d->text.failed || !show(d->text.data, d->text.n)) {
    TFM_TRY(tfm_fail(err, TFM_E_IO, "the terminal cannot be written"));
  }

fail:
  return st;
}

tfm_status tfm_dialog_answer(tfm_dialog *d, const tfm_item *item, const tfm_answer *answer,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  const bool failed = answer->status != TFM_OK;
  if (failed) {
    d->text.n = 0;
    (void)tfm_buf_printf(&d->text, "(no answer: %s)\n", answer->error);
    (void)show(d->text.data, d->text.n);
  } else if (item->nseq > 0) {
    TFM_TRY(show_rest(d, &item->seqs[0], err));
  }
  d->heard = 0;
  (void)pthread_mutex_lock(&d->lock);
  d->said.n = 0;
  (void)tfm_buf_span(&d->said, tfm_buf_view(&answer->value[0]));
  d->failed = failed || d->said.failed;
  d->waits = false;
  (void)pthread_cond_signal(&d->answered);
  (void)pthread_mutex_unlock(&d->lock);

fail:
  return st;
}

void tfm_dialog_close(tfm_dialog *d)
{
  if (!d) {
    return;
  }
  (void)pthread_mutex_lock(&d->lock);
  d->closing = true;
  (void)pthread_cond_signal(&d->answered);
  (void)pthread_mutex_unlock(&d->lock);
  if (d->started) {
    (void)pthread_join(d->thread, NULL);
  } else if (d->rows >= 0) {
    (void)close(d->rows);
  }
  if (d->terminal >= 0) {
    (void)close(d->terminal);
  }
  tfm_decoder_close(d->decoder);
  tfm_buf_fini(&d->typed);
  tfm_buf_fini(&d->history);
  tfm_buf_fini(&d->said);
  tfm_buf_fini(&d->text);
  (void)pthread_cond_destroy(&d->answered);
  (void)pthread_mutex_destroy(&d->lock);
  tfm_free(d);
}
