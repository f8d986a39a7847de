/* Weights in other formats: recognised to say what to do, never read. */
#include "core/base/file.h"
#include "core/base/mem.h"
#include "core/model/safetensors_private.h"
#include "core/model/shown.h"

#include <string.h>

#define CONVERT                                                                                \
  "to convert it, load the model in Python with the transformers class it was saved from "     \
  "(from_pretrained) and call save_pretrained(FOLDER), which writes model.safetensors"

typedef struct {
  const char *bytes;
  size_t n;
  tfm_status status;
  const char *what;
} magic;

static const magic magics[] = {
    {"PK\x03\x04", 4, TFM_E_UNSUPPORTED,
     "this is a zip archive, as PyTorch writes its pickles, not safetensors; pickles can run "
     "code when read, so they are not; " CONVERT},
    {"GGUF", 4, TFM_E_UNSUPPORTED,
     "this is a GGUF file, not safetensors: use the original checkpoint it was made from"},
    {"\x89HDF", 4, TFM_E_UNSUPPORTED,
     "this is an HDF5 file (TensorFlow), not safetensors; " CONVERT},
    {"\x1f\x8b", 2, TFM_E_UNSUPPORTED,
     "this is compressed with gzip, not safetensors: unpack it"},
    {"\x28\xb5\x2f\xfd", 4, TFM_E_UNSUPPORTED,
     "this is compressed with zstd, not safetensors: unpack it"},
    {"version https://git-lfs", 23, TFM_E_FORMAT,
     "this is a git-lfs pointer, not safetensors: fetch the weights with \"git lfs pull\""},
    {"<", 1, TFM_E_FORMAT,
     "this is a web page (HTML or XML), not safetensors: the download went wrong, repeat it"},
};

static bool is_pickle(const unsigned char *bytes, size_t n)
{
  return n >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5;
}

tfm_status tfm__foreign_bytes(const char *name, const unsigned char *bytes, size_t n,
                              tfm_err *err)
{
  /* The first eight bytes of safetensors are a length and may look like anything. */
  if (n > 8 && bytes[8] == '{') {
    return TFM_OK;
  }
  if (is_pickle(bytes, n)) {
    return tfm_fail(err, TFM_E_UNSUPPORTED,
                    "%s: this is a Python pickle, not safetensors; pickles can run code when "
                    "read, so they are not; " CONVERT,
                    tfm__shown_of(name).text);
  }
  for (size_t i = 0; i < sizeof magics / sizeof *magics; ++i) {
    if (n >= magics[i].n && memcmp(bytes, magics[i].bytes, magics[i].n) == 0) {
      return tfm_fail(err, magics[i].status, "%s: %s", tfm__shown_of(name).text,
                      magics[i].what);
    }
  }
  return TFM_OK;
}

tfm_status tfm__foreign_folder(const char *folder, tfm_err *err)
{
  static const char *const others[] = {
      "pytorch_model.bin", "pytorch_model.bin.index.json",
      "tf_model.h5",       "flax_model.msgpack",
      "model.onnx",        "model.ckpt.index",
  };
  for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
    char *path = tfm_path_join(folder, others[i]);
    if (!path) {
      return tfm_fail(err, TFM_E_NOMEM, "a path");
    }
    const tfm_path_kind kind = tfm_path_look(path);
    tfm_free(path);
    if (kind == TFM_PATH_FILE) {
      return tfm_fail(err, TFM_E_UNSUPPORTED,
                      "%s: there is %s but no " TFM__WEIGHTS_FILE ", and only safetensors is "
                      "read; " CONVERT,
                      tfm__shown_of(folder).text, others[i]);
    }
  }
  return tfm_fail(err, TFM_E_MISSING,
                  "%s: no weights: neither " TFM__WEIGHTS_FILE " nor " TFM__INDEX_FILE
                  " is there",
                  tfm__shown_of(folder).text);
}
