/* Folders of translation models, whose texts have a token for their language. Source: transformers
 * 5.23, models/mbart, mbart50, nllb and m2m_100 (tokenization_*.py), convert_slow_tokenizer.py
 * (convert_from_spm of MBart, MBart50 and Nllb); DECISIONS.md T12 for what NLLB's is instead. */
#include "core/text/languages.h"
#include "core/text/recipe_pieces.h"

#include <string.h>

static const char *const fairseq_roles[TFM__ROLES] = {"<s>",   "</s>", "<unk>", "</s>",
                                                      "<pad>", "<s>",  "<mask>"};

/* ---- the tokens of languages ---- */

/* The token of a code, which M2M100 has lines around: the folder's memory. */
static tfm_status token_of(tfm__recipe *r, tfm_span code, bool lines, tfm_span *token,
                           tfm_err *err)
{
  tfm_buf name = {0};
  (void)tfm_buf_str(&name, lines ? "__" : "");
  (void)tfm_buf_span(&name, code);
  (void)tfm_buf_str(&name, lines ? "__" : "");
  const char *copy =
      name.failed ? NULL : tfm_arena_strndup(&r->f.memory, name.n ? name.data : "", name.n);
  *token = (tfm_span){copy, name.n};
  tfm_buf_fini(&name);
  return copy ? TFM_OK : tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", r->f.folder);
}

/* All of a list get the next ids, and are found in the text. */
static tfm_status put_languages(tfm__recipe *r, const char *list, tfm_err *err)
{
  tfm_span code;
  tfm_status st = TFM_OK;
  while (tfm__language_next(&list, &code)) {
    TFM_TRY(tfm__pieces_token(r, code, 0, err));
    TFM_TRY(tfm__folder_usual_extra(&r->f, code, true, err));
  }

fail:
  return st;
}

/* The language of the texts: src_lang, else the usual one. From begin on. */
static tfm_status choose_language(tfm__recipe *r, const char *usual, bool lines, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *code = usual;
  TFM_TRY(tfm__folder_string(&r->f, "src_lang", &code, err));
  TFM_TRY(token_of(r, tfm_span_of(code), lines, &r->language, err));
  if (tfm__recipe_id(r, r->language) < 0) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "tokenizer_config.json: src_lang: want a language of the checkpoint like "
                    "%s, got \"%.40s\"",
                    usual, code);
  }

fail:
  return st;
}

/* ---- the kinds ---- */

tfm_status tfm__build_mbart(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, fairseq_roles);
  tfm__folder_strip(&r->f, TFM__MASK, false);
  TFM_TRY(tfm__pieces_fairseq(r, TFM__BOS, err));
  TFM_TRY(put_languages(r, tfm__languages_mbart, err));
  TFM_TRY(tfm__pieces_role(r, TFM__MASK, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(choose_language(r, "en_XX", false, err));
  tfm__pieces_words(r, "always"); /* the file's charsmap does not count here */
  TFM_TRY(tfm__recipe_template(r, "A0e0l0", "A0B0e0l0", err));
  tfm__pieces_unigram(r, 3, false);

fail:
  return st;
}

tfm_status tfm__build_mbart50(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm__pieces_want(r, TFM__PIECES_UNIGRAM, err));
  tfm__recipe_usual(r, fairseq_roles);
  tfm__folder_strip(&r->f, TFM__MASK, false);
  TFM_TRY(tfm__pieces_fairseq(r, TFM__CLS, err));
  TFM_TRY(put_languages(r, tfm__languages_mbart50, err));
  TFM_TRY(tfm__pieces_role(r, TFM__MASK, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(choose_language(r, "en_XX", false, err));
  tfm__pieces_runs(r, "");
  tfm__pieces_marks(r);
  TFM_TRY(tfm__recipe_template(r, "l0A0e0", "l0A0B0e0", err));
  tfm__pieces_unigram(r, 3, false);

fail:
  return st;
}

/* bos, pad, eos, unk, and the file's pieces that are none of them. */
static tfm_status put_nllb(tfm__recipe *r, tfm_err *err)
{
  static const tfm__role first[] = {TFM__BOS, TFM__PAD, TFM__EOS, TFM__UNK};
  tfm_status st = TFM_OK;
  for (size_t i = 0; i < sizeof first / sizeof first[0]; ++i) {
    TFM_TRY(tfm__pieces_role(r, first[i], err));
  }
  const size_t nfirst = r->t->vocab.n;
  for (size_t i = 0; i < r->piece.n; ++i) {
    const int32_t there = tfm__vocab_id(&r->t->vocab, r->piece.v[i].text);
    if (there < 0 || (size_t)there >= nfirst) {
      TFM_TRY(tfm__pieces_token(r, r->piece.v[i].text, 0, err));
    }
  }
  TFM_TRY(tfm__pieces_merges(r, err));

fail:
  return st;
}

/* Whether a file gives any language its id. */
static bool lists_languages(const tfm__recipe *r, const char *list)
{
  tfm_span code;
  while (tfm__language_next(&list, &code)) {
    for (size_t i = 0; i < r->f.listed.n; ++i) {
      if (tfm_span_eq(r->f.listed.v[i].content, code)) {
        return true;
      }
    }
  }
  return false;
}

tfm_status tfm__build_nllb(tfm__recipe *r, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_span unknown;
  bool behind = false;
  tfm__recipe_usual(r, fairseq_roles);
  tfm__folder_strip(&r->f, TFM__MASK, false);
  r->f.role[TFM__MASK].normalized |= r->f.plain[TFM__MASK];
  TFM_TRY(tfm__folder_want(&r->f, TFM__UNK, &unknown, err));
  TFM_TRY(tfm__folder_bool(&r->f, "legacy_behaviour", &behind, err));
  TFM_TRY(put_nllb(r, err));
  if (!lists_languages(r, tfm__languages_nllb)) {
    TFM_TRY(put_languages(r, tfm__languages_nllb, err));
    TFM_TRY(tfm__pieces_role(r, TFM__MASK, err));
  }
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(choose_language(r, "eng_Latn", false, err));
  if (r->piece.charsmap.n) {
    tfm__pieces_runs(r, "");
  }
  tfm__pieces_marks(r);
  TFM_TRY(tfm__recipe_template(r, behind ? "A0e0l0" : "l0A0e0",
                               behind ? "A0B0e0l0" : "l0A0B0e0", err));
  tfm__pieces_bpe(r, unknown, false);

fail:
  return st;
}

/* The languages' ids follow those of vocab.json; in the text those are found that files list. */
static tfm_status put_lined(tfm__recipe *r, const char *list, tfm_err *err)
{
  tfm_span code;
  tfm_span token;
  tfm_status st = TFM_OK;
  const size_t n = r->t->vocab.n;
  for (size_t i = 0; tfm__language_next(&list, &code); ++i) {
    TFM_TRY(token_of(r, code, true, &token, err));
    TFM_TRY(tfm__recipe_token(r, token, (int64_t)(n + i), "vocab.json", "language", i, err));
  }

fail:
  return st;
}

tfm_status tfm__build_m2m100(tfm__recipe *r, tfm_err *err)
{
  static const char *const roles[TFM__ROLES] = {"<s>", "</s>", "<unk>", "</s>", "<pad>"};
  tfm_status st = TFM_OK;
  const char *codes = "m2m100";
  tfm__recipe_usual(r, roles);
  TFM_TRY(tfm__folder_string(&r->f, "language_codes", &codes, err));
  const bool wmt = strcmp(codes, "wmt21") == 0;
  if (!wmt && strcmp(codes, "m2m100") != 0) {
    return tfm_fail(
        err, TFM_E_UNSUPPORTED,
        "tokenizer_config.json: language_codes: want m2m100 or wmt21, got \"%.40s\"", codes);
  }
  TFM_TRY(put_lined(r, wmt ? tfm__languages_wmt21 : tfm__languages_m2m100, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(choose_language(r, "en", true, err));
  TFM_TRY(tfm__recipe_by_pieces(r, "l0A0e0", "l0A0B0e0", false, err));

fail:
  return st;
}
