/** Inside of the local transport: what the ranks of one process share. */
#ifndef TFM_PROTO_LINK_LOCAL_H
#define TFM_PROTO_LINK_LOCAL_H

#include "proto/link_ops.h"

#include <pthread.h>

typedef struct tfm__channel tfm__channel;

/** One for all ranks; freed by the last that closes. */
typedef struct {
  pthread_mutex_t lock;
  tfm__channel *channels; /* under lock; made by the first end that opens */
  int nrank;
  int nopen, nleft;     /* under lock: ranks not closed yet; ranks that called leave */
  tfm__seating seating; /* of all, whoever is called their keeper */
  int *events; /* [nrank] eventfd of each: they outlive every world that may signal them */
} tfm__hub;

/** The slots of tfm__transport that belong to links; world->transport is the hub. */
tfm_status tfm__local_link_open(tfm_link *link, tfm_err *err);
tfm_status tfm__local_send(tfm_link *out, tfm__slot *slot, tfm_err *err);
tfm_status tfm__local_poll(tfm_world *world, tfm_err *err);

/** Take back every frame of a world that is still on its way out. */
void tfm__local_recall(tfm_world *world);

/** Free the hub's channels. */
void tfm__local_free_channels(tfm__hub *hub);

#endif
