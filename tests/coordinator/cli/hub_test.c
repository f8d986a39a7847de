/* --model ORG/NAME: the folder that refs/main of Hugging Face's cache names, and no other. */
#include "coordinator/cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char hub[] = "/tmp/tfm-hub-XXXXXX";

static void at(const char *below, char out[256])
{
  (void)snprintf(out, 256, "%s/%s", hub, below);
}

static void make_folder(const char *below)
{
  char path[256];
  at(below, path);
  assert_int_equal(mkdir(path, 0700), 0);
}

static void write_ref(const char *below, const char *text)
{
  char path[256];
  at(below, path);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static const char *const folders[] = {"models--org--tiny",
                                      "models--org--tiny/refs",
                                      "models--org--tiny/snapshots",
                                      "models--org--tiny/snapshots/0123abc",
                                      "models--org--lost",
                                      "models--org--lost/refs",
                                      "models--org--sly",
                                      "models--org--sly/refs"};
static const char *const refs[][2] = {
    {"models--org--tiny/refs/main", "0123abc\n"},
    {"models--org--lost/refs/main", "fffffff"},
    {"models--org--sly/refs/main", "../../models--org--tiny"}};

static int make_hub(void **state)
{
  (void)state;
  assert_non_null(mkdtemp(hub));
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; ++i) {
    make_folder(folders[i]);
  }
  for (size_t i = 0; i < sizeof refs / sizeof refs[0]; ++i) {
    write_ref(refs[i][0], refs[i][1]);
  }
  return 0;
}

static int remove_hub(void **state)
{
  (void)state;
  char path[256];
  for (size_t i = sizeof refs / sizeof refs[0]; i-- > 0;) {
    at(refs[i][0], path);
    (void)unlink(path);
  }
  for (size_t i = sizeof folders / sizeof folders[0]; i-- > 0;) {
    at(folders[i], path);
    (void)rmdir(path);
  }
  return rmdir(hub);
}

/* What --model NAME becomes with one variable set; *out is the caller's to free. */
static char *model_of(const char *name, const char *variable, const char *below)
{
  char text[300];
  char copy[64];
  char *envp[] = {text, NULL};
  char option[] = "--model";
  char *argv[] = {option, copy};
  tfm_options options;
  tfm_err err = {0};
  (void)snprintf(text, sizeof text, "%s=%s%s", variable, hub, below);
  (void)snprintf(copy, sizeof copy, "%s", name);
  assert_int_equal(tfm_options_read(&options, 2, argv, envp, &err), TFM_OK);
  char *model = strdup(options.model);
  tfm_options_fini(&options);
  return model;
}

static void check(const char *name, const char *end)
{
  char *model = model_of(name, "HF_HUB_CACHE", "");
  const size_t n = strlen(model);
  assert_true(n >= strlen(end));
  assert_string_equal(model + n - strlen(end), end);
  assert_true((strncmp(model, hub, strlen(hub)) == 0) == (strcmp(name, model) != 0));
  free(model);
}

static void a_name_is_the_snapshot_that_main_is(void **state)
{
  (void)state;
  check("org/tiny", "models--org--tiny/snapshots/0123abc");
}

/* It is then said to be missing under the name it was asked by. */
static void what_is_not_there_whole_stays_a_name(void **state)
{
  (void)state;
  static const char *const names[] = {"org/none", "org/lost", "org/sly", "tiny",
                                      "./tiny",   "org/",     "/tiny",   "org/tiny/more"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    check(names[i], names[i]);
  }
}

static void a_folder_that_is_there_comes_first(void **state)
{
  (void)state;
  char here[256];
  assert_non_null(getcwd(here, sizeof here));
  assert_int_equal(chdir(hub), 0);
  make_folder("org");
  make_folder("org/tiny");
  check("org/tiny", "org/tiny");
  assert_int_equal(rmdir("org/tiny"), 0);
  assert_int_equal(rmdir("org"), 0);
  assert_int_equal(chdir(here), 0);
}

static void the_cache_is_where_the_variables_say(void **state)
{
  (void)state;
  char *model = model_of("org/tiny", "HF_HOME", "");
  assert_string_equal(model, "org/tiny"); /* HF_HOME/hub is not this folder */
  free(model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_name_is_the_snapshot_that_main_is),
      cmocka_unit_test(what_is_not_there_whole_stays_a_name),
      cmocka_unit_test(a_folder_that_is_there_comes_first),
      cmocka_unit_test(the_cache_is_where_the_variables_say),
  };
  return cmocka_run_group_tests(tests, make_hub, remove_hub);
}
