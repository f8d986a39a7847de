/** modules.json: what a sentence-transformers folder puts behind the model's body. Room-private
 * but for the flags of tfm_sentence.
 *
 *  Source: sentence-transformers 5, base/modules and sentence_transformer/modules. */
#ifndef TFM_CORE_MODEL_SENTENCE_H
#define TFM_CORE_MODEL_SENTENCE_H

#include "core/base/arena.h"
#include "core/model/head_spec.h"
#include "core/model/safetensors.h"

enum { TFM__POOLING_MOST = 6, TFM__STEP_MOST = 8 };

typedef enum { TFM__STEP_DENSE, TFM__STEP_NORMALIZE } tfm__step_kind;

/** One module after the pooling. */
typedef struct {
  tfm__step_kind kind;
  const char *path; /* in the folder; the weights' folder of a dense step */
  int64_t in, out;  /* dense [out,in] */
  bool bias;
  tfm_activation act;
  tfm_checkpoint *checkpoint; /* dense */
} tfm__step;

/** Plain data; zero-initialised: there is no modules.json. */
typedef struct {
  bool there;
  const char *body;  /* where config.json and the weights are: "" or a subfolder */
  bool after_prompt; /* pooling leaves out the prompt's tokens */
  int npool;
  tfm_pooling pool[TFM__POOLING_MOST]; /* their vectors stand one behind the other */
  int nstep;
  tfm__step steps[TFM__STEP_MOST];
  tfm_arena arena;
} tfm_sentence;

/** Read folder/modules.json and the configs it names; without one, or when the folder says that it
 * is a cross-encoder's, s->there is false. No weight
 * is read, but the headers of dense steps are. gives: *s, release with tfm__sentence_fini().
 * Errors: TFM_E_FORMAT, TFM_E_UNSUPPORTED (a module, by type), those of safetensors.h. */
tfm_status tfm__sentence_read(tfm_sentence *s, const char *folder, tfm_err *err) TFM_MUST_USE;

void tfm__sentence_fini(tfm_sentence *s);

/** Check that the steps fit pooled vectors of so many floats and each other, and that their
 * tensors are there. */
tfm_status tfm__sentence_check(const tfm_sentence *s, int64_t width, tfm_err *err) TFM_MUST_USE;

/** Add what decides results to a digest: the modules as understood, the dense steps' weights. */
tfm_status tfm__sentence_digest(const tfm_sentence *s, bool full, tfm_sha256 *sha,
                                tfm_err *err) TFM_MUST_USE;

/** Read the weights of dense step i. weight [out,in], bias [out] or NULL. gives: both, release
 * with tfm_free(). */
tfm_status tfm__sentence_dense(const tfm_sentence *s, int i, float **weight, float **bias,
                               tfm_err *err) TFM_MUST_USE;

#endif
