/* What one model.safetensors may be. Broken files are made here from one valid header; each row
 * of the tables says what is wrong and what the message must name. */
#include "core/model/safetensors.h"

#include "core/base/mem.h"
#include "tests/core/model/support.h"
#include "tests/support/check.h"

#include <math.h>
#include <sys/stat.h>

#define A      "\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}"
#define B      "\"b\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[16,22]}"
#define ONE(e) "{\"a\":{" e "}}"
#define F32(s) "\"dtype\":\"F32\",\"shape\":" s
#define ENTRY  "{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}"

enum { DATA = 22 }; /* bytes A and B describe */

static tfm_status open_bytes(const folder *f, const void *bytes, size_t n, tfm_checkpoint **ck,
                             tfm_err *err)
{
  put_file(f, "model.safetensors", bytes, n);
  return tfm_checkpoint_open(ck, f->path, err);
}

static tfm_status open_header(const folder *f, const char *header, size_t data_bytes,
                              tfm_checkpoint **ck, tfm_err *err)
{
  tfm_buf b = {.data = NULL};
  add_safetensors(&b, header, data_bytes);
  const tfm_status st = open_bytes(f, b.data, b.n, ck, err);
  tfm_buf_fini(&b);
  return st;
}

typedef struct {
  const char *header;
  size_t data;
  const char *named; /* beside the file's name */
} bad_header;

static const bad_header bad_headers[] = {
    {"[" A "]", DATA, "begins with {"},
    {" {" A "," B "}", DATA, "begins with {"},
    {"\xef\xbb\xbf{" A "," B "}", DATA, "begins with {"},
    {"{" A "," B "}x", DATA, "nothing more"},
    {"{" A "," B "}{}", DATA, "nothing more"},
    {"{" A "," B ",}", DATA, "key"},
    {"{" A "," B, DATA, ""},
    {"{/**/" A "," B "}", DATA, "key"},
    {"{" A "," B ",\"\xff\":" ENTRY "}", DATA, "UTF-8"},
    {"{" A "," B ",\"\xc0\xaf\":" ENTRY "}", DATA, "UTF-8"},
    {"{" A "," B ",\"\\ud800\":" ENTRY "}", DATA, "surrogate"},
    {"{" A "," A "}", DATA, "twice"},
    {"{" A ",\"\\u0061\":" ENTRY "}", DATA, "twice"},
    {"{\"__metadata__\":{},\"__metadata__\":{}," A "," B "}", DATA, "twice"},
    {"{\"__metadata__\":[]," A "," B "}", DATA, "object"},
    {"{\"__metadata__\":{\"k\":1}," A "," B "}", DATA, "string"},
    {"{\"__metadata__\":{\"k\":{}}," A "," B "}", DATA, "string"},
    {"{\"\":" ENTRY "}", 4, "empty"},
    {"{\"n\\u0000\":" ENTRY "}", 4, "NUL"},
    {"{\"a\":[]}", 0, "object"},
    {"{\"a\":null}", 0, "object"},
    /* fields */
    {ONE("\"shape\":[],\"data_offsets\":[0,4]"), 4, "dtype is missing"},
    {ONE("\"dtype\":\"F32\",\"data_offsets\":[0,4]"), 4, "shape is missing"},
    {ONE(F32("[]")), 4, "data_offsets is missing"},
    {ONE(F32("[]") ",\"data_offsets\":[0,4],\"x\":1"), 4, "\"x\""},
    {ONE(F32("[]") ",\"data_offsets\":[0,4],\"shape\":[]"), 4, "twice"},
    {ONE(F32("[]") ",\"data_offsets\":[0,4],\"dtype\":\"F32\""), 4, "twice"},
    {ONE(F32("[]") ",\"data_offsets\":[0,4],\"data_offsets\":[0,4]"), 4, "twice"},
    /* dtype */
    {ONE("\"dtype\":\"f32\",\"shape\":[],\"data_offsets\":[0,4]"), 4, "f32"},
    {ONE("\"dtype\":\"\",\"shape\":[],\"data_offsets\":[0,4]"), 4, "dtype"},
    {ONE("\"dtype\":3,\"shape\":[],\"data_offsets\":[0,4]"), 4, "string"},
    {ONE("\"dtype\":null,\"shape\":[],\"data_offsets\":[0,4]"), 4, "string"},
    {ONE("\"dtype\":\"Q4_0\",\"shape\":[],\"data_offsets\":[0,4]"), 4, "Q4_0"},
    /* shape */
    {ONE(F32("[1.0]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("[1e0]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("[-1]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("[-0]") ",\"data_offsets\":[0,0]"), 0, "integer"},
    {ONE(F32("[\"1\"]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("[[1]]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("[null]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("{}") ",\"data_offsets\":[0,4]"), 4, "array"},
    {ONE(F32("1") ",\"data_offsets\":[0,4]"), 4, "array"},
    {ONE(F32("[9223372036854775808]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("[18446744073709551616]") ",\"data_offsets\":[0,4]"), 4, "integer"},
    {ONE(F32("[1,1,1,1,1,1,1,1,1]") ",\"data_offsets\":[0,4]"), 4, "8 axes"},
    /* arithmetic that would wrap: 2^32 * 2^32, 2^62 * 4, and one that fits but is not there */
    {ONE(F32("[4294967296,4294967296]") ",\"data_offsets\":[0,0]"), 0, "64 bits"},
    {ONE(F32("[4611686018427387904]") ",\"data_offsets\":[0,0]"), 0, "64 bits"},
    {ONE(F32("[4294967297,4294967295,4294967297]") ",\"data_offsets\":[0,4]"), 4, "64 bits"},
    {ONE(F32("[4294967297]") ",\"data_offsets\":[0,4]"), 4, "17179869188"},
    /* ranges */
    {ONE(F32("[]") ",\"data_offsets\":[4,0]"), 4, "begin <= end"},
    {ONE(F32("[]") ",\"data_offsets\":[0,8]"), 4, "begin <= end"},
    {ONE(F32("[]") ",\"data_offsets\":[0,4294967296]"), 4, "begin <= end"},
    {ONE(F32("[]") ",\"data_offsets\":[18446744073709551612,0]"), 4, "begin <= end"},
    {ONE(F32("[]") ",\"data_offsets\":[0,18446744073709551616]"), 4, "integer"},
    {ONE(F32("[]") ",\"data_offsets\":[-4,0]"), 4, "integer"},
    {ONE(F32("[]") ",\"data_offsets\":[0.0,4]"), 4, "integer"},
    {ONE(F32("[]") ",\"data_offsets\":[0,1e999]"), 4, "integer"},
    {ONE(F32("[]") ",\"data_offsets\":[]"), 4, "got 0"},
    {ONE(F32("[]") ",\"data_offsets\":[0]"), 4, "got 1"},
    {ONE(F32("[]") ",\"data_offsets\":[0,4,8]"), 4, "got 3"},
    {ONE(F32("[2]") ",\"data_offsets\":[0,4]"), 4, "want 8 bytes"},
    {ONE(F32("[0]") ",\"data_offsets\":[0,4]"), 4, "want 0 bytes"},
    /* tiling */
    {"{" A "," B "}", DATA + 1, "23"},
    {"{" A "," B "}", DATA - 1, "21"},
    {"{" A "}", DATA, "end at byte 16"},
    {"{" B "}", DATA, "hole"},
    {"{}", 1, "end at byte 0"},
    {"{" A ",\"c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[20,24]}}", 24, "hole"},
    {"{" A ",\"c\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[12,16]}}", 16, "overlap"},
    {"{" A ",\"c\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}", 16,
     "overlap"},
};

static void broken_headers_are_refused_by_name(void **state)
{
  (void)state;
  folder f = open_folder();
  for (size_t i = 0; i < COUNT_OF(bad_headers); ++i) {
    const bad_header *bad = &bad_headers[i];
    tfm_err err = {.status = TFM_OK};
    tfm_checkpoint *ck = NULL;
    const tfm_status st = open_header(&f, bad->header, bad->data, &ck, &err);
    if (st != TFM_E_FORMAT || ck || !strstr(err.text, "model.safetensors") ||
        !strstr(err.text, bad->named)) {
      fail_msg("%s: want \"%s\", got %d, \"%s\"", bad->header, bad->named, (int)st, err.text);
    }
  }
  close_folder(&f);
}

static void deep_nesting_is_refused(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  static const int depths[] = {64, 100, 100000};
  for (size_t i = 0; i < COUNT_OF(depths); ++i) {
    tfm_buf text = {.data = NULL};
    (void)tfm_buf_str(&text, "{" A "," B ",\"z\":");
    for (int d = 0; d < depths[i]; ++d) {
      (void)tfm_buf_char(&text, '[');
    }
    CHECK_FAILS(open_header(&f, tfm_buf_cstr(&text), DATA, &ck, &err), TFM_E_FORMAT, &err,
                "deeper");
    tfm_buf_fini(&text);
  }
  close_folder(&f);
}

static void valid_headers_are_read(void **state)
{
  (void)state;
  static const char *const headers[] = {
      "{" A "," B "}",
      "{" B "," A "}",
      "{" A "," B "}   \n",
      "{\"__metadata__\":{\"format\":\"pt\"}," A "," B "}",
      "{" A "," B ",\"e\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[16,16]}}",
      "{" A "," B ",\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[22,22]}}",
  };
  folder f = open_folder();
  for (size_t i = 0; i < COUNT_OF(headers); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_checkpoint *ck = NULL;
    CHECK_OK(open_header(&f, headers[i], DATA, &ck, &err), &err);
    const tfm_tensor_info *a = tfm_checkpoint_find(ck, "a");
    const tfm_tensor_info *b = tfm_checkpoint_find(ck, "b");
    assert_true(a && b && tfm_checkpoint_find(ck, "c") == NULL);
    assert_ptr_equal(tfm_checkpoint_at(ck, 0), a); /* by place in the file, not in the header */
    assert_int_equal(a->dtype, TFM_F32);
    assert_true(a->ndim == 2 && a->dim[0] == 2 && a->dim[1] == 2 && a->count == 4);
    assert_true(b->ndim == 1 && b->dim[0] == 3 && b->bytes == 6);
    assert_int_equal(a->offset, 8 + strlen(headers[i]));
    assert_int_equal(b->offset, a->offset + 16);
    tfm_checkpoint_close(ck);
  }
  close_folder(&f);
}

static void header_lengths_are_checked_against_the_file(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  tfm_buf b = {.data = NULL};
  add_safetensors(&b, "{" A "," B "}", DATA);
  const uint64_t good = b.n - 8 - DATA;
  const uint64_t lengths[] = {0,          1,
                              2,          good - 1,
                              good + 1,   b.n - 9,
                              b.n - 8,    b.n - 7,
                              b.n,        100000001,
                              1ull << 31, 1ull << 32,
                              1ull << 53, (1ull << 63) - 1,
                              1ull << 63, UINT64_MAX - 7,
                              UINT64_MAX};
  for (size_t i = 0; i < COUNT_OF(lengths); ++i) {
    memcpy(b.data, &lengths[i], sizeof lengths[i]);
    CHECK_FAILS(open_bytes(&f, b.data, b.n, &ck, &err), TFM_E_FORMAT, &err,
                "model.safetensors");
    assert_null(ck);
  }
  tfm_buf_fini(&b);
  close_folder(&f);
}

/* A download that stopped anywhere, and a header cut anywhere with a length that agrees. */
static void every_prefix_is_refused(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  tfm_buf b = {.data = NULL};
  const char header[] = "{\"__metadata__\":{\"format\":\"pt\"}," A "," B "}";
  add_safetensors(&b, header, DATA);
  for (size_t n = 0; n < b.n; ++n) {
    CHECK_FAILS(open_bytes(&f, b.data, n, &ck, &err), TFM_E_FORMAT, &err, "model.safetensors");
  }
  for (size_t n = 0; n < sizeof header - 1; ++n) {
    char cut[sizeof header];
    memcpy(cut, header, n);
    cut[n] = '\0';
    CHECK_FAILS(open_header(&f, cut, DATA, &ck, &err), TFM_E_FORMAT, &err, "model.safetensors");
  }
  tfm_buf_fini(&b);
  close_folder(&f);
}

/* Any single byte of the header set to any of a few values: no crash, and never a tensor that
 * lies outside the file. */
static void every_byte_of_the_header_may_be_anything(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_buf b = {.data = NULL};
  add_safetensors(&b, "{" A "," B "}", DATA);
  static const char bytes[] = {0,   '"', '\\', '{', '}', '[', ']',
                               ',', ':', '0',  '9', '-', 'e', -1};
  for (size_t at = 8; at < b.n - DATA; ++at) {
    const char was = b.data[at];
    for (size_t k = 0; k < COUNT_OF(bytes); ++k) {
      tfm_err err = {.status = TFM_OK};
      tfm_checkpoint *ck = NULL;
      b.data[at] = bytes[k];
      if (open_bytes(&f, b.data, b.n, &ck, &err) == TFM_OK) {
        for (int64_t i = 0; i < tfm_checkpoint_count(ck); ++i) {
          const tfm_tensor_info *info = tfm_checkpoint_at(ck, i);
          assert_true(info->offset >= b.n - DATA && info->offset + info->bytes <= b.n);
        }
      } else {
        assert_null(ck);
        assert_true(err.text[0] != '\0');
      }
      tfm_checkpoint_close(ck);
    }
    b.data[at] = was;
  }
  tfm_buf_fini(&b);
  close_folder(&f);
}

static void a_hundred_thousand_tensors_are_read_in_linear_time(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  tfm_buf text = {.data = NULL};
  (void)tfm_buf_str(&text, "{" A "," B);
  for (int i = 0; i < 100000; ++i) {
    (void)tfm_buf_printf(&text,
                         ",\"t%d\":{\"dtype\":\"F32\",\"shape\":[0],"
                         "\"data_offsets\":[22,22]}",
                         i);
  }
  (void)tfm_buf_str(&text, "}");
  CHECK_OK(open_header(&f, tfm_buf_cstr(&text), DATA, &ck, &err), &err);
  assert_int_equal(tfm_checkpoint_count(ck), 100002);
  assert_non_null(tfm_checkpoint_find(ck, "t99999"));
  tfm_checkpoint_close(ck);
  tfm_buf_fini(&text);
  close_folder(&f);
}

static void other_formats_are_named(void **state)
{
  (void)state;
  static const struct {
    const char *bytes;
    size_t n;
    tfm_status st;
    const char *named;
  } rows[] = {
      {"\x80\x02}q\x00.", 6, TFM_E_UNSUPPORTED, "pickle"},
      {"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20", 10, TFM_E_UNSUPPORTED, "save_pretrained"},
      {"PK\x03\x04\0\0\0\0\0\0\0\0", 12, TFM_E_UNSUPPORTED, "zip"},
      {"GGUF\x03\0\0\0\0\0\0\0\0\0\0\0", 16, TFM_E_UNSUPPORTED, "GGUF"},
      {"\x89HDF\r\n\x1a\n\0\0\0\0", 12, TFM_E_UNSUPPORTED, "HDF5"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", 64, TFM_E_FORMAT,
       "git lfs pull"},
      {"<!DOCTYPE html><html>", 21, TFM_E_FORMAT, "web page"},
      {"\x1f\x8b\x08\0\0\0\0\0\0\0", 10, TFM_E_UNSUPPORTED, "gzip"},
  };
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  for (size_t i = 0; i < COUNT_OF(rows); ++i) {
    CHECK_FAILS(open_bytes(&f, rows[i].bytes, rows[i].n, &ck, &err), rows[i].st, &err,
                rows[i].named);
    assert_non_null(strstr(err.text, "model.safetensors"));
  }
  close_folder(&f);
}

/* 640 is 80 02 as a length: what a pickle begins with, and here a valid file. */
static void a_length_that_looks_like_a_pickle_is_a_length(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  char header[641];
  (void)snprintf(header, sizeof header, "%-640s", "{" A "," B "}");
  CHECK_OK(open_header(&f, header, DATA, &ck, &err), &err);
  tfm_checkpoint_close(ck);
  close_folder(&f);
}

static void a_folder_without_safetensors_says_what_to_do(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_MISSING, &err, "model.safetensors");
  put_text(&f, "pytorch_model.bin", "x");
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_UNSUPPORTED, &err,
              "save_pretrained");
  assert_non_null(strstr(err.text, "pytorch_model.bin"));
  close_folder(&f);
}

static void things_that_are_no_files_are_refused(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  char path[128];
  (void)snprintf(path, sizeof path, "%s/model.safetensors", f.path);
  assert_int_equal(mkdir(path, 0700), 0);
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err, "folder");
  assert_int_equal(rmdir(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0);
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err, "FIFO");
  assert_int_equal(unlink(path), 0);
  assert_int_equal(symlink("model.safetensors", path), 0);
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err, "model.safetensors");
  close_folder(&f);
}

#define MIXED                                                                                  \
  "{\"f\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,12]},"                          \
  "\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[12,16]},"                          \
  "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[16,20]},"                         \
  "\"i\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[20,28]}}"

/* A file with one tensor of each kind; the floats are the caller's. */
static tfm_checkpoint *open_mixed(const folder *f, const float values[3])
{
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  tfm_buf b = {.data = NULL};
  const uint16_t brief[4] = {0x3c00, 0x0001, 0x3f80, 0xc000}; /* 1, 2^-24, 1, -2 */
  add_safetensors(&b, MIXED, 28);
  memcpy(b.data + b.n - 28, values, 12);
  memcpy(b.data + b.n - 16, brief, sizeof brief);
  CHECK_OK(open_bytes(f, b.data, b.n, &ck, &err), &err);
  tfm_buf_fini(&b);
  return ck;
}

static void weights_become_float32_exactly(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  const float values[3] = {1.5f, -0.0f, 0x1p-149f};
  float got[3];
  tfm_checkpoint *ck = open_mixed(&f, values);
  CHECK_OK(tfm_checkpoint_read(ck, tfm_checkpoint_find(ck, "f"), got, &err), &err);
  assert_memory_equal(got, values, sizeof values);
  CHECK_OK(tfm_checkpoint_read(ck, tfm_checkpoint_find(ck, "h"), got, &err), &err);
  assert_true(got[0] == 1.0f && got[1] == 0x1p-24f);
  CHECK_OK(tfm_checkpoint_read(ck, tfm_checkpoint_find(ck, "b"), got, &err), &err);
  assert_true(got[0] == 1.0f && got[1] == -2.0f);
  CHECK_FAILS(tfm_checkpoint_read(ck, tfm_checkpoint_find(ck, "i"), got, &err),
              TFM_E_UNSUPPORTED, &err, "I64");
  tfm_checkpoint_close(ck);
  close_folder(&f);
}

static void weights_that_are_no_numbers_are_named(void **state)
{
  (void)state;
  static const char *const names[] = {"NaN", "Infinity", "-Infinity"};
  const float bad[] = {NAN, INFINITY, -INFINITY};
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  for (int i = 0; i < 3; ++i) {
    const float values[3] = {0.0f, 1.0f, bad[i]};
    float got[3];
    tfm_checkpoint *ck = open_mixed(&f, values);
    CHECK_FAILS(tfm_checkpoint_read(ck, tfm_checkpoint_find(ck, "f"), got, &err), TFM_E_FORMAT,
                &err, names[i]);
    assert_non_null(strstr(err.text, "f: element 2"));
    tfm_checkpoint_close(ck);
  }
  close_folder(&f);
}

/* Longer than the buffer conversions go through, at every kind of remainder. */
static void long_tensors_are_read_whole(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  const int64_t counts[] = {65535, 65536, 65537, 200001};
  for (size_t k = 0; k < COUNT_OF(counts); ++k) {
    const size_t n = (size_t)counts[k];
    char header[128];
    tfm_buf b = {.data = NULL};
    tfm_checkpoint *ck = NULL;
    (void)snprintf(header, sizeof header,
                   "{\"w\":{\"dtype\":\"BF16\",\"shape\":[%zu],\"data_offsets\":[0,%zu]}}", n,
                   2 * n);
    add_safetensors(&b, header, 2 * n);
    for (size_t i = 0; i < n; ++i) {
      const uint16_t brief = (uint16_t)(i % 0x7f80);
      memcpy(b.data + b.n - 2 * n + 2 * i, &brief, 2);
    }
    CHECK_OK(open_bytes(&f, b.data, b.n, &ck, &err), &err);
    float *got = want_floats((int64_t)n);
    CHECK_OK(tfm_checkpoint_read(ck, tfm_checkpoint_at(ck, 0), got, &err), &err);
    for (size_t i = 0; i < n; ++i) {
      const uint32_t want = (uint32_t)(i % 0x7f80) << 16;
      assert_memory_equal(&got[i], &want, 4);
    }
    tfm_free(got);
    tfm_checkpoint_close(ck);
    tfm_buf_fini(&b);
  }
  close_folder(&f);
}

static void a_file_that_shrinks_after_opening_is_an_error(void **state)
{
  (void)state;
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  char path[128];
  float got[3];
  const float values[3] = {1, 2, 3};
  tfm_checkpoint *ck = open_mixed(&f, values);
  (void)snprintf(path, sizeof path, "%s/model.safetensors", f.path);
  assert_int_equal(truncate(path, 20), 0);
  CHECK_FAILS(tfm_checkpoint_read(ck, tfm_checkpoint_find(ck, "f"), got, &err), TFM_E_FORMAT,
              &err, "model.safetensors");
  tfm_checkpoint_close(ck);
  close_folder(&f);
}

static void digest_of(const folder *f, const void *bytes, size_t n, bool full,
                      char hex[TFM_SHA256_HEX])
{
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  tfm_sha256 sha;
  CHECK_OK(open_bytes(f, bytes, n, &ck, &err), &err);
  tfm_sha256_init(&sha);
  CHECK_OK(tfm_checkpoint_digest(ck, full, &sha, &err), &err);
  tfm_sha256_hex(&sha, hex);
  tfm_checkpoint_close(ck);
}

/* Every byte counts when full; when sampled, at least the first, the last, names and sizes. */
static void digests_tell_checkpoints_apart(void **state)
{
  (void)state;
  enum { N = 1 << 20 };
  folder f = open_folder();
  tfm_buf b = {.data = NULL};
  char hex[4][TFM_SHA256_HEX];
  add_safetensors(
      &b, "{\"w\":{\"dtype\":\"U8\",\"shape\":[1048576],\"data_offsets\":[0,1048576]}}", N);
  char *data = b.data + b.n - N;
  digest_of(&f, b.data, b.n, true, hex[0]);
  digest_of(&f, b.data, b.n, false, hex[1]);
  assert_string_not_equal(hex[0], hex[1]);
  static const size_t places[] = {0, 4095, N - 1, N / 2 + 7};
  for (size_t i = 0; i < COUNT_OF(places); ++i) {
    data[places[i]] = 1;
    digest_of(&f, b.data, b.n, true, hex[2]);
    digest_of(&f, b.data, b.n, false, hex[3]);
    assert_string_not_equal(hex[0], hex[2]);
    if (i < 3) {
      assert_string_not_equal(hex[1], hex[3]);
    }
    data[places[i]] = 0;
  }
  b.data[8 + 2] = 'v'; /* the tensor's name */
  digest_of(&f, b.data, b.n, false, hex[3]);
  assert_string_not_equal(hex[1], hex[3]);
  tfm_buf_fini(&b);
  close_folder(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(broken_headers_are_refused_by_name),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(valid_headers_are_read),
      cmocka_unit_test(header_lengths_are_checked_against_the_file),
      cmocka_unit_test(every_prefix_is_refused),
      cmocka_unit_test(every_byte_of_the_header_may_be_anything),
      cmocka_unit_test(a_hundred_thousand_tensors_are_read_in_linear_time),
      cmocka_unit_test(other_formats_are_named),
      cmocka_unit_test(a_length_that_looks_like_a_pickle_is_a_length),
      cmocka_unit_test(a_folder_without_safetensors_says_what_to_do),
      cmocka_unit_test(things_that_are_no_files_are_refused),
      cmocka_unit_test(weights_become_float32_exactly),
      cmocka_unit_test(weights_that_are_no_numbers_are_named),
      cmocka_unit_test(long_tensors_are_read_whole),
      cmocka_unit_test(a_file_that_shrinks_after_opening_is_an_error),
      cmocka_unit_test(digests_tell_checkpoints_apart),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
