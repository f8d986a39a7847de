/** How far this room's float32 results may stand from the reference library's float32. */
#ifndef TFM_TESTS_CORE_MODEL_TOLERANCE_H
#define TFM_TESTS_CORE_MODEL_TOLERANCE_H

/* Absolute, states and logits: INTERFACE.md section 6. Two float32 programs that add in
 * different orders differ by some 1e-6 per layer; a wrong formula by far more than this. */
#define TOL_MODEL 1e-4

#endif
