/* Files of hosts, and how ranks are dealt to them. */
#include "coordinator/simulate/hosts.h"

#include "tests/support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static tfm_status read_text(tfm_hosts *hosts, const char *text, tfm_err *err)
{
  char path[] = "/tmp/tfm_hosts_XXXXXX";
  const int fd = mkstemp(path);
  assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  assert_int_equal(close(fd), 0);
  const tfm_status st = tfm_hosts_read(hosts, path, err);
  assert_int_equal(unlink(path), 0);
  return st;
}

static const char two_kinds[] =
    "{\"hosts\": [{\"topology\": \"pack:2 numa:1 core:4 pu:2\", \"name\": \"node\", \"count\": "
    "2, "
    "\"ranks\": 3}, {\"topology\": \"numa:1 core:4 pu:1\", \"cpus\": \"1-2\", \"speed\": "
    "0.5}], "
    "\"network\": {\"latency_us\": 2, \"gb_per_s\": 10}, \"memory\": {\"gb_per_s\": 40}}";

static void hosts_are_read(void **state)
{
  (void)state;
  tfm_hosts h = {0};
  tfm_err err = {0};
  CHECK_OK(read_text(&h, two_kinds, &err), &err);
  assert_int_equal(h.nkind, 2);
  assert_int_equal(tfm_hosts_count(&h), 3);
  assert_int_equal(tfm_hosts_ranks(&h), 2 * 3 + 2); /* as many as cores where nothing is said */
  assert_int_equal(h.kinds[0].machine.ncore, 8);
  assert_int_equal(h.kinds[1].machine.ncore, 2);
  assert_true(fabs(h.kinds[1].speed - 0.5) < 1e-12 && fabs(h.kinds[0].speed - 1) < 1e-12);
  assert_true(fabs(h.between.latency_s - 2e-6) < 1e-15 &&
              fabs(h.between.byte_s - 1e-10) < 1e-20);
  assert_true(h.inside.latency_s <= 0 && fabs(h.inside.byte_s - 2.5e-11) < 1e-20);
  tfm_hosts_fini(&h);
}

/* Host by host, each its ranks; what is left over once more from the first. */
static void ranks_are_dealt_by_slot(void **state)
{
  (void)state;
  static const int want[] = {0, 0, 0, 1, 1, 1, 2, 2, 0, 0};
  tfm_host_place places[10];
  tfm_hosts h = {0};
  tfm_err err = {0};
  char name[64];
  CHECK_OK(read_text(&h, two_kinds, &err), &err);
  tfm_hosts_deal(&h, 10, places);
  for (int i = 0; i < 10; ++i) {
    assert_int_equal(places[i].host, want[i]);
    assert_int_equal(places[i].kind, want[i] == 2);
  }
  tfm_hosts_name(&h, places[4], name, sizeof name);
  assert_string_equal(name, "node-1");
  tfm_hosts_name(&h, places[6], name, sizeof name);
  assert_string_equal(name, "synthetic");
  tfm_hosts_fini(&h);
}

static void what_is_wrong_is_named(void **state)
{
  (void)state;
  static const char *const cases[][2] = {
      {"[]", "want an object"},
      {"{}", "want an array `hosts`"},
      {"{\"hosts\": []}", "with one host or more"},
      {"{\"hosts\": [3]}", "want objects"},
      {"{\"hosts\": [{}]}", "wants `topology` or `xml`"},
      {"{\"hosts\": [{\"topology\": \"here\", \"xml\": \"x\"}]}", "one of them"},
      {"{\"hosts\": [{\"topology\": \"pack:\"}]}", "cannot be read"},
      {"{\"hosts\": [{\"topology\": \"core:2 pu:1\", \"cpus\": \"7\"}]}", "does not have"},
      {"{\"hosts\": [{\"topology\": \"core:2 pu:1\", \"count\": 0}]}", "count"},
      {"{\"hosts\": [{\"topology\": \"core:2 pu:1\", \"speed\": 0}]}", "speed"},
      {"{\"hosts\": [{\"topolgy\": \"here\"}]}", "got \"topolgy\""},
      {"{\"hosts\": [{\"topology\": \"here\", \"cpus\": \"0\"}]}", "taskset"},
      {"{\"hosts\": [{\"topology\": \"core:2 pu:1\", \"count\": 16000}, "
       "{\"topology\": \"core:2 pu:1\", \"count\": 16000}]}",
       "at most 16384 hosts"},
      {"{\"hosts\": [{\"topology\": \"core:2 pu:1\"}, {\"topology\": \"core:2 pu:1\", "
       "\"speed\": 2}]}",
       "`name` of its own"}, /* ranks of both would share two cores */
      {"{\"hosts\": [{\"topology\": \"here\"}], \"net\": {}}", "got \"net\""},
      {"{\"hosts\": [{\"topology\": \"here\"}], \"network\": {\"gb_per_s\": 0}}", "gb_per_s"},
  };
  for (size_t i = 0; i < COUNT_OF(cases); ++i) {
    tfm_hosts h = {0};
    tfm_err err = {0};
    CHECK_FAILS(read_text(&h, cases[i][0], &err), TFM_E_FORMAT, &err, cases[i][1]);
    assert_null(h.kinds);
  }
  tfm_hosts h = {0};
  tfm_err err = {0};
  CHECK_FAILS(tfm_hosts_read(&h, "/nowhere/hosts.json", &err), TFM_E_MISSING, &err,
              "hosts.json");
  CHECK_FAILS(read_text(&h, "{\"hosts\": [{\"xml\": \"nowhere.xml\"}]}", &err), TFM_E_MISSING,
              &err, "nowhere.xml");
}

/* Two packages of SNC 2, as lstopo writes them; found beside the file that names them. */
static void machines_come_from_xml_too(void **state)
{
  (void)state;
  tfm_hosts h = {0};
  tfm_err err = {0};
  CHECK_OK(tfm_hosts_read(&h, TFM_FIXTURES "/topo/hosts.json", &err), &err);
  assert_int_equal(h.kinds[0].machine.npackage, 2);
  assert_int_equal(h.kinds[0].machine.nnode, 4);
  assert_int_equal(h.kinds[0].machine.ncore, 16);
  assert_false(h.kinds[0].machine.here);
  assert_string_equal(h.kinds[0].name, "snc");
  tfm_hosts_fini(&h);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hosts_are_read),
      cmocka_unit_test(ranks_are_dealt_by_slot),
      cmocka_unit_test(what_is_wrong_is_named),
      cmocka_unit_test(machines_come_from_xml_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
