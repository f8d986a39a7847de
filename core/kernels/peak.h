/** What this core can do at most, to hold measurements against. */
#ifndef TFM_CORE_KERNELS_PEAK_H
#define TFM_CORE_KERNELS_PEAK_H

#include "core/kernels/precision.h"

/** Operations a second (two a multiply-add) of the widest register tile in use, on operands that
 * never leave L1: the best of several runs of some milliseconds, by the CPU time of this process.
 * Call while no other thread computes. */
double tfm_linear_peak(tfm_precision precision);

#endif
