/** Control messages as structs, and their way into and out of a frame's payload. One entry
 * here, one in tags.h, one in FORMAT.md, one test. Decoders are strict: every byte is accounted
 * for.
 *
 *  Strings are NUL-terminated UTF-8 in fixed arrays; longer ones are cut when written.
 */
#ifndef TFM_PROTO_MESSAGES_H
#define TFM_PROTO_MESSAGES_H

#include "core/base/buf.h"
#include "core/base/status.h"
#include "core/plan/plan.h"
#include "proto/link.h"

#include <stdbool.h>
#include <stdint.h>

enum {
  TFM_MSG_TEXT = 256,
  TFM_MSG_PATH = 4096,
  TFM_MSG_CACHE = 1024,
  TFM_MSG_CPUSET = 1024,
  TFM_MSG_IDS = 2048,
  TFM_MSG_SPANS = 512,
  TFM_MSG_WEIGHTS = 7680
};

/** A list of numbers. */
typedef struct {
  int32_t n; /* 0..TFM_MSG_IDS */
  int32_t v[TFM_MSG_IDS];
} tfm_msg_ids;

/** 0 -> worker: what the job is. */
typedef struct {
  char model[TFM_MSG_PATH]; /* absolute folder */
  char backend[16];         /* ref, native, openblas, onednn */
  char dtype[16];           /* of the units' linear layers: float32, bfloat16, int8 */
  char kv[16];              /* of keys and values that are kept, likewise */
  char wire[16];            /* of hidden states between stages: float32, bfloat16 */
  /* where int8's scales come from: "", "weights", or a file's path */
  char smooth[TFM_MSG_PATH];
  bool digest_full;
  char cache[TFM_MSG_CACHE]; /* absolute folder of packed weights; "" for none */
  /* The head that is wanted, as core/model/head_spec.h has it; "none": the model's own task. */
  char task[32];
  int32_t pooling, normalize;
  int64_t dims, top_k;
  tfm_msg_ids only;
  int32_t lm;
  bool sample;
  int64_t seed;
  double temperature, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff, repetition_penalty;
  int64_t no_repeat_ngram, min_new, min_length, force_first, force_last, last_new, last_length;
  int64_t decay_after;
  double decay;
  bool renormalize;
  int64_t branches, candidates;
  tfm_msg_ids said;
  double stall_s; /* how long ranks wait for each other at work, and */
  double load_s;  /* before it; 0: for ever */
} tfm_msg_start;

/** worker -> 0: compared on rank 0 before any weight is read; a difference is TFM_E_CONFIG with
 * a table of the fields that differ. */
typedef struct {
  char version[64]; /* program version and build */
  char digest[80];  /* model identity */
  char host[TFM_MSG_TEXT];
  char cpuset[TFM_MSG_CPUSET];      /* what the rank may use */
  char cpu[128];                    /* processor model */
  char isa[16];                     /* best instruction set */
  char arithmetic[64];              /* of the backend: part of numeric_id */
  char numeric_id[160];             /* as this build makes it: contract, arithmetic, dtype */
  char denormals[16];               /* "kept", or what its floating point unit does to them */
  int32_t ncore, ncore_host, nnode; /* usable; granted on the host; NUMA nodes */
  int32_t node; /* the NUMA node all usable cores lie on, -1 when they span several */
  int64_t pid;
  int64_t resident_bytes;  /* before anything is loaded */
  int64_t available_bytes; /* that the host still has; -1: not known */
} tfm_msg_hello;

/** 0 -> worker: its part of the plan. A spare rank gets stage -1. */
typedef struct {
  char numeric_id[160];
  char isa[16]; /* the one to use */
  char backend[16];
  char precision[16]; /* of the units' linear layers, core/kernels/precision.h */
  int32_t replica, stage, stages;
  tfm_range units;
  bool head;
  int32_t previous, next; /* ranks of the data links; next is 0 for the last stage */
  int64_t hidden, result_width;
  int64_t max_tokens, max_sequences;
  int64_t max_rows;     /* of values in one result */
  int64_t slots, pages; /* sequences that grow, and the pages they share; 0: all come whole */
  int64_t longest;      /* tokens of a sequence: what a model without a limit is made for */
  int32_t threads;
  int32_t share_index, share_count; /* its place among the ranks with the same cpuset on its
                                       host; count 0: inherit, do not pin */
  int32_t keeper;                   /* the first rank of those, who keeps their seats */
  bool probe;                       /* probe layers of libraries */
  bool trace;                       /* tell what is done when: TRACE */
  bool look;      /* tell attention weights: ATTENTION; one sequence a batch */
  int64_t lender; /* a process on the rank's host with the same slice, or 0 */
  int32_t lent;   /* its READY's */
} tfm_msg_assign;

/** worker -> 0. */
typedef struct {
  char cpuset[TFM_MSG_CPUSET];     /* where it runs now */
  char probe_failed[TFM_MSG_TEXT]; /* the first layer that is not position-independent, or "" */
  char note[TFM_MSG_TEXT]; /* what a person should know (pinning not possible...), or "" */
  int32_t node;            /* NUMA node, -1 when it spans several */
  int64_t weight_bytes, scratch_bytes;
  bool locality_known;
  int64_t pages, local_pages;
  double load_s;
  int32_t lent; /* the descriptor by which others on the host find its weights, or -1 */
} tfm_msg_ready;

/** 0 -> worker with a stage, once all are ready: measure your slice now, while others do. */
typedef struct {
  int64_t tokens; /* of a micro-batch; 0: others on your cores do it for you */
} tfm_msg_measure;

/** worker -> 0: seconds a flop, as core/model/speed.h has them; 0: not measured. */
typedef struct {
  double attention_s, scores_s, ffn_s, head_s;
} tfm_msg_speed;

/** worker -> 0, once a second; 0 -> worker, that it is there. */
typedef struct {
  int32_t computing; /* 1: on `batch`; 0: waiting */
  uint64_t batch;
  double since_s; /* seconds in this state */
  /* What a worker has done so far, the present state included; 0 from rank 0. */
  uint64_t frames, tokens;
  double busy_s, wait_s, send_s; /* as in tfm_msg_stats */
} tfm_msg_heartbeat;

/** worker -> 0, after END. */
typedef struct {
  uint64_t frames, tokens;
  double busy_s, wait_s,
      send_s;                  /* computing; waiting for input; checking and sealing frames and
                                    waiting for a free one */
  double cpu_s, compute_cpu_s; /* of all threads; of it while computing */
  int64_t peak_rss_bytes;
  bool locality_known;
  int64_t pages, local_pages;
} tfm_msg_stats;

/** 0 -> worker, which answers with the same asked_s and its own clock. */
typedef struct {
  double asked_s; /* by rank 0's tfm_now_s() */
  double now_s;   /* by the worker's; 0 in the question */
} tfm_msg_clock;

/** What a rank was about for a while. */
typedef enum {
  TFM_SPAN_WAIT,    /* worker: for a micro-batch */
  TFM_SPAN_COMPUTE, /* worker: its units on one */
  TFM_SPAN_HEAD,    /* last worker: the head on one */
  TFM_SPAN_SEND,    /* worker: checking, sealing and finding room for a frame */
  TFM_SPAN_EMBED,   /* rank 0: making a micro-batch and sending it */
  TFM_SPAN_WRITE,   /* rank 0: writing rows */
  TFM_SPAN_COUNT
} tfm_span_kind;

typedef struct {
  int32_t kind;
  uint64_t batch; /* 0: none */
  int64_t tokens; /* of the micro-batch; 0: not told */
  double begin_s, end_s;
} tfm_msg_span;

/** worker -> 0: spans in their order, none within another, by the worker's clock. */
typedef struct {
  uint64_t lost; /* spans before these that there was no room for */
  int32_t n;     /* 0..TFM_MSG_SPANS */
  tfm_msg_span v[TFM_MSG_SPANS];
} tfm_msg_trace;

/** worker -> 0: attention weights of one layer and head, whole rows of keys. */
typedef struct {
  int64_t layer, head;
  int64_t tokens; /* keys a row, and queries in all */
  int64_t first;  /* query of the first row */
  int32_t n;      /* weights: rows times tokens */
  float v[TFM_MSG_WEIGHTS];
} tfm_msg_attention;

/** worker -> 0. */
typedef struct {
  tfm_err err;
} tfm_msg_failed;

/** 0 -> worker. */
typedef struct {
  int32_t code;
} tfm_msg_leave;

/** 0 -> worker, before START: measure the links with a peer, or answer it (proto/comm.h). */
typedef struct {
  int32_t peer;
  bool measures; /* else it answers */
  int64_t passes;
} tfm_msg_comm;

/** worker -> 0: one of proto/comm.h's samples. */
typedef struct {
  int64_t bytes;
  bool shared;
  double latency_s, waiting_s, bytes_per_s;
} tfm_msg_sample;

/** 0 -> worker, before START: measure memory (core/kernels/stream.h) with so many threads, or with
 * as many as the rank has cores (0). */
typedef struct {
  int32_t threads;
  int32_t beside;        /* ranks of its host that measure at the same time, itself too */
  int64_t bytes, passes; /* of an array of a thread; of each loop */
} tfm_msg_memory;

/** worker -> 0: bytes a second of each loop, all threads together. */
typedef struct {
  char host[TFM_MSG_TEXT];
  char cpuset[TFM_MSG_CPUSET]; /* what the rank may use */
  int32_t ncore, threads;      /* of it; that measured */
  double copy, scale, add, triad;
} tfm_msg_bandwidth;

/** For each: encode appends the payload to an empty buffer; decode reads all of it.
 *  Errors: TFM_E_NOMEM; TFM_E_FORMAT naming message and field. */
#define TFM_MESSAGE(name)                                                                      \
  tfm_status tfm_msg_##name##_encode(const tfm_msg_##name *msg, tfm_buf *out);                 \
  tfm_status tfm_msg_##name##_decode(tfm_msg_##name *msg, const void *bytes, size_t n,         \
                                     tfm_err *err) TFM_MUST_USE;
TFM_MESSAGE(start)
TFM_MESSAGE(hello)
TFM_MESSAGE(assign)
TFM_MESSAGE(ready)
TFM_MESSAGE(heartbeat)
TFM_MESSAGE(stats)
TFM_MESSAGE(failed)
TFM_MESSAGE(leave)
TFM_MESSAGE(comm)
TFM_MESSAGE(sample)
TFM_MESSAGE(measure)
TFM_MESSAGE(speed)
TFM_MESSAGE(clock)
TFM_MESSAGE(trace)
TFM_MESSAGE(attention)
TFM_MESSAGE(memory)
TFM_MESSAGE(bandwidth)
#undef TFM_MESSAGE

/** Put an encoded payload into a free frame of a control link and send it. When no frame is
 * free: *sent (when not NULL) is false and nothing happened. */
tfm_status tfm_msg_send(tfm_link *out, tfm_frame_type type, const tfm_buf *payload, bool *sent,
                        tfm_err *err) TFM_MUST_USE;

#endif
