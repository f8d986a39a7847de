/** What the files behind safetensors.h share. Room-private. */
#ifndef TFM_CORE_MODEL_SAFETENSORS_PRIVATE_H
#define TFM_CORE_MODEL_SAFETENSORS_PRIVATE_H

#include "core/base/arena.h"
#include "core/base/file.h"
#include "core/base/map.h"
#include "core/model/safetensors.h"

#define TFM__WEIGHTS_FILE "model.safetensors"
#define TFM__INDEX_FILE   "model.safetensors.index.json"

enum { TFM__HEADER_MAX_BYTES = 100000000, TFM__SHARDS_MAX = 512 };

typedef struct {
  tfm_file file;
  const char *name; /* plain file name, in the checkpoint's arena */
  uint64_t data;    /* offset of the data part */
} tfm__shard;

struct tfm_checkpoint {
  const char *source; /* the file messages about the whole name */
  tfm__shard *shards;
  int nshard;
  tfm_tensor_info *tensors; /* shard by shard, by offset */
  int64_t count, capacity;
  tfm_map by_name; /* name to its place in tensors */
  tfm_arena arena; /* names */
};

/** Open a file and read its header: checks everything and appends its tensors to the
 * checkpoint. With owners (name to shard number, from an index) only tensors that belong to
 * this shard are kept. ck->shards[shard].name is set; file and data are set here.
 *  Errors: TFM_E_MISSING when the file is not there, TFM_E_IO, TFM_E_FORMAT,
 * TFM_E_UNSUPPORTED, TFM_E_NOMEM. */
tfm_status tfm__shard_open(tfm_checkpoint *ck, int shard, const char *path,
                           const tfm_map *owners, tfm_err *err) TFM_MUST_USE;

/** Read the folder's index and open every shard it names. Errors: TFM_E_MISSING only when the
 * index itself is not there. */
tfm_status tfm__index_open(tfm_checkpoint *ck, const char *folder, tfm_err *err) TFM_MUST_USE;

/** Refuse a file that is something else, by its first bytes; n of them, and a plain name for
 * the message. */
tfm_status tfm__foreign_bytes(const char *name, const unsigned char *bytes, size_t n,
                              tfm_err *err) TFM_MUST_USE;

/** Why a folder without safetensors cannot be used: names what is there instead and how to
 * convert it. Never TFM_OK. */
tfm_status tfm__foreign_folder(const char *folder, tfm_err *err) TFM_MUST_USE;

#endif
