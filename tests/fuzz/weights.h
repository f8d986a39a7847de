/** What must hold of a checkpoint that was opened, whatever its files are. */
#ifndef TFM_TESTS_FUZZ_WEIGHTS_H
#define TFM_TESTS_FUZZ_WEIGHTS_H

/** Open the folder of files.h. Refused: as malformed or unsupported, and the text begins with the
 *  name of a file there. Opened: every tensor is found by its name, lies inside its file and is as
 *  large as its shape says; it can be read whole and in parts with the same result, or is refused
 *  by name; the digest works. */
void fuzz_open_weights(void);

#endif
