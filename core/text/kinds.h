/** Every component kind there is; each is defined in the file named beside it. component.c puts
 *  them into the tables. */
#ifndef TFM_CORE_TEXT_KINDS_H
#define TFM_CORE_TEXT_KINDS_H

#include "core/text/component.h"

extern const tfm__kind tfm__bert_normalizer;          /* normalize_bert.c */
extern const tfm__kind tfm__lowercase;                /* normalize_case.c */
extern const tfm__kind tfm__strip_accents;            /* normalize_case.c */
extern const tfm__kind tfm__nmt;                      /* normalize_case.c */
extern const tfm__kind tfm__strip;                    /* normalize_ends.c */
extern const tfm__kind tfm__prepend;                  /* normalize_ends.c */
extern const tfm__kind tfm__nfc;                      /* normalize_forms.c */
extern const tfm__kind tfm__nfd;                      /* normalize_forms.c */
extern const tfm__kind tfm__nfkc;                     /* normalize_forms.c */
extern const tfm__kind tfm__nfkd;                     /* normalize_forms.c */
extern const tfm__kind tfm__pieces_normalizer;        /* normalize_pieces.c */
extern const tfm__kind tfm__precompiled;              /* normalize_precompiled.c */
extern const tfm__kind tfm__replace;                  /* normalize_replace.c; a decoder too */
extern const tfm__kind tfm__bert_pre_tokenizer;       /* split_bert.c */
extern const tfm__kind tfm__byte_level_pre_tokenizer; /* split_bytes.c */
extern const tfm__kind tfm__byte_level_normalizer;    /* split_bytes.c */
extern const tfm__kind tfm__whitespace;               /* split_chars.c */
extern const tfm__kind tfm__whitespace_split;         /* split_chars.c */
extern const tfm__kind tfm__punctuation_split;        /* split_chars.c */
extern const tfm__kind tfm__digits;                   /* split_chars.c */
extern const tfm__kind tfm__char_delimiter;           /* split_chars.c */
extern const tfm__kind tfm__unicode_scripts;          /* split_chars.c */
extern const tfm__kind tfm__fixed_length;             /* split_chars.c */
extern const tfm__kind tfm__metaspace;                /* split_metaspace.c; a decoder too */
extern const tfm__kind tfm__split;                    /* split_pattern.c */
extern const tfm__kind tfm__bpe;                      /* algo/bpe.c */
extern const tfm__kind tfm__codes;                    /* algo/codes.c */
extern const tfm__kind tfm__unigram;                  /* algo/unigram.c */
extern const tfm__kind tfm__wordlevel;                /* algo/wordlevel.c */
extern const tfm__kind tfm__wordpiece;                /* algo/wordpiece.c */
extern const tfm__kind tfm__bert_processing;          /* finish_bert.c */
extern const tfm__kind tfm__roberta_processing;       /* finish_bert.c */
extern const tfm__kind tfm__template_processing;      /* finish_template.c */
extern const tfm__kind tfm__byte_level_processing;    /* finish_trim.c */
extern const tfm__kind tfm__bpe_decoder;              /* decode_bpe.c */
extern const tfm__kind tfm__byte_level_decoder;       /* decode_bytes.c */
extern const tfm__kind tfm__codes_decoder;            /* decode_bytes.c */
extern const tfm__kind tfm__ctc;                      /* decode_ctc.c */
extern const tfm__kind tfm__byte_fallback;            /* decode_fallback.c */
extern const tfm__kind tfm__fuse;                     /* decode_fuse.c */
extern const tfm__kind tfm__strip_decoder;            /* decode_strip.c */
extern const tfm__kind tfm__wordpiece_decoder;        /* decode_wordpiece.c */

#endif
