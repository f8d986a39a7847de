/* What a model card says of its checkpoint's task. */
#include "coordinator/task/card.h"

#include "tests/support/check.h"

#include <stdlib.h>

typedef struct {
  char path[64];
} folder;

static folder open_folder(void)
{
  folder f = {"/tmp/tfm-card-XXXXXX"};
  assert_non_null(mkdtemp(f.path));
  return f;
}

static void card_path(const folder *f, char out[96])
{
  (void)snprintf(out, 96, "%s/README.md", f->path);
}

static void close_folder(const folder *f)
{
  char path[96];
  card_path(f, path);
  (void)unlink(path);
  assert_int_equal(rmdir(f->path), 0);
}

/* The tag of a folder whose card has this text; no card for NULL. */
static void want_tag(const char *text, const char *wanted)
{
  folder f = open_folder();
  tfm_err err = {.status = TFM_OK};
  tfm_buf tag = {.data = NULL};
  if (text) {
    char path[96];
    card_path(&f, path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
  }
  CHECK_OK(tfm_card_tag(f.path, &tag, &err), &err);
  assert_string_equal(tfm_buf_cstr(&tag), wanted);
  tfm_buf_fini(&tag);
  close_folder(&f);
}

static void a_tag_is_found(void **state)
{
  (void)state;
  want_tag("---\nlicense: mit\npipeline_tag: fill-mask\n---\ntext", "fill-mask");
  want_tag("---\r\npipeline_tag: fill-mask\r\n---\r\n", "fill-mask");
  want_tag("---\npipeline_tag:\t\"text-ranking\" # for pairs\n---\n", "text-ranking");
  want_tag("---\npipeline_tag: 'text-ranking'\n---\n", "text-ranking");
  want_tag("---\npipeline_tag: fill-mask", "fill-mask");
  want_tag("---\npipeline_tag: fill-mask#1\n", "fill-mask");
  want_tag("---\npipeline_tag: \"fill-mask\n", "fill-mask");
}

static void no_tag_is_nothing(void **state)
{
  (void)state;
  want_tag(NULL, "");
  want_tag("", "");
  want_tag("---", "");
  want_tag("# A model\npipeline_tag: fill-mask\n", "");
  want_tag("---\nlicense: mit\n---\npipeline_tag: fill-mask\n", "");
  want_tag("---\nmodel-index:\n  pipeline_tag: fill-mask\n---\n", "");
  want_tag("---\npipeline_tag:\n---\n", "");
  want_tag("---\npipeline_tags: fill-mask\n---\n", "");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_tag_is_found),
      cmocka_unit_test(no_tag_is_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
