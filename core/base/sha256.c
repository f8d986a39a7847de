#include "core/base/sha256.h"
