#include "coordinator/explain/told.h"

#include "core/base/mem.h"

#include <string.h>

void tfm_told_fini(tfm_told *told)
{
  for (int64_t t = 0; told->pieces && t < told->T; ++t) {
    tfm_free(told->pieces[t].text);
  }
  tfm_free(told->pieces);
  tfm_free(told->x);
  tfm_free(told->weights);
  tfm_answer_fini(&told->answer);
  *told = (tfm_told){0};
}

const float *tfm_told_head(const tfm_told *told, int64_t layer, int64_t head)
{
  return told->weights + (layer * told->N + head) * told->T * told->T;
}

tfm_status tfm_told_attention(void *arg, int rank, const tfm_msg_attention *msg, tfm_err *err)
{
  tfm_told *told = arg;
  if (!told->weights && msg->tokens <= TFM_JOB_EXPLAINED) {
    told->T = msg->tokens;
    told->weights =
        tfm_calloc((size_t)(told->L * told->N * told->T * told->T), sizeof *told->weights);
    if (!told->weights) {
      return tfm_fail(err, TFM_E_NOMEM, "attention weights of %lld tokens", (long long)told->T);
    }
  }
  const int64_t rows = msg->n / msg->tokens;
  if (msg->tokens != told->T || msg->layer >= told->L || msg->head >= told->N ||
      msg->n % msg->tokens != 0 || msg->first + rows > told->T) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "rank %d: attention of layer %lld, head %lld, rows %lld+%lld of %lld", rank,
                    (long long)msg->layer, (long long)msg->head, (long long)msg->first,
                    (long long)rows, (long long)msg->tokens);
  }
  float *to =
      told->weights + ((msg->layer * told->N + msg->head) * told->T + msg->first) * told->T;
  memcpy(to, msg->v, (size_t)msg->n * sizeof *to);
  told->rows += rows;
  return TFM_OK;
}

static tfm_status take_pieces(tfm_told *told, const tfm_sequence *s, tfm_err *err)
{
  told->pieces = tfm_calloc((size_t)s->n, sizeof *told->pieces);
  if (!told->pieces) {
    return tfm_fail(err, TFM_E_NOMEM, "%lld pieces", (long long)s->n);
  }
  for (int64_t t = 0; t < s->n; ++t) {
    const tfm_span token = tfm_tokenizer_token(told->job->tokenizer, s->ids[t]);
    told->pieces[t] = (tfm_piece){.id = s->ids[t],
                                  .type = s->type_ids[t],
                                  .special = s->places.special[t],
                                  .begin = s->places.begin[t],
                                  .end = s->places.end[t],
                                  .text = tfm_strndup(token.n ? token.p : "", token.n)};
    if (!told->pieces[t].text) {
      return tfm_fail(err, TFM_E_NOMEM, "%lld pieces", (long long)s->n);
    }
  }
  return TFM_OK;
}

/* As rank 0 sent it to the first stage. */
static tfm_status take_embeddings(tfm_told *told, const tfm_sequence *s, tfm_err *err)
{
  const int32_t cu_len[] = {0, (int32_t)s->n};
  const int32_t start[] = {0};
  const tfm_ids ids = {.B = 1,
                       .T = s->n,
                       .cu_len = cu_len,
                       .ids = s->ids,
                       .type_ids = s->type_ids,
                       .start = start};
  told->x = tfm_calloc((size_t)(s->n * told->H), sizeof *told->x);
  if (!told->x) {
    return tfm_fail(err, TFM_E_NOMEM, "embeddings of %lld tokens", (long long)s->n);
  }
  tfm_embed_run(told->job->embed, &ids, told->x, NULL);
  return TFM_OK;
}

tfm_status tfm_told_row(tfm_told *told, const tfm_item *item, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_job *job = told->job;
  if (item->status != TFM_OK) {
    return tfm_fail(err, item->status, "%s", tfm_item_error(item));
  }
  if (item->nseq != 1) {
    return tfm_fail(err, TFM_E_USAGE, "explain: the text became %lld sequences, want one",
                    (long long)item->nseq);
  }
  const tfm_sequence *s = &item->seqs[0];
  told->T = s->n;
  told->truncated = item->truncated;
  TFM_TRY(take_pieces(told, s, err));
  TFM_TRY(take_embeddings(told, s, err));
  told->answer.tokens = item->tokens;
  told->nfield = job->task->fields(&job->context, told->fields);
  TFM_TRY(job->task->answer(&job->context, item, &told->answer, err));

fail:
  return st;
}

/* Put a pair where it belongs among the n best, which hold each query and key once. */
static int insert(tfm_told_pair *pairs, int n, int most, const tfm_told_pair *pair)
{
  int at = 0;
  for (; at < n; ++at) {
    if (pairs[at].query == pair->query && pairs[at].key == pair->key) {
      if (pairs[at].weight >= pair->weight) {
        return n;
      }
      memmove(pairs + at, pairs + at + 1, (size_t)(n - at - 1) * sizeof *pairs);
      --n;
      break;
    }
  }
  for (at = n; at > 0 && pairs[at - 1].weight < pair->weight; --at) {
    if (at < most) {
      pairs[at] = pairs[at - 1];
    }
  }
  if (at < most) {
    pairs[at] = *pair;
    n = n < most ? n + 1 : most;
  }
  return n;
}

int tfm_told_pairs(const tfm_told *told, int64_t layer, tfm_told_pair *pairs, int most)
{
  int n = 0;
  for (int64_t head = 0; head < told->N; ++head) {
    const float *weights = tfm_told_head(told, layer, head);
    for (int64_t q = 0; q < told->T; ++q) {
      for (int64_t k = 0; k < told->T && !told->pieces[q].special; ++k) {
        const tfm_told_pair pair = {head, q, k, weights[q * told->T + k]};
        if (k != q && !told->pieces[k].special && pair.weight > 0.0f) {
          n = insert(pairs, n, most, &pair);
        }
      }
    }
  }
  return n;
}

double tfm_told_to_specials(const tfm_told *told, int64_t layer)
{
  double sum = 0;
  for (int64_t head = 0; head < told->N; ++head) {
    const float *weights = tfm_told_head(told, layer, head);
    for (int64_t i = 0; i < told->T * told->T; ++i) {
      sum += told->pieces[i % told->T].special ? (double)weights[i] : 0;
    }
  }
  return sum / (double)(told->N * told->T);
}

int tfm_told_rank(const tfm_told *told, int64_t layer, int half)
{
  const tfm_plan *plan = &told->job->plan;
  for (int rank = 1; rank <= plan->stages; ++rank) {
    const tfm_range units = plan->ranks[rank].units;
    if (2 * layer + half >= units.first && 2 * layer + half < units.last) {
      return rank;
    }
  }
  return 0;
}
