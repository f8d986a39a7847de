#include "core/text/cut.h"

tfm__behavior tfm__behavior_read(tfm__loader *l)
{
  static const char *const names[] = {[TFM__REMOVED] = "Removed",
                                      [TFM__ISOLATED] = "Isolated",
                                      [TFM__MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                      [TFM__MERGED_WITH_NEXT] = "MergedWithNext",
                                      [TFM__CONTIGUOUS] = "Contiguous"};
  tfm_span s = tfm_jread_string(l->r);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (tfm_span_is(s, names[i])) {
      return (tfm__behavior)i;
    }
  }
  if (tfm_jread_ok(l->r)) {
    tfm_jread_fail(l->r, TFM_E_UNSUPPORTED,
                   "\"%.*s\" is not supported; supported are Removed, Isolated, "
                   "MergedWithPrevious, MergedWithNext, Contiguous",
                   s.n > 64 ? 64 : (int)s.n, s.p);
  }
  return TFM__REMOVED;
}
