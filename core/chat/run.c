/* Statements, and the variables they set. */
#include "core/chat/builtin.h"

#include <string.h>

/* ---- variables -------------------------------------------------------------------------- */

static tfm__variable *find(const tfm__scope *scope, tfm_span name)
{
  tfm__variable *v = scope->first;
  while (v && !tfm_span_eq(v->name, name)) {
    v = v->next;
  }
  return v;
}

tfm__value tfm__look_up(tfm__run *r, tfm_span name)
{
  for (const tfm__scope *scope = r->scope; scope; scope = scope->around) {
    const tfm__variable *v = find(scope, name);
    if (v) {
      return v->value;
    }
  }
  const tfm__builtin *function = tfm__function_find(name);
  return function ? (tfm__value){.kind = TFM__FUNCTION, .as.function = function}
                  : tfm__undefined(name);
}

static void assign(tfm__run *r, tfm__scope *scope, tfm_span name, tfm__value value)
{
  tfm__variable *v = find(scope, name);
  if (!v) {
    v = tfm__take(r, sizeof *v);
    if (!v) {
      return;
    }
    *v = (tfm__variable){.name = name, .next = scope->first};
    scope->first = v;
  }
  v->value = value;
}

static tfm__scope *scope_in(tfm__run *r, tfm__scope *around)
{
  tfm__scope *scope = tfm__take(r, sizeof *scope);
  if (scope) {
    *scope = (tfm__scope){.around = around};
  }
  return scope;
}

static void assign_target(tfm__run *r, const tfm__node *target, tfm__value value)
{
  if (target->kind == TFM__NAME) {
    assign(r, r->scope, target->name, value);
    return;
  }
  const tfm__value of = tfm__eval(r, target->a);
  if (of.kind != TFM__NAMESPACE) {
    (void)tfm__fail(r, TFM_E_FORMAT, "set: want a namespace before the dot, got %s",
                    tfm__kind_name(of));
    return;
  }
  tfm__dict_set(r, of.as.dict, target->name, value);
}

/* One target, or several for the elements of the value. */
static void assign_all(tfm__run *r, const tfm__node *targets, tfm__value value)
{
  if (!targets->next) {
    assign_target(r, targets, value);
    return;
  }
  const tfm__list *list = tfm__iterate(r, value);
  int64_t i = 0;
  for (const tfm__node *one = targets; one; one = one->next, ++i) {
    if (r->st == TFM_OK && i < list->n) {
      assign_target(r, one, list->v[i]);
    }
  }
  if (i != list->n) {
    (void)tfm__fail(r, TFM_E_FORMAT, "want %lld values to assign, got %lld", (long long)i,
                    (long long)list->n);
  }
}

/* ---- statements ------------------------------------------------------------------------- */

static void run_body(tfm__run *r, const tfm__node *first);

static void write_text(tfm__run *r, tfm_span text)
{
  if (text.n > TFM__MOST_OUTPUT - r->out->n) {
    (void)tfm__fail(r, TFM_E_FORMAT, "the template writes more than %d MiB",
                    TFM__MOST_OUTPUT >> 20);
  } else if (tfm__work(r, text.n) && tfm_buf_span(r->out, text) != TFM_OK) {
    (void)tfm__fail(r, TFM_E_NOMEM, "no memory for a conversation");
  }
}

/* What a body writes, as a text. */
static tfm__value capture(tfm__run *r, const tfm__node *body)
{
  tfm_buf own = {0};
  tfm_buf *const out = r->out;
  r->out = &own;
  run_body(r, body);
  r->out = out;
  const tfm__value text = tfm__copy(r, tfm_buf_view(&own));
  tfm_buf_fini(&own);
  return text;
}

/* The elements a loop goes through: those for which its condition holds. */
static const tfm__list *loop_over(tfm__run *r, const tfm__node *node)
{
  const tfm__list *all = tfm__iterate(r, tfm__eval(r, node->b));
  if (!node->e || r->st != TFM_OK) {
    return all;
  }
  tfm__list *chosen = tfm__list_new(r, TFM__PLAIN);
  tfm__scope *const around = r->scope;
  for (int64_t i = 0; i < all->n && r->st == TFM_OK; ++i) {
    r->scope = scope_in(r, around);
    if (r->scope) {
      assign_all(r, node->a, all->v[i]);
      if (tfm__truth(tfm__eval(r, node->e))) {
        tfm__list_add(r, chosen, all->v[i]);
      }
    }
    r->scope = around;
  }
  return chosen;
}

static void run_turn(tfm__run *r, const tfm__node *node, tfm__loop *loop, tfm__scope *around)
{
  static const tfm_span name = {"loop", 4};
  r->scope = scope_in(r, around);
  if (r->scope) {
    assign(r, r->scope, name, (tfm__value){.kind = TFM__LOOP, .as.loop = loop});
    assign_all(r, node->a, loop->over->v[loop->index]);
    run_body(r, node->c);
  }
  r->scope = around;
  r->continues = false;
}

static void run_for(tfm__run *r, const tfm__node *node)
{
  const tfm__list *over = loop_over(r, node);
  tfm__loop *loop = tfm__take(r, sizeof *loop);
  if (!loop) {
    return;
  }
  *loop = (tfm__loop){.over = over, .depth = r->loops};
  tfm__scope *const around = r->scope;
  ++r->loops;
  const int64_t n = over->n;
  for (; loop->index < n && r->st == TFM_OK && !r->breaks; ++loop->index) {
    run_turn(r, node, loop, around);
  }
  --r->loops;
  r->breaks = false;
  if (n == 0 && node->d) {
    r->scope = scope_in(r, around);
    if (r->scope) {
      run_body(r, node->d);
    }
    r->scope = around;
  }
}

static void run_if(tfm__run *r, const tfm__node *node)
{
  const tfm__node *body = NULL;
  for (;; node = node->c) {
    if (tfm__truth(tfm__eval(r, node->a))) {
      body = node->b;
      break;
    }
    const tfm__node *other = node->c;
    if (!other || other->kind != TFM__ELSE_IF) {
      body = other;
      break;
    }
  }
  if (r->st == TFM_OK) {
    run_body(r, body);
  }
}

static void run_set_block(tfm__run *r, const tfm__node *node)
{
  tfm__scope *const around = r->scope;
  r->scope = scope_in(r, around);
  tfm__value text = r->scope ? capture(r, node->c) : tfm__none();
  r->scope = around;
  if (node->b && r->st == TFM_OK && !r->breaks && !r->continues) {
    static const tfm_span name = {"", 0}; /* no template can say it */
    r->scope = scope_in(r, around);
    if (r->scope) {
      assign(r, r->scope, name, text);
      text = tfm__eval(r, node->b);
    }
    r->scope = around;
  }
  if (r->st == TFM_OK && !r->breaks && !r->continues) {
    assign_all(r, node->a, text);
  }
}

static void run_define(tfm__run *r, const tfm__node *node)
{
  tfm__macro *macro = tfm__take(r, sizeof *macro);
  if (macro) {
    *macro = (tfm__macro){node, r->scope};
    assign(r, r->scope, node->name, (tfm__value){.kind = TFM__MACRO, .as.macro = macro});
  }
}

static void run_scoped(tfm__run *r, const tfm__node *node)
{
  tfm__scope *const around = r->scope;
  r->scope = scope_in(r, around);
  if (r->scope) {
    run_body(r, node->c);
  }
  r->scope = around;
}

static void run_text(tfm__run *r, const tfm__node *node)
{
  write_text(r, node->value.as.text);
}

static void run_write(tfm__run *r, const tfm__node *node)
{
  const tfm_span text = tfm__string(r, tfm__eval(r, node->a));
  if (r->st == TFM_OK) {
    write_text(r, text);
  }
}

static void run_set(tfm__run *r, const tfm__node *node)
{
  const tfm__value v = tfm__eval(r, node->b);
  if (r->st == TFM_OK) {
    assign_all(r, node->a, v);
  }
}

static void run_break(tfm__run *r, const tfm__node *node)
{
  (void)node;
  r->breaks = true;
}

static void run_continue(tfm__run *r, const tfm__node *node)
{
  (void)node;
  r->continues = true;
}

static void run_body(tfm__run *r, const tfm__node *first)
{
  static void (*const by_kind[])(tfm__run *, const tfm__node *) = {
      [TFM__WRITE_TEXT] = run_text, [TFM__WRITE] = run_write, [TFM__IF] = run_if,
      [TFM__FOR] = run_for,         [TFM__SET] = run_set,     [TFM__SET_BLOCK] = run_set_block,
      [TFM__DEFINE] = run_define,   [TFM__BREAK] = run_break, [TFM__CONTINUE] = run_continue,
      [TFM__BODY] = run_scoped};
  for (const tfm__node *node = first; node; node = node->next) {
    if (!tfm__work(r, 0) || r->breaks || r->continues) {
      return;
    }
    r->line = node->line;
    by_kind[node->kind](r, node);
  }
}

/* ---- macros ----------------------------------------------------------------------------- */

/* The argument for a parameter: by place, by name, or absent. */
static tfm__value argument_of(const tfm__arguments *arguments, int i, tfm_span name, int *used)
{
  if (i < arguments->n) {
    ++*used;
    return arguments->v[i];
  }
  for (int k = 0; k < arguments->nnamed; ++k) {
    if (tfm_span_eq(arguments->name[k], name)) {
      ++*used;
      return arguments->named[k];
    }
  }
  return (tfm__value){.kind = TFM__ABSENT};
}

static void assign_parameters(tfm__run *r, const tfm__node *node,
                              const tfm__arguments *arguments)
{
  int used = 0;
  int i = 0;
  for (const tfm__node *one = node->a; one && r->st == TFM_OK; one = one->next, ++i) {
    tfm__value v = argument_of(arguments, i, one->name, &used);
    if (v.kind == TFM__ABSENT) {
      v = one->a ? tfm__eval(r, one->a) : tfm__undefined(one->name);
    }
    assign(r, r->scope, one->name, v);
  }
  if (used != arguments->n + arguments->nnamed) {
    (void)tfm__fail(r, TFM_E_FORMAT, "the macro %.*s does not take these arguments",
                    node->name.n > 64 ? 64 : (int)node->name.n, node->name.p);
  }
}

tfm__value tfm__macro_call(tfm__run *r, const tfm__macro *macro,
                           const tfm__arguments *arguments)
{
  tfm__scope *const around = r->scope;
  const int loops = r->loops;
  tfm__value text = tfm__undefined((tfm_span){0});
  if (r->calls == TFM__MOST_CALLS) {
    return tfm__fail(r, TFM_E_FORMAT, "macros within macros, more than %d deep",
                     TFM__MOST_CALLS);
  }
  ++r->calls;
  r->loops = 0;
  r->scope = scope_in(r, macro->around);
  if (r->scope) {
    assign_parameters(r, macro->node, arguments);
    text = capture(r, macro->node->c);
  }
  r->scope = around;
  r->loops = loops;
  --r->calls;
  return text;
}

/* ---- rendering -------------------------------------------------------------------------- */

void tfm__run_begin(tfm__run *r, const tfm__template *t, const struct tm *now, tfm_buf *out,
                    tfm_err *err)
{
  *r = (tfm__run){.t = t, .out = out, .line = 1, .now = *now, .err = err};
}

tfm_status tfm__run_render(tfm__run *r, const tfm__dict *variables)
{
  r->scope = &r->root;
  for (int64_t i = 0; i < variables->n; ++i) {
    assign(r, r->scope, variables->v[i].key, variables->v[i].value);
  }
  run_body(r, r->t->body);
  return r->st;
}

void tfm__run_end(tfm__run *r)
{
  tfm_arena_fini(&r->memory);
}
