/** Whether the bare command should score the bundled sample (INTERFACE section 1), and who is at
 * standard input. */
#ifndef TFM_COORDINATOR_BARE_H
#define TFM_COORDINATOR_BARE_H

#include <stdbool.h>

/** True when nobody feeds standard input: it is a terminal, closed, the null device, or silent
 *  for two seconds. Under mpirun a rank's own standard input is mpirun's pipe, so the
 *  launcher's is looked at where /proc shows it. May wait up to two seconds; reads nothing. */
bool tfm_bare_input(bool under_mpi);

/** True when standard input is a terminal, under mpirun the launcher's. */
bool tfm_bare_terminal(bool under_mpi);

#endif
