/** One of n parts of the rows of all inputs. The parts are contiguous: where all inputs are plain
 * files, a row belongs to the part that holds its first byte; where one is packed, the rows are
 * counted first and divided. Together the parts are the whole, whatever n is. */
#ifndef TFM_COORDINATOR_INPUT_SHARD_H
#define TFM_COORDINATOR_INPUT_SHARD_H

#include <stdbool.h>
#include <stdint.h>

/** Zero-initialised: all rows. Plain data. */
typedef struct {
  bool some;     /* not all rows */
  bool by_bytes; /* from and to are bytes of all inputs, one behind the other; else rows */
  int64_t from, to;
} tfm__shard;

/** Part `index` of `count` (below 2^31) of `total` rows or bytes. */
tfm__shard tfm__shard_of(int64_t index, int64_t count, int64_t total, bool by_bytes);

/** Where the row of that number stands, whose first byte is that one: -1 before the part, 0 in it,
 * 1 behind it. */
int tfm__shard_side(const tfm__shard *shard, int64_t number, int64_t byte);

/** Whether a file's first bytes are those of a way to pack. False when it cannot be read. */
bool tfm__shard_packed(const char *path);

#endif
