#include "coordinator/encode/item.h"

#include "core/base/mem.h"

tfm_item *tfm_item_open(tfm_row *row)
{
  tfm_item *item = tfm_calloc(1, sizeof *item);
  if (!item) {
    tfm_row_free(row);
    return NULL;
  }
  item->row = row;
  return item;
}

void tfm_item_fail(tfm_item *item, const tfm_err *err)
{
  item->status = err->status;
  item->done = true;
  item->err = tfm_calloc(1, sizeof *item->err);
  if (item->err) {
    *item->err = *err;
  }
}

int64_t tfm_item_bytes(const tfm_item *item)
{
  const tfm_row *row = item->row;
  int64_t fixed = (int64_t)(sizeof *item + sizeof *row);
  int64_t text = (int64_t)(row->text.n + row->pair.n + row->id.n);
  return fixed + text + item->n * (int64_t)(sizeof *item->ids + sizeof *item->type_ids);
}

void tfm_item_close(tfm_item *item)
{
  if (!item) {
    return;
  }
  tfm_row_free(item->row);
  tfm_free(item->ids);
  tfm_free(item->values);
  tfm_free(item->err);
  tfm_free(item);
}
