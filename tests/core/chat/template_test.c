/* Templates that are broken, that ask for what is not in the subset, or that would never end: each
 * is refused with its line and by name. */
#include "core/chat/run.h"
#include "tests/support/check.h"

typedef struct {
  const char *source;
  tfm_status want;
  const char *text; /* part of the message, or what is written */
} claim;

static tfm_status render(const char *source, tfm_buf *out, tfm_err *err)
{
  tfm__template *t = NULL;
  const tfm__dict none = {0};
  const struct tm now = {.tm_year = 126, .tm_mday = 1};
  tfm__run r;
  tfm_status st = tfm__template_open(&t, "t", tfm_span_of(source), err);
  if (st == TFM_OK) {
    tfm__run_begin(&r, t, &now, out, err);
    st = tfm__run_render(&r, &none);
    tfm__run_end(&r);
  }
  tfm__template_close(t);
  return st;
}

static void check(const claim *c)
{
  tfm_buf out = {0};
  tfm_err err = {0};
  const tfm_status st = render(c->source, &out, &err);
  const char *got = st == TFM_OK ? tfm_buf_cstr(&out) : err.text;
  const bool fits = st == TFM_OK ? strcmp(got, c->text) == 0 : strstr(got, c->text) != NULL;
  if (st != c->want || !fits) {
    fail_msg("%s: want %d \"%s\", got %d \"%s\"", c->source, c->want, c->text, st, got);
  }
  tfm_buf_fini(&out);
}

static void broken_templates_name_their_line(void **state)
{
  (void)state;
  static const claim claims[] = {
      {"{% if a %}", TFM_E_FORMAT, "t: line 1: want endif, got the end"},
      {"a\n\n{% endfor %}", TFM_E_FORMAT, "t: line 3: {% endfor %} ends nothing"},
      {"{{ 'a", TFM_E_FORMAT, "a string does not end"},
      {"{{ a", TFM_E_FORMAT, "ends inside of a tag"},
      {"{{ (a] }}", TFM_E_FORMAT, "closes nothing"},
      {"{# a", TFM_E_FORMAT, "a comment does not end"},
      {"{% raw %}a", TFM_E_FORMAT, "raw does not end"},
      {"{{ }}", TFM_E_FORMAT, "want an expression, got }}"},
      {"{{ a b }}", TFM_E_FORMAT, "want }}, got b"},
      {"{% break %}", TFM_E_FORMAT, "belong into a loop"},
      {"{{ '\\x4' }}", TFM_E_FORMAT, "2 hexadecimal digits"},
      {"\xff", TFM_E_FORMAT, "not UTF-8"},
      {"{% for a, b in [(1,)] %}{% endfor %}", TFM_E_FORMAT, "want 2 values"},
      {"{{ a.b }}", TFM_E_FORMAT, "\"a\" is undefined"},
      {"{{ 'a' + 1 }}", TFM_E_FORMAT, "a string + an integer"},
      {"\n{{ raise_exception('no') }}", TFM_E_FORMAT, "t: line 2: the template refuses"},
      {"{{ 1 // 0 }}", TFM_E_FORMAT, "division by zero"},
  };
  for (size_t i = 0; i < sizeof claims / sizeof claims[0]; ++i) {
    check(&claims[i]);
  }
}

static void what_is_not_in_the_subset_is_named(void **state)
{
  (void)state;
  static const claim claims[] = {
      {"\n{% include 'a' %}", TFM_E_UNSUPPORTED, "t: line 2: {% include %} is not supported"},
      {"{% filter upper %}{% endfilter %}", TFM_E_UNSUPPORTED, "{% filter %}"},
      {"{{ a | groupby('b') }}", TFM_E_UNSUPPORTED, "the filter groupby"},
      {"{% if a is escaped %}{% endif %}", TFM_E_UNSUPPORTED, "the test escaped"},
      {"{{ a.append(1) }}", TFM_E_UNSUPPORTED, "the method append"},
      {"{{ a.__class__ }}", TFM_E_UNSUPPORTED, "begin with _"},
      {"{{ 2 ** 3 }}", TFM_E_UNSUPPORTED, "the operator **"},
      {"{{ f(*a) }}", TFM_E_UNSUPPORTED, "arguments from a list"},
      {"{% for a in b recursive %}{% endfor %}", TFM_E_UNSUPPORTED, "recursive"},
      {"{{ 9223372036854775807 }}", TFM_E_UNSUPPORTED, "form of a number"},
      {"{{ '\xc3\xa9' | upper }}", TFM_E_UNSUPPORTED, "beyond ASCII"},
      {"{{ ['\xc3\xa9'] }}", TFM_E_UNSUPPORTED, "a list as text"},
  };
  for (size_t i = 0; i < sizeof claims / sizeof claims[0]; ++i) {
    check(&claims[i]);
  }
}

static void nothing_runs_for_ever(void **state)
{
  (void)state;
  static const claim claims[] = {
      {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", TFM_E_FORMAT, "macros within macros"},
      {"{% set s = 'x' * 40000000 %}{% for a in range(999) %}{{ 'y' in s }}{% endfor %}",
       TFM_E_FORMAT, "too many steps"},
      {"{% set n = namespace(s='0123456789') %}{% for a in range(40) %}"
       "{% set n.s = n.s + n.s %}{% endfor %}",
       TFM_E_FORMAT, "of memory"},
      {"{{ 'a' * 99999999 }}", TFM_E_FORMAT, "repeated too often"},
      {"{% for a in range(999999) %}{% endfor %}", TFM_E_FORMAT, "at most 100000"},
      {"{% set n = namespace(a=1) %}{% set n.a = [n] %}{% for i in range(300) %}"
       "{% set n.a = [n.a] %}{% endfor %}{{ n.a | tojson }}",
       TFM_E_FORMAT, "too deep"},
      {"{% set n = namespace(a=1) %}{% for i in range(90000) %}{% set n.a = [n.a] %}{% endfor "
       "%}"
       "{{ n.a }}",
       TFM_E_UNSUPPORTED, "too deep"},
      {"{% set n = namespace(a=1, b=1) %}{% for i in range(90000) %}{% set n.a = {'k': n.a} %}"
       "{% set n.b = {'k': n.b} %}{% endfor %}{{ n.a == n.b }}",
       TFM_E_FORMAT, "deeper than 100"},
      {"{% set n = namespace(a=1) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}{% "
       "endfor %}"
       "{{ n.a }}",
       TFM_E_UNSUPPORTED, "too deep or long"},
      {"{% set n = namespace(a=1, b=1) %}{% for i in range(60) %}{% set n.a = [n.a, n.a] %}"
       "{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a in [n.b] }}",
       TFM_E_FORMAT, "too many steps"},
  };
  for (size_t i = 0; i < sizeof claims / sizeof claims[0]; ++i) {
    check(&claims[i]);
  }
}

static void deep_sources_are_refused(void **state)
{
  (void)state;
  static const char *const units[] = {"(", "[", "not ", "-", "{'a':", "a+", "a if b else "};
  for (size_t i = 0; i < sizeof units / sizeof units[0]; ++i) {
    tfm_buf source = {0};
    tfm_buf out = {0};
    tfm_err err = {0};
    (void)tfm_buf_str(&source, "{{ ");
    for (int k = 0; k < 5000; ++k) {
      (void)tfm_buf_str(&source, units[i]);
    }
    (void)tfm_buf_str(&source, "a }}");
    assert_int_equal(render(tfm_buf_cstr(&source), &out, &err), TFM_E_UNSUPPORTED);
    tfm_buf_fini(&source);
    tfm_buf_fini(&out);
  }
}

static void every_prefix_of_a_template_is_answered(void **state)
{
  (void)state;
  static const char whole[] = "{%- set n = namespace(a=[1, 'b\\n'], b={'c': -1.5}) -%}\n  {# x "
                              "-#}\n{% raw -%} {{ {%+ endraw %}"
                              "{% for k, v in n.b.items() if v is not none and k not in 'xy' "
                              "%}{{ loop.index ~ v }}{% else %}{% endfor %}"
                              "{% macro m(a, b=2) %}{{ a|trim }}{% endmacro %}{{ "
                              "m('q')[::-1].strip()|default('z', true) }}\n";
  for (size_t n = 0; n < sizeof whole; ++n) {
    char source[sizeof whole];
    tfm_buf out = {0};
    tfm_err err = {0};
    memcpy(source, whole, n);
    source[n] = '\0';
    (void)render(source, &out, &err);
    tfm_buf_fini(&out);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(broken_templates_name_their_line),
      cmocka_unit_test(what_is_not_in_the_subset_is_named),
      cmocka_unit_test(nothing_runs_for_ever),
      cmocka_unit_test(deep_sources_are_refused),
      cmocka_unit_test(every_prefix_of_a_template_is_answered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
