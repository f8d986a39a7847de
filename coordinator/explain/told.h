/** One text's way through a model, as it was told: pieces, what each became before the first layer,
 *  where every layer ran, which piece attended to which, and the result. */
#ifndef TFM_COORDINATOR_EXPLAIN_TOLD_H
#define TFM_COORDINATOR_EXPLAIN_TOLD_H

#include "coordinator/job.h"
#include "coordinator/output/format.h"

/** A piece of the text. */
typedef struct {
  int32_t id, type;
  bool special;
  int32_t begin, end; /* code points of the text; both 0 for specials */
  char *text;         /* owned */
} tfm_piece;

/** Zero-initialised is empty; release with tfm_told_fini(). */
typedef struct {
  const tfm_job *job; /* borrowed */
  const char *text;   /* borrowed */
  int64_t T, L, N, H;
  tfm_piece *pieces; /* [T] */
  float *x;          /* [T,H] before the first layer */
  float *weights;    /* [L,N,T,T] layer, head, query, key; NULL before the first came */
  int64_t rows;      /* of queries that came, of L*N*T */
  bool truncated;
  const char *fields[TFM_ANSWER_MAX_FIELDS];
  int nfield;
  tfm_answer answer;
} tfm_told;

void tfm_told_fini(tfm_told *told);

/** The weights of one head, [T,T] query, key. */
const float *tfm_told_head(const tfm_told *told, int64_t layer, int64_t head);

/** The crew's listener for weights; arg is the tfm_told. Errors: TFM_E_FORMAT (weights of another
 *  shape), TFM_E_NOMEM. */
tfm_status tfm_told_attention(void *arg, int rank, const tfm_msg_attention *msg, tfm_err *err);

/** Take what is known of the row that came back: pieces, x, answer. Errors: TFM_E_USAGE (too many
 *  tokens), TFM_E_NOMEM, of the task. */
tfm_status tfm_told_row(tfm_told *told, const tfm_item *item, tfm_err *err) TFM_MUST_USE;

/** A pair of pieces that are no specials, and not the same one. */
typedef struct {
  int64_t head, query, key;
  float weight;
} tfm_told_pair;

/** The strongest such pairs of a layer in any head, best first, each pair of pieces once; returns
 * how many. pairs [most] out. */
int tfm_told_pairs(const tfm_told *told, int64_t layer, tfm_told_pair *pairs, int most);

/** The mean share of a layer's weights that goes to specials, over queries and heads: 0..1. */
double tfm_told_to_specials(const tfm_told *told, int64_t layer);

/** The rank that has a half of a layer in the first line: its attention (0) or ffn (1). */
int tfm_told_rank(const tfm_told *told, int64_t layer, int half);

/** Append: a text for the terminal; one JSON object; a page with heat maps. */
void tfm_told_print(const tfm_told *told, tfm_buf *out);
void tfm_told_json(const tfm_told *told, tfm_buf *out);
void tfm_told_page(const tfm_told *told, tfm_buf *out);

#endif
