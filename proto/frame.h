#ifndef TFM_PROTO_FRAME_H
#define TFM_PROTO_FRAME_H
enum { TFM_WIRE_VERSION = 1 };
#endif
