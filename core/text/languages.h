/** The languages that published translation checkpoints know: lists of codes with blanks between,
 *  in the order of their tokens' ids. Private to the room. */
#ifndef TFM_CORE_TEXT_LANGUAGES_H
#define TFM_CORE_TEXT_LANGUAGES_H

#include "core/base/span.h"

#include <stdbool.h>

extern const char tfm__languages_mbart[];   /* en_XX: the token itself */
extern const char tfm__languages_mbart50[]; /* mBART's, and more behind them */
extern const char tfm__languages_nllb[];    /* eng_Latn */
extern const char tfm__languages_m2m100[];  /* en: the token is __en__ */
extern const char tfm__languages_wmt21[];   /* of M2M100 folders that name these */

/** Take the next code off the list. False at its end. */
bool tfm__language_next(const char **list, tfm_span *code);

#endif
