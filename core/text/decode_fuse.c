/* Fuse: all strings become one. */
#include "core/text/kinds.h"

static tfm_status decode(const void *self, tfm__decoding *d, const tfm__strings *in, bool last,
                         tfm__strings *out)
{
  (void)self;
  tfm_status st = tfm__strings_add(out, tfm_buf_view(&in->text));
  out->continues = d->begun;
  out->open = !last;
  d->begun = true;
  return st;
}

static void *read(tfm__loader *l)
{
  (void)tfm_jread_skip(l->r); /* it has no options */
  return NULL;
}

const tfm__kind tfm__fuse = {
    .type = "Fuse", .read = read, .decode = decode, .takes_parts = true};
