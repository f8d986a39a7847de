#include "core/base/json_reader.h"

#include "core/base/buf.h"
#include "core/base/json_scan.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What comes next in a container. */
typedef enum {
  STEP_FIRST, /* just entered: a first member, or its end */
  STEP_VALUE, /* a key or element has been announced: its value is due */
  STEP_NEXT   /* a value has been read: a comma, or the end */
} step;

typedef struct {
  size_t start;  /* offset of the opening bracket */
  size_t key;    /* offset of the member's key, at its quote; 0 before the first */
  size_t key_n;  /* bytes of that key as written, with quotes */
  int64_t index; /* of the element; -1 before the first */
  bool object;
  step step;
} frame;

struct tfm_jread {
  const char *name;
  const char *text;
  const char *p; /* next byte to read */
  const char *end;
  size_t mark;    /* offset of the value or key read last: where tfm_jread_fail() points */
  tfm_span known; /* the longest value stepped over so far: well-formed */
  tfm_json_unicode unicode;
  int depth;                        /* containers that are open */
  frame frames[TFM_JSON_DEPTH + 1]; /* [0] is the text itself, which holds one value */
  tfm_buf room;                     /* for strings that had to be decoded */
  tfm_err err;                      /* status TFM_OK until something failed */
};

tfm_jread *tfm_jread_open(const char *name, const char *text, size_t n,
                          tfm_json_unicode unicode)
{
  tfm_jread *r = tfm_calloc(1, sizeof *r);
  if (r) {
    r->name = name;
    r->unicode = unicode;
    tfm_jread_restart(r, text, n);
  }
  return r;
}

void tfm_jread_restart(tfm_jread *r, const char *text, size_t n)
{
  r->text = n ? text : "";
  r->end = r->text + n;
  r->known = (tfm_span){NULL, 0};
  tfm_jread_rewind(r);
}

void tfm_jread_rewind(tfm_jread *r)
{
  r->p = r->text;
  r->mark = 0;
  r->depth = 0;
  r->frames[0] = (frame){.step = STEP_VALUE};
  r->err.status = TFM_OK;
}

void tfm_jread_close(tfm_jread *r)
{
  if (r) {
    tfm_buf_fini(&r->room);
    tfm_free(r);
  }
}

bool tfm_jread_ok(const tfm_jread *r)
{
  return r->err.status == TFM_OK;
}

tfm_status tfm_jread_status(const tfm_jread *r, tfm_err *err)
{
  return tfm_jread_ok(r) ? TFM_OK : tfm_fail(err, r->err.status, "%s", r->err.text);
}

/* ---- messages ---- */

enum {
  PATH_EDGE = 4, /* of a deep path the first and last components are shown */
  KEY_SHOWN = 32,
  VALUE_SHOWN = 32
};

/* Text of others for a message: cut at a character, with whatever a terminal or a log might
 * choke on replaced by '?'. */
static void show(char *out, size_t room, const char *p, size_t n, size_t most)
{
  size_t used = 0;
  size_t i = 0;
  while (i < n && i < most && used + 4 < room) {
    size_t len = tfm_utf8_valid_at(p + i, n - i);
    bool odd = len == 0 || (unsigned char)p[i] < 0x20 || p[i] == 0x7f;
    len = len ? len : 1;
    if (odd) {
      out[used++] = '?';
    } else if (used + len + 4 < room) {
      memcpy(out + used, p + i, len);
      used += len;
    } else {
      break;
    }
    i += len;
  }
  (void)snprintf(out + used, room - used, "%s", i < n ? "..." : "");
}

static bool is_name(const char *p, size_t n)
{
  bool name = n > 0 && n <= KEY_SHOWN && !(p[0] >= '0' && p[0] <= '9');
  for (size_t i = 0; name && i < n; ++i) {
    char low = (char)(p[i] | 0x20);
    name = (low >= 'a' && low <= 'z') || (p[i] >= '0' && p[i] <= '9') || p[i] == '_';
  }
  return name;
}

static void add_component(const tfm_jread *r, const frame *f, tfm_buf *path)
{
  if (!f->object) {
    if (f->index >= 0) {
      (void)tfm_buf_printf(path, "[%" PRId64 "]", f->index);
    }
    return;
  }
  if (f->key_n < 2) {
    return;
  }
  const char *key = r->text + f->key + 1;
  size_t n = f->key_n - 2;
  char shown[KEY_SHOWN + 12];
  show(shown, sizeof shown, key, n, KEY_SHOWN);
  if (is_name(key, n)) {
    (void)tfm_buf_printf(path, ".%s", shown);
  } else {
    (void)tfm_buf_printf(path, "[\"%s\"]", shown);
  }
}

static void write_path(const tfm_jread *r, tfm_buf *path)
{
  (void)tfm_buf_char(path, '$');
  for (int i = 1; i <= r->depth; ++i) {
    if (i > PATH_EDGE && i <= r->depth - PATH_EDGE) {
      if (i == PATH_EDGE + 1) {
        (void)tfm_buf_str(path, "...");
      }
      continue;
    }
    add_component(r, &r->frames[i], path);
  }
}

static void fail_at(tfm_jread *r, tfm_status st, const char *at, const char *format, ...)
    TFM_PRINTF(4, 5);
static void vfail_at(tfm_jread *r, tfm_status st, const char *at, const char *format,
                     va_list args) TFM_PRINTF(4, 0);

static void vfail_at(tfm_jread *r, tfm_status st, const char *at, const char *format,
                     va_list args)
{
  if (!tfm_jread_ok(r)) {
    return;
  }
  tfm_buf path = {0};
  write_path(r, &path);
  (void)tfm_vfail(&r->err, st, format, args);
  (void)tfm_err_prefix(&r->err, "%s: byte %zu, %s", r->name ? r->name : "JSON",
                       (size_t)(at - r->text), tfm_buf_cstr(&path));
  tfm_buf_fini(&path);
}

static void fail_at(tfm_jread *r, tfm_status st, const char *at, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vfail_at(r, st, at, format, args);
  va_end(args);
}

void tfm_jread_fail(tfm_jread *r, tfm_status st, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  vfail_at(r, st, r->text + r->mark, format, args);
  va_end(args);
}

static const char *name_of(tfm_json_kind kind)
{
  static const char *const names[] = {
      [TFM_JSON_NONE] = "no value",   [TFM_JSON_OBJECT] = "an object",
      [TFM_JSON_ARRAY] = "an array",  [TFM_JSON_STRING] = "a string",
      [TFM_JSON_NUMBER] = "a number", [TFM_JSON_TRUE] = "true",
      [TFM_JSON_FALSE] = "false",     [TFM_JSON_NULL] = "null"};
  return names[kind];
}

/* "want X, got ..." for the byte at r->p, where no value starts or something else is due. */
static void fail_here(tfm_jread *r, const char *want)
{
  unsigned char c = r->p < r->end ? (unsigned char)*r->p : 0;
  if (r->p == r->end) {
    fail_at(r, TFM_E_FORMAT, r->p, "want %s, but the text ends", want);
  } else if (c == 0xef && r->p == r->text) {
    fail_at(r, TFM_E_FORMAT, r->p, "want %s, got a byte order mark", want);
  } else if (c > 0x20 && c < 0x7f) {
    fail_at(r, TFM_E_FORMAT, r->p, "want %s, got '%c'", want, c);
  } else {
    fail_at(r, TFM_E_FORMAT, r->p, "want %s, got byte 0x%02x", want, c);
  }
}

static void fail_kind(tfm_jread *r, const char *want, tfm_json_kind got)
{
  if (got == TFM_JSON_NONE) {
    fail_here(r, want);
  } else {
    fail_at(r, TFM_E_FORMAT, r->p, "want %s, got %s", want, name_of(got));
  }
}

/* ---- walking ---- */

static frame *top(tfm_jread *r)
{
  return &r->frames[r->depth];
}

tfm_json_kind tfm_jread_peek(tfm_jread *r)
{
  if (!tfm_jread_ok(r) || top(r)->step != STEP_VALUE) {
    return TFM_JSON_NONE;
  }
  r->p = tfm__json_space(r->p, r->end);
  r->mark = (size_t)(r->p - r->text);
  switch (r->p < r->end ? *r->p : '\0') {
  case '{':
    return TFM_JSON_OBJECT;
  case '[':
    return TFM_JSON_ARRAY;
  case '"':
    return TFM_JSON_STRING;
  case 't':
    return TFM_JSON_TRUE;
  case 'f':
    return TFM_JSON_FALSE;
  case 'n':
    return TFM_JSON_NULL;
  case '-':
  case '0':
  case '1':
  case '2':
  case '3':
  case '4':
  case '5':
  case '6':
  case '7':
  case '8':
  case '9':
    return TFM_JSON_NUMBER;
  default:
    return TFM_JSON_NONE;
  }
}

/* Whether a value of this kind comes next; if not, that is the failure. */
static bool wants(tfm_jread *r, tfm_json_kind kind, const char *name)
{
  if (!tfm_jread_ok(r)) {
    return false;
  }
  TFM_ASSERT(top(r)->step == STEP_VALUE); /* a value is read where one was announced */
  tfm_json_kind got = tfm_jread_peek(r);
  if (got != kind) {
    fail_kind(r, name, got);
    return false;
  }
  return true;
}

static void enter(tfm_jread *r, bool object)
{
  if (r->depth == TFM_JSON_DEPTH) {
    fail_at(r, TFM_E_FORMAT, r->p, "nested deeper than %d levels", TFM_JSON_DEPTH);
    return;
  }
  ++r->depth;
  *top(r) = (frame){.start = r->mark, .index = -1, .object = object, .step = STEP_FIRST};
  ++r->p;
}

void tfm_jread_object(tfm_jread *r)
{
  if (wants(r, TFM_JSON_OBJECT, "an object")) {
    enter(r, true);
  }
}

void tfm_jread_array(tfm_jread *r)
{
  if (wants(r, TFM_JSON_ARRAY, "an array")) {
    enter(r, false);
  }
}

static void leave(tfm_jread *r)
{
  r->mark = top(r)->start;
  --r->depth;
  top(r)->step = STEP_NEXT;
}

/* At the innermost container: whether another member or element follows, with r->p on its first
 * byte. At the container's end it is left. */
static bool another(tfm_jread *r, bool object)
{
  frame *f = top(r);
  TFM_ASSERT(r->depth > 0 && f->object == object); /* the loop fits the container */
  TFM_ASSERT(f->step != STEP_VALUE);               /* the value before was read or skipped */
  r->p = tfm__json_space(r->p, r->end);
  char close = object ? '}' : ']';
  if (r->p < r->end && *r->p == close) {
    ++r->p;
    leave(r);
    return false;
  }
  if (f->step == STEP_FIRST) {
    return true;
  }
  if (r->p == r->end || *r->p != ',') {
    fail_here(r, object ? "',' or '}'" : "',' or ']'");
    return false;
  }
  r->p = tfm__json_space(r->p + 1, r->end);
  if (r->p < r->end && *r->p == close) {
    fail_here(r, object ? "another key after ','" : "another element after ','");
    return false;
  }
  return true;
}

static bool scan_string(tfm_jread *r, tfm_span *out)
{
  const char *problem = tfm__json_string(&r->p, r->end, r->unicode, &r->room, out);
  if (problem) {
    fail_at(r, r->room.failed ? TFM_E_NOMEM : TFM_E_FORMAT, r->p, "%s", problem);
  }
  return !problem;
}

/* As tfm_jread_key(); key may be NULL, then it is only checked. */
static bool next_key(tfm_jread *r, tfm_span *key)
{
  if (!tfm_jread_ok(r) || !another(r, true)) {
    return false;
  }
  if (r->p == r->end || *r->p != '"') {
    fail_here(r, "a key");
    return false;
  }
  frame *f = top(r);
  size_t start = (size_t)(r->p - r->text);
  r->mark = start;
  if (!scan_string(r, key)) {
    return false;
  }
  f->key = start;
  f->key_n = (size_t)(r->p - r->text) - start;
  r->p = tfm__json_space(r->p, r->end);
  if (r->p == r->end || *r->p != ':') {
    fail_here(r, "':'");
    return false;
  }
  ++r->p;
  f->step = STEP_VALUE;
  return true;
}

static const tfm_span nothing = {"", 0};

bool tfm_jread_key(tfm_jread *r, tfm_span *key)
{
  if (next_key(r, key)) {
    return true;
  }
  *key = nothing;
  return false;
}

bool tfm_jread_element(tfm_jread *r)
{
  if (!tfm_jread_ok(r) || !another(r, false)) {
    return false;
  }
  ++top(r)->index;
  top(r)->step = STEP_VALUE;
  return true;
}

/* ---- values ---- */

tfm_span tfm_jread_string(tfm_jread *r)
{
  tfm_span s = nothing;
  if (!wants(r, TFM_JSON_STRING, "a string") || !scan_string(r, &s)) {
    return nothing;
  }
  top(r)->step = STEP_NEXT;
  return s;
}

/* The number that comes next as it is written; empty after a failure. */
static tfm_span scan_number(tfm_jread *r, const char *want, bool *integer)
{
  if (!wants(r, TFM_JSON_NUMBER, want)) {
    return nothing;
  }
  const char *start = r->p;
  const char *problem = tfm__json_number(&r->p, r->end, integer);
  if (problem) {
    fail_at(r, TFM_E_FORMAT, r->p, "%s", problem);
    return nothing;
  }
  top(r)->step = STEP_NEXT;
  return (tfm_span){start, (size_t)(r->p - start)};
}

static void fail_number(tfm_jread *r, const char *want, tfm_span number)
{
  char got[VALUE_SHOWN + 12];
  show(got, sizeof got, number.p, number.n, VALUE_SHOWN);
  fail_at(r, TFM_E_FORMAT, number.p, "want %s, got %s", want, got);
}

int64_t tfm_jread_int(tfm_jread *r, int64_t low, int64_t high)
{
  bool integer = false;
  int64_t x = 0;
  tfm_span number = scan_number(r, "an integer", &integer);
  if (!number.n) {
    return 0;
  }
  if (!integer || !tfm__json_to_i64(number, &x) || x < low || x > high) {
    char want[96];
    (void)snprintf(want, sizeof want, "an integer from %" PRId64 " to %" PRId64, low, high);
    fail_number(r, want, number);
    return 0;
  }
  return x;
}

uint64_t tfm_jread_u64(tfm_jread *r)
{
  bool integer = false;
  uint64_t x = 0;
  tfm_span number = scan_number(r, "an integer", &integer);
  if (!number.n) {
    return 0;
  }
  if (!integer || !tfm__json_to_u64(number, &x)) {
    fail_number(r, "an integer from 0 to 18446744073709551615", number);
    return 0;
  }
  return x;
}

double tfm_jread_double(tfm_jread *r)
{
  bool integer = false;
  tfm_span number = scan_number(r, "a number", &integer);
  if (!number.n) {
    return 0;
  }
  double x = tfm__json_to_double(number, &r->room);
  if (r->room.failed) {
    fail_at(r, TFM_E_NOMEM, number.p, "not enough memory for a number");
    return 0;
  }
  if (!isfinite(x)) {
    fail_number(r, "a number a double can hold", number);
    return 0;
  }
  return x;
}

/* true, false or null, which peek has recognised by its first letter. */
static bool scan_word(tfm_jread *r, const char *word)
{
  size_t n = strlen(word);
  if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0) {
    fail_at(r, TFM_E_FORMAT, r->p, "want %s, got another word", word);
    return false;
  }
  r->p += n;
  top(r)->step = STEP_NEXT;
  return true;
}

bool tfm_jread_bool(tfm_jread *r)
{
  if (tfm_jread_peek(r) == TFM_JSON_FALSE) {
    (void)scan_word(r, "false");
    return false;
  }
  return wants(r, TFM_JSON_TRUE, "true or false") && scan_word(r, "true");
}

bool tfm_jread_null(tfm_jread *r)
{
  return tfm_jread_peek(r) == TFM_JSON_NULL && scan_word(r, "null");
}

/* Reads a scalar, or enters a container. */
static void skip_one(tfm_jread *r)
{
  bool integer = false;
  switch (tfm_jread_peek(r)) {
  case TFM_JSON_OBJECT:
    enter(r, true);
    break;
  case TFM_JSON_ARRAY:
    enter(r, false);
    break;
  case TFM_JSON_STRING:
    if (scan_string(r, NULL)) {
      top(r)->step = STEP_NEXT;
    }
    break;
  case TFM_JSON_NUMBER:
    (void)scan_number(r, "a number", &integer);
    break;
  case TFM_JSON_TRUE:
    (void)scan_word(r, "true");
    break;
  case TFM_JSON_FALSE:
    (void)scan_word(r, "false");
    break;
  case TFM_JSON_NULL:
    (void)scan_word(r, "null");
    break;
  case TFM_JSON_NONE:
    fail_here(r, "a value");
    break;
  }
}

/* Steps over the value at r->p, which is not known. */
static void skip_all(tfm_jread *r)
{
  int outside = r->depth;
  do {
    skip_one(r);
    while (tfm_jread_ok(r) && r->depth > outside &&
           !(top(r)->object ? next_key(r, NULL) : tfm_jread_element(r))) {
      /* a container was left: go on in the one around it */
    }
  } while (tfm_jread_ok(r) && r->depth > outside);
}

tfm_span tfm_jread_skip(tfm_jread *r)
{
  if (!tfm_jread_ok(r)) {
    return nothing;
  }
  TFM_ASSERT(top(r)->step == STEP_VALUE);
  r->p = tfm__json_space(r->p, r->end);
  const char *start = r->p;
  if (r->known.p == start) {
    r->p += r->known.n;
    top(r)->step = STEP_NEXT;
  } else {
    skip_all(r);
  }
  if (!tfm_jread_ok(r)) {
    return nothing;
  }
  r->mark = (size_t)(start - r->text);
  tfm_span value = {start, (size_t)(r->p - start)};
  r->known = value.n > r->known.n ? value : r->known;
  return value;
}

void tfm_jread_end(tfm_jread *r)
{
  if (!tfm_jread_ok(r)) {
    return;
  }
  TFM_ASSERT(r->depth == 0 && top(r)->step == STEP_NEXT); /* the value has been read */
  r->p = tfm__json_space(r->p, r->end);
  if (r->p < r->end) {
    fail_here(r, "nothing more after the value");
  }
}
