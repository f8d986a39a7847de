/** What the kinds of folders with a SentencePiece model (recipe.h) are put together from: a
 *  vocabulary out of the file's pieces, and the usual parts of their tokenizer.json. Private to the
 *  room. */
#ifndef TFM_CORE_TEXT_RECIPE_PIECES_H
#define TFM_CORE_TEXT_RECIPE_PIECES_H

#include "core/text/recipe.h"

/** TFM_E_UNSUPPORTED unless the file holds such a model. */
tfm_status tfm__pieces_want(const tfm__recipe *r, tfm__pieces_model model,
                            tfm_err *err) TFM_MUST_USE;

/* ---- the vocabulary, by id ---- */

/** The next id is that of a token with a score. Errors: as tfm__recipe_token(). */
tfm_status tfm__pieces_token(tfm__recipe *r, tfm_span token, double score,
                             tfm_err *err) TFM_MUST_USE;

/** The same for the token of a role, which there must be. */
tfm_status tfm__pieces_role(tfm__recipe *r, tfm__role role, tfm_err *err) TFM_MUST_USE;

/** All pieces of the file from one on. */
tfm_status tfm__pieces_from(tfm__recipe *r, size_t from, tfm_err *err) TFM_MUST_USE;

/** first (bos or cls), pad, eos, unk, and the pieces but for their three: as fairseq had it. */
tfm_status tfm__pieces_fairseq(tfm__recipe *r, tfm__role first, tfm_err *err) TFM_MUST_USE;

/** Every way to cut a piece into two other tokens becomes a merge. */
tfm_status tfm__pieces_merges(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

/* ---- parts of the tokenizer.json; key: what stands before the value, its name included ---- */

void tfm__pieces_metaspace(tfm__recipe *r, const char *key, const char *scheme, bool split);

/** Words between blanks, each with a mark before it; and the decoder of such. */
void tfm__pieces_words(tfm__recipe *r, const char *scheme);

/** Blanks are marks, one before the text; and the decoder of such. */
void tfm__pieces_marks(tfm__recipe *r);

/** The file's charsmap as a normalizer; nothing when it has none. */
void tfm__pieces_charsmap(tfm__recipe *r);

/** ,"normalizer": the charsmap, or what there is instead of one (with its comma); then one blank
 *  for many. */
void tfm__pieces_runs(tfm__recipe *r, const char *instead);

void tfm__pieces_unigram(tfm__recipe *r, int64_t unknown, bool byte_fallback);

/** An empty unknown: there is none. */
void tfm__pieces_bpe(tfm__recipe *r, tfm_span unknown, bool byte_fallback);

/** strip: a blank before the text is taken off. */
void tfm__pieces_byte_decoder(tfm__recipe *r, bool strip);

/* ---- kinds in files of their own (recipe_languages.c) ---- */

tfm_status tfm__build_mbart(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;
tfm_status tfm__build_mbart50(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;
tfm_status tfm__build_nllb(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

/** For vocab.json with sentencepiece.bpe.model: the vocabulary is filled, the pieces are read. */
tfm_status tfm__build_m2m100(tfm__recipe *r, tfm_err *err) TFM_MUST_USE;

#endif
