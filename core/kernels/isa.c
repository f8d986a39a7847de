#include "core/kernels/isa.h"
