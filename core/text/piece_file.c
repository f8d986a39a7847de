#include "core/text/piece_file.h"

#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/vocab.h"

#include <string.h>

/* ---- the wire format ---- */

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* One field: its number, and what it holds according to its wire type. */
typedef struct {
  uint64_t number;
  unsigned wire;
  uint64_t value; /* VARINT, 64, 32: the bits */
  tfm_span bytes; /* BYTES */
} field;

/* The fields of one message, one after the other. */
typedef struct {
  const char *name;  /* of the file */
  const char *start; /* of the file */
  const char *p, *end;
} message;

static tfm_status broken(const message *m, const char *at, const char *what, tfm_err *err)
{
  return tfm_fail(err, TFM_E_FORMAT,
                  "%s: byte %zu: %s; this is no SentencePiece model, or only a part of one",
                  m->name, (size_t)(at - m->start), what);
}

static tfm_status read_varint(message *m, uint64_t *out, tfm_err *err)
{
  const char *at = m->p;
  *out = 0;
  for (unsigned shift = 0; shift < 64 && m->p < m->end; shift += 7) {
    unsigned char c = (unsigned char)*m->p++;
    *out |= (uint64_t)(c & 0x7f) << shift;
    if (c < 0x80) {
      return TFM_OK;
    }
  }
  return broken(m, at, "a number without an end", err);
}

static tfm_status read_fixed(message *m, size_t n, uint64_t *out, tfm_err *err)
{
  *out = 0;
  if ((size_t)(m->end - m->p) < n) {
    return broken(m, m->p, "the file ends within a number", err);
  }
  for (size_t i = 0; i < n; ++i) {
    *out |= (uint64_t)(unsigned char)*m->p++ << 8 * i;
  }
  return TFM_OK;
}

static tfm_status read_bytes(message *m, tfm_span *out, tfm_err *err)
{
  uint64_t n = 0;
  const char *at = m->p;
  tfm_status st = read_varint(m, &n, err);
  if (st != TFM_OK) {
    return st;
  }
  if (n > (size_t)(m->end - m->p)) {
    return broken(m, at, "a field is longer than what holds it", err);
  }
  *out = (tfm_span){m->p, (size_t)n};
  m->p += n;
  return TFM_OK;
}

/* The next field; false at the end of the message, or with *st not TFM_OK. */
static bool next_field(message *m, field *f, tfm_status *st, tfm_err *err)
{
  uint64_t tag = 0;
  const char *at = m->p;
  *f = (field){0};
  *st = TFM_OK;
  if (m->p == m->end) {
    return false;
  }
  *st = read_varint(m, &tag, err);
  if (*st != TFM_OK) {
    return false;
  }
  f->number = tag >> 3;
  f->wire = tag & 7;
  switch (f->wire) {
  case WIRE_VARINT:
    *st = read_varint(m, &f->value, err);
    break;
  case WIRE_64:
    *st = read_fixed(m, 8, &f->value, err);
    break;
  case WIRE_BYTES:
    *st = read_bytes(m, &f->bytes, err);
    break;
  case WIRE_32:
    *st = read_fixed(m, 4, &f->value, err);
    break;
  default:
    *st = broken(m, at, "a field of no known kind", err);
  }
  if (*st == TFM_OK && f->number == 0) {
    *st = broken(m, at, "a field with the number 0", err);
  }
  return *st == TFM_OK;
}

static message inside(const message *m, tfm_span bytes)
{
  return (message){m->name, m->start, bytes.p, bytes.p + bytes.n};
}

/* Field numbers of one message, with the wire types they must have. */
typedef struct {
  uint64_t number;
  unsigned wire;
} wanted;

static tfm_status check_wire(const message *m, const field *f, const wanted *all, size_t n,
                             tfm_err *err)
{
  for (size_t i = 0; i < n; ++i) {
    if (all[i].number == f->number && all[i].wire != f->wire) {
      return broken(m, m->p, "a field of another kind than its number says", err);
    }
  }
  return TFM_OK;
}

/* ---- pieces ---- */

enum { PIECE_TEXT = 1, PIECE_SCORE = 2, PIECE_TYPE = 3 };

static const wanted piece_fields[] = {
    {PIECE_TEXT, WIRE_BYTES}, {PIECE_SCORE, WIRE_32}, {PIECE_TYPE, WIRE_VARINT}};

static tfm_status reserve_piece(tfm__piece_file *file, const message *m, tfm_err *err)
{
  if (file->n > TFM__HIGHEST_ID) {
    return tfm_fail(err, TFM_E_UNSUPPORTED, "%s: more than %d pieces", m->name,
                    TFM__HIGHEST_ID + 1);
  }
  if (file->n == file->cap) {
    size_t cap = file->cap ? file->cap * 2 : 1024;
    tfm__file_piece *v = tfm_realloc(file->v, cap, sizeof *v);
    if (!v) {
      return tfm_fail(err, TFM_E_NOMEM, "%s: not enough memory", m->name);
    }
    file->v = v;
    file->cap = cap;
  }
  return TFM_OK;
}

static tfm_status read_piece(tfm__piece_file *file, message m, tfm_err *err)
{
  tfm_status st = TFM_OK;
  field f;
  const char *at = m.p;
  tfm__file_piece piece = {.text = {"", 0}, .type = TFM__PIECE_NORMAL};
  TFM_TRY(reserve_piece(file, &m, err));
  while (next_field(&m, &f, &st, err)) {
    TFM_TRY(check_wire(&m, &f, piece_fields, sizeof piece_fields / sizeof *piece_fields, err));
    if (f.number == PIECE_TEXT) {
      piece.text = f.bytes;
    } else if (f.number == PIECE_SCORE) {
      const uint32_t bits = (uint32_t)f.value;
      memcpy(&piece.score, &bits, sizeof bits);
    } else if (f.number == PIECE_TYPE) {
      if (f.value < TFM__PIECE_NORMAL || f.value > TFM__PIECE_BYTE) {
        return broken(&m, at, "a piece of no known type", err);
      }
      piece.type = (tfm__piece_type)f.value;
    }
  }
  if (st == TFM_OK && !tfm_utf8_valid(piece.text.p, piece.text.n, NULL)) {
    st = broken(&m, at, "a piece that is not UTF-8", err);
  }
  file->v[file->n++] = piece;

fail:
  return st;
}

/* ---- settings ---- */

enum {
  TRAINER_MODEL = 3,
  TRAINER_SUFFIX = 24,
  TRAINER_BYTE_FALLBACK = 35,
  TRAINER_UNK_ID = 40,
  TRAINER_BOS_ID = 41,
  TRAINER_EOS_ID = 42,
  TRAINER_UNK = 45,
  TRAINER_BOS = 46,
  TRAINER_EOS = 47,
  NORMALIZER_CHARSMAP = 2,
  NORMALIZER_PREFIX = 3,
  NORMALIZER_STRIPS = 4,
  NORMALIZER_MARKS = 5
};

static const wanted trainer_fields[] = {
    {TRAINER_MODEL, WIRE_VARINT},  {TRAINER_BYTE_FALLBACK, WIRE_VARINT},
    {TRAINER_UNK_ID, WIRE_VARINT}, {TRAINER_BOS_ID, WIRE_VARINT},
    {TRAINER_EOS_ID, WIRE_VARINT}, {TRAINER_UNK, WIRE_BYTES},
    {TRAINER_BOS, WIRE_BYTES},     {TRAINER_EOS, WIRE_BYTES},
    {TRAINER_SUFFIX, WIRE_VARINT}};
static const wanted normalizer_fields[] = {{NORMALIZER_CHARSMAP, WIRE_BYTES},
                                           {NORMALIZER_PREFIX, WIRE_VARINT},
                                           {NORMALIZER_STRIPS, WIRE_VARINT},
                                           {NORMALIZER_MARKS, WIRE_VARINT}};

static tfm_status read_trainer(tfm__piece_file *file, message m, tfm_err *err)
{
  tfm_status st = TFM_OK;
  field f;
  while (next_field(&m, &f, &st, err)) {
    TFM_TRY(check_wire(&m, &f, trainer_fields, sizeof trainer_fields / sizeof *trainer_fields,
                       err));
    switch (f.number) {
    case TRAINER_MODEL:
      if (f.value < TFM__PIECES_UNIGRAM || f.value > TFM__PIECES_CHAR) {
        return tfm_fail(err, TFM_E_UNSUPPORTED, "%s: a model of type %llu is not supported",
                        m.name, (unsigned long long)f.value);
      }
      file->model = (tfm__pieces_model)f.value;
      break;
    case TRAINER_SUFFIX:
      file->suffix = f.value != 0;
      break;
    case TRAINER_BYTE_FALLBACK:
      file->byte_fallback = f.value != 0;
      break;
    case TRAINER_UNK_ID:
      file->unk_id = (int32_t)(uint32_t)f.value;
      break;
    case TRAINER_BOS_ID:
      file->bos_id = (int32_t)(uint32_t)f.value;
      break;
    case TRAINER_EOS_ID:
      file->eos_id = (int32_t)(uint32_t)f.value;
      break;
    case TRAINER_UNK:
      file->unk = f.bytes;
      break;
    case TRAINER_BOS:
      file->bos = f.bytes;
      break;
    case TRAINER_EOS:
      file->eos = f.bytes;
      break;
    default:
      break;
    }
  }
  const tfm_span all[] = {file->unk, file->bos, file->eos};
  for (size_t i = 0; st == TFM_OK && i < sizeof all / sizeof all[0]; ++i) {
    if (!tfm_utf8_valid(all[i].p, all[i].n, NULL)) {
      st = broken(&m, m.p, "the name of a special piece is not UTF-8", err);
    }
  }

fail:
  return st;
}

static tfm_status read_normalizer(tfm__piece_file *file, message m, tfm_err *err)
{
  tfm_status st = TFM_OK;
  field f;
  while (next_field(&m, &f, &st, err)) {
    TFM_TRY(check_wire(&m, &f, normalizer_fields,
                       sizeof normalizer_fields / sizeof *normalizer_fields, err));
    if (f.number == NORMALIZER_CHARSMAP) {
      file->charsmap = f.bytes;
    } else if (f.number == NORMALIZER_PREFIX) {
      file->prefix = f.value != 0;
    } else if (f.number == NORMALIZER_STRIPS) {
      file->strips = f.value != 0;
    } else if (f.number == NORMALIZER_MARKS) {
      file->marks = f.value != 0;
    }
  }

fail:
  return st;
}

/* ---- the file ---- */

enum { MODEL_PIECE = 1, MODEL_TRAINER = 2, MODEL_NORMALIZER = 3 };

static const wanted model_fields[] = {
    {MODEL_PIECE, WIRE_BYTES}, {MODEL_TRAINER, WIRE_BYTES}, {MODEL_NORMALIZER, WIRE_BYTES}};

tfm_status tfm__piece_file_read(tfm__piece_file *out, const char *name, tfm_span bytes,
                                tfm_err *err)
{
  tfm_status st = TFM_OK;
  field f;
  message m = {name, bytes.p, bytes.p, bytes.p + bytes.n};
  *out = (tfm__piece_file){.model = TFM__PIECES_UNIGRAM,
                           .bos_id = 1,
                           .eos_id = 2,
                           .prefix = true,
                           .strips = true,
                           .marks = true,
                           .unk = {"<unk>", 5},
                           .bos = {"<s>", 3},
                           .eos = {"</s>", 4}};
  while (next_field(&m, &f, &st, err)) {
    TFM_TRY(check_wire(&m, &f, model_fields, sizeof model_fields / sizeof *model_fields, err));
    if (f.number == MODEL_PIECE) {
      TFM_TRY(read_piece(out, inside(&m, f.bytes), err));
    } else if (f.number == MODEL_TRAINER) {
      TFM_TRY(read_trainer(out, inside(&m, f.bytes), err));
    } else if (f.number == MODEL_NORMALIZER) {
      TFM_TRY(read_normalizer(out, inside(&m, f.bytes), err));
    }
  }
  TFM_TRY(st);
  if (out->n == 0) {
    return broken(&m, m.end, "no pieces", err);
  }

fail:
  return st;
}

void tfm__piece_file_fini(tfm__piece_file *file)
{
  tfm_free(file->v);
  *file = (tfm__piece_file){0};
}
