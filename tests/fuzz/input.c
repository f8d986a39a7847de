#include "tests/fuzz/input.h"

#include "coordinator/input/reader.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "tests/fuzz/files.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_ROWS = 64 };

typedef struct {
  tfm_reader *reader;
  tfm_row *rows[MOST_ROWS];
  int nrow;
  tfm_status st; /* of the reading */
} reading;

/* By the bits of `how`. */
static void choose(unsigned how, tfm_options *options, tfm_row_wants *wants)
{
  static const char *names[] = {"text", "n", "id"};
  *options = (tfm_options){.limit = -1, .output_format = TFM_OUT_JSONL};
  options->passthrough_all = (how & 1) != 0;
  options->passthrough = how & 2 ? names : NULL;
  options->npassthrough = how & 2 && !(how & 1) ? 3 : 0;
  options->id_column = how & 4 ? "n" : NULL;
  options->text_column = how & 8 ? "s" : NULL;
  *wants = (tfm_row_wants){.pair = (how & 16) != 0,
                           .pair_needed = (how & 48) == 48,
                           .list_name = how & 64 ? "labels" : NULL,
                           .list_needed = (how & 96) == 96,
                           .list_commas = (how & 128) != 0,
                           .text_array = (how & 144) == 144};
}

static void look_at_json(tfm_span value)
{
  tfm_jread *json = tfm_jread_open("value", value.p, value.n, TFM_JSON_LOSSY);
  FUZZ_WANT(json);
  (void)tfm_jread_skip(json);
  tfm_jread_end(json);
  FUZZ_WANT(tfm_jread_ok(json) && tfm_utf8_valid(value.p, value.n, NULL));
  tfm_jread_close(json);
}

static void look_at(const tfm_row *row, int number, const tfm_row *before)
{
  FUZZ_WANT(row->number == number && row->file == 0 && row->line >= 1);
  FUZZ_WANT(!before || row->byte_offset >= before->after.offset);
  FUZZ_WANT(row->after.offset >= row->byte_offset && row->after.number == number + 1);
  FUZZ_WANT(row->status == TFM_OK ? row->error.n == 0 : row->error.n > 0);
  FUZZ_WANT(tfm_utf8_valid(row->error.p, row->error.n, NULL));
  FUZZ_WANT(tfm_utf8_valid(row->text.p, row->text.n, NULL));
  FUZZ_WANT(tfm_utf8_valid(row->pair.p, row->pair.n, NULL));
  look_at_json(row->id);
  for (int i = 0; i < row->nextra; ++i) {
    FUZZ_WANT(tfm_utf8_valid(row->extra[i].name.p, row->extra[i].name.n, NULL));
    look_at_json(row->extra[i].value);
  }
  for (int i = 0; i < row->nlist; ++i) {
    FUZZ_WANT(tfm_utf8_valid(row->list[i].p, row->list[i].n, NULL));
  }
}

static void take_rows(reading *r, tfm_err *err)
{
  while (r->nrow < MOST_ROWS) {
    r->st = tfm_reader_next(r->reader, &r->rows[r->nrow], err);
    if (r->st != TFM_OK || !r->rows[r->nrow]) {
      return;
    }
    ++r->nrow;
  }
}

static void close_reading(reading *r)
{
  for (int i = 0; i < r->nrow; ++i) {
    tfm_row_free(r->rows[i]);
  }
  tfm_reader_close(r->reader);
}

static bool same_row(const tfm_row *a, const tfm_row *b)
{
  bool same = a->number == b->number && a->line == b->line && a->status == b->status &&
              a->byte_offset == b->byte_offset && a->nextra == b->nextra &&
              a->nlist == b->nlist && a->has_list == b->has_list &&
              memcmp(&a->after, &b->after, sizeof a->after) == 0 && tfm_span_eq(a->id, b->id) &&
              tfm_span_eq(a->text, b->text) && tfm_span_eq(a->pair, b->pair) &&
              tfm_span_eq(a->error, b->error);
  for (int i = 0; same && i < a->nextra; ++i) {
    same = tfm_span_eq(a->extra[i].name, b->extra[i].name) &&
           tfm_span_eq(a->extra[i].value, b->extra[i].value);
  }
  for (int i = 0; same && i < a->nlist; ++i) {
    same = tfm_span_eq(a->list[i], b->list[i]);
  }
  return same;
}

/* Go on behind a row; what was read since the row before it is read again and compared. */
static void go_on(const tfm_options *options, const tfm_row_wants *wants, const reading *first,
                  int behind)
{
  tfm_err err = {0};
  reading r = {0};
  const tfm_mark none = {0};
  const tfm_mark *since = behind > 0 ? &first->rows[behind - 1]->after : &none;
  FUZZ_WANT(tfm_reader_open(&r.reader, options, wants, &err) == TFM_OK);
  FUZZ_WANT(tfm_reader_resume(r.reader, &first->rows[behind]->after, since, behind % 2 == 0,
                              &err) == TFM_OK);
  take_rows(&r, &err);
  FUZZ_WANT(first->nrow == MOST_ROWS ||
            (r.st == first->st && r.nrow == first->nrow - behind - 1));
  for (int i = behind + 1; i < first->nrow; ++i) {
    FUZZ_WANT(same_row(first->rows[i], r.rows[i - behind - 1]));
  }
  close_reading(&r);
}

void fuzz_read_rows(const char *name, tfm_span input)
{
  if (input.n < 2) {
    return;
  }
  tfm_err err = {0};
  tfm_options options;
  tfm_row_wants wants;
  reading r = {0};
  choose((unsigned char)input.p[0], &options, &wants);
  fuzz_put_file(name, (tfm_span){input.p + 1, input.n - 1});
  char *path = tfm_path_join(fuzz_folder(), name);
  const char *inputs[] = {path};
  FUZZ_WANT(path);
  options.inputs = inputs;
  options.ninput = 1;
  r.st = tfm_reader_open(&r.reader, &options, &wants, &err);
  if (r.st == TFM_OK) {
    take_rows(&r, &err);
    for (int i = 0; i < r.nrow; ++i) {
      look_at(r.rows[i], i, i > 0 ? r.rows[i - 1] : NULL);
    }
    if (r.nrow > 0) {
      go_on(&options, &wants, &r, 0);
      go_on(&options, &wants, &r, r.nrow / 2);
    }
  }
  FUZZ_WANT(r.st == TFM_OK || (r.st == TFM_E_FORMAT && err.text[0]));
  close_reading(&r);
  tfm_free(path);
}
