#include "worker/memory.h"

#include "core/base/checked.h"
#include "core/kernels/stream.h"
#include "core/topo/machine.h"
#include "core/topo/memory.h"

#include <stdio.h>

static tfm_status measure(const tfm_msg_memory *m, tfm_msg_bandwidth *out, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_stream s = {0};
  char what[96];
  uint64_t wanted = 0;
  (void)snprintf(what, sizeof what, "bench memory (pass fewer --threads): %d of %d ranks want",
                 (int)out->threads, (int)m->beside);
  const uint64_t arrays = 3 * (uint64_t)out->threads * (uint64_t)m->beside;
  if (!tfm_mul_u64(arrays, (uint64_t)m->bytes, &wanted) || wanted > INT64_MAX) {
    wanted = INT64_MAX;
  }
  TFM_TRY(tfm_memory_want((int64_t)wanted, what, err));
  TFM_TRY(tfm_stream_measure(&s, out->threads, m->bytes, (int)m->passes, err));
  out->copy = s.copy;
  out->scale = s.scale;
  out->add = s.add;
  out->triad = s.triad;

fail:
  return st;
}

tfm_status tfm__worker_memory(const tfm_msg_memory *memory, tfm_msg_bandwidth *out,
                              tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_machine machine = {0};
  tfm_buf set = {0};
  *out = (tfm_msg_bandwidth){.ncore = 0};
  TFM_TRY(tfm_machine_open(&machine, err));
  TFM_TRY(tfm_cpuset_print(&machine.allowed, &set) == TFM_OK
              ? TFM_OK
              : tfm_fail(err, TFM_E_NOMEM, "the cores of a rank"));
  (void)snprintf(out->host, sizeof out->host, "%s", machine.host);
  (void)snprintf(out->cpuset, sizeof out->cpuset, "%s", tfm_buf_cstr(&set));
  out->ncore = machine.ncore;
  out->threads = memory->threads > 0 ? memory->threads : machine.ncore;
  TFM_TRY(measure(memory, out, err));

fail:
  tfm_buf_fini(&set);
  tfm_machine_fini(&machine);
  return st;
}
