/* The feed gives every row once, in input order, encoded as one thread would, for any number of
 * threads; it keeps no row back while the input is slow, and holds no more than its bound. */
#include "coordinator/encode/feed.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 9000 }; /* more than twice the feed's places */

static const int thread_counts[] = {1, 2, 8};

typedef struct {
  char path[64];
  tfm_options options;
  const char *inputs[1];
  tfm_tokenizer *tokenizer;
  tfm_reader *reader;
  tfm_encoder encoder;
  tfm_feed *feed;
} setting;

/* A row becomes the sequence of its tokens; the model's limits are not this test's matter. */
static tfm_status encode_row(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                             tfm_err *err)
{
  tfm_encode_options o = {.add_special_tokens = true};
  if (tfm_tokenizer_encode(encoder->tokenizer, item->row->text, (tfm_span){0}, &o, scratch,
                           err) != TFM_OK) {
    return tfm_encoder_failed(item, err);
  }
  tfm_sequence *s = tfm_item_add(item, (int64_t)scratch->n, 0, false);
  if (!s) {
    return TFM_E_NOMEM;
  }
  memcpy(s->ids, scratch->ids, scratch->n * sizeof *s->ids);
  memcpy(s->type_ids, scratch->type_ids, scratch->n * sizeof *s->type_ids);
  return TFM_OK;
}

static void begin(setting *s, const char *path, int threads)
{
  tfm_err err = {0};
  *s = (setting){.options = {.limit = -1, .input_format = TFM_IN_JSONL, .ninput = 1}};
  tfm_row_wants wants = {0};
  (void)snprintf(s->path, sizeof s->path, "%s", path);
  s->inputs[0] = s->path;
  s->options.inputs = s->inputs;
  CHECK_OK(tfm_tokenizer_open_folder(&s->tokenizer,
                                     TFM_SOURCE_DIR "/deploy/models/tfm-sentiment", &err),
           &err);
  CHECK_OK(tfm_reader_open(&s->reader, &s->options, &wants, &err), &err);
  s->encoder = (tfm_encoder){.tokenizer = s->tokenizer, .row = encode_row};
  CHECK_OK(tfm_feed_open(&s->feed, s->reader, &s->encoder, threads, NULL, NULL, &err), &err);
}

static void end(setting *s)
{
  assert_true(tfm_feed_close(s->feed));
  tfm_reader_close(s->reader);
  tfm_tokenizer_close(s->tokenizer);
}

/* Rows of 0 to 300 words, one in a hundred broken. */
static void write_rows(char path[64])
{
  (void)snprintf(path, 64, "/tmp/tfm-feed-XXXXXX");
  FILE *f = fdopen(mkstemp(path), "w");
  assert_non_null(f);
  uint32_t random = 1;
  for (int i = 0; i < ROWS; ++i) {
    random = random * 1664525U + 1013904223U;
    uint32_t words = i % 500 == 0 ? 300 : random >> 29;
    (void)fprintf(f, i % 100 == 7 ? "{\"text\": 5, \"t\":\"" : "{\"text\":\"row %d", i);
    for (uint32_t w = 0; w < words; ++w) {
      (void)fprintf(f, " word%u fine", (random >> (w % 24)) & 255);
    }
    (void)fputs("\"}\n", f);
  }
  assert_int_equal(fclose(f), 0);
}

static uint64_t mix(uint64_t sum, const void *bytes, size_t n)
{
  const unsigned char *p = bytes;
  for (size_t i = 0; i < n; ++i) {
    sum = (sum ^ p[i]) * 1099511628211U;
  }
  return sum;
}

static void rows_come_in_order_for_any_threads(void **state)
{
  (void)state;
  char path[64];
  uint64_t sums[COUNT_OF(thread_counts)];
  write_rows(path);
  for (size_t c = 0; c < COUNT_OF(thread_counts); ++c) {
    setting s;
    tfm_feed_state why = TFM_FEED_MORE;
    tfm_item *item = NULL;
    int64_t n = 0;
    int64_t failed = 0;
    sums[c] = 0;
    begin(&s, path, thread_counts[c]);
    for (; (item = tfm_feed_await(s.feed, &why)); ++n) {
      assert_int_equal(item->row->number, n);
      assert_int_equal(item->status != TFM_OK, n % 100 == 7);
      failed += item->status != TFM_OK;
      for (int64_t k = 0; k < item->nseq; ++k) {
        sums[c] = mix(sums[c], item->seqs[k].ids, (size_t)item->seqs[k].n * sizeof(int32_t));
      }
      tfm_item_close(item);
    }
    assert_int_equal(why, TFM_FEED_END);
    assert_int_equal(n, ROWS);
    assert_int_equal(failed, ROWS / 100);
    assert_true(sums[c] == sums[0]);
    end(&s);
  }
  (void)unlink(path);
}

/* Nobody takes: the threads fill the places and stop there, asleep. */
static void a_feed_that_nobody_empties_stops(void **state)
{
  (void)state;
  char path[64];
  write_rows(path);
  for (size_t c = 0; c < COUNT_OF(thread_counts); ++c) {
    setting s;
    int64_t before = -1;
    int64_t now = 0;
    begin(&s, path, thread_counts[c]);
    for (int quiet = 0; quiet < 20; quiet = now == before && now ? quiet + 1 : 0) {
      before = now;
      tfm_sleep_s(5e-3);
      now = tfm_reader_counted(s.reader).rows;
    }
    assert_in_range(now, 1024, 4096);
    end(&s); /* and what it holds is released */
  }
  (void)unlink(path);
}

/* A pipe that stays open: each row is there before the next is written, and in between the feed
 * says that it waits for input. */
static void a_slow_pipe_keeps_nothing_back(void **state)
{
  (void)state;
  char path[] = "/tmp/tfm-feed-pipe-XXXXXX";
  assert_non_null(mkdtemp(path));
  char fifo[64];
  (void)snprintf(fifo, sizeof fifo, "%s/rows", path);
  for (size_t c = 0; c < COUNT_OF(thread_counts); ++c) {
    setting s;
    tfm_feed_state why = TFM_FEED_MORE;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int out = open(fifo, O_RDWR | O_CLOEXEC);
    assert_true(out >= 0);
    begin(&s, fifo, thread_counts[c]);
    for (int i = 0; i < 20; ++i) {
      static const char line[] = "{\"text\":\"one row\"}\n\n"; /* and a blank line */
      assert_int_equal(write(out, line, sizeof line - 1), sizeof line - 1);
      tfm_item *item = tfm_feed_await(s.feed, &why);
      assert_non_null(item);
      assert_int_equal(item->row->number, i);
      tfm_item_close(item);
      do {
        tfm_sleep_s(1e-4);
        assert_null(tfm_feed_take(s.feed, &why));
      } while (why != TFM_FEED_WAITING);
    }
    int in = open(fifo, O_WRONLY | O_CLOEXEC);
    (void)close(out);
    (void)close(in);
    assert_null(tfm_feed_await(s.feed, &why));
    assert_int_equal(why, TFM_FEED_END);
    end(&s);
    assert_int_equal(unlink(fifo), 0);
  }
  assert_int_equal(rmdir(path), 0);
}

/* A compressed file that breaks off: the rows before come first, then why it ended. */
static void a_broken_input_ends_after_its_rows(void **state)
{
  (void)state;
  static const unsigned char packed[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xff, 0xff};
  char path[] = "/tmp/tfm-feed-gz-XXXXXX";
  int fd = mkstemp(path);
  assert_int_equal(write(fd, packed, sizeof packed), sizeof packed);
  assert_int_equal(close(fd), 0);
  for (size_t c = 0; c < COUNT_OF(thread_counts); ++c) {
    setting s;
    tfm_feed_state why = TFM_FEED_MORE;
    begin(&s, path, thread_counts[c]);
    assert_null(tfm_feed_await(s.feed, &why));
    assert_int_equal(why, TFM_FEED_FAILED);
    assert_int_equal(tfm_feed_error(s.feed)->status, TFM_E_FORMAT);
    end(&s);
  }
  (void)unlink(path);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_come_in_order_for_any_threads),
      cmocka_unit_test(a_feed_that_nobody_empties_stops),
      cmocka_unit_test(a_slow_pipe_keeps_nothing_back),
      cmocka_unit_test(a_broken_input_ends_after_its_rows),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
