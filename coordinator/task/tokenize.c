#include "coordinator/task/tokenize.h"

#include "coordinator/job.h"
#include "coordinator/output/outlet.h"
#include "coordinator/report/summary.h"
#include "coordinator/stop.h"
#include "coordinator/task/points.h"
#include "coordinator/task/token_stats.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#include <string.h>

enum { IDS, TOKENS, OFFSETS, TYPE_IDS, NFIELD };

static const char *const field_names[NFIELD] = {"ids", "tokens", "offsets", "type_ids"};

static const char *const decoded_names[] = {"text"};

typedef struct {
  const tfm_options *options;
  tfm_tokenizer *tokenizer;
  tfm_reader *reader;
  tfm_outlet outlet;
  tfm_answer answer;
  tfm_encoding encoding;
  tfm_points points[2]; /* of text and text_pair */
  int32_t *ids;         /* [ids_cap] to decode */
  size_t ids_cap;
  tfm_buf decoded;
  tfm_token_stats stats; /* --stats */
  int64_t tokens;
  double begin; /* seconds */
} tokenizing;

tfm_status tfm_tokenize_open(const tfm_options *options, tfm_tokenizer **out,
                             tfm_identity *identity, tfm_err *err)
{
  const char *path = options->tokenizer ? options->tokenizer : options->model;
  char *shipped = path ? NULL : tfm_job_shipped("models/tfm-sentiment");
  tfm_status st = TFM_OK;
  path = path ? path : shipped;
  if (!path) {
    st = tfm_fail(err, TFM_E_MISSING, "name a tokenizer with --tokenizer FILE or --model DIR");
  } else if (tfm_path_look(path) == TFM_PATH_FOLDER) {
    st = tfm_tokenizer_open_folder(out, path, err);
  } else if (!options->tokenizer && tfm_path_look(path) == TFM_PATH_FILE) {
    st = tfm_fail(err, TFM_E_FORMAT, "--model %.512s is not a folder; --tokenizer takes a file",
                  path);
  } else {
    st = tfm_tokenizer_open_file(out, path, err);
  }
  if (st == TFM_OK && identity) {
    st = tfm_identity_folder(identity, path, err);
  }
  tfm_free(shipped);
  return st;
}

static int32_t place_of(const tokenizing *t, size_t i, int32_t point)
{
  bool plain = t->options->offsets == TFM_OFFSETS_CHAR || t->encoding.special[i];
  return plain ? point : tfm_points_place(&t->points[t->encoding.sequence[i]], point);
}

static void put_answer(tokenizing *t)
{
  const tfm_encoding *e = &t->encoding;
  tfm_buf *out = t->answer.value;
  for (int f = 0; f < NFIELD; ++f) {
    (void)tfm_buf_char(&out[f], '[');
  }
  for (size_t i = 0; i < e->n; ++i) {
    const char *comma = i ? "," : "";
    (void)tfm_buf_printf(&out[IDS], "%s%d", comma, e->ids[i]);
    (void)tfm_buf_str(&out[TOKENS], comma);
    (void)tfm_buf_json_string(&out[TOKENS], tfm_encoding_token(t->tokenizer, e, i));
    (void)tfm_buf_printf(&out[OFFSETS], "%s[%d,%d]", comma, place_of(t, i, e->begin[i]),
                         place_of(t, i, e->end[i]));
    (void)tfm_buf_printf(&out[TYPE_IDS], "%s%d", comma, e->type_ids[i]);
  }
  for (int f = 0; f < NFIELD; ++f) {
    (void)tfm_buf_char(&out[f], ']');
  }
}

/* A row that cannot be encoded is an error row; only memory ends the job. */
static tfm_status encode_row(tokenizing *t, const tfm_row *row, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_err bad = {0};
  tfm_encode_options options = {.add_special_tokens = true,
                                .max_length = (size_t)t->options->max_length};
  if (row->status != TFM_OK) {
    (void)tfm_fail(&bad, row->status, "%.*s", (int)row->error.n, row->error.p);
  } else {
    st = tfm_tokenizer_encode(t->tokenizer, row->text, row->pair, &options, &t->encoding, &bad);
  }
  if (st == TFM_E_NOMEM) {
    *err = bad;
    return st;
  }
  if (bad.status == TFM_OK && t->encoding.truncated &&
      t->options->on_overflow == TFM_OVERFLOW_ERROR) {
    (void)tfm_fail(&bad, TFM_E_FORMAT, "the text is longer than --max-length %lld tokens",
                   (long long)t->options->max_length);
  }
  if (bad.status != TFM_OK) {
    tfm_answer_fail(&t->answer, bad.status, bad.text);
    return TFM_OK;
  }
  if (t->options->offsets != TFM_OFFSETS_CHAR) {
    TFM_TRY(tfm_points_find(&t->points[0], row->text, t->options->offsets, err));
    TFM_TRY(tfm_points_find(&t->points[1], row->pair, t->options->offsets, err));
  }
  t->tokens += (int64_t)t->encoding.n;
  put_answer(t);
  return TFM_OK;

fail:
  return st;
}

static bool is_between(char c)
{
  return c == ' ' || c == ',' || (c >= '\t' && c <= '\r');
}

/* Numbers with blanks or commas between, perhaps in brackets. TFM_E_FORMAT: the row's fault. */
static tfm_status read_ids(tokenizing *t, tfm_span s, size_t *n, tfm_err *err)
{
  const size_t most = s.n / 2 + 1;
  *n = 0;
  if (most > t->ids_cap) {
    int32_t *ids = tfm_realloc(t->ids, most, sizeof *ids);
    if (!ids) {
      return tfm_fail(err, TFM_E_NOMEM, "%zu ids", most);
    }
    t->ids = ids;
    t->ids_cap = most;
  }
  for (size_t i = 0; i < s.n;) {
    int64_t id = 0;
    size_t from = i;
    bool bracket = (s.p[i] == '[' && *n == 0) || (s.p[i] == ']' && i + 1 == s.n);
    if (bracket || is_between(s.p[i])) {
      ++i;
      continue;
    }
    for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9' && id <= INT32_MAX; ++i) {
      id = 10 * id + (s.p[i] - '0');
    }
    if (i == from || id > INT32_MAX || (i < s.n && !is_between(s.p[i]) && s.p[i] != ']')) {
      return tfm_fail(err, TFM_E_FORMAT, "ids: want whole numbers from 0 to %d, got \"%.*s\"",
                      INT32_MAX, (int)(s.n - from > 24 ? 24 : s.n - from), s.p + from);
    }
    t->ids[(*n)++] = (int32_t)id;
  }
  return TFM_OK;
}

static tfm_status decode_row(tokenizing *t, const tfm_row *row, tfm_err *err)
{
  tfm_status st = row->status;
  tfm_err bad = {0};
  size_t n = 0;
  tfm_buf_clear(&t->decoded);
  if (st != TFM_OK) {
    (void)tfm_fail(&bad, st, "%.*s", (int)row->error.n, row->error.p);
  } else {
    st = read_ids(t, row->text, &n, &bad);
  }
  if (st == TFM_OK) {
    st = tfm_tokenizer_decode(t->tokenizer, t->ids, n, true, &t->decoded, &bad);
  }
  if (st == TFM_E_NOMEM) {
    *err = bad;
    return st;
  }
  if (st != TFM_OK) {
    tfm_answer_fail(&t->answer, st, bad.text);
    return TFM_OK;
  }
  return tfm_buf_json_string(&t->answer.value[0], tfm_buf_view(&t->decoded));
}

/* Rows are counted at their whole length; how many are over the limit is one of the figures. */
static tfm_status count_row(tokenizing *t, const tfm_row *row, tfm_err *err)
{
  tfm_err bad = {0};
  tfm_encode_options options = {.add_special_tokens = true};
  tfm_status st = row->status;
  if (st != TFM_OK) {
    (void)tfm_fail(&bad, st, "%.*s", (int)row->error.n, row->error.p);
  } else {
    st = tfm_tokenizer_encode(t->tokenizer, row->text, row->pair, &options, &t->encoding, &bad);
  }
  if (st == TFM_E_NOMEM) {
    *err = bad;
    return st;
  }
  if (st != TFM_OK) {
    ++t->stats.row_errors;
    tfm_answer_fail(&t->answer, st, bad.text);
    return TFM_OK;
  }
  t->tokens += (int64_t)t->encoding.n;
  return tfm_token_stats_add(&t->stats, row->text.n + row->pair.n, &t->encoding, err);
}

/* The next row, unless the job is to end. */
static tfm_status next_row(tokenizing *t, tfm_row **row, tfm_err *err)
{
  return tfm_stop_asked() == TFM_STOP_NONE ? tfm_reader_next(t->reader, row, err)
                                           : tfm_stop_fail(err);
}

/* --summary-json: of the members a scoring job has, those that a tokenizer can fill. */
static tfm_status summarize(const tokenizing *t, tfm_err *err)
{
  tfm_buf text = {0};
  const tfm_tally *tally = &t->outlet.tally;
  (void)tfm_buf_printf(&text,
                       "{\"rows_in\":%lld,\"rows_out\":%lld,\"row_errors\":%lld,"
                       "\"blank_lines\":%lld,\"tokens\":%lld,\"seconds\":{\"total\":%.6f},"
                       "\"output_sha256\":",
                       (long long)tally->mark.rows, (long long)tally->mark.rows,
                       (long long)tally->row_errors, (long long)tally->mark.blank_lines,
                       (long long)t->tokens, tfm_now_s() - t->begin);
  if (t->outlet.sha256[0]) {
    (void)tfm_buf_json_string(&text, tfm_span_of(t->outlet.sha256));
  } else {
    (void)tfm_buf_str(&text, "null");
  }
  (void)tfm_buf_str(&text, "}\n");
  tfm_status st = tfm_summary_write(t->options, &text, err);
  tfm_buf_fini(&text);
  return st;
}

static tfm_status finish(tokenizing *t, tfm_err *err)
{
  tfm_mark end = tfm_reader_mark(t->reader);
  tfm_status st = tfm_outlet_finish(&t->outlet, &end, err);
  return st == TFM_OK ? summarize(t, err) : st;
}

static tfm_status run_stats(tokenizing *t, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_row *row = NULL;
  tfm_tokenizer_facts facts = tfm_tokenizer_describe(t->tokenizer);
  t->stats.unknown_id = facts.unknown_id;
  t->stats.max_length =
      t->options->max_length ? (size_t)t->options->max_length : facts.model_max_length;
  for (;;) {
    TFM_TRY(next_row(t, &row, err));
    if (!row) {
      break;
    }
    tfm_answer_clear(&t->answer);
    TFM_TRY(count_row(t, row, err));
    TFM_TRY(tfm_outlet_count(&t->outlet, row, &t->answer, err));
    tfm_row_free(row);
    row = NULL;
  }
  tfm_buf_clear(&t->decoded);
  TFM_TRY(tfm_token_stats_print(&t->stats, &t->decoded));
  TFM_TRY(tfm_sink_write(t->outlet.sink, tfm_buf_view(&t->decoded), err));
  TFM_TRY(finish(t, err));

fail:
  tfm_row_free(row);
  return st;
}

static tfm_status run_rows(tokenizing *t, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_row *row = NULL;
  for (;;) {
    TFM_TRY(next_row(t, &row, err));
    if (!row) {
      break;
    }
    tfm_answer_clear(&t->answer);
    TFM_TRY(t->options->decode ? decode_row(t, row, err) : encode_row(t, row, err));
    TFM_TRY(tfm_outlet_count(&t->outlet, row, &t->answer, err));
    TFM_TRY(tfm_outlet_write(&t->outlet, row, &t->answer, err));
    tfm_row_free(row);
    row = NULL;
  }
  TFM_TRY(finish(t, err));
  tfm_log(TFM_LOG_INFO, "%lld rows tokenized, %lld errors",
          (long long)t->outlet.tally.mark.rows, (long long)t->outlet.tally.row_errors);

fail:
  tfm_row_free(row);
  return st;
}

static tfm_status tell(const tfm_options *options, tfm_identity *identity, tfm_err *err)
{
  tfm_identity_add(identity, "verb", "tokenize");
  tfm_identity_add(identity, "--max-length", "%lld", (long long)options->max_length);
  tfm_identity_options(identity, options);
  return tfm_identity_inputs(identity, options, err);
}

tfm_status tfm_tokenize_run(const tfm_options *options, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tokenizing t = {.options = options, .begin = tfm_now_s()};
  const bool decode = options->decode;
  tfm_row_wants wants = {
      .pair = !decode, .text_array = decode, .text_name = decode ? "ids" : NULL};
  tfm_identity identity = {0};
  bool done = false;
  if (options->output_format == TFM_OUT_NPY) {
    return tfm_fail(err, TFM_E_USAGE,
                    "-f npy: rows of ids differ in length; only embeddings are an array");
  }
  if (options->on_overflow == TFM_OVERFLOW_WINDOW) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--on-overflow window: tokenize takes a row whole; pass truncate or error");
  }
  if (options->decode && options->stats) {
    return tfm_fail(err, TFM_E_USAGE, "--stats counts texts: leave --decode out");
  }
  if (options->stats && options->output_format != TFM_OUT_JSONL) {
    return tfm_fail(err, TFM_E_USAGE,
                    "--stats gives one JSON object: -f csv and tsv are for rows");
  }
  if (decode) {
    memcpy(t.outlet.fields, decoded_names, sizeof decoded_names);
  } else {
    memcpy(t.outlet.fields, field_names, sizeof field_names);
  }
  TFM_TRY(tfm_outlet_check(options, err));
  TFM_TRY(tfm_tokenize_open(options, &t.tokenizer, &identity, err));
  TFM_TRY(tell(options, &identity, err));
  TFM_TRY(tfm_reader_open(&t.reader, options, &wants, err));
  int nfield = options->stats ? -1 : decode ? 1 : NFIELD;
  TFM_TRY(tfm_outlet_open(&t.outlet, options, t.reader, nfield, &identity, &done, err));
  if (!done) {
    tfm_stop_heed(NULL);
    TFM_TRY(options->stats ? run_stats(&t, err) : run_rows(&t, err));
  }

fail:
  if (st == TFM_E_STOPPED) {
    tfm_outlet_stop(&t.outlet, err);
  }
  tfm_outlet_fini(&t.outlet);
  tfm_reader_close(t.reader);
  tfm_tokenizer_close(t.tokenizer);
  tfm_answer_fini(&t.answer);
  tfm_encoding_fini(&t.encoding);
  tfm_points_fini(&t.points[0]);
  tfm_points_fini(&t.points[1]);
  tfm_token_stats_fini(&t.stats);
  tfm_free(t.ids);
  tfm_buf_fini(&t.decoded);
  tfm_identity_fini(&identity);
  return st;
}
