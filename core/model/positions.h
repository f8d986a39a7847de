/** The rows of relative positions one layer's queries and keys meet. Room-private. */
#ifndef TFM_CORE_MODEL_POSITIONS_H
#define TFM_CORE_MODEL_POSITIONS_H

#include "core/kernels/linear.h"
#include "core/model/unit.h"

/** Read the model's table of relative positions and make of it, with the layer's own products, the
 * packed rows its keys and queries meet: unit->query_rows, unit->key_rows, those the model has.
 * Nothing where it has none. `unit` holds its products already.
 *  Errors: of weights.h, TFM_E_NOMEM. */
tfm_status tfm__positions_load(tfm__unit *unit, const tfm__loader *loader, int64_t layer,
                               tfm_err *err) TFM_MUST_USE;

/** Bytes that making them takes for a while; 0 for a model without them. */
int64_t tfm__positions_passing(const tfm_config *config);

#endif
