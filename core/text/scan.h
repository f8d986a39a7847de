/** Hand-written scanners for the regular expressions that published tokenizers use, recognised by
 *  exact text. Each does what the expression does, looking at every character a bounded number
 *  of times; tests/core/text compares them with the expression itself.
 *
 *  Threads: callable from many at once. */
#ifndef TFM_CORE_TEXT_SCAN_H
#define TFM_CORE_TEXT_SCAN_H

#include "core/base/span.h"

#include <stddef.h>

/** The end of the match that begins at byte i (< n) of n bytes, i when none does. No expression
 *  here matches nothing, looks behind, or needs more than p[0, n). */
typedef size_t (*tfm__scanner)(const char *p, size_t n, size_t i);

/** The scanner of an expression, or NULL. *skip, which may be NULL, finds the first byte from i on
 *  where a match may begin, n when there is none: for expressions whose matches are rare. */
tfm__scanner tfm__scanner_of(tfm_span pattern, tfm__scanner *skip);

/** That of GPT-2, which ByteLevel has built in. */
size_t tfm__scan_gpt2(const char *p, size_t n, size_t i);

/** Those of GPT-4o and of Mistral's Tekken: words end where upper case follows lower case. */
size_t tfm__scan_o200k(const char *p, size_t n, size_t i);
size_t tfm__scan_tekken(const char *p, size_t n, size_t i);

/** That of Qwen 3.5, in which marks are letters; the second and third of DeepSeek V3. */
size_t tfm__scan_qwen35(const char *p, size_t n, size_t i);
size_t tfm__scan_east_asian(const char *p, size_t n, size_t i);
size_t tfm__scan_deepseek(const char *p, size_t n, size_t i);

/** The expressions there are scanners for, for tests: NULL behind the last. */
const char *tfm__scanner_pattern(size_t i);

#endif
