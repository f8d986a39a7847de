/** What the tests of this room share: fixtures, goldens, folders of broken files, executors. */
#ifndef TFM_TESTS_CORE_MODEL_SUPPORT_H
#define TFM_TESTS_CORE_MODEL_SUPPORT_H

#include "core/base/buf.h"
#include "core/base/par.h"
#include "core/model/whole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MODEL_FIXTURES TFM_FIXTURES "/model/"

/** Fails the running test with the error's text. */
void want_ok(tfm_status st, const tfm_err *err);

/** The engine of most tests. */
extern const tfm_engine native_float32;

/** A model of tests/fixtures/model, or of another folder (absolute path); its last layer makes
 * every token's row, whether the head looks at it or not. */
tfm_model open_model(const char *name);

/** The same for a head that is asked for, with the rows it looks at. */
tfm_model open_model_for(const char *name, const tfm_head_spec *spec);

/** tests/reference/make_model_goldens.py's golden.bin. */
typedef struct {
  int64_t B, T, states, H, C, step;
  int64_t rows; /* of logits: B or T */
  int32_t *ids, *type_ids, *cu_len;
  float *hidden; /* [states][T][ceil(H/step)] */
  float *logits; /* [rows][C] */
} golden;

golden open_golden(const char *name);
void close_golden(golden *g);
tfm_ids golden_ids(const golden *g);

/** Sequences b of a golden in the order given, as a batch of their own. release with
 * close_golden(). */
golden pick_sequences(const golden *g, const int *order, int n);

/** Fails when a value is further than tol from want; prints the worst element, its index and
 * both values either way. */
void check_near(const char *what, const float *got, const float *want, int64_t n, double tol);

/** Fails unless all n floats have the same bits. */
void check_bits(const char *what, const float *got, const float *want, int64_t n);

/** Runs the model of a folder on a golden's sequences: every state the golden holds, and the
 * logits, must be within TOL_MODEL of the reference's. */
void check_golden(const char *name, const char *where);

/** A golden's sequences with every token marked; marks [T] out. */
tfm_ids mark_all(const golden *g, int32_t *marks);

/** The reference's logits of every token through softmax are the probabilities a fill-mask head
 * gives, each id once and best first. */
void check_masks(const char *name);

/** A language model's logarithms of probabilities against those of the golden's logits. */
void check_scores(const char *name);

/** A classifier of every family beside BERT; NULL ends. */
extern const char *const family_models[];

/** The same of decoders, which have no masked-language model. */
extern const char *const decoder_models[];

/** n floats, all NaN: what nobody writes is seen. */
float *want_floats(int64_t n);

/** A fresh folder, removed with everything in it by close_folder(). */
typedef struct {
  char path[64];
} folder;

folder open_folder(void);
void close_folder(folder *f);
void put_file(const folder *f, const char *name, const void *bytes, size_t n);
void put_text(const folder *f, const char *name, const char *text);

/** The whole of a file, release with tfm_buf_fini(). */
tfm_buf get_file(const char *path);

/** Appends a safetensors file: the length, the header's text, data_bytes zeros. */
void add_safetensors(tfm_buf *out, const char *header, size_t data_bytes);

/** An executor with real threads that take tasks from a common counter. */
typedef struct {
  tfm_par par;
} threads_par;
threads_par make_threads(int nthread);

/** An executor that runs tasks last to first, each as if by another thread. */
typedef struct {
  tfm_par par;
} backwards_par;
backwards_par make_backwards(int nthread);

#endif
