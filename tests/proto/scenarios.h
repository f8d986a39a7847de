/** What links and worlds promise, as scenarios that every transport must pass: played by threads
 * in link_local_test.c and by processes in link_mpi_test.c. All ranks call the same scenario; it
 * ends with tfm_world_leave(), so the world is done afterwards. A broken claim ends the job. */
#ifndef TFM_TESTS_PROTO_SCENARIOS_H
#define TFM_TESTS_PROTO_SCENARIOS_H

#include "proto/world.h"

/** One that a command line or a loop can choose. */
typedef struct {
  const char *name;
  void (*play)(tfm_world *world);
  int nrank_min;
} scenario;

extern const scenario scenarios[];
extern const int nscenario;

/** Stop all ranks with a line when a claim does not hold. */
#define CHECK(world, condition)                                                                \
  do {                                                                                         \
    if (!(condition)) {                                                                        \
      check_failed((world), __FILE__, __LINE__, #condition);                                   \
    }                                                                                          \
  } while (0)

_Noreturn void check_failed(const tfm_world *world, const char *file, int line,
                            const char *condition);

/** The limits all data links of the scenarios use unless they say otherwise. */
tfm_frame_limits scenario_limits(int64_t max_B, int64_t max_T, int64_t width);

#endif
