/* Time grows with the length of a row and no faster, whatever it is made of: a row twenty times as
 * long takes about twenty times as long, where a square would take four hundred. In CPU time, the
 * best of several; run by hand on a quiet machine, since a busy one can stretch it. */
#include "tests/core/text/support.h"

#include "core/base/clock.h"

enum { SHORT = 5000, TIMES = 20, LONG = SHORT * TIMES, MOST_GROWTH = 8, LARGEST = 1 << 20 };

/* What rows are made of, again and again: one thing that pieces, runs, clusters, marks, added
 * tokens or merges are made of, or two that interrupt each other. */
static const char *const things[] = {"a",
                                     " ",
                                     "\r",
                                     "\n",
                                     "\r\n",
                                     "abcdefgh\r",
                                     "ab",
                                     "aB",
                                     "a ",
                                     " \n",
                                     "'s",
                                     "1",
                                     ".",
                                     "<",
                                     "_",
                                     "##",
                                     "<s>",
                                     "<mask>",
                                     " <mask>",
                                     "<|begin|>",
                                     "[MASK] ",
                                     "\xe2\x96\x81",
                                     "\xe5\x8c\x97",
                                     "\xf0\x9f\x98\x80",
                                     "\xf0\x9f\x91\xa9\xe2\x80\x8d",
                                     "\xcc\x81",
                                     "\xcc\x81\xcc\xa3",
                                     "a\xcc\x81\xcc\xa3\xcc\x95",
                                     "\xc3\xa9",
                                     "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8",
                                     "\xe1\x84\x80",
                                     "\xef\xb7\xba",
                                     "\xe0\xa4\x95\xe0\xa5\x8d",
                                     "\xef\xbf\xbd",
                                     "\xc2\xa0",
                                     "the quick brown fox, "};

static tfm_span text_of(tfm_buf *b, const char *thing, size_t bytes)
{
  tfm_buf_clear(b);
  while (b->n < bytes) {
    assert_int_equal(tfm_buf_str(b, thing), TFM_OK);
  }
  return tfm_buf_view(b);
}

/* CPU seconds of one encode and decode, the best of n. An expression may give up on the text. */
static double best_of(int n, const tfm_tokenizer *t, tfm_span text, tfm_encoding *e)
{
  const tfm_encode_options options = {.add_special_tokens = true};
  double best = 1e9;
  for (int i = 0; i < n; ++i) {
    tfm_err err = {0};
    tfm_buf back = {0};
    double start = tfm_cpu_s();
    tfm_status st = tfm_tokenizer_encode(t, text, (tfm_span){NULL, 0}, &options, e, &err);
    if (st != TFM_E_UNSUPPORTED) {
      CHECK_OK(st, &err);
      CHECK_OK(tfm_tokenizer_decode(t, e->ids, e->n, true, &back, &err), &err);
    }
    double took = tfm_cpu_s() - start;
    best = took < best ? took : best;
    tfm_buf_fini(&back);
  }
  return best;
}

static void check_tokenizer(const char *path, tfm_span json)
{
  static tfm_buf room;
  tfm_err err = {0};
  tfm_encoding e = {0};
  tfm_tokenizer *t = NULL;
  CHECK_OK(open_text(&t, json, &err), &err);
  for (size_t i = 0; i < COUNT_OF(things); ++i) {
    double one = best_of(5, t, text_of(&room, things[i], SHORT), &e);
    double all = best_of(2, t, text_of(&room, things[i], LONG), &e);
    if (all > MOST_GROWTH * TIMES * one) {
      fail_msg("%s, %.*s ...: %d bytes of thing %zu take %g ms, %d bytes %g ms", path,
               (int)(json.n < 300 ? json.n : 300), json.p, SHORT, i, one * 1e3, LONG,
               all * 1e3);
    }
  }
  tfm_tokenizer_close(t);
  tfm_encoding_fini(&e);
  tfm_buf_fini(&room);
}

/* A file of one tokenizer a line. */
static void check_file(const char *path, size_t wanted)
{
  tfm_err err = {0};
  tfm_buf file = {0};
  size_t n = 0;
  CHECK_OK(tfm_file_read_all(path, LARGEST, &file, &err), &err);
  for (size_t i = 0; i < file.n; ++n) {
    const char *end = memchr(file.data + i, '\n', file.n - i);
    size_t bytes = end ? (size_t)(end - (file.data + i)) : file.n - i;
    check_tokenizer(path, (tfm_span){file.data + i, bytes});
    i += bytes + 1;
  }
  assert_int_equal(n, wanted);
  tfm_buf_fini(&file);
}

static void no_row_takes_the_square_of_its_length(void **state)
{
  (void)state;
  check_file(TFM_FIXTURES "/text/bert.json", 1);
  check_file(TFM_FIXTURES "/text/odd.json", 1);
  check_file(TFM_FIXTURES "/fuzz/tokenizers.jsonl", 21);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(no_row_takes_the_square_of_its_length)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
