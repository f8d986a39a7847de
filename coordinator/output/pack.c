#include "coordinator/output/pack.h"

#include "core/base/mem.h"

#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>
#include <zstd.h>

#include <string.h>

/* Fixed for ever: other levels give other bytes. STEP is the room each call finds; were it the
 * room that is left in a buffer, flushing would show in the bytes. */
enum { GZIP_LEVEL = 6, ZSTD_LEVEL = 3, STEP = 64 << 10, MOST_IN = 1 << 30 };

static tfm_status no_memory(tfm_err *err)
{
  return tfm_fail(err, TFM_E_NOMEM, "no memory to compress the output");
}

static tfm_status gzip_open(void **state, tfm_err *err)
{
  z_stream *z = tfm_calloc(1, sizeof *z);
  /* 16: gzip's frame, whose header names neither time nor file. */
  if (!z ||
      deflateInit2(z, GZIP_LEVEL, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    tfm_free(z);
    return no_memory(err);
  }
  *state = z;
  return TFM_OK;
}

static void gzip_close(void *state)
{
  if (state) {
    (void)deflateEnd(state);
    tfm_free(state);
  }
}

static tfm_status gzip_add(void *state, tfm_span bytes, bool end, tfm_buf *out, tfm_err *err)
{
  z_stream *z = state;
  unsigned char room[STEP];
  do {
    uInt n = bytes.n > MOST_IN ? MOST_IN : (uInt)bytes.n;
    bool last = end && n == bytes.n;
    z->next_in = (const Bytef *)bytes.p;
    z->avail_in = n;
    do {
      z->next_out = room;
      z->avail_out = STEP;
      (void)deflate(z, last ? Z_FINISH : Z_NO_FLUSH);
      (void)tfm_buf_append(out, room, STEP - z->avail_out);
    } while (z->avail_out == 0);
    bytes = (tfm_span){bytes.p + n, bytes.n - n};
  } while (bytes.n);
  if (end) {
    (void)deflateReset(z);
  }
  return out->failed ? no_memory(err) : TFM_OK;
}

static tfm_status zst_open(void **state, tfm_err *err)
{
  ZSTD_CCtx *z = ZSTD_createCCtx();
  if (!z || ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, ZSTD_LEVEL)) ||
      ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1))) {
    (void)ZSTD_freeCCtx(z);
    return no_memory(err);
  }
  *state = z;
  return TFM_OK;
}

static void zst_close(void *state)
{
  (void)ZSTD_freeCCtx(state);
}

static tfm_status zst_add(void *state, tfm_span bytes, bool end, tfm_buf *out, tfm_err *err)
{
  unsigned char room[STEP];
  ZSTD_inBuffer in = {bytes.p, bytes.n, 0};
  size_t left = 0;
  do {
    ZSTD_outBuffer piece = {room, STEP, 0};
    left = ZSTD_compressStream2(state, &piece, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left)) {
      return no_memory(err);
    }
    (void)tfm_buf_append(out, room, piece.pos);
  } while (end ? left != 0 : in.pos < in.size);
  return out->failed ? no_memory(err) : TFM_OK;
}

static const tfm__packing packings[] = {{".gz", gzip_open, gzip_add, gzip_close},
                                        {".zst", zst_open, zst_add, zst_close}};

const tfm__packing *tfm__packing_of(const char *path)
{
  size_t n = strlen(path);
  for (size_t i = 0; i < sizeof packings / sizeof packings[0]; ++i) {
    size_t m = strlen(packings[i].ending);
    if (n > m && strcmp(path + n - m, packings[i].ending) == 0) {
      return &packings[i];
    }
  }
  return NULL;
}
