#include "core/text/recipe_pieces.h"

#include "core/base/mem.h"

/* ---- the vocabulary ---- */

tfm_status tfm__pieces_token(tfm__recipe *r, tfm_span token, double score, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const size_t id = r->t->vocab.n;
  if (id == r->score_cap) {
    size_t cap = id ? id * 2 : 1024;
    double *v = tfm_realloc(r->score, cap, sizeof *v);
    if (!v) {
      return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
    }
    r->score = v;
    r->score_cap = cap;
  }
  TFM_TRY(tfm__recipe_token(r, token, (int64_t)id, r->f.folder, "piece", id, err));
  r->score[id] = score;

fail:
  return st;
}

tfm_status tfm__pieces_from(tfm__recipe *r, size_t from, tfm_err *err)
{
  tfm_status st = TFM_OK;
  for (size_t i = from; i < r->piece.n; ++i) {
    TFM_TRY(tfm__pieces_token(r, r->piece.v[i].text, (double)r->piece.v[i].score, err));
  }

fail:
  return st;
}

tfm_status tfm__pieces_role(tfm__recipe *r, tfm__role role, tfm_err *err)
{
  tfm_span token;
  tfm_status st = tfm__folder_want(&r->f, role, &token, err);
  return st == TFM_OK ? tfm__pieces_token(r, token, 0, err) : st;
}

tfm_status tfm__pieces_fairseq(tfm__recipe *r, tfm__role first, tfm_err *err)
{
  const tfm__role order[] = {first, TFM__PAD, TFM__EOS, TFM__UNK};
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < sizeof order / sizeof order[0]; ++i) {
    TFM_TRY(tfm__pieces_role(r, order[i], err));
  }
  TFM_TRY(tfm__pieces_from(r, 3, err));

fail:
  return st;
}

/* Which lengths tokens have: lengths[n]. *longest: the greatest. NULL when memory is out. */
static bool *token_lengths(const tfm__vocab *vocab, size_t *longest)
{
  *longest = 0;
  for (size_t i = 0; i < vocab->n; ++i) {
    *longest = vocab->entry[i].n > *longest ? vocab->entry[i].n : *longest;
  }
  bool *lengths = tfm_calloc(*longest + 1, sizeof *lengths);
  for (size_t i = 0; lengths && i < vocab->n; ++i) {
    lengths[vocab->entry[i].n] = true;
  }
  return lengths;
}

/* Every way to cut a piece into two others, by the pieces' ids, then by the length of the left.
 * Only lengths that tokens have are tried: a file of n bytes has few more than the square root of
 * n, so a piece of a megabyte costs no more than many short ones. */
tfm_status tfm__pieces_merges(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm__vocab *vocab = &r->t->vocab;
  size_t longest = 0;
  bool *lengths = token_lengths(vocab, &longest);
  if (!lengths) {
    return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
  }
  for (size_t i = 0; i < r->piece.n; ++i) {
    const tfm_span piece = r->piece.v[i].text;
    for (size_t k = 1; k < piece.n; ++k) {
      const tfm_span left = {piece.p, k};
      const tfm_span right = {piece.p + k, piece.n - k};
      const bool within = ((unsigned char)piece.p[k] & 0xc0) == 0x80;
      if (!within && lengths[left.n] && lengths[right.n] && tfm__vocab_id(vocab, left) >= 0 &&
          tfm__vocab_id(vocab, right) >= 0) {
        TFM_TRY(tfm__recipe_merge(r, left, right, err));
      }
    }
  }

fail:
  tfm_free(lengths);
  return st;
}

/* ---- parts of the tokenizer.json ---- */

void tfm__pieces_metaspace(tfm__recipe *r, const char *key, const char *scheme, bool split)
{
  (void)tfm_buf_printf(&r->json,
                       "%s{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\","
                       "\"prepend_scheme\":\"%s\",\"split\":%s}",
                       key, scheme, tfm__recipe_word(split));
}

void tfm__pieces_words(tfm__recipe *r, const char *scheme)
{
  tfm__pieces_metaspace(
      r,
      ",\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
      "\"WhitespaceSplit\"},",
      scheme, true);
  tfm__pieces_metaspace(r, "]},\"decoder\":", scheme, true);
}

void tfm__pieces_marks(tfm__recipe *r)
{
  tfm__pieces_metaspace(r, ",\"pre_tokenizer\":", "always", true);
  tfm__pieces_metaspace(r, ",\"decoder\":", "always", true);
}

void tfm__pieces_charsmap(tfm__recipe *r)
{
  if (r->piece.charsmap.n) {
    (void)tfm_buf_str(&r->json, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":null}");
  }
}

void tfm__pieces_runs(tfm__recipe *r, const char *instead)
{
  (void)tfm_buf_str(&r->json, ",\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
  tfm__pieces_charsmap(r);
  (void)tfm_buf_str(&r->json, r->piece.charsmap.n ? "," : instead);
  (void)tfm_buf_str(&r->json, "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},"
                              "\"content\":\" \"}]}");
}

void tfm__pieces_unigram(tfm__recipe *r, int64_t unknown, bool byte_fallback)
{
  (void)tfm_buf_printf(&r->json,
                       ",\"model\":{\"type\":\"Unigram\",\"unk_id\":%lld,\"vocab\":null,"
                       "\"byte_fallback\":%s}",
                       (long long)unknown, tfm__recipe_word(byte_fallback));
}

void tfm__pieces_bpe(tfm__recipe *r, tfm_span unknown, bool byte_fallback)
{
  (void)tfm_buf_printf(&r->json,
                       ",\"model\":{\"type\":\"BPE\",\"vocab\":null,\"merges\":null,"
                       "\"fuse_unk\":true,\"byte_fallback\":%s",
                       tfm__recipe_word(byte_fallback));
  if (unknown.n) {
    (void)tfm_buf_str(&r->json, ",\"unk_token\":");
    (void)tfm_buf_json_string(&r->json, unknown);
  }
  (void)tfm_buf_str(&r->json, "}");
}

void tfm__pieces_byte_decoder(tfm__recipe *r, bool strip)
{
  (void)tfm_buf_printf(
      &r->json,
      ",\"decoder\":{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":"
      "{\"String\":\"\xe2\x96\x81\"},\"content\":\" \"},{\"type\":\"ByteFallback\"},"
      "{\"type\":\"Fuse\"}%s]}",
      strip ? ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}" : "");
}

/* ---- the file ---- */

tfm_status tfm__pieces_want(const tfm__recipe *r, tfm__pieces_model model, tfm_err *err)
{
  static const char *const names[] = {"", "Unigram", "BPE", "word", "character"};
  if (r->piece.model != model) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "%s: the SentencePiece model is a %s model; a %s has a %s model",
                    r->f.folder, names[r->piece.model], r->kind, names[model]);
  }
  return TFM_OK;
}
