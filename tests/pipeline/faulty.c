/** The program with one fault in one rank, for the tests of what the others do about it. The linker
 *  leads some of its calls here first. TFM_FAULT is RANK:WHAT:WHEN (rank -1:
 *  without mpirun); another rank has no fault. TFM_FAULT_COUNT names a file that gets the number of
 *  allocations that each rank asked for, a line each.
 *
 *  | WHAT | the fault |
 *  |---|---|
 *  | load | the slice is never read to its end |
 *  | late | the slice is read after WHEN seconds |
 *  | hang | micro-batch WHEN never ends, and nothing else moves in the rank |
 *  | spin | micro-batch WHEN never ends, while the rank answers as ever |
 *  | flip | before micro-batch WHEN one bit of a weight becomes another, and stays so |
 *  | nan | sequence WHEN of every micro-batch has an infinity after this stage |
 *  | nomem | allocation WHEN of core/base/mem.h finds no memory, counted from 1 |
 *  | differ | field WHEN of what the rank says of itself is another |
 *  | wire | the rank speaks another version of the wire, and reads no other |
 */
#include "core/base/clock.h"
#include "core/base/crc32c.h"
#include "core/base/mem.h"
#include "core/model/slice.h"
#include "proto/frame.h"
#include "proto/messages.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

typedef struct {
  char what[16]; /* "": none */
  int when;
} fault;

static fault of_this_rank(void)
{
  fault f = {0};
  int rank = -1;
  const char *text = getenv("TFM_FAULT");
  const char *mine = getenv("OMPI_COMM_WORLD_RANK");
  if (!text || sscanf(text, "%d:%15[^:]:%d", &rank, f.what, &f.when) < 2 ||
      rank != (mine ? atoi(mine) : -1)) {
    return (fault){0};
  }
  return f;
}

static bool is(const fault *f, const char *what)
{
  return strcmp(f->what, what) == 0;
}

static void for_ever(void)
{
  for (;;) {
    tfm_sleep_s(1);
  }
}

static void short_task(void *arg, int task, int thread)
{
  (void)arg;
  (void)task;
  (void)thread;
  tfm_sleep_s(0.001);
}

static int64_t hidden; /* of the model */

/* Memory that fails asks for no permission: the page, which may be one that nobody may write,
 * becomes one of the same bytes that this rank may. */
static uint32_t *writable(const uint32_t *word)
{
  enum { PAGE = 4096 };
  static unsigned char keep[PAGE];
  const uintptr_t at = (uintptr_t)word;
  void *page = (void *)(at - at % PAGE);
  memcpy(keep, page, PAGE);
  if (mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1,
           0) == MAP_FAILED) {
    abort();
  }
  memcpy(page, keep, PAGE);
  return (uint32_t *)at;
}

/* The first weight of the first block that is no zero: columns are filled up with zeros. The upper
 * bit of its mantissa changes. */
static void flip(void *arg, const void *p, size_t bytes)
{
  bool *flipped = arg;
  const uint32_t *words = p;
  for (size_t i = 0; i < bytes / sizeof *words && !*flipped; ++i) {
    if (words[i] << 1) {
      *writable(&words[i]) ^= 1U << 22;
      *flipped = true;
    }
  }
}

tfm_status __real_tfm_slice_open(tfm_slice **out, const tfm_model *model,
                                 const tfm_slice_options *options, tfm_err *err);
tfm_status __wrap_tfm_slice_open(tfm_slice **out, const tfm_model *model,
                                 const tfm_slice_options *options, tfm_err *err);
void __real_tfm_slice_run(tfm_slice *slice, const tfm_batch *batch, tfm_par *par);
void __wrap_tfm_slice_run(tfm_slice *slice, const tfm_batch *batch, tfm_par *par);

tfm_status __wrap_tfm_slice_open(tfm_slice **out, const tfm_model *model,
                                 const tfm_slice_options *options, tfm_err *err)
{
  const fault f = of_this_rank();
  if (is(&f, "load")) {
    for_ever();
  }
  if (is(&f, "late")) {
    tfm_sleep_s(f.when);
  }
  hidden = model->config.H;
  return __real_tfm_slice_open(out, model, options, err);
}

void __wrap_tfm_slice_run(tfm_slice *slice, const tfm_batch *batch, tfm_par *par)
{
  static int run;
  const fault f = of_this_rank();
  bool flipped = false;
  ++run;
  if (is(&f, "flip") && run == f.when) {
    tfm_slice_each_block(slice, flip, &flipped);
  }
  __real_tfm_slice_run(slice, batch, par);
  if (is(&f, "nan") && f.when < batch->B) {
    batch->x[batch->cu_len[f.when] * hidden + 1] = INFINITY;
  }
  if (is(&f, "hang") && run == f.when) {
    for_ever();
  }
  while (is(&f, "spin") && run == f.when) {
    tfm_par_for(par, 1, short_task, NULL);
  }
}

tfm_status __real_tfm_msg_hello_encode(const tfm_msg_hello *msg, tfm_buf *out);
tfm_status __wrap_tfm_msg_hello_encode(const tfm_msg_hello *msg, tfm_buf *out);

tfm_status __wrap_tfm_msg_hello_encode(const tfm_msg_hello *msg, tfm_buf *out)
{
  const fault f = of_this_rank();
  tfm_msg_hello said = *msg;
  char *const fields[] = {said.version, said.digest, said.numeric_id, said.denormals};
  if (is(&f, "differ") && f.when >= 0 && f.when < (int)(sizeof fields / sizeof fields[0])) {
    fields[f.when][0] ^= 1;
  }
  return __real_tfm_msg_hello_encode(&said, out);
}

void __real_tfm_frame_seal(unsigned char *bytes, const tfm_frame_head *head);
void __wrap_tfm_frame_seal(unsigned char *bytes, const tfm_frame_head *head);

tfm_status __real_tfm_frame_open(const unsigned char *bytes, size_t n,
                                 const tfm_frame_limits *limits, tfm_frame_head *head,
                                 tfm_err *err);
tfm_status __wrap_tfm_frame_open(const unsigned char *bytes, size_t n,
                                 const tfm_frame_limits *limits, tfm_frame_head *head,
                                 tfm_err *err);

/* As another build would have it. */
static void change_version(unsigned char *bytes)
{
  enum { AT_VERSION = 4, AT_HEADER_CRC = 60 };
  bytes[AT_VERSION] ^= 1;
  const uint32_t crc = tfm_crc32c(0, bytes, AT_HEADER_CRC);
  for (int i = 0; i < 4; ++i) {
    bytes[AT_HEADER_CRC + i] = (unsigned char)(crc >> (8 * i));
  }
}

void __wrap_tfm_frame_seal(unsigned char *bytes, const tfm_frame_head *head)
{
  const fault f = of_this_rank();
  __real_tfm_frame_seal(bytes, head);
  if (is(&f, "wire")) {
    change_version(bytes);
  }
}

tfm_status __wrap_tfm_frame_open(const unsigned char *bytes, size_t n,
                                 const tfm_frame_limits *limits, tfm_frame_head *head,
                                 tfm_err *err)
{
  const fault f = of_this_rank();
  unsigned char other[TFM_FRAME_HEADER];
  if (!is(&f, "wire") || n < sizeof other) {
    return __real_tfm_frame_open(bytes, n, limits, head, err);
  }
  memcpy(other, bytes, sizeof other);
  change_version(other); /* the header is refused before anything behind it is looked at */
  return __real_tfm_frame_open(other, n, limits, head, err);
}

/* ---- memory ------------------------------------------------------------------------------ */

void *__real_tfm_calloc(size_t n, size_t bytes);
void *__real_tfm_realloc(void *old, size_t n, size_t bytes);
void *__real_tfm_realloc_huge(void *old, size_t n, size_t bytes);
void *__real_tfm_alloc_aligned(size_t n, size_t bytes);
void *__real_tfm_alloc_huge(size_t n, size_t bytes);
char *__real_tfm_strndup(const char *s, size_t n);
void *__wrap_tfm_calloc(size_t n, size_t bytes);
void *__wrap_tfm_realloc(void *old, size_t n, size_t bytes);
void *__wrap_tfm_realloc_huge(void *old, size_t n, size_t bytes);
void *__wrap_tfm_alloc_aligned(size_t n, size_t bytes);
void *__wrap_tfm_alloc_huge(size_t n, size_t bytes);
char *__wrap_tfm_strndup(const char *s, size_t n);

static atomic_int asked;
static int refuse_at; /* 0: none */

static void write_count(void)
{
  FILE *file = fopen(getenv("TFM_FAULT_COUNT"), "a");
  if (file) {
    (void)fprintf(file, "%d\n", atomic_load(&asked));
    (void)fclose(file);
  }
}

__attribute__((constructor)) static void look_for_fault(void)
{
  const fault f = of_this_rank();
  refuse_at = is(&f, "nomem") ? f.when : 0;
  if (getenv("TFM_FAULT_COUNT")) {
    (void)atexit(write_count);
  }
}

static bool is_refused(void)
{
  return atomic_fetch_add(&asked, 1) + 1 == refuse_at;
}

void *__wrap_tfm_calloc(size_t n, size_t bytes)
{
  return is_refused() ? NULL : __real_tfm_calloc(n, bytes);
}

void *__wrap_tfm_realloc(void *old, size_t n, size_t bytes)
{
  return is_refused() ? NULL : __real_tfm_realloc(old, n, bytes);
}

void *__wrap_tfm_realloc_huge(void *old, size_t n, size_t bytes)
{
  return is_refused() ? NULL : __real_tfm_realloc_huge(old, n, bytes);
}

void *__wrap_tfm_alloc_aligned(size_t n, size_t bytes)
{
  return is_refused() ? NULL : __real_tfm_alloc_aligned(n, bytes);
}

void *__wrap_tfm_alloc_huge(size_t n, size_t bytes)
{
  return is_refused() ? NULL : __real_tfm_alloc_huge(n, bytes);
}

char *__wrap_tfm_strndup(const char *s, size_t n)
{
  return is_refused() ? NULL : __real_tfm_strndup(s, n);
}
