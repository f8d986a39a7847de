/* Weights in several files: what an index may say, and where its files may lie. */
#include "core/model/safetensors.h"

#include "tests/core/model/support.h"
#include "tests/support/check.h"

#include <sys/stat.h>

#define INDEX     "model.safetensors.index.json"
#define TENSOR(n) "{\"" n "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
#define TWO(m, n)                                                                              \
  "{\"" m "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"                       \
  "\"" n "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}"

static void put_shard(const folder *f, const char *name, const char *header, size_t data)
{
  tfm_buf b = {.data = NULL};
  add_safetensors(&b, header, data);
  put_file(f, name, b.data, b.n);
  tfm_buf_fini(&b);
}

/* Two shards: one.st holds a and b, two.st holds c and another a. */
static folder open_shards(const char *index)
{
  folder f = open_folder();
  put_shard(&f, "one.st", TWO("a", "b"), 8);
  put_shard(&f, "two.st", TWO("c", "a"), 8);
  put_text(&f, INDEX, index);
  return f;
}

static void tensors_belong_where_the_index_says(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  folder f = open_shards("{\"metadata\":{\"total_size\":1},\"weight_map\":{\"c\":\"two.st\","
                         "\"a\":\"two.st\",\"b\":\"one.st\"}}");
  CHECK_OK(tfm_checkpoint_open(&ck, f.path, &err), &err);
  assert_int_equal(tfm_checkpoint_count(ck), 3);
  assert_string_equal(tfm_checkpoint_file(ck, tfm_checkpoint_find(ck, "a")->shard), "two.st");
  assert_string_equal(tfm_checkpoint_file(ck, tfm_checkpoint_find(ck, "b")->shard), "one.st");
  assert_string_equal(tfm_checkpoint_file(ck, -1), INDEX);
  tfm_checkpoint_close(ck);
  close_folder(&f);
}

static void tensors_the_index_leaves_out_are_not_there(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  folder f = open_shards("{\"weight_map\":{\"b\":\"one.st\"}}");
  CHECK_OK(tfm_checkpoint_open(&ck, f.path, &err), &err);
  assert_int_equal(tfm_checkpoint_count(ck), 1);
  assert_null(tfm_checkpoint_find(ck, "a"));
  tfm_checkpoint_close(ck);
  close_folder(&f);
}

static void the_single_file_comes_first(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  folder f = open_shards("{");
  put_shard(&f, "model.safetensors", TENSOR("s"), 4);
  CHECK_OK(tfm_checkpoint_open(&ck, f.path, &err), &err);
  assert_non_null(tfm_checkpoint_find(ck, "s"));
  tfm_checkpoint_close(ck);
  close_folder(&f);
}

static const struct {
  const char *index;
  const char *named;
} bad_indexes[] = {
    {"", INDEX},
    {"{", INDEX},
    {"[]", "weight_map"},
    {"{\"metadata\":{}}", "weight_map"},
    {"{\"weight_map\":null}", "weight_map"},
    {"{\"weight_map\":[]}", "weight_map"},
    {"{\"weight_map\":{}}", "weight_map"},
    {"{\"weight_map\":{\"a\":\"one.st\",\"a\":\"two.st\"}}", "twice"},
    {"{\"weight_map\":{\"a\":null}}", "a: want a string"},
    {"{\"weight_map\":{\"a\":1}}", "a: want a string"},
    {"{\"weight_map\":{\"a\":[]}}", "a: want a string"},
    {"{\"weight_map\":{\"a\":\"\"}}", "plain name"},
    {"{\"weight_map\":{\"a\":\".\"}}", "plain name"},
    {"{\"weight_map\":{\"a\":\"..\"}}", "plain name"},
    {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "/etc/passwd"},
    {"{\"weight_map\":{\"a\":\"../one.st\"}}", "../one.st"},
    {"{\"weight_map\":{\"a\":\"x/../one.st\"}}", "plain name"},
    {"{\"weight_map\":{\"a\":\"one.st\\u0000\"}}", "U+0000"},
    {"{\"weight_map\":{\"a\":\"ONE.ST\"}}", "ONE.ST"},
    {"{\"weight_map\":{\"a\":\"gone.st\"}}", "gone.st"},
    {"{\"weight_map\":{\"z\":\"one.st\"}}", "z is said to be in one.st"},
    {"{\"weight_map\":{\"c\":\"one.st\"}}", "c is said to be in one.st"},
};

static void broken_indexes_are_refused_by_name(void **state)
{
  (void)state;
  for (size_t i = 0; i < COUNT_OF(bad_indexes); ++i) {
    tfm_err err = {.status = TFM_OK};
    tfm_checkpoint *ck = NULL;
    folder f = open_shards(bad_indexes[i].index);
    CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err,
                bad_indexes[i].named);
    assert_non_null(strstr(err.text, INDEX));
    assert_null(ck);
    close_folder(&f);
  }
}

static void long_names_and_many_files_are_refused(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  tfm_buf index = {.data = NULL};
  (void)tfm_buf_printf(&index, "{\"weight_map\":{\"a\":\"%05000d\"}}", 1);
  folder f = open_shards(tfm_buf_cstr(&index));
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err, "plain name");
  tfm_buf_clear(&index);
  for (int i = 0; i < 1000; ++i) {
    (void)tfm_buf_printf(&index, "%s\"t%d\":\"s%d\"", i ? "," : "{\"weight_map\":{", i, i);
  }
  (void)tfm_buf_str(&index, "}}");
  put_text(&f, INDEX, tfm_buf_cstr(&index));
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err, "512 files");
  tfm_buf_fini(&index);
  close_folder(&f);
}

static void broken_shards_are_named(void **state)
{
  (void)state;
  char path[128];
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  folder f = open_shards("{\"weight_map\":{\"b\":\"one.st\",\"c\":\"two.st\"}}");
  put_text(&f, "two.st", "PK\x03\x04");
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_UNSUPPORTED, &err, "two.st");
  put_shard(&f, "two.st", TENSOR("c"), 5);
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err, "two.st");
  (void)snprintf(path, sizeof path, "%s/two.st", f.path);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err,
              "two.st, which is no regular file");
  close_folder(&f);
}

static void link_to(const folder *f, const char *name, const char *target)
{
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
  (void)unlink(path);
  assert_int_equal(symlink(target, path), 0);
}

static void links_may_not_lead_out_of_the_folder(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  char target[256];
  folder out = open_folder();
  put_shard(&out, "one.st", TWO("a", "b"), 8);
  folder f = open_shards("{\"weight_map\":{\"b\":\"one.st\"}}");
  (void)snprintf(target, sizeof target, "%s/one.st", out.path);
  link_to(&f, "one.st", target);
  CHECK_FAILS(tfm_checkpoint_open(&ck, f.path, &err), TFM_E_FORMAT, &err, "leads out");
  link_to(&f, "one.st", "other.st"); /* inside is fine */
  put_shard(&f, "other.st", TWO("a", "b"), 8);
  CHECK_OK(tfm_checkpoint_open(&ck, f.path, &err), &err);
  tfm_checkpoint_close(ck);
  close_folder(&out);
  close_folder(&f);
}

static void make_folder(const folder *f, const char *name)
{
  char path[256];
  (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
  assert_int_equal(mkdir(path, 0700), 0);
}

/* A hub cache: snapshots/<revision>/ holds links into blobs/ beside it. */
static void links_of_a_hub_cache_are_followed(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_checkpoint *ck = NULL;
  char revision[128];
  folder f = open_folder();
  make_folder(&f, "blobs");
  make_folder(&f, "snapshots");
  make_folder(&f, "snapshots/0a1b");
  put_shard(&f, "blobs/b10b", TWO("a", "b"), 8);
  put_text(&f, "blobs/1d3", "{\"weight_map\":{\"b\":\"one.st\"}}");
  link_to(&f, "snapshots/0a1b/one.st", "../../blobs/b10b");
  link_to(&f, "snapshots/0a1b/" INDEX, "../../blobs/1d3");
  (void)snprintf(revision, sizeof revision, "%s/snapshots/0a1b", f.path);
  CHECK_OK(tfm_checkpoint_open(&ck, revision, &err), &err);
  assert_non_null(tfm_checkpoint_find(ck, "b"));
  tfm_checkpoint_close(ck);
  link_to(&f, "snapshots/0a1b/one.st", "/etc/hostname");
  CHECK_FAILS(tfm_checkpoint_open(&ck, revision, &err), TFM_E_FORMAT, &err, "leads out");
  close_folder(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tensors_belong_where_the_index_says),
      cmocka_unit_test(tensors_the_index_leaves_out_are_not_there),
      cmocka_unit_test(the_single_file_comes_first),
      cmocka_unit_test(broken_indexes_are_refused_by_name),
      cmocka_unit_test(long_names_and_many_files_are_refused),
      cmocka_unit_test(broken_shards_are_named),
      cmocka_unit_test(links_may_not_lead_out_of_the_folder),
      cmocka_unit_test(links_of_a_hub_cache_are_followed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
