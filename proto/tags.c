#include "proto/tags.h"

const char *tfm_frame_type_name(int type)
{
#define ROW(name, number, text)                                                                \
  case number:                                                                                 \
    return text;
  switch (type) {
    TFM_FRAME_MAP(ROW)
  default:
    return "unknown";
  }
#undef ROW
}
