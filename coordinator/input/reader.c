#include "coordinator/input/reader.h"

#include "coordinator/input/parser.h"
#include "coordinator/input/shard.h"
#include "core/base/crc32c.h"
#include "core/base/file.h"
#include "core/base/mem.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct tfm_reader {
  const tfm_options *options;
  const char *const *paths; /* [npath] */
  int npath;
  tfm_span text; /* instead of paths, when memory is set */
  bool memory;
  int file; /* that is read now, or comes next when stream is NULL */
  tfm__stream *stream;
  tfm__window window;
  const tfm__format *format;
  tfm__parser parser;
  tfm__gauge gauge;
  int64_t number;  /* of the next row */
  uint32_t before; /* see tfm_mark */
  tfm__shard shard;
  int64_t bytes_before; /* of the files before, for a shard by bytes */
  bool ended;           /* behind the shard */
  int64_t total_bytes;
  atomic_int_fast64_t rows, blank_lines;
  tfm_span *names; /* [nname] of the columns passed through */
  int nname;
  tfm_buf name_bytes;
};

static const char *const only_stdin[] = {"-"};

/* By input format; NULL: told by name or content. */
static const tfm__format *const formats[] = {[TFM_IN_AUTO] = NULL,
                                             [TFM_IN_JSONL] = &tfm__format_jsonl,
                                             [TFM_IN_CSV] = &tfm__format_csv,
                                             [TFM_IN_TSV] = &tfm__format_tsv,
                                             [TFM_IN_TEXT] = &tfm__format_text,
                                             [TFM_IN_OPENAI] = &tfm__format_openai};

static const struct {
  const char *ending;
  const tfm__format *format;
} endings[] = {{".jsonl", &tfm__format_jsonl},  {".json", &tfm__format_jsonl},
               {".ndjson", &tfm__format_jsonl}, {".csv", &tfm__format_csv},
               {".tsv", &tfm__format_tsv},      {".txt", &tfm__format_text}};

static bool ends_with(const char *s, size_t n, const char *ending)
{
  size_t m = strlen(ending);
  return n >= m && strncasecmp(s + n - m, ending, m) == 0;
}

/* The format that options or the file's name tell; NULL when neither does. */
static const tfm__format *known_format(const tfm_reader *reader, int file)
{
  const tfm__format *asked = formats[reader->options->input_format];
  if (asked || reader->memory) {
    return asked ? asked : &tfm__format_text;
  }
  const char *path = reader->paths[file];
  size_t n = strlen(path);
  n -= ends_with(path, n, ".gz") ? 3 : ends_with(path, n, ".zst") ? 4 : 0;
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; ++i) {
    if (ends_with(path, n, endings[i].ending)) {
      return endings[i].format;
    }
  }
  return NULL;
}

/* The first byte that is no white space: a brace means JSONL. */
static tfm_status format_by_content(tfm_reader *reader, tfm_err *err)
{
  enum { LOOK = 1 << 16 };
  tfm__window *w = &reader->window;
  reader->format = &tfm__format_text;
  for (size_t i = 0; i < LOOK;) {
    if (w->at + i < w->n) {
      char c = w->data[w->at + i];
      if (c != ' ' && !(c >= '\t' && c <= '\r')) {
        reader->format = c == '{' ? &tfm__format_jsonl : &tfm__format_text;
        break;
      }
      ++i;
      continue;
    }
    tfm_status st = w->ended ? TFM_OK : tfm__window_more(w, err);
    if (st != TFM_OK || w->ended) {
      return st;
    }
  }
  return TFM_OK;
}

static void end_file(tfm_reader *reader)
{
  tfm__stream_close(reader->stream);
  reader->stream = NULL;
}

/* The file is used up: what it held goes into the check of all files so far. */
static void finish_file(tfm_reader *reader)
{
  unsigned char seen[12];
  uint64_t bytes = (uint64_t)tfm__window_offset(&reader->window);
  for (int i = 0; i < 8; ++i) {
    seen[i] = (unsigned char)(bytes >> 8 * i);
  }
  for (int i = 0; i < 4; ++i) {
    seen[8 + i] = (unsigned char)(reader->window.crc >> 8 * i);
  }
  reader->before = tfm_crc32c(reader->before, seen, sizeof seen);
  reader->bytes_before += (int64_t)bytes;
  end_file(reader);
  ++reader->file;
}

static tfm_status begin_file(tfm_reader *reader, int file, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__window *w = &reader->window;
  reader->file = file;
  if (reader->memory) {
    TFM_TRY(tfm__stream_open_text(&reader->stream, reader->text, &reader->gauge, err));
  } else {
    TFM_TRY(tfm__stream_open(&reader->stream, reader->paths[file], &reader->gauge, err));
  }
  *w = (tfm__window){.stream = reader->stream, .data = w->data, .cap = w->cap};
  TFM_TRY(tfm__window_skip_bom(w, err));
  reader->format = known_format(reader, file);
  if (!reader->format) {
    TFM_TRY(format_by_content(reader, err));
  }
  if (reader->format->begin) {
    TFM_TRY(reader->format->begin(&reader->parser, w, err));
  }

fail:
  return st;
}

static tfm_status keep_names(tfm_reader *reader, int n, tfm_err *err)
{
  reader->names = tfm_calloc((size_t)n, sizeof *reader->names);
  return reader->names ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "%d columns to pass through", n);
}

/* The names that --passthrough gives, without the id and each once. */
static tfm_status name_asked(tfm_reader *reader, tfm_err *err)
{
  const tfm__columns *c = &reader->parser.columns;
  tfm_status st = keep_names(reader, c->nextra, err);
  for (int i = 0; i < c->nextra && st == TFM_OK; ++i) {
    tfm_span name = tfm_span_of(c->extra[i]);
    bool known = tfm_span_is(name, c->id);
    for (int k = 0; k < reader->nname && !known; ++k) {
      known = tfm_span_eq(name, reader->names[k]);
    }
    if (!known) {
      reader->names[reader->nname++] = name;
    }
  }
  return st;
}

/* The names of the file whose header has just been read. */
static tfm_status name_all(tfm_reader *reader, tfm_err *err)
{
  const tfm__table *t = &reader->parser.table;
  tfm_status st = keep_names(reader, t->nextra, err);
  if (st == TFM_OK && tfm_buf_span(&reader->name_bytes, tfm_buf_view(&t->names)) != TFM_OK) {
    st = tfm_fail(err, TFM_E_NOMEM, "%d columns to pass through", t->nextra);
  }
  for (int i = 0; i < t->nextra && st == TFM_OK; ++i) {
    const tfm__piece *name = &t->name[t->extra[i]];
    reader->names[i] = tfm_buf_part(&reader->name_bytes, name->at, name->n);
    ++reader->nname;
  }
  return st;
}

/* Look at a path without opening it. */
static tfm_status look(const char *path, struct stat *about, tfm_err *err)
{
  bool standard = strcmp(path, "-") == 0;
  if (standard ? fstat(STDIN_FILENO, about) != 0 : stat(path, about) != 0) {
    bool gone = standard || errno == ENOENT || errno == ENOTDIR;
    return tfm_fail(err, gone ? TFM_E_MISSING : TFM_E_IO, "input %.400s: %s",
                    standard ? "standard input" : path, strerror(errno));
  }
  if (S_ISDIR(about->st_mode)) {
    return tfm_fail(err, TFM_E_FORMAT, "input %.400s is a folder; name the files in it", path);
  }
  if (!standard && access(path, R_OK) != 0) {
    return tfm_fail(err, TFM_E_IO, "input %.400s: %s", path, strerror(errno));
  }
  return TFM_OK;
}

/* Every input is there, standard input once at most; the bytes of all when they are files. */
static tfm_status look_at_all(tfm_reader *reader, tfm_err *err)
{
  int standard = 0;
  for (int i = 0; i < reader->npath; ++i) {
    struct stat about;
    tfm_status st = look(reader->paths[i], &about, err);
    if (st != TFM_OK) {
      return st;
    }
    standard += strcmp(reader->paths[i], "-") == 0;
    if (!S_ISREG(about.st_mode)) {
      reader->total_bytes = -1;
    } else if (reader->total_bytes >= 0) {
      reader->total_bytes += about.st_size;
    }
  }
  return standard > 1 ? tfm_fail(err, TFM_E_USAGE,
                                 "standard input (-) is named %d times; it "
                                 "can be read once",
                                 standard)
                      : TFM_OK;
}

static bool is_table(const tfm__format *format)
{
  return format == &tfm__format_csv || format == &tfm__format_tsv;
}

/* Read the headers of all CSV and TSV files now: a column that is not there should be known
 * before a model is loaded. Pipes can be read once only: their header waits, unless the output's
 * header needs it. */
static tfm_status check_headers(tfm_reader *reader, tfm_err *err)
{
  tfm_status st = TFM_OK;
  bool all = reader->options->passthrough_all;
  for (int i = 0; i < reader->npath; ++i) {
    struct stat about;
    bool file = strcmp(reader->paths[i], "-") != 0 && stat(reader->paths[i], &about) == 0 &&
                S_ISREG(about.st_mode);
    if (!is_table(known_format(reader, i)) || !(file || (all && i == 0))) {
      continue;
    }
    TFM_TRY(begin_file(reader, i, err));
    if (all && !reader->names) {
      TFM_TRY(name_all(reader, err));
    }
    if (!file) {
      return TFM_OK; /* it is the first, and stays open */
    }
    end_file(reader);
  }
  reader->file = 0;
  atomic_store(&reader->gauge.bytes, 0);

fail:
  return st;
}

static void choose_columns(tfm_reader *reader, const tfm_row_wants *wants)
{
  static const char *const names[TFM__TEXT_NAMES] = {"text", "sentence", "content", "inputs",
                                                     "input"};
  const tfm_options *o = reader->options;
  tfm__columns *c = &reader->parser.columns;
  memcpy(c->text, names, sizeof names);
  c->ntext = TFM__TEXT_NAMES;
  if (o->text_column || wants->text_name) {
    c->text[0] = o->text_column ? o->text_column : wants->text_name;
    c->ntext = 1;
  }
  c->pair_named = wants->pair && (o->pair_column || wants->pair_needed);
  c->pair = wants->pair_name ? wants->pair_name : "text_pair";
  c->pair = !wants->pair ? NULL : o->pair_column ? o->pair_column : c->pair;
  c->text_array = wants->text_array;
  c->list = wants->list_name;
  c->list_named = wants->list_needed;
  c->list_commas = wants->list_commas;
  c->urls = wants->urls;
  c->id_named = o->id_column != NULL;
  c->id = o->id_column ? o->id_column : "id";
  c->extra = o->passthrough;
  c->nextra = o->npassthrough;
  c->extra_all = o->passthrough_all;
}

static tfm_status make_reader(tfm_reader **out, const tfm_options *options,
                              const tfm_row_wants *wants, tfm_err *err)
{
  tfm_reader *reader = tfm_calloc(1, sizeof *reader);
  *out = reader;
  if (!reader) {
    return tfm_fail(err, TFM_E_NOMEM, "no memory to read the input");
  }
  reader->options = options;
  choose_columns(reader, wants);
  reader->parser.json = tfm_jread_open("row", "", 0, TFM_JSON_LOSSY);
  reader->parser.inner = tfm_jread_open("row", "", 0, TFM_JSON_LOSSY);
  return reader->parser.json && reader->parser.inner
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "no memory to read the input");
}

/* Where a part begins and ends: in bytes as long as all inputs are plain files, else in rows, which
 * are counted now. */
static tfm_status set_shard(tfm_reader *reader, const tfm_row_wants *wants, tfm_err *err)
{
  tfm_options whole = *reader->options;
  int64_t total = reader->total_bytes;
  bool packed = false;
  if (whole.shard_count == 0) {
    return TFM_OK;
  }
  for (int i = 0; i < reader->npath; ++i) {
    if (tfm_path_look(reader->paths[i]) != TFM_PATH_FILE) {
      return tfm_fail(
          err, TFM_E_USAGE,
          "--shard: %.400s is no file: where its parts begin is not known; name a file",
          strcmp(reader->paths[i], "-") == 0 ? "standard input" : reader->paths[i]);
    }
    packed = packed || tfm__shard_packed(reader->paths[i]);
  }
  whole.shard_count = 0;
  whole.skip = 0;
  whole.limit = -1;
  tfm_status st = packed ? tfm_reader_count(&whole, wants, &total, err) : TFM_OK;
  reader->shard =
      tfm__shard_of(reader->options->shard_index, reader->options->shard_count, total, !packed);
  return st;
}

tfm_status tfm_reader_open(tfm_reader **out, const tfm_options *options,
                           const tfm_row_wants *wants, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_reader *reader = NULL;
  *out = NULL;
  if (options->input_format == TFM_IN_OPENAI && !wants->urls) {
    return tfm_fail(
        err, TFM_E_USAGE,
        "--input-format openai-batch: this task answers no requests; chat, generate, embed "
        "and rerank do (/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/rerank, "
        "/v1/score)");
  }
  TFM_TRY(make_reader(&reader, options, wants, err));
  reader->paths = options->ninput ? options->inputs : only_stdin;
  reader->npath = options->ninput ? options->ninput : 1;
  TFM_TRY(look_at_all(reader, err));
  if (!options->passthrough_all) {
    TFM_TRY(name_asked(reader, err));
  } else if (options->output_format != TFM_OUT_JSONL && !is_table(known_format(reader, 0))) {
    TFM_TRY(tfm_fail(err, TFM_E_USAGE,
                     "--passthrough all: a CSV or TSV output needs the names before the first "
                     "row; give them: --passthrough a,b"));
  }
  TFM_TRY(check_headers(reader, err));
  TFM_TRY(set_shard(reader, wants, err));
  *out = reader;
  return TFM_OK;

fail:
  tfm_reader_close(reader);
  return st;
}

tfm_status tfm_reader_open_text(tfm_reader **out, const tfm_options *options, tfm_span text,
                                tfm_err *err)
{
  const tfm_row_wants wants = {.pair = false};
  tfm_reader *reader = NULL;
  *out = NULL;
  tfm_status st = make_reader(&reader, options, &wants, err);
  if (st != TFM_OK) {
    tfm_reader_close(reader);
    return st;
  }
  reader->memory = true;
  reader->text = text;
  reader->npath = 1;
  reader->total_bytes = -1;
  *out = reader;
  return TFM_OK;
}

/* The rows of --limit are there, whatever shard they are in. */
static bool is_past_limit(const tfm_reader *reader)
{
  int64_t skip = reader->options->skip;
  int64_t limit = reader->options->limit;
  return limit == 0 || (limit > 0 && reader->number >= skip && reader->number - skip >= limit);
}

/* The next record that is a row, is not skipped and belongs to the shard. *there: false behind the
 * last. */
static tfm_status next_record(tfm_reader *reader, tfm__record *record, bool *there,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  *there = false;
  while (reader->file < reader->npath && !reader->ended && !is_past_limit(reader)) {
    if (!reader->stream) {
      TFM_TRY(begin_file(reader, reader->file, err));
    }
    TFM_TRY(reader->format->next(&reader->parser, &reader->window, record, there, err));
    if (!*there) {
      finish_file(reader);
      continue;
    }
    int side =
        tfm__shard_side(&reader->shard, reader->number, reader->bytes_before + record->offset);
    reader->ended = side > 0;
    if (reader->ended) {
      break;
    }
    if (reader->format->blank(record)) {
      (void)atomic_fetch_add(&reader->blank_lines, side == 0);
    } else if (reader->number++ >= reader->options->skip && side == 0) {
      return TFM_OK;
    }
  }
  *there = false;

fail:
  return st;
}

tfm_status tfm_reader_next(tfm_reader *reader, tfm_row **row, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__record record = {0};
  bool there = false;
  tfm__draft *draft = &reader->parser.draft;
  *row = NULL;
  TFM_TRY(next_record(reader, &record, &there, err));
  if (!there) {
    return TFM_OK;
  }
  tfm__draft_clear(draft);
  if (record.too_long) {
    tfm__draft_discard(draft, "the line is over 16 MiB");
  } else {
    reader->format->read(&reader->parser, &record);
  }
  tfm__where where = {reader->number - 1, reader->file, record.line, record.offset};
  TFM_TRY(tfm__draft_row(draft, &where, row, err));
  (void)atomic_fetch_add(&reader->rows, 1);
  (*row)->after = tfm_reader_mark(reader);

fail:
  return st;
}

tfm_mark tfm_reader_mark(const tfm_reader *reader)
{
  bool open = reader->stream != NULL;
  return (tfm_mark){.rows = atomic_load(&reader->rows),
                    .number = reader->number,
                    .blank_lines = atomic_load(&reader->blank_lines),
                    .offset = open ? tfm__window_offset(&reader->window) : 0,
                    .lines = open ? reader->window.lines : 0,
                    .file = reader->file,
                    .unclosed = open ? reader->parser.unclosed : 0,
                    .crc = open ? reader->window.crc : 0,
                    .before = reader->before};
}

static tfm_status input_changed(const tfm_reader *reader, int file, const char *how,
                                tfm_err *err)
{
  return tfm_fail(
      err, TFM_E_FORMAT,
      "input %.400s is not what it was when the output was begun: %s; bring it back, "
      "or begin anew with --restart",
      reader->memory ? "sample" : reader->paths[file], how);
}

static bool is_regular(const tfm_reader *reader, int file)
{
  struct stat about;
  return look(reader->paths[file], &about, NULL) == TFM_OK && S_ISREG(about.st_mode);
}

/* Whether the files before the mark's can be left unread. */
static bool may_leap(const tfm_reader *reader, int files)
{
  bool leap = true;
  for (int i = 0; i < files && leap; ++i) {
    leap = is_regular(reader, i);
  }
  return leap;
}

/* Read a whole file again, for its CRC. */
static tfm_status reread_file(tfm_reader *reader, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (!reader->stream) {
    TFM_TRY(begin_file(reader, reader->file, err));
  }
  TFM_TRY(tfm__window_pass(&reader->window, INT64_MAX, err));
  finish_file(reader);

fail:
  return st;
}

/* Leave the part of a file that need not be read again. */
static tfm_status leap_in_file(tfm_reader *reader, const tfm_mark *since, tfm_err *err)
{
  tfm__window *w = &reader->window;
  if (!tfm__stream_seekable(reader->stream) || since->offset <= tfm__window_offset(w)) {
    return TFM_OK;
  }
  tfm_status st = tfm__stream_seek(reader->stream, since->offset, err);
  *w = (tfm__window){.stream = w->stream,
                     .data = w->data,
                     .cap = w->cap,
                     .offset = since->offset,
                     .crc = since->crc};
  return st;
}

static tfm_status resume_in_file(tfm_reader *reader, const tfm_mark *mark,
                                 const tfm_mark *since, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm__window *w = &reader->window;
  if (!reader->stream) {
    TFM_TRY(begin_file(reader, mark->file, err));
  }
  if (since) {
    TFM_TRY(leap_in_file(reader, since, err));
  }
  TFM_TRY(tfm__window_pass(w, mark->offset, err));
  if (tfm__window_offset(w) != mark->offset) {
    TFM_TRY(input_changed(reader, mark->file, "it is shorter", err));
  }
  if (w->crc != mark->crc) {
    TFM_TRY(input_changed(reader, mark->file, "bytes that were read have changed", err));
  }
  w->lines = mark->lines;
  reader->parser.unclosed = mark->unclosed;

fail:
  return st;
}

tfm_status tfm_reader_resume(tfm_reader *reader, const tfm_mark *mark, const tfm_mark *since,
                             bool all, tfm_err *err)
{
  tfm_status st = TFM_OK;
  if (mark->file < 0 || mark->file > reader->npath) {
    return tfm_fail(err, TFM_E_FORMAT, "input %d of %d cannot be gone on with", mark->file,
                    reader->npath);
  }
  const bool leap = !all && may_leap(reader, mark->file);
  while (!leap && reader->file < mark->file) {
    TFM_TRY(reread_file(reader, err));
  }
  if (!leap && reader->before != mark->before) {
    TFM_TRY(input_changed(reader, mark->file - 1, "it or a file before it has changed", err));
  }
  for (int i = reader->file; i < mark->file; ++i) {
    struct stat about = {0};
    reader->bytes_before += look(reader->paths[i], &about, NULL) == TFM_OK ? about.st_size : 0;
  }
  reader->file = mark->file;
  reader->before = mark->before;
  reader->number = mark->number;
  atomic_store(&reader->rows, mark->rows);
  atomic_store(&reader->blank_lines, mark->blank_lines);
  if (mark->file < reader->npath && mark->offset > 0) {
    bool near = !all && since->file == mark->file;
    TFM_TRY(resume_in_file(reader, mark, near ? since : NULL, err));
  }

fail:
  return st;
}

bool tfm_reader_waiting(const tfm_reader *reader)
{
  return atomic_load(&reader->gauge.waiting);
}

void tfm_reader_tell(tfm_reader *reader, void (*waits)(void *arg), void *arg)
{
  reader->gauge.waits = waits;
  reader->gauge.arg = arg;
}

int tfm_reader_passthrough(const tfm_reader *reader, const tfm_span **names)
{
  *names = reader->names;
  return reader->nname;
}

tfm_reader_counts tfm_reader_counted(const tfm_reader *reader)
{
  return (tfm_reader_counts){.rows = atomic_load(&reader->rows),
                             .blank_lines = atomic_load(&reader->blank_lines),
                             .bytes = atomic_load(&reader->gauge.bytes)};
}

int64_t tfm_reader_total_bytes(const tfm_reader *reader)
{
  return reader->total_bytes;
}

void tfm_reader_close(tfm_reader *reader)
{
  if (!reader) {
    return;
  }
  end_file(reader);
  tfm__window_fini(&reader->window);
  tfm__draft_fini(&reader->parser.draft);
  tfm__table_fini(&reader->parser.table);
  tfm_buf_fini(&reader->parser.scratch);
  tfm_jread_close(reader->parser.json);
  tfm_jread_close(reader->parser.inner);
  tfm_free(reader->parser.cells);
  tfm_free(reader->names);
  tfm_buf_fini(&reader->name_bytes);
  tfm_free(reader);
}

tfm_status tfm_reader_count(const tfm_options *options, const tfm_row_wants *wants,
                            int64_t *rows, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_reader *reader = NULL;
  tfm__record record = {0};
  bool there = false;
  *rows = 0;
  for (int i = 0; i < options->ninput || i == 0; ++i) {
    const char *path = options->ninput ? options->inputs[i] : "-";
    if (tfm_path_look(path) != TFM_PATH_FILE) {
      return tfm_fail(err, TFM_E_USAGE,
                      "the rows must be counted first (-f npy, --shard, scale), and %.400s "
                      "cannot be read twice; "
                      "name a file",
                      strcmp(path, "-") == 0 ? "standard input" : path);
    }
  }
  TFM_TRY(tfm_reader_open(&reader, options, wants, err));
  do {
    TFM_TRY(next_record(reader, &record, &there, err));
    *rows += there;
  } while (there);

fail:
  tfm_reader_close(reader);
  return st;
}
