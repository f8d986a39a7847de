#include "core/topo/machine.h"
