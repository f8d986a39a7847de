#include "core/kernels/rope.h"

/* sin and cos of a double in -pi/4..pi/4 by their series to r^17: below 1e-17 of error. */
static double sine_of(double r)
{
  const double z = r * r;
  double s = 1.0 / 355687428096000.0;
  s = s * z - 1.0 / 1307674368000.0;
  s = s * z + 1.0 / 6227020800.0;
  s = s * z - 1.0 / 39916800.0;
  s = s * z + 1.0 / 362880.0;
  s = s * z - 1.0 / 5040.0;
  s = s * z + 1.0 / 120.0;
  s = s * z - 1.0 / 6.0;
  return r + r * z * s;
}

static double cosine_of(double r)
{
  const double z = r * r;
  double c = 1.0 / 20922789888000.0;
  c = c * z - 1.0 / 87178291200.0;
  c = c * z + 1.0 / 479001600.0;
  c = c * z - 1.0 / 3628800.0;
  c = c * z + 1.0 / 40320.0;
  c = c * z - 1.0 / 720.0;
  c = c * z + 1.0 / 24.0;
  c = c * z - 1.0 / 2.0;
  return 1.0 + z * c;
}

/* Cosine and sine of an angle in 0..2^24. pi/2 is taken off in two parts, of which the first has 33
 * bits: what its product with the quarter turns loses is far below a float's last bit. */
static void turn_of(double angle, float *cosine, float *sine)
{
  const int64_t quarter = (int64_t)(angle * 0x1.45f306dc9c883p-1 + 0.5);
  const double turns = (double)quarter;
  const double r = (angle - turns * 0x1.921fb544p+0) - turns * 0x1.0b4611a626331p-34;
  const double s = sine_of(r);
  const double c = cosine_of(r);
  switch (quarter & 3) {
  case 0:
    *cosine = (float)c;
    *sine = (float)s;
    break;
  case 1:
    *cosine = (float)-s;
    *sine = (float)c;
    break;
  case 2:
    *cosine = (float)-c;
    *sine = (float)-s;
    break;
  default:
    *cosine = (float)s;
    *sine = (float)-c;
    break;
  }
}

void tfm_rope_table(const float *frequency, int64_t first, int64_t places, int64_t half,
                    float *table)
{
  for (int64_t p = 0; p < places; ++p) {
    float *row = table + p * 2 * half;
    for (int64_t i = 0; i < half; ++i) {
      const float angle = (float)(first + p) * frequency[i];
      turn_of((double)angle, &row[i], &row[half + i]);
    }
  }
}

enum { RUN = 64 };

typedef struct {
  const tfm_heads *heads;
  const float *table;
  float *qkv;
  int64_t ldqkv;
  const tfm_sequences *seqs;
} rope_job;

static void turn_head(const float *table, int64_t half, float *x)
{
  for (int64_t i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[half + i];
    x[i] = a * table[i] - b * table[half + i];
    x[half + i] = b * table[i] + a * table[half + i];
  }
}

static void rope_task(void *arg, int task, int thread)
{
  (void)thread;
  const rope_job *job = arg;
  const int32_t *cu_len = job->seqs->cu_len;
  const int64_t D = job->heads->D;
  const int64_t turned = job->heads->turned > 0 ? job->heads->turned : D;
  const int64_t nhead = job->heads->N + tfm_heads_of_keys(job->heads);
  const int64_t total = cu_len[job->seqs->B];
  const int64_t end = (int64_t)(task + 1) * RUN < total ? (int64_t)(task + 1) * RUN : total;
  int64_t b = 0;
  for (int64_t t = (int64_t)task * RUN; t < end; ++t) {
    while (cu_len[b + 1] <= t) {
      b += 1;
    }
    const int64_t start = job->seqs->start ? job->seqs->start[b] : 0;
    const float *table = job->table + (start + t - cu_len[b]) * turned;
    for (int64_t head = 0; head < nhead; ++head) {
      turn_head(table, turned / 2, job->qkv + t * job->ldqkv + head * D);
    }
  }
}

void tfm_rope(const tfm_heads *heads, const float *table, float *qkv, int64_t ldqkv,
              const tfm_sequences *seqs, tfm_par *par)
{
  rope_job job = {heads, table, qkv, ldqkv, seqs};
  const int64_t ntask = (seqs->cu_len[seqs->B] + RUN - 1) / RUN;
  tfm_par_for(par, (int)ntask, rope_task, &job);
}
