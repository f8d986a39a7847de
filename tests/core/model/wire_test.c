/* A residual stream that travels as bfloat16 (slice.h, engine.wire): the float32 units one by one,
 * with every value rounded by the plain oracle where a line may be cut, are what a whole model and
 * every cut of it must give, bit for bit. */
#include "tests/core/model/support.h"

#include "core/base/mem.h"
#include "tests/support/ref/ref.h"

#include <stdio.h>
#include <string.h>

enum { B = 3, TOKENS = 15, SOURCES = 14, ROWS = TOKENS + SOURCES };

static const int32_t cu_len[B + 1] = {0, 5, 6, TOKENS};
static const int32_t cu_source[B + 1] = {0, 4, 12, SOURCES};

static const char *const pairs[] = {"seq2seq/bart",
                                    "seq2seq/bart-mnli",
                                    "seq2seq/mbart",
                                    "seq2seq/marian",
                                    "seq2seq/t5",
                                    "seq2seq/t5-gated",
                                    NULL};

/* A model, some tokens, and what must become of them. */
typedef struct {
  const char *name;
  tfm_model model;
  tfm_engine engine;
  int64_t units, H, S; /* S: rows of an encoder in front */
  int32_t tokens[TOKENS], types[TOKENS], source[SOURCES], marks[TOKENS];
  float *states;  /* [units][S + T,H] after each of them */
  float *x;       /* [S + T,H] */
  int64_t floats; /* of the result */
  float *result;
  int seen;
} scene;

static tfm_ids ids_of(const scene *s)
{
  return (tfm_ids){.B = B,
                   .T = TOKENS,
                   .cu_len = cu_len,
                   .ids = s->tokens,
                   .type_ids = s->types,
                   .nmark = TOKENS,
                   .marks = s->marks,
                   .cu_source = s->S ? cu_source : NULL,
                   .source = s->source};
}

static tfm_batch batch_of(const scene *s)
{
  return (tfm_batch){.B = B,
                     .T = TOKENS,
                     .cu_len = cu_len,
                     .x = s->x + s->S * s->H,
                     .nmark = TOKENS,
                     .marks = s->marks,
                     .ids = s->tokens,
                     .cu_source = s->S ? cu_source : NULL,
                     .source = s->x};
}

/* Units [first, last) by this engine, and the head where it has a place for the result. */
static void run_slice(scene *s, tfm_engine engine, int64_t first, int64_t last, float *result)
{
  tfm_err err = {.status = TFM_OK};
  tfm_slice *slice = NULL;
  const tfm_batch batch = batch_of(s);
  const tfm_slice_options options = {.first = first,
                                     .last = last,
                                     .head = result != NULL,
                                     .engine = engine,
                                     .max_tokens = ROWS,
                                     .max_sequences = B,
                                     .nthread = 1};
  want_ok(tfm_slice_open(&slice, &s->model, &options, &err), &err);
  tfm_slice_run(slice, &batch, NULL);
  if (options.head) {
    tfm_slice_head(slice, &batch, result, NULL);
  }
  tfm_slice_close(slice);
}

static void embed(scene *s)
{
  tfm_err err = {.status = TFM_OK};
  tfm_embed *embed = NULL;
  const tfm_ids ids = ids_of(s);
  want_ok(tfm_embed_open(&embed, &s->model, NULL, &err), &err);
  tfm_embed_run(embed, &ids, s->x, NULL);
  tfm_embed_close(embed);
}

static void round_all(scene *s)
{
  for (int64_t i = 0; i < (s->S + TOKENS) * s->H; ++i) {
    s->x[i] = ref_bfloat16(s->x[i]);
  }
}

/* Unit by unit, rounded by the oracle between them; the head on its own. */
static void make_wanted(scene *s)
{
  const int64_t floats = (s->S + TOKENS) * s->H;
  tfm_engine plain = s->engine;
  plain.wire = TFM_FLOAT32;
  embed(s);
  round_all(s);
  for (int64_t u = 0; u < s->units; ++u) {
    run_slice(s, plain, u, u + 1, NULL);
    round_all(s);
    memcpy(s->states + u * floats, s->x, (size_t)floats * sizeof *s->x);
  }
  if (s->floats > 0) {
    run_slice(s, plain, s->units, s->units, s->result);
  }
}

static scene open_scene(const char *name, tfm_precision precision)
{
  const tfm_head_spec score = {.lm = TFM_LM_SCORE};
  const bool pair = strncmp(name, "seq2seq/", 8) == 0;
  scene s = {.name = name,
             .model = pair && !strstr(name, "mnli") ? open_model_for(name, &score)
                                                    : open_model(name),
             .engine = {.precision = precision, .wire = TFM_BFLOAT16},
             .S = pair ? SOURCES : 0};
  s.engine.backend = TFM_BACKEND_NATIVE;
  s.units = 2 * s.model.config.L;
  s.H = s.model.config.H;
  assert_int_equal(s.S > 0, tfm_config_decoder(&s.model.config) > 0);
  for (int i = 0; i < TOKENS; ++i) {
    s.tokens[i] = 5 + (7 * i) % 11;
    s.marks[i] = i;
  }
  for (int i = 0; i < SOURCES; ++i) {
    s.source[i] = 6 + (5 * i) % 9;
  }
  const tfm_head_shape shape = tfm_model_shape(&s.model);
  s.floats = shape.rows == TFM_ROWS_NONE       ? 0
             : shape.rows == TFM_ROWS_SEQUENCE ? B * shape.width
                                               : TOKENS * shape.width;
  s.x = want_floats((s.S + TOKENS) * s.H);
  s.result = want_floats(s.floats);
  s.states = want_floats(s.units * (s.S + TOKENS) * s.H);
  make_wanted(&s);
  return s;
}

static void close_scene(scene *s)
{
  tfm_free(s->x);
  tfm_free(s->result);
  tfm_free(s->states);
  tfm_model_fini(&s->model);
}

static void check_state(const scene *s, int64_t unit, const float *x)
{
  char what[128];
  const int64_t floats = (s->S + TOKENS) * s->H;
  (void)snprintf(what, sizeof what, "%s, after unit %lld", s->name, (long long)unit);
  check_bits(what, x, s->states + unit * floats, floats);
}

static void watch_state(void *arg, int64_t unit, const float *x, int64_t rows, int64_t H)
{
  scene *s = arg;
  assert_int_equal(rows, s->S + TOKENS);
  assert_int_equal(H, s->H);
  if (unit >= 0) {
    check_state(s, unit, x);
    ++s->seen;
  }
}

static void check_whole(scene *s)
{
  tfm_err err = {.status = TFM_OK};
  tfm_whole *whole = NULL;
  const tfm_ids ids = ids_of(s);
  float *result = want_floats(s->floats);
  want_ok(tfm_whole_open(&whole, &s->model, s->engine, ROWS, B, &err), &err);
  tfm_whole_run(whole, &ids, result, watch_state, s);
  assert_int_equal(s->seen, s->units);
  check_bits(s->name, result, s->result, s->floats);
  tfm_whole_close(whole);
  tfm_free(result);
}

/* Two slices, cut anywhere: the first is given embeddings as they are. */
static void check_cuts(scene *s)
{
  float *result = want_floats(s->floats);
  for (int64_t cut = 1; cut < s->units; ++cut) {
    embed(s);
    run_slice(s, s->engine, 0, cut, NULL);
    check_state(s, cut - 1, s->x);
    run_slice(s, s->engine, cut, s->units, s->floats > 0 ? result : NULL);
    check_state(s, s->units - 1, s->x);
    check_bits(s->name, result, s->result, s->floats);
  }
  tfm_free(result);
}

static void check(const char *name, tfm_precision precision)
{
  scene s = open_scene(name, precision);
  check_whole(&s);
  check_cuts(&s);
  close_scene(&s);
}

static void the_stream_is_rounded_wherever_a_line_may_be_cut(void **state)
{
  (void)state;
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    check("tiny", (tfm_precision)p);
  }
  for (int i = 0; family_models[i]; ++i) {
    check(family_models[i], TFM_FLOAT32);
  }
  for (int i = 0; decoder_models[i]; ++i) {
    check(decoder_models[i], TFM_FLOAT32);
  }
}

/* Rows of the encoder and of the decoder, each where it stands while the other side computes. */
static void both_sides_of_a_pair_are_rounded(void **state)
{
  (void)state;
  for (int i = 0; pairs[i]; ++i) {
    check(pairs[i], TFM_FLOAT32);
  }
}

static void the_numbers_have_a_name_of_their_own(void **state)
{
  (void)state;
  char plain[TFM_NUMERIC_ID];
  char rounded[TFM_NUMERIC_ID];
  tfm_engine engine = native_float32;
  engine.kv = TFM_INT8;
  tfm_engine_numeric_id(engine, plain);
  engine.wire = TFM_BFLOAT16;
  tfm_engine_numeric_id(engine, rounded);
  assert_string_equal(plain, "c1-native-float32-k192-kv-int8");
  assert_string_equal(rounded, "c1-native-float32-k192-kv-int8-wire-bfloat16");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_stream_is_rounded_wherever_a_line_may_be_cut),
      cmocka_unit_test(both_sides_of_a_pair_are_rounded),
      cmocka_unit_test(the_numbers_have_a_name_of_their_own),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
