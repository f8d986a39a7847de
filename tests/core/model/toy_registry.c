/* The library's table of families with one row more; linked before the library, it stands in for
 * the library's. */
#define TFM__FAMILIES_OF_TESTS(X) X(toy)
#include "core/model/arch/registry.c"
