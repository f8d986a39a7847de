/* A real checkpoint of 22 million parameters, all-MiniLM-L6-v2, state by state. Its weights are
 * 90 MB and stay outside: TFM_MINILM_DIR names the folder; without it the test is skipped. */
#include "tests/core/model/support.h"

#include <stdio.h>
#include <stdlib.h>

static void minilm_has_the_reference_states(void **state)
{
  check_golden("minilm", *state);
}

int main(void)
{
  char *folder_of_minilm = getenv("TFM_MINILM_DIR");
  if (!folder_of_minilm) {
    (void)printf("skipped: TFM_MINILM_DIR is not set\n");
    return 77;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_prestate(minilm_has_the_reference_states, folder_of_minilm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
