/* One safetensors file's header. Source: https://github.com/huggingface/safetensors, README,
 * section Format: eight bytes little-endian length N, N bytes of JSON, then the data part. */
#include "core/base/checked.h"
#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "core/model/safetensors_private.h"
#include "core/model/shown.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  tfm_checkpoint *ck;
  int shard;
  const tfm_map *owners;
  tfm_jread *json;
  uint64_t data_bytes;
  tfm_tensor_info *found; /* all tensors of this file, kept or not */
  size_t count, capacity;
} header;

static int by_offset(const void *a, const void *b)
{
  const tfm_tensor_info *x = a;
  const tfm_tensor_info *y = b;
  if (x->offset != y->offset) {
    return x->offset < y->offset ? -1 : 1;
  }
  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static void read_metadata(tfm_jread *r)
{
  tfm_span key;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    (void)tfm_jread_string(r);
  }
}

static void read_dtype(tfm_jread *r, tfm_tensor_info *info)
{
  const tfm_span name = tfm_jread_string(r);
  if (tfm_jread_ok(r) && !tfm_dtype_parse(name, &info->dtype)) {
    tfm_jread_fail(r, TFM_E_FORMAT, "\"%s\" is no dtype of safetensors that is known here",
                   tfm__shown_bytes(name.p, name.n).text);
  }
}

static void read_shape(tfm_jread *r, tfm_tensor_info *info)
{
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    const int64_t dim = tfm_jread_int(r, 0, INT64_MAX);
    if (info->ndim == TFM_TENSOR_MAX_NDIM) {
      tfm_jread_fail(r, TFM_E_FORMAT, "shape: want at most %d axes", TFM_TENSOR_MAX_NDIM);
      return;
    }
    info->dim[info->ndim++] = dim;
  }
}

static void read_offsets(tfm_jread *r, uint64_t range[2])
{
  int n = 0;
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    const uint64_t offset = tfm_jread_u64(r);
    if (n < 2) {
      range[n] = offset;
    }
    n += 1;
  }
  if (n != 2) {
    tfm_jread_fail(r, TFM_E_FORMAT, "data_offsets: want two numbers, begin and end, got %d", n);
  }
}

/* Shape times element size must be the byte range, and the range inside the data part. */
static void check_range(header *h, tfm_tensor_info *info, const uint64_t range[2])
{
  uint64_t bytes = tfm_dtype_bytes(info->dtype);
  uint64_t count = 1;
  bool fits = true;
  for (int i = 0; i < info->ndim; ++i) {
    fits = fits && tfm_mul_u64(count, (uint64_t)info->dim[i], &count);
  }
  fits = fits && count <= INT64_MAX && tfm_mul_u64(count, bytes, &bytes);
  if (!fits) {
    tfm_jread_fail(h->json, TFM_E_FORMAT, "shape: its elements cannot be counted in 64 bits");
  } else if (range[0] > range[1] || range[1] > h->data_bytes) {
    tfm_jread_fail(h->json, TFM_E_FORMAT,
                   "data_offsets: want begin <= end <= %" PRIu64
                   " (the data part's bytes), got "
                   "[%" PRIu64 ", %" PRIu64 "]",
                   h->data_bytes, range[0], range[1]);
  } else if (range[1] - range[0] != bytes) {
    tfm_jread_fail(h->json, TFM_E_FORMAT,
                   "data_offsets: want %" PRIu64
                   " bytes for this shape and dtype, got %" PRIu64,
                   bytes, range[1] - range[0]);
  }
  info->count = (int64_t)count;
  info->bytes = bytes;
  info->offset = range[0]; /* of the data part, until the header is checked whole */
}

static void read_entry(header *h, tfm_tensor_info *info)
{
  tfm_jread *r = h->json;
  tfm_span key;
  uint64_t range[2] = {0, 0};
  bool dtype = false;
  bool shape = false;
  bool offsets = false;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "dtype")) {
      read_dtype(r, info);
      dtype = true;
    } else if (tfm_span_is(key, "shape")) {
      read_shape(r, info);
      shape = true;
    } else if (tfm_span_is(key, "data_offsets")) {
      read_offsets(r, range);
      offsets = true;
    } else {
      tfm_jread_fail(r, TFM_E_FORMAT, "\"%s\" is no field of a tensor",
                     tfm__shown_bytes(key.p, key.n).text);
    }
  }
  if (!dtype || !shape || !offsets) {
    tfm_jread_fail(r, TFM_E_FORMAT, "%s is missing",
                   !dtype ? "dtype" : (!shape ? "shape" : "data_offsets"));
  }
  if (tfm_jread_ok(r)) {
    check_range(h, info, range);
  }
}

static tfm_status grow(header *h)
{
  const size_t wanted = h->capacity ? 2 * h->capacity : 256;
  if (h->count < h->capacity) {
    return TFM_OK;
  }
  tfm_tensor_info *more = tfm_realloc(h->found, wanted, sizeof *more);
  if (!more) {
    return TFM_E_NOMEM;
  }
  h->found = more;
  h->capacity = wanted;
  return TFM_OK;
}

static bool is_kept(const header *h, tfm_span name)
{
  int64_t owner = 0;
  return !h->owners || (tfm_map_get(h->owners, name, &owner) && owner == h->shard);
}

static void read_tensor(header *h, tfm_span name)
{
  if (name.n == 0 || memchr(name.p, '\0', name.n)) {
    tfm_jread_fail(h->json, TFM_E_FORMAT, "a tensor's name is %s",
                   name.n == 0 ? "empty" : "a text with a NUL in it");
    return;
  }
  tfm_tensor_info info = {.shard = h->shard};
  if (is_kept(h, name)) {
    info.name = tfm_arena_strndup(&h->ck->arena, name.p, name.n);
  }
  if (grow(h) != TFM_OK || (is_kept(h, name) && !info.name)) {
    tfm_jread_fail(h->json, TFM_E_NOMEM, "no memory for the tensors' names");
    return;
  }
  read_entry(h, &info);
  h->found[h->count++] = info;
}

/* Every byte of the data part belongs to one tensor: nothing hides between them. */
static tfm_status check_tiling(const header *h, const char *name, tfm_err *err)
{
  uint64_t at = 0;
  if (h->count > 1) {
    qsort(h->found, h->count, sizeof *h->found, by_offset);
  }
  for (size_t i = 0; i < h->count; ++i) {
    if (h->found[i].offset != at) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "%s: data part: want the next tensor to begin at byte %" PRIu64
                      ", got %" PRIu64 ": tensors %s",
                      name, at, h->found[i].offset,
                      h->found[i].offset > at ? "leave a hole" : "overlap");
    }
    at += h->found[i].bytes;
  }
  if (at != h->data_bytes) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s: data part: tensors end at byte %" PRIu64 ", the file has %" PRIu64
                    " bytes of data",
                    name, at, h->data_bytes);
  }
  return TFM_OK;
}

/* Move the tensors that are kept into the checkpoint. */
static tfm_status keep(header *h, uint64_t data, tfm_err *err)
{
  tfm_checkpoint *ck = h->ck;
  const int64_t wanted = ck->count + (int64_t)h->count;
  if (wanted > ck->capacity) {
    tfm_tensor_info *more = tfm_realloc(ck->tensors, (size_t)wanted, sizeof *more);
    if (!more) {
      return tfm_fail(err, TFM_E_NOMEM, "%zu tensors of %s", h->count, ck->source);
    }
    ck->tensors = more;
    ck->capacity = wanted;
  }
  for (size_t i = 0; i < h->count; ++i) {
    tfm_tensor_info info = h->found[i];
    if (!info.name) {
      continue;
    }
    info.offset += data;
    if (tfm_map_set(&ck->by_name, tfm_span_of(info.name), ck->count) != TFM_OK) {
      return tfm_fail(err, TFM_E_NOMEM, "%zu tensors of %s", h->count, ck->source);
    }
    ck->tensors[ck->count++] = info;
  }
  return TFM_OK;
}

static tfm_status read_header(header *h, const char *name, const char *text, size_t n,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span key;
  /* Syntax, depth, UTF-8 and duplicate keys at every level, before anything is stored. */
  TFM_TRY(tfm_json_validate(name, text, n, err));
  h->json = tfm_jread_open(name, text, n, TFM_JSON_STRICT);
  if (!h->json) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "reading the header of %s", name));
  }
  tfm_jread_object(h->json);
  while (tfm_jread_key(h->json, &key)) {
    if (tfm_span_is(key, "__metadata__")) {
      read_metadata(h->json);
    } else {
      read_tensor(h, key);
    }
  }
  tfm_jread_end(h->json);
  TFM_TRY(tfm_jread_status(h->json, err));

fail:
  tfm_jread_close(h->json);
  h->json = NULL;
  return st;
}

/* The header's length, after everything that can be said without memory for it. */
static tfm_status header_bytes(const tfm__shard *shard, uint64_t *bytes, tfm_err *err)
{
  tfm_status st = TFM_OK;
  unsigned char head[32] = {0};
  const uint64_t file = shard->file.bytes;
  const size_t n = file < sizeof head ? (size_t)file : sizeof head;
  uint64_t length = 0;
  TFM_TRY(tfm_file_read_at(&shard->file, 0, head, n, err));
  TFM_TRY(tfm__foreign_bytes(shard->name, head, n, err));
  for (int i = 7; i >= 0; --i) {
    length = length << 8 | head[i];
  }
  if (file < 8) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%s: want at least 8 bytes, got %" PRIu64, shard->name,
                     file));
  }
  if (length < 2 || length > TFM__HEADER_MAX_BYTES || length > file - 8) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "%s: byte 0: want a header length from 2 to %" PRIu64 ", got %" PRIu64
                     ": the file is cut short or is no safetensors file",
                     shard->name,
                     file - 8 < TFM__HEADER_MAX_BYTES ? file - 8 : TFM__HEADER_MAX_BYTES,
                     length));
  }
  if (head[8] != '{') {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "%s: byte 8: want a header that begins with {",
                     shard->name));
  }
  *bytes = length;

fail:
  return st;
}

tfm_status tfm__shard_open(tfm_checkpoint *ck, int shard, const char *path,
                           const tfm_map *owners, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__shard *s = &ck->shards[shard];
  header h = {.ck = ck, .shard = shard, .owners = owners};
  uint64_t length = 0;
  char *text = NULL;
  char name[320]; /* a file name has at most 255 bytes; byte offsets count from the header */
  TFM_TRY(tfm_file_open(&s->file, path, err));
  TFM_TRY(header_bytes(s, &length, err));
  s->data = 8 + length;
  h.data_bytes = s->file.bytes - s->data;
  text = tfm_alloc_aligned((size_t)length, 1);
  if (!text) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "the header of %s: %" PRIu64 " bytes", s->name, length));
  }
  TFM_TRY(tfm_file_read_at(&s->file, 8, text, (size_t)length, err));
  (void)snprintf(name, sizeof name, "header of %s", s->name);
  TFM_TRY(read_header(&h, name, text, (size_t)length, err));
  TFM_TRY(check_tiling(&h, s->name, err));
  TFM_TRY(keep(&h, s->data, err));

fail:
  tfm_free(h.found);
  tfm_free(text);
  return st;
}
