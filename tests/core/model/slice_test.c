/* The promises the pipeline stands on (DESIGN D2, D3): cuts, neighbours, order, threads and
 * backends change no bit. All comparisons are of bits, against the whole model run in one call;
 * golden_test.c proves that the whole model is the right one. */
#include "tests/core/model/support.h"

#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/model/smooth.h"
#include "tests/core/model/tolerance.h"

#include <stdio.h>
#include <string.h>

/* One model, one golden's sequences, and what the whole model makes of them. */
typedef struct {
  tfm_model model;
  tfm_engine engine;
  golden g;
  float *logits; /* [B,C] */
  float *states; /* [T,H] after the last unit */
} oracle;

static void keep_last(void *arg, int64_t unit, const float *x, int64_t T, int64_t H)
{
  (void)unit;
  memcpy(arg, x, (size_t)(T * H) * sizeof *x);
}

static void run_whole(const tfm_model *model, tfm_engine engine, const golden *g, float *logits,
                      float *states)
{
  tfm_err err = {.status = TFM_OK};
  tfm_whole *whole = NULL;
  const tfm_ids ids = golden_ids(g);
  want_ok(tfm_whole_open(&whole, model, engine, g->T, g->B, &err), &err);
  tfm_whole_run(whole, &ids, logits, states ? keep_last : NULL, states);
  tfm_whole_close(whole);
}

static oracle open_oracle(const char *name, tfm_precision precision)
{
  oracle o = {.model = open_model(name),
              .engine = {.backend = TFM_BACKEND_NATIVE, .precision = precision},
              .g = open_golden(name)};
  o.logits = want_floats(o.g.B * o.g.C);
  o.states = want_floats(o.g.T * o.g.H);
  run_whole(&o.model, o.engine, &o.g, o.logits, o.states);
  return o;
}

static void close_oracle(oracle *o)
{
  tfm_free(o->logits);
  tfm_free(o->states);
  close_golden(&o->g);
  tfm_model_fini(&o->model);
}

/* Embeds, runs slices cut at cuts[0] = 0 < ... < cuts[n] = 2L, and the head in the last one. */
static void run_slices(const tfm_model *model, tfm_engine engine, const golden *g,
                       const int64_t *cuts, int n, tfm_par *par, float *logits, float *states)
{
  tfm_err err = {.status = TFM_OK};
  tfm_embed *embed = NULL;
  const tfm_ids ids = golden_ids(g);
  const tfm_batch batch = {.B = g->B, .T = g->T, .cu_len = g->cu_len, .x = states};
  want_ok(tfm_embed_open(&embed, model, NULL, &err), &err);
  tfm_embed_run(embed, &ids, states, par);
  tfm_embed_close(embed);
  for (int i = 0; i < n; ++i) {
    const tfm_slice_options options = {.first = cuts[i],
                                       .last = cuts[i + 1],
                                       .head = i == n - 1 && g->C > 0,
                                       .engine = engine,
                                       .max_tokens = g->T,
                                       .max_sequences = g->B,
                                       .nthread = tfm_par_threads(par)};
    tfm_slice *slice = NULL;
    want_ok(tfm_slice_open(&slice, model, &options, &err), &err);
    tfm_slice_run(slice, &batch, par);
    if (options.head) {
      tfm_slice_head(slice, &batch, logits, par);
    }
    tfm_slice_close(slice);
  }
}

static void check_slices(const oracle *o, tfm_engine engine, const int64_t *cuts, int n,
                         tfm_par *par, const char *what)
{
  float *logits = want_floats(o->g.B * o->g.C);
  float *states = want_floats(o->g.T * o->g.H);
  run_slices(&o->model, engine, &o->g, cuts, n, par, logits, states);
  check_bits(what, states, o->states, o->g.T * o->g.H);
  check_bits(what, logits, o->logits, o->g.B * o->g.C);
  tfm_free(logits);
  tfm_free(states);
}

/* Every way to cut the units into `parts` contiguous slices, by counting up the inner cuts. */
static int check_all_cuts(const oracle *o, int parts)
{
  const int64_t units = 2 * o->model.config.L;
  int64_t cuts[8] = {0};
  int tried = 0;
  char what[64];
  for (int i = 0; i <= parts; ++i) {
    cuts[i] = i < parts ? i : units;
  }
  for (;;) {
    (void)snprintf(what, sizeof what, "%d parts, cut number %d", parts, tried);
    check_slices(o, o->engine, cuts, parts, NULL, what);
    tried += 1;
    int i = parts - 1;
    while (i > 0 && cuts[i] == units - (parts - i)) {
      i -= 1;
    }
    if (i == 0) {
      return tried;
    }
    cuts[i] += 1;
    for (int j = i + 1; j < parts; ++j) {
      cuts[j] = cuts[j - 1] + 1;
    }
  }
}

static void no_cut_changes_a_bit(void **state)
{
  (void)state;
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    oracle o = open_oracle("tiny", (tfm_precision)p);
    /* Six units: 5, 10, 10 and 5 ways, half of the cuts inside a layer. */
    assert_int_equal(check_all_cuts(&o, 2), 5);
    assert_int_equal(check_all_cuts(&o, 3), 10);
    assert_int_equal(check_all_cuts(&o, 4), 10);
    assert_int_equal(check_all_cuts(&o, 5), 5);
    close_oracle(&o);
  }
}

static void check_cuts_of(const char *name, tfm_precision precision)
{
  oracle o = open_oracle(name, precision);
  const int64_t units = 2 * o.model.config.L;
  for (int parts = 2; parts <= units && parts <= 5; ++parts) {
    assert_true(check_all_cuts(&o, parts) > 0);
  }
  close_oracle(&o);
}

static void each_family(void (*check)(const char *name, tfm_precision precision))
{
  for (int i = 0; family_models[i]; ++i) {
    check(family_models[i], TFM_FLOAT32);
  }
  for (int i = 0; decoder_models[i]; ++i) {
    check(decoder_models[i], TFM_FLOAT32);
  }
}

static void each_precision(void (*check)(const char *name, tfm_precision precision))
{
  for (int p = 0; p < TFM_PRECISION_DTYPES; ++p) {
    check("tiny", (tfm_precision)p);
  }
}

static void no_cut_changes_a_bit_of_any_family(void **state)
{
  (void)state;
  each_family(check_cuts_of);
}

/* int8 whose inputs are evened out: scales are of the whole checkpoint, whatever a slice has. */
static void check_smooth_of(const char *name, tfm_precision precision)
{
  tfm_err err = {.status = TFM_OK};
  tfm_smooth *smooth = NULL;
  oracle o = open_oracle(name, TFM_INT8);
  (void)precision;
  want_ok(tfm_smooth_open(&smooth, &o.model, "weights", &err), &err);
  o.engine.smooth = smooth;
  run_whole(&o.model, o.engine, &o.g, o.logits, o.states);
  const int64_t units = 2 * o.model.config.L;
  for (int parts = 2; parts <= units && parts <= 3; ++parts) {
    assert_true(check_all_cuts(&o, parts) > 0);
  }
  const int64_t cuts[] = {0, units};
  threads_par threads = make_threads(3);
  check_slices(&o, o.engine, cuts, 1, &threads.par, "threads");
  tfm_engine ref = o.engine;
  ref.backend = TFM_BACKEND_REF;
  check_slices(&o, ref, cuts, 1, NULL, "ref");
  close_oracle(&o);
  tfm_smooth_close(smooth);
}

static void scales_of_inputs_know_no_cuts(void **state)
{
  (void)state;
  check_smooth_of("tiny", TFM_INT8);
  each_family(check_smooth_of);
}

static void a_slice_without_units_leaves_x_alone(void **state)
{
  (void)state;
  oracle o = open_oracle("tiny", TFM_FLOAT32);
  const int64_t cuts[] = {0, 0, 6, 6};
  check_slices(&o, o.engine, cuts, 3, NULL, "empty slices");
  close_oracle(&o);
}

/* A row's result may not depend on its neighbours: every sequence alone, all of them backwards,
 * and one of them many times. */
static void check_orders(const oracle *o, tfm_engine engine)
{
  static const int orders[][6] = {
      {4, 3, 2, 1, 0, -1}, {3, 3, 3, 1, 2, 3}, {2, -1}, {0, -1}, {1, -1}, {3, -1}, {4, -1},
      {1, 0, 1, 0, 1, 4}};
  for (size_t k = 0; k < sizeof orders / sizeof *orders; ++k) {
    int n = 0;
    while (n < 6 && orders[k][n] >= 0) {
      n += 1;
    }
    golden g = pick_sequences(&o->g, orders[k], n);
    float *logits = want_floats(g.B * g.C);
    float *states = want_floats(g.T * g.H);
    run_whole(&o->model, engine, &g, logits, states);
    for (int i = 0; i < n; ++i) {
      const int64_t len = g.cu_len[i + 1] - g.cu_len[i];
      check_bits("logits", logits + i * g.C, o->logits + orders[k][i] * g.C, g.C);
      check_bits("states", states + g.cu_len[i] * g.H,
                 o->states + o->g.cu_len[orders[k][i]] * g.H, len * g.H);
    }
    tfm_free(logits);
    tfm_free(states);
    close_golden(&g);
  }
}

static void check_orders_of(const char *name, tfm_precision precision)
{
  oracle o = open_oracle(name, precision);
  check_orders(&o, o.engine);
  close_oracle(&o);
}

static void neighbours_and_order_change_no_bit(void **state)
{
  (void)state;
  each_precision(check_orders_of);
  each_family(check_orders_of);
}

static void check_threads_of(const char *name, tfm_precision precision)
{
  oracle o = open_oracle(name, precision);
  const int64_t cuts[] = {0, 3, 2 * o.model.config.L};
  for (int nthread = 1; nthread <= 5; ++nthread) {
    threads_par threads = make_threads(nthread);
    backwards_par backwards = make_backwards(nthread);
    check_slices(&o, o.engine, cuts, 2, &threads.par, "threads");
    check_slices(&o, o.engine, cuts, 2, &backwards.par, "backwards");
  }
  close_oracle(&o);
}

static void threads_and_task_order_change_no_bit(void **state)
{
  (void)state;
  each_precision(check_threads_of);
  each_family(check_threads_of);
}

static void check_isas_of(const char *name, tfm_precision precision)
{
  oracle o = open_oracle(name, precision);
  const int64_t cuts[] = {0, 2 * o.model.config.L};
  check_slices(&o, (tfm_engine){.backend = TFM_BACKEND_REF, .precision = precision}, cuts, 1,
               NULL, "ref");
  for (int isa = 0; isa < TFM_ISA_COUNT; ++isa) {
    if (!tfm_isa_available((tfm_isa)isa)) {
      continue;
    }
    assert_int_equal(tfm_isa_use((tfm_isa)isa, NULL), TFM_OK);
    check_slices(&o, o.engine, cuts, 1, NULL, tfm_isa_name((tfm_isa)isa));
  }
  assert_int_equal(tfm_isa_use(tfm_isa_best(), NULL), TFM_OK);
  close_oracle(&o);
}

/* The next `take` tokens of each sequence that has some left, as a batch of its own. */
typedef struct {
  int32_t cu_len[8], slot[8], start[8], ids[400], types[400];
  int64_t B;
} chunk;

static bool next_chunk(const golden *g, int32_t *done, int32_t take, chunk *c)
{
  c->B = 0;
  c->cu_len[0] = 0;
  for (int32_t b = 0; b < g->B; ++b) {
    const int32_t left = g->cu_len[b + 1] - g->cu_len[b] - done[b];
    const int32_t n = left < take ? left : take;
    if (n == 0) {
      continue;
    }
    const int32_t from = g->cu_len[b] + done[b];
    memcpy(c->ids + c->cu_len[c->B], g->ids + from, (size_t)n * 4);
    memcpy(c->types + c->cu_len[c->B], g->type_ids + from, (size_t)n * 4);
    c->slot[c->B] = (int32_t)g->B - 1 - b;
    c->start[c->B] = done[b];
    c->cu_len[c->B + 1] = c->cu_len[c->B] + n;
    ++c->B;
    done[b] += n;
  }
  return c->B > 0;
}

/* Chunks of `take` tokens through slices cut at `cut`, against the sequences as a whole. */
static void check_growth(const oracle *o, int32_t take, int64_t cut)
{
  tfm_err err = {.status = TFM_OK};
  const golden *g = &o->g;
  const int64_t bounds[] = {0, cut, 2 * o->model.config.L};
  tfm_embed *embed = NULL;
  tfm_slice *slices[2] = {NULL};
  int32_t done[8] = {0};
  chunk c;
  float *x = want_floats(g->T * g->H);
  want_ok(tfm_embed_open(&embed, &o->model, NULL, &err), &err);
  for (int i = 0; i < 2; ++i) {
    const tfm_slice_options options = {.first = bounds[i],
                                       .last = bounds[i + 1],
                                       .engine = native_float32,
                                       .max_tokens = g->T,
                                       .max_sequences = g->B,
                                       .nthread = 1,
                                       .slots = g->B,
                                       .pages = g->B};
    want_ok(tfm_slice_open(&slices[i], &o->model, &options, &err), &err);
  }
  while (next_chunk(g, done, take, &c)) {
    const int64_t T = c.cu_len[c.B];
    const tfm_ids ids = {.B = c.B,
                         .T = T,
                         .cu_len = c.cu_len,
                         .ids = c.ids,
                         .type_ids = c.types,
                         .start = c.start};
    const tfm_batch batch = {
        .B = c.B, .T = T, .cu_len = c.cu_len, .x = x, .slot = c.slot, .start = c.start};
    tfm_embed_run(embed, &ids, x, NULL);
    for (int i = 0; i < 2; ++i) {
      want_ok(tfm_slice_take(slices[i], &batch, &err), &err);
      tfm_slice_run(slices[i], &batch, NULL);
    }
    for (int64_t b = 0; b < c.B; ++b) {
      const int64_t seq = g->B - 1 - c.slot[b];
      check_bits("growing", x + c.cu_len[b] * g->H,
                 o->states + (g->cu_len[seq] + c.start[b]) * g->H,
                 (c.cu_len[b + 1] - c.cu_len[b]) * g->H);
    }
  }
  tfm_slice_close(slices[0]);
  tfm_slice_close(slices[1]);
  tfm_embed_close(embed);
  tfm_free(x);
}

/* Whole prompts, chunks, one token at a time: keys and values kept in pages give the bits of whole
 * sequences. */
static void growing_sequences_have_the_bits_of_whole_ones(void **state)
{
  (void)state;
  for (int i = 0; decoder_models[i]; ++i) {
    oracle o = open_oracle(decoder_models[i], TFM_FLOAT32);
    check_growth(&o, 50, 2);
    check_growth(&o, 1, 1);
    check_growth(&o, 7, 3);
    close_oracle(&o);
  }
}

/* A stage believes no slot and no place that cannot be. */
static void odd_places_are_refused(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model(decoder_models[0]);
  const tfm_slice_options options = {.first = 0,
                                     .last = 2,
                                     .engine = native_float32,
                                     .max_tokens = 100,
                                     .max_sequences = 2,
                                     .nthread = 1,
                                     .slots = 2,
                                     .pages = 1};
  static const struct {
    int32_t slot, start, n;
    const char *text;
  } bad[] = {{2, 0, 1, "slot"},
             {-1, 0, 1, "slot"},
             {0, 1, 1, "place 3"},
             {0, 0, 51, "up to 50"},
             {1, 0, 4, "taken"}};
  tfm_slice *slice = NULL;
  want_ok(tfm_slice_open(&slice, &model, &options, &err), &err);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    int32_t cu_len[] = {0, bad[i].n};
    int32_t slot = 0;
    int32_t start = 0;
    tfm_batch batch = {.B = 1, .T = 3, .cu_len = cu_len, .slot = &slot, .start = &start};
    cu_len[1] = 3; /* slot 0 has the page */
    want_ok(tfm_slice_take(slice, &batch, &err), &err);
    slot = bad[i].slot;
    start = bad[i].start;
    cu_len[1] = bad[i].n;
    assert_int_equal(tfm_slice_take(slice, &batch, &err), TFM_E_FORMAT);
    assert_non_null(strstr(err.text, bad[i].text));
  }
  tfm_slice_close(slice);
  tfm_model_fini(&model);
}

static void backends_and_instruction_sets_give_the_same_bits(void **state)
{
  (void)state;
  each_precision(check_isas_of);
  each_family(check_isas_of);
}

/* Batches larger than every internal tile: sequences repeated until attention runs several
 * times and ffn walks several tiles, each copy with the bits of the first. */
static void check_large_of(const char *name, tfm_precision precision)
{
  oracle o = open_oracle(name, precision);
  int order[120];
  for (int i = 0; i < 120; ++i) {
    order[i] = (i * 7) % 5;
  }
  for (int n = 1; n <= 120; n += n < 8 ? 1 : 16) {
    golden g = pick_sequences(&o.g, order, n);
    const int64_t cuts[] = {0, 1, 2 * o.model.config.L};
    float *logits = want_floats(g.B * g.C);
    float *states = want_floats(g.T * g.H);
    run_slices(&o.model, o.engine, &g, cuts, 2, NULL, logits, states);
    for (int i = 0; i < n; ++i) {
      check_bits("logits", logits + i * g.C, o.logits + order[i] * g.C, g.C);
    }
    tfm_free(logits);
    tfm_free(states);
    close_golden(&g);
  }
  close_oracle(&o);
}

static void large_batches_change_no_bit(void **state)
{
  (void)state;
  each_precision(check_large_of);
  each_family(check_large_of);
}

/* openblas has bits of its own, but where its probe passes they must keep the same promises:
 * cuts, neighbours and order change none of them, and they are the same numbers up to rounding. */
static void openblas_that_passes_its_probe_keeps_the_promises(void **state)
{
  (void)state;
  oracle o = open_oracle("tiny", TFM_FLOAT32);
  tfm_err err = {.status = TFM_OK};
  const tfm_slice_options options = {
      .first = 0,
      .last = 6,
      .head = true,
      .engine = {.backend = TFM_BACKEND_OPENBLAS, .precision = TFM_FLOAT32},
      .max_tokens = o.g.T,
      .max_sequences = o.g.B,
      .nthread = 1};
  tfm_slice *slice = NULL;
  const char *name = "";
  want_ok(tfm_slice_open(&slice, &o.model, &options, &err), &err);
  const bool failed = tfm_slice_probe_failed(slice, &name);
  tfm_slice_close(slice);
  if (failed) {
    print_message("openblas failed its probe at %s here\n", name);
    close_oracle(&o);
    skip();
  }
  assert_null(name);
  float *near = want_floats(o.g.T * o.g.H);
  memcpy(near, o.states, (size_t)(o.g.T * o.g.H) * sizeof *near);
  run_whole(&o.model, options.engine, &o.g, o.logits, o.states);
  check_near("openblas against native", o.states, near, o.g.T * o.g.H, TOL_MODEL);
  tfm_free(near);
  const int64_t cuts[] = {0, 1, 4, 6};
  threads_par threads = make_threads(3);
  check_slices(&o, options.engine, cuts, 3, NULL, "openblas");
  check_slices(&o, options.engine, cuts, 3, &threads.par, "openblas, threads");
  check_orders(&o, options.engine);
  close_oracle(&o);
}

static void sum_block(void *arg, const void *p, size_t bytes)
{
  assert_non_null(p);
  *(size_t *)arg += bytes;
}

static void a_slice_tells_where_its_weights_are(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model("tiny");
  size_t halves = 0;
  for (int part = 0; part < 2; ++part) {
    const tfm_slice_options options = {
        .first = 3 * part,
        .last = 3 * part + 3,
        .head = part == 1,
        .engine = {.backend = TFM_BACKEND_REF, .precision = TFM_FLOAT32},
        .max_tokens = 64,
        .max_sequences = 8,
        .nthread = 1};
    tfm_slice *slice = NULL;
    size_t found = 0;
    want_ok(tfm_slice_open(&slice, &model, &options, &err), &err);
    tfm_slice_each_block(slice, sum_block, &found);
    const size_t said = tfm_slice_weight_bytes(slice);
    assert_true(found <= said && found > said * 9 / 10); /* biases lie apart */
    assert_true(tfm_slice_scratch_bytes(slice) > 0);
    assert_false(tfm_slice_probe_failed(slice, NULL));
    halves += said;
    tfm_slice_close(slice);
  }
  /* ref keeps weights unpadded: together the halves are the model without its embeddings, and
   * little more. */
  const size_t floats = (size_t)tfm_config_parameters(&model.config) -
                        (size_t)(57 + 48 + 2 + 2) * (size_t)model.config.H;
  assert_true(halves >= 4 * floats && halves < 4 * floats + 4096);
  tfm_model_fini(&model);
}

/* What is said of units [first, last) and the head, against the slice that holds them. */
static void check_bytes_of(const tfm_model *model, tfm_backend backend, tfm_precision precision,
                           int64_t first, int64_t last)
{
  tfm_err err = {.status = TFM_OK};
  const tfm_slice_options options = {.first = first,
                                     .last = last,
                                     .head = last == 2 * model->config.L,
                                     .engine = {.backend = backend, .precision = precision},
                                     .max_tokens = 64,
                                     .max_sequences = 8,
                                     .nthread = 2,
                                     .slots = model->config.causal ? 3 : 0,
                                     .pages = 5};
  tfm_slice *slice = NULL;
  tfm_slice_need need;
  want_ok(tfm_slice_measure(&need, model, &options, &err), &err);
  want_ok(tfm_slice_open(&slice, model, &options, &err), &err);
  const int64_t is = (int64_t)tfm_slice_weight_bytes(slice);
  if (need.weights < is - is / 10 || need.weights > is + is / 10) {
    fail_msg("%s: units %lld to %lld: said %lld bytes, is %lld", model->config.model_type,
             (long long)first, (long long)last, (long long)need.weights, (long long)is);
  }
  assert_int_equal(need.scratch, tfm_slice_scratch_bytes(slice)); /* to the byte */
  assert_true(need.passing > 0 || need.weights == 0);
  assert_in_range(need.shared, 0, backend == TFM_BACKEND_NATIVE ? need.weights : 0);
  tfm_slice_close(slice);
}

/* Units with the weights of an earlier one are held once, wherever the cut is. */
static void check_weights_of(const char *name, tfm_precision precision)
{
  tfm_model model = open_model(name);
  const int64_t units = 2 * model.config.L;
  for (int64_t cut = 1; cut < units; ++cut) {
    check_bytes_of(&model, TFM_BACKEND_REF, precision, 0, cut);
    check_bytes_of(&model, TFM_BACKEND_REF, precision, cut, units);
  }
  tfm_model_fini(&model);
}

static void the_plan_knows_what_a_slice_weighs(void **state)
{
  (void)state;
  each_family(check_weights_of);
  each_precision(check_weights_of);
}

static void a_head_that_is_not_there_is_refused_by_task(void **state)
{
  (void)state;
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model("encoder");
  model.config.task = TFM_TASK_NONE; /* as of an architecture nobody knows */
  const tfm_slice_options options = {
      .first = 0,
      .last = 2,
      .head = true,
      .engine = {.backend = TFM_BACKEND_REF, .precision = TFM_FLOAT32},
      .max_tokens = 64,
      .max_sequences = 8,
      .nthread = 1};
  tfm_slice *slice = NULL;
  assert_int_equal(tfm_slice_open(&slice, &model, &options, &err), TFM_E_UNSUPPORTED);
  assert_null(slice);
  assert_non_null(strstr(err.text, "none"));
  assert_non_null(strstr(err.text, "BertModel"));
  tfm_model_fini(&model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_cut_changes_a_bit),
      cmocka_unit_test(no_cut_changes_a_bit_of_any_family),
      cmocka_unit_test(scales_of_inputs_know_no_cuts),
      cmocka_unit_test(a_slice_without_units_leaves_x_alone),
      cmocka_unit_test(neighbours_and_order_change_no_bit),
      cmocka_unit_test(threads_and_task_order_change_no_bit),
      cmocka_unit_test(growing_sequences_have_the_bits_of_whole_ones),
      cmocka_unit_test(odd_places_are_refused),
      cmocka_unit_test(backends_and_instruction_sets_give_the_same_bits),
      cmocka_unit_test(large_batches_change_no_bit),
      cmocka_unit_test(openblas_that_passes_its_probe_keeps_the_promises),
      cmocka_unit_test(a_slice_tells_where_its_weights_are),
      cmocka_unit_test(the_plan_knows_what_a_slice_weighs),
      cmocka_unit_test(a_head_that_is_not_there_is_refused_by_task),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
