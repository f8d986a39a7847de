/* Linear layers through oneDNN 2, the only file that knows it.
 *
 *  The library is opened when a layer first asks for it, so that a program built with it also runs
 * where it is missing, and starts no later for having it. A layer is cut into pieces of up to 256
 * columns and 512 of K, each a product of its own with weights in the library's packed form. A
 * task is a whole tile of TFM_LINEAR_TILE rows (the last one filled with zeros) and the columns of
 * a piece: heights known beforehand, no scale in the product, so that neither of the library's
 * slow paths is met. Slices of K add up in the thread's own buffer, the epilogue writes y.
 */
#include "core/base/mem.h"
#include "core/kernels/linear_private.h"

#include <dnnl.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ---- the library ------------------------------------------------------------------------- */

#define CALLS(X)                                                                               \
  X(engine_create)                                                                             \
  X(get_effective_cpu_isa)                                                                     \
  X(matmul_desc_init)                                                                          \
  X(memory_create)                                                                             \
  X(memory_desc_get_size)                                                                      \
  X(memory_desc_init_by_strides)                                                               \
  X(memory_desc_init_by_tag)                                                                   \
  X(memory_destroy)                                                                            \
  X(primitive_attr_create)                                                                     \
  X(primitive_attr_destroy)                                                                    \
  X(primitive_attr_set_scratchpad_mode)                                                        \
  X(primitive_create)                                                                          \
  X(primitive_desc_create)                                                                     \
  X(primitive_desc_destroy)                                                                    \
  X(primitive_desc_query)                                                                      \
  X(primitive_desc_query_md)                                                                   \
  X(primitive_destroy)                                                                         \
  X(primitive_execute)                                                                         \
  X(reorder_primitive_desc_create)                                                             \
  X(stream_create)                                                                             \
  X(stream_destroy)                                                                            \
  X(stream_wait)                                                                               \
  X(version)

#define CALL_FIELD(name) __typeof__(&dnnl_##name) name;
static struct {
  CALLS(CALL_FIELD)
  void (*set_threads)(int); /* of OpenMP, NULL where the library runs without */
  dnnl_engine_t engine;
  char failed[160]; /* why it cannot be used; empty when it can */
  char name[64];
} dnn;

static const char *isa_text(dnnl_cpu_isa_t isa)
{
  static const struct {
    dnnl_cpu_isa_t isa;
    const char *text;
  } names[] = {{dnnl_cpu_isa_avx2, "avx2"},
               {dnnl_cpu_isa_avx2_vnni, "avx2_vnni"},
               {dnnl_cpu_isa_avx512_core, "avx512_core"},
               {dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni"},
               {dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16"},
               {dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
    if (names[i].isa == isa) {
      return names[i].text;
    }
  }
  return "other";
}

static void load(void)
{
  void *library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);
  bool all = library != NULL;
  if (!all) {
    (void)snprintf(dnn.failed, sizeof dnn.failed, "%.150s", dlerror());
    return;
  }
#define CALL_FIND(call)                                                                        \
  all = all && tfm__library_find(library, "dnnl_" #call, &dnn.call, sizeof dnn.call);
  CALLS(CALL_FIND)
  if (!all || dnn.version()->major != 2) {
    (void)snprintf(dnn.failed, sizeof dnn.failed, "libdnnl.so.2 is not oneDNN 2");
    return;
  }
  (void)tfm__library_find(library, "omp_set_num_threads", &dnn.set_threads,
                          sizeof dnn.set_threads);
  if (dnn.engine_create(&dnn.engine, dnnl_cpu, 0) != dnnl_success) {
    (void)snprintf(dnn.failed, sizeof dnn.failed, "oneDNN has no engine for this CPU");
    return;
  }
  (void)snprintf(dnn.name, sizeof dnn.name, "onednn-%d.%d-%s", dnn.version()->major,
                 dnn.version()->minor, isa_text(dnn.get_effective_cpu_isa()));
}

/* Our team splits the tiles: OpenMP counts threads for each thread that asks. */
static void work_alone(void)
{
  static _Thread_local bool done;
  if (!done && dnn.set_threads) {
    dnn.set_threads(1);
  }
  done = true;
}

const char *tfm__onednn_begin(void)
{
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  (void)pthread_once(&once, load);
  return dnn.failed[0] ? NULL : dnn.name;
}

tfm_status tfm__onednn_check(tfm_err *err)
{
  return tfm__onednn_begin()
             ? TFM_OK
             : tfm_fail(err, TFM_E_UNSUPPORTED,
                        "backend onednn: %s; install libdnnl2, or use --backend native",
                        dnn.failed);
}

/* ---- a layer ----------------------------------------------------------------------------- */

/* The product of a tile with some columns and a slice of K. */
typedef struct {
  dnnl_primitive_t product;
  dnnl_memory_desc_t rows;
  dnnl_memory_desc_t packed;
  dnnl_memory_desc_t sums;
  dnnl_memory_desc_t scratchpad;
  size_t at; /* of its weights, in floats */
} piece;

struct tfm__onednn {
  int64_t chunks; /* of columns */
  int64_t slices; /* of K */
  int64_t put;    /* columns that have come */
  size_t packed;  /* floats of all pieces */
  piece piece[];  /* [chunks][slices] */
};

static dnnl_data_type_t type_of(tfm_precision precision, bool rows)
{
  return precision == TFM_FLOAT32    ? dnnl_f32
         : precision == TFM_BFLOAT16 ? dnnl_bf16
         : rows                      ? dnnl_u8
                                     : dnnl_s8;
}

/* Whole panels: the epilogue reads the bias panel by panel. */
static int64_t first_column(const tfm_linear *lin, int64_t chunk)
{
  const int64_t at = TFM__LANES * tfm__share(lin->panels, lin->onednn->chunks, chunk);
  return at < lin->N ? at : lin->N;
}

static int64_t slice_length(const tfm_linear *lin, int64_t slice)
{
  const int64_t left = lin->K - slice * TFM__DNN_DEPTH;
  return left < TFM__DNN_DEPTH ? left : TFM__DNN_DEPTH;
}

/* Rows as they lie in the thread's buffer, weights as the library wants them, sums in a matrix. */
static dnnl_status_t describe(const tfm_linear *lin, piece *p, dnnl_matmul_desc_t *product,
                              int64_t n, int64_t k)
{
  const dnnl_dims_t rows = {TFM_LINEAR_TILE, k};
  const dnnl_dims_t columns = {k, n};
  const dnnl_dims_t sums = {TFM_LINEAR_TILE, n};
  const dnnl_dims_t row_step = {TFM__DNN_DEPTH, 1};
  const dnnl_dims_t sum_step = {TFM__DNN_COLS, 1};
  const dnnl_data_type_t sum = lin->precision == TFM_INT8 ? dnnl_s32 : dnnl_f32;
  dnnl_status_t st = dnn.memory_desc_init_by_strides(&p->rows, 2, rows,
                                                     type_of(lin->precision, true), row_step);
  st = st ? st
          : dnn.memory_desc_init_by_tag(&p->packed, 2, columns, type_of(lin->precision, false),
                                        dnnl_format_tag_any);
  st = st ? st : dnn.memory_desc_init_by_strides(&p->sums, 2, sums, sum, sum_step);
  return st ? st : dnn.matmul_desc_init(product, &p->rows, &p->packed, NULL, &p->sums);
}

/* The library's plain loops are no use to anyone. */
static bool is_slow(const_dnnl_primitive_desc_t pd)
{
  const char *name = "";
  return dnn.primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) != dnnl_success ||
         strncmp(name, "ref", 3) == 0;
}

static bool piece_open(const tfm_linear *lin, piece *p, int64_t n, int64_t k)
{
  dnnl_matmul_desc_t product;
  dnnl_primitive_attr_t attr = NULL;
  dnnl_primitive_desc_t pd = NULL;
  bool ok =
      describe(lin, p, &product, n, k) == dnnl_success &&
      dnn.primitive_attr_create(&attr) == dnnl_success &&
      dnn.primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success &&
      dnn.primitive_desc_create(&pd, &product, attr, dnn.engine, NULL) == dnnl_success &&
      !is_slow(pd);
  if (ok) {
    p->packed = *dnn.primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    p->scratchpad = *dnn.primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    ok = dnn.memory_desc_get_size(&p->scratchpad) <= TFM__DNN_PAD &&
         dnn.primitive_create(&p->product, pd) == dnnl_success;
  }
  (void)dnn.primitive_desc_destroy(pd);
  (void)dnn.primitive_attr_destroy(attr);
  return ok;
}

/* Bytes saturate on their way to sums of 16 bits where no instruction sums four at once. */
static bool has_exact_int8(void)
{
  const dnnl_cpu_isa_t isa = dnn.get_effective_cpu_isa();
  return isa >= dnnl_cpu_isa_avx512_core_vnni || isa == dnnl_cpu_isa_avx2_vnni;
}

static tfm_status open_pieces(tfm_linear *lin, tfm_err *err)
{
  tfm__onednn *layer = lin->onednn;
  bool ok = lin->precision != TFM_INT8 || has_exact_int8();
  for (int64_t i = 0; ok && i < layer->chunks * layer->slices; ++i) {
    piece *p = &layer->piece[i];
    const int64_t chunk = i / layer->slices;
    ok = piece_open(lin, p, first_column(lin, chunk + 1) - first_column(lin, chunk),
                    slice_length(lin, i % layer->slices));
    p->at = layer->packed;
    layer->packed += (dnn.memory_desc_get_size(&p->packed) + TFM_ALIGN - 1) / TFM_ALIGN *
                     (TFM_ALIGN / sizeof(float));
  }
  return ok ? TFM_OK
            : tfm_fail(
                  err, TFM_E_UNSUPPORTED,
                  "backend onednn: %s has no fast product of %s for a layer [%lld, %lld] on "
                  "this CPU: use --backend native",
                  dnn.name, tfm_precision_name(lin->precision), (long long)lin->N,
                  (long long)lin->K);
}

tfm_status tfm__onednn_open(tfm_linear *lin, tfm_err *err)
{
  tfm_status st = tfm__onednn_check(err);
  if (st != TFM_OK) {
    return st;
  }
  const int64_t cols = lin->panels * TFM__LANES;
  const int64_t chunks = (cols + TFM__DNN_COLS - 1) / TFM__DNN_COLS;
  const int64_t slices = (lin->K + TFM__DNN_DEPTH - 1) / TFM__DNN_DEPTH;
  lin->onednn = tfm_calloc(1, sizeof *lin->onednn + (size_t)(chunks * slices) * sizeof(piece));
  if (!lin->onednn) {
    return tfm_fail(err, TFM_E_NOMEM, "a linear layer");
  }
  lin->onednn->chunks = chunks;
  lin->onednn->slices = slices;
  work_alone();
  return open_pieces(lin, err);
}

void tfm__onednn_close(tfm__onednn *layer)
{
  for (int64_t i = 0; layer && i < layer->chunks * layer->slices; ++i) {
    (void)dnn.primitive_destroy(layer->piece[i].product);
  }
  tfm_free(layer);
}

/* ---- packing ----------------------------------------------------------------------------- */

static bool reorder(const dnnl_memory_desc_t *from_form, float *from,
                    const dnnl_memory_desc_t *to_form, float *to)
{
  dnnl_memory_t memory[2] = {NULL, NULL};
  dnnl_primitive_desc_t pd = NULL;
  dnnl_primitive_t step = NULL;
  dnnl_stream_t stream = NULL;
  bool ok = dnn.reorder_primitive_desc_create(&pd, from_form, dnn.engine, to_form, dnn.engine,
                                              NULL) == dnnl_success &&
            dnn.primitive_create(&step, pd) == dnnl_success &&
            dnn.stream_create(&stream, dnn.engine, dnnl_stream_default_flags) == dnnl_success &&
            dnn.memory_create(&memory[0], from_form, dnn.engine, from) == dnnl_success &&
            dnn.memory_create(&memory[1], to_form, dnn.engine, to) == dnnl_success;
  if (ok) {
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, memory[0]}, {DNNL_ARG_TO, memory[1]}};
    ok = dnn.primitive_execute(step, stream, 2, args) == dnnl_success &&
         dnn.stream_wait(stream) == dnnl_success;
  }
  (void)dnn.memory_destroy(memory[0]);
  (void)dnn.memory_destroy(memory[1]);
  (void)dnn.stream_destroy(stream);
  (void)dnn.primitive_destroy(step);
  (void)dnn.primitive_desc_destroy(pd);
  return ok;
}

/* From rounded floats [N,K] to packed numbers, which are then the layer's weights. */
static void pack_all(tfm_linear *lin)
{
  const tfm__onednn *layer = lin->onednn;
  const dnnl_dims_t step = {1, lin->K};
  float *packed = tfm_alloc_aligned(layer->packed, sizeof *packed);
  bool ok = packed != NULL;
  work_alone();
  for (int64_t i = 0; ok && i < layer->chunks * layer->slices; ++i) {
    const piece *p = &layer->piece[i];
    const int64_t col = first_column(lin, i / layer->slices);
    const dnnl_dims_t columns = {p->packed.dims[0], p->packed.dims[1]};
    dnnl_memory_desc_t plain;
    ok = dnn.memory_desc_init_by_strides(&plain, 2, columns, dnnl_f32, step) == dnnl_success &&
         reorder(&plain, lin->weight + col * lin->K + i % layer->slices * TFM__DNN_DEPTH,
                 &p->packed, packed + p->at);
  }
  TFM_ASSERT(ok); /* a few hundred bytes at a time */
  tfm_free(lin->weight);
  lin->weight = packed;
  lin->weight_count = layer->packed;
}

/* What the shift of x's bytes adds to the sum of an output. */
static void find_shift(tfm_linear *lin, int64_t n)
{
  int32_t sum = 0;
  for (int64_t k = 0; k < lin->K; ++k) {
    sum += TFM__INT8_SHIFT * (int32_t)lin->weight[n * lin->K + k];
  }
  memcpy(lin->shift + n, &sum, sizeof sum);
}

void tfm__linear_pack_onednn(tfm_linear *lin, int64_t first, int64_t n, const float *weight)
{
  tfm__linear_pack_ref(lin, first, n, weight);
  for (int64_t i = first; lin->precision == TFM_INT8 && i < first + n; ++i) {
    find_shift(lin, i);
  }
  lin->onednn->put += n;
  if (lin->onednn->put == lin->N) {
    pack_all(lin);
  }
}

/* ---- running ----------------------------------------------------------------------------- */

/* Slice k0 of rows [row, row + 96) of x, in the layer's numbers; zeros where there is none. */
static void fetch_rows(const tfm__linear_job *job, int64_t row, int64_t k0, int64_t k)
{
  const tfm_precision precision = job->lin->precision;
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  const size_t bytes = precision == TFM_FLOAT32 ? 4 : precision == TFM_BFLOAT16 ? 2 : 1;
  const int64_t rows = job->M - row < TFM_LINEAR_TILE ? job->M - row : TFM_LINEAR_TILE;
  for (int64_t i = 0; i < TFM_LINEAR_TILE; ++i) {
    unsigned char *to = mine->dnn.rows + (size_t)i * TFM__DNN_DEPTH * bytes;
    const float *from = job->x + (row + i) * job->ldx + k0;
    if (i >= rows) {
      memset(to, 0, (size_t)k * bytes);
    } else if (precision == TFM_FLOAT32) {
      memcpy(to, from, (size_t)k * bytes);
    } else if (precision == TFM_BFLOAT16) {
      tfm__to_bfloat16_used()(from, 0, 1, k, to, 0);
    } else {
      tfm__int8_bytes(job->lin, from - k0, k0, k, mine->dnn.inverse[i], to);
    }
  }
}

static void find_steps(const tfm__linear_job *job, int64_t row)
{
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  for (int64_t i = 0; i < TFM_LINEAR_TILE && row + i < job->M; ++i) {
    const float reach = tfm__int8_reach(job->lin, job->x + (row + i) * job->ldx);
    mine->dnn.step[i] = tfm__int8_step(reach, &mine->dnn.inverse[i]);
  }
}

static void multiply(const tfm_linear *lin, const piece *p, float *sums)
{
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  const struct {
    int arg;
    const dnnl_memory_desc_t *form;
    void *at;
  } parts[] = {{DNNL_ARG_SRC, &p->rows, mine->dnn.rows},
               {DNNL_ARG_WEIGHTS, &p->packed, lin->weight + p->at},
               {DNNL_ARG_DST, &p->sums, sums},
               {DNNL_ARG_SCRATCHPAD, &p->scratchpad, mine->dnn.pad}};
  enum { PARTS = sizeof parts / sizeof parts[0] };
  dnnl_exec_arg_t args[PARTS];
  dnnl_stream_t stream = NULL;
  bool ok = dnn.stream_create(&stream, dnn.engine, dnnl_stream_default_flags) == dnnl_success;
  for (int i = 0; i < PARTS; ++i) {
    args[i] = (dnnl_exec_arg_t){parts[i].arg, NULL};
    ok = ok && dnn.memory_create(&args[i].memory, parts[i].form, dnn.engine, parts[i].at) ==
                   dnnl_success;
  }
  ok = ok && dnn.primitive_execute(p->product, stream, PARTS, args) == dnnl_success &&
       dnn.stream_wait(stream) == dnnl_success;
  TFM_ASSERT(ok); /* fails only for want of a few hundred bytes */
  for (int i = 0; i < PARTS; ++i) {
    (void)dnn.memory_destroy(args[i].memory);
  }
  (void)dnn.stream_destroy(stream);
}

static void add_slice(bool int8, float *sums, const float *more)
{
  enum { COUNT = TFM_LINEAR_TILE * TFM__DNN_COLS };
  for (int i = 0; i < COUNT && !int8; ++i) {
    sums[i] += more[i];
  }
  for (int i = 0; i < COUNT && int8; ++i) {
    uint32_t a = 0; /* columns that are not there hold anything */
    uint32_t b = 0;
    memcpy(&a, sums + i, sizeof a);
    memcpy(&b, more + i, sizeof b);
    a += b;
    memcpy(sums + i, &a, sizeof a);
  }
}

static void write_tile(const tfm__linear_job *job, int64_t row, int64_t col, int64_t cols)
{
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  const tfm_linear *lin = job->lin;
  const bool int8 = lin->precision == TFM_INT8;
  const float *residual = job->epilogue.residual;
  const tfm__finish tile = {
      .c = mine->dnn.sums,
      .row_scale = int8 ? mine->dnn.step : NULL,
      .col_scale = int8 ? lin->scale + col : NULL,
      .shift = int8 ? lin->shift + col : NULL,
      .ldc = TFM__DNN_COLS,
      .rows = job->M - row < TFM_LINEAR_TILE ? job->M - row : TFM_LINEAR_TILE,
      .cols = cols,
      .bias = lin->bias + col,
      .residual = residual ? residual + row * job->epilogue.ldr + col : residual,
      .ldr = job->epilogue.ldr,
      .y = job->y + row * job->ldy + col,
      .ldy = job->ldy,
  };
  tfm__finish_used(job->lin->precision, job->epilogue.act)(&tile);
}

static void onednn_task(void *arg, int task, int thread)
{
  (void)thread;
  const tfm__linear_job *job = arg;
  const tfm_linear *lin = job->lin;
  const tfm__onednn *layer = lin->onednn;
  tfm__linear_scratch *mine = tfm__linear_scratch_mine();
  const int64_t row = task / layer->chunks * TFM_LINEAR_TILE;
  const int64_t chunk = task % layer->chunks;
  const int64_t col = first_column(lin, chunk);
  work_alone();
  if (lin->precision == TFM_INT8) {
    find_steps(job, row);
  }
  for (int64_t s = 0; s < layer->slices; ++s) {
    fetch_rows(job, row, s * TFM__DNN_DEPTH, slice_length(lin, s));
    multiply(lin, &layer->piece[chunk * layer->slices + s],
             s == 0 ? mine->dnn.sums : mine->dnn.more);
    if (s > 0) {
      add_slice(lin->precision == TFM_INT8, mine->dnn.sums, mine->dnn.more);
    }
  }
  write_tile(job, row, col, first_column(lin, chunk + 1) - col);
}

void tfm__linear_run_onednn(const tfm__linear_job *job, tfm_par *par)
{
  tfm__linear_job copy = *job;
  const int64_t tiles = (job->M + TFM_LINEAR_TILE - 1) / TFM_LINEAR_TILE;
  tfm_par_for(par, (int)(tiles * job->lin->onednn->chunks), onednn_task, &copy);
}
