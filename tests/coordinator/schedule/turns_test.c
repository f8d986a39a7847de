/* Texts that grow, with a line that is no more than a queue here: every token comes back in the
 * order it was sent. */
#include "coordinator/schedule/turns.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

enum { TEXTS = 40, PAGE = 4 };

/* A text ends with 99. */
static bool ends(const void *arg, const tfm_sequence *text, const int32_t *tail, int64_t n)
{
  (void)arg;
  (void)text;
  return tail[n - 1] == 99;
}

typedef struct {
  tfm_turns *turns;
  tfm_item items[TEXTS];
  tfm_sequence texts[TEXTS];
  int32_t ids[64], types[64];
  int made[TEXTS];     /* steps a text has gone */
  tfm_pack *flight[8]; /* of one line, oldest first */
  int nflight;
  int64_t place[8];  /* by slot: tokens stages have; -1: freed */
  int64_t source[8]; /* by slot: tokens an encoder read */
  int64_t sourced;   /* texts that brought some */
  int64_t pages_kept, pages_most, packs;
} fixture;

static tfm_turns_options options_of(int64_t slots, int64_t pages)
{
  return (tfm_turns_options){.lines = 1,
                             .groups = 3,
                             .slots = slots,
                             .pages = pages,
                             .page_tokens = PAGE,
                             .max_tokens = 10,
                             .window = TEXTS,
                             .width = 2,
                             .branching = {.width = 1, .returned = 1, .tail = 1, .ends = ends}};
}

static fixture *open_fixture(int64_t slots, int64_t pages)
{
  tfm_err err = {0};
  fixture *f = tfm_calloc(1, sizeof *f);
  assert_non_null(f);
  const tfm_turns_options options = options_of(slots, pages);
  CHECK_OK(tfm_turns_open(&f->turns, &options, &err), &err);
  return f;
}

static void close_fixture(fixture *f)
{
  for (int i = 0; i < TEXTS; ++i) {
    tfm_free(f->texts[i].values);
    tfm_free(f->texts[i].ends);
  }
  tfm_turns_close(f->turns);
  tfm_free(f);
}

static void add(fixture *f, int i, int64_t n, int64_t grow)
{
  f->items[i] = (tfm_item){.waiting = 1};
  f->texts[i] = (tfm_sequence){
      .item = &f->items[i], .n = n, .ids = f->ids, .type_ids = f->types, .grow = grow};
  tfm_turns_add(f->turns, &f->texts[i]);
}

static int64_t pages_of(int64_t tokens)
{
  return tokens > 0 ? (tokens + PAGE - 1) / PAGE : 0;
}

/* What a stage would do: free, begin anew, go on; it never keeps more pages than it was told of. */
static void stage_takes(fixture *f, const tfm_pack *pack)
{
  for (int64_t i = 0; i < pack->nfreed; ++i) {
    f->place[pack->freed[i]] = 0;
    f->source[pack->freed[i]] = 0;
  }
  int64_t T = 0;
  int64_t sources = 0;
  for (int64_t b = 0; b < pack->B; ++b) {
    const tfm_sequence *s = pack->seqs[b];
    f->place[s->slot] = s->start == 0 ? 0 : f->place[s->slot];
    assert_int_equal(f->place[s->slot], s->start);
    f->place[s->slot] += s->n;
    assert_true(s->nsource == 0 || s->start == 0); /* once, and in one piece */
    f->source[s->slot] = s->start == 0 ? s->nsource : f->source[s->slot];
    f->sourced += s->nsource > 0;
    sources += s->nsource;
    T += s->n + s->nsource;
  }
  assert_int_equal(T, pack->T);
  assert_int_equal(sources, pack->sources);
  assert_true(T <= 10 || (pack->B == 1 && sources > 0)); /* one that is longer travels alone */
  int64_t kept = 0;
  for (int s = 0; s < 8; ++s) {
    kept += pages_of(f->place[s]) + pages_of(f->source[s]);
  }
  f->pages_most = kept > f->pages_most ? kept : f->pages_most;
  ++f->packs;
}

static bool send(fixture *f)
{
  tfm_err err = {0};
  tfm_pack *pack = NULL;
  if (f->nflight == 7) {
    return false;
  }
  CHECK_OK(tfm_turns_next(f->turns, 0, f->nflight, &pack, &err), &err);
  if (pack) {
    stage_takes(f, pack);
    f->flight[f->nflight++] = pack;
  }
  return pack != NULL;
}

/* The oldest pack comes back; text i ends after i % 7 + 1 tokens, or when it may grow no more. */
static void receive(fixture *f)
{
  tfm_err err = {0};
  tfm_pack *pack = f->flight[0];
  for (int64_t b = 0; b < pack->B; ++b) {
    const tfm_sequence *s = pack->seqs[b];
    const int64_t i = s->item - f->items;
    const bool last = f->made[i] == i % 7;
    const float values[2] = {last ? 99.0f : (float)f->made[i], -1.0f};
    f->made[i] += s->nmark > 0;
    CHECK_OK(tfm_turns_take(f->turns, pack->seqs[b], TFM_OK, values, &err), &err);
  }
  tfm_pack_close(pack);
  --f->nflight;
  memmove(f->flight, f->flight + 1, (size_t)f->nflight * sizeof(tfm_pack *));
}

static void run(fixture *f)
{
  while (tfm_turns_held(f->turns) > 0) {
    while (send(f)) {
    }
    assert_true(f->nflight > 0); /* something always moves */
    receive(f);
  }
}

/* Long and short texts through few slots and pages: all finish, with what belongs to them, and no
 * stage ever keeps more than the budget. */
static void all_finish_within_the_budget(void **state)
{
  (void)state;
  fixture *f = open_fixture(5, 9);
  for (int i = 0; i < TEXTS; ++i) {
    add(f, i, 1 + (i * 13) % 23, 5);
  }
  run(f);
  for (int i = 0; i < TEXTS; ++i) {
    const int64_t want = i % 7 + 1 < 5 ? i % 7 + 1 : 5;
    assert_int_equal(f->items[i].waiting, 0);
    assert_int_equal(f->items[i].status, TFM_OK);
    assert_int_equal(f->texts[i].rows, want);
    for (int64_t t = 0; t + 1 < want; ++t) {
      assert_true(f->texts[i].values[2 * t] == (float)t);
    }
  }
  assert_true(f->pages_most <= 9);
  close_fixture(f);
}

/* Texts an encoder reads, shorter and longer than a micro-batch: each source travels once, whole,
 * with the first token, and its pages count as long as the text lives. */
static void sources_travel_once_and_whole(void **state)
{
  (void)state;
  fixture *f = open_fixture(5, 9);
  for (int i = 0; i < TEXTS; ++i) {
    f->items[i] = (tfm_item){.waiting = 1};
    f->texts[i] = (tfm_sequence){.item = &f->items[i],
                                 .n = 1,
                                 .ids = f->ids,
                                 .type_ids = f->types,
                                 .grow = 5,
                                 .nsource = 1 + (i * 7) % 19,
                                 .source = f->ids};
    tfm_turns_add(f->turns, &f->texts[i]);
  }
  run(f);
  for (int i = 0; i < TEXTS; ++i) {
    assert_int_equal(f->items[i].waiting, 0);
    assert_int_equal(f->items[i].status, TFM_OK);
    assert_int_equal(f->texts[i].rows, i % 7 + 1 < 5 ? i % 7 + 1 : 5);
  }
  assert_int_equal(f->sourced, TEXTS);
  assert_true(f->pages_most <= 9);
  close_fixture(f);
}

static void a_text_that_can_never_fit_is_an_error_row(void **state)
{
  (void)state;
  fixture *f = open_fixture(2, 3);
  add(f, 0, 8, 6); /* 13 tokens to keep: 4 pages */
  assert_int_equal(f->items[0].waiting, 0);
  assert_int_equal(f->items[0].status, TFM_E_NOMEM);
  assert_non_null(strstr(tfm_item_error(&f->items[0]), "--kv-budget"));
  add(f, 1, 8, 5); /* 12: 3 pages */
  run(f);
  assert_int_equal(f->items[1].status, TFM_OK);
  tfm_free(f->items[0].err);
  close_fixture(f);
}

/* Three stages are kept busy by three micro-batches of like size, not by one large one. */
static void turns_are_shared_out_over_the_stages(void **state)
{
  (void)state;
  fixture *f = open_fixture(8, 100);
  for (int i = 0; i < 7; ++i) {
    add(f, i, 1, 9);
  }
  assert_true(send(f)); /* all seven prompts */
  assert_int_equal(f->flight[0]->B, 7);
  receive(f);
  while (send(f)) {
  }
  assert_int_equal(f->nflight, 3); /* text 0 has ended */
  for (int k = 0; k < 3; ++k) {
    assert_int_equal(f->flight[k]->B, 2);
  }
  run(f);
  close_fixture(f);
}

/* A result that is not finite is its row's failure, and gives its pages back. */
static void a_failure_frees_the_slot(void **state)
{
  (void)state;
  fixture *f = open_fixture(1, 3);
  tfm_err err = {0};
  add(f, 0, 2, 5);
  add(f, 1, 2, 5);
  assert_true(send(f));
  CHECK_OK(tfm_turns_take(f->turns, f->flight[0]->seqs[0], TFM_E_INTERNAL, NULL, &err), &err);
  tfm_pack_close(f->flight[0]);
  f->nflight = 0;
  assert_int_equal(f->items[0].status, TFM_E_INTERNAL);
  run(f);
  assert_int_equal(f->items[1].status, TFM_OK);
  tfm_free(f->items[0].err);
  close_fixture(f);
}

/* Three beams of a search that gets two tokens, with 4 candidates a row: the prompt goes once, then
 * beams go together, each from the slot its scores say. */
static void beams_go_on_from_their_parents(void **state)
{
  (void)state;
  static const float first[] = {7, 8, 9, 6, -1.0f, -2.0f, -3.0f, -4.0f};
  static const float then[3][8] = {{1, 2, 3, 4, -9.0f, -9.5f, -9.7f, -9.9f},
                                   {5, 6, 3, 4, -1.0f, -1.5f, -9.7f, -9.9f},
                                   {1, 99, 3, 4, -3.5f, -0.1f, -9.7f, -9.9f}};
  tfm_err err = {0};
  tfm_turns *turns = NULL;
  tfm_turns_options options = options_of(3, 9);
  int32_t ids[8] = {0};
  tfm_pack *pack = NULL;
  options.width = 8;
  options.branching = (tfm_branching){.width = 3,
                                      .candidates = 4,
                                      .length_penalty = 1.0,
                                      .returned = 2,
                                      .tail = 1,
                                      .ends = ends};
  tfm_item item = {.waiting = 1};
  tfm_sequence text = {.item = &item, .n = 5, .ids = ids, .type_ids = ids, .grow = 3};
  CHECK_OK(tfm_turns_open(&turns, &options, &err), &err);
  tfm_turns_add(turns, &text);
  CHECK_OK(tfm_turns_next(turns, 0, 0, &pack, &err), &err);
  assert_int_equal(pack->B, 1);
  CHECK_OK(tfm_turns_take(turns, pack->seqs[0], TFM_OK, first, &err), &err);
  tfm_pack_close(pack);
  CHECK_OK(tfm_turns_next(turns, 0, 0, &pack, &err), &err);
  assert_int_equal(pack->B, 3); /* 7, 8, 9, all from the prompt */
  for (int b = 0; b < 3; ++b) {
    assert_int_equal(pack->seqs[b]->parent, 0);
    assert_int_equal(pack->seqs[b]->ids[0], 7 + b);
    CHECK_OK(tfm_turns_take(turns, pack->seqs[b], TFM_OK, then[b], &err), &err);
  }
  tfm_pack_close(pack);
  CHECK_OK(tfm_turns_next(turns, 0, 0, &pack, &err), &err);
  assert_int_equal(pack->B, 3); /* 8 5: -3, 9 99: -3.1 which ends, 8 6: -3.5, 9 1: -6.5 */
  static const int32_t parents[] = {1, 1, 2};
  static const int32_t last[] = {5, 6, 1};
  for (int b = 0; b < 3; ++b) {
    assert_int_equal(pack->seqs[b]->parent, parents[b]);
    assert_int_equal(pack->seqs[b]->ids[0], last[b]);
    CHECK_OK(tfm_turns_take(turns, pack->seqs[b], TFM_OK, then[b], &err), &err);
  }
  tfm_pack_close(pack);
  assert_int_equal(item.waiting, 0); /* three tokens are all there may be */
  assert_int_equal(text.nend, 2);
  assert_int_equal(text.ends[0].rows, 3); /* 8 6 5 at -4.5 of 3, then 9 99 at -3.1 of 2 */
  assert_int_equal(text.ends[1].rows, 2);
  assert_true(text.ends[0].score == -1.5f);
  assert_true(text.values[0] == 8.0f && text.values[2] == 6.0f && text.values[4] == 5.0f);
  tfm_free(text.values);
  tfm_free(text.ends);
  tfm_turns_close(turns);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_finish_within_the_budget),
      cmocka_unit_test(sources_travel_once_and_whole),
      cmocka_unit_test(a_text_that_can_never_fit_is_an_error_row),
      cmocka_unit_test(turns_are_shared_out_over_the_stages),
      cmocka_unit_test(a_failure_frees_the_slot),
      cmocka_unit_test(beams_go_on_from_their_parents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
