#include "coordinator/cli/option_table.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(tfm_overflow) == sizeof(unsigned) &&
                   sizeof(tfm_progress) == sizeof(unsigned) &&
                   sizeof(tfm_apply) == sizeof(unsigned),
               "a choice is written as an unsigned");

/* One value on its way into its member. */
typedef struct {
  tfm_options *options;
  const tfm__option *row;
  const char *where;
  const char *text;
} setting;

static void *member(const setting *s)
{
  return (char *)s->options + s->row->at;
}

const char *tfm__quote(const char *text, char out[TFM__QUOTED])
{
  enum { SHOWN = 48 };
  tfm_buf b = {0};
  size_t n = strlen(text);
  bool cut = n > SHOWN;
  (void)tfm_buf_json_string(&b, (tfm_span){text, cut ? SHOWN : n});
  (void)snprintf(out, TFM__QUOTED, "%.*s%s", TFM__QUOTED - 4, tfm_buf_cstr(&b),
                 cut ? "..." : "");
  tfm_buf_fini(&b);
  return out;
}

/* "a, b or c" */
static void list_choices(const char *const *choices, char *out, size_t bytes)
{
  size_t n = 0;
  out[0] = '\0';
  for (int i = 0; choices[i] && n < bytes; ++i) {
    const char *between = i == 0 ? "" : choices[i + 1] ? ", " : " or ";
    int wrote = snprintf(out + n, bytes - n, "%s%s", between, choices[i]);
    n += wrote > 0 ? (size_t)wrote : 0;
  }
}

static tfm_status refuse_choice(const setting *s, tfm_err *err)
{
  char want[256];
  char got[TFM__QUOTED];
  list_choices(s->row->choices, want, sizeof want);
  return tfm_fail(err, TFM_E_USAGE, "%s: want %s, got %s", s->where, want,
                  tfm__quote(s->text, got));
}

/* The index of the choice that text is; -1 for none. */
static int find_choice(const setting *s)
{
  for (int i = 0; s->row->choices[i]; ++i) {
    if (strcmp(s->row->choices[i], s->text) == 0) {
      return i;
    }
  }
  return -1;
}

/* What a letter behind a number stands for: k, m, g, t thousands, K, M, G, T 1024s; 0: nothing. */
static int64_t times_of(const char *letter)
{
  static const char thousands[] = "kmgt";
  static const char binary[] = "KMGT";
  const char *small = strchr(thousands, *letter);
  const char *large = strchr(binary, *letter);
  int64_t times = 1;
  if (!*letter) {
    return 1;
  }
  if (letter[1] || (!small && !large)) {
    return 0;
  }
  for (ptrdiff_t i = small ? small - thousands : large - binary; i >= 0; --i) {
    times *= small ? 1000 : 1024;
  }
  return times;
}

/* Digits, a minus sign before and a letter behind them if any; false when it does not fit. */
static bool parse_int(const char *text, int64_t *out)
{
  bool minus = text[0] == '-';
  const char *p = text + (minus ? 1 : 0);
  int64_t value = 0;
  if (*p < '0' || *p > '9') {
    return false;
  }
  for (; *p >= '0' && *p <= '9'; ++p) {
    if (value > (INT64_MAX - (*p - '0')) / 10) {
      return false;
    }
    value = value * 10 + (*p - '0');
  }
  const int64_t times = times_of(p);
  if (times == 0 || value > INT64_MAX / times) {
    return false;
  }
  *out = minus ? -value * times : value * times;
  return true;
}

static tfm_status set_int(const setting *s, tfm_err *err)
{
  const tfm__option *row = s->row;
  int64_t value = 0;
  if (row->word && strcmp(row->word, s->text) == 0) {
    value = row->word_value;
  } else if (!parse_int(s->text, &value) || value < row->low || value > row->high) {
    char most[48] = " or more";
    char got[TFM__QUOTED];
    if (row->high != INT64_MAX) {
      (void)snprintf(most, sizeof most, " to %lld", (long long)row->high);
    }
    return tfm_fail(err, TFM_E_USAGE, "%s: want a whole number, %lld%s%s%s, got %s", s->where,
                    (long long)row->low, most, row->word ? ", or " : "",
                    row->word ? row->word : "", tfm__quote(s->text, got));
  }
  memcpy(member(s), &value, sizeof value);
  return TFM_OK;
}

static tfm_status set_real(const setting *s, tfm_err *err)
{
  const tfm__option *row = s->row;
  char *end = NULL;
  char got[TFM__QUOTED];
  const double value = strtod(s->text, &end);
  if (end == s->text || *end || !(value > (double)row->low && value <= (double)row->high)) {
    return tfm_fail(err, TFM_E_USAGE, "%s: want a number above %lld, at most %lld, got %s",
                    s->where, (long long)row->low, (long long)row->high,
                    tfm__quote(s->text, got));
  }
  memcpy(member(s), &value, sizeof value);
  return TFM_OK;
}

static tfm_status set_bool(const setting *s, tfm_err *err)
{
  static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
    if (strcmp(words[i], s->text) == 0) {
      bool value = i % 2 == 1;
      memcpy(member(s), &value, sizeof value);
      return TFM_OK;
    }
  }
  char got[TFM__QUOTED];
  return tfm_fail(err, TFM_E_USAGE, "%s: want on or off, got %s", s->where,
                  tfm__quote(s->text, got));
}

static tfm_status copy_text(const setting *s, const char *text, size_t n, const char **out,
                            tfm_err *err)
{
  if (n == 0) {
    return tfm_fail(err, TFM_E_USAGE, "%s: want %s, got nothing", s->where, s->row->metavar);
  }
  *out = tfm_arena_strndup(&s->options->arena, text, n);
  return *out ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "%s", s->where);
}

static tfm_status list_add(const setting *s, const char *text, size_t n, tfm_err *err)
{
  const char ***list = member(s);
  void *count_member = (char *)s->options + s->row->count_at;
  int *count = count_member;
  const char *copy = NULL;
  tfm_status st = copy_text(s, text, n, &copy, err);
  if (st != TFM_OK) {
    return st;
  }
  /* A power of two is full: move to twice the room; the arena keeps the old one. */
  if ((*count & (*count - 1)) == 0) {
    size_t room = *count ? 2 * (size_t)*count : 1;
    const char **bigger = tfm_arena_alloc(&s->options->arena, room * sizeof *bigger);
    if (!bigger || *count > INT_MAX / 2) {
      return tfm_fail(err, TFM_E_NOMEM, "%s", s->where);
    }
    if (*count) {
      memcpy(bigger, *list, (size_t)*count * sizeof *bigger);
    }
    *list = bigger;
  }
  (*list)[(*count)++] = copy;
  return TFM_OK;
}

static tfm_status add_names(const setting *s, tfm_err *err)
{
  const bool all = s->row->all_at && strcmp(s->text, "all") == 0;
  if (s->row->all_at) {
    memcpy((char *)s->options + s->row->all_at, &all, sizeof all);
  }
  if (all || strcmp(s->text, "none") == 0) {
    memset((char *)s->options + s->row->count_at, 0, sizeof(int));
    return TFM_OK;
  }
  const char *from = s->text;
  for (;;) {
    const char *comma = strchr(from, ',');
    size_t n = comma ? (size_t)(comma - from) : strlen(from);
    tfm_status st = list_add(s, from, n, err);
    if (st != TFM_OK || !comma) {
      return st;
    }
    from = comma + 1;
  }
}

static tfm_status set_by_kind(const setting *s, tfm_err *err)
{
  const char *copy = NULL;
  int choice = 0;
  tfm_status st = TFM_OK;
  switch (s->row->kind) {
  case TFM__FLAG:
  case TFM__SWITCH:
    return set_bool(s, err);
  case TFM__INT:
    return set_int(s, err);
  case TFM__REAL:
    return set_real(s, err);
  case TFM__CHOICE:
  case TFM__NAME:
    choice = find_choice(s);
    if (choice < 0) {
      return refuse_choice(s, err);
    }
    if (s->row->kind == TFM__CHOICE) {
      memcpy(member(s), &(unsigned){(unsigned)choice}, sizeof(unsigned));
    } else {
      memcpy(member(s), &s->row->choices[choice], sizeof s->row->choices[choice]);
    }
    return TFM_OK;
  case TFM__TEXT:
    st = copy_text(s, s->text, strlen(s->text), &copy, err);
    if (st == TFM_OK) {
      memcpy(member(s), &copy, sizeof copy);
    }
    return st;
  case TFM__LIST:
    return list_add(s, s->text, strlen(s->text), err);
  case TFM__NAMES:
    return add_names(s, err);
  }
  return TFM_OK;
}

tfm_status tfm__option_set(tfm_options *options, const tfm__option *row, const char *where,
                           const char *text, tfm_option_source source, tfm_err *err)
{
  setting s = {options, row, where, text};
  int nrow = 0;
  tfm_option_source *from = &options->source[row - tfm__option_rows(&nrow)];
  if (*from > source) {
    return TFM_OK;
  }
  if (*from < source && (row->kind == TFM__LIST || row->kind == TFM__NAMES)) {
    memset((char *)options + row->count_at, 0, sizeof(int));
  }
  tfm_status st = set_by_kind(&s, err);
  if (st == TFM_OK) {
    *from = source;
  }
  return st;
}

/* One value as it lies in the options, in a form that differs when it does. */
static void tell_value(const tfm_options *options, const tfm__option *row, tfm_buf *out)
{
  const char *at = (const char *)options + row->at;
  int64_t number = 0;
  double real = 0;
  bool flag = false;
  unsigned choice = 0;
  const char *text = NULL;
  const char **list = NULL;
  int n = 0;
  switch (row->kind) {
  case TFM__FLAG:
  case TFM__SWITCH:
    memcpy(&flag, at, sizeof flag);
    (void)tfm_buf_str(out, flag ? "on" : "off");
    break;
  case TFM__INT:
    memcpy(&number, at, sizeof number);
    (void)tfm_buf_printf(out, "%lld", (long long)number);
    break;
  case TFM__REAL:
    memcpy(&real, at, sizeof real);
    (void)tfm_buf_printf(out, "%.17g", real);
    break;
  case TFM__CHOICE:
    memcpy(&choice, at, sizeof choice);
    (void)tfm_buf_str(out, row->choices[choice]);
    break;
  case TFM__NAME:
  case TFM__TEXT:
    memcpy(&text, at, sizeof text);
    (void)tfm_buf_json_string(out, tfm_span_of(text ? text : ""));
    break;
  case TFM__LIST:
  case TFM__NAMES:
    memcpy(&list, at, sizeof list);
    memcpy(&n, (const char *)options + row->count_at, sizeof n);
    if (row->all_at) {
      memcpy(&flag, (const char *)options + row->all_at, sizeof flag);
    }
    (void)tfm_buf_str(out, flag ? "all" : "");
    for (int i = 0; i < n; ++i) {
      (void)tfm_buf_char(out, ' ');
      (void)tfm_buf_json_string(out, tfm_span_of(list[i]));
    }
    break;
  }
}

/* What decides the output's bytes, apart from the model and the inputs themselves. */
static bool is_told(const tfm__option *row)
{
  static const char *const also[] = {"on-overflow", "output-format", "errors"};
  bool told = row->group == TFM__GROUP_TASK ||
              (row->group == TFM__GROUP_INPUT && strcmp(row->name, "input") != 0);
  for (size_t i = 0; i < sizeof also / sizeof also[0] && !told; ++i) {
    told = strcmp(row->name, also[i]) == 0;
  }
  return told;
}

void tfm_options_tell(const tfm_options *options, tfm_buf *out)
{
  int n = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  for (int i = 0; i < n; ++i) {
    if (is_told(&rows[i])) {
      (void)tfm_buf_printf(out, "--%s\t", rows[i].name);
      tell_value(options, &rows[i], out);
      (void)tfm_buf_char(out, '\n');
    }
  }
}

void tfm_options_given(const tfm_options *options, tfm_buf *out)
{
  static const char *const from[] = {"default", "config", "environment", "flag"};
  int n = 0;
  int told = 0;
  const tfm__option *rows = tfm__option_rows(&n);
  for (int i = 0; i < n; ++i) {
    if (options->source[i] == TFM_FROM_DEFAULT) {
      continue;
    }
    tfm_buf value = {0};
    tell_value(options, &rows[i], &value);
    (void)tfm_buf_printf(out, "%s\"%s\":{\"value\":", told++ ? "," : "", rows[i].name);
    (void)tfm_buf_json_string(out, tfm_buf_view(&value));
    (void)tfm_buf_printf(out, ",\"from\":\"%s\"}", from[options->source[i]]);
    tfm_buf_fini(&value);
  }
}
