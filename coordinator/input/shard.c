#include "coordinator/input/shard.h"

#include "coordinator/input/unpack.h"

#include <fcntl.h>
#include <unistd.h>

/* total * i / n, without overflow: i <= n < 2^31. */
static int64_t cut(int64_t total, int64_t i, int64_t n)
{
  return total / n * i + total % n * i / n;
}

tfm__shard tfm__shard_of(int64_t index, int64_t count, int64_t total, bool by_bytes)
{
  return (tfm__shard){.some = true,
                      .by_bytes = by_bytes,
                      .from = cut(total, index, count),
                      .to = cut(total, index + 1, count)};
}

int tfm__shard_side(const tfm__shard *shard, int64_t number, int64_t byte)
{
  int64_t at = shard->by_bytes ? byte : number;
  return !shard->some ? 0 : at < shard->from ? -1 : at >= shard->to;
}

bool tfm__shard_packed(const char *path)
{
  unsigned char first[8];
  bool more = false;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? pread(fd, first, sizeof first, 0) : -1;
  if (fd >= 0) {
    (void)close(fd);
  }
  return n > 0 && tfm__codec_of(first, (size_t)n, &more) != NULL;
}
