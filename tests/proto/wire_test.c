#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/wire.h"

#include <math.h>
#include <string.h>

/* Little-endian whatever the host: these are the bytes FORMAT.md shows. */
static void fields_are_little_endian(void **state)
{
  (void)state;
  static const unsigned char want[] = {4, 3, 2, 1, 8,    7,    6, 5, 4, 3, 2,   1,    0,  0,
                                       0, 0, 0, 0, 0xf8, 0xbf, 3, 0, 0, 0, 'a', 0xff, 'c'};
  tfm_buf out = {0};
  tfm__put_u32(&out, 0x01020304);
  tfm__put_u64(&out, 0x0102030405060708);
  tfm__put_f64(&out, -1.5);
  tfm__put_text(&out,
                "a\xff"
                "c",
                16);
  assert_false(out.failed);
  assert_int_equal(out.n, sizeof want);
  assert_memory_equal(out.data, want, sizeof want);
  tfm__reader r = tfm__reader_open("test", out.data, out.n);
  char text[4];
  tfm_err err = {0};
  assert_int_equal(tfm__get_u32(&r, "a"), 0x01020304);
  assert_int_equal(tfm__get_u64(&r, "b"), 0x0102030405060708);
  assert_true(tfm__get_f64(&r, "c") == -1.5);
  tfm__get_text(&r, "d", text, sizeof text);
  assert_string_equal(text, "a\xff"
                            "c");
  assert_int_equal(tfm__reader_close(&r, &err), TFM_OK);
  tfm_buf_fini(&out);
}

/* The first failure stays: later fields read as zero and do not replace the reason. */
static void the_first_failure_stays(void **state)
{
  (void)state;
  static const unsigned char bytes[] = {1, 0, 0, 0, 9, 0};
  tfm__reader r = tfm__reader_open("test", bytes, sizeof bytes);
  tfm_err err = {0};
  assert_int_equal(tfm__get_u32(&r, "first"), 1);
  assert_int_equal(tfm__get_u32(&r, "second"), 0);
  assert_int_equal(tfm__get_u64(&r, "third"), 0);
  tfm__reader_fail(&r, "fourth", "another reason");
  assert_int_equal(tfm__reader_close(&r, &err), TFM_E_FORMAT);
  assert_string_equal(err.text, "message test: second: want 4 bytes at byte 4, got 2");
}

static tfm_status read_text(const unsigned char *bytes, size_t n, size_t cap, tfm_err *err)
{
  char text[8];
  tfm__reader r = tfm__reader_open("test", bytes, n);
  memset(text, 'x', sizeof text);
  tfm__get_text(&r, "text", text, cap);
  assert_non_null(memchr(text, 0, cap)); /* always terminated */
  return tfm__reader_close(&r, err);
}

/* A text that does not fit its array, claims more than there is, or hides a NUL is refused. */
static void bad_texts_are_refused(void **state)
{
  (void)state;
  tfm_err err = {0};
  static const unsigned char three[] = {3, 0, 0, 0, 'a', 'b', 'c'};
  assert_int_equal(read_text(three, sizeof three, 4, &err), TFM_OK);
  assert_int_equal(read_text(three, sizeof three, 3, &err), TFM_E_FORMAT);
  assert_int_equal(read_text(three, sizeof three - 1, 8, &err), TFM_E_FORMAT);
  static const unsigned char nul[] = {3, 0, 0, 0, 'a', 0, 'c'};
  assert_int_equal(read_text(nul, sizeof nul, 8, &err), TFM_E_FORMAT);
  static const unsigned char huge[] = {0xff, 0xff, 0xff, 0xff, 'a'};
  assert_int_equal(read_text(huge, sizeof huge, 8, &err), TFM_E_FORMAT);
  static const unsigned char after[] = {0, 0, 0, 0, 'a'};
  assert_int_equal(read_text(after, sizeof after, 8, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "end: want 4 bytes, got 5"));
}

/* A text that fills its array without a NUL is cut so that the receiver can terminate it. */
static void long_texts_are_cut(void **state)
{
  (void)state;
  const char full[4] = {'a', 'b', 'c', 'd'};
  char text[4];
  tfm_buf out = {0};
  tfm_err err = {0};
  tfm__put_text(&out, full, sizeof full);
  tfm__reader r = tfm__reader_open("test", out.data, out.n);
  tfm__get_text(&r, "text", text, sizeof text);
  assert_int_equal(tfm__reader_close(&r, &err), TFM_OK);
  assert_string_equal(text, "abc");
  tfm_buf_fini(&out);
}

static void numbers_must_be_finite(void **state)
{
  (void)state;
  const double bad[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 3; ++i) {
    tfm_buf out = {0};
    tfm_err err = {0};
    tfm__put_f64(&out, bad[i]);
    tfm__reader r = tfm__reader_open("test", out.data, out.n);
    assert_true(tfm__get_f64(&r, "x") == 0);
    assert_int_equal(tfm__reader_close(&r, &err), TFM_E_FORMAT);
    tfm_buf_fini(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_are_little_endian), cmocka_unit_test(the_first_failure_stays),
      cmocka_unit_test(bad_texts_are_refused),    cmocka_unit_test(long_texts_are_cut),
      cmocka_unit_test(numbers_must_be_finite),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
