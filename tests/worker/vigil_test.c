#include "worker/vigil.h"

#include "core/base/clock.h"
#include "tests/support/check.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_bool fired;
static char said[512];

static void keep_line(const char *line)
{
  (void)snprintf(said, sizeof said, "%s", line);
  atomic_store(&fired, true);
}

static tfm_vigil *begin(void)
{
  tfm_vigil *vigil = NULL;
  tfm_err err = {0};
  atomic_store(&fired, false);
  CHECK_OK(tfm_vigil_open(&vigil, 3, keep_line, &err), &err);
  return vigil;
}

/* Whatever the rank is about, too much of it is said once, with its rank and what to do. */
static void each_duty_has_its_line(void **state)
{
  (void)state;
  static const struct {
    tfm_vigil_duty duty;
    const char *words;
  } rows[] = {{TFM_VIGIL_LISTENING, "rank 0 has been silent"},
              {TFM_VIGIL_LOADING, "--load-limit"},
              {TFM_VIGIL_COMPUTING, "micro-batch 12"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; ++i) {
    tfm_vigil *vigil = begin();
    tfm_vigil_note(vigil, rows[i].duty, 0.1, 12);
    while (!atomic_load(&fired)) {
      tfm_sleep_s(0.01);
    }
    tfm_vigil_close(vigil);
    assert_non_null(strstr(said, "rank 3: "));
    assert_non_null(strstr(said, rows[i].words));
  }
}

/* No limit, a limit of a day, or closing before it is over: nothing is said. */
static void nothing_is_said_before_it_is_time(void **state)
{
  (void)state;
  tfm_vigil *vigil = begin();
  tfm_sleep_s(0.6);
  tfm_vigil_note(vigil, TFM_VIGIL_LISTENING, 86400, 0);
  tfm_sleep_s(0.6);
  tfm_vigil_note(vigil, TFM_VIGIL_COMPUTING, 0, 1);
  tfm_sleep_s(0.6);
  tfm_vigil_close(vigil);
  tfm_vigil_close(NULL);
  tfm_vigil_note(NULL, TFM_VIGIL_LOADING, 1, 0);
  assert_false(atomic_load(&fired));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_duty_has_its_line),
      cmocka_unit_test(nothing_is_said_before_it_is_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
