/* The report of a scaling study: what it was, the table, the check's line. */
#include "coordinator/bench/table.h"
#include "coordinator/scale/study.h"

#include <math.h>
#include <stdio.h>

static const tfm_bench_column columns[] = {
    {"ranks", "ranks", 0},
    {"stages", "stages", 0},
    {"replicas", "replicas", 0},
    {"rows", "rows", 0},
    {"rows_per_s", "rows/s", 1},
    {"rows_per_s_sd", "sd", 1},
    {"rows_per_s_median", "median", 1},
    {"tokens_per_s", "tokens/s", 0},
    {"speedup", "speed-up", 3},
    {"efficiency", "eff", 3},
    {"parallel_efficiency", "PE", 3},
    {"load_balance", "LB", 3},
    {"communication_efficiency", "CommE", 3},
    {"serialisation", "SerE", 3},
    {"transfer", "TraE", 3},
    {"computation_scaling", "CompS", 3},
    {"bubble", "bubble", 3},
    {"share_of_peak", "peak", 3},
};

static tfm_status put_layout(const tfm__study *s, const tfm_scale_runs *r, tfm_bench_table *t)
{
  const tfm_scale_figures f = tfm_scale_figures_of(r, &s->runs[0]);
  const double cells[] = {1 + tfm_scale_layout_workers(&r->layout),
                          r->layout.stages,
                          r->layout.replicas,
                          r->rows,
                          f.rows_per_s,
                          f.rows_sd,
                          f.rows_median,
                          f.tokens_per_s,
                          f.speedup,
                          f.efficiency,
                          f.pop.parallel,
                          f.pop.load_balance,
                          f.pop.communication,
                          f.pop.serialisation,
                          f.pop.transfer,
                          f.computation,
                          f.pop.bubble,
                          f.peak_share};
  tfm_status st = TFM_OK;
  _Static_assert(sizeof cells / sizeof cells[0] == sizeof columns / sizeof columns[0],
                 "a cell a column");
  for (size_t i = 0; i < sizeof cells / sizeof cells[0] && st == TFM_OK; ++i) {
    st = tfm_bench_table_number(t, cells[i]);
  }
  return st;
}

/* "key=value" of all runs, for people; as members of an object, for programs. */
static void put_text(bool json, const char *key, const char *value, tfm_buf *out)
{
  if (json) {
    (void)tfm_buf_printf(out, "\"%s\": ", key);
    (void)tfm_buf_json_string(out, tfm_span_of(value));
    (void)tfm_buf_str(out, ", ");
  } else {
    (void)tfm_buf_printf(out, " %s=%s", key, value);
  }
}

static void put_number(bool json, const char *key, int64_t value, tfm_buf *out)
{
  if (json) {
    (void)tfm_buf_printf(out, "\"%s\": %lld, ", key, (long long)value);
  } else {
    (void)tfm_buf_printf(out, " %s=%lld", key, (long long)value);
  }
}

/* What holds for all rows of the table. */
static void put_facts(const tfm__study *s, bool json, tfm_buf *out)
{
  char length[24] = "as-read";
  if (s->made) {
    (void)snprintf(length, sizeof length, "%lld", (long long)s->length);
  }
  put_text(json, "model", s->model, out);
  put_text(json, "task", s->task, out);
  put_text(json, "dtype", s->dtype, out);
  put_text(json, "numeric_id", s->numeric_id, out);
  put_text(json, "tokens", length, out);
  put_text(json, "host", s->host, out);
  put_number(json, "cores", s->ncore, out);
  put_number(json, "threads", s->threads, out);
  put_number(json, "rows", s->rows, out);
  put_number(json, "repetitions", s->options->repetitions, out);
  put_number(json, "warmup", s->options->warmup, out);
  const char *mode = s->options->scale_mode == TFM_SCALE_WEAK ? "weak" : "strong";
  if (json) {
    (void)tfm_buf_printf(out, "\"mode\": \"%s\"", mode);
  } else {
    put_text(json, "mode", mode, out);
  }
}

static void put_check(const tfm__study *s, tfm_buf *out)
{
  const tfm_scale_verdict v = tfm_scale_check_verdict(s->check);
  (void)tfm_buf_printf(out,
                       "# check: max|delta score| = %.3g, %lld rows differ, %lld rows in %lld "
                       "runs, sha256 %.16s: %s\n",
                       v.max_delta, (long long)v.differing, (long long)v.rows,
                       (long long)v.runs + 1, v.sha256,
                       tfm_scale_check_passed(s->check) ? "PASSED" : "FAILED");
}

static void put_check_json(const tfm__study *s, tfm_buf *out)
{
  const tfm_scale_verdict v = tfm_scale_check_verdict(s->check);
  (void)tfm_buf_str(out, "{\"max_delta_score\": ");
  if (isnan(v.max_delta)) {
    (void)tfm_buf_str(out, "null");
  } else {
    (void)tfm_buf_double(out, v.max_delta);
  }
  (void)tfm_buf_printf(out,
                       ", \"differing\": %lld, \"rows\": %lld, \"runs\": %lld, \"sha256\": "
                       "\"%s\", \"passed\": %s}",
                       (long long)v.differing, (long long)v.rows, (long long)v.runs + 1,
                       v.sha256, tfm_scale_check_passed(s->check) ? "true" : "false");
}

static const char *const legend =
    "# speed-up and eff(iciency) against the first row, by medians, eff by workers (rank 0 "
    "computes "
    "nothing)\n"
    "# PE = LB x CommE, CommE = SerE x TraE: parallel efficiency, load balance, communication, "
    "serialisation,\n"
    "# transfer; CompS: computation scaling; eff = CompS x PE / the first row's PE; bubble: "
    "stages "
    "that wait;\n"
    "# peak: of the cores' flops while they compute\n";

/* {"scale": what it was, "layouts": the table, "check": whether all was the same} */
static tfm_status print_json(const tfm__study *s, const tfm_bench_table *t, tfm_buf *out)
{
  (void)tfm_buf_str(out, "{\"scale\": {");
  put_facts(s, true, out);
  (void)tfm_buf_str(out, "},\n\"layouts\": ");
  const tfm_status st = tfm_bench_table_print(t, TFM_BENCH_JSON, out);
  (void)tfm_buf_str(out, ",\"check\": ");
  put_check_json(s, out);
  (void)tfm_buf_str(out, "}\n");
  return st;
}

/* The table between comments; a file of commas gets no legend. */
static tfm_status print_lines(const tfm__study *s, const tfm_bench_table *t, tfm_buf *out)
{
  (void)tfm_buf_str(out, "# tfm-cluster scale");
  put_facts(s, false, out);
  (void)tfm_buf_str(out, "\n");
  if (s->options->bench_format == TFM_BENCH_MD) {
    (void)tfm_buf_str(out, legend);
  }
  const tfm_status st = tfm_bench_table_print(t, s->options->bench_format, out);
  put_check(s, out);
  return st;
}

tfm_status tfm__study_print(const tfm__study *s, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  const bool json = s->options->bench_format == TFM_BENCH_JSON;
  tfm_bench_table t = {.column = columns, .ncolumn = sizeof columns / sizeof columns[0]};
  for (int i = 0; i < s->nlayout && st == TFM_OK; ++i) {
    st = put_layout(s, &s->runs[i], &t);
  }
  if (st == TFM_OK) {
    st = json ? print_json(s, &t, out) : print_lines(s, &t, out);
  }
  tfm_bench_table_fini(&t);
  return out->failed ? TFM_E_NOMEM : st;
}
