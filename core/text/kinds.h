/** Every component kind there is; each is defined in the file named beside it. component.c puts
 *  them into the tables. */
#ifndef TFM_CORE_TEXT_KINDS_H
#define TFM_CORE_TEXT_KINDS_H

#include "core/text/component.h"

extern const tfm__kind tfm__bert_normalizer;     /* normalize_bert.c */
extern const tfm__kind tfm__bert_pre_tokenizer;  /* split_bert.c */
extern const tfm__kind tfm__bpe;                 /* algo/bpe.c */
extern const tfm__kind tfm__unigram;             /* algo/unigram.c */
extern const tfm__kind tfm__wordlevel;           /* algo/wordlevel.c */
extern const tfm__kind tfm__wordpiece;           /* algo/wordpiece.c */
extern const tfm__kind tfm__bert_processing;     /* finish_bert.c */
extern const tfm__kind tfm__template_processing; /* finish_template.c */
extern const tfm__kind tfm__wordpiece_decoder;   /* decode_wordpiece.c */

#endif
