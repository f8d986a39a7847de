#include "coordinator/batch/batcher.h"

#include "core/base/mem.h"
#include "tests/support/check.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 4000 };

typedef struct {
  tfm_item items[MOST];
  tfm_sequence seqs[MOST];
  tfm_row rows[MOST];
  int seen[MOST];
} fixture;

static fixture f;

static void make_rows(int n, unsigned seed, int longest)
{
  srand(seed);
  memset(&f, 0, sizeof f);
  for (int i = 0; i < n; ++i) {
    f.rows[i].number = i;
    f.items[i].row = &f.rows[i];
    f.items[i].seqs = &f.seqs[i];
    f.items[i].nseq = 1;
    f.seqs[i].item = &f.items[i];
    f.seqs[i].n = 1 + rand() % longest;
    f.seqs[i].rows = 1;
  }
}

static tfm_batcher *open_batcher(int64_t tokens, int64_t sequences, int64_t window)
{
  tfm_batcher *b = NULL;
  tfm_err err = {0};
  tfm_batcher_options o = {.max_tokens = tokens,
                           .max_sequences = sequences,
                           .max_rows = sequences,
                           .window = window};
  assert_int_equal(tfm_batcher_open(&b, &o, &err), TFM_OK);
  return b;
}

/* Check one pack's promises and tick its rows off. Returns its rows. */
static int64_t check_pack(const tfm_pack *pack, int64_t tokens, int64_t sequences)
{
  int64_t sum = 0;
  for (int64_t i = 0; i < pack->B; ++i) {
    sum += pack->seqs[i]->n;
    ++f.seen[pack->seqs[i]->item->row->number];
  }
  assert_int_equal(sum, pack->T);
  assert_in_range(pack->B, 1, sequences);
  assert_true(pack->T <= tokens || pack->B == 1);
  return pack->B;
}

static void drain(tfm_batcher *b, bool flush, int64_t tokens, int64_t sequences)
{
  tfm_err err = {0};
  for (;;) {
    tfm_pack *pack = NULL;
    assert_int_equal(tfm_batcher_next(b, flush, &pack, &err), TFM_OK);
    if (!pack) {
      return;
    }
    (void)check_pack(pack, tokens, sequences);
    tfm_pack_close(pack);
  }
}

/* Whatever the sizes, every row leaves exactly once and no pack breaks its limits. Random sizes
 * with rows longer than the budget among them reach all edges of the cutting. */
static void every_row_leaves_once(void **state)
{
  (void)state;
  for (unsigned seed = 0; seed < 60; ++seed) {
    int n = 1 + (int)(seed * 37 % 900);
    int64_t tokens = 1 + seed * 13 % 300;
    int64_t sequences = 1 + seed * 7 % 40;
    make_rows(n, seed, 120);
    tfm_batcher *b = open_batcher(tokens, sequences, 1 + seed % 50);
    for (int i = 0; i < n; ++i) {
      while (!tfm_batcher_room(b)) {
        drain(b, false, tokens, sequences);
      }
      tfm_batcher_add(b, &f.seqs[i]);
    }
    drain(b, true, tokens, sequences);
    assert_int_equal(tfm_batcher_held(b), 0);
    for (int i = 0; i < n; ++i) {
      assert_int_equal(f.seen[i], 1);
    }
    tfm_batcher_close(b);
  }
}

/* Without flush nothing leaves but full packs: the next row would not have fitted. */
static void packs_are_full_without_flush(void **state)
{
  (void)state;
  make_rows(1000, 3, 20);
  tfm_batcher *b = open_batcher(100, 1000, 64);
  for (int i = 0; i < 1000; ++i) {
    tfm_batcher_add(b, &f.seqs[i]);
    tfm_pack *pack = NULL;
    tfm_err err = {0};
    while (tfm_batcher_next(b, false, &pack, &err) == TFM_OK && pack) {
      assert_true(pack->T > 100 - 20);
      tfm_pack_close(pack);
    }
    assert_true(tfm_batcher_room(b));
  }
  drain(b, true, 100, 1000);
  tfm_batcher_close(b);
}

/* A window of one row keeps the input's order; a wider one sorts longest first. */
static void window_decides_order(void **state)
{
  (void)state;
  tfm_err err = {0};
  for (int window = 1; window <= 50; window += 49) {
    make_rows(50, 9, 100);
    tfm_batcher *b = open_batcher(1 << 20, 1000, window);
    tfm_pack *pack = NULL;
    for (int i = 0; i < 50; ++i) {
      tfm_batcher_add(b, &f.seqs[i]);
      if (window == 1 && i < 49) {
        assert_int_equal(tfm_batcher_next(b, false, &pack, &err), TFM_OK);
        assert_null(pack);
      }
    }
    assert_int_equal(tfm_batcher_next(b, true, &pack, &err), TFM_OK);
    assert_int_equal(pack->B, 50);
    for (int i = 1; i < 50; ++i) {
      if (window == 1) {
        assert_int_equal(pack->seqs[i]->item->row->number, i);
      } else {
        assert_true(pack->seqs[i - 1]->n >= pack->seqs[i]->n);
      }
    }
    tfm_pack_close(pack);
    tfm_batcher_close(b);
  }
}

/* Items of several sequences: those that want to be together share a pack whenever they fit one. */
static void sequences_of_one_row_stay_together(void **state)
{
  (void)state;
  enum { ITEMS = 60, EACH = 4 };
  make_rows(ITEMS * EACH, 5, 20);
  for (int i = 0; i < ITEMS; ++i) {
    tfm_item *item = &f.items[i];
    item->seqs = &f.seqs[i * EACH];
    item->nseq = EACH;
    item->together = true;
    for (int k = 0; k < EACH; ++k) {
      item->seqs[k].item = item;
      item->tokens += item->seqs[k].n;
      item->longest = item->seqs[k].n > item->longest ? item->seqs[k].n : item->longest;
    }
  }
  tfm_batcher *b = open_batcher(100, 50, ITEMS * EACH);
  for (int i = 0; i < ITEMS * EACH; ++i) {
    tfm_batcher_add(b, &f.seqs[i]);
  }
  int packs = 0;
  for (;;) {
    tfm_err err = {0};
    tfm_pack *pack = NULL;
    assert_int_equal(tfm_batcher_next(b, true, &pack, &err), TFM_OK);
    if (!pack) {
      break;
    }
    ++packs;
    for (int64_t i = 0; i < pack->B; i += EACH) {
      for (int k = 0; k < EACH; ++k) {
        assert_ptr_equal(pack->seqs[i + k], &pack->seqs[i]->item->seqs[k]);
      }
    }
    assert_int_equal(pack->B % EACH, 0);
    tfm_pack_close(pack);
  }
  assert_true(packs > 10);
  tfm_batcher_close(b);
}

/* Rows of results bound a pack as tokens do; a sequence with more than all of them goes alone. */
static void rows_of_results_bound_a_pack(void **state)
{
  (void)state;
  make_rows(300, 6, 9);
  for (int i = 0; i < 300; ++i) {
    f.seqs[i].rows = i % 7 == 0 ? 40 : f.seqs[i].n;
  }
  tfm_err err = {0};
  tfm_batcher *b = NULL;
  tfm_batcher_options o = {
      .max_tokens = 1000, .max_sequences = 100, .max_rows = 30, .window = 300};
  assert_int_equal(tfm_batcher_open(&b, &o, &err), TFM_OK);
  for (int i = 0; i < 300; ++i) {
    tfm_batcher_add(b, &f.seqs[i]);
  }
  int64_t seen = 0;
  for (;;) {
    tfm_pack *pack = NULL;
    int64_t rows = 0;
    assert_int_equal(tfm_batcher_next(b, true, &pack, &err), TFM_OK);
    if (!pack) {
      break;
    }
    for (int64_t i = 0; i < pack->B; ++i) {
      rows += pack->seqs[i]->rows;
    }
    assert_int_equal(rows, pack->rows);
    assert_true(rows <= 30 || pack->B == 1);
    seen += pack->B;
    tfm_pack_close(pack);
  }
  assert_int_equal(seen, 300);
  tfm_batcher_close(b);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_row_leaves_once),
      cmocka_unit_test(packs_are_full_without_flush),
      cmocka_unit_test(window_decides_order),
      cmocka_unit_test(sequences_of_one_row_stay_together),
      cmocka_unit_test(rows_of_results_bound_a_pack),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
