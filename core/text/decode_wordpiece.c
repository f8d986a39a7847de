/* WordPiece decoder: the prefix glues, everything else gets a space before it; then the spaces
 * that tokenizing put before punctuation are taken out again, token by token. */
#include "core/base/mem.h"
#include "core/text/kinds.h"

#include <string.h>

typedef struct {
  tfm_span prefix;
  bool cleanup;
} decoder;

/* In this order, each over the whole token, as the library does. */
static const struct {
  const char *from, *to;
} rules[] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
             {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
             {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};

/* Replace in place: no replacement is longer than what it replaces. */
static size_t replace(char *p, size_t n, const char *from, const char *to)
{
  size_t nfrom = strlen(from);
  size_t nto = strlen(to);
  size_t out = 0;
  for (size_t i = 0; i < n;) {
    if (n - i >= nfrom && memcmp(p + i, from, nfrom) == 0) {
      memcpy(p + out, to, nto);
      out += nto;
      i += nfrom;
    } else {
      p[out++] = p[i++];
    }
  }
  return out;
}

static tfm_status decode(const void *self, const tfm__strings *in, tfm__strings *out)
{
  const decoder *d = self;
  tfm_status st = TFM_OK;
  tfm_buf b = {0};
  for (size_t i = 0; i < in->n; ++i) {
    tfm_span s = tfm__strings_get(in, i);
    tfm_span prefix = d->prefix;
    tfm_buf_clear(&b);
    if (i > 0 && s.n >= prefix.n && tfm_span_eq((tfm_span){s.p, prefix.n}, prefix)) {
      s = (tfm_span){s.p + prefix.n, s.n - prefix.n};
    } else if (i > 0) {
      TFM_TRY(tfm_buf_char(&b, ' '));
    }
    TFM_TRY(tfm_buf_span(&b, s));
    for (size_t k = 0; d->cleanup && k < sizeof rules / sizeof rules[0]; ++k) {
      b.n = replace(b.data, b.n, rules[k].from, rules[k].to);
    }
    TFM_TRY(tfm__strings_add(out, tfm_buf_view(&b)));
  }

fail:
  tfm_buf_fini(&b);
  return st;
}

static void *read(tfm__loader *l)
{
  tfm_jread *r = l->r;
  tfm_span key;
  bool seen_cleanup = false;
  decoder *d = tfm__loader_alloc(l, sizeof *d);
  tfm_jread_object(r);
  while (d && tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "prefix")) {
      d->prefix = tfm__loader_copy(l, tfm_jread_string(r));
    } else if (tfm_span_is(key, "cleanup")) {
      d->cleanup = tfm_jread_bool(r);
      seen_cleanup = true;
    } else {
      (void)tfm_jread_skip(r);
    }
  }
  tfm__loader_want(l, d && d->prefix.p, "prefix");
  tfm__loader_want(l, seen_cleanup, "cleanup");
  return d;
}

const tfm__kind tfm__wordpiece_decoder = {.type = "WordPiece", .read = read, .decode = decode};
