#include "coordinator/cli/option_table.h"

#include <string.h>

enum { LONGEST = 32 }; /* names and words beyond this are not compared */

static int least(int a, int b)
{
  return a < b ? a : b;
}

/* Edits (insert, delete, change, swap two neighbours) from a to b, both at most LONGEST long.
 * Source: Damerau 1964; the restricted form, where no piece is edited twice. */
static int edits(const char *a, const char *b)
{
  int row[3][LONGEST + 1];
  int m = (int)strlen(a);
  int n = (int)strlen(b);
  for (int j = 0; j <= n; ++j) {
    row[0][j] = j;
  }
  for (int i = 1; i <= m; ++i) {
    int *now = row[i % 3];
    const int *last = row[(i + 2) % 3];
    const int *before = row[(i + 1) % 3];
    now[0] = i;
    for (int j = 1; j <= n; ++j) {
      int change = a[i - 1] == b[j - 1] ? 0 : 1;
      now[j] = least(last[j - 1] + change, 1 + least(last[j], now[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = least(now[j], before[j - 2] + 1);
      }
    }
  }
  return row[m % 3][n];
}

const char *tfm__nearest(const char *word, const char *const *names, int n)
{
  size_t length = strlen(word);
  const char *best = NULL;
  if (length < 2 || length > LONGEST) {
    return NULL;
  }
  int near = 1 + (int)length / 4; /* more than that, and the guess confuses */
  for (int i = 0; i < n; ++i) {
    if (!names[i] || strlen(names[i]) > LONGEST) {
      continue;
    }
    /* A beginning counts as one edit: --max-batch was meant to be --max-batch-tokens. */
    bool beginning = length >= 3 && strncmp(names[i], word, length) == 0;
    int d = beginning ? 1 : edits(word, names[i]);
    if (d < near || (d == near && !best)) {
      near = d;
      best = names[i];
    }
  }
  return best;
}

const char *tfm__nearest_option(const char *word)
{
  const char *names[TFM__OPTION_MAX];
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  for (int i = 0; i < n; ++i) {
    names[i] = rows[i].name;
  }
  return tfm__nearest(word, names, n);
}
