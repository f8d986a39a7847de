/* The text of --metrics-file for a job that is made up. */
#include "coordinator/report/metrics.h"
#include "core/base/mem.h"
#include "tests/support/check.h"

enum { NRANK = 4 };

static tfm_job *open_job(void)
{
  tfm_job *job = tfm_calloc(1, sizeof *job);
  assert_non_null(job);
  job->crew.nrank = NRANK;
  job->crew.ranks = tfm_calloc(NRANK, sizeof *job->crew.ranks);
  assert_non_null(job->crew.ranks);
  job->task = tfm_task_find("text-classification");
  job->model.config.model_type = "bert";
  (void)snprintf(job->numeric_id, sizeof job->numeric_id, "v1");
  job->plan.stages = 2;
  job->plan.replicas = 1;
  for (int rank = 1; rank < NRANK; ++rank) {
    tfm_crew_rank *r = &job->crew.ranks[rank];
    r->assign.stage = rank < 3 ? rank - 1 : -1; /* the last is spare */
    r->assign.replica = rank < 3 ? 0 : -1;
    r->beat.busy_s = rank;
    (void)snprintf(r->hello.host, sizeof r->hello.host, "node\"%d\\", rank);
  }
  return job;
}

static void close_job(tfm_job *job)
{
  tfm_free(job->crew.ranks);
  tfm_free(job);
}

static void check_has(tfm_buf *out, const char *line)
{
  if (!strstr(tfm_buf_cstr(out), line)) {
    fail_msg("want %s in\n%s", line, tfm_buf_cstr(out));
  }
}

static void all_is_told(void **state)
{
  (void)state;
  tfm_job *job = open_job();
  tfm_buf out = {0};
  tfm_metrics m = {.job = job,
                   .now = {.share = 0.5},
                   .rates = {.seconds = 2, .rows_per_s = 3.5, .eta_s = 9},
                   .rows_in = 12,
                   .rows_out = 10,
                   .row_errors = 1,
                   .tokens = 123456789};
  tfm_metrics_print(&m, &out);
  check_has(&out, "# TYPE tfm_rows_in_total counter\ntfm_rows_in_total 12\n");
  check_has(&out, "\ntfm_tokens_total 123456789\n");
  check_has(&out, "\ntfm_rows_per_second 3.5\n");
  check_has(&out, "\ntfm_eta_seconds 9\n");
  check_has(&out, "\ntfm_complete 0\n");
  check_has(&out, "\ntfm_stage_busy_seconds_total{rank=\"2\",stage=\"1\",replica=\"0\","
                  "host=\"node\\\"2\\\\\"} 2\n");
  assert_null(strstr(tfm_buf_cstr(&out), "rank=\"3\""));
  tfm_buf_fini(&out);
  close_job(job);
}

static void statistics_are_the_last_word(void **state)
{
  (void)state;
  tfm_job *job = open_job();
  tfm_buf out = {0};
  job->crew.ranks[1].have_stats = true;
  job->crew.ranks[1].stats.busy_s = 7.5;
  tfm_metrics m = {.job = job, .now = {.share = -1}, .rates = {.eta_s = -1}, .complete = true};
  tfm_metrics_print(&m, &out);
  check_has(&out, "host=\"node\\\"1\\\\\"} 7.5\n");
  check_has(&out, "\ntfm_complete 1\n");
  assert_null(strstr(tfm_buf_cstr(&out), "tfm_eta_seconds"));
  assert_null(strstr(tfm_buf_cstr(&out), "tfm_input_read_ratio"));
  tfm_buf_fini(&out);
  close_job(job);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_is_told),
      cmocka_unit_test(statistics_are_the_last_word),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
