/* The file of scales: what was noted of each layer, read as strictly as it is written. */
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "core/base/sha256.h"
#include "core/model/smooth_private.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { MOST_BYTES = 1 << 30, MOST_LAYERS = 1 << 16, VERSION = 1 };

static const char format[] = "tfm-cluster int8 scales";

tfm_smooth_layer *tfm__smooth_add(tfm_smooth *smooth, const char *name, int64_t width)
{
  const size_t n = (size_t)smooth->nlayer;
  tfm_smooth_layer *layers = tfm_realloc(smooth->layers, n + 1, sizeof *layers);
  if (!layers) {
    return NULL;
  }
  smooth->layers = layers;
  layers[n] = (tfm_smooth_layer){.name = tfm_strndup(name, strlen(name)),
                                 .width = width,
                                 .reach = tfm_calloc((size_t)width, sizeof(float))};
  ++smooth->nlayer;
  return layers[n].name && layers[n].reach ? &layers[n] : NULL;
}

const tfm_smooth_layer *tfm__smooth_find(const tfm_smooth *smooth, const char *name)
{
  for (int64_t i = 0; i < smooth->nlayer; ++i) {
    if (strcmp(smooth->layers[i].name, name) == 0) {
      return &smooth->layers[i];
    }
  }
  return NULL;
}

void tfm_smooth_close(tfm_smooth *smooth)
{
  if (!smooth) {
    return;
  }
  for (int64_t i = 0; i < smooth->nlayer; ++i) {
    tfm_free(smooth->layers[i].name);
    tfm_free(smooth->layers[i].reach);
  }
  tfm_free(smooth->layers);
  tfm_free(smooth);
}

/* ---- writing ---- */

static tfm_status write_layer(const tfm_smooth_layer *layer, tfm_buf *out, tfm_err *err)
{
  (void)tfm_buf_printf(out, "{\"layer\":\"%s\",\"reach\":[", layer->name);
  for (int64_t k = 0; k < layer->width; ++k) {
    if (!isfinite(layer->reach[k])) {
      return tfm_fail(
          err, TFM_E_CONFIG,
          "scales: layer %s: input %lld was not a finite number in these rows; leave "
          "out the row that overflows",
          layer->name, (long long)k);
    }
    (void)tfm_buf_str(out, k ? "," : "");
    (void)tfm_buf_float(out, layer->reach[k]);
  }
  (void)tfm_buf_str(out, "]}");
  return TFM_OK;
}

tfm_status tfm_smooth_write(const tfm_smooth *seen, const tfm_model *model, int64_t rows,
                            tfm_buf *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char digest[TFM_SHA256_HEX];
  TFM_TRY(tfm_model_digest(model, false, digest, err));
  (void)tfm_buf_printf(out,
                       "{\"format\":\"%s\",\"version\":%d,\"model\":\"%s\",\"rows\":%" PRId64
                       ",\"layers\":[",
                       format, (int)VERSION, digest, rows);
  for (int64_t i = 0; i < seen->nlayer; ++i) {
    (void)tfm_buf_str(out, i ? ",\n" : "\n");
    TFM_TRY(write_layer(&seen->layers[i], out, err));
  }
  (void)tfm_buf_str(out, "\n]}\n");
  if (out->failed) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a file of scales"));
  }

fail:
  return st;
}

/* ---- reading ---- */

/* What is being read, and which members came. */
typedef struct {
  tfm_jread *r;
  tfm_smooth *smooth;
  char *model;
  bool format, version, digest, rows, layers;
} reader;

static void fail(const reader *in, const char *what)
{
  tfm_jread_fail(in->r, TFM_E_FORMAT, "%s", what);
}

/* The first time a member comes. */
static bool is_first(const reader *in, bool *came)
{
  if (*came) {
    fail(in, "this member comes twice; want it once");
  }
  *came = true;
  return tfm_jread_ok(in->r);
}

static void read_reach(const reader *in, float **reach, int64_t *width)
{
  int64_t room = 0;
  tfm_jread_array(in->r);
  while (tfm_jread_element(in->r)) {
    const double x = tfm_jread_double(in->r);
    if (!(x >= 0 && x <= 3.4028234663852886e38)) {
      fail(in, "want a magnitude, from 0 to 3.4e38");
      return;
    }
    if (*width == TFM_LINEAR_INT8_K) {
      fail(in, "no layer of int8 is as wide as this one");
      return;
    }
    if (*width == room) {
      room = room ? 2 * room : 256;
      float *more = tfm_realloc(*reach, (size_t)room, sizeof *more);
      if (!more) {
        tfm_jread_fail(in->r, TFM_E_NOMEM, "no memory for a layer");
        return;
      }
      *reach = more;
    }
    (*reach)[(*width)++] = (float)x;
  }
}

static void read_name(const reader *in, char name[TFM__PLACE_NAME])
{
  const tfm_span text = tfm_jread_string(in->r);
  if (text.n == 0 || text.n >= TFM__PLACE_NAME || memchr(text.p, '\0', text.n)) {
    fail(in, "want the name of a layer, such as 0.ffn.in");
    return;
  }
  memcpy(name, text.p, text.n);
  name[text.n] = '\0';
}

static void keep_layer(const reader *in, const char *name, const float *reach, int64_t width)
{
  if (tfm__smooth_find(in->smooth, name)) {
    fail(in, "a layer of this name came before");
  } else if (in->smooth->nlayer == MOST_LAYERS) {
    fail(in, "no model has as many layers");
  } else {
    tfm_smooth_layer *layer = tfm__smooth_add(in->smooth, name, width);
    if (layer) {
      memcpy(layer->reach, reach, (size_t)width * sizeof *reach);
    } else {
      tfm_jread_fail(in->r, TFM_E_NOMEM, "no memory for a layer");
    }
  }
}

static void read_layer(const reader *in)
{
  char name[TFM__PLACE_NAME] = "";
  float *reach = NULL;
  int64_t width = 0;
  bool named = false;
  bool there = false;
  tfm_span key;
  tfm_jread_object(in->r);
  while (tfm_jread_key(in->r, &key)) {
    if (tfm_span_is(key, "layer") && is_first(in, &named)) {
      read_name(in, name);
    } else if (tfm_span_is(key, "reach") && is_first(in, &there)) {
      read_reach(in, &reach, &width);
    } else {
      fail(in, "want layer and reach, nothing else");
    }
  }
  if (tfm_jread_ok(in->r) && (!named || width == 0)) {
    fail(in, "a layer wants a name, and the reach of one input at least");
  }
  if (tfm_jread_ok(in->r)) {
    keep_layer(in, name, reach, width);
  }
  tfm_free(reach);
}

static void read_layers(const reader *in)
{
  tfm_jread_array(in->r);
  while (tfm_jread_element(in->r)) {
    read_layer(in);
  }
}

static void read_digest(const reader *in)
{
  const tfm_span text = tfm_jread_string(in->r);
  bool good = text.n == TFM_SHA256_HEX - 1;
  for (size_t i = 0; good && i < text.n; ++i) {
    good = memchr("0123456789abcdef", text.p[i], 16) != NULL;
  }
  if (!good) {
    fail(in, "want a model's digest, 64 digits of 0-9 and a-f");
    return;
  }
  memcpy(in->model, text.p, text.n);
  in->model[text.n] = '\0';
}

static void read_member(reader *in, tfm_span key)
{
  if (tfm_span_is(key, "format") && is_first(in, &in->format)) {
    if (!tfm_span_is(tfm_jread_string(in->r), format)) {
      fail(in, "want \"tfm-cluster int8 scales\", as verify --calibrate writes it");
    }
  } else if (tfm_span_is(key, "version") && is_first(in, &in->version)) {
    (void)tfm_jread_int(in->r, VERSION, VERSION);
  } else if (tfm_span_is(key, "model") && is_first(in, &in->digest)) {
    read_digest(in);
  } else if (tfm_span_is(key, "rows") && is_first(in, &in->rows)) {
    (void)tfm_jread_int(in->r, 1, INT64_MAX);
  } else if (tfm_span_is(key, "layers") && is_first(in, &in->layers)) {
    read_layers(in);
  } else {
    fail(in, "want format, version, model, rows and layers, nothing else");
  }
}

static tfm_status parse(reader *in, tfm_err *err)
{
  tfm_span key;
  tfm_jread_object(in->r);
  while (tfm_jread_key(in->r, &key)) {
    read_member(in, key);
  }
  tfm_jread_end(in->r);
  if (tfm_jread_ok(in->r) &&
      !(in->format && in->version && in->digest && in->rows && in->layers)) {
    fail(in, "want format, version, model, rows and layers; one is missing");
  }
  return tfm_jread_status(in->r, err);
}

tfm_status tfm__smooth_read(tfm_smooth *smooth, const char *path, char model[TFM_SHA256_HEX],
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {.data = NULL};
  tfm_sha256 sha;
  reader in = {.smooth = smooth, .model = model};
  TFM_TRY(tfm_file_read_all(path, MOST_BYTES, &text, err));
  tfm_sha256_init(&sha);
  tfm_sha256_add(&sha, text.data, text.n);
  tfm_sha256_hex(&sha, smooth->id);
  in.r =
      tfm_jread_open(tfm_path_base(path), text.data ? text.data : "", text.n, TFM_JSON_STRICT);
  if (!in.r) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "a file of scales"));
  }
  TFM_TRY(parse(&in, err));

fail:
  tfm_jread_close(in.r);
  tfm_buf_fini(&text);
  return st;
}
