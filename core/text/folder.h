/** What the files of a folder without tokenizer.json say besides the vocabulary: which tokenizer
 *  is meant, its options, its special and added tokens. Read from tokenizer_config.json,
 *  special_tokens_map.json, added_tokens.json and config.json, where these are, as transformers'
 *  from_pretrained reads them. Private to the room. */
#ifndef TFM_CORE_TEXT_FOLDER_H
#define TFM_CORE_TEXT_FOLDER_H

#include "core/base/json.h"
#include "core/text/added.h"

/** The special tokens by what they are for, in the order in which missing ones get ids. */
typedef enum {
  TFM__BOS,
  TFM__EOS,
  TFM__UNK,
  TFM__SEP,
  TFM__PAD,
  TFM__CLS,
  TFM__MASK,
  TFM__ROLES
} tfm__role;

typedef struct {
  tfm__added_token *v; /* [n] */
  size_t n;
  size_t cap;
} tfm__token_list;

/** Zero-initialised is empty. */
typedef struct {
  tfm_arena memory;
  char *folder;
  tfm_json *config;                  /* tokenizer_config.json; NULL when it is not there */
  tfm_json *model;                   /* config.json; NULL when it is not there */
  tfm__added_token role[TFM__ROLES]; /* content.p is NULL: none */
  bool said[TFM__ROLES];             /* a file says it, be it null */
  bool plain[TFM__ROLES];            /* by its text alone */
  tfm__token_list listed;            /* tokens with ids, by id */
  tfm__token_list named;             /* tokens for other purposes ("image_token") */
  tfm__token_list extra;             /* additional ones without a purpose */
  tfm__token_list usual_extra;       /* the same, unless files say which */
  bool extra_said;
} tfm__folder;

/** Read the files. Errors: TFM_E_IO, TFM_E_FORMAT (file, key, and what is wrong), TFM_E_NOMEM. */
tfm_status tfm__folder_open(tfm__folder *f, const char *folder, tfm_err *err) TFM_MUST_USE;

/** "folder/name" when such a file is there, else NULL; the folder's memory. */
tfm_status tfm__folder_find(tfm__folder *f, const char *name, char **path,
                            tfm_err *err) TFM_MUST_USE;

/** What a role is when no file says it. The text is borrowed. */
void tfm__folder_usual(tfm__folder *f, tfm__role role, const char *content);

/** A role whose token takes in the blanks before it, or around it, unless the files say more of it
 *  than its text. */
void tfm__folder_strip(tfm__folder *f, tfm__role role, bool both);

/** Forget the additional tokens that count where tokenizer_config.json lists none. */
void tfm__folder_drop_extra(tfm__folder *f);

/** Append one to them; what is not special is found in the text as it is. The text is borrowed.
 *  Errors: TFM_E_NOMEM. */
tfm_status tfm__folder_usual_extra(tfm__folder *f, tfm_span content, bool special,
                                   tfm_err *err) TFM_MUST_USE;

/** The token of a role that the tokenizer cannot do without. Errors: TFM_E_FORMAT. */
tfm_status tfm__folder_want(const tfm__folder *f, tfm__role role, tfm_span *content,
                            tfm_err *err) TFM_MUST_USE;

/** Options of tokenizer_config.json; *out is left alone when it does not say. */
tfm_status tfm__folder_bool(const tfm__folder *f, const char *key, bool *out,
                            tfm_err *err) TFM_MUST_USE;
tfm_status tfm__folder_string(const tfm__folder *f, const char *key, const char **out,
                              tfm_err *err) TFM_MUST_USE;
tfm_status tfm__folder_int(const tfm__folder *f, const char *key, int64_t least, int64_t most,
                           int64_t *out, tfm_err *err) TFM_MUST_USE;

/** TFM_E_FORMAT when a tokenizer of this class (NULL: none is named) is kept in tokenizer.json and
 *  nowhere else, so that a folder without that file is not whole. */
tfm_status tfm__folder_class_has_files(const char *tokenizer_class, tfm_err *err) TFM_MUST_USE;

/** Put all tokens that are to be added into `added`, in the order that decides their ids. */
tfm_status tfm__folder_add_all(const tfm__folder *f, tfm__added *added, tfm_arena *memory,
                               tfm_err *err) TFM_MUST_USE;

void tfm__folder_fini(tfm__folder *f);

#endif
