#include "coordinator/simulate/crowd.h"

#include "core/base/mem.h"

#include <stdio.h>

static const tfm_machine *machine_of(const tfm_crowd *crowd, const tfm_hosts *hosts, int rank)
{
  return &hosts->kinds[crowd->places[rank].kind].machine;
}

static tfm_status say_hello(tfm_msg_hello *hello, const tfm_hosts *hosts, tfm_host_place place,
                            tfm_err *err)
{
  const tfm_machine *machine = &hosts->kinds[place.kind].machine;
  tfm_buf text = {0};
  if (tfm_cpuset_print(&machine->allowed, &text) != TFM_OK) {
    return tfm_fail(err, TFM_E_NOMEM, "the cores of a host");
  }
  tfm_hosts_name(hosts, place, hello->host, sizeof hello->host);
  (void)snprintf(hello->cpuset, sizeof hello->cpuset, "%s", tfm_buf_cstr(&text));
  (void)snprintf(hello->cpu, sizeof hello->cpu, "%s", machine->cpu_model);
  hello->ncore = machine->ncore;
  hello->ncore_host = machine->ncore_granted;
  hello->nnode = machine->nnode;
  hello->node = -1;
  hello->available_bytes = -1;
  tfm_buf_fini(&text);
  return TFM_OK;
}

tfm_status tfm_crowd_gather(tfm_crowd *crowd, tfm_crew *crew, const tfm_hosts *hosts, int n,
                            tfm_err *err)
{
  tfm_status st = TFM_OK;
  const size_t count = (size_t)n;
  crowd->nrank = n;
  crowd->nhost = tfm_hosts_count(hosts);
  crowd->npool = crowd->nhost;
  crowd->places = tfm_calloc(count, sizeof *crowd->places);
  crowd->shares = tfm_calloc(count, sizeof *crowd->shares);
  crowd->facts = tfm_calloc(count, sizeof *crowd->facts);
  crowd->ranks = tfm_calloc(count, sizeof *crowd->ranks);
  crowd->cores = tfm_calloc((size_t)crowd->npool, sizeof *crowd->cores);
  crew->ranks = tfm_calloc(count, sizeof *crew->ranks);
  if (!crowd->places || !crowd->shares || !crowd->facts || !crowd->ranks || !crowd->cores ||
      !crew->ranks) {
    return tfm_fail(err, TFM_E_NOMEM, "%d ranks", n);
  }
  crew->nrank = n;
  tfm_hosts_deal(hosts, n, crowd->places);
  for (int rank = 0; rank < n; ++rank) {
    TFM_TRY(say_hello(&crew->ranks[rank].hello, hosts, crowd->places[rank], err));
  }

fail:
  return st;
}

void tfm_crowd_divide(tfm_crew *crew, const tfm_options *options)
{
  for (int rank = 1; rank < crew->nrank; ++rank) {
    tfm_msg_assign *a = &crew->ranks[rank].assign;
    int index = 0;
    int count = 0;
    tfm_crew_share(crew, rank, &index, &count);
    const int share = crew->ranks[rank].hello.ncore / (count > 0 ? count : 1);
    a->threads = options->threads > 0 ? (int32_t)options->threads : share > 1 ? share : 1;
    a->share_index = options->bind == TFM_BIND_AUTO ? index : 0;
    a->share_count = options->bind == TFM_BIND_AUTO      ? count
                     : options->bind == TFM_BIND_INHERIT ? 1
                                                         : 0;
  }
}

/* As worker/worker.c places itself. */
static bool is_pinned(const tfm_msg_assign *assign, const tfm_machine *machine, bool works,
                      tfm_share *share)
{
  const bool split = works && assign->share_count > 0;
  tfm_share_of(machine, split ? assign->share_index : 0, split ? assign->share_count : 1,
               share);
  return split && !share->shared;
}

void tfm_crowd_place(tfm_crowd *crowd, tfm_crew *crew, const tfm_hosts *hosts)
{
  for (int rank = 0; rank < crowd->nrank; ++rank) {
    const tfm_host_kind *kind = &hosts->kinds[crowd->places[rank].kind];
    const tfm_msg_assign *assign = &crew->ranks[rank].assign;
    tfm_msg_ready *ready = &crew->ranks[rank].ready;
    tfm_share *share = &crowd->shares[rank];
    tfm_buf text = {0};
    const bool pinned = is_pinned(assign, machine_of(crowd, hosts, rank), rank > 0, share);
    const int threads = assign->threads > 0 ? assign->threads : 1;
    if (tfm_cpuset_print(&share->set, &text) == TFM_OK) {
      (void)snprintf(ready->cpuset, sizeof ready->cpuset, "%s", tfm_buf_cstr(&text));
    }
    tfm_buf_fini(&text);
    crowd->facts[rank] = (tfm_plan_fact){.host = crew->ranks[rank].hello.host,
                                         .cpuset = ready->cpuset,
                                         .absent = true,
                                         .node = rank > 0 ? share->node : -1,
                                         .threads = rank > 0 ? threads : 0};
    crowd->ranks[rank] =
        (tfm_sim_rank){.pool = crowd->places[rank].host,
                       .host = crowd->places[rank].host,
                       .threads = pinned && threads > share->ncore ? share->ncore : threads,
                       .speed = kind->speed};
    crowd->cores[crowd->places[rank].host] = kind->machine.ncore;
  }
}

void tfm_crowd_fini(tfm_crowd *crowd)
{
  tfm_free(crowd->places);
  tfm_free(crowd->shares);
  tfm_free(crowd->facts);
  tfm_free(crowd->ranks);
  tfm_free(crowd->cores);
  *crowd = (tfm_crowd){0};
}
