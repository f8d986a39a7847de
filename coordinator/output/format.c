#include "coordinator/output/format.h"

#include "coordinator/output/openai.h"
#include "core/base/utf8.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void tfm_answer_clear(tfm_answer *answer)
{
  for (int i = 0; i < TFM_ANSWER_MAX_FIELDS; ++i) {
    tfm_buf_clear(&answer->value[i]);
  }
  tfm_buf_clear(&answer->numbers);
  answer->status = TFM_OK;
  answer->made = 0;
  answer->error[0] = '\0';
}

void tfm_answer_fail(tfm_answer *answer, tfm_status status, const char *text)
{
  answer->status = status;
  (void)snprintf(answer->error, sizeof answer->error, "%s", text);
}

void tfm_answer_fini(tfm_answer *answer)
{
  for (int i = 0; i < TFM_ANSWER_MAX_FIELDS; ++i) {
    tfm_buf_fini(&answer->value[i]);
  }
  tfm_buf_fini(&answer->numbers);
}

void tfm_answer_code(const tfm_answer *answer, tfm_buf *out)
{
  static const char *const names[] = {
#define STATUS_NAME(name, number, code, text) [number] = #name,
      TFM_STATUS_MAP(STATUS_NAME)
#undef STATUS_NAME
  };
  const tfm_status status = answer->status;
  const char *name = status < TFM_STATUS_COUNT ? names[status] : "E_INTERNAL";
  name += strncmp(name, "E_", 2) == 0 ? 2 : 0;
  for (; *name; ++name) {
    (void)tfm_buf_char(out, (char)tolower((unsigned char)*name));
  }
}

/* {"code":...,"message":...} */
static void append_error(const tfm_answer *answer, tfm_buf *out)
{
  (void)tfm_buf_str(out, "{\"code\":\"");
  tfm_answer_code(answer, out);
  (void)tfm_buf_str(out, "\",\"message\":");
  (void)tfm_buf_json_string(out, tfm_span_of(answer->error));
  (void)tfm_buf_char(out, '}');
}

/* Whether a passed-through field has the name of one of our own. */
static bool is_taken(const tfm_layout *layout, tfm_span name)
{
  bool taken = tfm_span_is(name, "id") || tfm_span_is(name, "error") ||
               (layout->files && tfm_span_is(name, "file"));
  for (int i = 0; i < layout->nfield && !taken; ++i) {
    taken = tfm_span_is(name, layout->fields[i]);
  }
  return taken;
}

/* A labelled set has a `label`, and so has its result: the input's becomes input_label. */
static const char *name_prefix(const tfm_layout *layout, tfm_span name)
{
  return is_taken(layout, name) ? "input_" : "";
}

/* ,"name": */
static void append_key(const char *prefix, tfm_span name, tfm_buf *out)
{
  size_t at = 0;
  (void)tfm_buf_char(out, ',');
  at = out->n;
  (void)tfm_buf_json_string(out, name);
  if (prefix[0] && !out->failed) { /* behind the opening quote */
    size_t n = strlen(prefix);
    if (tfm_buf_reserve(out, n) == TFM_OK) {
      memmove(out->data + at + 1 + n, out->data + at + 1, out->n - at - 1);
      memcpy(out->data + at + 1, prefix, n);
      out->n += n;
    }
  }
  (void)tfm_buf_char(out, ':');
}

static void append_json_row(const tfm_layout *layout, const tfm_row *row,
                            const tfm_answer *answer, tfm_buf *out)
{
  (void)tfm_buf_str(out, "{\"id\":");
  (void)tfm_buf_span(out, row->id);
  if (layout->files) {
    append_key("", tfm_span_of("file"), out);
    (void)tfm_buf_json_string(out, tfm_span_of(layout->files[row->file]));
  }
  for (int i = 0; i < row->nextra; ++i) {
    append_key(name_prefix(layout, row->extra[i].name), row->extra[i].name, out);
    (void)tfm_buf_span(out, row->extra[i].value);
  }
  for (int i = 0; i < layout->nfield && answer->status == TFM_OK; ++i) {
    if (answer->value[i].n) {
      append_key("", tfm_span_of(layout->fields[i]), out);
      (void)tfm_buf_span(out, tfm_buf_view(&answer->value[i]));
    }
  }
  if (answer->status != TFM_OK) {
    append_key("", tfm_span_of("error"), out);
    append_error(answer, out);
  }
  (void)tfm_buf_str(out, "}\n");
}

/* The four hex digits at p, or U+FFFD. */
static uint32_t read_hex(const char *p, const char *end)
{
  uint32_t c = 0;
  for (int i = 0; i < 4; ++i) {
    int digit = p + i < end ? tolower((unsigned char)p[i]) : 0;
    if (!isxdigit(digit)) {
      return 0xfffd;
    }
    c = c * 16 + (uint32_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
  }
  return c;
}

/* The character of a \u escape whose digits begin at p, a pair of surrogates together; a lone one
 * is U+FFFD. Returns the place behind it. */
static const char *append_unicode(const char *p, const char *end, tfm_buf *out)
{
  char bytes[4];
  uint32_t c = read_hex(p, end);
  p = end - p < 4 ? end : p + 4;
  if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
    uint32_t low = read_hex(p + 2, end);
    if (low >= 0xdc00 && low < 0xe000) {
      c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
      p += 6;
    }
  }
  c = c >= 0xd800 && c < 0xe000 ? 0xfffd : c;
  (void)tfm_buf_append(out, bytes, tfm_utf8_encode(c, bytes));
  return p;
}

/* The text of a JSON string, which is valid and has its quotes. */
static void append_decoded(tfm_span json, tfm_buf *out)
{
  static const char letters[] = "bfnrt";
  static const char meant[] = "\b\f\n\r\t";
  const char *p = json.p + 1;
  const char *end = json.p + json.n - 1;
  while (p < end) {
    const char *escape = memchr(p, '\\', (size_t)(end - p));
    (void)tfm_buf_append(out, p, (size_t)((escape ? escape : end) - p));
    if (!escape || escape + 1 >= end) {
      return;
    }
    const char *letter = strchr(letters, escape[1]);
    p = escape + 2;
    if (escape[1] == 'u') {
      p = append_unicode(p, end, out);
    } else {
      (void)tfm_buf_char(out, letter && *letter ? meant[letter - letters] : escape[1]);
    }
  }
}

/* Whether and how a character of a cell is written as two; 0 when it stands as it is. */
static char doubled(tfm_output_format format, char c)
{
  if (format == TFM_OUT_CSV) {
    return c == '"' ? '"' : 0;
  }
  switch (c) {
  case '\t':
  case '\n':
  case '\r':
  case '\\':
    return '\\';
  default:
    return 0;
  }
}

static char second(tfm_output_format format, char c)
{
  if (format == TFM_OUT_TSV) {
    return (char)(c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c);
  }
  return c;
}

/* Make the text from `at` to the end of out a proper cell: quoted in CSV where it must be, with
 * escapes in TSV. From its end backwards, so that it can grow in place. */
static void close_cell(tfm_output_format format, size_t at, tfm_buf *out)
{
  size_t more = 0;
  bool quote = false;
  for (size_t i = at; i < out->n; ++i) {
    char c = out->data[i];
    more += doubled(format, c) != 0;
    quote = quote || c == ',' || c == '"' || c == '\n' || c == '\r';
  }
  quote = quote && format == TFM_OUT_CSV;
  if ((!more && !quote) || tfm_buf_reserve(out, more + 2) != TFM_OK) {
    return;
  }
  size_t from = out->n;
  size_t to = from + more + (quote ? 2 : 0);
  out->n = to;
  if (quote) {
    out->data[--to] = '"';
  }
  while (from > at) {
    char c = out->data[--from];
    char first = doubled(format, c);
    out->data[--to] = first ? second(format, c) : c;
    if (first) {
      out->data[--to] = first;
    }
  }
  if (quote) {
    out->data[--to] = '"';
  }
}

/* A JSON value as a cell: a string becomes its text, null nothing, the rest stays JSON. */
static void append_cell(tfm_output_format format, tfm_span json, tfm_buf *out)
{
  size_t at = out->n;
  if (json.n >= 2 && json.p[0] == '"') {
    append_decoded(json, out);
  } else if (!tfm_span_is(json, "null")) {
    (void)tfm_buf_span(out, json);
  }
  close_cell(format, at, out);
}

static void append_text_cell(tfm_output_format format, const char *prefix, tfm_span text,
                             tfm_buf *out)
{
  size_t at = out->n;
  (void)tfm_buf_str(out, prefix);
  (void)tfm_buf_span(out, text);
  close_cell(format, at, out);
}

static tfm_span find_extra(const tfm_layout *layout, const tfm_row *row, int i)
{
  /* Rows of one file have their fields in one order: look at the same place first. */
  for (int k = 0; k < row->nextra; ++k) {
    const tfm_field *field = &row->extra[(i + k) % row->nextra];
    if (tfm_span_eq(field->name, layout->extra[i])) {
      return field->value;
    }
  }
  return (tfm_span){NULL, 0};
}

static void append_table_row(const tfm_layout *layout, const tfm_row *row,
                             const tfm_answer *answer, tfm_buf *out)
{
  tfm_output_format format = layout->format;
  char between = format == TFM_OUT_CSV ? ',' : '\t';
  append_cell(format, row->id, out);
  if (layout->files) {
    (void)tfm_buf_char(out, between);
    append_text_cell(format, "", tfm_span_of(layout->files[row->file]), out);
  }
  for (int i = 0; i < layout->nextra; ++i) {
    (void)tfm_buf_char(out, between);
    append_cell(format, find_extra(layout, row, i), out);
  }
  for (int i = 0; i < layout->nfield; ++i) {
    (void)tfm_buf_char(out, between);
    if (answer->status == TFM_OK) {
      append_cell(format, tfm_buf_view(&answer->value[i]), out);
    }
  }
  (void)tfm_buf_char(out, between);
  if (answer->status != TFM_OK) {
    size_t at = out->n;
    append_error(answer, out);
    close_cell(format, at, out);
  }
  (void)tfm_buf_char(out, '\n');
}

tfm_status tfm_layout_header(const tfm_layout *layout, tfm_buf *out)
{
  tfm_output_format format = layout->format;
  char between = format == TFM_OUT_CSV ? ',' : '\t';
  if (format == TFM_OUT_JSONL || format == TFM_OUT_OPENAI) {
    return TFM_OK;
  }
  if (format == TFM_OUT_NPY) {
    return tfm_array_header(&layout->array, out);
  }
  (void)tfm_buf_str(out, "id");
  if (layout->files) {
    (void)tfm_buf_char(out, between);
    (void)tfm_buf_str(out, "file");
  }
  for (int i = 0; i < layout->nextra; ++i) {
    (void)tfm_buf_char(out, between);
    append_text_cell(format, name_prefix(layout, layout->extra[i]), layout->extra[i], out);
  }
  for (int i = 0; i < layout->nfield; ++i) {
    (void)tfm_buf_char(out, between);
    append_text_cell(format, "", tfm_span_of(layout->fields[i]), out);
  }
  (void)tfm_buf_char(out, between);
  (void)tfm_buf_str(out, "error\n");
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}

tfm_status tfm_layout_row(const tfm_layout *layout, const tfm_row *row,
                          const tfm_answer *answer, tfm_buf *out)
{
  for (int i = 0; i < layout->nfield; ++i) {
    if (answer->value[i].failed) {
      return TFM_E_NOMEM; /* half a value is no value */
    }
  }
  if (layout->format == TFM_OUT_NPY) {
    const bool answered = answer->status == TFM_OK;
    return answer->numbers.failed
               ? TFM_E_NOMEM
               : tfm_array_row(&layout->array,
                               answered ? tfm_buf_view(&answer->numbers) : (tfm_span){NULL, 0},
                               out);
  }
  if (layout->format == TFM_OUT_OPENAI) {
    tfm__openai_row(row, answer, out);
  } else if (layout->format == TFM_OUT_JSONL) {
    append_json_row(layout, row, answer, out);
  } else {
    append_table_row(layout, row, answer, out);
  }
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}

tfm_status tfm_layout_error(const tfm_layout *layout, const tfm_row *row,
                            const tfm_answer *answer, tfm_buf *out)
{
  (void)tfm_buf_str(out, "{\"id\":");
  (void)tfm_buf_span(out, row->id);
  if (layout->files) {
    append_key("", tfm_span_of("file"), out);
    (void)tfm_buf_json_string(out, tfm_span_of(layout->files[row->file]));
  }
  (void)tfm_buf_printf(out, ",\"line\":%lld,\"byte_offset\":%lld,\"code\":\"",
                       (long long)row->line, (long long)row->byte_offset);
  tfm_answer_code(answer, out);
  (void)tfm_buf_str(out, "\",\"message\":");
  (void)tfm_buf_json_string(out, tfm_span_of(answer->error));
  (void)tfm_buf_str(out, "}\n");
  return out->failed ? TFM_E_NOMEM : TFM_OK;
}
