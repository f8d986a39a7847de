/* Models with an encoder and a decoder: the reference's states and scores, and the promises of
 * slice_test.c: cuts, neighbours, threads, and how a text grew change no bit. */
#include "tests/core/model/support.h"

#include "core/base/mem.h"
#include "tests/core/model/tolerance.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const models[] = {"seq2seq/bart",    "seq2seq/bart-mnli",
                                     "seq2seq/mbart",   "seq2seq/marian",
                                     "seq2seq/pegasus", "seq2seq/m2m100",
                                     "seq2seq/t5",      "seq2seq/t5-gated",
                                     "seq2seq/mt5",     NULL};

enum { MOST_SEQUENCES = 8, MOST_TOKENS = 512 };

/* tests/reference/make_seq2seq_goldens.py's golden.bin. */
typedef struct {
  tfm_buf file;
  int64_t B, S, T, H, C, rows;
  int64_t encoder_states, decoder_states;
  const int32_t *cu_source, *cu_len, *source, *ids;
  const float *encoder, *decoder, *logits;
} golden2;

static golden2 open_golden2(const char *name)
{
  char path[512];
  golden2 g = {.B = 0};
  (void)snprintf(path, sizeof path, MODEL_FIXTURES "%s/golden.bin", name);
  g.file = get_file(path);
  assert_int_equal(memcmp(g.file.data, "TFMS", 4), 0);
  const int32_t *at = (const int32_t *)(const void *)g.file.data + 1;
  g.B = *at++;
  g.encoder_states = *at++;
  g.decoder_states = *at++;
  g.H = *at++;
  g.C = *at++;
  g.rows = *at++;
  g.cu_source = at;
  at += g.B + 1;
  g.cu_len = at;
  at += g.B + 1;
  g.S = g.cu_source[g.B];
  g.T = g.cu_len[g.B];
  g.source = at;
  at += g.S;
  g.ids = at;
  at += g.T;
  g.encoder = (const float *)(const void *)at;
  g.decoder = g.encoder + g.encoder_states * g.S * g.H;
  g.logits = g.decoder + g.decoder_states * g.T * g.H;
  assert_ptr_equal(g.logits + g.rows * g.C, g.file.data + g.file.n);
  assert_true(g.B <= MOST_SEQUENCES && g.S + g.T <= MOST_TOKENS);
  return g;
}

/* A model with the head that its golden is about, and what the whole of it makes of the golden. */
typedef struct {
  const char *name;
  tfm_model model;
  golden2 g;
  float *states; /* [S + T,H] after the last unit */
  float *result; /* [rows of the head,width] */
  int64_t results;
  int32_t marks[MOST_SEQUENCES];
  int seen;
} oracle;

/* Rows [first, first + n) of a batch's states against the golden's state number `state`. */
static void watch_state(const oracle *o, const char *side, int64_t state, const float *got,
                        const float *want, int64_t rows)
{
  char what[128];
  (void)snprintf(what, sizeof what, "%s: %s state %lld", o->name, side, (long long)state);
  check_near(what, got, want + state * rows * o->g.H, rows * o->g.H, TOL_MODEL);
}

/* After unit 2l+1 of a side its rows are the reference's state l+1, and the other side's are not
 * touched; after the embeddings state 0. */
static void watch_states(void *arg, int64_t unit, const float *x, int64_t rows, int64_t H)
{
  oracle *o = arg;
  const golden2 *g = &o->g;
  const int64_t encoder = 2 * o->model.config.encoder;
  const float *decoder = x + g->S * H;
  assert_int_equal(rows, g->S + g->T);
  memcpy(o->states, x, (size_t)(rows * H) * sizeof *x);
  if (unit % 2 == 0) {
    return;
  }
  const int64_t done = unit < encoder ? (unit + 1) / 2 : encoder / 2;
  watch_state(o, "encoder", done, x, g->encoder, g->S);
  watch_state(o, "decoder", unit < encoder ? 0 : (unit + 1 - encoder) / 2, decoder, g->decoder,
              g->T);
  ++o->seen;
}

static tfm_ids ids_of(const oracle *o)
{
  const bool classifies = o->model.config.nlabel > 0;
  return (tfm_ids){.B = o->g.B,
                   .T = o->g.T,
                   .cu_len = o->g.cu_len,
                   .ids = o->g.ids,
                   .nmark = classifies ? o->g.B : 0,
                   .marks = o->marks,
                   .cu_source = o->g.cu_source,
                   .source = o->g.source};
}

static oracle open_oracle2(const char *name)
{
  tfm_err err = {.status = TFM_OK};
  tfm_whole *whole = NULL;
  const bool classifies = strstr(name, "mnli") != NULL;
  const tfm_head_spec spec = {.lm = classifies ? TFM_LM_NONE : TFM_LM_SCORE};
  oracle o = {.name = name, .model = open_model_for(name, &spec), .g = open_golden2(name)};
  o.model.config.wanted = TFM_WANTED_ALL; /* states are looked at */
  o.results = classifies ? o.g.B : o.g.T;
  o.states = want_floats((o.g.S + o.g.T) * o.g.H);
  o.result = want_floats(o.results * tfm_model_shape(&o.model).width);
  for (int64_t b = 0; b < o.g.B; ++b) { /* the decoder's text is the source, one place later */
    o.marks[b] = o.g.cu_len[b + 1] - 1;
  }
  want_ok(tfm_whole_open(&whole, &o.model, native_float32, o.g.S + o.g.T, o.g.B, &err), &err);
  const tfm_ids ids = ids_of(&o);
  tfm_whole_run(whole, &ids, o.result, watch_states, &o);
  tfm_whole_close(whole);
  return o;
}

static void close_oracle2(oracle *o)
{
  tfm_free(o->states);
  tfm_free(o->result);
  tfm_buf_fini(&o->g.file);
  tfm_model_fini(&o->model);
}

static double log_probability(const float *logits, int64_t V, int64_t id)
{
  double sum = 0.0;
  for (int64_t i = 0; i < V; ++i) {
    sum += exp((double)logits[i] - (double)logits[id]);
  }
  return -log(sum);
}

static void every_family_has_the_reference_states_and_scores(void **state)
{
  (void)state;
  for (int i = 0; models[i]; ++i) {
    oracle o = open_oracle2(models[i]);
    const golden2 *g = &o.g;
    assert_int_equal(o.seen, o.model.config.L + 1);
    if (o.model.config.nlabel > 0) {
      check_near(o.name, o.result, g->logits, g->B * g->C, TOL_MODEL);
    }
    for (int64_t b = 0; b < g->B && o.model.config.nlabel == 0; ++b) {
      for (int64_t t = g->cu_len[b]; t + 1 < g->cu_len[b + 1]; ++t) {
        const double want = log_probability(g->logits + t * g->C, g->C, g->ids[t + 1]);
        assert_true(fabs((double)o.result[t] - want) <= TOL_MODEL);
      }
    }
    close_oracle2(&o);
  }
}

static void keep_states(void *arg, int64_t unit, const float *x, int64_t rows, int64_t H)
{
  (void)unit;
  memcpy(arg, x, (size_t)(rows * H) * sizeof *x);
}

/* A classifier sees one token of its decoder: the rest of the last layer is left out. */
static void what_no_head_looks_at_changes_no_bit(void **unused)
{
  (void)unused;
  tfm_err err = {.status = TFM_OK};
  int seen = 0;
  for (int i = 0; models[i]; ++i) {
    oracle o = open_oracle2(models[i]);
    tfm_whole *whole = NULL;
    const int64_t floats = o.results * tfm_model_shape(&o.model).width;
    const int64_t all = (o.g.S + o.g.T) * o.g.H;
    float *result = want_floats(floats);
    float *states = want_floats(all);
    if (o.model.config.nlabel > 0) {
      o.model.config.wanted = TFM_WANTED_LAST;
      want_ok(tfm_whole_open(&whole, &o.model, native_float32, o.g.S + o.g.T, o.g.B, &err),
              &err);
      const tfm_ids ids = ids_of(&o);
      tfm_whole_run(whole, &ids, result, keep_states, states);
      tfm_whole_close(whole);
      check_bits(o.name, result, o.result, floats);
      assert_true(memcmp(states, o.states, (size_t)all * sizeof(float)) != 0);
      seen += 1;
    }
    tfm_free(states);
    tfm_free(result);
    close_oracle2(&o);
  }
  assert_int_equal(seen, 1);
}

/* The parameters the program counts are those of the file, final_logits_bias included. */
static void parameters_are_those_of_the_file(void **state)
{
  (void)state;
  for (int i = 0; models[i]; ++i) {
    tfm_model model = open_model(models[i]);
    int64_t floats = 0;
    for (int64_t t = 0; t < tfm_checkpoint_count(model.checkpoint); ++t) {
      const tfm_tensor_info *info = tfm_checkpoint_at(model.checkpoint, t);
      const bool fixed = model.config.sinusoidal && strstr(info->name, "embed_positions");
      floats += fixed ? 0 : info->count;
    }
    assert_int_equal(tfm_config_parameters(&model.config), floats);
    tfm_model_fini(&model);
  }
}

/* Slices cut at cuts[0] = 0 < ... < cuts[n] = 2L over whole sequences. */
static void check_slices(const oracle *o, const int64_t *cuts, int n, tfm_par *par)
{
  tfm_err err = {.status = TFM_OK};
  tfm_embed *embed = NULL;
  const golden2 *g = &o->g;
  const tfm_ids ids = ids_of(o);
  float *x = want_floats((g->S + g->T) * g->H);
  float *result = want_floats(o->results * tfm_model_shape(&o->model).width);
  const tfm_batch batch = {.B = g->B,
                           .T = g->T,
                           .cu_len = g->cu_len,
                           .x = x + g->S * g->H,
                           .nmark = ids.nmark,
                           .marks = ids.marks,
                           .ids = g->ids,
                           .cu_source = g->cu_source,
                           .source = x};
  want_ok(tfm_embed_open(&embed, &o->model, NULL, &err), &err);
  tfm_embed_run(embed, &ids, x, par);
  tfm_embed_close(embed);
  for (int i = 0; i < n; ++i) {
    const tfm_slice_options options = {.first = cuts[i],
                                       .last = cuts[i + 1],
                                       .head = i == n - 1,
                                       .engine = native_float32,
                                       .max_tokens = g->S + g->T,
                                       .max_sequences = g->B,
                                       .nthread = tfm_par_threads(par)};
    tfm_slice *slice = NULL;
    tfm_slice_need need;
    want_ok(tfm_slice_open(&slice, &o->model, &options, &err), &err);
    want_ok(tfm_slice_measure(&need, &o->model, &options, &err), &err);
    assert_int_equal(need.scratch, tfm_slice_scratch_bytes(slice));
    tfm_slice_run(slice, &batch, par);
    if (options.head) {
      tfm_slice_head(slice, &batch, result, par);
    }
    tfm_slice_close(slice);
  }
  check_bits(o->name, x, o->states, (g->S + g->T) * g->H);
  check_bits(o->name, result, o->result, o->results * tfm_model_shape(&o->model).width);
  tfm_free(result);
  tfm_free(x);
}

static void no_cut_and_no_thread_changes_a_bit(void **state)
{
  (void)state;
  backwards_par par = make_backwards(3);
  for (int i = 0; models[i]; ++i) {
    oracle o = open_oracle2(models[i]);
    const int64_t units = 2 * o.model.config.L;
    for (int64_t a = 0; a <= units; ++a) {
      for (int64_t b = a; b <= units; ++b) {
        const int64_t cuts[] = {0, a, b, units};
        check_slices(&o, cuts, 3, (a + b) % 2 ? &par.par : NULL);
      }
    }
    close_oracle2(&o);
  }
}

static void neighbours_change_no_bit(void **state)
{
  (void)state;
  for (int i = 0; models[i]; ++i) {
    oracle o = open_oracle2(models[i]);
    const golden2 *g = &o.g;
    tfm_err err = {.status = TFM_OK};
    tfm_whole *whole = NULL;
    const int64_t width = tfm_model_shape(&o.model).width;
    float *result = want_floats(o.results * width);
    want_ok(tfm_whole_open(&whole, &o.model, native_float32, g->S + g->T, 1, &err), &err);
    for (int64_t b = 0; b < g->B; ++b) {
      const int32_t n = g->cu_len[b + 1] - g->cu_len[b];
      const int32_t cu_len[] = {0, n};
      const int32_t cu_source[] = {0, g->cu_source[b + 1] - g->cu_source[b]};
      const bool classifies = o.model.config.nlabel > 0;
      const int32_t mark = n - 1;
      const tfm_ids ids = {.B = 1,
                           .T = n,
                           .cu_len = cu_len,
                           .ids = g->ids + g->cu_len[b],
                           .nmark = classifies,
                           .marks = &mark,
                           .cu_source = cu_source,
                           .source = g->source + g->cu_source[b]};
      tfm_whole_run(whole, &ids, result, NULL, NULL);
      check_bits(o.name, result, o.result + (classifies ? b : g->cu_len[b]) * width,
                 (classifies ? 1 : n) * width);
    }
    tfm_whole_close(whole);
    tfm_free(result);
    close_oracle2(&o);
  }
}

/* ---- texts that grow ---- */

/* Two slices with slots, and one batch at a time. */
typedef struct {
  const oracle *o;
  tfm_embed *embed;
  tfm_slice *slices[2];
  float *x;
} grower;

static grower open_grower(const oracle *o, int64_t cut, int64_t pages)
{
  tfm_err err = {.status = TFM_OK};
  const golden2 *g = &o->g;
  const int64_t bounds[] = {0, cut, 2 * o->model.config.L};
  grower grow = {.o = o, .x = want_floats((g->S + g->T) * g->H)};
  want_ok(tfm_embed_open(&grow.embed, &o->model, NULL, &err), &err);
  for (int i = 0; i < 2; ++i) {
    const tfm_slice_options options = {.first = bounds[i],
                                       .last = bounds[i + 1],
                                       .engine = native_float32,
                                       .max_tokens = g->S + g->T,
                                       .max_sequences = g->B,
                                       .nthread = 1,
                                       .slots = g->B,
                                       .pages = pages};
    tfm_slice_need need;
    want_ok(tfm_slice_open(&grow.slices[i], &o->model, &options, &err), &err);
    want_ok(tfm_slice_measure(&need, &o->model, &options, &err), &err);
    assert_int_equal(need.scratch, tfm_slice_scratch_bytes(grow.slices[i]));
  }
  return grow;
}

static void close_grower(grower *grow)
{
  tfm_embed_close(grow->embed);
  tfm_slice_close(grow->slices[0]);
  tfm_slice_close(grow->slices[1]);
  tfm_free(grow->x);
}

/* The next `take` tokens of each sequence that has some left, its source with the first. */
typedef struct {
  int32_t cu_len[MOST_SEQUENCES + 1], cu_source[MOST_SEQUENCES + 1];
  int32_t slot[MOST_SEQUENCES], start[MOST_SEQUENCES];
  int32_t source[MOST_TOKENS], ids[MOST_TOKENS];
  int64_t B;
} chunk;

static bool next_chunk(const golden2 *g, int32_t *done, int32_t take, chunk *c)
{
  c->B = 0;
  c->cu_len[0] = c->cu_source[0] = 0;
  for (int32_t b = 0; b < g->B; ++b) {
    const int32_t left = g->cu_len[b + 1] - g->cu_len[b] - done[b];
    const int32_t n = left < take ? left : take;
    const int32_t reads = done[b] == 0 ? g->cu_source[b + 1] - g->cu_source[b] : 0;
    if (n == 0) {
      continue;
    }
    memcpy(c->ids + c->cu_len[c->B], g->ids + g->cu_len[b] + done[b], (size_t)n * 4);
    memcpy(c->source + c->cu_source[c->B], g->source + g->cu_source[b], (size_t)reads * 4);
    c->slot[c->B] = (int32_t)g->B - 1 - b;
    c->start[c->B] = done[b];
    c->cu_len[c->B + 1] = c->cu_len[c->B] + n;
    c->cu_source[c->B + 1] = c->cu_source[c->B] + reads;
    ++c->B;
    done[b] += n;
  }
  return c->B > 0;
}

static tfm_status run_chunk(grower *grow, const chunk *c, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t H = grow->o->g.H;
  const int32_t S = c->cu_source[c->B];
  const tfm_ids ids = {.B = c->B,
                       .T = c->cu_len[c->B],
                       .cu_len = c->cu_len,
                       .ids = c->ids,
                       .start = c->start,
                       .cu_source = S ? c->cu_source : NULL,
                       .source = c->source};
  const tfm_batch batch = {.B = c->B,
                           .T = ids.T,
                           .cu_len = c->cu_len,
                           .x = grow->x + S * H,
                           .slot = c->slot,
                           .start = c->start,
                           .cu_source = ids.cu_source,
                           .source = grow->x};
  tfm_embed_run(grow->embed, &ids, grow->x, NULL);
  for (int i = 0; i < 2; ++i) {
    TFM_TRY(tfm_slice_take(grow->slices[i], &batch, err));
    tfm_slice_run(grow->slices[i], &batch, NULL);
  }

fail:
  return st;
}

/* As many pages as the sequences need, twice over the same slots: none may be lost. */
static void check_growth(const oracle *o, int32_t take, int64_t cut)
{
  tfm_err err = {.status = TFM_OK};
  const golden2 *g = &o->g;
  int64_t pages = 0;
  for (int64_t b = 0; b < g->B; ++b) {
    pages += (g->cu_source[b + 1] - g->cu_source[b] + 63) / 64;
    pages += (g->cu_len[b + 1] - g->cu_len[b] + 63) / 64;
  }
  grower grow = open_grower(o, cut, pages);
  for (int again = 0; again < 2; ++again) {
    int32_t done[MOST_SEQUENCES] = {0};
    chunk c;
    while (next_chunk(g, done, take, &c)) {
      want_ok(run_chunk(&grow, &c, &err), &err);
      const float *x = grow.x + c.cu_source[c.B] * g->H;
      for (int64_t i = 0; i < c.B; ++i) {
        const int64_t b = g->B - 1 - c.slot[i];
        check_bits(o->name, x + c.cu_len[i] * g->H,
                   o->states + (g->S + g->cu_len[b] + c.start[i]) * g->H,
                   (c.cu_len[i + 1] - c.cu_len[i]) * g->H);
      }
    }
  }
  close_grower(&grow);
}

static void texts_grow_to_the_same_bits(void **state)
{
  (void)state;
  for (int i = 0; models[i]; ++i) {
    oracle o = open_oracle2(models[i]);
    for (int64_t cut = 0; cut <= 2 * o.model.config.L; ++cut) {
      check_growth(&o, 1, cut);
      check_growth(&o, 4, cut);
    }
    close_oracle2(&o);
  }
}

static void a_source_comes_first_and_once(void **state)
{
  (void)state;
  oracle o = open_oracle2(models[0]);
  grower grow = open_grower(&o, o.model.config.L, 16);
  tfm_err err = {.status = TFM_OK};
  int32_t done[MOST_SEQUENCES] = {0};
  chunk c;
  assert_true(next_chunk(&o.g, done, 1, &c));
  c.cu_source[c.B] = c.cu_source[c.B - 1]; /* the last one brings none */
  assert_int_equal(run_chunk(&grow, &c, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "want a source of 1 to 72 tokens at place 0, got 0"));
  close_grower(&grow);

  grow = open_grower(&o, o.model.config.L, 16);
  memset(done, 0, sizeof done);
  assert_true(next_chunk(&o.g, done, 1, &c));
  want_ok(run_chunk(&grow, &c, &err), &err);
  assert_true(next_chunk(&o.g, done, 1, &c));
  for (int64_t i = 0; i < c.B; ++i) {
    c.cu_source[i + 1] = (int32_t)(3 * (i + 1)); /* and again */
  }
  memset(c.source, 0, sizeof c.source);
  assert_int_equal(run_chunk(&grow, &c, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "want a source of 0 to 0 tokens at place 1, got 3"));
  close_grower(&grow);
  close_oracle2(&o);
}

static void pages_are_counted_for_sources_too(void **state)
{
  (void)state;
  oracle o = open_oracle2(models[0]);
  grower grow = open_grower(&o, 0, o.g.B);
  tfm_err err = {.status = TFM_OK};
  int32_t done[MOST_SEQUENCES] = {0};
  chunk c;
  assert_true(next_chunk(&o.g, done, 1, &c));
  assert_int_equal(run_chunk(&grow, &c, &err), TFM_E_FORMAT);
  assert_non_null(strstr(err.text, "pages of keys and values are taken"));
  close_grower(&grow);
  close_oracle2(&o);
}

/* An encoder alone gives vectors: the mean of the reference's last states. */
static void an_encoder_alone_gives_vectors(void **state)
{
  (void)state;
  const tfm_head_spec spec = {.task = TFM_TASK_FEATURE_EXTRACTION, .pooling = TFM_POOLING_EACH};
  tfm_err err = {.status = TFM_OK};
  tfm_model model = open_model_for("seq2seq/t5", &(tfm_head_spec){.lm = TFM_LM_SCORE});
  tfm_model_fini(&model);
  want_ok(tfm_model_open_for(&model, MODEL_FIXTURES "seq2seq/t5", &spec, &err), &err);
  golden2 g = open_golden2("seq2seq/t5");
  tfm_whole *whole = NULL;
  want_ok(tfm_whole_open(&whole, &model, native_float32, g.S, g.B, &err), &err);
  const tfm_ids ids = {.B = g.B, .T = g.S, .cu_len = g.cu_source, .ids = g.source};
  float *vectors = want_floats(g.S * g.H);
  tfm_whole_run(whole, &ids, vectors, NULL, NULL);
  check_near("vectors of an encoder", vectors, g.encoder + (g.encoder_states - 1) * g.S * g.H,
             g.S * g.H, TOL_MODEL);
  tfm_free(vectors);
  tfm_whole_close(whole);
  tfm_buf_fini(&g.file);
  tfm_model_fini(&model);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_family_has_the_reference_states_and_scores),
      cmocka_unit_test(what_no_head_looks_at_changes_no_bit),
      cmocka_unit_test(parameters_are_those_of_the_file),
      cmocka_unit_test(no_cut_and_no_thread_changes_a_bit),
      cmocka_unit_test(neighbours_change_no_bit),
      cmocka_unit_test(texts_grow_to_the_same_bits),
      cmocka_unit_test(a_source_comes_first_and_once),
      cmocka_unit_test(pages_are_counted_for_sources_too),
      cmocka_unit_test(an_encoder_alone_gives_vectors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
