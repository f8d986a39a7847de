/** Checkpoint weights as shipped: model.safetensors, or shards with
 * model.safetensors.index.json.
 *
 *  Every header check comes before any allocation that depends on it: length within the file
 * and under 100,000,000 bytes; strict JSON; known dtype; shape product times element size equal
 * to the byte range; ranges that tile the data part exactly, without hole, overlap or tail; no
 * duplicate names. Pickles and other formats are refused with a sentence that says how to
 * convert. Shard names must be plain file names inside the folder (a link may lead into the
 * same model store, as hub caches do). Source: https://github.com/huggingface/safetensors,
 * README section Format.
 */
#ifndef TFM_CORE_MODEL_SAFETENSORS_H
#define TFM_CORE_MODEL_SAFETENSORS_H

#include "core/base/sha256.h"
#include "core/base/status.h"
#include "core/tensor/dtype.h"

#include <stdbool.h>
#include <stdint.h>

enum { TFM_TENSOR_MAX_NDIM = 8 };

typedef struct tfm_checkpoint tfm_checkpoint;

/** One tensor of a checkpoint; borrowed from it. */
typedef struct {
  const char *name;
  tfm_dtype dtype;
  int ndim;
  int64_t dim[TFM_TENSOR_MAX_NDIM];
  int64_t count;   /* elements */
  int shard;       /* which file */
  uint64_t offset; /* bytes from the start of that file */
  uint64_t bytes;
} tfm_tensor_info;

/** Read the headers of a folder's weights. gives: *out, release with tfm_checkpoint_close().
 *  Errors: TFM_E_MISSING, TFM_E_IO, TFM_E_FORMAT, TFM_E_UNSUPPORTED (pickle, GGUF, ...), NOMEM.
 */
tfm_status tfm_checkpoint_open(tfm_checkpoint **out, const char *folder,
                               tfm_err *err) TFM_MUST_USE;

void tfm_checkpoint_close(tfm_checkpoint *ck);

/** By exact name; NULL when it is not there. */
const tfm_tensor_info *tfm_checkpoint_find(const tfm_checkpoint *ck, const char *name);

/** The name of a file, for messages: "model.safetensors" or a shard's; -1 for the whole (the
 * single file, or the index). */
const char *tfm_checkpoint_file(const tfm_checkpoint *ck, int shard);

/** All of them, in file order. */
int64_t tfm_checkpoint_count(const tfm_checkpoint *ck);
const tfm_tensor_info *tfm_checkpoint_at(const tfm_checkpoint *ck, int64_t i);

/** Read a whole tensor as float32 into to[info->count]. Non-finite weights are TFM_E_FORMAT
 * with the tensor and index. Threads: callable from many at once. Errors: TFM_E_IO,
 * TFM_E_FORMAT, NOMEM. */
tfm_status tfm_checkpoint_read(const tfm_checkpoint *ck, const tfm_tensor_info *info, float *to,
                               tfm_err *err) TFM_MUST_USE;

/** Elements [from, from + n) of a tensor, likewise, into to[n]. */
tfm_status tfm_checkpoint_read_part(const tfm_checkpoint *ck, const tfm_tensor_info *info,
                                    int64_t from, int64_t n, float *to,
                                    tfm_err *err) TFM_MUST_USE;

/** Add what the system says of the files as they are now to a digest: inode, size, time of the last
 * change of contents and of anything else. Where two of these are equal nothing was written in
 * between. */
void tfm_checkpoint_stamp(const tfm_checkpoint *ck, tfm_sha256 *sha);

/** Add the identity of the weights to a digest: names, dtypes, shapes, file sizes, and blocks
 * of the data sampled at fixed places (all of it when full). */
tfm_status tfm_checkpoint_digest(const tfm_checkpoint *ck, bool full, tfm_sha256 *sha,
                                 tfm_err *err) TFM_MUST_USE;

#endif
