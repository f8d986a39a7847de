/** Frames: what travels between ranks, as bytes (FORMAT.md is the specification).
 *
 *  A frame is a 64-byte little-endian header and a payload, in one 64-byte-aligned buffer, so
 * that a stage computes on the activations where they arrived and sends the same buffer on.
 * Both parts carry a CRC-32C. Nothing in a received frame is believed: lengths are recomputed
 * with checked arithmetic and compared with what the receiver agreed to.
 */
#ifndef TFM_PROTO_FRAME_H
#define TFM_PROTO_FRAME_H

#include "core/base/status.h"
#include "proto/tags.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TFM_FRAME_HEADER = 64, TFM_FRAME_ALIGN = 64 };

/** Most that B, T and width may be on the wire: what fits an int32_t. */
#define TFM_FRAME_COUNT_MAX INT32_MAX

/** The header's fields, decoded. */
typedef struct {
  int type;          /* tfm_frame_type */
  int source;        /* the sending rank */
  uint64_t sequence; /* number of this frame on its link, from 0, without gaps */
  uint64_t batch;    /* micro-batch number; 0 for control frames */
  int64_t B, T,
      width;     /* sequences, tokens (RESULT: rows of values), floats a row; 0 where a type
                          has no use for one */
  int64_t M;     /* marks (ACTIVATIONS) */
  bool ids;      /* ACTIVATIONS: with the tokens' ids */
  bool placed;   /* ACTIVATIONS: with where each sequence stands in a cache */
  bool sourced;  /* ACTIVATIONS: x begins with rows of an encoder */
  bool bfloat16; /* ACTIVATIONS: so is x, in two bytes a value, not float32 */
  int64_t F;     /* ACTIVATIONS: slots of a cache that are free again, at most 65535 */
  uint64_t payload_bytes;
} tfm_frame_head;

/** Payload of ACTIVATIONS: lengths u32 [B], marks u32 [M] (rows of x the head looks at), where
 * placed slots, starts, rows and parents u32 [B] each, where sourced sources u32 [B] (rows of
 * each sequence before those the lengths count, of all sequences first), with ids ids u32 [T],
 * freed slots u32 [F], zeros up to a multiple of 64 bytes, x f32 or bf16 [T,width]. Payload of
 * RESULT: status u32 [B] (tfm_status; not 0: that row failed), zeros up to a multiple of 64 bytes,
 * values f32 [T,width]. These give the byte counts, where `table` is tfm_frame_table(); false,
 * with *out untouched, when a count is negative or the product does not fit. */
bool tfm_frame_activation_bytes(int64_t table, int64_t T, int64_t width, bool bfloat16,
                                size_t *out);
bool tfm_frame_result_bytes(int64_t B, int64_t rows, int64_t width, size_t *out);

/** Entries of the u32 table before x or values, of this frame and of the largest one with so many
 * sequences and tokens. */
int64_t tfm_frame_table(const tfm_frame_head *head);
int64_t tfm_frame_table_most(int64_t max_B, int64_t max_T);

/** The parts of the table of ACTIVATIONS, in this order; NULL for those that are not there. */
typedef struct {
  uint32_t *lengths, *marks; /* [B], [M] */
  uint32_t *slots,
      *starts;       /* [B] whose keys and values these tokens join, from which place on */
  uint32_t *rows;    /* [B] number of the input's row, modulo 2^32 */
  uint32_t *parents; /* [B] slots whose keys and values they go on from */
  uint32_t *sources; /* [B] rows of x an encoder reads */
  uint32_t *ids;     /* [T] */
  uint32_t *freed;   /* [F] slots that nobody uses any more: before slots are looked at */
} tfm_frame_tables;

tfm_frame_tables tfm_frame_tables_of(unsigned char *bytes, const tfm_frame_head *head);

/** Where the parts of such a payload lie in a frame's bytes. */
uint32_t *tfm_frame_lengths(unsigned char *bytes); /* [B] and marks [M], or status [B] */
float *tfm_frame_values(unsigned char *bytes, int64_t table);    /* x or values */
uint16_t *tfm_frame_halves(unsigned char *bytes, int64_t table); /* x in bfloat16 */

/** The word that says how a sequence of a result fared: a status, and when that is not TFM_OK the
 * stage it failed at, counted from 0; -1: not known. */
static inline uint32_t tfm_frame_fate(tfm_status status, int stage)
{
  return (uint32_t)status | (uint32_t)(stage < UINT16_MAX ? stage + 1 : UINT16_MAX) << 16;
}
static inline tfm_status tfm_frame_fate_status(uint32_t fate)
{
  return (tfm_status)(fate & UINT16_MAX);
}
static inline int tfm_frame_fate_stage(uint32_t fate)
{
  return (int)(fate >> 16) - 1;
}

/** Write the header over the first 64 bytes, with both checksums, for a payload that is in
 * place. The zeros between the table and the values are written here. head
 * must be one that tfm_frame_agrees() accepts. */
void tfm_frame_seal(unsigned char *bytes, const tfm_frame_head *head);

/** What a receiver agreed to on a link. */
typedef struct {
  int64_t max_B, max_T; /* max_T: tokens, or of a link of results rows of values */
  int64_t
      width; /* must match exactly; 0 makes it a control link, which takes control frames and
                    nothing else */
  bool bfloat16; /* what x of ACTIVATIONS must be */
  size_t max_payload;
} tfm_frame_limits;

/** Whether a header is one that may travel under these limits: known type, counts in range and
 * zero where the type has no use for them, payload length as the counts say. Senders ask it
 * before they seal, receivers as part of open. Errors: TFM_E_FORMAT naming the field. */
tfm_status tfm_frame_agrees(const tfm_frame_head *head, const tfm_frame_limits *limits,
                            tfm_err *err) TFM_MUST_USE;

/** Check n received bytes: size, magic, version, both checksums, type, counts against the
 * limits, payload length against the counts, for ACTIVATIONS that lengths are >= 1 and with the
 * sources sum to T and marks ascend below the sum of lengths, for RESULT that every status is
 * one we know, and that the padding is zero. The values themselves are not looked at: any bits
 * are legal. Source and sequence are the link's to check. borrows: bytes, aligned to 4.
 * Never reads past n.  Errors: TFM_E_FORMAT naming the field, wanted and got; TFM_E_CONFIG for
 * another build's frame, of another version and whole by its checksum; *head is undefined then. */
tfm_status tfm_frame_open(const unsigned char *bytes, size_t n, const tfm_frame_limits *limits,
                          tfm_frame_head *head, tfm_err *err) TFM_MUST_USE;

#endif
