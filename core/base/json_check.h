/** The check behind tfm_json_validate(), and the two things more that json.c needs because cJSON
 *  cannot hold them. Private to base. */
#ifndef TFM_CORE_BASE_JSON_CHECK_H
#define TFM_CORE_BASE_JSON_CHECK_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>

/** As tfm_json_validate(); for_tree also refuses strings and keys with U+0000, and numbers of
 *  more characters than cJSON reads. */
tfm_status tfm__json_check(const char *name, const char *text, size_t n, bool for_tree,
                           tfm_err *err);

#endif
