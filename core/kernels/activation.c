#include "core/kernels/activation.h"

#include "core/kernels/table.h"

#include <string.h>

#define ACTIVATION_NAME(name, text) [TFM_ACT_##name] = text,
static const char *const activation_names[TFM_ACT_COUNT] = {
    TFM_ACTIVATION_MAP(ACTIVATION_NAME)};

/* Other spellings checkpoints use for the same function. */
static const struct {
  const char *name;
  tfm_activation act;
} activation_aliases[] = {
    {"gelu_pytorch_tanh", TFM_ACT_GELU_NEW},
    {"gelu_fast", TFM_ACT_GELU_NEW},
    {"swish", TFM_ACT_SILU},
};

const char *tfm_activation_name(tfm_activation act)
{
  return act < TFM_ACT_COUNT ? activation_names[act] : "unknown";
}

bool tfm_activation_parse(const char *name, tfm_activation *out)
{
  for (int i = 0; i < TFM_ACT_COUNT; ++i) {
    if (strcmp(name, activation_names[i]) == 0) {
      *out = (tfm_activation)i;
      return true;
    }
  }
  for (size_t i = 0; i < sizeof activation_aliases / sizeof activation_aliases[0]; ++i) {
    if (strcmp(name, activation_aliases[i].name) == 0) {
      *out = activation_aliases[i].act;
      return true;
    }
  }
  return false;
}

static bool is_rough(tfm_precision precision, tfm_activation act)
{
  return tfm_precision_narrow(precision) && tfm__kernels_used()->activate_rough[act];
}

void tfm_activate_after(tfm_precision precision, tfm_activation act, const float *x, int64_t n,
                        float *y)
{
  if (is_rough(precision, act)) {
    tfm__kernels_used()->activate_rough[act](x, n, y);
  } else {
    tfm_activate(act, x, n, y);
  }
}

tfm__finish_fn tfm__finish_used(tfm_precision precision, tfm_activation act)
{
  const tfm__kernels *kernels = tfm__kernels_used();
  return is_rough(precision, act) ? kernels->finish_rough[act] : kernels->finish[act];
}

void tfm_activate(tfm_activation act, const float *x, int64_t n, float *y)
{
  tfm__kernels_used()->activate[act](x, n, y);
}

enum { GATE_WORK = 1 << 15 /* floats of a task: some tens of microseconds */ };

typedef struct {
  tfm_activation act;
  float *x;
  int64_t ldx, R, F, run;
} gate_job;

static void gate_rows(void *arg, int task, int thread)
{
  (void)thread;
  const gate_job *job = arg;
  const int64_t first = task * job->run;
  const int64_t last = first + job->run < job->R ? first + job->run : job->R;
  for (int64_t r = first; r < last; ++r) {
    float *a = job->x + r * job->ldx;
    const float *b = a + job->F;
    tfm_activate(job->act, a, job->F, a);
    for (int64_t i = 0; i < job->F; ++i) {
      a[i] *= b[i];
    }
  }
}

void tfm_gate(tfm_activation act, float *x, int64_t ldx, int64_t R, int64_t F, tfm_par *par)
{
  gate_job job = {act, x, ldx, R, F, GATE_WORK / F + 1};
  tfm_par_for(par, (int)((R + job.run - 1) / job.run), gate_rows, &job);
}

void tfm_sigmoid(const float *x, int64_t n, float *y)
{
  tfm__kernels_used()->sigmoid(x, n, y);
}

void tfm_softcap(float cap, float *x, int64_t n)
{
  for (int64_t i = 0; i < n; ++i) {
    x[i] /= cap;
  }
  tfm_activate(TFM_ACT_TANH, x, n, x);
  for (int64_t i = 0; i < n; ++i) {
    x[i] *= cap;
  }
}

void tfm_softmax(const float *x, int64_t n, float *y)
{
  tfm__kernels_used()->softmax(x, n, y);
}
