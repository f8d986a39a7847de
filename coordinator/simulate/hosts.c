#include "coordinator/simulate/hosts.h"

#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mem.h"

#include <stdio.h>
#include <string.h>

enum { FILE_MOST = 1 << 20, HOSTS_MOST = 1 << 14, RANKS_MOST = 1 << 12 };

/* Misspelt names would be machines that nobody described. */
static tfm_status check_names(const tfm_json_node *node, const char *const *names,
                              const char *what, tfm_err *err)
{
  for (const tfm_json_node *m = tfm_json_first(node); m; m = tfm_json_next(m)) {
    bool known = false;
    for (int i = 0; names[i]; ++i) {
      known = known || strcmp(tfm_json_key(m), names[i]) == 0;
    }
    if (!known) {
      tfm_buf list = {0};
      for (int i = 0; names[i]; ++i) {
        (void)tfm_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
      }
      const tfm_status st =
          tfm_fail(err, TFM_E_FORMAT, "--simulate: %s: want %s, got \"%.64s\"", what,
                   tfm_buf_cstr(&list), tfm_json_key(m));
      tfm_buf_fini(&list);
      return st;
    }
  }
  return TFM_OK;
}

static tfm_status read_wire(const tfm_json *json, const char *key, tfm_sim_wire *wire,
                            tfm_err *err)
{
  static const char *const names[] = {"latency_us", "gb_per_s", NULL};
  tfm_status st = TFM_OK;
  const tfm_json_node *node = tfm_json_get(tfm_json_root(json), key);
  double latency_us = 0;
  double gb_per_s = 0;
  if (!node) {
    return TFM_OK;
  }
  TFM_TRY(check_names(node, names, key, err));
  TFM_TRY(tfm_json_opt_double(json, node, "latency_us", 0, 1e9, &latency_us, err));
  TFM_TRY(tfm_json_opt_double(json, node, "gb_per_s", 1e-6, 1e6, &gb_per_s, err));
  wire->latency_s = 1e-6 * latency_us;
  wire->byte_s = gb_per_s > 0 ? 1e-9 / gb_per_s : 0;

fail:
  return st;
}

/* Beside the file that names it, unless it is a path of its own. */
static tfm_status open_xml(tfm_machine *machine, const char *path, const char *xml,
                           const char *cpus, tfm_err *err)
{
  const size_t folder = (size_t)(tfm_path_base(path) - path);
  char *beside = tfm_strndup(path, folder);
  char *full = beside ? tfm_path_join(folder ? beside : ".", xml) : NULL;
  const tfm_status st =
      full ? tfm_machine_open_xml(machine, xml[0] == '/' ? xml : full, cpus, err)
           : tfm_fail(err, TFM_E_NOMEM, "the path of %.200s", xml);
  tfm_free(beside);
  tfm_free(full);
  return st;
}

static tfm_status open_machine(tfm_machine *machine, const tfm_json *json,
                               const tfm_json_node *node, const char *path, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const char *topology = NULL;
  const char *xml = NULL;
  const char *cpus = NULL;
  TFM_TRY(tfm_json_opt_string(json, node, "topology", &topology, err));
  TFM_TRY(tfm_json_opt_string(json, node, "xml", &xml, err));
  TFM_TRY(tfm_json_opt_string(json, node, "cpus", &cpus, err));
  if (!topology == !xml) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "--simulate: a host wants `topology` or `xml`, one of them");
  }
  if (xml) {
    return open_xml(machine, path, xml, cpus, err);
  }
  if (strcmp(topology, "here") != 0) {
    TFM_TRY(tfm_machine_open_synthetic(machine, topology, cpus, err));
    if (!strstr(topology, "memory=")) {
      machine->memory_bytes = 0; /* hwloc makes some up */
    }
    return TFM_OK;
  }
  if (cpus) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "--simulate: `cpus` of \"here\": start the program with taskset instead");
  }
  return tfm_machine_open(machine, err);

fail:
  return st;
}

static tfm_status read_kind(tfm_host_kind *kind, const tfm_json *json,
                            const tfm_json_node *node, const char *path, tfm_err *err)
{
  static const char *const names[] = {"topology", "xml",   "cpus",  "name",
                                      "count",    "ranks", "speed", NULL};
  tfm_status st = TFM_OK;
  const char *name = NULL;
  int64_t count = 1;
  int64_t ranks = 0;
  kind->speed = 1;
  TFM_TRY(check_names(node, names, "a host", err));
  TFM_TRY(open_machine(&kind->machine, json, node, path, err));
  TFM_TRY(tfm_json_opt_string(json, node, "name", &name, err));
  TFM_TRY(tfm_json_opt_int(json, node, "count", 1, HOSTS_MOST, &count, err));
  TFM_TRY(tfm_json_opt_int(json, node, "ranks", 1, RANKS_MOST, &ranks, err));
  TFM_TRY(tfm_json_opt_double(json, node, "speed", 1e-3, 1e3, &kind->speed, err));
  kind->count = (int)count;
  kind->ranks = ranks ? (int)ranks : kind->machine.ncore;
  (void)snprintf(kind->name, sizeof kind->name, "%.100s", name ? name : kind->machine.host);

fail:
  return st;
}

/* Ranks are told to be on one host by its name: two kinds never share one. */
static tfm_status set_apart(tfm_hosts *hosts, tfm_err *err)
{
  for (int k = 1; k < hosts->nkind; ++k) {
    tfm_host_kind *kind = &hosts->kinds[k];
    for (int i = 0; i < k; ++i) {
      if (strcmp(hosts->kinds[i].name, kind->name) == 0) {
        return tfm_fail(err, TFM_E_FORMAT,
                        "--simulate: two kinds of hosts are called %.64s; give each a `name` "
                        "of its own",
                        kind->name);
      }
    }
  }
  return TFM_OK;
}

static tfm_status read_kinds(tfm_hosts *hosts, const tfm_json *json, const char *path,
                             tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_json_node *list = tfm_json_get(tfm_json_root(json), "hosts");
  if (tfm_json_kind_of(list) != TFM_JSON_ARRAY || tfm_json_count(list) == 0) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "--simulate: want an array `hosts` with one host or more");
  }
  hosts->kinds = tfm_calloc((size_t)tfm_json_count(list), sizeof *hosts->kinds);
  if (!hosts->kinds) {
    return tfm_fail(err, TFM_E_NOMEM, "%d kinds of hosts", tfm_json_count(list));
  }
  for (const tfm_json_node *n = tfm_json_first(list); n; n = tfm_json_next(n)) {
    if (tfm_json_kind_of(n) != TFM_JSON_OBJECT) {
      return tfm_fail(err, TFM_E_FORMAT, "--simulate: hosts: want objects, one a kind of host");
    }
    TFM_TRY(read_kind(&hosts->kinds[hosts->nkind++], json, n, path, err));
  }
  if (tfm_hosts_count(hosts) > HOSTS_MOST) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "--simulate: want at most %d hosts", HOSTS_MOST));
  }
  TFM_TRY(set_apart(hosts, err));

fail:
  return st;
}

tfm_status tfm_hosts_read(tfm_hosts *hosts, const char *path, tfm_err *err)
{
  static const char *const names[] = {"hosts", "network", "memory", NULL};
  tfm_status st = TFM_OK;
  tfm_json *json = NULL;
  *hosts = (tfm_hosts){0};
  TFM_TRY(tfm_json_open(&json, path, FILE_MOST, err));
  if (tfm_json_kind_of(tfm_json_root(json)) != TFM_JSON_OBJECT) {
    TFM_TRY(tfm_fail(err, TFM_E_FORMAT, "--simulate: %.200s: want an object", path));
  }
  TFM_TRY(check_names(tfm_json_root(json), names, tfm_path_base(path), err));
  TFM_TRY(read_wire(json, "network", &hosts->between, err));
  TFM_TRY(read_wire(json, "memory", &hosts->inside, err));
  TFM_TRY(read_kinds(hosts, json, path, err));

fail:
  tfm_json_close(json);
  if (st != TFM_OK) {
    tfm_hosts_fini(hosts);
  }
  return st;
}

tfm_status tfm_hosts_here(tfm_hosts *hosts, tfm_err *err)
{
  tfm_status st = TFM_OK;
  *hosts = (tfm_hosts){.kinds = tfm_calloc(1, sizeof *hosts->kinds)};
  if (!hosts->kinds) {
    return tfm_fail(err, TFM_E_NOMEM, "a host");
  }
  TFM_TRY(tfm_machine_open(&hosts->kinds->machine, err));
  hosts->nkind = 1;
  hosts->kinds->count = 1;
  hosts->kinds->speed = 1;
  hosts->kinds->ranks = hosts->kinds->machine.ncore;
  (void)snprintf(hosts->kinds->name, sizeof hosts->kinds->name, "%.100s",
                 hosts->kinds->machine.host);

fail:
  if (st != TFM_OK) {
    tfm_hosts_fini(hosts);
  }
  return st;
}

int64_t tfm_hosts_ranks(const tfm_hosts *hosts)
{
  int64_t sum = 0;
  for (int k = 0; k < hosts->nkind; ++k) {
    sum += (int64_t)hosts->kinds[k].count * hosts->kinds[k].ranks;
  }
  return sum;
}

int tfm_hosts_count(const tfm_hosts *hosts)
{
  int64_t sum = 0;
  for (int k = 0; k < hosts->nkind; ++k) {
    sum += hosts->kinds[k].count;
  }
  return sum < INT32_MAX ? (int)sum : INT32_MAX;
}

void tfm_hosts_deal(const tfm_hosts *hosts, int n, tfm_host_place *places)
{
  int dealt = 0;
  while (dealt < n) {
    int host = 0;
    for (int k = 0; k < hosts->nkind; ++k) {
      for (int i = 0; i < hosts->kinds[k].count; ++i, ++host) {
        for (int r = 0; r < hosts->kinds[k].ranks && dealt < n; ++r) {
          places[dealt++] = (tfm_host_place){k, host};
        }
      }
    }
  }
}

void tfm_hosts_name(const tfm_hosts *hosts, tfm_host_place place, char *out, size_t n)
{
  const tfm_host_kind *kind = &hosts->kinds[place.kind];
  int before = 0;
  for (int k = 0; k < place.kind; ++k) {
    before += hosts->kinds[k].count;
  }
  if (kind->count == 1) {
    (void)snprintf(out, n, "%s", kind->name);
  } else {
    (void)snprintf(out, n, "%s-%d", kind->name, place.host - before);
  }
}

void tfm_hosts_fini(tfm_hosts *hosts)
{
  for (int k = 0; k < hosts->nkind; ++k) {
    tfm_machine_fini(&hosts->kinds[k].machine);
  }
  tfm_free(hosts->kinds);
  *hosts = (tfm_hosts){0};
}
