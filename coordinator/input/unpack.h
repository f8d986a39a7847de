/** Compressed bytes to plain ones, member by member. A way to compress is one row of the table
 * in unpack.c: its magic and three functions. */
#ifndef TFM_COORDINATOR_INPUT_UNPACK_H
#define TFM_COORDINATOR_INPUT_UNPACK_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/** What a step works on: it takes from `in`, fills `out`, and moves both on. */
typedef struct {
  const unsigned char *in;
  size_t nin;
  unsigned char *out;
  size_t nout;
  bool inside; /* in the middle of a member: the end of the input here means it was cut */
} tfm__unpacking;

typedef struct {
  const char *name;       /* for messages: "gzip" */
  unsigned char magic[4]; /* what the file begins with */
  size_t nmagic;
  /* gives: *state, release with close. Errors: TFM_E_NOMEM. */
  tfm_status (*open)(void **state, tfm_err *err);
  /* Unpack until out is full, or in is used up and nothing more comes out. With a full out
   * there may be more to come although in is used up: step again. Errors: TFM_E_FORMAT, with
   * what is wrong and no file name; TFM_E_NOMEM. */
  tfm_status (*step)(void *state, tfm__unpacking *u, tfm_err *err);
  /* Accepts NULL. */
  void (*close)(void *state);
} tfm__codec;

/** The codec whose magic the n bytes begin with, NULL for none. *more: too few bytes to tell. */
const tfm__codec *tfm__codec_of(const unsigned char *bytes, size_t n, bool *more);

#endif
