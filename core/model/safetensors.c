#include "core/model/safetensors.h"

#include "core/base/mem.h"
#include "core/model/safetensors_private.h"
#include "core/model/shown.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
  CHUNK = 1 << 16,     /* elements converted at a time */
  SAMPLE_BYTES = 4096, /* of a digest that is not full: this many bytes ... */
  SAMPLES = 64,        /* ... at this many places of a file */
  DIGEST_CHUNK = 1 << 18
};

static tfm_status open_single(tfm_checkpoint *ck, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char *path = tfm_path_join(folder, TFM__WEIGHTS_FILE);
  ck->shards = tfm_calloc(1, sizeof *ck->shards);
  if (!path || !ck->shards) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "opening " TFM__WEIGHTS_FILE));
  }
  ck->shards[0] = (tfm__shard){.file.fd = -1, .name = TFM__WEIGHTS_FILE};
  ck->nshard = 1;
  ck->source = TFM__WEIGHTS_FILE;
  TFM_TRY(tfm__shard_open(ck, 0, path, NULL, err));

fail:
  tfm_free(path);
  return st;
}

static void close_shards(tfm_checkpoint *ck)
{
  for (int i = 0; i < ck->nshard; ++i) {
    tfm_file_fini(&ck->shards[i].file);
  }
  tfm_free(ck->shards);
  ck->shards = NULL;
  ck->nshard = 0;
}

tfm_status tfm_checkpoint_open(tfm_checkpoint **out, const char *folder, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  tfm_checkpoint *ck = tfm_calloc(1, sizeof *ck);
  if (!ck) {
    return tfm_fail(err, TFM_E_NOMEM, "a checkpoint");
  }
  /* As the reference does: the single file, then the index. */
  st = open_single(ck, folder, err);
  if (st == TFM_E_MISSING) {
    close_shards(ck);
    st = tfm__index_open(ck, folder, err);
  }
  if (st == TFM_E_MISSING) {
    st = tfm__foreign_folder(folder, err);
  }
  if (st != TFM_OK) {
    tfm_checkpoint_close(ck);
    return st;
  }
  *out = ck;
  return TFM_OK;
}

void tfm_checkpoint_close(tfm_checkpoint *ck)
{
  if (!ck) {
    return;
  }
  close_shards(ck);
  tfm_free(ck->tensors);
  tfm_map_fini(&ck->by_name);
  tfm_arena_fini(&ck->arena);
  tfm_free(ck);
}

const tfm_tensor_info *tfm_checkpoint_find(const tfm_checkpoint *ck, const char *name)
{
  int64_t at = 0;
  return tfm_map_get(&ck->by_name, tfm_span_of(name), &at) ? &ck->tensors[at] : NULL;
}

int64_t tfm_checkpoint_count(const tfm_checkpoint *ck)
{
  return ck->count;
}

const tfm_tensor_info *tfm_checkpoint_at(const tfm_checkpoint *ck, int64_t i)
{
  return &ck->tensors[i];
}

const char *tfm_checkpoint_file(const tfm_checkpoint *ck, int shard)
{
  return shard < 0 ? ck->source : ck->shards[shard].name;
}

/* n elements from place `first` of a tensor; raw is room for CHUNK elements of a narrow dtype.
 */
static tfm_status read_part(const tfm__shard *shard, const tfm_tensor_info *info, size_t first,
                            size_t n, void *raw, float *to, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const size_t each = tfm_dtype_bytes(info->dtype);
  const uint64_t offset = info->offset + (uint64_t)first * each;
  size_t bad = 0;
  if (info->dtype == TFM_F32) {
    TFM_TRY(tfm_file_read_at(&shard->file, offset, to, n * each, err));
  } else {
    TFM_TRY(tfm_file_read_at(&shard->file, offset, raw, n * each, err));
    tfm_dtype_to_f32(info->dtype, raw, n, to);
  }
  if (!tfm_all_finite(to, n, &bad)) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "%s: %s: element %zu is %s: every weight must be a finite number",
                     shard->name, tfm__shown_of(info->name).text, first + bad,
                     to[bad] > 0 ? "Infinity" : (to[bad] < 0 ? "-Infinity" : "NaN")));
  }

fail:
  return st;
}

tfm_status tfm_checkpoint_read(const tfm_checkpoint *ck, const tfm_tensor_info *info, float *to,
                               tfm_err *err)
{
  return tfm_checkpoint_read_part(ck, info, 0, info->count, to, err);
}

tfm_status tfm_checkpoint_read_part(const tfm_checkpoint *ck, const tfm_tensor_info *info,
                                    int64_t from, int64_t n, float *to, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__shard *shard = &ck->shards[info->shard];
  const size_t count = (size_t)n;
  TFM_ASSERT(from >= 0 && n >= 0 && n <= info->count - from);
  if (!tfm_dtype_is_weight(info->dtype)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "%s: %s: dtype %s cannot be computed with: want F32, F16 or BF16",
                    shard->name, tfm__shown_of(info->name).text, tfm_dtype_name(info->dtype));
  }
  void *raw = tfm_alloc_aligned(CHUNK, sizeof(uint16_t));
  if (!raw) {
    return tfm_fail(err, TFM_E_NOMEM, "reading %s", shard->name);
  }
  for (size_t first = 0; first < count; first += CHUNK) {
    const size_t part = count - first < CHUNK ? count - first : CHUNK;
    TFM_TRY(read_part(shard, info, (size_t)from + first, part, raw, to + first, err));
  }

fail:
  tfm_free(raw);
  return st;
}

static void digest_text(tfm_sha256 *sha, const char *text)
{
  tfm_sha256_add(sha, text, strlen(text) + 1); /* the NUL keeps "ab","c" from "a","bc" */
}

static void digest_number(tfm_sha256 *sha, uint64_t number)
{
  unsigned char bytes[8]; /* little-endian, whatever the machine is */
  for (int i = 0; i < 8; ++i) {
    bytes[i] = (unsigned char)(number >> 8 * i);
  }
  tfm_sha256_add(sha, bytes, sizeof bytes);
}

void tfm_checkpoint_stamp(const tfm_checkpoint *ck, tfm_sha256 *sha)
{
  for (int i = 0; i < ck->nshard; ++i) {
    struct stat look = {0};
    (void)fstat(ck->shards[i].file.fd, &look);
    digest_number(sha, (uint64_t)look.st_ino);
    digest_number(sha, (uint64_t)look.st_size);
    digest_number(sha, (uint64_t)look.st_mtim.tv_sec);
    digest_number(sha, (uint64_t)look.st_mtim.tv_nsec);
    digest_number(sha, (uint64_t)look.st_ctim.tv_sec);
    digest_number(sha, (uint64_t)look.st_ctim.tv_nsec);
  }
}

static tfm_status digest_range(const tfm__shard *shard, uint64_t from, uint64_t bytes,
                               unsigned char *room, tfm_sha256 *sha, tfm_err *err)
{
  tfm_status st = TFM_OK;
  while (bytes > 0) {
    const size_t n = bytes < DIGEST_CHUNK ? (size_t)bytes : DIGEST_CHUNK;
    TFM_TRY(tfm_file_read_at(&shard->file, from, room, n, err));
    tfm_sha256_add(sha, room, n);
    from += n;
    bytes -= n;
  }

fail:
  return st;
}

/* All of a shard's data, or blocks at even distances, the last one at the end. */
static tfm_status digest_shard(const tfm__shard *shard, bool full, unsigned char *room,
                               tfm_sha256 *sha, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const uint64_t data = shard->file.bytes - shard->data;
  digest_number(sha, shard->file.bytes);
  if (full || data <= (uint64_t)SAMPLES * SAMPLE_BYTES) {
    return digest_range(shard, shard->data, data, room, sha, err);
  }
  for (uint64_t i = 0; i < SAMPLES; ++i) {
    const uint64_t from = (data - SAMPLE_BYTES) / (SAMPLES - 1) * i;
    TFM_TRY(digest_range(shard, shard->data + from, SAMPLE_BYTES, room, sha, err));
  }
  TFM_TRY(digest_range(shard, shard->file.bytes - SAMPLE_BYTES, SAMPLE_BYTES, room, sha, err));

fail:
  return st;
}

tfm_status tfm_checkpoint_digest(const tfm_checkpoint *ck, bool full, tfm_sha256 *sha,
                                 tfm_err *err)
{
  tfm_status st = TFM_OK;
  unsigned char *room = tfm_alloc_aligned(DIGEST_CHUNK, 1);
  if (!room) {
    return tfm_fail(err, TFM_E_NOMEM, "the digest of the weights");
  }
  digest_number(sha, (uint64_t)ck->count);
  for (int64_t i = 0; i < ck->count; ++i) {
    const tfm_tensor_info *info = &ck->tensors[i];
    digest_text(sha, info->name);
    digest_text(sha, tfm_dtype_name(info->dtype));
    digest_number(sha, (uint64_t)info->ndim);
    for (int d = 0; d < info->ndim; ++d) {
      digest_number(sha, (uint64_t)info->dim[d]);
    }
    digest_number(sha, (uint64_t)info->shard);
    digest_number(sha, info->offset);
  }
  for (int i = 0; i < ck->nshard; ++i) {
    TFM_TRY(digest_shard(&ck->shards[i], full, room, sha, err));
  }

fail:
  tfm_free(room);
  return st;
}
