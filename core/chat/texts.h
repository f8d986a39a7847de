/** What filters and methods do with texts. Private to the room. */
#ifndef TFM_CORE_CHAT_TEXTS_H
#define TFM_CORE_CHAT_TEXTS_H

#include "core/chat/run.h"

/** Which ends a strip takes from. */
typedef enum { TFM__LEFT = 1, TFM__RIGHT = 2, TFM__BOTH = 3 } tfm__side;

/** strip(): white space, or the characters of a text; chars may be absent or none. */
tfm__value tfm__text_strip(tfm__run *r, tfm_span s, tfm__value chars, tfm__side side);

/** replace(): all, or the first `most` when that is not negative. */
tfm__value tfm__text_replace(tfm__run *r, tfm_span s, tfm_span old, tfm_span new, int64_t most);

typedef enum { TFM__UPPER, TFM__LOWER, TFM__CAPITALIZE, TFM__TITLE } tfm__case;

/** Other letters; a text beyond ASCII is refused. */
tfm__value tfm__text_case(tfm__run *r, tfm_span s, tfm__case how);

/** join(): the elements of a value with a text between them. */
tfm__value tfm__text_join(tfm__run *r, tfm__value elements, tfm_span between);

/** The next place of `what` in s at or behind `from`; s.n + 1 when there is none. */
size_t tfm__text_find(tfm_span s, tfm_span what, size_t from);

#endif
