/** SIGBUS, which a mapped file that becomes shorter raises, and memory that fails: one line that
 * says so, and an exit code, instead of a death without words. */
#ifndef TFM_COORDINATOR_BUS_H
#define TFM_COORDINATOR_BUS_H

/** In each process, again once MPI has started (it has a handler of its own). rank: for the line;
 * -1: without mpirun. The process then ends with 74 (a file) or 70 (memory). */
void tfm_bus_install(int rank);

#endif
