/* The filter tojson: json.dumps() as transformers calls it, ensure_ascii off. */
#include "core/chat/run.h"

static void put_text(tfm_span s, tfm_buf *out)
{
  static const char from[] = "\"\\\n\r\t\f\b";
  static const char to[] = "\"\\nrtfb";
  size_t done = 0;
  (void)tfm_buf_char(out, '"');
  for (size_t i = 0; i < s.n; ++i) {
    const unsigned char c = (unsigned char)s.p[i];
    const char *at = memchr(from, (char)c, sizeof from - 1);
    if (!at && c >= 0x20) {
      continue;
    }
    (void)tfm_buf_append(out, s.p + done, i - done);
    done = i + 1;
    if (at) {
      (void)tfm_buf_printf(out, "\\%c", to[at - from]);
    } else {
      (void)tfm_buf_printf(out, "\\u%04x", c);
    }
  }
  if (s.n > done) {
    (void)tfm_buf_append(out, s.p + done, s.n - done);
  }
  (void)tfm_buf_char(out, '"');
}

static void break_line(int64_t indent, int depth, tfm_buf *out)
{
  if (indent >= 0) {
    (void)tfm_buf_char(out, '\n');
    for (int64_t i = 0; i < indent * depth; ++i) {
      (void)tfm_buf_char(out, ' ');
    }
  }
}

static void put(tfm__run *r, tfm__value v, int64_t indent, int depth, tfm_buf *out);

static void separate(int64_t i, int64_t indent, tfm_buf *out)
{
  if (i > 0) {
    (void)tfm_buf_str(out, indent >= 0 ? "," : ", ");
  }
}

static void put_list(tfm__run *r, const tfm__list *list, int64_t indent, int depth,
                     tfm_buf *out)
{
  if (list->kind > TFM__TUPLE) {
    (void)tfm__fail(r, TFM_E_FORMAT, "tojson: this list has no JSON; make it one with |list");
    return;
  }
  (void)tfm_buf_char(out, '[');
  for (int64_t i = 0; i < list->n && r->st == TFM_OK; ++i) {
    separate(i, indent, out);
    break_line(indent, depth + 1, out);
    put(r, list->v[i], indent, depth + 1, out);
  }
  if (list->n) {
    break_line(indent, depth, out);
  }
  (void)tfm_buf_char(out, ']');
}

static void put_dict(tfm__run *r, const tfm__dict *dict, int64_t indent, int depth,
                     tfm_buf *out)
{
  (void)tfm_buf_char(out, '{');
  for (int64_t i = 0; i < dict->n && r->st == TFM_OK; ++i) {
    separate(i, indent, out);
    break_line(indent, depth + 1, out);
    put_text(dict->v[i].key, out);
    (void)tfm_buf_str(out, ": ");
    put(r, dict->v[i].value, indent, depth + 1, out);
  }
  if (dict->n) {
    break_line(indent, depth, out);
  }
  (void)tfm_buf_char(out, '}');
}

static void put(tfm__run *r, tfm__value v, int64_t indent, int depth, tfm_buf *out)
{
  if (depth > TFM__TEMPLATE_DEPTH || out->n > TFM__MOST_OUTPUT) {
    (void)tfm__fail(r, TFM_E_FORMAT, "tojson: a value too deep or too long");
    return;
  }
  if (!tfm__work(r, v.kind == TFM__TEXT ? v.as.text.n : 0)) {
    return;
  }
  if (v.kind == TFM__TEXT) {
    put_text(v.as.text, out);
  } else if (v.kind == TFM__LIST) {
    put_list(r, v.as.list, indent, depth, out);
  } else if (v.kind == TFM__DICT) {
    put_dict(r, v.as.dict, indent, depth, out);
  } else if (v.kind == TFM__NONE) {
    (void)tfm_buf_str(out, "null");
  } else if (v.kind == TFM__BOOL) {
    (void)tfm_buf_str(out, v.as.truth ? "true" : "false");
  } else if (v.kind == TFM__INT || v.kind == TFM__REAL) {
    (void)tfm__print(v, out);
  } else {
    (void)tfm__fail(r, TFM_E_FORMAT, "tojson: %s has no JSON", tfm__kind_name(v));
  }
}

void tfm__to_json(tfm__run *r, tfm__value v, int64_t indent, tfm_buf *out)
{
  put(r, v, indent, 0, out);
}
