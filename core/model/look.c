#include "core/model/look.h"

#include <string.h>

/* Value d of key first + d is 1, all others are 0, in every head. */
static void set_values(const tfm_heads *heads, float *wide, int64_t T, int64_t first)
{
  const int64_t G = tfm_heads_of_keys(heads);
  const int64_t D = heads->D;
  const int64_t ld = (heads->N + 2 * G) * D;
  for (int64_t key = 0; key < T; ++key) {
    float *values = wide + key * ld + (heads->N + G) * D;
    memset(values, 0, (size_t)(G * D) * sizeof *values);
    for (int64_t g = 0; key >= first && key < first + D && g < G; ++g) {
      values[g * D + key - first] = 1.0f;
    }
  }
}

void tfm__look_at(tfm__look *look, const tfm__looked_at *at, tfm_par *par)
{
  const tfm_heads *heads = at->heads;
  const int64_t D = heads->D;
  const int64_t N = heads->N;
  const int64_t T = at->seqs->cu_len[1];
  const int64_t ld = (N + 2 * tfm_heads_of_keys(heads)) * D;
  for (int64_t first = 0; first < T; first += D) {
    const int64_t keys = T - first < D ? T - first : D;
    set_values(heads, at->wide, T, first);
    tfm_attention(heads, at->wide, ld, at->seqs, at->context, N * D, at->scratch, par);
    for (int64_t head = 0; head < N; ++head) {
      for (int64_t query = 0; query < T; ++query) {
        memcpy(look->weights + (head * T + query) * T + first,
               at->context + query * N * D + head * D, (size_t)keys * sizeof(float));
      }
    }
  }
  look->seen = true;
}
