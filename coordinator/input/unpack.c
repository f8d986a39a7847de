#include "coordinator/input/unpack.h"

#include "core/base/mem.h"

#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>
#include <zstd.h>

#include <limits.h>
#include <string.h>

static void move_on(tfm__unpacking *u, size_t in, size_t out)
{
  u->in += in;
  u->nin -= in;
  u->out += out;
  u->nout -= out;
}

/* A gzip file is one member after another (RFC 1952); zeros may follow the last (tape blocks).
 * Anything else after a member would be lost in silence, so it is refused. */
typedef struct {
  z_stream z;
  bool padding; /* zeros have begun */
} gzip;

static tfm_status gzip_open(void **state, tfm_err *err)
{
  gzip *g = tfm_calloc(1, sizeof *g);
  /* 16: gzip alone, with its checksum. */
  if (!g || inflateInit2(&g->z, 16 + MAX_WBITS) != Z_OK) {
    tfm_free(g);
    return tfm_fail(err, TFM_E_NOMEM, "no memory to read gzip data");
  }
  *state = g;
  return TFM_OK;
}

static void gzip_close(void *state)
{
  gzip *g = state;
  if (g) {
    (void)inflateEnd(&g->z);
    tfm_free(g);
  }
}

static tfm_status gzip_between(gzip *g, tfm__unpacking *u, tfm_err *err)
{
  while (u->nin && u->in[0] == 0) {
    g->padding = true;
    ++u->in;
    --u->nin;
  }
  if (u->nin && (g->padding || u->in[0] != 0x1f)) {
    return tfm_fail(err, TFM_E_FORMAT, "bytes that are no gzip data follow the gzip data");
  }
  return TFM_OK;
}

static tfm_status gzip_step(void *state, tfm__unpacking *u, tfm_err *err)
{
  gzip *g = state;
  for (;;) {
    tfm_status st = u->inside ? TFM_OK : gzip_between(g, u, err);
    if (st != TFM_OK || (!u->inside && !u->nin)) {
      return st;
    }
    uInt in = u->nin > UINT_MAX ? UINT_MAX : (uInt)u->nin;
    uInt out = u->nout > UINT_MAX ? UINT_MAX : (uInt)u->nout;
    g->z.next_in = u->in;
    g->z.avail_in = in;
    g->z.next_out = u->out;
    g->z.avail_out = out;
    int code = inflate(&g->z, Z_NO_FLUSH);
    in -= g->z.avail_in;
    out -= g->z.avail_out;
    move_on(u, in, out);
    u->inside = code != Z_STREAM_END;
    if (code == Z_STREAM_END) {
      (void)inflateReset(&g->z);
    } else if (code == Z_MEM_ERROR) {
      return tfm_fail(err, TFM_E_NOMEM, "no memory to read gzip data");
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      return tfm_fail(err, TFM_E_FORMAT, "the gzip data are damaged (%s)",
                      g->z.msg ? g->z.msg : "no reason given");
    }
    if (!u->nout || (in == 0 && out == 0)) {
      return TFM_OK;
    }
  }
}

static tfm_status zst_open(void **state, tfm_err *err)
{
  *state = ZSTD_createDCtx();
  return *state ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "no memory to read zstd data");
}

static void zst_close(void *state)
{
  (void)ZSTD_freeDCtx(state);
}

static tfm_status zst_step(void *state, tfm__unpacking *u, tfm_err *err)
{
  while (u->inside || u->nin) {
    ZSTD_inBuffer in = {u->in, u->nin, 0};
    ZSTD_outBuffer out = {u->out, u->nout, 0};
    size_t left = ZSTD_decompressStream(state, &out, &in);
    if (ZSTD_isError(left)) {
      return tfm_fail(err, TFM_E_FORMAT, "the zstd data are damaged (%s)",
                      ZSTD_getErrorName(left));
    }
    move_on(u, in.pos, out.pos);
    u->inside = left != 0;
    if (!u->nout || (in.pos == 0 && out.pos == 0)) {
      break;
    }
  }
  return TFM_OK;
}

static const tfm__codec codecs[] = {
    {"gzip", {0x1f, 0x8b}, 2, gzip_open, gzip_step, gzip_close},
    {"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, zst_open, zst_step, zst_close},
};

const tfm__codec *tfm__codec_of(const unsigned char *bytes, size_t n, bool *more)
{
  *more = false;
  for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; ++i) {
    size_t known = n < codecs[i].nmagic ? n : codecs[i].nmagic;
    if (memcmp(bytes, codecs[i].magic, known) == 0) {
      if (known == codecs[i].nmagic) {
        return &codecs[i];
      }
      *more = true;
    }
  }
  return NULL;
}
