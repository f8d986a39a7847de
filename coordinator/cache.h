/** Which folder packed weights are kept in from job to job (core/model/store.h). */
#ifndef TFM_COORDINATOR_CACHE_H
#define TFM_COORDINATOR_CACHE_H

#include "coordinator/cli/options.h"

#include <stddef.h>

/** The folder --cache-dir (TFM_CACHE_DIR) names, else tfm-cluster in the user's cache home
 * (XDG_CACHE_HOME, else HOME/.cache), absolute, into path. "" for `none`, where there is no such
 * home, and for paths that are too long. Nothing is looked at or made. */
void tfm_cache_folder(const tfm_options *options, char *path, size_t room);

#endif
