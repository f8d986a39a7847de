#include "coordinator/task/tokenize.h"
#include "coordinator/bench/bench.h"
#include "coordinator/input/reader.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/topo/machine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
  CHUNK = 16, /* rows that a thread takes at once, as the coordinator's do */
  MOST_BYTES = 1 << 30
};

static const double shortest_s = 0.01; /* a pass below that measures the clock */

static const tfm_bench_column columns[] = {{"tokenizer", "tokenizer", -1},
                                           {"model", "model", -1},
                                           {"vocabulary", "vocabulary", 0},
                                           {"open_ms", "open ms", 1},
                                           {"threads", "threads", 0},
                                           {"cache", "cache", -1},
                                           {"rows", "rows", 0},
                                           {"row_errors", "errors", 0},
                                           {"mb", "MB", 3},
                                           {"tokens", "tokens", 0},
                                           {"mb_per_s", "MB/s", 2},
                                           {"mb_per_s_min", "least", 2},
                                           {"mb_per_s_max", "most", 2},
                                           {"tokens_per_s", "tokens/s", 0}};

typedef struct bench bench;

typedef struct {
  bench *b;
  pthread_t thread;
  tfm_encoding encoding; /* with the thread's memory of words */
  int64_t tokens, errors;
  tfm_err err; /* not enough memory */
} runner;

struct bench {
  tfm_tokenizer *t;
  tfm_row **row; /* [nrow] */
  size_t nrow, cap;
  size_t bytes; /* of all texts */
  runner *runner;
  int nrunner;
  atomic_size_t next; /* the first row that nobody has taken */
  double open_s;
  double *sample; /* [repetitions] seconds of a pass */
};

/* ---- rows ---- */

static tfm_status keep_row(bench *b, tfm_row *row, tfm_err *err)
{
  if (b->nrow == b->cap) {
    size_t cap = b->cap ? b->cap * 2 : 1024;
    tfm_row **v = tfm_realloc(b->row, cap, sizeof(tfm_row *));
    if (!v) {
      tfm_row_free(row);
      return tfm_fail(err, TFM_E_NOMEM, "%zu rows", cap);
    }
    b->row = v;
    b->cap = cap;
  }
  b->row[b->nrow++] = row;
  if (row->status == TFM_OK) {
    b->bytes += row->text.n + row->pair.n;
  }
  if (b->bytes > MOST_BYTES) {
    return tfm_fail(err, TFM_E_USAGE,
                    "bench holds all texts in memory and takes at most %d bytes; pass --limit "
                    "N for less rows than %zu",
                    MOST_BYTES, b->nrow);
  }
  return TFM_OK;
}

static tfm_status read_rows(bench *b, const tfm_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_reader *reader = NULL;
  tfm_row *row = NULL;
  tfm_row_wants wants = {.pair = true};
  TFM_TRY(tfm_reader_open(&reader, options, &wants, err));
  for (;;) {
    TFM_TRY(tfm_reader_next(reader, &row, err));
    if (!row) {
      break;
    }
    TFM_TRY(keep_row(b, row, err));
  }
  if (b->bytes == 0) {
    TFM_TRY(tfm_fail(err, TFM_E_MISSING, "the input holds no text to tokenize"));
  }

fail:
  tfm_reader_close(reader);
  return st;
}

/* ---- passes ---- */

static void *run_rows(void *arg)
{
  runner *r = arg;
  bench *b = r->b;
  const tfm_encode_options whole = {.add_special_tokens = true};
  for (;;) {
    size_t from = atomic_fetch_add(&b->next, CHUNK);
    if (from >= b->nrow) {
      return NULL;
    }
    for (size_t i = from; i < b->nrow && i < from + CHUNK; ++i) {
      const tfm_row *row = b->row[i];
      tfm_err bad = {0};
      tfm_status st = row->status;
      if (st == TFM_OK) {
        st = tfm_tokenizer_encode(b->t, row->text, row->pair, &whole, &r->encoding, &bad);
      }
      if (st == TFM_E_NOMEM) {
        r->err = bad;
        return NULL;
      }
      r->errors += st != TFM_OK;
      r->tokens += st == TFM_OK ? (int64_t)r->encoding.n : 0;
    }
  }
}

/* Start the threads and wait for them; a thread that cannot be started ends the pass early. */
static tfm_status run_pass(bench *b, double *took_s, tfm_err *err)
{
  int started = 0;
  tfm_status st = TFM_OK;
  atomic_store(&b->next, 0);
  double start = tfm_now_s();
  for (; started < b->nrunner && st == TFM_OK; ++started) {
    runner *r = &b->runner[started];
    r->tokens = r->errors = 0;
    if (pthread_create(&r->thread, NULL, run_rows, r) != 0) {
      st = tfm_fail(err, TFM_E_NOMEM, "thread %d of %d cannot be started", started + 1,
                    b->nrunner);
      break;
    }
  }
  for (int i = 0; i < started; ++i) {
    (void)pthread_join(b->runner[i].thread, NULL);
  }
  *took_s = tfm_now_s() - start;
  for (int i = 0; i < started && st == TFM_OK; ++i) {
    if (b->runner[i].err.status != TFM_OK) {
      *err = b->runner[i].err;
      st = err->status;
    }
  }
  return st;
}

/* The last two names of a path: bert-base-uncased/tokenizer.json. */
static const char *end_of_path(const char *path)
{
  size_t i = strlen(path);
  for (int slashes = 0; i > 0; --i) {
    slashes += path[i - 1] == '/';
    if (slashes == 2) {
      break;
    }
  }
  return path + i;
}

static tfm_status put_row(const bench *b, const tfm_options *options, bool cold,
                          tfm_bench_table *table)
{
  tfm_status st = TFM_OK;
  tfm_tokenizer_facts facts = tfm_tokenizer_describe(b->t);
  size_t n = (size_t)options->repetitions;
  double mb = (double)b->bytes / 1e6;
  double median = tfm_bench_median(b->sample, n);
  double tokens = 0;
  double errors = 0;
  for (int i = 0; i < b->nrunner; ++i) {
    tokens += (double)b->runner[i].tokens;
    errors += (double)b->runner[i].errors;
  }
  const char *path = options->tokenizer ? options->tokenizer : options->model;
  TFM_TRY(tfm_bench_table_text(table, path ? end_of_path(path) : "the embedded model's"));
  TFM_TRY(tfm_bench_table_text(table, facts.model));
  TFM_TRY(tfm_bench_table_number(table, (double)facts.vocab));
  TFM_TRY(tfm_bench_table_number(table, b->open_s * 1e3));
  TFM_TRY(tfm_bench_table_number(table, b->nrunner));
  TFM_TRY(tfm_bench_table_text(table, cold ? "cold" : "warm"));
  const double numbers[] = {
      (double)b->nrow,   errors,         mb, tokens, mb / median, mb / b->sample[n - 1],
      mb / b->sample[0], tokens / median};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
    TFM_TRY(tfm_bench_table_number(table, numbers[i]));
  }

fail:
  return st;
}

/* All passes of one kind. */
static tfm_status measure(bench *b, const tfm_options *options, bool cold,
                          tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (int64_t k = 0; k < options->repetitions; ++k) {
    for (int i = 0; cold && i < b->nrunner; ++i) {
      tfm_encoding_fini(&b->runner[i].encoding);
    }
    TFM_TRY(run_pass(b, &b->sample[k], err));
  }
  if (put_row(b, options, cold, table) != TFM_OK) {
    st = tfm_fail(err, TFM_E_NOMEM, "the table");
  }
  if (b->sample[0] < shortest_s) {
    tfm_log(TFM_LOG_WARN, "a pass over the input takes %.1f ms: too short to measure well",
            b->sample[0] * 1e3);
  }

fail:
  return st;
}

/* ---- the whole ---- */

static tfm_status make_runners(bench *b, const tfm_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_machine machine = {0};
  b->nrunner = (int)options->threads;
  if (options->threads == 0) {
    TFM_TRY(tfm_machine_open(&machine, err));
    b->nrunner = machine.ncore > 0 ? machine.ncore : 1;
  }
  b->runner = tfm_calloc((size_t)b->nrunner, sizeof *b->runner);
  b->sample = tfm_calloc((size_t)options->repetitions, sizeof *b->sample);
  if (!b->runner || !b->sample) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "%d threads", b->nrunner));
  }
  for (int i = 0; i < b->nrunner; ++i) {
    b->runner[i].b = b;
  }

fail:
  tfm_machine_fini(&machine);
  return st;
}

static void fini(bench *b)
{
  for (int i = 0; b->runner && i < b->nrunner; ++i) {
    tfm_encoding_fini(&b->runner[i].encoding);
  }
  for (size_t i = 0; i < b->nrow; ++i) {
    tfm_row_free(b->row[i]);
  }
  tfm_free(b->runner);
  tfm_free(b->sample);
  tfm_free(b->row);
  tfm_tokenizer_close(b->t);
}

tfm_status tfm_bench_tokenize(const tfm_options *options, tfm_bench_table *table, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bench b = {0};
  *table = (tfm_bench_table){.column = columns, .ncolumn = sizeof columns / sizeof columns[0]};
  double start = tfm_now_s();
  TFM_TRY(tfm_tokenize_open(options, &b.t, NULL, err));
  b.open_s = tfm_now_s() - start;
  TFM_TRY(make_runners(&b, options, err));
  TFM_TRY(read_rows(&b, options, err));
  TFM_TRY(measure(&b, options, true, table, err));
  TFM_TRY(measure(&b, options, false, table, err));

fail:
  fini(&b);
  return st;
}
