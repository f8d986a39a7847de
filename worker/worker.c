#include "worker/worker.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/kernels/isa.h"
#include "core/model/smooth.h"
#include "core/model/speed.h"
#include "core/topo/bind.h"
#include "core/topo/memory.h"
#include "worker/asked.h"
#include "worker/comm.h"
#include "worker/memory.h"
#include "worker/stage.h"
#include "worker/states.h"
#include "worker/stats.h"
#include "worker/trace.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* How long ranks wait for each other at the very end before one gives up. */
static const double leave_limit_s = 60.0;

/* How long, of that, packed weights may take to be written for later jobs. */
static const double keep_limit_s = 20.0;

/* How long rank 0 may be silent before it has said how long it may be. */
static const double start_limit_s = 3600.0;

/* What a rank keeps from START to LEAVE, or to the next START. */
typedef struct {
  tfm_stage stage; /* what runs; its world is set first */
  tfm_msg_start start;
  tfm_machine machine; /* of all jobs: what it sees later is what this rank was pinned to */
  bool looked;         /* it is open */
  tfm_share share;
  bool pin;
  atomic_ullong seen[TFM_MACHINE_MAX_PU / 64]; /* where its threads run, by the system's word */
  tfm_model model;
  tfm_smooth *smooth;        /* scales of int8's inputs, or NULL */
  tfm_slice_options options; /* of the slice */
  char digest[TFM_SHA256_HEX];
  tfm_store *store;
} worker;

/* Texts that are longer than a message's field are cut, as messages.h says. */
static void copy_text(char *to, size_t cap, const char *from)
{
  size_t n = strnlen(from, cap - 1);
  memcpy(to, from, n);
  to[n] = '\0';
}

/* No step of the way to a job: rank 0 is there, or asks what time it is. */
static bool comes_at_any_time(const tfm_frame *frame)
{
  return frame->head.type == TFM_FRAME_HEARTBEAT || frame->head.type == TFM_FRAME_CLOCK;
}

/* Wait politely for any control frame. */
static tfm_status await_any(worker *w, tfm_frame **frame, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_world *world = w->stage.world;
  *frame = NULL;
  tfm_vigil_note(w->stage.vigil, TFM_VIGIL_LISTENING, w->stage.patience_s, 0);
  while (!*frame) {
    TFM_TRY(tfm_world_poll(world, err));
    TFM_TRY(tfm_link_receive(tfm_world_control_in(world, 0), frame, err));
    if (!*frame) {
      tfm_world_idle(world);
    } else if (comes_at_any_time(*frame)) {
      tfm_vigil_note(w->stage.vigil, TFM_VIGIL_LISTENING, w->stage.patience_s, 0);
      st = (*frame)->head.type == TFM_FRAME_CLOCK ? tfm__stage_tell_time(&w->stage, *frame, err)
                                                  : TFM_OK;
      tfm_link_release(*frame);
      *frame = NULL;
      TFM_TRY(st);
    }
  }
  tfm_world_busy(world);

fail:
  return st;
}

/* The frame if it is of this type; NULL, and released, when it is LEAVE instead. */
static tfm_status want_type(worker *w, tfm_frame_type type, tfm_frame **frame, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int got = (*frame)->head.type;
  if (got == (int)type) {
    return TFM_OK;
  }
  const unsigned char *payload = (*frame)->bytes + TFM_FRAME_HEADER;
  size_t n = (size_t)(*frame)->head.payload_bytes;
  if (got == TFM_FRAME_LEAVE) {
    tfm_msg_leave leave = {0};
    st = tfm_msg_leave_decode(&leave, payload, n, err);
    w->stage.left = st == TFM_OK;
    w->stage.code = leave.code;
  } else {
    st = tfm_fail(err, TFM_E_FORMAT, "rank %d: want %s from rank 0, got %s",
                  tfm_world_rank(w->stage.world), tfm_frame_type_name((int)type),
                  tfm_frame_type_name(got));
  }
  tfm_link_release(*frame);
  *frame = NULL;
  return st;
}

/* Wait politely for a control frame; NULL when LEAVE came instead. */
static tfm_status await_control(worker *w, tfm_frame_type type, tfm_frame **frame, tfm_err *err)
{
  const tfm_status st = await_any(w, frame, err);
  return st == TFM_OK ? want_type(w, type, frame, err) : st;
}

/* Send a control message, waiting for a free frame. takes: the contents of payload. */
static tfm_status tell(worker *w, tfm_frame_type type, tfm_buf *payload, tfm_err *err)
{
  tfm_status st = payload->failed
                      ? tfm_fail(err, TFM_E_NOMEM, "message %s", tfm_frame_type_name((int)type))
                      : TFM_OK;
  bool sent = false;
  while (st == TFM_OK && !sent) {
    st = tfm_msg_send(tfm_world_control_out(w->stage.world, 0), type, payload, &sent, err);
    if (st == TFM_OK && !sent) {
      tfm_world_idle(w->stage.world);
      st = tfm_world_poll(w->stage.world, err);
    }
  }
  tfm_buf_fini(payload);
  return st;
}

/* A piece of `bench comm`. takes: frame. */
static tfm_status play_comm(worker *w, tfm_frame *frame, tfm_err *err)
{
  tfm_msg_comm comm;
  tfm_status st = tfm_msg_comm_decode(&comm, frame->bytes + TFM_FRAME_HEADER,
                                      (size_t)frame->head.payload_bytes, err);
  tfm_link_release(frame);
  return st == TFM_OK ? tfm__worker_comm(w->stage.world, &comm, err) : st;
}

/* A piece of `bench memory`. takes: frame. */
static tfm_status play_memory(worker *w, tfm_frame *frame, tfm_err *err)
{
  tfm_msg_memory memory;
  tfm_msg_bandwidth bandwidth;
  tfm_buf payload = {0};
  tfm_status st = tfm_msg_memory_decode(&memory, frame->bytes + TFM_FRAME_HEADER,
                                        (size_t)frame->head.payload_bytes, err);
  tfm_link_release(frame);
  st = st == TFM_OK ? tfm__worker_memory(&memory, &bandwidth, err) : st;
  if (st == TFM_OK) {
    (void)tfm_msg_bandwidth_encode(&bandwidth, &payload);
    st = tell(w, TFM_FRAME_BANDWIDTH, &payload, err);
  }
  return st;
}

static bool is_measuring(const tfm_frame *frame)
{
  return frame->head.type == TFM_FRAME_COMM || frame->head.type == TFM_FRAME_MEMORY;
}

/* The job, or what is measured in place of one. */
static tfm_status receive_start(worker *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame *frame = w->stage.again;
  w->stage.again = NULL;
  st = frame ? TFM_OK : await_any(w, &frame, err);
  while (st == TFM_OK && is_measuring(frame)) {
    st = frame->head.type == TFM_FRAME_COMM ? play_comm(w, frame, err)
                                            : play_memory(w, frame, err);
    frame = NULL;
    st = st == TFM_OK ? await_any(w, &frame, err) : st;
  }
  st = st == TFM_OK ? want_type(w, TFM_FRAME_START, &frame, err) : st;
  if (frame) {
    st = tfm_msg_start_decode(&w->start, frame->bytes + TFM_FRAME_HEADER,
                              (size_t)frame->head.payload_bytes, err);
    tfm_link_release(frame);
  }
  return st;
}

static int32_t node_of_all(const tfm_machine *machine)
{
  tfm_share all;
  tfm_share_of(machine, 0, 1, &all);
  return all.node;
}

static tfm_status say_hello(worker *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_msg_hello hello = {0};
  tfm_buf text = {0};
  tfm_engine engine;
  tfm_head_spec spec;
  if (!w->looked) {
    TFM_TRY(tfm_machine_open(&w->machine, err));
    w->looked = true;
  }
  TFM_TRY(tfm__asked_head(&w->start, &spec, err));
  TFM_TRY(tfm__asked_engine(&w->start, &engine, err));
  TFM_TRY(tfm_model_open_for(&w->model, w->start.model, &spec, err));
  TFM_TRY(tfm_model_digest(&w->model, w->start.digest_full, w->digest, err));
  copy_text(hello.digest, sizeof hello.digest, w->digest);
  TFM_TRY(tfm_cpuset_print(&w->machine.allowed, &text));
  copy_text(hello.cpuset, sizeof hello.cpuset, tfm_buf_cstr(&text));
  copy_text(hello.version, sizeof hello.version, TFM_VERSION);
  copy_text(hello.host, sizeof hello.host, w->machine.host);
  copy_text(hello.cpu, sizeof hello.cpu, w->machine.cpu_model);
  copy_text(hello.isa, sizeof hello.isa, tfm_isa_name(tfm_isa_best()));
  copy_text(hello.arithmetic, sizeof hello.arithmetic, tfm_backend_arithmetic(engine.backend));
  TFM_TRY(tfm_smooth_open(&w->smooth, &w->model, w->start.smooth, err));
  engine.smooth = w->smooth;
  tfm_engine_numeric_id(engine, hello.numeric_id);
  copy_text(hello.denormals, sizeof hello.denormals, tfm_fp_denormals());
  hello.ncore = w->machine.ncore;
  hello.ncore_host = w->machine.ncore_granted;
  hello.nnode = w->machine.nnode;
  hello.node = node_of_all(&w->machine);
  hello.pid = getpid();
  hello.resident_bytes = tfm_memory_of_process().now;
  hello.available_bytes = tfm_memory_available("");
  tfm_buf payload = {0};
  (void)tfm_msg_hello_encode(&hello, &payload);
  TFM_TRY(tell(w, TFM_FRAME_HELLO, &payload, err));

fail:
  tfm_buf_fini(&text);
  return st;
}

static tfm_status receive_assign(worker *w, tfm_err *err)
{
  tfm_frame *frame = NULL;
  tfm_status st = await_control(w, TFM_FRAME_ASSIGN, &frame, err);
  if (frame) {
    st = tfm_msg_assign_decode(&w->stage.assign, frame->bytes + TFM_FRAME_HEADER,
                               (size_t)frame->head.payload_bytes, err);
    tfm_link_release(frame);
  }
  return st;
}

static void note_place(worker *w)
{
  tfm_cpuset set;
  (void)tfm_bind_seen(&set); /* else it is empty */
  for (int i = 0; i < TFM_MACHINE_MAX_PU / 64; ++i) {
    atomic_fetch_or(&w->seen[i], set.bits[i]);
  }
}

static void pin_member(void *arg, int thread)
{
  worker *w = arg;
  tfm_err ignored = {0}; /* thread 0 has reported already whether pinning works here */
  if (w->pin) {
    (void)!tfm_bind_thread(&w->machine, &w->share, thread, &ignored);
    note_place(w);
  }
}

static void do_nothing(void *arg, int task, int thread)
{
  (void)arg;
  (void)task;
  (void)thread;
}

/* Where all threads of this rank run: each has noted it once all have done a task. */
static tfm_cpuset place_of_all(worker *w)
{
  tfm_cpuset set = {{0}};
  note_place(w);
  if (w->pin && w->stage.team) {
    tfm_par_for(tfm_team_par(w->stage.team), w->stage.assign.threads, do_nothing, NULL);
  }
  for (int i = 0; i < TFM_MACHINE_MAX_PU / 64; ++i) {
    set.bits[i] = atomic_load(&w->seen[i]);
  }
  return tfm_cpuset_count(&set) > 0 ? set : w->machine.allowed;
}

/* The stage is the worker's first member, so one argument serves both hooks of the team. */
static void poll_stage(void *arg)
{
  worker *w = arg;
  if (w->stage.slice) { /* while it is loaded rank 0 expects no word */
    tfm__stage_poll(&w->stage);
  }
}

/* What this rank would make of the engine it is told must bear the name it is told. */
static tfm_status check_numbers(const worker *w, tfm_err *err)
{
  const tfm_msg_assign *a = &w->stage.assign;
  char own[TFM_NUMERIC_ID] = "";
  tfm_engine engine;
  tfm_isa isa = TFM_ISA_PORTABLE;
  tfm_err ignored = {0};
  if (tfm__asked_engine(&w->start, &engine, &ignored) == TFM_OK &&
      tfm_backend_parse(a->backend, &engine.backend) && tfm_isa_parse(a->isa, &isa) &&
      tfm_precision_parse(a->precision, &engine.precision)) {
    engine.smooth = w->smooth;
    tfm_engine_numeric_id(engine, own);
  }
  return strcmp(a->numeric_id, own) == 0
             ? TFM_OK
             : tfm_fail(err, TFM_E_CONFIG, "plan: numeric_id %s, this rank computes %s",
                        a->numeric_id, own[0] ? own : "no such engine");
}

/* The plan is rank 0's; what it says about this rank must be possible here, and mean the same. */
static tfm_status check_assign(const worker *w, tfm_err *err)
{
  const tfm_msg_assign *a = &w->stage.assign;
  const tfm_config *config = &w->model.config;
  if (a->stage < 0) {
    return TFM_OK;
  }
  if (check_numbers(w, err) != TFM_OK) {
    return TFM_E_CONFIG;
  }
  const bool last = a->units.last == 2 * config->L;
  if (a->units.first >= a->units.last || a->units.last > 2 * config->L || a->head != last ||
      a->stage >= a->stages || a->hidden != config->H) {
    return tfm_fail(
        err, TFM_E_CONFIG,
        "plan: units %lld to %lld, stage %d of %d, width %lld%s; this model has %lld "
        "units of width %lld",
        (long long)a->units.first, (long long)a->units.last, a->stage, a->stages,
        (long long)a->hidden, a->head ? ", with the head" : "", 2 * (long long)config->L,
        (long long)config->H);
  }
  return TFM_OK;
}

/* Decide where this rank runs, before any memory it will use is touched. A rank that cannot be
 * pinned works all the same, and says so. */
static void place(worker *w, tfm_msg_ready *ready)
{
  const tfm_msg_assign *assign = &w->stage.assign;
  bool split = assign->share_count > 0;
  tfm_share_of(&w->machine, split ? assign->share_index : 0, split ? assign->share_count : 1,
               &w->share);
  w->pin = split && !w->share.shared && tfm_world_is_mpi(w->stage.world);
  tfm__place_open(&w->stage.place, w->stage.world, assign, &w->machine, &w->share);
  if (!w->pin) {
    return;
  }
  tfm_err err = {0};
  if (tfm_bind_thread(&w->machine, &w->share, assign->threads > 1 ? 0 : -1, &err) != TFM_OK ||
      tfm_bind_memory(&w->share, &err) != TFM_OK) {
    copy_text(ready->note, sizeof ready->note, err.text);
    w->pin = false;
  }
}

static tfm_status open_links(worker *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_stage *stage = &w->stage;
  const tfm_msg_assign *a = &stage->assign;
  tfm_frame_limits in = {.max_B = a->max_sequences,
                         .max_T = a->max_tokens,
                         .width = a->hidden,
                         .bfloat16 = stage->x != NULL};
  tfm_frame_limits out = in;
  int own =
      0; /* a stage sends on the frames it received; only results need frames of their own */
  bool fits = tfm_frame_activation_bytes(tfm_frame_table_most(in.max_B, in.max_T), in.max_T,
                                         in.width, in.bfloat16, &in.max_payload);
  out.max_payload = in.max_payload;
  if (a->head) {
    out.width = a->result_width;
    out.bfloat16 = false;
    out.max_T = a->max_rows;
    own = TFM_LINK_BUFFERS;
    fits = fits && tfm_frame_result_bytes(out.max_B, out.max_T, out.width, &out.max_payload);
  }
  if (!fits) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "frames of %lld tokens x %lld", (long long)a->max_tokens,
                     (long long)a->hidden));
  }
  tfm_world_place_buffers(stage->world, w->machine.nnode_machine > 1);
  TFM_TRY(tfm_world_open_in(stage->world, &stage->in, a->previous, &in, TFM_LINK_BUFFERS, err));
  TFM_TRY(tfm_world_open_out(stage->world, &stage->out, a->next, &out, own, err));

fail:
  return st;
}

/* Weights of another rank's or an earlier job's are taken as they lie where nearly all are on this
 * rank's node, or nobody can tell. */
static bool lies_near(void *arg, const void *p, size_t bytes)
{
  const worker *w = arg;
  tfm_locality where = {0};
  if (w->machine.nnode_machine < 2 || w->share.node < 0) {
    return true;
  }
  tfm_locality_add(&where, p, bytes, w->share.node);
  return !where.known || 10 * where.local_pages >= 9 * where.pages;
}

static tfm_status open_store(worker *w, tfm_err *err)
{
  const tfm_store_options options = {.folder = w->start.cache,
                                     .digest = w->digest,
                                     .digest_full = w->start.digest_full,
                                     .lender = w->stage.assign.lender,
                                     .lent = w->stage.assign.lent,
                                     .near = lies_near,
                                     .arg = w};
  return tfm_store_open(&w->store, &w->model, &options, err);
}

/* What others on the host may take, and what a person should know of the cache. */
static void say_store(const worker *w, tfm_msg_ready *ready)
{
  ready->lent = tfm_store_lend(w->store);
  if (!ready->note[0]) {
    copy_text(ready->note, sizeof ready->note, tfm_store_note(w->store));
  }
}

/* Weights, threads, links: everything the stage needs, on the right node. */
static tfm_status prepare(worker *w, tfm_msg_ready *ready, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_stage *stage = &w->stage;
  const tfm_msg_assign *a = &stage->assign;
  double start = tfm_now_s();
  tfm_isa isa = TFM_ISA_PORTABLE;
  tfm_config_reach(&w->model.config, a->longest);
  tfm_slice_options options = {.first = a->units.first,
                               .last = a->units.last,
                               .head = a->head,
                               .max_tokens = a->max_tokens,
                               .max_sequences = a->max_sequences,
                               .nthread = a->threads,
                               .slots = a->slots,
                               .pages = a->pages};
  tfm_team_options team = {.nthread = a->threads,
                           .spin = w->pin && w->share.ncore >= a->threads,
                           .start = pin_member,
                           .poll = poll_stage,
                           .arg = w};
  const char *bad = NULL;
  TFM_TRY(tfm__asked_engine(&w->start, &options.engine, err));
  options.engine.smooth = w->smooth;
  if (!tfm_backend_parse(a->backend, &options.engine.backend) ||
      !tfm_precision_parse(a->precision, &options.engine.precision) ||
      !tfm_isa_parse(a->isa, &isa)) {
    TFM_TRY(tfm_fail(err, TFM_E_CONFIG,
                     "backend %s, dtype %s or isa %s is unknown to this build", a->backend,
                     a->precision, a->isa));
  }
  if (tfm_isa_used() != isa) {
    TFM_TRY(tfm_isa_use(isa, err));
  }
  TFM_TRY(open_store(w, err));
  options.store = w->store;
  TFM_TRY(tfm_team_open(&stage->team, &team, err));
  options.par = tfm_team_par(stage->team);
  TFM_TRY(tfm_slice_open(&stage->slice, &w->model, &options, err));
  w->options = options;
  say_store(w, ready);
  if (a->probe && tfm_slice_probe_failed(stage->slice, &bad)) {
    copy_text(ready->probe_failed, sizeof ready->probe_failed, bad);
  }
  stage->max_length = w->model.config.max_length;
  stage->vocabulary = w->model.config.V;
  stage->heads = w->model.config.N;
  stage->lm = w->model.config.task == TFM_TASK_TEXT_GENERATION ? w->model.spec.lm : TFM_LM_NONE;
  tfm_head_shape shape = tfm_model_shape(&w->model);
  stage->rows = shape.rows;
  if (a->head && shape.width != a->result_width) {
    TFM_TRY(tfm_fail(err, TFM_E_CONFIG,
                     "results: rank 0 wants %lld floats a row, this head has %lld",
                     (long long)a->result_width, (long long)shape.width));
  }
  stage->reads = tfm_config_decoder(&w->model.config) > 0;
  TFM_TRY(tfm__states_open(stage, options.engine.wire == TFM_BFLOAT16, err));
  if (a->trace && (stage->trace = tfm_calloc(1, sizeof *stage->trace)) == NULL) {
    TFM_TRY(tfm_fail(err, TFM_E_NOMEM, "what is told of %d spans", TFM_MSG_SPANS));
  }
  TFM_TRY(open_links(w, err));
  ready->load_s = tfm_now_s() - start;

fail:
  return st;
}

static tfm_status say_ready(worker *w, tfm_msg_ready *ready, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_buf text = {0};
  tfm_buf payload = {0};
  const tfm_cpuset place = place_of_all(w);
  TFM_TRY(tfm_cpuset_print(&place, &text));
  copy_text(ready->cpuset, sizeof ready->cpuset, tfm_buf_cstr(&text));
  ready->node = w->share.node;
  if (w->stage.slice) {
    tfm_locality where = tfm__slice_locality(w->stage.slice, &w->machine, w->share.node);
    ready->weight_bytes = (int64_t)tfm_slice_weight_bytes(w->stage.slice);
    ready->scratch_bytes = (int64_t)tfm_slice_scratch_bytes(w->stage.slice);
    ready->locality_known = where.known;
    ready->pages = where.pages;
    ready->local_pages = where.local_pages;
  }
  (void)tfm_msg_ready_encode(ready, &payload);
  TFM_TRY(tell(w, TFM_FRAME_READY, &payload, err));

fail:
  tfm_buf_fini(&text);
  return st;
}

/* How fast this stage is, for the plan's prediction, while other cores are measured too; texts that
 * grow are not predicted. */
static tfm_status say_speed(worker *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_frame *frame = NULL;
  tfm_msg_measure measure = {0};
  tfm_speed speed = {0};
  tfm_buf payload = {0};
  TFM_TRY(await_control(w, TFM_FRAME_MEASURE, &frame, err));
  if (!frame) {
    return TFM_OK; /* leaving */
  }
  st = tfm_msg_measure_decode(&measure, frame->bytes + TFM_FRAME_HEADER,
                              (size_t)frame->head.payload_bytes, err);
  tfm_link_release(frame);
  TFM_TRY(st);
  tfm_vigil_note(w->stage.vigil, TFM_VIGIL_LOADING, w->start.load_s, 0);
  tfm_slice_options options = w->options;
  if (measure.tokens < options.max_tokens) {
    options.max_tokens = measure.tokens;
  }
  if (options.slots == 0 && measure.tokens > 0) {
    TFM_TRY(tfm_speed_measure(&speed, w->stage.slice, &w->model, &options, err));
  }
  const tfm_msg_speed said = {speed.attention, speed.scores, speed.ffn, speed.head};
  (void)tfm_msg_speed_encode(&said, &payload);
  TFM_TRY(tell(w, TFM_FRAME_SPEED, &payload, err));

fail:
  return st;
}

/* What --trace has not been told yet. */
static tfm_status say_trace(worker *w, tfm_err *err)
{
  const tfm_msg_trace *trace = w->stage.trace;
  tfm_buf payload = {0};
  if (!trace || (trace->n == 0 && trace->lost == 0)) {
    return TFM_OK;
  }
  (void)tfm_msg_trace_encode(trace, &payload);
  return tell(w, TFM_FRAME_TRACE, &payload, err);
}

static tfm_status say_stats(worker *w, tfm_err *err)
{
  tfm_msg_stats *stats = &w->stage.stats;
  tfm_locality where = tfm__slice_locality(w->stage.slice, &w->machine, w->share.node);
  stats->cpu_s = w->stage.team ? tfm_team_cpu_s(w->stage.team) : 0;
  stats->peak_rss_bytes = tfm_memory_of_process().peak;
  stats->locality_known = where.known;
  stats->pages = where.pages;
  stats->local_pages = where.local_pages;
  tfm_buf payload = {0};
  (void)tfm_msg_stats_encode(stats, &payload);
  return tell(w, TFM_FRAME_STATS, &payload, err);
}

/* From START to STATS; returns early, with TFM_OK, when rank 0 says LEAVE. */
static tfm_status work(worker *w, tfm_err *err)
{
  tfm_status st = TFM_OK;
  tfm_msg_ready ready = {.lent = -1};
  TFM_TRY(receive_start(w, err));
  if (w->stage.left) {
    return TFM_OK;
  }
  w->stage.stall_s = w->start.stall_s;
  w->stage.patience_s = w->start.load_s; /* until rank 0 is at work, too */
  tfm_vigil_note(w->stage.vigil, TFM_VIGIL_LOADING, w->start.load_s, 0);
  TFM_TRY(say_hello(w, err));
  TFM_TRY(receive_assign(w, err));
  if (w->stage.left) {
    return TFM_OK;
  }
  tfm_vigil_note(w->stage.vigil, TFM_VIGIL_LOADING, w->start.load_s, 0);
  TFM_TRY(check_assign(w, err));
  place(w, &ready);
  if (w->stage.assign.stage >= 0) {
    TFM_TRY(prepare(w, &ready, err));
  }
  TFM_TRY(say_ready(w, &ready, err));
  if (w->stage.assign.stage >= 0) {
    TFM_TRY(say_speed(w, err));
  }
  w->stage.beat_s = tfm_now_s();
  if (w->stage.assign.stage >= 0 && !w->stage.left) {
    TFM_TRY(tfm__stage_run(&w->stage, err));
  }
  if (!w->stage.left && w->stage.assign.stage >= 0) {
    TFM_TRY(say_trace(w, err));
    TFM_TRY(say_stats(w, err));
  }

fail:
  return st;
}

/* A failure is rank 0's to print and to decide on. */
static void report_failure(worker *w, const tfm_err *why)
{
  tfm_msg_failed failed = {.err = *why};
  tfm_buf payload = {0};
  tfm_err ignored = {0};
  (void)tfm_msg_failed_encode(&failed, &payload);
  (void)!tell(w, TFM_FRAME_FAILED, &payload, &ignored);
}

/* LEAVE, or START of another job where this one is over. */
static void await_leave(worker *w)
{
  tfm_err err = {0};
  w->stage.stall_s = w->start.load_s; /* rank 0 brings its output to an end */
  w->stage.patience_s = w->stage.stall_s > 0 ? w->stage.stall_s : start_limit_s;
  tfm_vigil_note(w->stage.vigil, TFM_VIGIL_LISTENING, w->stage.patience_s, 0);
  while (!w->stage.left && !w->stage.again) {
    if (tfm_world_poll(w->stage.world, &err) != TFM_OK) {
      tfm_world_abort(tfm_status_exit(err.status), err.text);
    }
    tfm_err odd = {0}; /* frames that are not LEAVE no longer matter */
    if (tfm__stage_control(&w->stage, &odd) == TFM_E_CONFIG) {
      w->stage.left = true; /* rank 0 is another build, and says no more than LEAVE by now */
      w->stage.code = tfm_status_exit(TFM_E_CONFIG);
    }
    if (w->stage.in) { /* keep the line draining: the rank before may still be sending */
      tfm_frame *frame = NULL;
      if (tfm_link_receive(w->stage.in, &frame, &odd) == TFM_OK && frame) {
        tfm_link_release(frame);
        continue;
      }
    }
    if (!w->stage.left && !w->stage.again) {
      tfm_world_idle(w->stage.world);
    }
  }
}

/* Release what one job made. */
static void end_job(worker *w)
{
  tfm_team_close(w->stage.team);
  tfm_slice_close(w->stage.slice);
  tfm_store_close(w->store);
  tfm_smooth_close(w->smooth);
  tfm_model_fini(&w->model);
  tfm__states_close(&w->stage);
  tfm_free(w->stage.trace);
}

/* As before the first START, but for what all jobs share. */
static void forget_job(worker *w)
{
  const worker kept = {.stage = {.world = w->stage.world,
                                 .vigil = w->stage.vigil,
                                 .again = w->stage.again,
                                 .patience_s = start_limit_s},
                       .machine = w->machine,
                       .looked = w->looked};
  *w = kept;
}

/* One job, whatever becomes of it, until rank 0 says what follows. */
static void play(worker *w)
{
  tfm_err err = {0};
  const tfm_status st = work(w, &err);
  w->stage.over = st == TFM_OK;
  if (st != TFM_OK) {
    if (err.status == TFM_OK) { /* some steps have a status alone */
      (void)tfm_fail(&err, st, "%s", tfm_status_text(st));
    }
    (void)tfm_err_prefix(&err, "rank %d%s%.64s", tfm_world_rank(w->stage.world),
                         w->machine.host[0] ? " on " : "", w->machine.host);
    report_failure(w, &err);
  }
  await_leave(w);
  if (w->stage.code == 0 && w->store) {
    tfm_store_keep(w->store, keep_limit_s);
  }
}

static void fire(const char *line)
{
  tfm_world_abort(tfm_status_exit(TFM_E_PEER), line);
}

int tfm_worker_main(tfm_world *world)
{
  tfm_err err = {0};
  worker *w = tfm_calloc(1, sizeof *w);
  if (!w) {
    tfm_world_abort(tfm_status_exit(TFM_E_NOMEM), "no memory for a worker's own state");
  }
  w->stage.world = world;
  w->stage.patience_s = start_limit_s;
  tfm_fp_default();
  /* The ranks of one process are stopped together. */
  if (tfm_world_is_mpi(world) &&
      tfm_vigil_open(&w->stage.vigil, tfm_world_rank(world), fire, &err) != TFM_OK) {
    (void)tfm_err_prefix(&err, "rank %d", tfm_world_rank(world));
    report_failure(w, &err);
    await_leave(w);
  }
  while (!w->stage.left) {
    play(w);
    end_job(w);
    if (!w->stage.left) {
      forget_job(w);
    }
  }
  const int code = w->stage.code;
  tfm_vigil_close(w->stage.vigil);
  tfm_machine_fini(&w->machine);
  tfm_free(w);
  tfm_err late = {0};
  if (tfm_world_leave(world, leave_limit_s, &late) != TFM_OK) {
    tfm_world_abort(code ? code : tfm_status_exit(late.status), late.text);
  }
  return code;
}
