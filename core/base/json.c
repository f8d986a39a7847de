#include "core/base/json.h"

#include "core/base/buf.h"
#include "core/base/file.h"
#include "core/base/json_check.h"
#include "core/base/mem.h"

#include <cjson/cJSON.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct tfm_json {
  char *name; /* owned, for messages */
  cJSON *root;
};

static const cJSON *item_of(const tfm_json_node *node)
{
  return (const cJSON *)node;
}

static const tfm_json_node *node_of(const cJSON *item)
{
  return (const tfm_json_node *)item;
}

tfm_status tfm_json_parse(tfm_json **out, const char *name, const char *text, size_t n,
                          tfm_err *err)
{
  tfm_status st = TFM_OK;
  *out = NULL;
  if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
    text += 3;
    n -= 3;
  }
  tfm_json *json = tfm_calloc(1, sizeof *json);
  if (!json || !(json->name = tfm_strndup(name, strlen(name)))) {
    st = tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory to parse it", name);
    goto fail;
  }
  TFM_TRY(tfm__json_check(name, text, n, true, err));
  json->root = cJSON_ParseWithLength(text, n);
  if (!json->root) { /* the text is sound, so only memory can be the reason */
    st = tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory for its tree", name);
    goto fail;
  }
  *out = json;
  return TFM_OK;

fail:
  tfm_json_close(json);
  return st;
}

tfm_status tfm_json_open(tfm_json **out, const char *path, size_t max_bytes, tfm_err *err)
{
  *out = NULL;
  tfm_buf text = {0};
  tfm_status st = tfm_file_read_all(path, max_bytes, &text, err);
  if (st == TFM_OK) {
    st = tfm_json_parse(out, tfm_path_base(path), text.data ? text.data : "", text.n, err);
  }
  tfm_buf_fini(&text);
  return st;
}

void tfm_json_close(tfm_json *json)
{
  if (json) {
    cJSON_Delete(json->root);
    tfm_free(json->name);
    tfm_free(json);
  }
}

const tfm_json_node *tfm_json_root(const tfm_json *json)
{
  return node_of(json->root);
}

tfm_json_kind tfm_json_kind_of(const tfm_json_node *node)
{
  const cJSON *item = item_of(node);
  if (!item) {
    return TFM_JSON_NONE;
  }
  switch (item->type & 0xff) {
  case cJSON_Object:
    return TFM_JSON_OBJECT;
  case cJSON_Array:
    return TFM_JSON_ARRAY;
  case cJSON_String:
    return TFM_JSON_STRING;
  case cJSON_Number:
    return TFM_JSON_NUMBER;
  case cJSON_True:
    return TFM_JSON_TRUE;
  case cJSON_False:
    return TFM_JSON_FALSE;
  case cJSON_NULL:
    return TFM_JSON_NULL;
  default:
    return TFM_JSON_NONE;
  }
}

const tfm_json_node *tfm_json_get(const tfm_json_node *node, const char *key)
{
  if (tfm_json_kind_of(node) != TFM_JSON_OBJECT) {
    return NULL;
  }
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(item_of(node), key);
  return cJSON_IsNull(item) ? NULL : node_of(item);
}

const tfm_json_node *tfm_json_first(const tfm_json_node *node)
{
  tfm_json_kind kind = tfm_json_kind_of(node);
  bool container = kind == TFM_JSON_OBJECT || kind == TFM_JSON_ARRAY;
  return container ? node_of(item_of(node)->child) : NULL;
}

const tfm_json_node *tfm_json_next(const tfm_json_node *node)
{
  return node ? node_of(item_of(node)->next) : NULL;
}

const char *tfm_json_key(const tfm_json_node *node)
{
  const char *key = node ? item_of(node)->string : NULL;
  return key ? key : "";
}

int tfm_json_count(const tfm_json_node *node)
{
  int count = 0;
  for (const tfm_json_node *n = tfm_json_first(node); n; n = tfm_json_next(n)) {
    ++count;
  }
  return count;
}

const char *tfm_json_text(const tfm_json_node *node)
{
  return tfm_json_kind_of(node) == TFM_JSON_STRING ? item_of(node)->valuestring : NULL;
}

/* What a node is, short enough for a message. */
static void describe(const tfm_json_node *node, char *out, size_t room)
{
  enum { SHOWN = 40 };
  tfm_json_kind kind = tfm_json_kind_of(node);
  if (kind == TFM_JSON_NUMBER) {
    (void)snprintf(out, room, "%.17g", item_of(node)->valuedouble);
    return;
  }
  if (kind == TFM_JSON_STRING) {
    const char *text = tfm_json_text(node);
    tfm_buf quoted = {0};
    (void)tfm_buf_json_string(&quoted, (tfm_span){text, strnlen(text, SHOWN)});
    (void)snprintf(out, room, "%s%s", tfm_buf_cstr(&quoted), strlen(text) > SHOWN ? "..." : "");
    tfm_buf_fini(&quoted);
    return;
  }
  static const char *const names[] = {[TFM_JSON_NONE] = "nothing (missing or null)",
                                      [TFM_JSON_OBJECT] = "an object",
                                      [TFM_JSON_ARRAY] = "an array",
                                      [TFM_JSON_STRING] = "a string",
                                      [TFM_JSON_NUMBER] = "a number",
                                      [TFM_JSON_TRUE] = "true",
                                      [TFM_JSON_FALSE] = "false",
                                      [TFM_JSON_NULL] = "null"};
  (void)snprintf(out, room, "%s", names[kind]);
}

enum { GOT_BYTES = 320 };

static tfm_status fail_want(const tfm_json *json, const char *what, const char *want,
                            const tfm_json_node *node, tfm_err *err)
{
  char got[GOT_BYTES];
  describe(node, got, sizeof got);
  return tfm_fail(err, TFM_E_FORMAT, "%s: %s: want %s, got %s", json->name, what, want, got);
}

/* cJSON has read the number into a double, where integers are exact up to 2^53 only. */
bool tfm_json_number(const tfm_json_node *node, double *out)
{
  if (tfm_json_kind_of(node) != TFM_JSON_NUMBER) {
    return false;
  }
  *out = item_of(node)->valuedouble;
  return true;
}

tfm_status tfm_json_node_int(const tfm_json *json, const tfm_json_node *node, const char *what,
                             int64_t low, int64_t high, int64_t *out, tfm_err *err)
{
  const double exact = 0x1p53;
  if (tfm_json_kind_of(node) == TFM_JSON_NUMBER) {
    double x = item_of(node)->valuedouble;
    bool whole = x > -exact && x < exact && !(x < floor(x)) && !(x > floor(x));
    int64_t integer = whole ? (int64_t)x : 0;
    if (whole && integer >= low && integer <= high) {
      *out = integer;
      return TFM_OK;
    }
  }
  char want[96];
  (void)snprintf(want, sizeof want, "an integer from %" PRId64 " to %" PRId64, low, high);
  return fail_want(json, what, want, node, err);
}

static tfm_status read_double(const tfm_json *json, const tfm_json_node *node, const char *key,
                              double low, double high, double *out, tfm_err *err)
{
  if (tfm_json_kind_of(node) == TFM_JSON_NUMBER) {
    double x = item_of(node)->valuedouble;
    if (isfinite(x) && x >= low && x <= high) {
      *out = x;
      return TFM_OK;
    }
  }
  char want[96];
  (void)snprintf(want, sizeof want, "a number from %g to %g", low, high);
  return fail_want(json, key, want, node, err);
}

static tfm_status read_string(const tfm_json *json, const tfm_json_node *node, const char *key,
                              const char **out, tfm_err *err)
{
  const char *text = tfm_json_text(node);
  if (!text) {
    return fail_want(json, key, "a string", node, err);
  }
  *out = text;
  return TFM_OK;
}

tfm_status tfm_json_want_int(const tfm_json *json, const tfm_json_node *node, const char *key,
                             int64_t low, int64_t high, int64_t *out, tfm_err *err)
{
  return tfm_json_node_int(json, tfm_json_get(node, key), key, low, high, out, err);
}

tfm_status tfm_json_want_double(const tfm_json *json, const tfm_json_node *node,
                                const char *key, double low, double high, double *out,
                                tfm_err *err)
{
  return read_double(json, tfm_json_get(node, key), key, low, high, out, err);
}

tfm_status tfm_json_want_string(const tfm_json *json, const tfm_json_node *node,
                                const char *key, const char **out, tfm_err *err)
{
  return read_string(json, tfm_json_get(node, key), key, out, err);
}

tfm_status tfm_json_opt_int(const tfm_json *json, const tfm_json_node *node, const char *key,
                            int64_t low, int64_t high, int64_t *out, tfm_err *err)
{
  const tfm_json_node *member = tfm_json_get(node, key);
  return member ? tfm_json_node_int(json, member, key, low, high, out, err) : TFM_OK;
}

tfm_status tfm_json_opt_double(const tfm_json *json, const tfm_json_node *node, const char *key,
                               double low, double high, double *out, tfm_err *err)
{
  const tfm_json_node *member = tfm_json_get(node, key);
  return member ? read_double(json, member, key, low, high, out, err) : TFM_OK;
}

tfm_status tfm_json_opt_bool(const tfm_json *json, const tfm_json_node *node, const char *key,
                             bool *out, tfm_err *err)
{
  const tfm_json_node *member = tfm_json_get(node, key);
  tfm_json_kind kind = tfm_json_kind_of(member);
  if (kind != TFM_JSON_NONE && kind != TFM_JSON_TRUE && kind != TFM_JSON_FALSE) {
    return fail_want(json, key, "true or false", member, err);
  }
  if (member) {
    *out = kind == TFM_JSON_TRUE;
  }
  return TFM_OK;
}

tfm_status tfm_json_opt_string(const tfm_json *json, const tfm_json_node *node, const char *key,
                               const char **out, tfm_err *err)
{
  const tfm_json_node *member = tfm_json_get(node, key);
  return member ? read_string(json, member, key, out, err) : TFM_OK;
}
