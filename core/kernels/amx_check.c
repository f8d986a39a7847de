/* Do two kinds of tile registers give the same bits? What is tried is small, and what comes of it
 * is all of a product: whole and cut strips, one panel and two, sums from zero and sums that go
 * on, numbers near one and numbers next to the denormals. */
#include "core/kernels/amx.h"

#include <stdint.h>
#include <string.h>

enum {
  STEPS = 2,
  ROW = STEPS * TFM__AMX_STEP,
  PADDED = 2 * TFM__AMX_STRIP,
  PANEL = ROW * TFM__AMX_STEP /* words of a panel, for one piece */
};

typedef struct {
  _Alignas(64) float a[TFM__AMX_PIECES * PADDED * ROW];
  _Alignas(64) float b[2][TFM__AMX_PIECES * PANEL];
  _Alignas(64) float sums[PADDED * TFM__AMX_GROUP];
  _Alignas(64) float one[PADDED * TFM__AMX_GROUP];
  _Alignas(64) float other[PADDED * TFM__AMX_GROUP];
  uint64_t state;
} trial;

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint32_t draw(trial *t)
{
  uint64_t z = t->state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (uint32_t)(z >> 32);
}

/* Pairs of bfloat16 whose exponents begin at low and take 30 values: none is a denormal, infinite
 * or no number. */
static void fill(trial *t, float *words, int count, uint32_t low)
{
  for (int i = 0; i < count; ++i) {
    const uint32_t first = low + draw(t) % 30;
    const uint32_t second = low + draw(t) % 30;
    const uint32_t u = (draw(t) & 0x807f807fu) | first << 7 | second << 23;
    memcpy(words + i, &u, sizeof u);
  }
}

static void fill_all(trial *t, int64_t rows, uint32_t low)
{
  fill(t, t->a, TFM__AMX_PIECES * PADDED * ROW, low);
  for (int p = 0; p < TFM__AMX_PIECES; ++p) { /* rows that are not there are zeros */
    memset(t->a + (p * PADDED + rows) * ROW, 0, (size_t)(PADDED - rows) * ROW * sizeof(float));
  }
  fill(t, t->b[0], TFM__AMX_PIECES * PANEL, low);
  fill(t, t->b[1], TFM__AMX_PIECES * PANEL, low);
  fill(t, t->sums, PADDED * TFM__AMX_GROUP, 2 * low > 127 ? 2 * low - 127 : 1);
}

static void run(const tfm__amx *amx, int pieces, const tfm__amx_panel *panel)
{
  amx->begin();
  (pieces == 0 ? amx->int8 : amx->pieces[pieces - 1])(panel);
  amx->end();
}

/* pieces: 0 for int8. */
static bool same(trial *t, const tfm__amx *one, const tfm__amx *other, int pieces,
                 tfm__amx_panel panel)
{
  const size_t cols = (panel.wide ? 2 : 1) * TFM__AMX_STEP;
  memcpy(t->one, t->sums, sizeof t->one);
  memcpy(t->other, t->sums, sizeof t->other);
  panel.c = t->one;
  run(one, pieces, &panel);
  panel.c = t->other;
  run(other, pieces, &panel);
  for (int64_t m = 0; m < panel.rows; ++m) {
    if (memcmp(t->one + m * TFM__AMX_GROUP, t->other + m * TFM__AMX_GROUP,
               cols * sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

bool tfm__amx_agrees(const tfm__amx *one, const tfm__amx *other)
{
  static const int64_t rows[] = {1, TFM__AMX_STEP + 1, TFM__AMX_STRIP + 5, PADDED};
  static const uint32_t low[] = {110,
                                 40}; /* products near 1; sums that leave the normal numbers */
  enum { ROWS = sizeof rows / sizeof rows[0], LOWS = sizeof low / sizeof low[0] };
  trial t = {.state = 2026};
  bool agree = true;
  for (int i = 0; i < ROWS * LOWS && agree; ++i) { /* each of two with each of two others */
    const tfm__amx_panel panel = {
        .a = t.a,
        .a_row = ROW,
        .a_piece = PADDED * ROW,
        .b = {t.b[0], t.b[1]},
        .last = {t.b[0] + PANEL - TFM__AMX_STEP * TFM__AMX_STEP,
                 t.b[1] + PANEL - TFM__AMX_STEP * TFM__AMX_STEP},
        .b_row = TFM__AMX_STEP,
        .last_row = TFM__AMX_STEP,
        .b_piece = PANEL,
        .ahead = t.a,
        .steps = STEPS,
        .rows = rows[i % ROWS],
        .wide = (i + i / ROWS) % 2 != 0,
        .go_on = (i / 2 + i / ROWS) % 2 != 0,
    };
    fill_all(&t, panel.rows, low[i / ROWS % LOWS]);
    for (int pieces = 0; pieces <= TFM__AMX_PIECES && agree; ++pieces) {
      agree = same(&t, one, other, pieces, panel);
    }
  }
  return agree;
}
