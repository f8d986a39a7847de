#include "core/topo/machine.h"

#include <string.h>

bool tfm_cpuset_has(const tfm_cpuset *set, int pu)
{
  return pu >= 0 && pu < TFM_MACHINE_MAX_PU && (set->bits[pu / 64] >> (pu % 64) & 1) != 0;
}

void tfm_cpuset_add(tfm_cpuset *set, int pu)
{
  TFM_ASSERT(pu >= 0 && pu < TFM_MACHINE_MAX_PU);
  set->bits[pu / 64] |= (uint64_t)1 << (pu % 64);
}

int tfm_cpuset_count(const tfm_cpuset *set)
{
  int count = 0;
  for (int i = 0; i < TFM_MACHINE_MAX_PU / 64; ++i) {
    count += __builtin_popcountll(set->bits[i]);
  }
  return count;
}

bool tfm_cpuset_equal(const tfm_cpuset *a, const tfm_cpuset *b)
{
  return memcmp(a->bits, b->bits, sizeof a->bits) == 0;
}

bool tfm_cpuset_inside(const tfm_cpuset *a, const tfm_cpuset *b)
{
  for (int i = 0; i < TFM_MACHINE_MAX_PU / 64; ++i) {
    if (a->bits[i] & ~b->bits[i]) {
      return false;
    }
  }
  return true;
}

void tfm_cpuset_and(tfm_cpuset *a, const tfm_cpuset *b)
{
  for (int i = 0; i < TFM_MACHINE_MAX_PU / 64; ++i) {
    a->bits[i] &= b->bits[i];
  }
}

tfm_status tfm_cpuset_print(const tfm_cpuset *set, tfm_buf *out)
{
  tfm_status st = TFM_OK;
  const char *comma = "";
  for (int pu = 0; pu < TFM_MACHINE_MAX_PU; ++pu) {
    if (!tfm_cpuset_has(set, pu)) {
      continue;
    }
    int first = pu;
    while (tfm_cpuset_has(set, pu + 1)) {
      ++pu;
    }
    TFM_TRY(tfm_buf_printf(out, "%s%d", comma, first));
    if (pu > first) {
      TFM_TRY(tfm_buf_printf(out, "-%d", pu));
    }
    comma = ",";
  }

fail:
  return st;
}

/* A decimal number at *p, which moves behind it; -1 when there is none or it is too large. */
static int read_number(const char **p)
{
  if (**p < '0' || **p > '9') {
    return -1;
  }
  int value = 0;
  for (; **p >= '0' && **p <= '9'; ++*p) {
    value = value * 10 + (**p - '0');
    if (value >= TFM_MACHINE_MAX_PU) {
      return -1;
    }
  }
  return value;
}

tfm_status tfm_cpuset_parse(tfm_cpuset *set, const char *text, tfm_err *err)
{
  *set = (tfm_cpuset){{0}};
  tfm_cpuset read = {{0}};
  const char *p = text;
  for (;;) {
    const char *part = p;
    int first = read_number(&p);
    int last = first;
    if (first >= 0 && *p == '-') {
      ++p;
      last = read_number(&p);
    }
    if (first < 0 || last < first || (*p != '\0' && *p != ',')) {
      return tfm_fail(err, TFM_E_FORMAT,
                      "cpu list \"%.64s\": wanted numbers below %d and ranges like 0-3,8, got "
                      "\"%.16s\" at character %d",
                      text, TFM_MACHINE_MAX_PU, part, (int)(part - text) + 1);
    }
    for (int pu = first; pu <= last; ++pu) {
      tfm_cpuset_add(&read, pu);
    }
    if (*p == '\0') {
      *set = read;
      return TFM_OK;
    }
    ++p;
  }
}
