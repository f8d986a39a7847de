/* Memory may run out at any allocation: each one in turn is refused here (the linker puts these
 * wrappers before core/base/mem.c). Opening must then fail with TFM_E_NOMEM and give back all
 * it had, which the sanitizer builds and the counts here see. */
#include "core/base/mem.h"
#include "tests/core/model/support.h"
#include "tests/support/check.h"

void *__real_tfm_calloc(size_t n, size_t bytes);
void *__real_tfm_realloc(void *old, size_t n, size_t bytes);
void *__real_tfm_realloc_huge(void *old, size_t n, size_t bytes);
void *__real_tfm_alloc_aligned(size_t n, size_t bytes);
void *__real_tfm_alloc_huge(size_t n, size_t bytes);
char *__real_tfm_strndup(const char *s, size_t n);
void __real_tfm_free(void *p);
void *__wrap_tfm_calloc(size_t n, size_t bytes);
void *__wrap_tfm_realloc(void *old, size_t n, size_t bytes);
void *__wrap_tfm_realloc_huge(void *old, size_t n, size_t bytes);
void *__wrap_tfm_alloc_aligned(size_t n, size_t bytes);
void *__wrap_tfm_alloc_huge(size_t n, size_t bytes);
char *__wrap_tfm_strndup(const char *s, size_t n);
void __wrap_tfm_free(void *p);

static long refuse_at = -1; /* which allocation fails, counted from 0; -1 for none */
static long asked;
static long held; /* blocks not given back yet */

static bool refused(void)
{
  return asked++ == refuse_at;
}

static void *counted(void *p)
{
  held += p != NULL;
  return p;
}

void *__wrap_tfm_calloc(size_t n, size_t bytes)
{
  return refused() ? NULL : counted(__real_tfm_calloc(n, bytes));
}

void *__wrap_tfm_realloc(void *old, size_t n, size_t bytes)
{
  if (refused()) {
    return NULL;
  }
  void *p = __real_tfm_realloc(old, n, bytes);
  held += p && !old;
  return p;
}

void *__wrap_tfm_realloc_huge(void *old, size_t n, size_t bytes)
{
  if (refused()) {
    return NULL;
  }
  void *p = __real_tfm_realloc_huge(old, n, bytes);
  held += p && !old;
  return p;
}

void *__wrap_tfm_alloc_aligned(size_t n, size_t bytes)
{
  return refused() ? NULL : counted(__real_tfm_alloc_aligned(n, bytes));
}

void *__wrap_tfm_alloc_huge(size_t n, size_t bytes)
{
  return refused() ? NULL : counted(__real_tfm_alloc_huge(n, bytes));
}

char *__wrap_tfm_strndup(const char *s, size_t n)
{
  return refused() ? NULL : counted(__real_tfm_strndup(s, n));
}

void __wrap_tfm_free(void *p)
{
  held -= p != NULL;
  __real_tfm_free(p);
}

static tfm_status open_and_close(const char *path, tfm_err *err)
{
  char hex[TFM_SHA256_HEX];
  tfm_status st = TFM_OK;
  tfm_model model = {.folder = NULL};
  tfm_whole *whole = NULL;
  TFM_TRY(tfm_model_open(&model, path, err));
  TFM_TRY(tfm_model_digest(&model, false, hex, err));
  TFM_TRY(tfm_whole_open(&whole, &model, native_float32, 16, 2, err));

fail:
  tfm_whole_close(whole);
  tfm_model_fini(&model);
  return st;
}

static void refuse_each(const char *path)
{
  const long before = held;
  long n = 0;
  for (;; ++n) {
    tfm_err err = {.status = TFM_OK};
    refuse_at = n;
    asked = 0;
    const tfm_status st = open_and_close(path, &err);
    const bool reached = asked > n;
    refuse_at = -1;
    assert_int_equal(held, before);
    if (!reached) {
      assert_int_equal(st, TFM_OK);
      break;
    }
    if (st != TFM_E_NOMEM || err.status != TFM_E_NOMEM || !err.text[0]) {
      fail_msg("allocation %ld of %s: got %d, \"%s\"", n, path, (int)st, err.text);
    }
  }
  print_message("%s: %ld allocations refused in turn\n", path, n);
  assert_true(n > 50);
}

static void no_refused_allocation_is_missed(void **state)
{
  (void)state;
  refuse_each(MODEL_FIXTURES "one-label");
  refuse_each(MODEL_FIXTURES "bf16-sharded");
  refuse_each(MODEL_FIXTURES "families/mpnet");
  refuse_each(MODEL_FIXTURES "families/modernbert-biased");
  refuse_each(MODEL_FIXTURES "families/deberta-conv");
  refuse_each(MODEL_FIXTURES "families/deberta-unshared");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_refused_allocation_is_missed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
