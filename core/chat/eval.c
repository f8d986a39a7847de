/* Expressions. */
#include "core/chat/builtin.h"

#include <math.h>
#include <stdint.h>

tfm_span tfm__string(tfm__run *r, tfm__value v)
{
  tfm_buf out = {0};
  if (v.kind == TFM__TEXT) {
    return v.as.text;
  }
  if (v.kind == TFM__UNDEFINED) {
    return (tfm_span){0};
  }
  if (!tfm__print(v, &out)) {
    (void)tfm__fail(
        r, TFM_E_UNSUPPORTED, "%s as text is not supported%s", tfm__kind_name(v),
        v.kind == TFM__LIST || v.kind == TFM__DICT
            ? " when it holds more than ASCII, is no plain list, or is too deep or long"
            : "");
  }
  const tfm__value text = tfm__copy(r, tfm_buf_view(&out));
  tfm_buf_fini(&out);
  return text.kind == TFM__TEXT ? text.as.text : (tfm_span){0};
}

/* ---- arithmetic ------------------------------------------------------------------------- */

static tfm__value too_large(tfm__run *r)
{
  return tfm__fail(r, TFM_E_UNSUPPORTED, "an integer beyond 64 bits is not supported");
}

static int64_t floor_divide(int64_t a, int64_t b)
{
  return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

static tfm__value operate_integers(tfm__run *r, tfm__op op, int64_t a, int64_t b)
{
  int64_t out = 0;
  if (op == TFM__ADD) {
    return __builtin_add_overflow(a, b, &out) ? too_large(r) : tfm__int(out);
  }
  if (op == TFM__SUBTRACT) {
    return __builtin_sub_overflow(a, b, &out) ? too_large(r) : tfm__int(out);
  }
  if (op == TFM__MULTIPLY) {
    return __builtin_mul_overflow(a, b, &out) ? too_large(r) : tfm__int(out);
  }
  if (b == 0) {
    return tfm__fail(r, TFM_E_FORMAT, "division by zero");
  }
  if (op == TFM__DIVIDE) {
    return tfm__real((double)a / (double)b);
  }
  if (a == INT64_MIN && b == -1) {
    return op == TFM__MODULO ? tfm__int(0) : too_large(r);
  }
  const int64_t quotient = floor_divide(a, b);
  return tfm__int(op == TFM__MODULO ? a - quotient * b : quotient);
}

static tfm__value operate_reals(tfm__run *r, tfm__op op, double a, double b)
{
  if (op == TFM__ADD || op == TFM__SUBTRACT) {
    return tfm__real(op == TFM__ADD ? a + b : a - b);
  }
  if (op == TFM__MULTIPLY) {
    return tfm__real(a * b);
  }
  if (!(b < 0.0 || b > 0.0)) {
    return tfm__fail(r, TFM_E_FORMAT, "division by zero");
  }
  if (op == TFM__DIVIDE) {
    return tfm__real(a / b);
  }
  return tfm__fail(r, TFM_E_UNSUPPORTED, "// and %% of fractions are not supported");
}

static tfm__value repeat(tfm__run *r, tfm_span text, int64_t times)
{
  tfm_span out = {0};
  if (times > TFM__MOST_OUTPUT || (times > 0 && text.n > TFM__MOST_OUTPUT / (size_t)times)) {
    return tfm__fail(r, TFM_E_FORMAT, "a text repeated too often");
  }
  char *p = times > 0 ? tfm__take(r, text.n * (size_t)times + 1) : NULL;
  if (p && tfm__work(r, text.n * (size_t)times)) {
    for (int64_t i = 0; i < times; ++i) {
      memcpy(p + (size_t)i * text.n, text.n ? text.p : "", text.n);
    }
    out = (tfm_span){p, text.n * (size_t)times};
  }
  return tfm__text(out);
}

static tfm__value join_lists(tfm__run *r, const tfm__list *a, const tfm__list *b)
{
  tfm__list *both = tfm__list_new(r, a->kind);
  for (int64_t i = 0; i < a->n; ++i) {
    tfm__list_add(r, both, a->v[i]);
  }
  for (int64_t i = 0; i < b->n; ++i) {
    tfm__list_add(r, both, b->v[i]);
  }
  return tfm__list_value(r, both);
}

tfm__value tfm__operate(tfm__run *r, tfm__op op, tfm__value a, tfm__value b)
{
  static const char *const names[] = {"+", "-", "*", "/", "//", "%"};
  double x = 0.0;
  double y = 0.0;
  int64_t i = 0;
  int64_t j = 0;
  if (tfm__integer(a, &i) && tfm__integer(b, &j)) {
    return operate_integers(r, op, i, j);
  }
  if (tfm__number(a, &x) && tfm__number(b, &y)) {
    return operate_reals(r, op, x, y);
  }
  if (op == TFM__ADD && a.kind == TFM__TEXT && b.kind == TFM__TEXT) {
    return tfm__text(tfm__join(r, a.as.text, b.as.text));
  }
  if (op == TFM__ADD && a.kind == TFM__LIST && b.kind == TFM__LIST &&
      a.as.list->kind == b.as.list->kind && a.as.list->kind <= TFM__TUPLE) {
    return join_lists(r, a.as.list, b.as.list);
  }
  if (op == TFM__MULTIPLY && a.kind == TFM__TEXT && tfm__integer(b, &j)) {
    return repeat(r, a.as.text, j);
  }
  if (op == TFM__MULTIPLY && b.kind == TFM__TEXT && tfm__integer(a, &i)) {
    return repeat(r, b.as.text, i);
  }
  if ((op == TFM__MODULO && a.kind == TFM__TEXT) ||
      (op == TFM__MULTIPLY && (a.kind == TFM__LIST || b.kind == TFM__LIST))) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "%s with %s is not supported", names[op],
                     tfm__kind_name(a.kind == TFM__TEXT ? a : b));
  }
  const tfm__value u = a.kind == TFM__UNDEFINED ? a : b;
  if (u.kind == TFM__UNDEFINED) {
    return tfm__fail(r, TFM_E_FORMAT, "\"%.*s\" is undefined",
                     u.as.text.n > 100 ? 100 : (int)u.as.text.n,
                     u.as.text.n ? u.as.text.p : "");
  }
  return tfm__fail(r, TFM_E_FORMAT, "%s %s %s makes no sense", tfm__kind_name(a), names[op],
                   tfm__kind_name(b));
}

/* ---- calls ------------------------------------------------------------------------------ */

static void evaluate_arguments(tfm__run *r, const tfm__node *first, tfm__arguments *out)
{
  size_t n = 0;
  *out = (tfm__arguments){0};
  for (const tfm__node *one = first; one; one = one->next) {
    ++n;
  }
  char *memory = n ? tfm__take(r, n * (2 * sizeof *out->v + sizeof *out->name)) : NULL;
  if (!memory) {
    return;
  }
  out->v = (void *)memory;
  out->named = out->v + n;
  out->name = (void *)(out->named + n);
  for (const tfm__node *one = first; one; one = one->next) {
    const bool named = one->kind == TFM__KEYWORD;
    const tfm__value v = tfm__eval(r, named ? one->a : one);
    if (named) {
      out->name[out->nnamed] = one->name;
      out->named[out->nnamed++] = v;
    } else {
      out->v[out->n++] = v;
    }
  }
}

static tfm__value call(tfm__run *r, tfm__value f, const tfm__arguments *arguments)
{
  if (r->st != TFM_OK) {
    return f;
  }
  switch (f.kind) {
  case TFM__MACRO:
    return tfm__macro_call(r, f.as.macro, arguments);
  case TFM__FUNCTION:
    return tfm__builtin_call(r, f.as.function, tfm__none(), arguments);
  case TFM__METHOD:
    return tfm__builtin_call(r, f.as.method->row, f.as.method->self, arguments);
  case TFM__LOOP:
    return tfm__fail(r, TFM_E_UNSUPPORTED, "a recursive loop is not supported");
  case TFM__UNDEFINED:
    return tfm__fail(r, TFM_E_FORMAT, "\"%.*s\" is undefined",
                     f.as.text.n > 100 ? 100 : (int)f.as.text.n,
                     f.as.text.n ? f.as.text.p : "");
  case TFM__ABSENT:
  case TFM__NONE:
  case TFM__BOOL:
  case TFM__INT:
  case TFM__REAL:
  case TFM__TEXT:
  case TFM__LIST:
  case TFM__DICT:
  case TFM__NAMESPACE:
    break;
  }
  return tfm__fail(r, TFM_E_FORMAT, "%s cannot be called", tfm__kind_name(f));
}

/* ---- nodes ------------------------------------------------------------------------------ */

static tfm__value make_list(tfm__run *r, const tfm__node *node)
{
  tfm__list *list = tfm__list_new(r, node->kind == TFM__MAKE_TUPLE ? TFM__TUPLE : TFM__PLAIN);
  for (const tfm__node *one = node->a; one && r->st == TFM_OK; one = one->next) {
    tfm__list_add(r, list, tfm__eval(r, one));
  }
  return tfm__list_value(r, list);
}

static tfm__value make_dict(tfm__run *r, const tfm__node *node)
{
  tfm__dict *dict = tfm__dict_new(r);
  for (const tfm__node *pair = node->a; pair && r->st == TFM_OK; pair = pair->next) {
    const tfm__value key = tfm__eval(r, pair->a);
    const tfm__value v = tfm__eval(r, pair->b);
    if (key.kind != TFM__TEXT) {
      return tfm__fail(r, TFM_E_UNSUPPORTED, "a key that is %s is not supported",
                       tfm__kind_name(key));
    }
    tfm__dict_set(r, dict, key.as.text, v);
  }
  return tfm__dict_value(dict);
}

static tfm__value compare_all(tfm__run *r, const tfm__node *node)
{
  tfm__value left = tfm__eval(r, node->a);
  for (const tfm__node *one = node->b; one && r->st == TFM_OK; one = one->next) {
    const tfm__value right = tfm__eval(r, one->a);
    bool holds = false;
    if (r->st != TFM_OK) {
      break;
    }
    if (one->op == TFM__IN || one->op == TFM__NOT_IN) {
      holds = tfm__contains(r, right, left) == (one->op == TFM__IN);
    } else {
      holds = tfm__compare(r, one->op, left, right);
    }
    if (!holds) {
      return tfm__bool(false);
    }
    left = right;
  }
  return tfm__bool(true);
}

static tfm__value join_texts(tfm__run *r, const tfm__node *node)
{
  tfm_buf out = {0};
  for (const tfm__node *part = node->a; part && r->st == TFM_OK; part = part->next) {
    (void)tfm_buf_span(&out, tfm__string(r, tfm__eval(r, part)));
  }
  if (out.failed) {
    (void)tfm__fail(r, TFM_E_NOMEM, "no memory for a text");
  }
  const tfm__value text = tfm__copy(r, tfm_buf_view(&out));
  tfm_buf_fini(&out);
  return text;
}

static tfm__value negate(tfm__run *r, tfm__value v)
{
  int64_t i = 0;
  if (v.kind == TFM__REAL) {
    return tfm__real(-v.as.real);
  }
  return tfm__integer(v, &i) ? operate_integers(r, TFM__SUBTRACT, 0, i)
                             : tfm__fail(r, TFM_E_FORMAT, "- before %s", tfm__kind_name(v));
}

static tfm__value eval_slice(tfm__run *r, const tfm__node *node)
{
  const tfm__node *const part[3] = {node->b, node->c, node->d};
  const tfm__value of = tfm__eval(r, node->a);
  tfm__value bound[3] = {{.kind = TFM__ABSENT}, {.kind = TFM__ABSENT}, {.kind = TFM__ABSENT}};
  for (int i = 0; i < 3; ++i) {
    if (part[i]) {
      bound[i] = tfm__eval(r, part[i]);
    }
  }
  return r->st == TFM_OK ? tfm__slice(r, of, bound) : of;
}

static tfm__value eval_builtin(tfm__run *r, const tfm__node *node)
{
  tfm__arguments arguments;
  const tfm__value self = tfm__eval(r, node->a);
  evaluate_arguments(r, node->b, &arguments);
  return tfm__builtin_call(r, node->builtin, self, &arguments);
}

static tfm__value eval_call(tfm__run *r, const tfm__node *node)
{
  tfm__arguments arguments;
  const tfm__value f = tfm__eval(r, node->a);
  evaluate_arguments(r, node->b, &arguments);
  r->line = node->line;
  return call(r, f, &arguments);
}

static tfm__value eval_either(tfm__run *r, const tfm__node *node)
{
  const tfm__value v = tfm__eval(r, node->a);
  return tfm__truth(v) == (node->kind == TFM__AND) ? tfm__eval(r, node->b) : v;
}

static tfm__value eval_choice(tfm__run *r, const tfm__node *node)
{
  if (tfm__truth(tfm__eval(r, node->a))) {
    return tfm__eval(r, node->b);
  }
  return node->c ? tfm__eval(r, node->c) : tfm__undefined((tfm_span){0});
}

static tfm__value eval_literal(tfm__run *r, const tfm__node *node)
{
  (void)r;
  return node->value;
}

static tfm__value eval_name(tfm__run *r, const tfm__node *node)
{
  return tfm__look_up(r, node->name);
}

static tfm__value eval_attribute(tfm__run *r, const tfm__node *node)
{
  return tfm__attribute(r, tfm__eval(r, node->a), node->name);
}

static tfm__value eval_item(tfm__run *r, const tfm__node *node)
{
  const tfm__value of = tfm__eval(r, node->a);
  return tfm__item(r, of, tfm__eval(r, node->b));
}

static tfm__value eval_not(tfm__run *r, const tfm__node *node)
{
  return tfm__bool(!tfm__truth(tfm__eval(r, node->a)));
}

static tfm__value eval_negation(tfm__run *r, const tfm__node *node)
{
  return negate(r, tfm__eval(r, node->a));
}

static tfm__value eval_arithmetic(tfm__run *r, const tfm__node *node)
{
  const tfm__value a = tfm__eval(r, node->a);
  const tfm__value b = tfm__eval(r, node->b);
  return r->st == TFM_OK ? tfm__operate(r, node->op, a, b) : a;
}

tfm__value tfm__eval(tfm__run *r, const tfm__node *node)
{
  static tfm__value (*const by_kind[])(tfm__run *, const tfm__node *) = {
      [TFM__LITERAL] = eval_literal,
      [TFM__NAME] = eval_name,
      [TFM__MAKE_LIST] = make_list,
      [TFM__MAKE_TUPLE] = make_list,
      [TFM__MAKE_DICT] = make_dict,
      [TFM__ATTRIBUTE] = eval_attribute,
      [TFM__ITEM] = eval_item,
      [TFM__SLICE] = eval_slice,
      [TFM__CALL] = eval_call,
      [TFM__FILTER] = eval_builtin,
      [TFM__TEST] = eval_builtin,
      [TFM__NOT] = eval_not,
      [TFM__NEGATE] = eval_negation,
      [TFM__AND] = eval_either,
      [TFM__OR] = eval_either,
      [TFM__COMPARE] = compare_all,
      [TFM__ARITHMETIC] = eval_arithmetic,
      [TFM__JOIN_TEXTS] = join_texts,
      [TFM__CHOOSE] = eval_choice};
  r->line = node->line;
  return tfm__work(r, 0) ? by_kind[node->kind](r, node) : tfm__undefined((tfm_span){0});
}
