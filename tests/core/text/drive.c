/* Answers for a script that compares the room with the library it must equal (tests/reference/
 * differ_text.py): one JSON object a line in, one out.
 *
 *   {"open": "tokenizer.json"}           {"ok": true} or {"error": ...}
 *   {"text": ..., "pair": ..., "plain": true}
 *                                        {"ids", "tokens", "begin", "end", "type_ids", "words"}
 *                                        or error
 *   {"ids": [...], "skip": true}         {"text": the whole decode} or error, also when decoding
 *                                        id by id gives anything else or half a character
 *   {"bench": FILE, "rounds": N, "cold": true}
 *                                        {"bytes", "tokens", "seconds": of the best round}; cold:
 *                                        with a new encoding for each round */
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json_reader.h"
#include "core/base/mem.h"
#include "core/base/utf8.h"
#include "core/text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  tfm_tokenizer *t;
  tfm_encoding e;
  tfm_buf out;
  tfm_buf open, text, pair, bench;
  bool has_open, has_text, has_pair, has_ids, has_bench, plain, skip, cold;
  int32_t *ids;
  size_t nid, id_cap;
  int64_t rounds;
} drive;

static void copy(tfm_jread *r, tfm_buf *out, bool *has)
{
  tfm_buf_clear(out);
  (void)tfm_buf_span(out, tfm_jread_string(r));
  (void)tfm_buf_cstr(out);
  *has = true;
}

static void read_ids(tfm_jread *r, drive *d)
{
  d->nid = 0;
  d->has_ids = true;
  tfm_jread_array(r);
  while (tfm_jread_element(r)) {
    if (d->nid == d->id_cap) {
      d->id_cap = d->id_cap ? d->id_cap * 2 : 64;
      d->ids = tfm_realloc(d->ids, d->id_cap, sizeof *d->ids);
    }
    d->ids[d->nid++] = (int32_t)tfm_jread_int(r, INT32_MIN, INT32_MAX);
  }
}

static void read_line(tfm_jread *r, drive *d)
{
  tfm_span key;
  d->has_open = d->has_text = d->has_pair = d->has_ids = d->has_bench = false;
  d->plain = d->skip = d->cold = false;
  d->rounds = 1;
  tfm_jread_object(r);
  while (tfm_jread_key(r, &key)) {
    if (tfm_span_is(key, "open")) {
      copy(r, &d->open, &d->has_open);
    } else if (tfm_span_is(key, "text")) {
      copy(r, &d->text, &d->has_text);
    } else if (tfm_span_is(key, "pair")) {
      copy(r, &d->pair, &d->has_pair);
    } else if (tfm_span_is(key, "bench")) {
      copy(r, &d->bench, &d->has_bench);
    } else if (tfm_span_is(key, "rounds")) {
      d->rounds = tfm_jread_int(r, 1, 1000);
    } else if (tfm_span_is(key, "plain")) {
      d->plain = tfm_jread_bool(r);
    } else if (tfm_span_is(key, "skip")) {
      d->skip = tfm_jread_bool(r);
    } else if (tfm_span_is(key, "cold")) {
      d->cold = tfm_jread_bool(r);
    } else {
      read_ids(r, d);
    }
  }
}

static void put_error(drive *d, const tfm_err *err)
{
  tfm_buf_clear(&d->out);
  (void)tfm_buf_printf(&d->out, "{\"status\":%d,\"error\":", (int)err->status);
  (void)tfm_buf_json_string(&d->out, tfm_span_of(err->text));
  (void)tfm_buf_char(&d->out, '}');
}

static void put_ints(drive *d, const char *key, const int32_t *v, size_t n)
{
  (void)tfm_buf_printf(&d->out, ",\"%s\":[", key);
  for (size_t i = 0; i < n; ++i) {
    (void)tfm_buf_printf(&d->out, "%s%d", i ? "," : "", (int)v[i]);
  }
  (void)tfm_buf_char(&d->out, ']');
}

static void encode(drive *d)
{
  tfm_err err = {0};
  tfm_encode_options o = {.add_special_tokens = !d->plain, .words = true};
  tfm_span pair = d->has_pair ? tfm_buf_view(&d->pair) : (tfm_span){NULL, 0};
  if (tfm_tokenizer_encode(d->t, tfm_buf_view(&d->text), pair, &o, &d->e, &err) != TFM_OK) {
    put_error(d, &err);
    return;
  }
  (void)tfm_buf_str(&d->out, "{\"tokens\":[");
  for (size_t i = 0; i < d->e.n; ++i) {
    (void)tfm_buf_str(&d->out, i ? "," : "");
    (void)tfm_buf_json_string(&d->out, tfm_encoding_token(d->t, &d->e, i));
  }
  (void)tfm_buf_char(&d->out, ']');
  put_ints(d, "ids", d->e.ids, d->e.n);
  put_ints(d, "type_ids", d->e.type_ids, d->e.n);
  put_ints(d, "begin", d->e.begin, d->e.n);
  put_ints(d, "end", d->e.end, d->e.n);
  put_ints(d, "words", d->e.word, d->e.n);
  (void)tfm_buf_char(&d->out, '}');
}

/* Id by id, twice with one decoder, every addition whole characters. */
static bool streams_as(drive *d, tfm_span whole)
{
  tfm_err err = {0};
  tfm_buf text = {0};
  tfm_decoder *decoder = NULL;
  bool good = tfm_decoder_open(&decoder, d->t, d->skip, &err) == TFM_OK;
  for (int round = 0; round < 2 && good; ++round) {
    tfm_buf_clear(&text);
    for (size_t i = 0; i <= d->nid && good; ++i) {
      size_t had = text.n;
      tfm_status st = i < d->nid ? tfm_decoder_feed(decoder, d->ids[i], &text, &err)
                                 : tfm_decoder_end(decoder, &text, &err);
      good = st == TFM_OK &&
             (text.n == had || tfm_utf8_valid(text.data + had, text.n - had, NULL));
    }
    good = good && tfm_span_eq(tfm_buf_view(&text), whole);
  }
  tfm_decoder_close(decoder);
  tfm_buf_fini(&text);
  return good;
}

static void decode(drive *d)
{
  tfm_err err = {0};
  tfm_buf text = {0};
  if (tfm_tokenizer_decode(d->t, d->ids, d->nid, d->skip, &text, &err) != TFM_OK) {
    put_error(d, &err);
  } else if (!streams_as(d, tfm_buf_view(&text))) {
    (void)tfm_buf_str(&d->out, "{\"error\":\"id by id the text is another\"}");
  } else {
    (void)tfm_buf_str(&d->out, "{\"text\":");
    (void)tfm_buf_json_string(&d->out, tfm_buf_view(&text));
    (void)tfm_buf_char(&d->out, '}');
  }
  tfm_buf_fini(&text);
}

/* Encode every line of a file that is not blank. */
static double bench_round(drive *d, tfm_span file, size_t *bytes, size_t *tokens)
{
  tfm_err err = {0};
  tfm_encode_options o = {.add_special_tokens = false};
  *bytes = *tokens = 0;
  double start = tfm_cpu_s();
  for (size_t i = 0; i < file.n;) {
    const char *end = memchr(file.p + i, '\n', file.n - i);
    size_t n = end ? (size_t)(end - (file.p + i)) : file.n - i;
    tfm_span line = {file.p + i, n};
    if (n && tfm_tokenizer_encode(d->t, line, (tfm_span){NULL, 0}, &o, &d->e, &err) == TFM_OK) {
      *bytes += n;
      *tokens += d->e.n;
    }
    i += n + 1;
  }
  return tfm_cpu_s() - start;
}

static void bench(drive *d)
{
  tfm_err err = {0};
  tfm_buf file = {0};
  double best = 1e30;
  size_t bytes = 0;
  size_t tokens = 0;
  if (tfm_file_read_all(tfm_buf_cstr(&d->bench), 1 << 30, &file, &err) != TFM_OK) {
    put_error(d, &err);
    return;
  }
  for (int64_t i = 0; i < d->rounds; ++i) {
    if (d->cold) {
      tfm_encoding_fini(&d->e);
    }
    double took = bench_round(d, tfm_buf_view(&file), &bytes, &tokens);
    best = took < best ? took : best;
  }
  (void)tfm_buf_printf(&d->out, "{\"bytes\":%zu,\"tokens\":%zu,\"seconds\":%.9f}", bytes,
                       tokens, best);
  tfm_buf_fini(&file);
}

static void answer(drive *d)
{
  tfm_err err = {0};
  tfm_buf_clear(&d->out);
  if (d->has_open) {
    double start = tfm_cpu_s();
    tfm_tokenizer_close(d->t);
    d->t = NULL;
    if (tfm_tokenizer_open_file(&d->t, tfm_buf_cstr(&d->open), &err) != TFM_OK) {
      put_error(d, &err);
    } else {
      (void)tfm_buf_printf(&d->out, "{\"ok\":true,\"seconds\":%.9f}", tfm_cpu_s() - start);
    }
  } else if (d->t && d->has_text) {
    encode(d);
  } else if (d->t && d->has_ids) {
    decode(d);
  } else if (d->t && d->has_bench) {
    bench(d);
  } else {
    (void)tfm_buf_str(&d->out, "{\"error\":\"nothing to do\"}");
  }
}

int main(void)
{
  drive d = {0};
  tfm_err err = {0};
  char *line = NULL;
  size_t room = 0;
  ssize_t n = 0;
  tfm_jread *r = tfm_jread_open("stdin", "", 0, TFM_JSON_STRICT);
  while (r && (n = getline(&line, &room, stdin)) > 0) {
    tfm_jread_restart(r, line, (size_t)n);
    read_line(r, &d);
    if (tfm_jread_status(r, &err) != TFM_OK) {
      (void)fprintf(stderr, "%s\n", err.text);
      return 1;
    }
    answer(&d);
    (void)tfm_buf_char(&d.out, '\n');
    (void)fwrite(d.out.data, 1, d.out.n, stdout);
    (void)fflush(stdout);
  }
  tfm_jread_close(r);
  tfm_tokenizer_close(d.t);
  tfm_encoding_fini(&d.e);
  tfm_buf_fini(&d.out);
  tfm_buf_fini(&d.open);
  tfm_buf_fini(&d.text);
  tfm_buf_fini(&d.pair);
  tfm_buf_fini(&d.bench);
  tfm_free(d.ids);
  free(line);
  return 0;
}
