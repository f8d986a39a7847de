#include "core/model/image.h"

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/model/safetensors.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FORMAT = 1, ROOM_BESIDE = 16 << 20, NOTE = 240, CATALOGUE_MOST = 4096 };

/* An image this process has, as others read it. */
typedef struct {
  char name[TFM__IMAGE_NAME];
  int32_t fd;
} entry;

struct tfm_store {
  char key[TFM_SHA256_HEX];
  int folder; /* of this model's files; -1 for none */
  int64_t lender;
  entry *lent; /* the lender's */
  int nlent;
  entry *own;
  int nown, room;
  entry *fresh; /* made here and not in the folder yet; descriptors of its own */
  int nfresh, fresh_room;
  int catalogue; /* descriptor of what is lent; -1 for none yet */
  bool (*near)(void *arg, const void *p, size_t bytes);
  void *arg;
  char note[NOTE];
  int damaged;
  tfm_store_count count;
};

/* ---- opening ---- */

static void set_key(tfm_store *store, const tfm_model *model, const tfm_store_options *options)
{
  tfm_sha256 sha;
  char text[256];
  const int n = snprintf(text, sizeof text, "tfm-cluster %s packed weights %d, model %.80s\n",
                         TFM_VERSION, FORMAT, options->digest);
  tfm_sha256_init(&sha);
  tfm_sha256_add(&sha, text, (size_t)n);
  if (!options->digest_full) {
    tfm_checkpoint_stamp(model->checkpoint, &sha);
  }
  tfm_sha256_hex(&sha, store->key);
}

/* What the lender has; nothing when it cannot be read. */
static void read_catalogue(tfm_store *store, const tfm_store_options *options)
{
  struct stat look = {0};
  const size_t each = sizeof *store->lent;
  const int fd = options->lender > 0 && options->lent >= 0
                     ? tfm__image_open_lent(options->lender, options->lent, &look)
                     : -1;
  if (fd < 0) {
    return;
  }
  if (look.st_size > 0 && (uint64_t)look.st_size <= CATALOGUE_MOST * each) {
    store->lent = tfm_calloc(CATALOGUE_MOST, each);
  }
  const ssize_t got = store->lent ? read(fd, store->lent, CATALOGUE_MOST * each) : 0;
  store->nlent = got > 0 ? (int)((size_t)got / each) : 0;
  store->lender = options->lender;
  for (int i = 0; i < store->nlent; ++i) {
    store->lent[i].name[TFM__IMAGE_NAME - 1] = '\0';
  }
  (void)close(fd);
}

tfm_status tfm_store_open(tfm_store **out, const tfm_model *model,
                          const tfm_store_options *options, tfm_err *err)
{
  *out = NULL;
  tfm_store *store = tfm_calloc(1, sizeof *store);
  if (!store) {
    return tfm_fail(err, TFM_E_NOMEM, "a store of weights");
  }
  store->folder = store->catalogue = -1;
  store->near = options->near;
  store->arg = options->arg;
  set_key(store, model, options);
  read_catalogue(store, options);
  if (options->folder && options->folder[0]) {
    store->folder =
        tfm__image_folder(options->folder, store->key, store->note, sizeof store->note);
  }
  *out = store;
  return TFM_OK;
}

void tfm_store_close(tfm_store *store)
{
  if (!store) {
    return;
  }
  if (store->folder >= 0) {
    (void)close(store->folder);
  }
  if (store->catalogue >= 0) {
    (void)close(store->catalogue);
  }
  for (int i = 0; i < store->nfresh; ++i) {
    (void)close(store->fresh[i].fd);
  }
  tfm_free(store->fresh);
  tfm_free(store->lent);
  tfm_free(store->own);
  tfm_free(store);
}

const char *tfm_store_note(const tfm_store *store)
{
  return store->note;
}

tfm_store_count tfm_store_counted(const tfm_store *store)
{
  return store->count;
}

int32_t tfm_store_lend(tfm_store *store)
{
  const size_t bytes = (size_t)store->nown * sizeof *store->own;
  if (store->nown == 0 || store->catalogue >= 0) {
    return store->catalogue;
  }
  const int fd = memfd_create("tfm-cluster images", MFD_CLOEXEC);
  if (fd >= 0 && (fchmod(fd, S_IRUSR) != 0 || write(fd, store->own, bytes) != (ssize_t)bytes)) {
    (void)close(fd);
    return -1;
  }
  store->catalogue = fd;
  return fd;
}

/* ---- images ---- */

void tfm__image_name(char name[TFM__IMAGE_NAME], const char *part, int64_t number,
                     tfm_engine engine)
{
  const char *packing = tfm_linear_packing(engine);
  name[0] = '\0';
  if (packing[0]) {
    const bool smooth = tfm_engine_smooths(engine);
    (void)snprintf(name, TFM__IMAGE_NAME, "%.12s-%03" PRId64 "-%.18s%s%.24s", part, number,
                   packing, smooth ? "-" : "", smooth ? engine.smooth->id : "");
  }
}

tfm_shelf *tfm__image_shelf(tfm__image *image)
{
  return image->map ? &image->shelf : NULL;
}

void tfm__image_fini(tfm__image *image)
{
  if (image->map) {
    (void)munmap(image->map, image->mapped);
    (void)close(image->fd);
  }
  *image = (tfm__image){.map = NULL};
}

static bool is_near(const tfm__image *image, const tfm_store *store)
{
  return !store->near || store->near(store->arg, image->shelf.base, image->shelf.bytes);
}

/* What the lender has far away is not taken: this process then has one of its own, and lends it. */
static bool borrow(tfm__image *image, const tfm_store *store)
{
  int i = 0;
  while (i < store->nlent && strcmp(store->lent[i].name, image->name) != 0) {
    ++i;
  }
  if (i == store->nlent ||
      !tfm__image_borrow(image, store->lender, store->lent[i].fd, store->key)) {
    return false;
  }
  if (!is_near(image, store)) {
    (void)munmap(image->map, image->mapped);
    (void)close(image->fd);
    image->map = NULL;
    image->fd = -1;
    return false;
  }
  return true;
}

static void note_damage(tfm_store *store, const char *name, const char *wrong)
{
  char first[NOTE];
  store->damaged += 1;
  if (store->damaged == 1) {
    (void)snprintf(store->note, sizeof store->note,
                   "cache file %s is not what it should be (%s): made anew from the checkpoint",
                   name, wrong);
  } else if (store->damaged == 2) {
    memcpy(first, store->note, sizeof first);
    (void)snprintf(store->note, sizeof store->note, "%.200s; so are others", first);
  }
}

static bool read_file(tfm__image *image, tfm_store *store)
{
  const char *wrong = NULL;
  if (store->folder < 0) {
    return false;
  }
  const bool good = tfm__image_read(image, store->folder, store->key, &wrong);
  if (wrong) {
    note_damage(store, image->name, wrong);
    (void)unlinkat(store->folder, image->name, 0); /* or it would not be written again */
  }
  return good;
}

/* A filled image in memory that is far is copied to memory that is near, if there is any. */
static void bring_near(tfm__image *image, const tfm_store *store)
{
  if (is_near(image, store)) {
    return;
  }
  tfm__image copy = *image;
  if (tfm__image_make(&copy, image->shelf.bytes)) {
    memcpy(copy.shelf.base, image->shelf.base, image->shelf.bytes);
    copy.shelf.used = image->shelf.bytes;
    tfm__image_seal(&copy, store->key);
    copy.shelf.used = 0;
    copy.shelf.filled = true;
    tfm__image_fini(image);
    *image = copy;
  }
}

void tfm__image_begin(tfm__image *image, tfm_store *store, const char *name, int64_t bytes)
{
  *image = (tfm__image){.fd = -1};
  if (!store || !name[0] || bytes < TFM__IMAGE_LEAST) {
    return;
  }
  (void)snprintf(image->name, sizeof image->name, "%s", name);
  if (borrow(image, store)) {
    store->count.lent += 1;
    return;
  }
  if (read_file(image, store)) {
    store->count.cached += 1;
    bring_near(image, store);
    return;
  }
  /* Columns are filled up to a panel: room is plenty, and only what is used becomes memory. */
  if (tfm__image_make(image, 2 * (uint64_t)bytes + ROOM_BESIDE)) {
    store->count.made += 1;
  }
}

/* One more entry of a list; false when it cannot be had. */
static bool add(entry **list, int *n, int *room, const char *name, int fd)
{
  if (*n == *room) {
    const int more_room = *room ? 2 * *room : 16;
    entry *more =
        more_room > CATALOGUE_MOST ? NULL : tfm_realloc(*list, (size_t)more_room, sizeof *more);
    if (!more) {
      return false;
    }
    *list = more;
    *room = more_room;
  }
  entry *e = &(*list)[(*n)++];
  memset(e, 0, sizeof *e);
  memcpy(e->name, name, sizeof e->name);
  e->fd = fd;
  return true;
}

/* To be written later; that it cannot be only costs the next job a packing. */
static void remember(tfm_store *store, const tfm__image *image)
{
  const int fd = fcntl(image->fd, F_DUPFD_CLOEXEC, 0);
  if (fd >= 0 && !add(&store->fresh, &store->nfresh, &store->fresh_room, image->name, fd)) {
    (void)close(fd);
  }
}

void tfm_store_keep(tfm_store *store, double limit_s)
{
  const double until_s = tfm_now_s() + limit_s;
  for (int i = 0; i < store->nfresh; ++i) {
    tfm__image image = {.fd = -1};
    memcpy(image.name, store->fresh[i].name, sizeof image.name);
    if (tfm_now_s() <= until_s && tfm__image_again(&image, store->fresh[i].fd, store->key)) {
      tfm__image_write(&image, store->folder, store->key, until_s);
      (void)munmap(image.map, image.mapped);
    }
    (void)close(store->fresh[i].fd);
  }
  store->nfresh = 0;
}

tfm_status tfm__image_end(tfm__image *image, tfm_store *store, tfm_err *err)
{
  if (!image->map) {
    return TFM_OK;
  }
  if (image->shelf.filled && image->shelf.used != image->shelf.bytes) {
    return tfm_fail(err, TFM_E_FORMAT,
                    "cached weights %s: want %zu bytes, got %zu: remove the cache folder, or "
                    "pass --cache-dir none",
                    image->name, image->shelf.used, image->shelf.bytes);
  }
  if (!image->shelf.filled) {
    tfm__image_seal(image, store->key);
    if (store->folder >= 0) {
      remember(store, image);
    }
  }
  /* Others may have it; that it cannot be listed only costs them a copy. */
  (void)add(&store->own, &store->nown, &store->room, image->name, image->fd);
  return TFM_OK;
}
