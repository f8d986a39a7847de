#include "coordinator/encode/encoder.h"

#include "core/base/mem.h"

#include <string.h>

tfm_status tfm_encoder_failed(tfm_item *item, const tfm_err *err)
{
  if (err->status == TFM_E_NOMEM) {
    return TFM_E_NOMEM;
  }
  tfm_item_fail(item, err);
  return TFM_OK;
}

void tfm_encoder_no_room(tfm_item *item, const char *why)
{
  if (item->status == TFM_E_USAGE && item->err) {
    (void)tfm_err_prefix(item->err, "%s", why);
    item->status = item->err->status = TFM_E_FORMAT;
  }
}

static int64_t count_id(const tfm_encoding *e, int32_t id)
{
  int64_t n = 0;
  for (size_t i = 0; i < e->n; ++i) {
    n += e->ids[i] == id;
  }
  return n;
}

/* The last token of another id; the first where there is none, as the reference has it. */
static int32_t last_but(const tfm_encoding *e, int32_t id)
{
  size_t i = e->n - 1;
  while (i > 0 && e->ids[i] == id) {
    --i;
  }
  return (int32_t)i;
}

static void fill_places(tfm_places *places, const tfm_encoding *e)
{
  const size_t ints = e->n * sizeof(int32_t);
  memcpy(places->begin, e->begin, ints);
  memcpy(places->end, e->end, ints);
  memcpy(places->word, e->word, ints);
  memcpy(places->special, e->special, e->n);
  memcpy(places->which, e->sequence, e->n);
}

/* The text becomes what an encoder reads, and the sequence what its decoder begins with. */
static tfm_status keep_answered(const tfm_encoder *encoder, tfm_item *item,
                                const tfm_encoding *e, tfm_err *err)
{
  const bool repeats = encoder->answering == TFM_ANSWER_REPEATS;
  const int64_t n = repeats ? (int64_t)e->n : 1;
  int64_t last = (int64_t)e->n - 1;
  while (repeats && last >= 0 && e->ids[last] != encoder->eos_id) {
    --last;
  }
  if (last < 0) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, TFM_E_FORMAT, "the text has no token %d (eos_token_id)",
                   encoder->eos_id);
    return tfm_encoder_failed(item, &bad);
  }
  tfm_sequence *s = tfm_item_add(item, n, repeats, false);
  if (!s || !tfm_sequence_read(s, e->ids, (int64_t)e->n)) {
    return tfm_fail(err, TFM_E_NOMEM, "ids of row %lld", (long long)item->row->number);
  }
  memset(s->type_ids, 0, (size_t)n * sizeof *s->type_ids);
  s->ids[0] = encoder->start_id;
  if (repeats) {
    memcpy(s->ids + 1, e->ids, (size_t)(n - 1) * sizeof *s->ids);
    s->marks[0] = (int32_t)last;
  }
  s->rows = tfm_head_rows(encoder->shape.rows, n, s->nmark);
  return TFM_OK;
}

tfm_status tfm_encoder_keep(const tfm_encoder *encoder, tfm_item *item, int32_t mark,
                            const tfm_encoding *scratch, tfm_err *err)
{
  const tfm_encoding *e = scratch;
  tfm_err bad = {0};
  if (e->n == 0) {
    (void)tfm_fail(&bad, TFM_E_FORMAT, "the text has no tokens");
    return tfm_encoder_failed(item, &bad);
  }
  if (tfm_id_check(&encoder->limits, e->ids, e->type_ids, (int64_t)e->n, &bad) != TFM_OK) {
    return tfm_encoder_failed(item, &bad);
  }
  if (encoder->answering != TFM_ANSWER_NONE) {
    return keep_answered(encoder, item, e, err);
  }
  const int64_t nmark = encoder->mark_last ? 1 : mark >= 0 ? count_id(e, mark) : 0;
  tfm_sequence *s = tfm_item_add(item, (int64_t)e->n, nmark, encoder->places);
  if (!s) {
    return tfm_fail(err, TFM_E_NOMEM, "ids of row %lld", (long long)item->row->number);
  }
  memcpy(s->ids, e->ids, e->n * sizeof *e->ids);
  memcpy(s->type_ids, e->type_ids, e->n * sizeof *e->type_ids);
  if (encoder->mark_last) {
    s->marks[0] = last_but(e, encoder->pad_id);
  }
  for (int64_t i = 0, m = 0; !encoder->mark_last && m < nmark; ++i) {
    if (s->ids[i] == mark) {
      s->marks[m++] = (int32_t)i;
    }
  }
  if (encoder->places) {
    fill_places(&s->places, e);
  }
  s->rows = tfm_head_rows(encoder->shape.rows, s->n, nmark);
  return TFM_OK;
}

tfm_status tfm_encoder_add(const tfm_encoder *encoder, tfm_item *item, tfm_span text,
                           tfm_span pair, int32_t mark, tfm_encoding *scratch, tfm_err *err)
{
  tfm_encode_options options = {.add_special_tokens = !encoder->no_specials,
                                .words = encoder->places,
                                .max_length = (size_t)encoder->max_length,
                                .truncate = encoder->cut};
  tfm_err bad = {0};
  if (tfm_tokenizer_encode(encoder->tokenizer, text, pair, &options, scratch, &bad) != TFM_OK) {
    *err = bad;
    return tfm_encoder_failed(item, &bad);
  }
  if (scratch->truncated && encoder->overflow == TFM_OVERFLOW_ERROR) {
    (void)tfm_fail(&bad, TFM_E_FORMAT,
                   "the text is longer than %lld tokens; shorten it or pass "
                   "--on-overflow truncate",
                   (long long)encoder->max_length);
    return tfm_encoder_failed(item, &bad);
  }
  item->truncated = item->truncated || scratch->truncated;
  return tfm_encoder_keep(encoder, item, mark, scratch, err);
}

tfm_status tfm_encoder_add_windows(const tfm_encoder *encoder, tfm_item *item, tfm_span text,
                                   tfm_span pair, const tfm_window_options *windows,
                                   tfm_encoding *scratch, tfm_err *err)
{
  const tfm_encode_options options = {.add_special_tokens = true, .words = encoder->places};
  tfm_window_options w = *windows;
  tfm_status st = TFM_OK;
  tfm_err bad = {0};
  size_t n = 0;
  w.max_length = w.max_length ? w.max_length : (size_t)encoder->max_length;
  if (tfm_tokenizer_encode(encoder->tokenizer, text, pair.n ? pair : (tfm_span){0}, &options,
                           scratch, &bad) != TFM_OK ||
      tfm_encoding_windows(encoder->tokenizer, scratch, &w, &n, &bad) != TFM_OK) {
    *err = bad;
    return tfm_encoder_failed(item, &bad);
  }
  if (n > 1 && encoder->overflow == TFM_OVERFLOW_ERROR) {
    (void)tfm_fail(
        &bad, TFM_E_FORMAT,
        "the text is longer than %zu tokens; shorten it or pass --on-overflow window",
        w.max_length);
    return tfm_encoder_failed(item, &bad);
  }
  item->windowed = item->windowed || n > 1;
  for (size_t i = 0; i < n && item->status == TFM_OK; ++i) {
    if (n > 1) {
      TFM_TRY(tfm_encoding_window(encoder->tokenizer, scratch, &w, i, err));
    }
    TFM_TRY(tfm_encoder_keep(encoder, item, -1, scratch, err));
  }

fail:
  return st;
}

tfm_status tfm_encoder_run(const tfm_encoder *encoder, tfm_item *item, tfm_encoding *scratch,
                           tfm_err *err)
{
  const tfm_row *row = item->row;
  tfm_status st = TFM_OK;
  if (row->status != TFM_OK) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, row->status, "%.*s", (int)row->error.n, row->error.p);
    st = tfm_encoder_failed(item, &bad);
  } else if (encoder->row) {
    st = encoder->row(encoder, item, scratch, err);
  } else {
    /* An empty second text is none: the reference's tokenizers take "" for "not given". */
    st = tfm_encoder_add(encoder, item, row->text, row->pair.n ? row->pair : (tfm_span){0}, -1,
                         scratch, err);
  }
  for (int64_t i = 0; i < item->nseq; ++i) {
    const int64_t rows = tfm_sequence_rows(&item->seqs[i]);
    item->tokens += rows;
    item->longest = rows > item->longest ? rows : item->longest;
  }
  item->waiting = item->status == TFM_OK ? item->nseq : 0;
  return st;
}
