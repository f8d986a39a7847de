#include "coordinator/input/draft.h"

#include "core/base/checked.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <string.h>

void tfm__draft_clear(tfm__draft *d)
{
  tfm_buf_clear(&d->bytes);
  d->id = d->text = d->pair = (tfm__piece){0};
  d->nextra = 0;
  d->nlist = 0;
  d->has_list = false;
  d->err.status = TFM_OK;
  d->no_memory = false;
}

static tfm__piece since(const tfm__draft *d, size_t at)
{
  return (tfm__piece){at, d->bytes.n - at, true};
}

tfm__piece tfm__draft_put(tfm__draft *d, tfm_span s)
{
  size_t at = d->bytes.n;
  (void)tfm_buf_span(&d->bytes, s);
  return since(d, at);
}

tfm__piece tfm__draft_repair(tfm__draft *d, tfm_span s)
{
  size_t at = d->bytes.n;
  size_t good = 0;
  while (s.n && !tfm_utf8_valid(s.p, s.n, &good)) {
    (void)tfm_buf_append(&d->bytes, s.p, good);
    (void)tfm_buf_str(&d->bytes, "\xef\xbf\xbd");
    size_t bad = good + tfm_utf8_bad_at(s.p + good, s.n - good);
    s = (tfm_span){s.p + bad, s.n - bad};
  }
  (void)tfm_buf_span(&d->bytes, s);
  return since(d, at);
}

tfm__piece tfm__draft_put_string(tfm__draft *d, tfm_span s)
{
  size_t at = d->bytes.n;
  (void)tfm_buf_json_string(&d->bytes, s);
  return since(d, at);
}

static bool same(const tfm__draft *d, tfm__piece a, tfm__piece b)
{
  return a.n == b.n &&
         (a.n == 0 || memcmp(d->bytes.data + a.at, d->bytes.data + b.at, a.n) == 0);
}

void tfm__draft_add(tfm__draft *d, tfm__piece name, tfm__piece value, bool replace)
{
  for (int i = 0; replace && i < d->nextra; ++i) {
    if (same(d, d->extra[i].name, name)) {
      d->extra[i].value = value;
      return;
    }
  }
  if (d->nextra == d->cap) {
    int cap = d->cap ? d->cap * 2 : 16; /* at most one field for every few bytes of a row */
    tfm__extra *extra = tfm_realloc(d->extra, (size_t)cap, sizeof *extra);
    if (!extra) {
      d->no_memory = true;
      return;
    }
    d->extra = extra;
    d->cap = cap;
  }
  d->extra[d->nextra++] = (tfm__extra){name, value};
}

void tfm__draft_add_list(tfm__draft *d, tfm__piece text)
{
  d->has_list = true;
  if (d->nlist == d->list_cap) {
    int cap = d->list_cap ? d->list_cap * 2 : 16;
    tfm__piece *list = tfm_realloc(d->list, (size_t)cap, sizeof *list);
    if (!list) {
      d->no_memory = true;
      return;
    }
    d->list = list;
    d->list_cap = cap;
  }
  d->list[d->nlist++] = text;
}

static bool is_blank(char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

void tfm__draft_split_list(tfm__draft *d, tfm_span text)
{
  size_t from = 0;
  d->has_list = true;
  for (size_t i = 0; i <= text.n; ++i) {
    if (i < text.n && text.p[i] != ',') {
      continue;
    }
    size_t end = i;
    for (; from < end && is_blank(text.p[from]); ++from) {
    }
    for (; end > from && is_blank(text.p[end - 1]); --end) {
    }
    if (end > from) {
      tfm__draft_add_list(d, tfm__draft_repair(d, (tfm_span){text.p + from, end - from}));
    }
    from = i + 1;
  }
}

void tfm__draft_fail(tfm__draft *d, const char *format, ...)
{
  if (d->err.status == TFM_OK) {
    va_list args;
    va_start(args, format);
    (void)tfm_vfail(&d->err, TFM_E_FORMAT, format, args);
    va_end(args);
  }
}

void tfm__draft_discard(tfm__draft *d, const char *reason)
{
  tfm__draft_clear(d);
  tfm__draft_fail(d, "%s", reason);
}

/* The block of a row while it is laid out: the row, its fields, its list, then bytes. */
typedef struct {
  tfm_row *row;
  tfm_field *extra;
  tfm_span *list;
  char *bytes;
  size_t nbytes;
} layout;

static bool lay_out(layout *block, size_t nextra, size_t nlist, size_t nbytes)
{
  size_t fields = 0;
  size_t spans = 0;
  size_t total = 0;
  if (!tfm_mul_size(nextra, sizeof(tfm_field), &fields) ||
      !tfm_mul_size(nlist, sizeof(tfm_span), &spans) ||
      !tfm_add_size(sizeof(tfm_row), fields, &total) || !tfm_add_size(total, spans, &total) ||
      !tfm_add_size(total, nbytes, &total)) {
    return false;
  }
  char *memory = tfm_realloc(NULL, total, 1);
  if (!memory) {
    return false;
  }
  void *extra = memory + sizeof(tfm_row);
  void *list = memory + sizeof(tfm_row) + fields;
  *block =
      (layout){(void *)memory, extra, list, memory + sizeof(tfm_row) + fields + spans, nbytes};
  return true;
}

static tfm_span span_of(const layout *block, tfm__piece piece)
{
  return piece.there ? (tfm_span){block->bytes + piece.at, piece.n} : (tfm_span){NULL, 0};
}

/* The decimal digits of a row number (>= 0); returns how many. printf() would take a tenth of the
 * time of a short row. */
static size_t write_digits(int64_t number, char out[24])
{
  char reversed[24];
  size_t n = 0;
  do {
    reversed[n++] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  for (size_t i = 0; i < n; ++i) {
    out[i] = reversed[n - 1 - i];
  }
  return n;
}

tfm_status tfm__draft_row(const tfm__draft *d, const tfm__where *place, tfm_row **row,
                          tfm_err *err)
{
  layout block;
  char digits[24];
  size_t ndigits = d->id.there ? 0 : write_digits(place->number, digits);
  size_t nerror = d->err.status == TFM_OK ? 0 : strlen(d->err.text);
  *row = NULL;
  if (d->no_memory || d->bytes.failed ||
      !lay_out(&block, (size_t)d->nextra, (size_t)d->nlist, d->bytes.n + ndigits + nerror)) {
    return tfm_fail(err, TFM_E_NOMEM, "no memory for row %lld", (long long)place->number);
  }
  if (d->bytes.n) {
    memcpy(block.bytes, d->bytes.data, d->bytes.n);
  }
  memcpy(block.bytes + d->bytes.n, digits, ndigits);
  memcpy(block.bytes + d->bytes.n + ndigits, d->err.text, nerror);
  for (int i = 0; i < d->nextra; ++i) {
    block.extra[i] =
        (tfm_field){span_of(&block, d->extra[i].name), span_of(&block, d->extra[i].value)};
  }
  for (int i = 0; i < d->nlist; ++i) {
    block.list[i] = span_of(&block, d->list[i]);
  }
  tfm__piece id = d->id.there ? d->id : (tfm__piece){d->bytes.n, ndigits, true};
  *block.row = (tfm_row){.number = place->number,
                         .file = place->file,
                         .line = place->line,
                         .byte_offset = place->offset,
                         .id = span_of(&block, id),
                         .text = span_of(&block, d->text),
                         .pair = span_of(&block, d->pair),
                         .has_list = d->has_list,
                         .nlist = d->nlist,
                         .list = block.list,
                         .nextra = d->nextra,
                         .extra = block.extra,
                         .status = d->err.status,
                         .error = {block.bytes + d->bytes.n + ndigits, nerror},
                         .memory = block.row};
  *row = block.row;
  return TFM_OK;
}

void tfm__draft_fini(tfm__draft *d)
{
  tfm_buf_fini(&d->bytes);
  tfm_free(d->extra);
  tfm_free(d->list);
  *d = (tfm__draft){0};
}

void tfm_row_free(tfm_row *row)
{
  if (row) {
    tfm_free(row->memory); /* the row itself stands at its beginning */
  }
}
