#include "core/model/smooth_private.h"

#include "core/base/mem.h"
#include "core/model/cost.h"
#include "core/model/shown.h"
#include "core/model/slice_private.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- places ---- */

typedef struct {
  const char *name;
  int nmodule;
  tfm__module modules[TFM__PLACE_MODULES];
} place_row;

#define COUNT_OF(...) (int)(sizeof((tfm__module[]){__VA_ARGS__}) / sizeof(tfm__module))
#define PLACE_ROW(name, text, ...)                                                             \
  [TFM__PLACE_##name] = {text, COUNT_OF(__VA_ARGS__), {__VA_ARGS__}},
static const place_row places[TFM__PLACE_COUNT] = {TFM__PLACE_MAP(PLACE_ROW)};

tfm__place tfm__place_of(tfm__module module)
{
  for (int p = 0; p < TFM__PLACE_COUNT; ++p) {
    for (int i = 0; i < places[p].nmodule; ++i) {
      if (places[p].modules[i] == module) {
        return (tfm__place)p;
      }
    }
  }
  return TFM__PLACE_COUNT;
}

void tfm__place_name(char name[TFM__PLACE_NAME], const tfm_config *config, tfm__place place,
                     int64_t layer)
{
  if (place == TFM__PLACE_WORDS) {
    (void)snprintf(name, TFM__PLACE_NAME, "%s", places[place].name);
  } else {
    (void)snprintf(name, TFM__PLACE_NAME, "%lld.%s",
                   (long long)tfm__layer_stored(config, layer), places[place].name);
  }
}

int64_t tfm__place_width(const tfm_config *config, tfm__place place, int64_t layer)
{
  const place_row *row = &places[place];
  if (place == TFM__PLACE_WORDS && tfm_cost_head_precision(config, TFM_INT8) != TFM_INT8) {
    return 0;
  }
  for (int i = 0; i < row->nmodule; ++i) {
    const tfm__module module = row->modules[i];
    if (tfm__module_name(config, module) && !tfm__layer_lacks(config, module, layer)) {
      return tfm__module_shape_in(config, module, layer).width;
    }
  }
  return 0;
}

/* The first place of a half layer, and the one behind its last. */
static tfm__place first_place(bool ffn)
{
  return ffn ? TFM__PLACE_FFN_IN : TFM__PLACE_ATTENTION_IN;
}

static tfm__place end_place(bool ffn)
{
  return ffn ? TFM__PLACE_WORDS : TFM__PLACE_FFN_IN;
}

bool tfm__smooth_has(const tfm_smooth *smooth, tfm__place place)
{
  return smooth->layers || place == TFM__PLACE_ATTENTION_IN;
}

static int64_t floats_of(const tfm_smooth *smooth, const tfm_config *config, tfm__place place,
                         int64_t layer)
{
  return tfm__smooth_has(smooth, place) ? tfm__place_width(config, place, layer) : 0;
}

int64_t tfm__smooth_unit_bytes(const tfm_smooth *smooth, const tfm_config *config, int64_t u)
{
  int64_t floats = 0;
  const int64_t layers[] = {tfm__unit_attention(config, u), tfm__unit_ffn(u)};
  for (int ffn = 0; ffn < 2; ++ffn) {
    for (int p = (int)first_place(ffn); layers[ffn] >= 0 && p < (int)end_place(ffn); ++p) {
      floats += floats_of(smooth, config, (tfm__place)p, layers[ffn]);
    }
  }
  return floats * (int64_t)sizeof(float);
}

int64_t tfm__smooth_head_bytes(const tfm_smooth *smooth, const tfm_config *config)
{
  return floats_of(smooth, config, TFM__PLACE_WORDS, 0) * (int64_t)sizeof(float);
}

/* ---- a file's layers against the model ---- */

static tfm_status check_layer(const tfm_smooth *smooth, const tfm_config *config,
                              const char *file, tfm__place place, int64_t layer, tfm_err *err)
{
  char name[TFM__PLACE_NAME];
  const int64_t width = tfm__place_width(config, place, layer);
  tfm__place_name(name, config, place, layer);
  const tfm_smooth_layer *found = width > 0 ? tfm__smooth_find(smooth, name) : NULL;
  if (width > 0 && !found) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s: layer %s is not there, but the model has it; make the file again, for "
                    "this task: tfm-cluster verify --calibrate",
                    file, name);
  }
  if (found && found->width != width) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "%s: layer %s: want %lld inputs, as the model has, got %lld", file, name,
                    (long long)width, (long long)found->width);
  }
  return TFM_OK;
}

static tfm_status check_file(const tfm_smooth *smooth, const tfm_model *model, const char *path,
                             const char *of, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char digest[TFM_SHA256_HEX];
  const tfm__shown file = tfm__shown_of(path);
  const tfm_config *config = &model->config;
  TFM_TRY(tfm_model_digest(model, false, digest, err));
  if (strcmp(digest, of) != 0) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT,
                     "%s: scales of another model: want those of %.16s..., got those of "
                     "%.16s...; make them for this one: tfm-cluster verify --calibrate",
                     file.text, digest, of));
  }
  for (int64_t l = 0; l < config->L; ++l) {
    for (int p = 0; p < (int)TFM__PLACE_WORDS; ++p) {
      TFM_TRY(check_layer(smooth, config, file.text, (tfm__place)p, l, err));
    }
  }
  TFM_TRY(check_layer(smooth, config, file.text, TFM__PLACE_WORDS, 0, err));

fail:
  return st;
}

tfm_status tfm_smooth_open(tfm_smooth **out, const tfm_model *model, const char *word,
                           tfm_err *err)
{
  tfm_status st = TFM_OK;
  char digest[TFM_SHA256_HEX] = "";
  *out = NULL;
  if (!word[0]) {
    return TFM_OK;
  }
  tfm_smooth *smooth = tfm_calloc(1, sizeof *smooth);
  if (!smooth) {
    return tfm_fail(err, TFM_E_NOMEM, "scales of int8's inputs");
  }
  if (strcmp(word, "weights") == 0) {
    (void)snprintf(smooth->id, sizeof smooth->id, "%s", word);
  } else {
    TFM_TRY(tfm__smooth_read(smooth, word, digest, err));
    TFM_TRY(check_file(smooth, model, word, digest, err));
  }
  *out = smooth;
  return TFM_OK;

fail:
  tfm_smooth_close(smooth);
  return st;
}

/* ---- watching ---- */

typedef struct {
  tfm_smooth *seen;
  const tfm_config *config;
  bool failed;
} watching;

static void watch_layer(watching *w, tfm__place place, int64_t layer, tfm_linear *lin)
{
  char name[TFM__PLACE_NAME];
  const int64_t width = tfm__place_width(w->config, place, layer);
  if (!lin || width == 0 || w->failed) {
    return;
  }
  tfm__place_name(name, w->config, place, layer);
  const tfm_smooth_layer *noted = tfm__smooth_add(w->seen, name, width);
  w->failed = !noted;
  tfm_linear_watch(lin, noted ? noted->reach : NULL);
}

static void watch_attention(watching *w, const tfm__unit *unit, int64_t layer)
{
  watch_layer(w, TFM__PLACE_ATTENTION_IN, layer, unit->in);
  watch_layer(w, TFM__PLACE_ATTENTION_OUT, layer, unit->out);
  if (unit->cross) {
    watch_layer(w, TFM__PLACE_CROSS_QUERY, layer, unit->cross->query);
    watch_layer(w, TFM__PLACE_CROSS_KEYS, layer, unit->cross->keys);
    watch_layer(w, TFM__PLACE_CROSS_OUT, layer, unit->cross->out);
  }
}

static void watch_unit(watching *w, const tfm__unit *unit, int64_t u)
{
  const int64_t attention = tfm__unit_attention(w->config, u);
  const int64_t ffn = tfm__unit_ffn(u);
  if (attention >= 0) {
    watch_attention(w, ffn >= 0 ? &unit->beside->attention : unit, attention);
  }
  if (ffn >= 0) {
    watch_layer(w, TFM__PLACE_FFN_IN, ffn, unit->in);
    watch_layer(w, TFM__PLACE_FFN_OUT, ffn, unit->out);
    watch_layer(w, TFM__PLACE_CONVOLUTION, ffn,
                unit->beside ? unit->beside->convolution : NULL);
  }
}

tfm_status tfm_smooth_watch(tfm_smooth **out, tfm_whole *whole, const tfm_model *model,
                            tfm_err *err)
{
  const tfm_slice *slice = tfm_whole_slice(whole);
  tfm_smooth *seen = tfm_calloc(1, sizeof *seen);
  watching w = {.seen = seen, .config = &model->config, .failed = !seen};
  for (int64_t u = 0; u < 2 * model->config.L; ++u) {
    const tfm__unit *unit = tfm__slice_unit(slice, u);
    if (unit) {
      watch_unit(&w, unit, u);
    }
  }
  watch_layer(&w, TFM__PLACE_WORDS, 0, tfm__slice_head_out(slice));
  *out = seen;
  return w.failed ? tfm_fail(err, TFM_E_NOMEM, "what inputs reach") : TFM_OK;
}

/* ---- scales ---- */

enum {
  REACH_BITS = 10, /* inputs below 2^-10 of the largest one count as that */
  COLUMN_BITS = 20
};

static double largest_of(const float *x, int64_t n)
{
  float top = 0.0f;
  for (int64_t i = 0; i < n; ++i) {
    top = x[i] > top ? x[i] : top;
  }
  return (double)top;
}

/* As a part of the largest, no less than 2^-bits. */
static double part_of(float x, double top, int bits)
{
  const double least = ldexp(1.0, -bits);
  const double part = (double)x / top;
  return part > least ? part : least;
}

/* The power of two nearest to sqrt(q), q > 0, by its exponent. */
static float near_root(double q)
{
  int e = 0;
  (void)frexp(q, &e); /* 2^(e-1) <= q < 2^e */
  const int half = e >= 0 ? e / 2 : -((1 - e) / 2);
  return ldexpf(1.0f, half);
}

static void balance(const float *reach, const float *column, int64_t width, float *scale)
{
  const double farthest = largest_of(reach, width);
  const double heaviest = largest_of(column, width);
  for (int64_t k = 0; k < width; ++k) {
    scale[k] = farthest > 0 && heaviest > 0
                   ? near_root(part_of(reach[k], farthest, REACH_BITS) /
                               part_of(column[k], heaviest, COLUMN_BITS))
                   : 1.0f;
  }
}

/* Estimates are taken as they are: roots of them, and columns, were worse (DECISIONS M34). */
static tfm_status scales_of_weights(const tfm__loader *loader, int64_t layer, int64_t width,
                                    float *scale, tfm_err *err)
{
  const tfm_status st = tfm__smooth_estimate(loader, layer, width, scale, err);
  const double farthest = largest_of(scale, width);
  for (int64_t k = 0; st == TFM_OK && k < width; ++k) {
    const double part = farthest > 0 ? part_of(scale[k], farthest, REACH_BITS) : 1;
    scale[k] = near_root(part * part);
  }
  return st;
}

tfm_status tfm__smooth_scales(const tfm__loader *loader, tfm__place place, int64_t layer,
                              const float *column, int64_t width, float *scale, tfm_err *err)
{
  char name[TFM__PLACE_NAME];
  const tfm_smooth *smooth = loader->engine.smooth;
  if (!smooth->layers) {
    return scales_of_weights(loader, layer, width, scale, err);
  }
  tfm__place_name(name, &loader->model->config, place, layer);
  const tfm_smooth_layer *found = tfm__smooth_find(smooth, name);
  if (!found || found->width != width) {
    return tfm_fail(err, TFM_E_FORMAT, "scales: layer %s of %lld inputs is not there", name,
                    (long long)width);
  }
  balance(found->reach, column, width, scale);
  return TFM_OK;
}
