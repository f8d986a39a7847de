/* A CSV file of rows; see input.h. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
  fuzz_read_rows("rows.csv", (tfm_span){(const char *)data, n});
  return 0;
}
