/** A folder of the target's own, for loaders that read files. */
#ifndef TFM_TESTS_FUZZ_FILES_H
#define TFM_TESTS_FUZZ_FILES_H

#include "core/base/span.h"

/** Its path. Made at the first call, in memory where that is possible (a disk is a hundred times
 *  slower than what is tested); removed at exit with the files that were put into it. */
const char *fuzz_folder(void);

/** Make the folder's file hold this text; with an empty text it is not there. name is static. At
 *  most 8 names. */
void fuzz_put_file(const char *name, tfm_span text);

/** Take the text up to the next NUL byte, or to the end, off the front of *rest. */
tfm_span fuzz_take_text(tfm_span *rest);

#endif
