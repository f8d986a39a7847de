/** What every part of loading is told. Room-private. */
#ifndef TFM_CORE_MODEL_LOADER_H
#define TFM_CORE_MODEL_LOADER_H

#include "core/base/shelf.h"
#include "core/kernels/linear.h"
#include "core/model/model.h"

/** Where weights come from, who will compute with them, and where they go. */
typedef struct {
  const tfm_model *model;
  tfm_engine engine;
  tfm_shelf *shelf; /* one that is filled is not read into; NULL: the heap */
  tfm_par *par;     /* threads that read and pack linear layers; NULL: this one */
} tfm__loader;

#endif
