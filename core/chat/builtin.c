#include "core/chat/builtin.h"

static int count(const tfm__builtin *row)
{
  int n = 0;
  while (row->parameters[n]) {
    ++n;
  }
  return n;
}

static int place_of(const tfm__builtin *row, tfm_span name)
{
  int i = 0;
  while (row->parameters[i] && !tfm_span_is(name, row->parameters[i])) {
    ++i;
  }
  return i;
}

/* By place, then by name; false when they do not fit. */
static bool fit(const tfm__builtin *row, const tfm__arguments *arguments, tfm__value *out)
{
  const int n = count(row);
  bool fits = arguments->n <= n;
  for (int i = 0; i < TFM__MOST_PARAMETERS; ++i) {
    out[i] = fits && i < arguments->n ? arguments->v[i] : (tfm__value){.kind = TFM__ABSENT};
  }
  for (int k = 0; k < arguments->nnamed && fits; ++k) {
    const int i = place_of(row, arguments->name[k]);
    fits = i < n && out[i].kind == TFM__ABSENT;
    if (fits) {
      out[i] = arguments->named[k];
    }
  }
  for (int i = 0; i < row->required && fits; ++i) {
    fits = out[i].kind != TFM__ABSENT;
  }
  return fits;
}

tfm__value tfm__builtin_call(tfm__run *r, const tfm__builtin *row, tfm__value self,
                             const tfm__arguments *arguments)
{
  tfm__value argument[TFM__MOST_PARAMETERS];
  if (r->st != TFM_OK) {
    return tfm__undefined((tfm_span){0});
  }
  if (row->run_any) {
    return row->run_any(r, self, arguments);
  }
  if (!row->run) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "the method %s of %s is not supported", row->name,
                     tfm__kind_name(self));
  }
  if (!fit(row, arguments, argument)) {
    return tfm__fail(r, TFM_E_UNSUPPORTED, "%s with these arguments is not supported",
                     row->name);
  }
  return row->run(r, self, argument);
}
