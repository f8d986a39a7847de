/** Sets of characters by name, written as the inside of a PCRE2 class. */
#ifndef TFM_CORE_TEXT_REGEX_SETS_H
#define TFM_CORE_TEXT_REGEX_SETS_H

#include "core/base/buf.h"
#include "core/base/span.h"

#include <stdbool.h>

/** Where a name stands: by itself, as \p{name} in a class, as [:name:] in one. Two sets differ. */
typedef enum { TFM__ALONE, TFM__IN_CLASS, TFM__POSIX } tfm__set_place;

/** Append what the set `name` holds (letter case, blanks, '-' and '_' do not count) to items. What
 *  must be taken away from it again, which a class cannot say, is appended to less. false: no
 *  such set is known. */
bool tfm__set_by_name(tfm_span name, tfm__set_place place, tfm_buf *items, tfm_buf *less);

#endif
