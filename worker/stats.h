/** Where a rank's memory is. */
#ifndef TFM_WORKER_STATS_H
#define TFM_WORKER_STATS_H

#include "core/model/slice.h"
#include "core/topo/bind.h"
#include "proto/messages.h"

/** Where the pages of a slice's weights really are: asked of the system where the machine has
 * several nodes. node < 0: not asked, because the rank's cores span several nodes. */
tfm_locality tfm__slice_locality(const tfm_slice *slice, const tfm_machine *machine, int node);

#endif
