/* Pictures are text: what must be in them is looked for. With a folder named in TFM_PLOTS each is
 * also written there, for eyes. */
#include "coordinator/report/plot.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

static void keep(const char *name, tfm_buf *out)
{
  const char *folder = getenv("TFM_PLOTS");
  char path[512];
  if (folder) {
    (void)snprintf(path, sizeof path, "%s/%s.svg", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(out->data, 1, out->n, f), out->n);
    assert_int_equal(fclose(f), 0);
  }
}

static int count(tfm_buf *out, const char *part)
{
  int n = 0;
  for (const char *p = tfm_buf_cstr(out); (p = strstr(p, part)) != NULL; p += strlen(part)) {
    ++n;
  }
  return n;
}

static void check_has(tfm_buf *out, const char *part)
{
  if (count(out, part) == 0) {
    fail_msg("want %s in: %s", part, tfm_buf_cstr(out));
  }
}

/* An element that is opened is closed, and nothing was lost. */
static void check_whole(tfm_buf *out)
{
  assert_false(out->failed);
  assert_int_equal(count(out, "<svg "), 1);
  assert_int_equal(count(out, "</svg>\n"), 1);
  assert_int_equal(count(out, "<text "), count(out, "</text>"));
  assert_int_equal(count(out, "<title>"), count(out, "</title>"));
  assert_int_equal(count(out, "<g "), count(out, "</g>"));
  assert_int_equal(count(out, "nan") + count(out, "inf"), 0);
}

static void text_is_escaped(void **state)
{
  (void)state;
  tfm_buf out = {0};
  tfm_plot_text(&out, "a<b> & \"c\" \x01 \xff \xc3\xa9");
  assert_string_equal(tfm_buf_cstr(&out), "a&lt;b&gt; &amp; &quot;c&quot; \xef\xbf\xbd "
                                          "\xef\xbf\xbd \xc3\xa9");
  tfm_buf_fini(&out);
}

static void steps_are_nice(void **state)
{
  (void)state;
  assert_true(fabs(tfm_plot_step(10, 5) - 2) < 1e-12);
  assert_true(fabs(tfm_plot_step(1, 6) - 0.2) < 1e-12);
  assert_true(fabs(tfm_plot_step(3456, 8) - 500) < 1e-9);
  for (double range = 1e-6; range < 1e9; range *= 1.37) {
    const double step = tfm_plot_step(range, 6);
    assert_true(range / step <= 6 * (1 + 1e-9) && range / step > 2);
  }
}

static void numbers_are_short(void **state)
{
  (void)state;
  const struct {
    double value;
    const char *text;
  } cases[] = {{0, "0"},          {7, "7"},          {1234, "1,234"},   {0.25, "0.250"},
               {3.14159, "3.14"}, {45678, "45.7 k"}, {2.5e6, "2.50 M"}, {NAN, "unknown"}};
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_buf out = {0};
    tfm_plot_number(&out, cases[i].value);
    assert_string_equal(tfm_buf_cstr(&out), cases[i].text);
    tfm_buf_fini(&out);
  }
}

static void lines_have_points_and_names(void **state)
{
  (void)state;
  const double x[] = {1, 2, 4, 8};
  const double got[] = {1, 1.93, 3.6, 6.4};
  const double holes[] = {1, NAN, 2.5, INFINITY};
  const tfm_plot_line lines[] = {{.name = "ideal", .x = x, .y = x, .n = 4, .ideal = true},
                                 {.name = "bert <base>", .x = x, .y = got, .n = 4},
                                 {.name = "with holes", .x = x, .y = holes, .n = 4}};
  const tfm_plot plot = {.title = "Speed-up", .x = "ranks", .y = "times one rank"};
  tfm_buf out = {0};
  tfm_plot_lines(&plot, lines, COUNT_OF(lines), &out);
  keep("lines", &out);
  check_whole(&out);
  assert_int_equal(count(&out, "<circle "), 6);
  assert_int_equal(count(&out, "<path "), 3);
  check_has(&out, "bert &lt;base&gt;, 8: 6.40</title>");
  check_has(&out, "prefers-color-scheme:dark");
  check_has(&out, ">times one rank</text>");
  tfm_buf_fini(&out);
}

static void bars_stand_and_lie(void **state)
{
  (void)state;
  const char *const labels[] = {"2 ranks", "3 ranks", "5 ranks, a long name", "9"};
  const double busy[] = {90, 80, 70, 60};
  const double waiting[] = {10, 15, 20, 0};
  const tfm_plot_part parts[] = {{"computing", busy, 0}, {"waiting", waiting, TFM_PLOT_GREY}};
  const tfm_plot_table table = {labels, 4, parts, 2};
  const tfm_plot plot = {.title = "Where the time went", .y = "% of the run", .most_y = 100};
  tfm_buf out = {0};
  tfm_plot_bars(&plot, TFM_PLOT_STACKED, &table, &out);
  keep("stacked", &out);
  check_whole(&out);
  assert_int_equal(count(&out, "class=\"bar "), 7); /* none for the 0 */
  check_has(&out, "2 ranks, computing: 90</title>");
  tfm_buf_clear(&out);
  tfm_plot_bars(&plot, TFM_PLOT_BESIDE, &table, &out);
  keep("beside", &out);
  check_whole(&out);
  tfm_buf_clear(&out);
  const tfm_plot rows = {.title = "Ranks", .x = "seconds", .bare = true};
  tfm_plot_rows(&rows, &table, &out);
  keep("rows", &out);
  check_whole(&out);
  assert_int_equal(count(&out, "<style>"), 0);
  check_has(&out, "5 ranks, a long name</text>");
  check_has(&out, "class=\"bar f0\"");
  assert_int_equal(count(&out, ">-0<"), 0);
  tfm_buf_fini(&out);
}

static void spans_lie_in_their_rows(void **state)
{
  (void)state;
  const char *const labels[] = {"rank 1", "rank 2"};
  const char *const kinds[] = {"computing", "waiting"};
  const tfm_plot_span spans[] = {{0, 0, 0.0, 1.0, "micro-batch 0"},
                                 {0, 1, 1.0, 1.5, NULL},
                                 {1, 0, 1.0, 2.0, "micro-batch 0"}};
  const tfm_plot_history history = {labels, 2, kinds, 2, 1u << 1, spans, 3};
  const tfm_plot plot = {.title = "Time line", .x = "seconds"};
  tfm_buf out = {0};
  tfm_plot_spans(&plot, &history, &out);
  keep("spans", &out);
  check_whole(&out);
  assert_int_equal(count(&out, "micro-batch 0</title>"), 2);
  tfm_buf_fini(&out);
}

/* The place of the text that says `words`: its middle and its foot. */
static void find_text(tfm_buf *out, const char *words, double *x, double *y)
{
  char part[64];
  (void)snprintf(part, sizeof part, ">%s</text>", words);
  const char *end = strstr(tfm_buf_cstr(out), part);
  assert_non_null(end);
  while (*end != '<') {
    --end;
  }
  assert_int_equal(sscanf(end, "<text x=\"%lf\" y=\"%lf\"", x, y), 2);
}

/* Points that lie on each other, or nearly so, have labels that do not. */
static void labels_of_points_lie_apart(void **state)
{
  (void)state;
  const double x[] = {1, 2, 2, 2, 4, 4, 4};
  const double y[] = {1, 1.8, 1.8, 1.82, 3.5, 3.5, 3.4};
  const double spread[] = {0.1, 0.1, 0, NAN, 0.2, 9, 0.1};
  const char *const labels[] = {"1x1", "1x2", "2x1", "9x9", "1x4", "2x2", "4x1"};
  const tfm_plot_line line = {
      .name = "all", .x = x, .y = y, .n = 7, .loose = true, .spread = spread, .labels = labels};
  const tfm_plot plot = {.title = "Speed-up", .x = "workers", .most_x = 4.4, .whole_x = true};
  double at[COUNT_OF(labels)][2];
  tfm_buf out = {0};
  assert_int_equal(tfm_plot_lines(&plot, &line, 1, &out), 360);
  keep("labels", &out);
  check_whole(&out);
  assert_int_equal(count(&out, "<path "), 0);
  assert_int_equal(count(&out, "<circle "), 7);
  assert_int_equal(count(&out, "class=\"whisker s1\""), 3 * 6); /* none where it is not known */
  check_has(&out, "<title>2x2, 4: 3.50</title>");
  assert_int_equal(count(&out, ">0.5</text>"), 0); /* there is no half a worker */
  for (size_t i = 0; i < COUNT_OF(labels); ++i) {
    find_text(&out, labels[i], &at[i][0], &at[i][1]);
    for (size_t j = 0; j < i; ++j) {
      if (fabs(at[i][0] - at[j][0]) < 19 && fabs(at[i][1] - at[j][1]) < 12) {
        fail_msg("%s lies over %s", labels[i], labels[j]);
      }
    }
  }
  tfm_buf_fini(&out);
}

static void many_bars_have_slanted_labels(void **state)
{
  (void)state;
  const char *const labels[] = {"1x1", "1x2", "2x1", "1x4", "2x2", "4x1",  "1x8", "2x4",
                                "4x2", "8x1", "1x9", "3x3", "9x1", "1x16", "4x4", "16x1"};
  double values[COUNT_OF(labels)];
  const tfm_plot_part parts[] = {{"computing", values, 5}, {"rest", values, TFM_PLOT_GREY}};
  const tfm_plot_table table = {labels, COUNT_OF(labels), parts, 2};
  const tfm_plot plot = {.title = "Shares", .x = "layouts", .width = 400};
  tfm_buf out = {0};
  for (size_t i = 0; i < COUNT_OF(labels); ++i) {
    values[i] = 0.5;
  }
  assert_int_equal(tfm_plot_bars(&plot, TFM_PLOT_STACKED, &table, &out), 360);
  keep("slanted", &out);
  check_whole(&out);
  assert_int_equal(count(&out, "rotate(-45 "), COUNT_OF(labels));
  check_has(&out, ">16x1</text>");
  assert_int_equal(count(&out, "class=\"bar f5\""), COUNT_OF(labels));
  assert_int_equal(count(&out, "class=\"bar f0\""), COUNT_OF(labels));
  tfm_buf_fini(&out);
}

static void a_sheet_holds_charts(void **state)
{
  (void)state;
  const double x[] = {1, 2};
  const tfm_plot_line line = {.name = "a", .x = x, .y = x, .n = 2};
  const tfm_plot left = {.inside = true, .top = TFM_PLOT_HEADING, .width = 300};
  const tfm_plot right = {
      .inside = true, .left = 300, .top = TFM_PLOT_HEADING, .width = 300, .height = 400};
  tfm_buf charts = {0};
  tfm_buf out = {0};
  const int high = tfm_plot_lines(&left, &line, 1, &charts);
  assert_int_equal(tfm_plot_lines(&right, &line, 1, &charts), 400);
  const tfm_plot sheet = {
      .title = "Two <of> them", .width = 600, .height = TFM_PLOT_HEADING + high};
  tfm_plot_sheet(&sheet, "and \"more\"", tfm_buf_view(&charts), &out);
  keep("sheet", &out);
  check_whole(&out);
  assert_int_equal(count(&out, "<style>"), 1);
  assert_int_equal(count(&out, "<g class=\"chart\""), 2);
  check_has(&out, "translate(300 68)");
  check_has(&out, ">Two &lt;of&gt; them</text>");
  check_has(&out, "fill:#2a78d6;fill:var(--c1)"); /* for those who know no variables */
  tfm_buf_fini(&charts);
  tfm_buf_fini(&out);
}

/* Damage in a file is no reason to draw for ever. */
static void numbers_beyond_reason_are_left_out(void **state)
{
  (void)state;
  static const double odd[] = {1.7e308, -1.7e308, 1e200, 1e100, 1e-300, 5e-324, -1e100, 1, 0};
  const char *const labels[] = {"a"};
  tfm_buf out = {0};
  for (size_t i = 0; i < COUNT_OF(odd); ++i) {
    for (size_t j = 0; j < COUNT_OF(odd); ++j) {
      const double x[] = {odd[i], odd[j]};
      const double y[] = {odd[j], odd[i]};
      const tfm_plot_line line = {.name = "odd", .x = x, .y = y, .n = 2};
      const tfm_plot_part parts[] = {{"one", x, 0}, {"two", y, TFM_PLOT_GREY}};
      const tfm_plot_table table = {labels, 1, parts, 2};
      const tfm_plot_span span = {0, 0, fmin(x[0], x[1]), fmax(x[0], x[1]), NULL};
      const tfm_plot_history history = {labels, 1, labels, 1, 0, &span, 1};
      const tfm_plot plot = {.most_x = odd[i], .most_y = odd[j], .least_x = odd[j]};
      tfm_buf_clear(&out);
      tfm_plot_lines(&plot, &line, 1, &out);
      check_whole(&out);
      tfm_buf_clear(&out);
      tfm_plot_bars(&plot, TFM_PLOT_STACKED, &table, &out);
      check_whole(&out);
      tfm_buf_clear(&out);
      tfm_plot_rows(&plot, &table, &out);
      check_whole(&out);
      tfm_buf_clear(&out);
      tfm_plot_spans(&plot, &history, &out);
      check_whole(&out);
      assert_true(out.n < 20000);
    }
  }
  tfm_buf_fini(&out);
}

static void nothing_is_a_picture_too(void **state)
{
  (void)state;
  const tfm_plot plot = {0};
  tfm_buf out = {0};
  tfm_plot_lines(&plot, NULL, 0, &out);
  check_whole(&out);
  tfm_buf_clear(&out);
  tfm_plot_bars(&plot, TFM_PLOT_STACKED, &(tfm_plot_table){0}, &out);
  check_whole(&out);
  tfm_buf_clear(&out);
  tfm_plot_rows(&plot, &(tfm_plot_table){0}, &out);
  check_whole(&out);
  tfm_buf_clear(&out);
  tfm_plot_spans(&plot, &(tfm_plot_history){0}, &out);
  check_whole(&out);
  tfm_buf_fini(&out);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_escaped),
      cmocka_unit_test(steps_are_nice),
      cmocka_unit_test(numbers_are_short),
      cmocka_unit_test(lines_have_points_and_names),
      cmocka_unit_test(bars_stand_and_lie),
      cmocka_unit_test(spans_lie_in_their_rows),
      cmocka_unit_test(labels_of_points_lie_apart),
      cmocka_unit_test(many_bars_have_slanted_labels),
      cmocka_unit_test(a_sheet_holds_charts),
      cmocka_unit_test(numbers_beyond_reason_are_left_out),
      cmocka_unit_test(nothing_is_a_picture_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
