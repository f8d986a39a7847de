#include "coordinator/cli/option_table.h"
#include "core/base/file.h"
#include "core/base/json.h"

#include <stdio.h>
#include <string.h>

enum { CONFIG_MOST_BYTES = 1 << 20, PLACE = 160 };

/* Whatever is wrong inside a config file is the user's request being wrong. */
static tfm_status as_usage(tfm_err *err)
{
  if (err && (err->status == TFM_E_FORMAT || err->status == TFM_E_IO)) {
    err->status = TFM_E_USAGE;
  }
  return err ? err->status : TFM_E_USAGE;
}

static tfm_status set_node(tfm_options *options, const tfm__option *row, const tfm_json *json,
                           const tfm_json_node *node, const char *where, tfm_err *err)
{
  char digits[32];
  int64_t value = 0;
  const char *text = NULL;
  switch (tfm_json_kind_of(node)) {
  case TFM_JSON_STRING:
    text = tfm_json_text(node);
    break;
  case TFM_JSON_TRUE:
    text = "true";
    break;
  case TFM_JSON_FALSE:
    text = "false";
    break;
  case TFM_JSON_NUMBER:
    if (tfm_json_node_int(json, node, row->name, INT64_MIN, INT64_MAX, &value, err) != TFM_OK) {
      return as_usage(err);
    }
    (void)snprintf(digits, sizeof digits, "%lld", (long long)value);
    text = digits;
    break;
  case TFM_JSON_NULL:
  case TFM_JSON_NONE:
    return TFM_OK; /* null: not given */
  case TFM_JSON_OBJECT:
  case TFM_JSON_ARRAY:
    return tfm_fail(err, TFM_E_USAGE, "%s: want a string, a number, true or false", where);
  }
  return tfm__option_set(options, row, where, text, TFM_FROM_CONFIG, err);
}

static tfm_status set_member(tfm_options *options, const tfm_json *json,
                             const tfm_json_node *node, const char *file, tfm_err *err)
{
  const char *key = tfm_json_key(node);
  const tfm__option *row = tfm__option_find(key, strlen(key));
  char where[PLACE];
  char shown[TFM__QUOTED];
  if (!row) {
    const char *near = tfm__nearest_option(key);
    return tfm_fail(err, TFM_E_USAGE, "%s: unknown key %s%s%s%s", file, tfm__quote(key, shown),
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
  }
  (void)snprintf(where, sizeof where, "%.100s: %s", file, row->name);
  if (row->typed || strcmp(row->name, "config") == 0) {
    return tfm_fail(err, TFM_E_USAGE, "%s: may not stand in a config file", where);
  }
  bool many = row->kind == TFM__LIST || row->kind == TFM__NAMES;
  if (!many || tfm_json_kind_of(node) != TFM_JSON_ARRAY) {
    return set_node(options, row, json, node, where, err);
  }
  tfm_status st = TFM_OK;
  for (const tfm_json_node *n = tfm_json_first(node); n && st == TFM_OK; n = tfm_json_next(n)) {
    st = set_node(options, row, json, n, where, err);
  }
  return st;
}

tfm_status tfm__options_read_config(tfm_options *options, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  const char *file = tfm_path_base(path);
  if (tfm_json_open(&json, path, CONFIG_MOST_BYTES, err) != TFM_OK) {
    st = as_usage(err);
    (void)tfm_err_prefix(err, "--config");
    goto fail;
  }
  const tfm_json_node *root = tfm_json_root(json);
  if (tfm_json_kind_of(root) != TFM_JSON_OBJECT) {
    TFM_TRY(
        tfm_fail(err, TFM_E_USAGE, "--config: %.400s: want a JSON object of options", file));
  }
  for (const tfm_json_node *n = tfm_json_first(root); n; n = tfm_json_next(n)) {
    TFM_TRY(set_member(options, json, n, file, err));
  }

fail:
  tfm_json_close(json);
  return st;
}
