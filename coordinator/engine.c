#include "coordinator/engine.h"

#include "coordinator/output/sink.h"
#include "core/model/pieces.h"
#include "core/model/smooth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tfm_isa tfm_engine_isa(const tfm_job *job)
{
  tfm_isa isa = tfm_isa_best();
  (void)tfm_isa_parse(job->options->isa, &isa); /* auto is none */
  return isa;
}

const char *tfm_engine_mode(const tfm_engine *engine)
{
  return tfm_precision_dtype(engine->precision) != TFM_FLOAT32 ? ""
         : engine->precision == TFM_FLOAT32                    ? "exact"
                                            : tfm_precision_name(engine->precision);
}

const char *tfm_engine_int8_mode(const tfm_engine *engine)
{
  return tfm_precision_dtype(engine->precision) != TFM_INT8 ? ""
         : engine->precision == TFM_INT8_GROUPS             ? "groups"
                                                            : "dynamic";
}

int64_t tfm_engine_wire_bytes(const tfm_engine *engine)
{
  return engine->wire == TFM_BFLOAT16 ? 2 : 4;
}

/* Our own kernels, or their definition, which has the same bits. */
static bool is_own(tfm_backend backend)
{
  return backend == TFM_BACKEND_NATIVE || backend == TFM_BACKEND_REF;
}

/* Products of tiles where AMX multiplies bfloat16. */
static tfm_precision precision_on(tfm_isa isa, tfm_engine engine)
{
  const bool tiles = is_own(engine.backend) && isa == TFM_ISA_AMX;
  return tiles && engine.precision == TFM_BFLOAT16 ? TFM_BF16X1 : engine.precision;
}

tfm_precision tfm_engine_precision(const tfm_job *job, tfm_precision dtype)
{
  const tfm_engine other = {job->engine.backend, dtype, job->engine.kv, job->engine.wire,
                            job->engine.smooth};
  return tfm_precision_dtype(job->engine.precision) == dtype
             ? job->engine.precision
             : precision_on(tfm_isa_used(), other);
}

static bool is_auto(const char *word)
{
  return strcmp(word, "auto") == 0;
}

/* Pieces are faster only where the CPU multiplies tiles, and where weights are read for many rows:
 * a decoder reads them for a token or a few, and they are half as large again. */
static tfm_status choose_float32(const tfm_job *job, tfm_isa isa, tfm_precision *out,
                                 tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *mode = job->options->float32_mode;
  const bool own = is_own(job->engine.backend);
  const bool few = job->model.config.causal || tfm_config_decoder(&job->model.config) > 0;
  if (is_auto(mode) && own && isa == TFM_ISA_AMX && !few) {
    bool hold = false;
    st = tfm_pieces_hold_model(&job->model, &hold, err);
    *out = hold ? TFM_BF16X3 : TFM_FLOAT32;
  } else if (!is_auto(mode) && strcmp(mode, "exact") != 0) {
    (void)tfm_precision_parse(mode, out); /* the option table knows the words */
  }
  return st;
}

static tfm_status check_together(const tfm_engine *engine, const char *mode, tfm_err *err)
{
  const bool library =
      engine->backend == TFM_BACKEND_OPENBLAS || engine->backend == TFM_BACKEND_ONEDNN;
  const bool split = strcmp(mode, "bf16x3") == 0 || strcmp(mode, "bf16x2") == 0;
  if (engine->backend == TFM_BACKEND_OPENBLAS && engine->precision != TFM_FLOAT32) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--dtype %s: --backend openblas computes float32 only; use native",
                    tfm_precision_name(engine->precision));
  }
  if (engine->precision != TFM_FLOAT32 && !is_auto(mode)) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--float32-mode %s: says how float32 is computed, not %s; leave one out",
                    mode, tfm_precision_name(engine->precision));
  }
  if (library && split) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--float32-mode %s: --backend %s computes it exactly only; use native",
                    mode, tfm_backend_name(engine->backend));
  }
  return TFM_OK;
}

/* dynamic is what --dtype int8 has always been, so that no bits change where nobody asks. */
static tfm_status choose_int8(const tfm_options *options, tfm_engine *engine, tfm_err *err)
{
  const char *mode = options->int8_mode;
  if (engine->precision != TFM_INT8 && !is_auto(mode)) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--int8-mode %s: says how int8 is computed, not %s; add --dtype int8", mode,
                    tfm_precision_name(engine->precision));
  }
  if (strcmp(mode, "groups") != 0) {
    return TFM_OK;
  }
  if (!is_own(engine->backend)) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--int8-mode groups: --backend %s has no weights in groups; use native, or "
                    "--int8-mode dynamic",
                    tfm_backend_name(engine->backend));
  }
  engine->precision = TFM_INT8_GROUPS;
  return TFM_OK;
}

/* Scales are read once, whichever instruction set it will be. */
static tfm_status choose_smooth(tfm_job *job, tfm_err *err)
{
  const char *word = job->options->int8_smooth;
  tfm_status st = TFM_OK;
  if (!word || strcmp(word, "none") == 0) {
    return TFM_OK;
  }
  if (job->engine.precision != TFM_INT8) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--int8-smooth %.256s: evens out what int8 rounds by token, not %s; add "
                    "--dtype int8 --int8-mode dynamic, or leave it out",
                    word, tfm_precision_name(job->engine.precision));
  }
  st = job->smooth ? TFM_OK : tfm_smooth_open(&job->smooth, &job->model, word, err);
  job->engine.smooth = job->smooth;
  return st;
}

tfm_status tfm_engine_smooth_word(const tfm_job *job, char *word, size_t room, tfm_err *err)
{
  const char *asked = job->engine.smooth ? job->options->int8_smooth : "";
  const bool file = job->engine.smooth && job->engine.smooth->layers;
  char *real = file ? realpath(asked, NULL) : NULL;
  const int n = snprintf(word, room, "%s", real ? real : asked);
  free(real); /* from the C library */
  return n >= 0 && (size_t)n < room
             ? TFM_OK
             : tfm_fail(err, TFM_E_USAGE, "--int8-smooth: a path of %d bytes is too long", n);
}

/* What layers are given is noted in the arithmetic that is the same everywhere. */
static tfm_status check_calibrate(const tfm_options *options, const tfm_engine *engine,
                                  tfm_err *err)
{
  const char *mode = options->float32_mode;
  const bool exact = is_auto(mode) || strcmp(mode, "exact") == 0;
  if (!options->calibrate ||
      (engine->precision == TFM_FLOAT32 && exact && is_own(engine->backend))) {
    return TFM_OK;
  }
  return tfm_fail(
      err, TFM_E_USAGE,
      "--calibrate %.256s: notes what layers are given in float32; want --dtype "
      "float32, --float32-mode exact and --backend native, or none of these options",
      options->calibrate);
}

tfm_status tfm_engine_choose(tfm_job *job, tfm_isa isa, tfm_err *err)
{
  tfm_status st = TFM_OK;
  /* native is as fast as openblas and onednn or faster on every instruction set measured
   * (core/kernels/DECISIONS.md), and gives the same bits everywhere. */
  const tfm_options *options = job->options;
  tfm_engine *engine = &job->engine;
  *engine = (tfm_engine){.backend = TFM_BACKEND_NATIVE};
  (void)tfm_precision_parse(options->kv_dtype, &engine->kv); /* words of the table */
  (void)tfm_precision_parse(options->wire_dtype, &engine->wire);
  if (!is_auto(options->backend) && !tfm_backend_parse(options->backend, &engine->backend)) {
    return tfm_fail(err, TFM_E_USAGE, "--backend %.32s is not part of this build",
                    options->backend);
  }
  if (!is_auto(options->dtype) && !tfm_precision_parse(options->dtype, &engine->precision)) {
    return tfm_fail(err, TFM_E_USAGE, "--dtype %.32s is not part of this build",
                    options->dtype);
  }
  TFM_TRY(check_together(engine, options->float32_mode, err));
  TFM_TRY(choose_int8(options, engine, err));
  TFM_TRY(check_calibrate(options, engine, err));
  TFM_TRY(tfm_backend_check(engine->backend, err));
  TFM_TRY(choose_smooth(job, err));
  if (engine->precision == TFM_FLOAT32 && !options->calibrate) {
    TFM_TRY(choose_float32(job, isa, &engine->precision, err));
  }
  engine->precision = precision_on(isa, *engine);
  tfm_engine_numeric_id(*engine, job->numeric_id);

fail:
  return st;
}

/* The engine that began the output, where this instruction set is below the best and gives it: what
 * was begun on other machines is gone on with by their numbers. */
static tfm_status go_on_as_begun(tfm_job *job, tfm_isa *isa, tfm_err *err)
{
  tfm_status st = TFM_OK;
  char begun[TFM_NUMERIC_ID];
  const tfm_options *o = job->options;
  if (*isa != TFM_ISA_AMX || o->restart || o->resume == TFM_RESUME_NEVER ||
      !tfm_sink_recorded(o->output, "numeric_id", begun, sizeof begun) ||
      strcmp(begun, job->numeric_id) == 0) {
    return TFM_OK;
  }
  TFM_TRY(tfm_engine_choose(job, TFM_ISA_AVX512, err));
  if (strcmp(begun, job->numeric_id) == 0) {
    *isa = TFM_ISA_AVX512;
    return TFM_OK;
  }
  st = tfm_engine_choose(job, *isa, err);

fail:
  return st;
}

tfm_status tfm_engine_settle(tfm_job *job, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_isa common = TFM_ISA_PORTABLE;
  const char *asked = job->options->isa;
  (void)tfm_isa_parse(tfm_crew_common_isa(&job->crew), &common);
  tfm_isa isa = common;
  if (!is_auto(asked) && (!tfm_isa_parse(asked, &isa) || isa > common)) {
    return tfm_fail(err, TFM_E_CONFIG,
                    "--isa %.16s: not every rank has it; the best they have in common is %s",
                    asked, tfm_isa_name(common));
  }
  TFM_TRY(tfm_engine_choose(job, isa, err));
  if (is_auto(asked)) {
    TFM_TRY(go_on_as_begun(job, &isa, err));
  }
  TFM_TRY(tfm_isa_use(isa, err));
  job->isa = tfm_isa_name(isa);

fail:
  return st;
}
