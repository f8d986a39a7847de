/** Small JSON documents as a tree (config.json, the shard index): cJSON behind one strict
 * wrapper.
 *
 *  cJSON alone accepts duplicate keys, trailing bytes and invalid UTF-8, saturates integers and
 * cuts strings at \u0000 (measured, notes in core/DECISIONS.md), so the text is validated first
 * by json_reader.h and every getter checks kind and range. Nodes are borrowed from their
 * document.
 *
 *  In getters `node` must be an object; `key` missing and `key: null` are the same thing,
 * except that a required key must be there and not null. Error texts: "config.json:
 * hidden_size: want an integer from 1 to 1048576, got 1.5". Status: TFM_E_FORMAT.
 */
#ifndef TFM_CORE_BASE_JSON_H
#define TFM_CORE_BASE_JSON_H

#include "core/base/json_reader.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tfm_json tfm_json;           /* a document; owns its nodes */
typedef struct tfm_json_node tfm_json_node; /* opaque, borrowed */

/** Parse n bytes. A leading byte order mark is skipped. borrows: name and text, until return.
 *  gives: *out, release with tfm_json_close(). A string that holds \u0000 is TFM_E_FORMAT. */
tfm_status tfm_json_parse(tfm_json **out, const char *name, const char *text, size_t n,
                          tfm_err *err) TFM_MUST_USE;

/** Read and parse a file of at most max_bytes; messages use the path's last part as name.
 *  Errors: TFM_E_MISSING, TFM_E_IO, TFM_E_FORMAT, TFM_E_NOMEM. */
tfm_status tfm_json_open(tfm_json **out, const char *path, size_t max_bytes,
                         tfm_err *err) TFM_MUST_USE;

void tfm_json_close(tfm_json *json);

const tfm_json_node *tfm_json_root(const tfm_json *json);

/** The kind of a node; TFM_JSON_NONE for NULL. */
tfm_json_kind tfm_json_kind_of(const tfm_json_node *node);

/** The member of an object by exact key; NULL when missing, null, or node is no object. */
const tfm_json_node *tfm_json_get(const tfm_json_node *node, const char *key);

/** The first child of an object or array, the next sibling, and a child's key ("" in arrays).
 */
const tfm_json_node *tfm_json_first(const tfm_json_node *node);
const tfm_json_node *tfm_json_next(const tfm_json_node *node);
const char *tfm_json_key(const tfm_json_node *node);
int tfm_json_count(const tfm_json_node *node);

/** A string node's text, or NULL for another kind. */
const char *tfm_json_text(const tfm_json_node *node);

/** A number node's value; false for another kind. */
bool tfm_json_number(const tfm_json_node *node, double *out);

/** Required members. */
tfm_status tfm_json_want_int(const tfm_json *json, const tfm_json_node *node, const char *key,
                             int64_t low, int64_t high, int64_t *out,
                             tfm_err *err) TFM_MUST_USE;
tfm_status tfm_json_want_double(const tfm_json *json, const tfm_json_node *node,
                                const char *key, double low, double high, double *out,
                                tfm_err *err) TFM_MUST_USE;
tfm_status tfm_json_want_string(const tfm_json *json, const tfm_json_node *node,
                                const char *key, const char **out, tfm_err *err) TFM_MUST_USE;

/** Optional members: *out is left alone when the key is missing or null. */
tfm_status tfm_json_opt_int(const tfm_json *json, const tfm_json_node *node, const char *key,
                            int64_t low, int64_t high, int64_t *out, tfm_err *err) TFM_MUST_USE;
tfm_status tfm_json_opt_double(const tfm_json *json, const tfm_json_node *node, const char *key,
                               double low, double high, double *out, tfm_err *err) TFM_MUST_USE;
tfm_status tfm_json_opt_bool(const tfm_json *json, const tfm_json_node *node, const char *key,
                             bool *out, tfm_err *err) TFM_MUST_USE;
tfm_status tfm_json_opt_string(const tfm_json *json, const tfm_json_node *node, const char *key,
                               const char **out, tfm_err *err) TFM_MUST_USE;

/** The integer value of one number node, exact and in range (for arrays and maps). */
tfm_status tfm_json_node_int(const tfm_json *json, const tfm_json_node *node, const char *what,
                             int64_t low, int64_t high, int64_t *out,
                             tfm_err *err) TFM_MUST_USE;

#endif
