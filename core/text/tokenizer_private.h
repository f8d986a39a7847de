/** Inside a tokenizer: what loading fills and encoding reads. Private to the room. */
#ifndef TFM_CORE_TEXT_TOKENIZER_PRIVATE_H
#define TFM_CORE_TEXT_TOKENIZER_PRIVATE_H

#include "core/text/added.h"
#include "core/text/component.h"
#include "core/text/finish.h"
#include "core/text/tokenizer.h"

struct tfm_tokenizer {
  uint64_t serial;  /* no two tokenizers of a process have the same, at any time */
  tfm_arena memory; /* everything small */
  tfm__vocab vocab;
  tfm__chain normalizer, pre_tokenizer, decoder;
  tfm__chain model;            /* exactly one */
  const tfm__template *finish; /* never NULL once open */
  tfm__trims trims;
  tfm__added added;
  bool decodes;       /* there is a decoder, be it an empty Sequence: tokens are joined without
                         blanks */
  bool truncate_left; /* cut the beginning instead of the end */
  size_t model_max_length;
  int32_t named_unknown;           /* tokenizer_config.json's unk_token; -1: none */
  int32_t cls_id, mask_id, pad_id; /* -1: none */
  bool cleans_up;                  /* clean_up_tokenization_spaces */
};

/** An empty tokenizer; NULL when memory is out. Release with tfm_tokenizer_close(). */
tfm_tokenizer *tfm__tokenizer_new(void);

/** Fill t from the text of a tokenizer.json; name is what messages call it. given: what does not
 *  stand in the text, or NULL. */
tfm_status tfm__load_json(tfm_tokenizer *t, const char *name, tfm_span text, tfm__given *given,
                          tfm_err *err) TFM_MUST_USE;

/** Fill t from vocab.json at `path` and merges.txt in `folder`, with the options beside them. */
tfm_status tfm__load_merges(tfm_tokenizer *t, const char *path, const char *folder,
                            tfm_err *err) TFM_MUST_USE;

/** Fill t from a SentencePiece model at `path`, with the options beside it in `folder`. */
tfm_status tfm__load_pieces(tfm_tokenizer *t, const char *path, const char *folder,
                            tfm_err *err) TFM_MUST_USE;

/** Fill t as the configuration files of a folder without a vocabulary say. Errors: TFM_E_MISSING
 *  where they name no tokenizer that needs none. */
tfm_status tfm__load_codes(tfm_tokenizer *t, const char *folder, tfm_err *err) TFM_MUST_USE;

/** The files that hold a vocabulary, for messages. */
#define TFM__TOKENIZER_FILES                                                                   \
  "tokenizer.json, vocab.txt, vocab.json, spiece.model, spm.model, sentencepiece.bpe.model, "  \
  "tokenizer.model"

/** Fill t from a vocab.txt at `path`, with the options of tokenizer_config.json and
 *  special_tokens_map.json in `folder` where these are. */
tfm_status tfm__load_vocab_txt(tfm_tokenizer *t, const char *path, const char *folder,
                               tfm_err *err) TFM_MUST_USE;

/** Read what tokenizer_config.json and special_tokens_map.json say besides the tokenizer:
 *  model_max_length, truncation_side, unk_token; which tokens begin a text, stand for a gap or for
 *  nothing; whether decoded texts are cleaned up. A folder without these files is fine. */
tfm_status tfm__load_roles(tfm_tokenizer *t, const char *folder, tfm_err *err) TFM_MUST_USE;

#endif
