/** Scores of pieces, read as the library's JSON reader reads numbers.
 *
 *  That reader does not round correctly: it collects the digits in 64 bits (more digits are
 *  dropped), converts these to double and then multiplies or divides by a power of ten, so two to
 *  three roundings instead of one. Scores of real vocabularies differ by a last bit, and where two
 *  ways to cut a word have equal sums, that bit decides. */
#ifndef TFM_CORE_TEXT_ALGO_READ_SCORE_H
#define TFM_CORE_TEXT_ALGO_READ_SCORE_H

#include "core/base/json_reader.h"

#include <stdbool.h>

/** Read the number that comes next; fails the reader when it is none, or not finite. */
double tfm__read_score(tfm_jread *r);

/** The value of a number by the grammar of JSON; false when it is infinite. */
bool tfm__score_of(tfm_span number, double *out);

#endif
