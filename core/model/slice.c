#include "core/model/slice.h"

#include "core/base/mem.h"
#include "core/kernels/bfloat16.h"
#include "core/kernels/pages.h"
#include "core/model/cost.h"
#include "core/model/head.h"
#include "core/model/image.h"
#include "core/model/positions.h"
#include "core/model/slice_private.h"
#include "core/model/smooth_private.h"
#include "core/model/unit.h"
#include "core/model/wanted.h"
#include "core/model/weights.h"

struct tfm_slice {
  int64_t first, last;
  int64_t encoder;    /* units before this one are an encoder's */
  int64_t last_layer; /* its first unit; */
  tfm_wanted wanted;  /* which rows are of use behind it */
  bool rounds;        /* the residual stream to bfloat16 */
  const tfm__block *block;
  tfm__unit *units;   /* [last - first] */
  tfm__image *images; /* likewise, where the units' weights are */
  tfm__image head_image;
  tfm__bench bench;
  bool has_head;
  tfm__head head;
  size_t weight_bytes;
  int64_t max_tokens, max_sequences;
  tfm_slice_look look; /* weights NULL: nobody looks */
};

static const tfm__unit *unit_of(const tfm_slice *slice, int64_t u)
{
  return &slice->units[u - slice->first];
}

const tfm__unit *tfm__slice_unit(const tfm_slice *slice, int64_t u)
{
  const tfm__unit *unit = unit_of(slice, u);
  return unit->shared ? NULL : unit;
}

tfm_linear *tfm__slice_head_out(const tfm_slice *slice)
{
  return slice->has_head ? slice->head.out : NULL;
}

/* The other backends keep what they round as floats. */
static tfm_precision kept_precision(tfm_engine engine)
{
  return engine.backend == TFM_BACKEND_NATIVE ? engine.precision : TFM_FLOAT32;
}

static int64_t unit_bytes(const tfm_config *config, tfm_engine engine, int64_t u)
{
  return tfm_cost_unit_bytes(config, kept_precision(engine), u) +
         (tfm_engine_smooths(engine) ? tfm__smooth_unit_bytes(engine.smooth, config, u) : 0);
}

/* engine: the units'. */
static int64_t head_bytes(const tfm_config *config, tfm_engine engine)
{
  return tfm_cost_head_bytes(config, kept_precision(engine)) +
         (tfm_engine_smooths(engine) ? tfm__smooth_head_bytes(engine.smooth, config) : 0);
}

static tfm_status open_unit(tfm_slice *slice, const tfm_model *model,
                            const tfm_slice_options *options, int64_t u, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__image *image = &slice->images[u - slice->first];
  char name[TFM__IMAGE_NAME];
  tfm__image_name(name, "unit", u, options->engine);
  tfm__image_begin(image, options->store, name, unit_bytes(&model->config, options->engine, u));
  const tfm__loader loader = {model, options->engine, tfm__image_shelf(image), options->par};
  TFM_TRY(tfm__unit_load(&slice->units[u - slice->first], &loader, u, err));
  TFM_TRY(tfm__image_end(image, options->store, err));

fail:
  return st;
}

static tfm_status open_head(tfm_slice *slice, const tfm_model *model,
                            const tfm_slice_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_engine engine = {
      .backend = options->engine.backend,
      .precision = tfm_cost_head_precision(&model->config, options->engine.precision),
      .smooth = options->engine.smooth};
  char name[TFM__IMAGE_NAME] = "";
  if (tfm__head_can_be_shared(model)) {
    tfm__image_name(name, "head", (int64_t)model->config.task, engine);
  }
  tfm__image_begin(&slice->head_image, options->store, name,
                   head_bytes(&model->config, engine));
  const tfm__loader loader = {model, engine, tfm__image_shelf(&slice->head_image),
                              options->par};
  slice->has_head = true;
  TFM_TRY(tfm__head_open(&slice->head, &loader, options->slots, err));
  TFM_TRY(tfm__image_end(&slice->head_image, options->store, err));
  const tfm_linear *lin = NULL;
  for (int i = 0; (lin = tfm__head_linear(&slice->head, i, NULL)) != NULL; ++i) {
    slice->weight_bytes += tfm_linear_bytes(lin);
  }

fail:
  return st;
}

static tfm_status open_units(tfm_slice *slice, const tfm_model *model,
                             const tfm_slice_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  slice->units = tfm_calloc((size_t)(slice->last - slice->first), sizeof *slice->units);
  slice->images = tfm_calloc((size_t)(slice->last - slice->first), sizeof *slice->images);
  if (!slice->units || !slice->images) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "units %lld to %lld", (long long)slice->first,
                     (long long)slice->last));
  }
  int64_t offset = 0;
  const int64_t layer_floats = tfm_page_floats(&slice->bench.heads);
  for (int64_t u = slice->first; u < slice->last; ++u) {
    tfm__unit *unit = &slice->units[u - slice->first];
    const int64_t twin = tfm__unit_twin(&model->config, u);
    if (twin >= slice->first) {
      *unit = slice->units[twin - slice->first];
      unit->shared = true;
      unit->page_offset = offset;
      offset += tfm_cost_page_layers(&model->config, u, u + 1) * layer_floats;
      continue;
    }
    TFM_TRY(open_unit(slice, model, options, u, err));
    unit->page_offset = offset;
    if (unit->beside) {
      unit->beside->attention.page_offset = offset;
    }
    offset += tfm_cost_page_layers(&model->config, u, u + 1) * layer_floats;
    slice->weight_bytes += tfm__unit_bytes(unit);
  }

fail:
  return st;
}

/* What kinds of layers there are attentions of. */
static void note_attentions(const tfm_slice_options *options, const tfm_config *config,
                            bool attends[TFM__SEES_COUNT])
{
  for (int64_t u = options->first; u < options->last; ++u) {
    const int64_t layer = tfm__unit_attention(config, u);
    if (layer >= 0) {
      attends[tfm__layer_sees(config, layer)] = true;
    }
  }
}

/* The convolution is beside the first layer, whose ffn unit does all of it. */
static int64_t convolution_of(const tfm_slice_options *options, const tfm_config *config)
{
  return options->first <= 1 && options->last > 1 ? config->convolution : 0;
}

static tfm__bench_size bench_size_of(const tfm_slice_options *options, const tfm_config *config)
{
  tfm__bench_size size = {
      .max_tokens = options->max_tokens,
      .max_sequences = options->max_sequences,
      .bfloat16 = tfm_precision_narrow(options->engine.precision),
      .nthread = options->nthread,
      .rows_at_once =
          tfm_linear_rows_at_once(options->engine.backend, options->engine.precision),
      .nattention = tfm_cost_page_layers(config, options->first, options->last),
      .slots = options->slots,
      .pages = options->pages,
      .kv = options->engine.kv,
      .convolution = convolution_of(options, config),
      .parallel = config->parallel};
  note_attentions(options, config, size.attends);
  return size;
}

/* What loading a linear layer of one of these parts takes at most for a while. */
static int64_t passing_of(const tfm_config *config, tfm__part part, int nthread)
{
  int64_t most = 0;
  for (int m = 0; m < TFM__MODULE_COUNT; ++m) {
    const tfm__kind kind = tfm__module_shape_of(config, (tfm__module)m).kind;
    const bool linear = kind == TFM__LINEAR || kind == TFM__CONVOLUTION;
    if (linear && tfm__module_part((tfm__module)m) == part &&
        tfm__module_name(config, (tfm__module)m)) {
      const int64_t passing = tfm__linear_passing(config, (tfm__module)m, nthread);
      most = passing > most ? passing : most;
    }
  }
  return most;
}

static void see_passing(tfm_slice_need *need, int64_t passing)
{
  need->passing = passing > need->passing ? passing : need->passing;
}

/* Bytes of an image that will be asked for as so many; 0 where it will not be one. */
static int64_t image_bytes(tfm_engine engine, int64_t asked, int64_t bytes)
{
  return tfm_linear_packing(engine)[0] && asked >= TFM__IMAGE_LEAST ? bytes : 0;
}

tfm_status tfm_slice_measure(tfm_slice_need *need, const tfm_model *model,
                             const tfm_slice_options *options, tfm_err *err)
{
  const tfm_config *config = &model->config;
  const tfm__bench_size size = bench_size_of(options, config);
  const tfm_precision kept = kept_precision(options->engine);
  *need = (tfm_slice_need){.weights = 0};
  for (int64_t u = options->first; u < options->last; ++u) {
    if (tfm__unit_twin(config, u) < options->first) {
      const int64_t bytes = unit_bytes(config, options->engine, u);
      need->weights += bytes;
      need->shared += image_bytes(options->engine, bytes, bytes);
    }
    if (tfm__unit_attention(config, u) >= 0) {
      see_passing(need, passing_of(config, TFM__PART_ATTENTION, options->nthread));
      see_passing(need, tfm__positions_passing(config));
    }
    if (tfm__unit_ffn(u) >= 0) {
      see_passing(need, passing_of(config, TFM__PART_FFN, options->nthread));
    }
  }
  if (options->head) {
    int64_t weights = 0;
    tfm__head_measure(model, kept, &weights, &need->scratch);
    weights += head_bytes(config, options->engine) - tfm_cost_head_bytes(config, kept);
    need->weights += weights;
    if (tfm__head_can_be_shared(model)) {
      need->shared +=
          image_bytes(options->engine, head_bytes(config, options->engine), weights);
    }
    see_passing(need, passing_of(config, TFM__PART_HEAD, options->nthread));
  }
  int64_t bench = 0;
  const tfm_status st = tfm__bench_measure(&bench, config, &size, err);
  need->scratch += bench;
  return st;
}

tfm_status tfm_slice_open(tfm_slice **out, const tfm_model *model,
                          const tfm_slice_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__bench_size size = bench_size_of(options, &model->config);
  const int64_t units = 2 * model->config.L;
  TFM_ASSERT(0 <= options->first && options->first <= options->last && options->last <= units);
  TFM_ASSERT(!options->head || options->last == units);
  TFM_ASSERT(options->max_tokens >= 1 && options->max_tokens <= INT32_MAX);
  TFM_ASSERT(options->max_sequences >= 1 && options->max_sequences <= INT32_MAX);
  TFM_ASSERT(options->nthread >= 1);
  TFM_ASSERT(options->engine.wire == TFM_FLOAT32 || options->engine.wire == TFM_BFLOAT16);
  *out = NULL;
  tfm_slice *slice = tfm_calloc(1, sizeof *slice);
  if (!slice) {
    return tfm_fail(err, TFM_E_NOMEM, "a slice");
  }
  slice->first = options->first;
  slice->last = options->last;
  slice->encoder = 2 * model->config.encoder;
  slice->last_layer = units - 2;
  slice->wanted = model->config.wanted;
  slice->rounds = options->engine.wire == TFM_BFLOAT16;
  slice->block = model->config.arch->block;
  slice->max_tokens = options->max_tokens;
  slice->max_sequences = options->max_sequences;
  TFM_TRY(tfm__bench_open(&slice->bench, model, &size, err));
  TFM_TRY(open_units(slice, model, options, err));
  if (options->head) {
    TFM_TRY(open_head(slice, model, options, err));
  }
  *out = slice;
  return TFM_OK;

fail:
  tfm_slice_close(slice);
  return st;
}

void tfm_slice_close(tfm_slice *slice)
{
  if (!slice) {
    return;
  }
  for (int64_t i = 0; slice->units && slice->images && i < slice->last - slice->first; ++i) {
    tfm__unit_fini(&slice->units[i]);
    tfm__image_fini(&slice->images[i]);
  }
  tfm_free(slice->units);
  tfm_free(slice->images);
  tfm__head_fini(&slice->head);
  tfm__image_fini(&slice->head_image);
  tfm__bench_fini(&slice->bench);
  tfm_free(slice);
}

size_t tfm_slice_weight_bytes(const tfm_slice *slice)
{
  return slice->weight_bytes;
}

size_t tfm_slice_scratch_bytes(const tfm_slice *slice)
{
  return slice->bench.bytes + slice->head.scratch_bytes;
}

/* What an encoder's units see of a batch: the sources, whole. B is 0 where none came. */
static tfm_batch sources_of(const tfm_batch *batch)
{
  const int64_t n = batch->cu_source ? batch->cu_source[batch->B] : 0;
  return (tfm_batch){
      .B = n > 0 ? batch->B : 0, .T = n, .cu_len = batch->cu_source, .x = batch->source};
}

void tfm_slice_watch(tfm_slice *slice, const tfm_slice_look *look)
{
  slice->look = look ? *look : (tfm_slice_look){0};
}

/* Whether the unit's attention, if it has one, is to be looked at. */
static bool begin_look(tfm_slice *slice, int64_t u, const tfm_batch *batch, tfm__look *look)
{
  const tfm_heads *heads = &slice->bench.heads;
  const int64_t layer = u / 2 - slice->first / 2;
  if (!slice->look.weights || batch->B != 1) {
    return false;
  }
  look->weights = slice->look.weights + layer * heads->N * batch->T * batch->T;
  slice->bench.look = look;
  return true;
}

static void end_look(tfm_slice *slice, int64_t u, const tfm__look *look)
{
  bool *seen = &slice->look.seen[u / 2 - slice->first / 2];
  *seen = *seen || look->seen;
  slice->bench.look = NULL;
}

/* Where a line may be cut, the stream is what would travel. */
static void round_rows(const tfm_slice *slice, const tfm_batch *batch, tfm_par *par)
{
  if (slice->rounds) {
    tfm_bfloat16_round(batch->x, batch->T * slice->bench.H, par);
  }
}

tfm_wanted tfm__slice_want(tfm_slice *slice, tfm_wanted wanted)
{
  const tfm_wanted before = slice->wanted;
  slice->wanted = wanted;
  return before;
}

/* Of the last layer only what the head sees, unless somebody looks at all of it. */
static void see_wanted(tfm_slice *slice, int64_t u, const tfm_batch *batch)
{
  tfm__bench *bench = &slice->bench;
  bench->wanted = NULL;
  if (u >= slice->last_layer && u >= slice->encoder && slice->wanted != TFM_WANTED_ALL &&
      !slice->look.weights) {
    tfm__wanted_spans(slice->wanted, batch, bench->spans);
    bench->wanted = bench->spans;
  }
}

void tfm__slice_run_unit(tfm_slice *slice, int64_t u, const tfm_batch *batch, tfm_par *par)
{
  const tfm__unit *unit = unit_of(slice, u);
  const tfm_batch sources = sources_of(batch);
  if (u == 0) { /* embeddings */
    round_rows(slice, batch, par);
    round_rows(slice, &sources, par);
  }
  batch = u < slice->encoder ? &sources : batch;
  if (batch->B == 0) {
    return;
  }
  see_wanted(slice, u, batch);
  tfm__look look = {0};
  const bool looks = begin_look(slice, u, batch, &look);
  if (u % 2 == 0) {
    slice->block->attention(unit, &slice->bench, batch, par);
  } else {
    slice->block->ffn(unit, &slice->bench, batch, par);
  }
  if (looks) {
    end_look(slice, u, &look);
  }
  if (unit->final) {
    tfm__final_norm(unit, &slice->bench, batch, par);
  }
  round_rows(slice, batch, par);
}

tfm_status tfm_slice_take(tfm_slice *slice, const tfm_batch *batch, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__bench *bench = &slice->bench;
  TFM_ASSERT(batch->slot && batch->start && batch->B <= slice->max_sequences);
  const bool looks = bench->sources.nslot > 0;
  if (looks) {
    tfm__sources_leave(&bench->sources, &bench->cache, batch);
  }
  TFM_TRY(tfm__cache_take(&bench->cache, batch, err));
  if (looks) {
    TFM_TRY(tfm__sources_take(&bench->sources, &bench->cache, batch, err));
  }
  if (slice->has_head) {
    tfm__chooser_take(&slice->head.chooser, batch);
  }

fail:
  return st;
}

void tfm_slice_run(tfm_slice *slice, const tfm_batch *batch, tfm_par *par)
{
  TFM_ASSERT(batch->T <= slice->max_tokens && batch->B <= slice->max_sequences);
  for (int64_t u = slice->first; u < slice->last; ++u) {
    tfm__slice_run_unit(slice, u, batch, par);
  }
}

int64_t tfm_slice_result_width(const tfm_slice *slice)
{
  TFM_ASSERT(slice->has_head);
  return slice->head.shape.width;
}

void tfm_slice_head(tfm_slice *slice, const tfm_batch *batch, float *result, tfm_par *par)
{
  TFM_ASSERT(slice->has_head && batch->B <= slice->max_sequences);
  tfm__head_run(&slice->head, batch, result, par);
}

void tfm_slice_each_block(const tfm_slice *slice,
                          void (*fn)(void *arg, const void *p, size_t bytes), void *arg)
{
  for (int64_t u = slice->first; u < slice->last; ++u) {
    const tfm__unit *unit = unit_of(slice, u);
    if (!unit->shared) {
      tfm__unit_each_block(unit, fn, arg);
    }
  }
  const tfm_linear *lin = NULL;
  for (int i = 0; slice->has_head && (lin = tfm__head_linear(&slice->head, i, NULL)); ++i) {
    size_t bytes = 0;
    const void *p = tfm_linear_memory(lin, &bytes);
    fn(arg, p, bytes);
  }
}

bool tfm_slice_probe_failed(const tfm_slice *slice, const char **name)
{
  const char *failed = NULL;
  for (int64_t u = slice->first; !failed && u < slice->last; ++u) {
    failed = tfm__unit_probe(unit_of(slice, u));
  }
  const tfm_linear *lin = NULL;
  const char *of_head = NULL;
  for (int i = 0; !failed && slice->has_head; ++i) {
    lin = tfm__head_linear(&slice->head, i, &of_head);
    if (!lin) {
      break;
    }
    failed = tfm_linear_probe(lin) ? NULL : of_head;
  }
  if (name) {
    *name = failed;
  }
  return failed != NULL;
}
