/* Folders without any vocabulary file: bytes are tokens (ByT5), or characters are (CANINE).
 * Source: transformers 5.23, models/byt5 and canine (tokenization_*.py). */
#include "core/base/utf8.h"
#include "core/text/recipe.h"

/* Nothing to read: the codes are known. */
static tfm_status read_nothing(tfm__recipe *r, const char *path, tfm_err *err)
{
  (void)r;
  (void)path;
  (void)err;
  return TFM_OK;
}

static tfm_status put_code(tfm__recipe *r, uint32_t c, int64_t id, tfm_err *err)
{
  char room[4];
  const tfm_span token = {room, tfm_utf8_encode(c, room)};
  return tfm__recipe_token(r, token, id, r->kind, "code", c, err);
}

static tfm_status build_byt5(tfm__recipe *r, tfm_err *err)
{
  static const tfm__role first[] = {TFM__PAD, TFM__EOS, TFM__UNK};
  static const char *const roles[TFM__ROLES] = {
      [TFM__EOS] = "</s>", [TFM__UNK] = "<unk>", [TFM__PAD] = "<pad>"};
  int64_t extra = 125;
  enum { OFFSET = sizeof first / sizeof first[0] };
  tfm_status st = TFM_OK;
  tfm__recipe_usual(r, roles);
  for (int64_t i = 0; i < OFFSET; ++i) {
    tfm_span token;
    tfm__folder_strip(&r->f, first[i], true);
    TFM_TRY(tfm__folder_want(&r->f, first[i], &token, err));
    TFM_TRY(tfm__recipe_token(r, token, i, r->f.folder, "special token", (size_t)i, err));
  }
  for (uint32_t c = 0; c < 256; ++c) {
    TFM_TRY(put_code(r, c, OFFSET + c, err));
  }
  TFM_TRY(tfm__folder_int(&r->f, "extra_ids", 0, TFM__EXTRA_MOST, &extra, err));
  TFM_TRY(tfm__recipe_extra_ids(r, extra, err));
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(tfm__recipe_template(r, "A0e0", "A0e0B0e0", err));
  r->given.once = true;
  (void)tfm_buf_str(&r->json, ",\"model\":{\"type\":\"Codes\",\"bytes\":true}"
                              ",\"decoder\":{\"type\":\"Codes\"}");

fail:
  return st;
}

static tfm_status build_canine(tfm__recipe *r, tfm_err *err)
{
  /* U+E000 and on, from the private use area; NUL pads, and never comes */
  static const char *const roles[TFM__ROLES] = {"\xee\x80\x80", "\xee\x80\x81", NULL,
                                                "\xee\x80\x81", NULL,           "\xee\x80\x80",
                                                "\xee\x80\x83"};
  tfm_status st = TFM_OK;
  tfm__recipe_usual(r, roles);
  tfm__folder_strip(&r->f, TFM__MASK, false);
  for (uint32_t c = 0; c <= 0x10ffff; ++c) {
    if (c < 0xd800 || c > 0xdfff) {
      TFM_TRY(put_code(r, c, c, err));
    }
  }
  TFM_TRY(tfm__recipe_begin(r, err));
  TFM_TRY(tfm__recipe_template(r, "c0A0s0", "c0A0s0B0s0", err));
  (void)tfm_buf_str(&r->json, ",\"model\":{\"type\":\"Codes\",\"bytes\":false}"
                              ",\"decoder\":{\"type\":\"Fuse\"}");

fail:
  return st;
}

static const tfm__recipe_kind kinds[] = {
    {"ByT5Tokenizer", " byt5 ", NULL, read_nothing, build_byt5},
    {"CanineTokenizer", " canine ", NULL, read_nothing, build_canine}};

tfm_status tfm__load_codes(tfm_tokenizer *t, const char *folder, tfm_err *err)
{
  return tfm__recipe_run(t, NULL, folder, kinds, sizeof kinds / sizeof kinds[0], err);
}
