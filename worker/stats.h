/** What a rank spent its time and memory on; sent to rank 0 after END. */
#ifndef TFM_WORKER_STATS_H
#define TFM_WORKER_STATS_H

#include "core/model/slice.h"
#include "core/topo/bind.h"
#include "proto/messages.h"

/** Where the pages of a slice's weights really are, asked of the system. node < 0: not asked,
 * because the rank's cores span several nodes. */
tfm_locality tfm__slice_locality(const tfm_slice *slice, int node);

/** The peak resident memory of this process, bytes. */
int64_t tfm__peak_rss_bytes(void);

#endif
