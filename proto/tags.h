/** Every frame type and every MPI tag, in one place: numbers are never reused. FORMAT.md
 * describes the bytes of each. */
#ifndef TFM_PROTO_TAGS_H
#define TFM_PROTO_TAGS_H

enum { TFM_WIRE_VERSION = 19 };

/* X(NAME, number, "name"): control frames are below 64, data frames from 64 on. */
#define TFM_FRAME_MAP(X)                                                                       \
  X(START, 1, "start")         /* 0 -> worker: the job's options; asks for HELLO */            \
  X(HELLO, 2, "hello")         /* worker -> 0: what this rank is and sees */                   \
  X(ASSIGN, 3, "assign")       /* 0 -> worker: its part of the plan; asks for READY */         \
  X(READY, 4, "ready")         /* worker -> 0: weights loaded, where memory lies */            \
  X(HEARTBEAT, 5, "heartbeat") /* both ways: I am there, and what I am doing */                \
  X(STATS, 6, "stats")         /* worker -> 0: after END, its times and counts */              \
  X(FAILED, 7, "failed")    /* worker -> 0: a status and a text; the worker waits for LEAVE */ \
  X(LEAVE, 8, "leave")      /* 0 -> worker: go, with this exit code */                         \
  X(COMM, 9, "comm")        /* 0 -> worker: measure a link to a peer, or answer one */         \
  X(SAMPLE, 10, "sample")   /* worker -> 0: what was measured of frames of one size */         \
  X(MEASURE, 11, "measure") /* 0 -> worker: all are ready; measure now */                      \
  X(SPEED, 12, "speed")     /* worker -> 0: how fast its stage is */                           \
  X(CLOCK, 13, "clock")     /* 0 -> worker and back: what time is it with you? */              \
  X(TRACE, 14, "trace")     /* worker -> 0: what it did when */                                \
  X(ATTENTION, 15, "attention")     /* worker -> 0: who attended to whom, rows of one head */  \
  X(MEMORY, 16, "memory")           /* 0 -> worker: measure your memory */                     \
  X(BANDWIDTH, 17, "bandwidth")     /* worker -> 0: how fast it is, and where that was */      \
  X(ACTIVATIONS, 64, "activations") /* to a stage: lengths, marks, ids and x [T,H] */          \
  X(RESULT, 65, "result") /* last stage -> 0: rows of values, sequence after sequence */       \
  X(END, 66, "end")       /* down the line: nothing follows on this link */

#define TFM_FRAME_ENUM(name, number, text) TFM_FRAME_##name = number,
typedef enum { TFM_FRAME_MAP(TFM_FRAME_ENUM) } tfm_frame_type;
#undef TFM_FRAME_ENUM

/** The name of a type, "unknown" for a number outside the table. */
const char *tfm_frame_type_name(int type);

/** MPI tags: one control and one data channel for each ordered pair of ranks. */
enum {
  TFM_TAG_FIRST = 100,
  TFM_TAG_CONTROL = TFM_TAG_FIRST,
  TFM_TAG_DATA,
  TFM_TAG_LAST = TFM_TAG_DATA
};

#endif
