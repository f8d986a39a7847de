#include "coordinator/task/quantize.h"
#include "coordinator/task/task.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

#include <math.h>

static float values[2][3] = {{3, 0, 4}, {0, 0, 2}};
static char fixture_folder[] = TFM_FIXTURES "/sentence";

typedef struct {
  tfm_options options;
  tfm_model model;
  tfm_head_spec spec;
  tfm_task_context context;
  tfm_item item;
  tfm_sequence seqs[2];
  tfm_answer answer;
} fixture;

static void make(fixture *f, bool similarity, tfm_rows rows)
{
  memset(f, 0, sizeof *f);
  f->options.similarity = similarity;
  f->model.folder = fixture_folder;
  f->context = (tfm_task_context){.folder = fixture_folder,
                                  .options = &f->options,
                                  .model = &f->model,
                                  .spec = &f->spec,
                                  .max_length = 64,
                                  .shape = {.rows = rows, .width = 3}};
  f->seqs[0] = (tfm_sequence){.item = &f->item, .rows = 1, .values = values[0]};
  f->seqs[1] = (tfm_sequence){.item = &f->item, .rows = 1, .values = values[1]};
  f->item.seqs = f->seqs;
  f->item.nseq = similarity ? 2 : 1;
  f->item.width = 3;
}

static void expect(fixture *f, const char *name, const char *wanted)
{
  tfm_err err = {0};
  const char *names[TFM_ANSWER_MAX_FIELDS];
  assert_int_equal(tfm_task_embed.fields(&f->context, names), 1);
  assert_string_equal(names[0], name);
  CHECK_OK(tfm_task_embed.answer(&f->context, &f->item, &f->answer, &err), &err);
  assert_string_equal(tfm_buf_cstr(&f->answer.value[0]), wanted);
  tfm_answer_fini(&f->answer);
}

static void an_answer_is_a_vector_vectors_or_a_cosine(void **state)
{
  (void)state;
  fixture f;
  make(&f, false, TFM_ROWS_SEQUENCE);
  expect(&f, "embedding", "[3,0,4]");
  make(&f, false, TFM_ROWS_TOKEN);
  f.seqs[0].rows = 2;
  expect(&f, "embedding", "[[3,0,4],[0,0,2]]");
  make(&f, true, TFM_ROWS_SEQUENCE);
  expect(&f, "similarity", "0.8"); /* 8 / (5 * 2) */
  static float zeros[3];
  f.seqs[1].values = zeros;
  expect(&f, "similarity", "0");
}

/* The option's words and the head's numbers are two lists: held together here. */
static void every_pooling_has_its_word(void **state)
{
  (void)state;
  for (int p = 0; p < TFM_POOLING_COUNT; ++p) {
    fixture f;
    tfm_err err = {0};
    char *none[] = {NULL};
    char verb[] = "embed";
    char name[] = "--pooling";
    char word[32];
    char *line[] = {verb, name, word};
    (void)snprintf(word, sizeof word, "%s", tfm_pooling_name((tfm_pooling)p));
    make(&f, false, TFM_ROWS_SEQUENCE);
    CHECK_OK(tfm_options_read(&f.options, 3, line, none, &err), &err);
    CHECK_OK(tfm_task_embed.ask(&f.context, &err), &err);
    assert_int_equal(f.spec.pooling, p);
    assert_string_equal(tfm_options_task(&f.options), "feature-extraction");
    tfm_options_fini(&f.options);
  }
}

static void similarity_of_tokens_is_refused(void **state)
{
  (void)state;
  fixture f;
  tfm_err err = {0};
  make(&f, true, TFM_ROWS_TOKEN);
  f.options.pooling = TFM_POOLING_EACH;
  CHECK_FAILS(tfm_task_embed.ask(&f.context, &err), TFM_E_USAGE, &err, "--similarity");
}

/* max_seq_length counts unless the user gave a length; a prompt must be one of the folder's. */
static void the_folder_says_length_and_prompts(void **state)
{
  (void)state;
  fixture f;
  tfm_err err = {0};
  make(&f, false, TFM_ROWS_SEQUENCE);
  f.model.sentence.there = true;
  CHECK_OK(tfm_task_embed.begin(&f.context, &err), &err);
  assert_int_equal(f.context.max_length, 24);
  tfm_task_embed.end(&f.context);
  f.context.max_length = f.options.max_length = 40;
  f.options.prompt_name = "document";
  CHECK_OK(tfm_task_embed.begin(&f.context, &err), &err);
  assert_int_equal(f.context.max_length, 40);
  tfm_task_embed.end(&f.context);
  f.options.prompt_name = "passage";
  CHECK_FAILS(tfm_task_embed.begin(&f.context, &err), TFM_E_USAGE, &err, "passage");
  tfm_task_embed.end(&f.context);
  f.options.prompt_name = NULL;
  f.model.sentence.after_prompt = true;
  CHECK_FAILS(tfm_task_embed.begin(&f.context, &err), TFM_E_UNSUPPORTED, &err, "prompt");
  tfm_task_embed.end(&f.context);
}

/* quantize_embeddings(x, precision=..., ranges=[[-1] * 8, [1] * 8]) of sentence-transformers 5. */
static void integers_are_the_references(void **state)
{
  (void)state;
  static const float x[2][8] = {{-1, -0.75F, -0.5F, -0.003F, 0, 0.003F, 0.5F, 0.99F},
                                {1, 0.2F, -0.2F, 0.0039F, -0.0039F, 0.7F, -0.9999F, 0.1F}};
  static const int int8s[2][8] = {{-128, -97, -65, -1, -1, -1, 63, 125},
                                  {126, 25, -27, -1, -1, 88, -128, 12}};
  static const int uint8s[2][8] = {{0, 31, 63, 127, 127, 127, 191, 253},
                                   {254, 153, 101, 127, 127, 216, 0, 140}};
  static const int bits[2] = {7, 213};
  for (int row = 0; row < 2; ++row) {
    for (int i = 0; i < 8; ++i) {
      assert_int_equal(tfm_quantized(TFM_NUMBER_INT8, x[row], 8, i), int8s[row][i]);
      assert_int_equal(tfm_quantized(TFM_NUMBER_UINT8, x[row], 8, i), uint8s[row][i]);
    }
    assert_int_equal(tfm_quantized(TFM_NUMBER_UBINARY, x[row], 8, 0), bits[row]);
    assert_int_equal(tfm_quantized(TFM_NUMBER_BINARY, x[row], 8, 0), bits[row] - 128);
  }
  const float beyond[2] = {-7, 7};
  assert_int_equal(tfm_quantized(TFM_NUMBER_INT8, beyond, 2, 0), -128);
  assert_int_equal(tfm_quantized(TFM_NUMBER_INT8, beyond, 2, 1), 127);
  assert_int_equal(tfm_quantized(TFM_NUMBER_UINT8, beyond, 2, 1), 255);
  assert_int_equal(tfm_quantized(TFM_NUMBER_UBINARY, beyond, 2, 0), 64);
  assert_int_equal(tfm_quantized_width(TFM_NUMBER_UBINARY, 385), 49);
}

/* Every half is itself; what lies between two goes to the nearer, the middle to the even one. */
static void halves_are_the_nearest(void **state)
{
  (void)state;
  for (uint16_t bits = 0; bits < 0x7bff; ++bits) {
    const uint16_t next = (uint16_t)(bits + 1);
    const float a = tfm_half_value(bits);
    const float b = tfm_half_value(next);
    const float middle = (a + b) / 2;
    assert_true(a < b);
    assert_int_equal(tfm_half_bits(a), bits);
    assert_int_equal(tfm_half_bits(-a), bits | 0x8000);
    assert_int_equal(tfm_half_bits(middle), bits % 2 ? next : bits);
    assert_int_equal(tfm_half_bits(nextafterf(middle, 0)), bits);
    assert_int_equal(tfm_half_bits(nextafterf(middle, 1e6F)), next);
  }
  assert_true(tfm_half_value(0x3c00) == 1 && tfm_half_value(0x7bff) == 65504);
  assert_int_equal(tfm_half_bits(65519.99F), 0x7bff);
  assert_int_equal(tfm_half_bits(65520), 0x7c00);
  assert_int_equal(tfm_half_bits(-INFINITY), 0xfc00);
  assert_true(isnan(tfm_half_value(tfm_half_bits(NAN))));
}

static void a_row_of_an_array_is_its_bytes(void **state)
{
  (void)state;
  static const uint16_t halves[3] = {0x4200, 0, 0x4400};
  fixture f;
  tfm_err err = {0};
  tfm_array array = {0};
  make(&f, false, TFM_ROWS_SEQUENCE);
  f.options.output_format = TFM_OUT_NPY;
  f.options.precision = TFM_NUMBER_FLOAT16;
  CHECK_OK(tfm_task_embed.array(&f.context, &array, &err), &err);
  assert_string_equal(array.type, "<f2");
  assert_int_equal(array.width, 3);
  CHECK_OK(tfm_task_embed.answer(&f.context, &f.item, &f.answer, &err), &err);
  assert_int_equal(f.answer.numbers.n, sizeof halves);
  assert_memory_equal(f.answer.numbers.data, halves, sizeof halves);
  tfm_answer_fini(&f.answer);
  f.options.similarity = true;
  CHECK_FAILS(tfm_task_embed.array(&f.context, &array, &err), TFM_E_USAGE, &err,
              "--similarity");
}

/* Little-endian bytes of 3, 0, 4 in base64, as base64.b64encode of Python's struct.pack. */
static void batches_are_answered_as_they_ask(void **state)
{
  (void)state;
  static const tfm_field format = {{"encoding_format", 15}, {"\"base64\"", 8}};
  static const char head[] =
      "\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,"
      "\"embedding\":";
  fixture f;
  tfm_row row = {0};
  char wanted[256];
  make(&f, true, TFM_ROWS_SEQUENCE);
  f.options.similarity = false;
  f.options.output_format = TFM_OUT_OPENAI;
  f.item.row = &row;
  (void)snprintf(wanted, sizeof wanted,
                 "%s[3,0,4]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[0,0,2]}]",
                 head);
  expect(&f, "embedding", wanted);
  row = (tfm_row){.extra = &format, .nextra = 1};
  f.item.nseq = 1;
  (void)snprintf(wanted, sizeof wanted, "%s\"AABAQAAAAAAAAIBA\"}]", head);
  expect(&f, "embedding", wanted);
}

static void integers_of_one_vector_only(void **state)
{
  (void)state;
  fixture f;
  tfm_err err = {0};
  make(&f, false, TFM_ROWS_SEQUENCE);
  f.options.precision = TFM_NUMBER_UINT8;
  expect(&f, "embedding", "[255,127,255]");
  CHECK_OK(tfm_task_embed.ask(&f.context, &err), &err);
  f.options.pooling = TFM_POOLING_EACH;
  CHECK_FAILS(tfm_task_embed.ask(&f.context, &err), TFM_E_USAGE, &err, "--pooling none");
  f.options.pooling = TFM_POOLING_AUTO;
  f.options.similarity = true;
  CHECK_FAILS(tfm_task_embed.ask(&f.context, &err), TFM_E_USAGE, &err, "--similarity");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_answer_is_a_vector_vectors_or_a_cosine),
      cmocka_unit_test(every_pooling_has_its_word),
      cmocka_unit_test(similarity_of_tokens_is_refused),
      cmocka_unit_test(the_folder_says_length_and_prompts),
      cmocka_unit_test(integers_are_the_references),
      cmocka_unit_test(batches_are_answered_as_they_ask),
      cmocka_unit_test(integers_of_one_vector_only),
      cmocka_unit_test(halves_are_the_nearest),
      cmocka_unit_test(a_row_of_an_array_is_its_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
