#include "core/plan/plan_print.h"

#include "core/base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CELL = 48, LINE = 100, GAP = 2 };

typedef enum {
  RANK,
  ROLE,
  HOST,
  NODE,
  CPUS,
  THREADS,
  SLICE,
  WEIGHTS,
  MEMORY,
  COST,
  LOCAL,
  COLUMNS
} column;

typedef struct {
  const char *title;
  bool right;    /* aligned: numbers */
  bool of_facts; /* left out when no rank says anything */
  int at_least;  /* characters it may be shortened to; 0: never */
} heading;

static const heading HEADINGS[COLUMNS] = {
    [RANK] = {"rank", true, false, 0},    [ROLE] = {"role", false, false, 0},
    [HOST] = {"host", false, true, 8},    [NODE] = {"node", true, true, 0},
    [CPUS] = {"cpus", false, true, 6},    [THREADS] = {"threads", true, true, 0},
    [SLICE] = {"slice", false, false, 0}, [WEIGHTS] = {"weights", true, false, 0},
    [MEMORY] = {"memory", true, true, 0}, [COST] = {"cost", true, false, 0},
    [LOCAL] = {"local", true, true, 0},
};

typedef struct {
  char text[COLUMNS][CELL]; /* "" is printed as "-" */
} row;

/* Decimal units, as checkpoints' sizes are told. */
static void write_bytes(char *cell, int64_t bytes)
{
  static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
  double scaled = (double)bytes;
  int unit = 0;
  while (scaled >= 999.5 && unit < 4) {
    scaled /= 1000;
    ++unit;
  }
  bool short_one = unit > 0 && scaled < 99.95;
  (void)snprintf(cell, CELL, "%.*f %s", short_one ? 1 : 0, scaled, units[unit]);
}

static void write_percent(char *cell, double share)
{
  double percent = 100 * share;
  bool whole = fabs(percent - nearbyint(percent)) < 0.05;
  (void)snprintf(cell, CELL, "%.*f %%", whole ? 0 : 1, percent);
}

static void write_role(char *cell, const tfm_plan *plan, const tfm_plan_rank *rank)
{
  if (rank->rank == 0) {
    (void)snprintf(cell, CELL, "coordinator");
  } else if (rank->stage < 0) {
    (void)snprintf(cell, CELL, "spare");
  } else if (plan->replicas == 1) {
    (void)snprintf(cell, CELL, "stage %d/%d", rank->stage + 1, plan->stages);
  } else {
    (void)snprintf(cell, CELL, "replica %d stage %d/%d", rank->replica + 1, rank->stage + 1,
                   plan->stages);
  }
}

static void write_fact(row *to, const tfm_plan_fact *fact, bool works)
{
  (void)snprintf(to->text[HOST], CELL, "%s", fact->host ? fact->host : "");
  (void)snprintf(to->text[CPUS], CELL, "%s", fact->cpuset ? fact->cpuset : "");
  if (fact->node >= 0) {
    (void)snprintf(to->text[NODE], CELL, "%d", fact->node);
  }
  if (fact->threads > 0) {
    (void)snprintf(to->text[THREADS], CELL, "%d", fact->threads);
  }
  if (works && fact->locality_known) {
    write_percent(to->text[LOCAL], fact->local_share);
  } else if (works && !fact->absent) {
    (void)snprintf(to->text[LOCAL], CELL, "unknown");
  }
}

static tfm_status write_row(row *to, const tfm_plan *plan, const tfm_plan_facts *facts,
                            int rank)
{
  const tfm_plan_rank *from = &plan->ranks[rank];
  bool works = from->stage >= 0;
  tfm_buf slice = {0};
  tfm_status st = TFM_OK;
  (void)snprintf(to->text[RANK], CELL, "%d", rank);
  write_role(to->text[ROLE], plan, from);
  if (facts->ranks) {
    write_fact(to, &facts->ranks[rank], works);
  }
  if (from->memory_bytes > 0) {
    write_bytes(to->text[MEMORY], from->memory_bytes);
  }
  if (works) {
    st = tfm_range_print(from->units, &slice);
    (void)snprintf(to->text[SLICE], CELL, "%s", tfm_buf_cstr(&slice));
    write_bytes(to->text[WEIGHTS], from->weight_bytes);
    write_percent(to->text[COST], from->cost_share);
  }
  tfm_buf_fini(&slice);
  return st;
}

/* 0 for a column that is left out. */
static int width_of(column c, const row *rows, int n)
{
  int width = (int)strlen(HEADINGS[c].title);
  bool said = !HEADINGS[c].of_facts;
  for (int i = 0; i < n; ++i) {
    int len = (int)strlen(rows[i].text[c]);
    said = said || len > 0;
    width = len > width ? len : width;
  }
  return said ? width : 0;
}

/* Take what a line has too much from the columns that may be shortened, the widest first. */
static void shorten(int widths[COLUMNS])
{
  for (;;) {
    int total = -GAP;
    column widest = COLUMNS;
    for (column c = RANK; c < COLUMNS; ++c) {
      total += widths[c] ? widths[c] + GAP : 0;
      bool can = HEADINGS[c].at_least > 0 && widths[c] > HEADINGS[c].at_least;
      if (can && (widest == COLUMNS || widths[c] > widths[widest])) {
        widest = c;
      }
    }
    if (total <= LINE || widest == COLUMNS) {
      return;
    }
    --widths[widest];
  }
}

static tfm_status print_cell(const char *text, const heading *head, int width, bool last,
                             tfm_buf *out)
{
  text = text[0] ? text : "-";
  if ((int)strlen(text) > width) {
    return tfm_buf_printf(out, "%.*s..%*s", width - 2, text, last ? 0 : GAP, "");
  }
  if (head->right) {
    return tfm_buf_printf(out, "%*s%*s", width, text, last ? 0 : GAP, "");
  }
  return tfm_buf_printf(out, "%-*s%*s", width, text, last ? 0 : GAP, "");
}

static column last_column(const int widths[COLUMNS])
{
  return widths[LOCAL] ? LOCAL : COST;
}

static tfm_status print_rows(const row *rows, int n, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  int widths[COLUMNS];
  for (column c = RANK; c < COLUMNS; ++c) {
    widths[c] = width_of(c, rows, n);
  }
  shorten(widths);
  for (int i = -1; i < n; ++i) {
    for (column c = RANK; c < COLUMNS; ++c) {
      if (widths[c]) {
        TFM_TRY(print_cell(i < 0 ? HEADINGS[c].title : rows[i].text[c], &HEADINGS[c], widths[c],
                           c == last_column(widths), out));
      }
    }
    TFM_TRY(tfm_buf_char(out, '\n'));
  }

fail:
  return st;
}

static const char *plural(int n)
{
  return n == 1 ? "" : "s";
}

static tfm_status print_layout(const tfm_plan *plan, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  int nworker = plan->nrank - 1;
  TFM_TRY(tfm_buf_printf(out, "layout: %d stage%s x %d replica%s on %d worker%s\n",
                         plan->stages, plural(plan->stages), plan->replicas,
                         plural(plan->replicas), nworker, plural(nworker)));
  if (plan->spare > 0) {
    int first = plan->nrank - plan->spare;
    TFM_TRY(tfm_buf_printf(out, "spare ranks: %d", first));
    if (plan->spare > 1) {
      TFM_TRY(tfm_buf_printf(out, "-%d", plan->nrank - 1));
    }
    TFM_TRY(tfm_buf_str(out, " (idle)\n"));
  }
  TFM_TRY(tfm_buf_printf(out, "balance: %.1f %% (mean cost of a stage / cost of the slowest)\n",
                         100 * plan->balance));

fail:
  return st;
}

static tfm_status print_hint(const tfm_plan *plan, const tfm_plan_request *request,
                             tfm_buf *out, tfm_err *err)
{
  tfm_plan_advice advice = {0};
  tfm_status st = tfm_plan_advise(&advice, request, plan, err);
  if (st != TFM_OK || advice.gain < 1.05) {
    return st;
  }
  return tfm_buf_printf(
      out,
      "hint: --replicas %d --stages %d is predicted to be %.2f times as fast; "
      "it keeps %d cop%s of the model\n",
      advice.replicas, advice.stages, advice.gain, advice.replicas,
      advice.replicas == 1 ? "y" : "ies");
}

tfm_status tfm_plan_print(const tfm_plan *plan, const tfm_plan_facts *facts, tfm_buf *out,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  row *rows = tfm_calloc((size_t)plan->nrank, sizeof *rows);
  if (!rows) {
    return tfm_fail(err, TFM_E_NOMEM, "plan: not enough memory to print %d ranks", plan->nrank);
  }
  for (int rank = 0; rank < plan->nrank; ++rank) {
    TFM_TRY(write_row(&rows[rank], plan, facts, rank));
  }
  TFM_TRY(print_rows(rows, plan->nrank, out));
  TFM_TRY(print_layout(plan, out));
  if (facts->rows_per_s > 0) {
    TFM_TRY(tfm_buf_printf(out, "predicted: %.1f rows/s of %lld tokens\n", facts->rows_per_s,
                           (long long)facts->length));
  }
  if (facts->numeric_id) {
    TFM_TRY(tfm_buf_printf(out, "numeric_id: %s\n", facts->numeric_id));
  }
  if (facts->request) {
    TFM_TRY(print_hint(plan, facts->request, out, err));
  }

fail:
  tfm_free(rows);
  return st;
}
