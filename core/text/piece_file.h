/** SentencePiece model files (spiece.model, sentencepiece.bpe.model, tokenizer.model, spm.model):
 *  the pieces with their scores, and the settings that tokenizers are made from.
 *
 *  A reader of that one protocol buffer message, ModelProto; fields nobody needs are stepped over.
 *  Source: sentencepiece_model.proto of SentencePiece 0.2 (numbers, defaults); the wire format is
 *  that of protobuf.dev/programming-guides/encoding. Private to the room. */
#ifndef TFM_CORE_TEXT_PIECE_FILE_H
#define TFM_CORE_TEXT_PIECE_FILE_H

#include "core/base/span.h"
#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
  TFM__PIECE_NORMAL = 1,
  TFM__PIECE_UNKNOWN,
  TFM__PIECE_CONTROL,
  TFM__PIECE_USER_DEFINED,
  TFM__PIECE_UNUSED,
  TFM__PIECE_BYTE
} tfm__piece_type;

typedef enum {
  TFM__PIECES_UNIGRAM = 1,
  TFM__PIECES_BPE,
  TFM__PIECES_WORD,
  TFM__PIECES_CHAR
} tfm__pieces_model;

typedef struct {
  tfm_span text; /* UTF-8; borrowed from the file's bytes */
  float score;
  tfm__piece_type type;
} tfm__file_piece;

/** Zero-initialised is empty. */
typedef struct tfm__piece_file {
  tfm__file_piece *v; /* [n] by id */
  size_t n, cap;
  tfm__pieces_model model;
  bool byte_fallback;
  int32_t unk_id, bos_id, eos_id; /* negative: there is none */
  tfm_span unk, bos, eos;         /* their pieces; borrowed */
  bool prefix;                    /* a blank is put before the text, or with suffix behind it */
  bool suffix;
  bool strips;       /* blanks at the ends and all but one of a run vanish */
  bool marks;        /* blanks become U+2581 */
  tfm_span charsmap; /* the precompiled normaliser; empty: none; borrowed */
} tfm__piece_file;

/** Read the bytes of such a file; name is what messages call it. bytes must outlive *out. Release
 *  with tfm__piece_file_fini() either way. Errors: TFM_E_FORMAT (byte, and what is wrong),
 *  TFM_E_UNSUPPORTED (another model than the four), TFM_E_NOMEM. */
tfm_status tfm__piece_file_read(tfm__piece_file *out, const char *name, tfm_span bytes,
                                tfm_err *err) TFM_MUST_USE;

void tfm__piece_file_fini(tfm__piece_file *file);

#endif
