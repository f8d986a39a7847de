/** Results as an OpenAI batch file: a line a request, in the order of the requests. Room-private.
 *
 *  {"id","custom_id","response":{"status_code","request_id","body"},"error"}; an error row has code
 * 400, its error in the body and beside it. Source: the batch schema of OpenAI's API.
 */
#ifndef TFM_COORDINATOR_OUTPUT_OPENAI_H
#define TFM_COORDINATOR_OUTPUT_OPENAI_H

#include "coordinator/output/format.h"

/** Append the line of a request whose answer is in answer->value[0]: members of the body, without
 * braces; model and usage are added. */
void tfm__openai_row(const tfm_row *row, const tfm_answer *answer, tfm_buf *out);

#endif
