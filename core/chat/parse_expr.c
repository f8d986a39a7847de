#include "core/chat/builtin.h"
#include "core/chat/parse.h"

#include <string.h>

static int shown(tfm_span s)
{
  return s.n > 64 ? 64 : (int)s.n;
}

/* ---- lists ------------------------------------------------------------------------------ */

/* Expressions between commas up to `end`, which is read too. */
static tfm__node *parse_elements(tfm__parser *p, tfm__node *parent, const char *end)
{
  tfm__node *first = NULL;
  tfm__node **link = &first;
  while (p->st == TFM_OK && !tfm__is_op(p, end)) {
    *link = tfm__parse_expression(p, true);
    tfm__deepen(p, parent, *link);
    if (*link) {
      link = &(*link)->next;
    }
    if (!tfm__is_op(p, end)) {
      tfm__want_op(p, ",");
    }
  }
  tfm__want_op(p, end);
  return first;
}

static tfm__node *parse_dict(tfm__parser *p)
{
  tfm__node *node = tfm__make(p, TFM__MAKE_DICT, NULL, NULL);
  tfm__node **link = &node->a;
  while (p->st == TFM_OK && !tfm__is_op(p, "}")) {
    tfm__node *key = tfm__parse_expression(p, true);
    tfm__want_op(p, ":");
    *link = tfm__make(p, TFM__PAIR, key, tfm__parse_expression(p, true));
    tfm__deepen(p, node, *link);
    link = &(*link)->next;
    if (!tfm__is_op(p, "}")) {
      tfm__want_op(p, ",");
    }
  }
  tfm__want_op(p, "}");
  return node;
}

static tfm__node *parse_arguments(tfm__parser *p, tfm__node *parent)
{
  tfm__node *first = NULL;
  tfm__node **link = &first;
  bool named = false;
  tfm__want_op(p, "(");
  while (p->st == TFM_OK && !tfm__is_op(p, ")")) {
    if (tfm__is_op(p, "*") || tfm__is_op(p, "**")) {
      tfm__refuse(p, TFM_E_UNSUPPORTED, "arguments from a list or mapping are not supported");
    }
    const tfm__token *behind = tfm__peek_next(p);
    if (tfm__peek(p)->kind == TFM__TOKEN_NAME && behind->kind == TFM__TOKEN_OPERATOR &&
        tfm_span_is(behind->text, "=")) {
      tfm__node *one = tfm__make(p, TFM__KEYWORD, NULL, NULL);
      one->name = tfm__want_name(p);
      tfm__want_op(p, "=");
      one->a = tfm__parse_expression(p, true);
      tfm__deepen(p, one, one->a);
      named = true;
      *link = one;
    } else {
      if (named) {
        tfm__refuse(p, TFM_E_FORMAT, "an argument without a name follows one with a name");
      }
      *link = tfm__parse_expression(p, true);
    }
    tfm__deepen(p, parent, *link);
    if (*link) {
      link = &(*link)->next;
    }
    if (!tfm__is_op(p, ")")) {
      tfm__want_op(p, ",");
    }
  }
  tfm__want_op(p, ")");
  return first;
}

/* ---- primaries -------------------------------------------------------------------------- */

static tfm__node *literal(tfm__parser *p, tfm__value value)
{
  tfm__node *node = tfm__make(p, TFM__LITERAL, NULL, NULL);
  node->value = value;
  return node;
}

static tfm__node *parse_word(tfm__parser *p)
{
  static const struct {
    const char *word;
    tfm__value_kind kind;
    bool truth;
  } constants[] = {{"true", TFM__BOOL, true},   {"True", TFM__BOOL, true},
                   {"false", TFM__BOOL, false}, {"False", TFM__BOOL, false},
                   {"none", TFM__NONE, false},  {"None", TFM__NONE, false}};
  for (size_t i = 0; i < sizeof constants / sizeof constants[0]; ++i) {
    if (tfm__take_word(p, constants[i].word)) {
      return literal(p, constants[i].kind == TFM__NONE ? tfm__none()
                                                       : tfm__bool(constants[i].truth));
    }
  }
  tfm__node *node = tfm__make(p, TFM__NAME, NULL, NULL);
  node->name = tfm__want_name(p);
  if (tfm_span_is(node->name, "self") || tfm_span_is(node->name, "varargs") ||
      tfm_span_is(node->name, "kwargs") || tfm_span_is(node->name, "caller") ||
      tfm_span_is(node->name, "cycler") || tfm_span_is(node->name, "joiner") ||
      tfm_span_is(node->name, "lipsum") || tfm_span_is(node->name, "super")) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "\"%.*s\" is not supported", shown(node->name),
                node->name.p);
  }
  return node;
}

/* Strings that follow one another are one. */
static tfm__node *parse_string(tfm__parser *p)
{
  tfm__node *node = literal(p, tfm__text(tfm__peek(p)->text));
  ++p->at;
  while (tfm__peek(p)->kind == TFM__TOKEN_STRING) {
    const tfm_span a = node->value.as.text;
    const tfm_span b = tfm__peek(p)->text;
    char *both = tfm_arena_alloc(p->memory, a.n + b.n + 1);
    if (!both) {
      tfm__refuse(p, TFM_E_NOMEM, "no memory for the template");
      break;
    }
    memcpy(both, a.n ? a.p : "", a.n);
    memcpy(both + a.n, b.n ? b.p : "", b.n);
    node->value = tfm__text((tfm_span){both, a.n + b.n});
    ++p->at;
  }
  return node;
}

static tfm__node *parse_primary(tfm__parser *p)
{
  const tfm__token *t = tfm__peek(p);
  tfm__node *node = NULL;
  if (t->kind == TFM__TOKEN_NAME) {
    return parse_word(p);
  }
  if (t->kind == TFM__TOKEN_STRING) {
    return parse_string(p);
  }
  if (t->kind == TFM__TOKEN_INTEGER || t->kind == TFM__TOKEN_REAL) {
    const bool real = t->kind == TFM__TOKEN_REAL;
    ++p->at;
    return literal(p, real ? tfm__real(t->real) : tfm__int(t->integer));
  }
  if (tfm__take_op(p, "(")) {
    if (tfm__take_op(p, ")")) {
      return tfm__make(p, TFM__MAKE_TUPLE, NULL, NULL);
    }
    node = tfm__parse_tuple(p, true);
    tfm__want_op(p, ")");
  } else if (tfm__take_op(p, "[")) {
    node = tfm__make(p, TFM__MAKE_LIST, NULL, NULL);
    node->a = parse_elements(p, node, "]");
  } else if (tfm__take_op(p, "{")) {
    node = parse_dict(p);
  } else {
    tfm__unexpected(p, "an expression");
  }
  return node;
}

/* ---- what stands behind a primary ------------------------------------------------------- */

static tfm__node *parse_subscript(tfm__parser *p, tfm__node *of)
{
  tfm__node *node = tfm__make(p, TFM__ITEM, of, NULL);
  tfm__node **part[] = {&node->b, &node->c, &node->d};
  int colons = 0;
  while (p->st == TFM_OK && !tfm__is_op(p, "]")) {
    if (tfm__take_op(p, ":")) {
      node->kind = TFM__SLICE;
      if (++colons > 2) {
        tfm__unexpected(p, "]");
      }
    } else if (*part[colons]) {
      if (tfm__is_op(p, ",")) {
        tfm__refuse(p, TFM_E_UNSUPPORTED, "an index of several parts is not supported");
      }
      tfm__unexpected(p, "]");
    } else {
      *part[colons] = tfm__parse_expression(p, true);
      tfm__deepen(p, node, *part[colons]);
    }
  }
  if (node->kind == TFM__ITEM && !node->b) {
    tfm__unexpected(p, "an index");
  }
  tfm__want_op(p, "]");
  return node;
}

static tfm__node *parse_attribute(tfm__parser *p, tfm__node *of)
{
  tfm__node *node = tfm__make(p, TFM__ATTRIBUTE, of, NULL);
  if (tfm__peek(p)->kind == TFM__TOKEN_INTEGER) {
    node->kind = TFM__ITEM;
    node->b = literal(p, tfm__int(tfm__peek(p)->integer));
    ++p->at;
    return node;
  }
  node->name = tfm__want_name(p);
  if (node->name.n && node->name.p[0] == '_') {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "attributes that begin with _ are not supported");
  }
  if (tfm__is_op(p, "(") && tfm__method_refused(node->name)) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "the method %.*s is not supported", shown(node->name),
                node->name.p);
  }
  return node;
}

static tfm__node *parse_call(tfm__parser *p, tfm__node *of)
{
  tfm__node *node = tfm__make(p, TFM__CALL, of, NULL);
  node->b = parse_arguments(p, node);
  return node;
}

static tfm__node *parse_postfix(tfm__parser *p, tfm__node *node)
{
  for (;;) {
    if (tfm__take_op(p, ".")) {
      node = parse_attribute(p, node);
    } else if (tfm__take_op(p, "[")) {
      node = parse_subscript(p, node);
    } else if (tfm__is_op(p, "(")) {
      node = parse_call(p, node);
    } else {
      return node;
    }
  }
}

static tfm__node *parse_filter(tfm__parser *p, tfm__node *of)
{
  tfm__node *node = tfm__make(p, TFM__FILTER, of, NULL);
  const tfm_span name = tfm__peek(p)->text;
  node->builtin = tfm__filter_find(name);
  if (tfm__peek(p)->kind == TFM__TOKEN_NAME && !node->builtin) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "the filter %.*s is not supported", shown(name), name.p);
  }
  (void)tfm__want_name(p);
  if (tfm__is_op(p, "(")) {
    node->b = parse_arguments(p, node);
  }
  return node;
}

tfm__node *tfm__parse_filters(tfm__parser *p, tfm__node *target)
{
  while (tfm__take_op(p, "|")) {
    target = parse_filter(p, target);
  }
  return target;
}

/* Whether an argument without brackets follows a test. */
static bool bare_argument(const tfm__parser *p)
{
  const tfm__token *t = tfm__peek(p);
  return t->kind == TFM__TOKEN_STRING || t->kind == TFM__TOKEN_INTEGER ||
         t->kind == TFM__TOKEN_REAL || tfm__is_op(p, "[") || tfm__is_op(p, "{") ||
         (t->kind == TFM__TOKEN_NAME && !tfm__is_word(p, "else") && !tfm__is_word(p, "or") &&
          !tfm__is_word(p, "and"));
}

static tfm__node *parse_test(tfm__parser *p, tfm__node *of)
{
  const bool negated = tfm__take_word(p, "not");
  tfm__node *node = tfm__make(p, TFM__TEST, of, NULL);
  const tfm_span name = tfm__peek(p)->text;
  node->builtin = tfm__test_find(name);
  if (tfm__peek(p)->kind == TFM__TOKEN_NAME && !node->builtin) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "the test %.*s is not supported", shown(name), name.p);
  }
  (void)tfm__want_name(p);
  if (tfm__is_op(p, "(")) {
    node->b = parse_arguments(p, node);
  } else if (bare_argument(p)) {
    if (tfm__is_word(p, "is")) {
      tfm__unexpected(p, "no second test");
    }
    node->b = parse_postfix(p, parse_primary(p));
    tfm__deepen(p, node, node->b);
  }
  return negated ? tfm__make(p, TFM__NOT, node, NULL) : node;
}

static tfm__node *parse_unary(tfm__parser *p, bool with_filter)
{
  tfm__node *node = NULL;
  tfm__enter(p);
  if (tfm__take_op(p, "-")) {
    node = tfm__make(p, TFM__NEGATE, parse_unary(p, false), NULL);
  } else if (tfm__is_op(p, "+")) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "a sign + is not supported");
  } else {
    node = parse_primary(p);
  }
  node = parse_postfix(p, node);
  while (with_filter && (tfm__is_op(p, "|") || tfm__is_word(p, "is"))) {
    if (tfm__take_word(p, "is")) {
      node = parse_test(p, node);
    } else {
      node = tfm__parse_filters(p, node);
    }
    if (tfm__is_op(p, "(")) {
      node = parse_call(p, node);
    }
  }
  if (tfm__is_op(p, "**")) {
    tfm__refuse(p, TFM_E_UNSUPPORTED, "the operator ** is not supported");
  }
  tfm__leave(p);
  return node;
}

/* ---- operators -------------------------------------------------------------------------- */

typedef struct {
  const char *text;
  tfm__op op;
} operator;

static tfm__node *parse_product(tfm__parser *p)
{
  static const operator ops[] = {
      {"*", TFM__MULTIPLY}, {"/", TFM__DIVIDE}, {"//", TFM__FLOOR_DIVIDE}, {"%", TFM__MODULO}};
  tfm__node *node = parse_unary(p, true);
  for (size_t i = 0; i < sizeof ops / sizeof ops[0];) {
    if (tfm__take_op(p, ops[i].text)) {
      node = tfm__make(p, TFM__ARITHMETIC, node, parse_unary(p, true));
      node->op = ops[i].op;
      i = 0;
    } else {
      ++i;
    }
  }
  return node;
}

static tfm__node *parse_joined(tfm__parser *p)
{
  tfm__node *first = parse_product(p);
  if (!tfm__is_op(p, "~")) {
    return first;
  }
  tfm__node *node = tfm__make(p, TFM__JOIN_TEXTS, first, NULL);
  tfm__node *last = first;
  while (tfm__take_op(p, "~")) {
    tfm__node *part = parse_product(p);
    tfm__deepen(p, node, part);
    if (part && last) {
      last->next = part;
      last = part;
    }
  }
  return node;
}

static tfm__node *parse_sum(tfm__parser *p)
{
  tfm__node *node = parse_joined(p);
  for (;;) {
    const bool add = tfm__take_op(p, "+");
    if (!add && !tfm__take_op(p, "-")) {
      return node;
    }
    node = tfm__make(p, TFM__ARITHMETIC, node, parse_joined(p));
    node->op = add ? TFM__ADD : TFM__SUBTRACT;
  }
}

static bool take_comparison(tfm__parser *p, tfm__op *op)
{
  static const operator ops[] = {{"==", TFM__EQ}, {"!=", TFM__NE}, {"<=", TFM__LE},
                                 {">=", TFM__GE}, {"<", TFM__LT},  {">", TFM__GT}};
  for (size_t i = 0; i < sizeof ops / sizeof ops[0]; ++i) {
    if (tfm__take_op(p, ops[i].text)) {
      *op = ops[i].op;
      return true;
    }
  }
  if (tfm__take_word(p, "in")) {
    *op = TFM__IN;
    return true;
  }
  const tfm__token *behind = tfm__peek_next(p);
  if (tfm__is_word(p, "not") && behind->kind == TFM__TOKEN_NAME &&
      tfm_span_is(behind->text, "in")) {
    p->at += 2;
    *op = TFM__NOT_IN;
    return true;
  }
  return false;
}

static tfm__node *parse_comparison(tfm__parser *p)
{
  tfm__op op = TFM__EQ;
  tfm__node *node = parse_sum(p);
  if (!take_comparison(p, &op)) {
    return node;
  }
  node = tfm__make(p, TFM__COMPARE, node, NULL);
  tfm__node **link = &node->b;
  do {
    *link = tfm__make(p, TFM__STEP, parse_sum(p), NULL);
    (*link)->op = op;
    tfm__deepen(p, node, *link);
    link = &(*link)->next;
  } while (take_comparison(p, &op));
  return node;
}

static tfm__node *parse_not(tfm__parser *p)
{
  if (!tfm__take_word(p, "not")) {
    return parse_comparison(p);
  }
  tfm__enter(p);
  tfm__node *node = tfm__make(p, TFM__NOT, parse_not(p), NULL);
  tfm__leave(p);
  return node;
}

static tfm__node *parse_and(tfm__parser *p)
{
  tfm__node *node = parse_not(p);
  while (tfm__take_word(p, "and")) {
    node = tfm__make(p, TFM__AND, node, parse_not(p));
  }
  return node;
}

static tfm__node *parse_or(tfm__parser *p)
{
  tfm__node *node = parse_and(p);
  while (tfm__take_word(p, "or")) {
    node = tfm__make(p, TFM__OR, node, parse_and(p));
  }
  return node;
}

tfm__node *tfm__parse_expression(tfm__parser *p, bool with_choice)
{
  tfm__enter(p);
  tfm__node *node = parse_or(p);
  while (with_choice && tfm__take_word(p, "if")) {
    tfm__node *choice = tfm__make(p, TFM__CHOOSE, parse_or(p), node);
    if (tfm__take_word(p, "else")) {
      choice->c = tfm__parse_expression(p, true);
      tfm__deepen(p, choice, choice->c);
    }
    node = choice;
  }
  tfm__leave(p);
  return node;
}

static bool tuple_ends(const tfm__parser *p)
{
  const tfm__token *t = tfm__peek(p);
  return t->kind == TFM__TOKEN_OUTPUT_END || t->kind == TFM__TOKEN_TAG_END ||
         t->kind == TFM__TOKEN_END || tfm__is_op(p, ")");
}

tfm__node *tfm__parse_tuple(tfm__parser *p, bool with_choice)
{
  tfm__node *first = tfm__parse_expression(p, with_choice);
  if (!tfm__is_op(p, ",")) {
    return first;
  }
  tfm__node *node = tfm__make(p, TFM__MAKE_TUPLE, first, NULL);
  tfm__node *last = first;
  while (tfm__take_op(p, ",") && !tuple_ends(p)) {
    tfm__node *one = tfm__parse_expression(p, with_choice);
    tfm__deepen(p, node, one);
    if (one && last) {
      last->next = one;
      last = one;
    }
  }
  return node;
}

tfm__node *tfm__parse_targets(tfm__parser *p, bool attributes)
{
  const bool brackets = tfm__take_op(p, "(");
  tfm__node *first = NULL;
  tfm__node **link = &first;
  do {
    tfm__node *one = tfm__make(p, TFM__NAME, NULL, NULL);
    one->name = tfm__want_name(p);
    if (attributes && tfm__take_op(p, ".")) {
      one = tfm__make(p, TFM__ATTRIBUTE, one, NULL);
      one->name = tfm__want_name(p);
    }
    *link = one;
    link = &one->next;
  } while (tfm__take_op(p, ","));
  if (brackets) {
    tfm__want_op(p, ")");
  }
  return first;
}
