#include "coordinator/coordinator.h"
