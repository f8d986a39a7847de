#include "core/topo/placement.h"

typedef struct {
  int at;    /* index of a rank of the group */
  int ranks; /* computing ranks with the same set */
} group;

static int ranks_like(const tfm_placed *ranks, int n, int at)
{
  int count = 0;
  for (int i = 0; i < n; ++i) {
    count += ranks[i].threads > 0 && tfm_cpuset_equal(&ranks[i].allowed, &ranks[at].allowed);
  }
  return count;
}

/* Cores of all the different sets together. Sets that overlap partly are counted too high, which
 * errs on the quiet side. */
static int64_t cores_in_use(const tfm_placed *ranks, int n)
{
  int64_t cores = 0;
  for (int i = 0; i < n; ++i) {
    bool seen = false;
    for (int before = 0; before < i && !seen; ++before) {
      seen = tfm_cpuset_equal(&ranks[before].allowed, &ranks[i].allowed);
    }
    cores += seen ? 0 : ranks[i].ncore;
  }
  return cores;
}

static group most_crowded(const tfm_placed *ranks, int n)
{
  group worst = {0, 0};
  for (int i = 0; i < n; ++i) {
    int alike = ranks[i].threads > 0 ? ranks_like(ranks, n, i) : 0;
    if (alike > ranks[i].ncore && alike > worst.ranks) {
      worst = (group){i, alike};
    }
  }
  return worst;
}

static int most_threads(const tfm_placed *ranks, int n)
{
  int most = 1;
  for (int i = 0; i < n; ++i) {
    most = ranks[i].threads > most ? ranks[i].threads : most;
  }
  return most;
}

/* Cores by the slot need a slot's worth for every process, the coordinator included; else nobody
 * is bound and the ranks divide what there is (tfm_share_of). */
static tfm_status print_remedy(int n, int threads, int ncore_host, tfm_buf *text)
{
  if (threads > 1 && (int64_t)n * threads <= ncore_host) {
    return tfm_buf_printf(
        text,
        "start with mpirun --map-by ppr:%d:node:PE=%d --bind-to core, or with "
        "--bind-to none",
        n, threads);
  }
  return tfm_buf_str(text, "start with mpirun --bind-to none: the ranks then divide the cores "
                           "among themselves");
}

static tfm_status print_cpus(const tfm_placed *rank, tfm_buf *text)
{
  tfm_status st = TFM_OK;
  TFM_TRY(tfm_buf_printf(text, "%d core%s (cpus ", rank->ncore, rank->ncore == 1 ? "" : "s"));
  TFM_TRY(tfm_cpuset_print(&rank->allowed, text));
  TFM_TRY(tfm_buf_char(text, ')'));

fail:
  return st;
}

static tfm_status print_crowded(const tfm_placed *ranks, int n, group worst, tfm_buf *text)
{
  tfm_status st = TFM_OK;
  const char *before = "ranks ";
  int named = 0;
  for (int i = 0; i < n && named < 8; ++i) {
    if (ranks[i].threads > 0 && tfm_cpuset_equal(&ranks[i].allowed, &ranks[worst.at].allowed)) {
      TFM_TRY(tfm_buf_printf(text, "%s%d", before, ranks[i].rank));
      before = ", ";
      ++named;
    }
  }
  if (named < worst.ranks) {
    TFM_TRY(tfm_buf_printf(text, " and %d more", worst.ranks - named));
  }
  TFM_TRY(tfm_buf_str(text, " are all bound to the same "));
  TFM_TRY(print_cpus(&ranks[worst.at], text));

fail:
  return st;
}

static tfm_status print_narrow(const tfm_placed *ranks, int n, int at, int ncore_host,
                               tfm_buf *text)
{
  tfm_status st = TFM_OK;
  const tfm_placed *rank = &ranks[at];
  TFM_TRY(tfm_buf_printf(text, "rank %d has %d threads but is bound to ", rank->rank,
                         rank->threads));
  TFM_TRY(print_cpus(rank, text));
  TFM_TRY(tfm_buf_printf(text, " of %d: ", ncore_host));
  if ((int64_t)n * rank->threads <= ncore_host) {
    TFM_TRY(tfm_buf_printf(text, "start with mpirun --map-by slot:PE=%d --bind-to core",
                           rank->threads));
  } else {
    TFM_TRY(tfm_buf_printf(text,
                           "start with mpirun --bind-to none and --threads %d, or with fewer "
                           "ranks on this host",
                           ncore_host / n > 1 ? ncore_host / n : 1));
  }

fail:
  return st;
}

tfm_status tfm_placement_check(const tfm_placed *ranks, int n, const char *host, int ncore_host,
                               tfm_placement *fault, tfm_buf *text)
{
  tfm_status st = TFM_OK;
  *fault = TFM_PLACEMENT_FINE;
  group worst = most_crowded(ranks, n);
  if (worst.ranks > 1 && cores_in_use(ranks, n) < ncore_host) {
    *fault = TFM_PLACEMENT_CROWDED;
    TFM_TRY(tfm_buf_printf(text, "host %s: ", host));
    TFM_TRY(print_crowded(ranks, n, worst, text));
    TFM_TRY(tfm_buf_printf(text, " of %d and take turns on it: ", ncore_host));
    return print_remedy(n, most_threads(ranks, n), ncore_host, text);
  }
  for (int i = 0; i < n; ++i) {
    if (ranks[i].threads > ranks[i].ncore && ranks[i].ncore < ncore_host) {
      *fault = TFM_PLACEMENT_NARROW;
      TFM_TRY(tfm_buf_printf(text, "host %s: ", host));
      return print_narrow(ranks, n, i, ncore_host, text);
    }
  }

fail:
  return st;
}
