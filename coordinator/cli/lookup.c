#include "coordinator/cli/option_table.h"

#include <ctype.h>
#include <string.h>

static bool same_name(const char *name, const char *asked, size_t n)
{
  for (size_t i = 0; i < n; ++i) {
    char c = asked[i] == '_' ? '-' : asked[i];
    if (name[i] != c || c == '\0') {
      return false;
    }
  }
  return name[n] == '\0';
}

const tfm__option *tfm__option_find(const char *name, size_t n)
{
  int nrow = 0;
  const tfm__option *rows = tfm__option_rows(&nrow);
  for (int i = 0; i < nrow; ++i) {
    if (same_name(rows[i].name, name, n)) {
      return &rows[i];
    }
  }
  return NULL;
}

void tfm__option_variable(const tfm__option *row, char out[TFM__OPTION_NAME])
{
  static const char prefix[] = "TFM_";
  size_t n = sizeof prefix - 1;
  memcpy(out, prefix, n);
  for (const char *p = row->name; *p && n + 1 < TFM__OPTION_NAME; ++p) {
    out[n++] = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
  }
  out[n] = '\0';
}
