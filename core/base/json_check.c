#include "core/base/json_check.h"

#include "core/base/buf.h"
#include "core/base/json_reader.h"
#include "core/base/map.h"

#include <stdint.h>
#include <string.h>

enum {
  NUMBER_MOST = 60
}; /* cJSON 1.7 copies a number to 64 bytes and cuts what does not fit */

/* One walk over the whole text. All keys of all objects go into one map, each behind the number
 * of its object, so that looking for duplicates stays linear for any shape of document. */
typedef struct {
  tfm_jread *r;
  bool for_tree;
  int depth;                           /* containers that are open */
  uint64_t object[TFM_JSON_DEPTH + 1]; /* number of the object at a depth; 0 for an array */
  uint64_t nobject;
  tfm_map keys;
  tfm_buf key; /* object number and key */
} walk;

static void refuse_nul(walk *w, tfm_span s, const char *what)
{
  if (w->for_tree && s.n && memchr(s.p, '\0', s.n)) {
    tfm_jread_fail(w->r, TFM_E_FORMAT, "%s holds U+0000, which has no place here", what);
  }
}

static void note_key(walk *w, tfm_span key)
{
  bool found = false;
  refuse_nul(w, key, "a key");
  tfm_buf_clear(&w->key);
  (void)tfm_buf_append(&w->key, &w->object[w->depth], sizeof w->object[0]);
  (void)tfm_buf_span(&w->key, key);
  if (w->key.failed ||
      tfm_map_add(&w->keys, tfm_buf_view(&w->key), 0, &found, NULL) != TFM_OK) {
    tfm_jread_fail(w->r, TFM_E_NOMEM, "not enough memory for the keys");
  } else if (found) {
    tfm_jread_fail(w->r, TFM_E_FORMAT, "this key stands twice in one object");
  }
}

/* Reads a scalar, or enters a container (which the reader keeps from being too deep). */
static void walk_value(walk *w)
{
  tfm_json_kind kind = tfm_jread_peek(w->r);
  if (kind == TFM_JSON_OBJECT || kind == TFM_JSON_ARRAY) {
    if (kind == TFM_JSON_OBJECT) {
      tfm_jread_object(w->r);
    } else {
      tfm_jread_array(w->r);
    }
    if (tfm_jread_ok(w->r)) {
      w->object[++w->depth] = kind == TFM_JSON_OBJECT ? ++w->nobject : 0;
    }
  } else if (kind == TFM_JSON_STRING) {
    refuse_nul(w, tfm_jread_string(w->r), "a string");
  } else {
    tfm_span raw = tfm_jread_skip(w->r);
    if (w->for_tree && raw.n > NUMBER_MOST) {
      tfm_jread_fail(w->r, TFM_E_FORMAT, "a number has %zu characters, want at most %d", raw.n,
                     NUMBER_MOST);
    }
  }
}

/* Moves to the next value of the innermost container, or leaves it. */
static bool next_value(walk *w)
{
  tfm_span key;
  if (!w->object[w->depth]) {
    return tfm_jread_element(w->r);
  }
  if (!tfm_jread_key(w->r, &key)) {
    return false;
  }
  note_key(w, key);
  return true;
}

tfm_status tfm__json_check(const char *name, const char *text, size_t n, bool for_tree,
                           tfm_err *err)
{
  walk w = {.r = tfm_jread_open(name, text, n, TFM_JSON_STRICT), .for_tree = for_tree};
  if (!w.r) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory to read it", name);
  }
  walk_value(&w);
  while (w.depth > 0 && tfm_jread_ok(w.r)) {
    if (next_value(&w)) {
      walk_value(&w);
    } else {
      --w.depth;
    }
  }
  tfm_jread_end(w.r);
  tfm_status st = tfm_jread_status(w.r, err);
  tfm_jread_close(w.r);
  tfm_map_fini(&w.keys);
  tfm_buf_fini(&w.key);
  return st;
}

tfm_status tfm_json_validate(const char *name, const char *text, size_t n, tfm_err *err)
{
  return tfm__json_check(name, text, n, false, err);
}
