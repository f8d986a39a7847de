/** Messages for people, on stderr, one line each. Only the coordinator and main() call this:
 * library rooms return errors, workers send them to rank 0.
 *
 *  Text format: "tfm-cluster: <message>"; warnings and errors carry their level. JSON format:
 *  {"time":...,"level":"info","message":"..."}. No carriage returns, no colours when stderr is
 * not a terminal. Threads: lines from several threads never mix.
 */
#ifndef TFM_CORE_BASE_LOG_H
#define TFM_CORE_BASE_LOG_H

#include "core/base/status.h"

#include <stdbool.h>

typedef enum { TFM_LOG_ERROR, TFM_LOG_WARN, TFM_LOG_INFO, TFM_LOG_DEBUG } tfm_log_level;

/** Set once before threads start. Default: TFM_LOG_INFO, text. */
void tfm_log_setup(tfm_log_level level, bool json);

bool tfm_log_enabled(tfm_log_level level);

void tfm_log(tfm_log_level level, const char *format, ...) TFM_PRINTF(2, 3);

/** The same, with members for programs: JSON of the form `"name":value,...`, which the JSON format
 * puts behind the message and the text format leaves out. */
void tfm_log_with(tfm_log_level level, const char *members, const char *format, ...)
    TFM_PRINTF(3, 4);

#endif
