/* What a rendering takes and counts, and the values it makes: see run.h. */
#include "core/base/mem.h"
#include "core/chat/run.h"

#include <string.h>

tfm__value tfm__fail(tfm__run *r, tfm_status st, const char *format, ...)
{
  if (r->st == TFM_OK) {
    va_list args;
    va_start(args, format);
    (void)tfm_vfail(r->err, st, format, args);
    va_end(args);
    r->st = tfm_err_prefix(r->err, "%s: line %d", r->t->name, r->line);
  }
  return tfm__undefined((tfm_span){0});
}

void *tfm__take(tfm__run *r, size_t n)
{
  if (r->st != TFM_OK) {
    return NULL;
  }
  if (n > TFM__MOST_BYTES - r->bytes) {
    (void)tfm__fail(r, TFM_E_FORMAT, "the template takes more than %d MiB of memory",
                    TFM__MOST_BYTES >> 20);
    return NULL;
  }
  void *p = tfm_arena_alloc(&r->memory, n);
  if (!p) {
    (void)tfm__fail(r, TFM_E_NOMEM, "no memory for a conversation");
    return NULL;
  }
  r->bytes += n;
  return p;
}

bool tfm__work(tfm__run *r, size_t bytes)
{
  r->steps += 1 + (int64_t)(bytes / 64);
  if (r->steps > TFM__MOST_STEPS) {
    (void)tfm__fail(r, TFM_E_FORMAT, "the template takes too many steps");
  }
  return r->st == TFM_OK;
}

tfm__value tfm__copy(tfm__run *r, tfm_span text)
{
  char *p = tfm__take(r, text.n + 1);
  if (!p || !tfm__work(r, text.n)) {
    return tfm__undefined((tfm_span){0});
  }
  memcpy(p, text.n ? text.p : "", text.n);
  return tfm__text((tfm_span){p, text.n});
}

tfm_span tfm__join(tfm__run *r, tfm_span a, tfm_span b)
{
  if (!a.n || !b.n) {
    return a.n ? a : b;
  }
  char *p = tfm__take(r, a.n + b.n);
  if (!p || !tfm__work(r, a.n + b.n)) {
    return (tfm_span){0};
  }
  memcpy(p, a.p, a.n);
  memcpy(p + a.n, b.p, b.n);
  return (tfm_span){p, a.n + b.n};
}

tfm__list *tfm__list_new(tfm__run *r, tfm__list_kind kind)
{
  static _Thread_local tfm__list spare;
  tfm__list *list = tfm__take(r, sizeof *list);
  list = list ? list : &spare;
  *list = (tfm__list){.kind = kind};
  return list;
}

void tfm__list_add(tfm__run *r, tfm__list *list, tfm__value v)
{
  if (list->n == list->cap) {
    const int64_t cap = list->cap ? 2 * list->cap : 8;
    tfm__value *more = tfm__take(r, (size_t)cap * sizeof *more);
    if (!more) {
      return;
    }
    if (list->n) {
      memcpy(more, list->v, (size_t)list->n * sizeof *more);
    }
    list->v = more;
    list->cap = cap;
  }
  if (tfm__work(r, 0)) {
    list->v[list->n++] = v;
  }
}

tfm__value tfm__list_value(tfm__run *r, tfm__list *list)
{
  return r->st == TFM_OK ? (tfm__value){.kind = TFM__LIST, .as.list = list}
                         : tfm__undefined((tfm_span){0});
}

tfm__dict *tfm__dict_new(tfm__run *r)
{
  static _Thread_local tfm__dict spare;
  tfm__dict *dict = tfm__take(r, sizeof *dict);
  dict = dict ? dict : &spare;
  *dict = (tfm__dict){0};
  return dict;
}

void tfm__dict_set(tfm__run *r, tfm__dict *dict, tfm_span key, tfm__value v)
{
  tfm__value *old = r->st == TFM_OK ? tfm__dict_find(dict, key) : NULL;
  if (old) {
    *old = v;
    return;
  }
  if (dict->n == TFM__MOST_MEMBERS) {
    (void)tfm__fail(r, TFM_E_FORMAT, "a mapping of more than %d members", TFM__MOST_MEMBERS);
  }
  if (dict->n == dict->cap) {
    const int64_t cap = dict->cap ? 2 * dict->cap : 4;
    tfm__member *more = tfm__take(r, (size_t)cap * sizeof *more);
    if (!more) {
      return;
    }
    if (dict->n) {
      memcpy(more, dict->v, (size_t)dict->n * sizeof *more);
    }
    dict->v = more;
    dict->cap = cap;
  }
  if (r->st == TFM_OK) {
    dict->v[dict->n++] = (tfm__member){key, v};
  }
}
