#include "tests/fuzz/weights.h"

#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/model/safetensors.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"

#include <sys/stat.h>

static uint64_t bytes_of(const char *name)
{
  struct stat about = {0};
  char *path = tfm_path_join(fuzz_folder(), name);
  FUZZ_WANT(path && stat(path, &about) == 0);
  tfm_free(path);
  return (uint64_t)about.st_size;
}

static bool is_refusal(tfm_status st)
{
  return st == TFM_E_FORMAT || st == TFM_E_UNSUPPORTED;
}

static void look_at_shape(const tfm_checkpoint *ck, const tfm_tensor_info *info)
{
  uint64_t count = 1;
  FUZZ_WANT(info->ndim >= 0 && info->ndim <= TFM_TENSOR_MAX_NDIM);
  for (int i = 0; i < info->ndim; ++i) {
    count *= (uint64_t)info->dim[i]; /* fits: the file is as large */
  }
  FUZZ_WANT(count == (uint64_t)info->count);
  FUZZ_WANT(info->bytes == count * tfm_dtype_bytes(info->dtype));
  uint64_t file = bytes_of(tfm_checkpoint_file(ck, info->shard));
  FUZZ_WANT(info->offset <= file && info->bytes <= file - info->offset);
}

/* Whole, and in two parts. */
static void read_twice(const tfm_checkpoint *ck, const tfm_tensor_info *info)
{
  tfm_err err = {0};
  size_t n = (size_t)info->count;
  int64_t half = info->count / 2;
  float *whole = tfm_alloc_aligned(n, sizeof *whole);
  float *parts = tfm_alloc_aligned(n, sizeof *parts);
  FUZZ_WANT(whole && parts);
  tfm_status st = tfm_checkpoint_read(ck, info, whole, &err);
  FUZZ_WANT(st == TFM_OK || is_refusal(st));
  tfm_status first = tfm_checkpoint_read_part(ck, info, 0, half, parts, &err);
  tfm_status second =
      tfm_checkpoint_read_part(ck, info, half, info->count - half, parts + half, &err);
  FUZZ_WANT((st == TFM_OK) == (first == TFM_OK && second == TFM_OK));
  FUZZ_WANT(st != TFM_OK || n == 0 || memcmp(whole, parts, n * sizeof *whole) == 0);
  tfm_free(whole);
  tfm_free(parts);
}

void fuzz_open_weights(void)
{
  tfm_err err = {0};
  tfm_checkpoint *ck = NULL;
  tfm_status st = tfm_checkpoint_open(&ck, fuzz_folder(), &err);
  if (st != TFM_OK) {
    FUZZ_WANT(is_refusal(st) && !ck && err.text[0]);
    return;
  }
  for (int64_t i = 0; i < tfm_checkpoint_count(ck); ++i) {
    const tfm_tensor_info *info = tfm_checkpoint_at(ck, i);
    FUZZ_WANT(tfm_checkpoint_find(ck, info->name) == info);
    look_at_shape(ck, info);
    read_twice(ck, info);
  }
  tfm_sha256 sha;
  tfm_sha256_init(&sha);
  FUZZ_WANT(tfm_checkpoint_digest(ck, false, &sha, &err) == TFM_OK);
  FUZZ_WANT(tfm_checkpoint_digest(ck, true, &sha, &err) == TFM_OK);
  tfm_checkpoint_close(ck);
}
