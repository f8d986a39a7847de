#include "core/base/crc32c.h"
