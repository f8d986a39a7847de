#include "coordinator/task/openai.h"

#include "coordinator/task/task.h"
#include "core/base/json.h"

#include <stdlib.h>
#include <string.h>

/* RFC 4648, with padding. */
static void put_base64(tfm_span s, tfm_buf *out)
{
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const unsigned char *p = (const unsigned char *)s.p;
  for (size_t i = 0; i < s.n; i += 3) {
    const size_t left = s.n - i;
    const uint32_t bits = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
                          (left > 2 ? p[i + 2] : 0);
    const char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
                          left > 1 ? digits[bits >> 6 & 63] : '=',
                          left > 2 ? digits[bits & 63] : '='};
    (void)tfm_buf_append(out, four, sizeof four);
  }
}

void tfm_openai_embeddings(const tfm_item *item, tfm_buf *out)
{
  const bool base64 = tfm_span_is(tfm_row_extra(item->row, "encoding_format"), "\"base64\"");
  (void)tfm_buf_str(out, "\"object\":\"list\",\"data\":[");
  for (int64_t i = 0; i < item->nseq; ++i) {
    const float *x = item->seqs[i].values;
    (void)tfm_buf_printf(out, "%s{\"object\":\"embedding\",\"index\":%lld,\"embedding\":",
                         i ? "," : "", (long long)i);
    if (base64) {
      (void)tfm_buf_char(out, '"');
      put_base64((tfm_span){(const char *)x, (size_t)item->width * sizeof *x}, out);
      (void)tfm_buf_str(out, "\"}");
    } else {
      tfm_put_floats(out, x, item->width);
      (void)tfm_buf_char(out, '}');
    }
  }
  (void)tfm_buf_char(out, ']');
}

void tfm_openai_scores(const tfm_ranked *scores, int64_t n, tfm_buf *out)
{
  (void)tfm_buf_str(out, "\"object\":\"list\",\"data\":[");
  for (int64_t i = 0; i < n; ++i) {
    (void)tfm_buf_printf(out, "%s{\"index\":%lld,\"object\":\"score\",\"score\":", i ? "," : "",
                         (long long)scores[i].index);
    (void)tfm_buf_float(out, scores[i].score);
    (void)tfm_buf_char(out, '}');
  }
  (void)tfm_buf_char(out, ']');
}

void tfm_openai_ranking(const tfm_item *item, const tfm_ranked *order, int64_t n, tfm_buf *out)
{
  const tfm_span top = tfm_row_extra(item->row, "top_n"); /* at most nine digits */
  char digits[16] = "";
  memcpy(digits, top.n ? top.p : "", top.n < sizeof digits ? top.n : 0);
  const int64_t asked = top.n ? strtoll(digits, NULL, 10) : n;
  (void)tfm_buf_str(out, "\"results\":[");
  for (int64_t i = 0; i < n && i < asked; ++i) {
    (void)tfm_buf_printf(out, "%s{\"index\":%lld,\"document\":{\"text\":", i ? "," : "",
                         (long long)order[i].index);
    (void)tfm_buf_json_string(out, item->row->list[order[i].index]);
    (void)tfm_buf_str(out, "},\"relevance_score\":");
    (void)tfm_buf_float(out, order[i].score);
    (void)tfm_buf_char(out, '}');
  }
  (void)tfm_buf_char(out, ']');
}

void tfm_openai_completion(const tfm_item *item, const tfm_completion *made, bool chat,
                           tfm_buf *out)
{
  (void)tfm_buf_printf(out, "\"id\":\"cmpl-%lld\",\"object\":\"%s\",\"created\":0,",
                       (long long)item->row->number,
                       chat ? "chat.completion" : "text_completion");
  (void)tfm_buf_str(out, chat ? "\"choices\":[{\"index\":0,\"message\":{\"role\":"
                                "\"assistant\",\"content\":"
                              : "\"choices\":[{\"index\":0,\"text\":");
  (void)tfm_buf_json_string(out, made->text);
  (void)tfm_buf_str(out, chat ? "}," : ",");
  (void)tfm_buf_printf(out, "\"logprobs\":null,\"finish_reason\":\"%s\"}]",
                       made->ended ? "stop" : "length");
}

/* The reader left `stop` as the JSON it was. */
bool tfm_openai_stop(const tfm_row *row, size_t *at, tfm_buf *out)
{
  const tfm_span raw = tfm_row_extra(row, "stop");
  tfm_json *json = NULL;
  tfm_err ignored = {0};
  bool found = false;
  if (raw.n == 0 || tfm_json_parse(&json, "stop", raw.p, raw.n, &ignored) != TFM_OK) {
    return false;
  }
  const tfm_json_node *root = tfm_json_root(json);
  const tfm_json_node *node =
      tfm_json_kind_of(root) == TFM_JSON_ARRAY ? tfm_json_first(root) : root;
  for (size_t i = 0; node && i < *at; ++i) {
    node = node == root ? NULL : tfm_json_next(node);
  }
  ++*at;
  if (node && tfm_json_text(node)) {
    tfm_buf_clear(out);
    (void)tfm_buf_str(out, tfm_json_text(node));
    found = true;
  }
  tfm_json_close(json);
  return found;
}

int64_t tfm_openai_most(const tfm_row *row)
{
  const tfm_span raw = tfm_row_extra(row, "max_tokens"); /* at most nine digits */
  char digits[16] = "";
  memcpy(digits, raw.n ? raw.p : "", raw.n < sizeof digits ? raw.n : 0);
  return strtoll(digits, NULL, 10);
}
