/* Texts that grow, with a line that is no more than a queue here: every token comes back in the
 * order it was sent. */
#include "coordinator/schedule/turns.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

enum { TEXTS = 40, PAGE = 4, SLOT_PAGES = 32, ALL_PAGES = 512, LONGEST = 96, BRANCHES = 3 };

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
  int32_t ids[LONGEST], types[LONGEST];
  int32_t own[TEXTS][LONGEST]; /* ids of texts that differ */
  int64_t bad[TEXTS];          /* > 0: with this many tokens the text is not finite any more */
  tfm_pack *flight[8];         /* of one line, oldest first */
  int nflight;
  int64_t place[8];           /* by slot: tokens stages have; -1: freed */
  int page[8][SLOT_PAGES];    /* by slot: its pages' numbers */
  int users[ALL_PAGES];       /* by page */
  int32_t tokens[8][LONGEST]; /* by slot: the ids it holds */
  int64_t source[8];          /* by slot: tokens an encoder read */
  int64_t sourced;            /* texts that brought some */
  int64_t pages_most, packs;
} fixture;

static tfm_turns_options options_of(int64_t slots, int64_t pages)
{
  return (tfm_turns_options){.lines = 1,
                             .groups = 3,
                             .slots = slots,
                             .pages = pages,
                             .page_tokens = PAGE,
                             .max_tokens = 10,
                             .prompt_tokens = 10,
                             .window = TEXTS,
                             .width = 2,
                             .branching = {.width = 1, .returned = 1, .tail = 1, .ends = ends}};
}

static fixture *open_with(const tfm_turns_options *options)
{
  tfm_err err = {0};
  fixture *f = tfm_calloc(1, sizeof *f);
  assert_non_null(f);
  CHECK_OK(tfm_turns_open(&f->turns, options, &err), &err);
  return f;
}

static fixture *open_fixture(int64_t slots, int64_t pages)
{
  const tfm_turns_options options = options_of(slots, pages);
  return open_with(&options);
}

static void close_fixture(fixture *f)
{
  for (int i = 0; i < TEXTS; ++i) {
    tfm_free(f->texts[i].values);
    tfm_free(f->texts[i].ends);
    tfm_free(f->items[i].err);
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

static void let_go(fixture *f, int slot)
{
  for (int64_t p = 0; p < pages_of(f->place[slot]); ++p) {
    --f->users[f->page[slot][p]];
  }
  f->place[slot] = 0;
}

/* Whether the sequence makes its text, or did, something that is not finite. */
static bool spoils(const fixture *f, const tfm_sequence *s)
{
  const int64_t bad = f->bad[s->item - f->items];
  return bad > 0 && s->start + s->n >= bad;
}

/* A page that is not full is written to by its only user; stages behind the one where a text fails
 * keep nothing of what came with that. */
static void grow(fixture *f, const tfm_sequence *s)
{
  const int64_t place = f->place[s->slot];
  int64_t have = pages_of(place);
  if (place % PAGE > 0 && f->users[f->page[s->slot][have - 1]] > 1) {
    --f->users[f->page[s->slot][--have]];
  }
  for (int free = 0; have < pages_of(place + s->n); ++free) {
    assert_true(free < ALL_PAGES);
    if (f->users[free] == 0) {
      f->users[free] = 1;
      f->page[s->slot][have++] = free;
    }
  }
  for (int64_t i = 0; i < s->n; ++i) {
    f->tokens[s->slot][place + i] = spoils(f, s) ? -1 : s->ids[i];
  }
  f->place[s->slot] += s->n;
}

/* What slots held before a pack came. */
typedef struct {
  int64_t place[8];
  int page[8][SLOT_PAGES];
  int32_t tokens[8][LONGEST];
} snapshot;

/* A slot goes on from another one of its text, or from whole pages of another text, which must be
 * those tokens' by now. */
static void fork_slot(fixture *f, const snapshot *was, const tfm_sequence *s)
{
  const int64_t page_bytes = pages_of(s->start) * (int64_t)sizeof **f->page;
  let_go(f, s->slot);
  memcpy(f->page[s->slot], was->page[s->parent], (size_t)page_bytes);
  memcpy(f->tokens[s->slot], was->tokens[s->parent], (size_t)s->start * sizeof **f->tokens);
  f->place[s->slot] = s->start;
}

/* All at once: what others of the same pack go on from is not there yet. */
static void fork_slots(fixture *f, const tfm_pack *pack)
{
  snapshot was;
  memcpy(was.place, f->place, sizeof was.place);
  memcpy(was.page, f->page, sizeof was.page);
  memcpy(was.tokens, f->tokens, sizeof was.tokens);
  for (int64_t b = 0; b < pack->B; ++b) {
    const tfm_sequence *s = pack->seqs[b];
    for (int64_t p = 0; s->parent != s->slot && p < pages_of(s->start); ++p) {
      assert_true(s->start <= was.place[s->parent]);
      assert_true(s->start % PAGE == 0 || s->start == was.place[s->parent]);
      ++f->users[was.page[s->parent][p]];
    }
  }
  for (int64_t b = 0; b < pack->B; ++b) {
    if (pack->seqs[b]->parent != pack->seqs[b]->slot) {
      fork_slot(f, &was, pack->seqs[b]);
    }
  }
}

/* What a stage would do: free, begin anew, go on; it never keeps more pages than it was told of. */
static void stage_takes(fixture *f, const tfm_pack *pack)
{
  for (int64_t i = 0; i < pack->nfreed; ++i) {
    let_go(f, pack->freed[i]);
    f->source[pack->freed[i]] = 0;
  }
  fork_slots(f, pack);
  int64_t T = 0;
  int64_t sources = 0;
  for (int64_t b = 0; b < pack->B; ++b) {
    const tfm_sequence *s = pack->seqs[b];
    if (s->start == 0) {
      let_go(f, s->slot);
    }
    assert_int_equal(f->place[s->slot], s->start);
    grow(f, s);
    const tfm_sequence *text = &f->texts[s->item - f->items];
    const int64_t said = f->place[s->slot] < text->n ? f->place[s->slot] : text->n;
    if (!spoils(f, s)) {
      assert_memory_equal(f->tokens[s->slot], text->ids, (size_t)said * sizeof *text->ids);
    }
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
  for (int p = 0; p < ALL_PAGES; ++p) {
    kept += f->users[p] > 0;
  }
  for (int s = 0; s < 8; ++s) {
    kept += pages_of(f->source[s]);
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

/* The oldest pack comes back; text i ends after i % 7 + 1 tokens, or when it may grow no more. Each
 * of its branches gets the same. */
static void receive(fixture *f)
{
  tfm_err err = {0};
  tfm_pack *pack = f->flight[0];
  for (int64_t b = 0; b < pack->B; ++b) {
    const tfm_sequence *s = pack->seqs[b];
    const int64_t i = s->item - f->items;
    const int64_t made = s->start + s->n - f->texts[i].n;
    const tfm_status fared = spoils(f, s) ? TFM_E_INTERNAL : TFM_OK;
    float values[2 * BRANCHES];
    for (int k = 0; k < BRANCHES; ++k) {
      values[2 * k] = made == i % 7 ? 99.0f : (float)made;
      values[2 * k + 1] = -1.0f;
    }
    CHECK_OK(tfm_turns_take(f->turns, pack->seqs[b], fared, values, &err), &err);
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

/* A line's next micro-batch, of so many texts. */
static tfm_pack *next_of(fixture *f, int line, int64_t texts)
{
  tfm_err err = {0};
  tfm_pack *pack = NULL;
  CHECK_OK(tfm_turns_next(f->turns, line, 0, &pack, &err), &err);
  assert_int_equal(pack ? pack->B : 0, texts);
  return pack;
}

/* The pack comes back, and all of its texts end. */
static void end_all(fixture *f, tfm_pack *pack)
{
  static const float last[2] = {99.0f, -1.0f};
  tfm_err err = {0};
  for (int64_t b = 0; b < pack->B; ++b) {
    CHECK_OK(tfm_turns_take(f->turns, pack->seqs[b], TFM_OK, last, &err), &err);
  }
  tfm_pack_close(pack);
}

/* The first line to ask does not take what another has room for; where a line has none the other
 * one has the next text. */
static void lines_share_what_waits(void **state)
{
  (void)state;
  tfm_turns_options options = options_of(5, 9);
  options.lines = 2;
  fixture *f = open_with(&options);
  for (int i = 0; i < 6; ++i) {
    add(f, i, 3, 5);
  }
  tfm_pack *packs[2] = {next_of(f, 0, 3), next_of(f, 1, 3)};
  end_all(f, packs[0]);
  end_all(f, packs[1]);
  enum { WHOLE = 9 * PAGE }; /* all pages of a line */
  for (int i = 6; i < 9; ++i) {
    add(f, i, WHOLE - 5, 5);
  }
  packs[0] = next_of(f, 0, 1);
  packs[1] = next_of(f, 1, 1);
  assert_int_equal(tfm_turns_held(f->turns), 3);
  tfm_sequence *const second = packs[1]->seqs[0];
  while (f->items[7].waiting > 0) { /* a chunk at a time, until it asks for its first token */
    end_all(f, packs[1]);
    packs[1] = f->items[7].waiting > 0 ? next_of(f, 1, 1) : NULL;
  }
  assert_ptr_equal(second->item, &f->items[7]);
  packs[1] = next_of(f, 1, 1);
  assert_ptr_equal(packs[1]->seqs[0]->item, &f->items[8]);
  tfm_pack_close(packs[0]);
  tfm_pack_close(packs[1]);
  close_fixture(f);
}

/* Of prompts that wait each micro-batch under way gets a share: no less than products are fast
 * with, no more than it is told. */
static void prompts_are_cut_for_the_line(void **state)
{
  (void)state;
  static const int64_t wanted[][2] = {{2, 128}, {1, 90}, {1, 64}}; /* texts, tokens */
  enum { PACKS = sizeof wanted / sizeof wanted[0] };
  tfm_turns_options options = options_of(5, 200);
  options.groups = 2;
  options.max_tokens = 400;
  options.prompt_tokens = 128;
  fixture *f = open_with(&options);
  for (int i = 0; i < 4; ++i) {
    f->own[i][0] = i; /* nothing to share */
    add(f, i, 90, 5);
    f->texts[i].ids = f->own[i];
  }
  for (int i = 0; i < PACKS; ++i) {
    tfm_pack *pack = next_of(f, 0, wanted[i][0]);
    assert_int_equal(pack->T, wanted[i][1]);
    tfm_pack_close(pack);
  }
  close_fixture(f);
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

/* Texts of a few kinds, each kind with its own beginning, through few slots and pages: no page of a
 * beginning goes through twice while somebody has it, and none is counted twice. */
static void beginnings_are_shared(void **state)
{
  (void)state;
  static const int64_t budgets[][2] = {{5, 12}, {8, 40}, {2, 9}, {3, 9}, {8, 20}, {1, 9}};
  for (size_t k = 0; k < sizeof budgets / sizeof *budgets; ++k) {
    fixture *f = open_fixture(budgets[k][0], budgets[k][1]);
    int64_t tokens = 0;
    for (int i = 0; i < TEXTS; ++i) {
      const int64_t n = 1 + (i * 13) % 23;
      for (int64_t t = 0; t < n; ++t) {
        f->own[i][t] = t < 3 + 6 * (i % 3) ? 100 + i % 2 : 1000 * (i % 5) + (int32_t)t;
      }
      add(f, i, n, 5);
      f->texts[i].ids = f->own[i];
      tokens += n;
    }
    run(f);
    for (int i = 0; i < TEXTS; ++i) {
      assert_int_equal(f->items[i].status, TFM_OK);
      assert_int_equal(f->texts[i].rows, i % 7 + 1 < 5 ? i % 7 + 1 : 5);
    }
    const int64_t shared = tfm_turns_shared(f->turns);
    print_message("%d slots, %d pages: %d of %d tokens of prompts are shared\n",
                  (int)budgets[k][0], (int)budgets[k][1], (int)shared, (int)tokens);
    assert_true(f->pages_most <= budgets[k][1]);
    assert_true(budgets[k][0] == 1 ? shared == 0 : budgets[k][0] < 5 || shared > 0);
    close_fixture(f);
  }
}

/* One text at a time: the next turn of a conversation finds what the last one left. */
static void what_rests_is_found_again(void **state)
{
  (void)state;
  fixture *f = open_fixture(2, 20);
  for (int i = 0; i < 40; ++i) {
    f->ids[i] = i;
  }
  add(f, 0, 9, 5);
  run(f); /* one token, 99, which stages never see */
  add(f, 1, 14, 5);
  assert_true(send(f));
  assert_int_equal(f->flight[0]->seqs[0]->start, 8);
  run(f);
  add(f, 2, 30, 5);
  assert_true(send(f));
  assert_int_equal(f->flight[0]->seqs[0]->start, 12);
  run(f);
  assert_int_equal(tfm_turns_shared(f->turns), 20);
  close_fixture(f);
}

static uint32_t next(uint32_t *state)
{
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

/* Text i: a beginning of some length of one of two others, then tokens of its own; now and then it
 * fails on the way. */
static void add_at_random(fixture *f, int i, uint32_t *seed)
{
  const int64_t n = 1 + next(seed) % 24;
  const int64_t common = next(seed) % 24;
  const int32_t kind = 100 * (1 + (int32_t)(next(seed) % 2));
  for (int64_t t = 0; t < n; ++t) {
    f->own[i][t] = t < common ? kind + (int32_t)t : 1000 * (i + 1) + (int32_t)t;
  }
  f->bad[i] = next(seed) % 5 == 0 ? 1 + next(seed) % (uint32_t)(n + 4) : 0;
  add(f, i, n, 5);
  f->texts[i].ids = f->own[i];
}

/* After all of them one that takes every page there is: none was lost. */
static void run_at_random(fixture *f, int64_t pages, uint32_t *seed)
{
  while (tfm_turns_held(f->turns) > 0) {
    while (next(seed) % 4 > 0 && send(f)) {
    }
    if (f->nflight > 0 && next(seed) % 3 > 0) {
      receive(f);
    } else if (!send(f)) {
      assert_true(f->nflight > 0);
      receive(f);
    }
  }
  add(f, 0, pages * PAGE, 1);
  f->bad[0] = 0;
  run(f);
}

/* Slots, pages, branches, beginnings, failures and the order of events by lot: every text that does
 * not fail gets what is its own from pages that hold its own tokens, and no stage keeps more pages
 * than there are. */
static void any_admission_keeps_its_promises(void **state)
{
  (void)state;
  int64_t shared = 0;
  for (uint32_t round = 0; round < 3000; ++round) {
    uint32_t seed = round;
    const int64_t width = 1 + next(&seed) % BRANCHES;
    const int64_t pages = 7 + 4 * (width - 1) + next(&seed) % 6;
    tfm_turns_options options = options_of(width + next(&seed) % (9 - (uint32_t)width), pages);
    options.width = 2 * BRANCHES;
    options.branching.width = options.branching.returned = width;
    fixture *f = open_with(&options);
    for (int i = 1; i < TEXTS; ++i) {
      add_at_random(f, i, &seed);
    }
    run_at_random(f, pages, &seed);
    for (int i = 1; i < TEXTS; ++i) {
      const int64_t most = i % 7 + 1 < 5 ? i % 7 + 1 : 5;
      const bool fails = f->bad[i] > 0 && f->bad[i] < f->texts[i].n + most;
      assert_int_equal(f->items[i].waiting, 0);
      assert_int_equal(f->items[i].status, fails ? TFM_E_INTERNAL : TFM_OK);
      assert_int_equal(f->texts[i].rows, fails ? 0 : width * most);
    }
    assert_true(f->pages_most <= pages);
    shared += tfm_turns_shared(f->turns);
    close_fixture(f);
  }
  assert_true(shared > 0);
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
      cmocka_unit_test(lines_share_what_waits),
      cmocka_unit_test(prompts_are_cut_for_the_line),
      cmocka_unit_test(all_finish_within_the_budget),
      cmocka_unit_test(beginnings_are_shared),
      cmocka_unit_test(what_rests_is_found_again),
      cmocka_unit_test(any_admission_keeps_its_promises),
      cmocka_unit_test(sources_travel_once_and_whole),
      cmocka_unit_test(a_text_that_can_never_fit_is_an_error_row),
      cmocka_unit_test(turns_are_shared_out_over_the_stages),
      cmocka_unit_test(a_failure_frees_the_slot),
      cmocka_unit_test(beams_go_on_from_their_parents),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
