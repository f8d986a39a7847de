#include "core/base/map.h"
