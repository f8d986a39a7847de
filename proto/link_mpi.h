/** Inside of the MPI transport: what world_mpi.c uses of link_mpi.c. The communicator and the
 * requests stay in link_mpi.c, so that this header needs no mpi.h. */
#ifndef TFM_PROTO_LINK_MPI_H
#define TFM_PROTO_LINK_MPI_H

#include "proto/link_ops.h"
#include "proto/link_shm.h"

typedef struct tfm__mpi tfm__mpi;

/** Duplicate MPI_COMM_WORLD, waiting politely, with errors returned. Collective: all ranks.
 * gives: *out. Errors: TFM_E_PEER, TFM_E_NOMEM. */
tfm_status tfm__mpi_open(tfm__mpi **out, tfm_err *err) TFM_MUST_USE;

/** Free the communicator and the tables; nothing may be pending. NULL is allowed. */
void tfm__mpi_close(tfm__mpi *mpi);

/** TFM_OK, or TFM_E_PEER with the call's name and MPI's own text. */
tfm_status tfm__mpi_check(int code, const char *call, tfm_err *err) TFM_MUST_USE;

/** What ranks of one host use instead for their data links; borrowed. */
tfm__shm *tfm__mpi_shm(tfm__mpi *mpi);

/** The slots of tfm__transport; world->transport is the tfm__mpi. */
tfm__seating *tfm__mpi_seating(tfm_world *world, int keeper);
unsigned char *tfm__mpi_buffers(tfm_link *link, int nslot, size_t stride);
tfm_status tfm__mpi_link_open(tfm_link *link, tfm_err *err);
tfm_status tfm__mpi_send(tfm_link *out, tfm__slot *slot, tfm_err *err);
tfm_status tfm__mpi_poll(tfm_world *world, tfm_err *err);
tfm_status tfm__mpi_leave(tfm_world *world, tfm_err *err);
tfm_status tfm__mpi_all_left(tfm_world *world, bool *all, tfm_err *err);

/** MPI_Abort with a code of 1..125 where MPI runs and this is its thread; else returns. In
 * world_mpi.c. */
void tfm__mpi_abort(int code);

#endif
