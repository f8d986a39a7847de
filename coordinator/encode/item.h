/** A row on its way: from the reader through tokenizer and line to the writer. */
#ifndef TFM_COORDINATOR_ENCODE_ITEM_H
#define TFM_COORDINATOR_ENCODE_ITEM_H

#include "coordinator/input/row.h"

#include <stdbool.h>
#include <stdint.h>

/** Owns its row, ids and result. status != OK: the row failed where it stands, and `err` says
 * why; it is done then and is never sent. */
typedef struct {
  tfm_row *row;
  int64_t n;         /* tokens */
  int32_t *ids;      /* [n] */
  int32_t *type_ids; /* [n], in the same block as ids */
  bool truncated;
  bool done; /* values or err are there */
  int64_t width;
  float *values; /* [width] what the last stage said */
  tfm_status status;
  tfm_err *err; /* only with status != OK; NULL when memory was out */
} tfm_item;

/** takes: row. NULL when memory is out (the row is then released). */
tfm_item *tfm_item_open(tfm_row *row);

/** The row fails: keep why, and mark it done. */
void tfm_item_fail(tfm_item *item, const tfm_err *err);

/** Bytes an item holds, roughly: what the bound on memory counts. */
int64_t tfm_item_bytes(const tfm_item *item);

/** NULL is allowed. */
void tfm_item_close(tfm_item *item);

#endif
