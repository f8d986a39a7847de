#include "core/base/json_reader.h"
