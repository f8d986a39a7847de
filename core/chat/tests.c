/* The tests: what stands behind `is`. Source: Jinja 3.1, tests.py. */
#include "core/chat/builtin.h"

typedef const tfm__value *arguments;

#define TEST(name, holds)                                                                      \
  static tfm__value test_##name(tfm__run *r, tfm__value v, arguments a)                        \
  {                                                                                            \
    (void)r;                                                                                   \
    (void)a;                                                                                   \
    return tfm__bool(holds);                                                                   \
  }

TEST(defined, v.kind != TFM__UNDEFINED)
TEST(undefined, v.kind == TFM__UNDEFINED)
TEST(none, v.kind == TFM__NONE)
TEST(boolean, v.kind == TFM__BOOL)
TEST(true, v.kind == TFM__BOOL && v.as.truth)
TEST(false, v.kind == TFM__BOOL && !v.as.truth)
TEST(integer, v.kind == TFM__INT)
TEST(float, v.kind == TFM__REAL)
TEST(number, v.kind == TFM__BOOL || v.kind == TFM__INT || v.kind == TFM__REAL)
TEST(string, v.kind == TFM__TEXT)
TEST(mapping, v.kind == TFM__DICT)
TEST(sequence, v.kind == TFM__TEXT || v.kind == TFM__DICT || v.kind == TFM__UNDEFINED ||
                   (v.kind == TFM__LIST && v.as.list->kind <= TFM__RANGE))
TEST(iterable, v.kind == TFM__TEXT || v.kind == TFM__DICT || v.kind == TFM__UNDEFINED ||
                   v.kind == TFM__LIST || v.kind == TFM__LOOP)
TEST(callable, v.kind == TFM__UNDEFINED || v.kind >= TFM__LOOP)

static tfm__value parity(tfm__run *r, tfm__value v, int64_t wanted)
{
  int64_t i = 0;
  if (!tfm__integer(v, &i)) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "odd and even of %s are not supported",
                     tfm__kind_name(v));
  }
  return tfm__bool(((i % 2) != 0) == (wanted != 0));
}

static tfm__value test_odd(tfm__run *r, tfm__value v, arguments a)
{
  (void)a;
  return parity(r, v, 1);
}

static tfm__value test_even(tfm__run *r, tfm__value v, arguments a)
{
  (void)a;
  return parity(r, v, 0);
}

static tfm__value test_in(tfm__run *r, tfm__value v, arguments a)
{
  return tfm__bool(tfm__contains(r, a[0], v));
}

#define ORDER(name, op)                                                                        \
  static tfm__value test_##name(tfm__run *r, tfm__value v, arguments a)                        \
  {                                                                                            \
    return tfm__bool(tfm__compare(r, op, v, a[0]));                                            \
  }

ORDER(eq, TFM__EQ)
ORDER(ne, TFM__NE)
ORDER(lt, TFM__LT)
ORDER(le, TFM__LE)
ORDER(gt, TFM__GT)
ORDER(ge, TFM__GE)

#define PLAIN(name)                                                                            \
  {                                                                                            \
#name, 0, {NULL }, test_##name, NULL                                                       \
  }
#define WITH(name, function)                                                                   \
  {                                                                                            \
    name, 1, {"other"}, test_##function, NULL                                                  \
  }

static const tfm__builtin tests[] = {
    PLAIN(boolean),
    PLAIN(callable),
    PLAIN(defined),
    PLAIN(even),
    PLAIN(false),
    PLAIN(float),
    PLAIN(integer),
    PLAIN(iterable),
    PLAIN(mapping),
    PLAIN(none),
    PLAIN(number),
    PLAIN(odd),
    PLAIN(sequence),
    PLAIN(string),
    PLAIN(true),
    PLAIN(undefined),
    WITH("in", in),
    WITH("eq", eq),
    WITH("equalto", eq),
    WITH("==", eq),
    WITH("ne", ne),
    WITH("!=", ne),
    WITH("lt", lt),
    WITH("lessthan", lt),
    WITH("<", lt),
    WITH("le", le),
    WITH("<=", le),
    WITH("gt", gt),
    WITH("greaterthan", gt),
    WITH(">", gt),
    WITH("ge", ge),
    WITH(">=", ge),
};

const tfm__builtin *tfm__test_find(tfm_span name)
{
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; ++i) {
    if (tfm_span_is(name, tests[i].name)) {
      return &tests[i];
    }
  }
  return NULL;
}
