/** Where packed weights are kept, so that they are made once: files of a cache folder that outlive
 * a job, and memory that the processes of a host share.
 *
 *  Each unit of a model, its head and its embeddings are an image: their packed weights side by
 * side as tfm_shelf has it. An image is looked for with another process of this host, its lender,
 * then in the folder, and is made from the checkpoint where neither has it: in memory that others
 * can map; it is written to the folder when tfm_store_keep() says so. Images below a megabyte, and
 * those of backends whose packing is their own affair, are the heap's.
 *
 *  Files are trusted when they and their folder are the user's own, nobody else may write them, and
 * their key and checksum are right; any other is reported, and made anew. A key names the model's
 * digest, the form of packing and, unless the digest is of every byte, the checkpoint's files as
 * they are now (inode, size, times). Writers take turns by a lock and finish by a rename, so that a
 * reader never sees half a file, and of one that was killed there is at most a part, which the next
 * start takes away. That a folder cannot be written, or has no room, is no error.
 *  Shared memory has no name: it goes with the last process that has it, however that ends. */
#ifndef TFM_CORE_MODEL_STORE_H
#define TFM_CORE_MODEL_STORE_H

#include "core/kernels/linear.h"
#include "core/model/model.h"

#include <stdint.h>

typedef struct tfm_store tfm_store;

typedef struct {
  const char
      *folder; /* of the cache, absolute; made when it is not there; "" or NULL for none */
  const char *digest; /* of the model, as tfm_model_digest() has it */
  bool digest_full;   /* of every byte */
  int64_t lender;     /* a process of this host that lends; 0 for none */
  int32_t lent;       /* what its tfm_store_lend() said */
  /* Whether memory lies where this process wants it; images that do not are copied. NULL: all do.
   */
  bool (*near)(void *arg, const void *p, size_t bytes);
  void *arg;
} tfm_store_options;

/** borrows: model, until closed; copies the strings. gives: *out, release with tfm_store_close()
 * after what was loaded through it. Errors: TFM_E_NOMEM. Threads: one at a time. */
tfm_status tfm_store_open(tfm_store **out, const tfm_model *model,
                          const tfm_store_options *options, tfm_err *err) TFM_MUST_USE;
void tfm_store_close(tfm_store *store);

/** A descriptor by which other processes of this user find the images this one has now, until the
 * store is closed; -1 when there is nothing to lend. */
int32_t tfm_store_lend(tfm_store *store);

/** Write the images that were made, and are not in the folder yet, to it: when results are out and
 * nobody waits. Ends after limit_s, whatever the disk does between two pieces of 4 MB; what has not
 * been written then is forgotten. */
void tfm_store_keep(tfm_store *store, double limit_s);

/** What a person should know about the folder (a damaged file, another user's), one sentence; ""
 * for nothing. Borrowed. */
const char *tfm_store_note(const tfm_store *store);

/** Images so far: found with the lender, found in the folder, made. */
typedef struct {
  int lent, cached, made;
} tfm_store_count;

tfm_store_count tfm_store_counted(const tfm_store *store);

#endif
