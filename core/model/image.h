/** One image of a store: packed weights as one block of memory. Room-private. */
#ifndef TFM_CORE_MODEL_IMAGE_H
#define TFM_CORE_MODEL_IMAGE_H

#include "core/base/shelf.h"
#include "core/model/store.h"

#include <stdint.h>
#include <sys/stat.h>

enum {
  TFM__IMAGE_NAME = 64,   /* bytes, NUL included */
  TFM__IMAGE_HEAD = 4096, /* bytes before the contents, in memory and in files: a page */
  TFM__IMAGE_LEAST = 1 << 20
};

/** Zero-initialised is none: its shelf is the heap. */
typedef struct {
  char name[TFM__IMAGE_NAME];
  unsigned char *map; /* a header, then the contents; NULL for none */
  size_t mapped;
  int fd;
  tfm_shelf shelf;
} tfm__image;

/** What an image is called: "unit-017-native-float32-2"; with factors also the first digits of what
 *  names them. */
void tfm__image_name(char name[TFM__IMAGE_NAME], const char *part, int64_t number,
                     tfm_engine engine);

/** Find or make room for the image of that name, of about `bytes`. Nothing fails: where there is no
 * store, no name or no memory of the kind, the image is none. A filled image is ready. */
void tfm__image_begin(tfm__image *image, tfm_store *store, const char *name, int64_t bytes);

/** What loaders take from; NULL for the heap. */
tfm_shelf *tfm__image_shelf(tfm__image *image);

/** All of it has been taken: cut it to size, forbid writing, keep it. Errors: TFM_E_FORMAT (a
 * filled one has more than was taken: another packing by the same name). */
tfm_status tfm__image_end(tfm__image *image, tfm_store *store, tfm_err *err) TFM_MUST_USE;

void tfm__image_fini(tfm__image *image);

/* ---- files and memory (image_file.c) ---- */

/** The first bytes of an image. */
typedef struct {
  uint64_t bytes; /* of the contents */
  uint32_t crc;   /* of the contents, where they are in a file */
  char key[TFM_SHA256_HEX];
  char name[TFM__IMAGE_NAME];
} tfm__image_head;

void tfm__image_head_put(unsigned char *page, const tfm__image_head *head);

/** NULL when the page is the header of this key and name, for contents of a file of so many bytes;
 * else what is wrong with it. */
const char *tfm__image_head_check(const unsigned char *page, uint64_t file_bytes,
                                  const tfm__image_head *wanted, tfm__image_head *got);

/** Which folders of a cache go: those not used since then, and of the others the least recently
 * used ones until all, what is kept included, take no more bytes than that. */
typedef struct {
  int64_t used_since_s; /* seconds of the system's clock */
  int64_t bytes_most;
} tfm__tidy_rule;

/** Remove them: of this user's folders within `top` with such names, but never `keep`. A folder was
 * last used when it was changed. What another process has of one stays with it as long as it
 * likes. Nothing fails. */
void tfm__image_tidy(int top, const char *keep, const tfm__tidy_rule *rule);

/** The folder of one model within a cache's, marked as used now. One that is not there is made, and
 * the cache is tidied; what killed writers left in any of this user's goes. Returns a descriptor,
 * or -1 with the reason in note when a person should know it. */
int tfm__image_folder(const char *top, const char *key, char *note, size_t room);

/** Map the file of image->name. True when it is good: *image is filled. *wrong: what is wrong with
 * one that is there. */
bool tfm__image_read(tfm__image *image, int folder, const char *key, const char **wrong);

/** Open what another process lends, a file or memory of this user's; -1 when it is not that. */
int tfm__image_open_lent(int64_t lender, int32_t fd, struct stat *look);

/** Map memory that another process lends under this descriptor, when it is what is wanted. */
bool tfm__image_borrow(tfm__image *image, int64_t lender, int32_t fd, const char *key);

/** Memory without a name, of up to `bytes`, to be filled. False where there is none. */
bool tfm__image_make(tfm__image *image, uint64_t bytes);

/** Cut what was made to what was taken, with a header; no more writing. */
void tfm__image_seal(tfm__image *image, const char *key);

/** Map memory under this descriptor that was sealed as the image of its name. takes: fd, when it is
 * good. */
bool tfm__image_again(tfm__image *image, int fd, const char *key);

/** Write it to the folder, unless it is there, another is doing so, there is no room, or it takes
 * longer than until then (tfm_now_s). */
void tfm__image_write(const tfm__image *image, int folder, const char *key, double until_s);

#endif
