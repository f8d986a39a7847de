/* Images in memory and in files: what is mapped asks for huge pages, whose number is the system's
 * to say. That their contents are right is store_test.c's. */
#include "core/model/image.h"
#include "tests/core/model/support.h"

#include <stdio.h>
#include <unistd.h>

#define KEY "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

enum { BYTES = 5 << 20 };

/* Whether the mapping that begins there has the flag "hg" of /proc/self/smaps (proc(5)). */
static bool asks_for_huge_pages(const void *map)
{
  char line[1024];
  char begin[32];
  bool here = false;
  bool asks = false;
  FILE *f = fopen("/proc/self/smaps", "r");
  assert_non_null(f);
  (void)snprintf(begin, sizeof begin, "%lx-", (unsigned long)(uintptr_t)map);
  while (fgets(line, sizeof line, f)) {
    here = here || strncmp(line, begin, strlen(begin)) == 0;
    if (here && strncmp(line, "VmFlags:", 8) == 0) {
      asks = strstr(line, " hg") != NULL;
      break;
    }
  }
  (void)fclose(f);
  assert_true(here);
  return asks;
}

static void what_is_mapped_asks_for_huge_pages(void **state)
{
  char note[256] = "";
  const char *wrong = NULL;
  tfm__image made = {.name = "unit-000-native-float32-2", .fd = -1};
  tfm__image again = made;
  (void)state;
  if (access("/sys/kernel/mm/transparent_hugepage", F_OK) != 0) {
    print_message("skipped: this system has no transparent huge pages\n");
    skip();
  }
  folder top = open_folder();
  const int in = tfm__image_folder(top.path, KEY, note, sizeof note);
  assert_true(in >= 0);
  assert_true(tfm__image_make(&made, BYTES));
  assert_true(asks_for_huge_pages(made.map));
  memset(made.shelf.base, 7, BYTES);
  made.shelf.used = BYTES;
  tfm__image_seal(&made, KEY);
  tfm__image_write(&made, in, KEY, 1e18);
  assert_true(tfm__image_read(&again, in, KEY, &wrong));
  assert_null(wrong);
  assert_int_equal(again.shelf.bytes, BYTES);
  assert_memory_equal(again.shelf.base, made.shelf.base, BYTES);
  assert_true(asks_for_huge_pages(again.map));
  tfm__image_fini(&again);
  tfm__image_fini(&made);
  (void)close(in);
  close_folder(&top);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_mapped_asks_for_huge_pages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
