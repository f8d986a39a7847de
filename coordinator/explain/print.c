/* What is told, for the terminal and for programs. */
#include "coordinator/explain/told.h"

#include "core/base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PAIRS = 3, FIRST_VALUES = 4 };

static double norm_of(const tfm_told *told, int64_t t)
{
  double sum = 0;
  for (int64_t h = 0; h < told->H; ++h) {
    sum += (double)told->x[t * told->H + h] * (double)told->x[t * told->H + h];
  }
  return sqrt(sum);
}

/* Text and blanks up to `wide` letters. */
static void put_padded(tfm_buf *out, const char *text, int wide)
{
  (void)tfm_buf_str(out, text);
  for (int n = (int)tfm_utf8_count(text, strlen(text)); n < wide; ++n) {
    (void)tfm_buf_char(out, ' ');
  }
}

static int widest_piece(const tfm_told *told)
{
  size_t most = 5;
  for (int64_t t = 0; t < told->T; ++t) {
    const char *text = told->pieces[t].text;
    const size_t n = tfm_utf8_count(text, strlen(text));
    most = n > most ? n : most;
  }
  return (int)most;
}

static void print_pieces(const tfm_told *told, tfm_buf *out)
{
  const int wide = widest_piece(told);
  (void)tfm_buf_str(out, "place  ");
  put_padded(out, "piece", wide);
  (void)tfm_buf_str(out,
                    "      id  type  letters   length of embedding, and its first numbers\n");
  for (int64_t t = 0; t < told->T; ++t) {
    const tfm_piece *p = &told->pieces[t];
    char letters[32] = "-";
    if (!p->special) {
      (void)snprintf(letters, sizeof letters, "%d-%d", p->begin, p->end);
    }
    (void)tfm_buf_printf(out, "%5lld  ", (long long)t);
    put_padded(out, p->text, wide);
    (void)tfm_buf_printf(out, "  %6d  %4d  %-8s  %8.3f  ", p->id, p->type, letters,
                         norm_of(told, t));
    for (int64_t h = 0; h < FIRST_VALUES && h < told->H; ++h) {
      (void)tfm_buf_printf(out, " %7.3f", (double)told->x[t * told->H + h]);
    }
    (void)tfm_buf_str(out, told->H > FIRST_VALUES ? " ...\n" : "\n");
  }
}

/* "rank 1 on node1, NUMA node 0": where a half of a layer ran. */
static void print_place(const tfm_told *told, int rank, tfm_buf *out)
{
  const tfm_crew_rank *r = &told->job->crew.ranks[rank];
  (void)tfm_buf_printf(out, "rank %d on %s", rank, r->hello.host);
  if (r->ready.node >= 0) {
    (void)tfm_buf_printf(out, ", NUMA node %d", r->ready.node);
  }
}

static void print_layer(const tfm_told *told, int64_t layer, tfm_buf *out)
{
  tfm_told_pair pairs[PAIRS];
  const int n = tfm_told_pairs(told, layer, pairs, PAIRS);
  const int attention = tfm_told_rank(told, layer, 0);
  const int ffn = tfm_told_rank(told, layer, 1);
  (void)tfm_buf_printf(out, "layer %lld: ", (long long)layer);
  print_place(told, attention, out);
  if (ffn != attention) {
    (void)tfm_buf_str(out, "; its ffn: ");
    print_place(told, ffn, out);
  }
  (void)tfm_buf_char(out, '\n');
  for (int i = 0; i < n; ++i) {
    (void)tfm_buf_printf(out, "    %.3f  %s -> %s  (head %lld, places %lld -> %lld)\n",
                         (double)pairs[i].weight, told->pieces[pairs[i].query].text,
                         told->pieces[pairs[i].key].text, (long long)pairs[i].head,
                         (long long)pairs[i].query, (long long)pairs[i].key);
  }
  (void)tfm_buf_printf(out, "    %.1f %% of all attention went to special pieces\n",
                       100 * tfm_told_to_specials(told, layer));
}

void tfm_told_print(const tfm_told *told, tfm_buf *out)
{
  const tfm_job *job = told->job;
  (void)tfm_buf_printf(out, "text: %s\n", told->text);
  (void)tfm_buf_printf(out,
                       "model: %s, %s: %lld layers of %lld heads, %lld numbers a piece\n\n",
                       job->model.config.model_type, job->task->name, (long long)told->L,
                       (long long)told->N, (long long)told->H);
  print_pieces(told, out);
  if (told->truncated) {
    (void)tfm_buf_str(out, "The text was cut to what the model takes.\n");
  }
  (void)tfm_buf_str(
      out, "\nWho attended to whom most, piece by piece (query -> key), special pieces and "
           "itself aside:\n");
  for (int64_t layer = 0; layer < told->L; ++layer) {
    print_layer(told, layer, out);
  }
  (void)tfm_buf_str(out, "\nresult:\n");
  for (int i = 0; i < told->nfield; ++i) {
    const tfm_buf *value = &told->answer.value[i];
    if (value->n > 0) {
      (void)tfm_buf_printf(out, "  %s: %.*s\n", told->fields[i], (int)value->n, value->data);
    }
  }
  if (told->answer.status != TFM_OK) {
    (void)tfm_buf_printf(out, "  error: %s\n", told->answer.error);
  }
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void put_string(tfm_buf *out, const char *before, const char *text)
{
  (void)tfm_buf_str(out, before);
  (void)tfm_buf_json_string(out, tfm_span_of(text));
}

static void put_piece(const tfm_told *told, int64_t t, tfm_buf *out)
{
  const tfm_piece *p = &told->pieces[t];
  put_string(out, t ? ",\n{\"piece\":" : "{\"piece\":", p->text);
  (void)tfm_buf_printf(
      out, ",\"id\":%d,\"type_id\":%d,\"special\":%s,\"start\":%d,\"end\":%d,\"norm\":%.6g}",
      p->id, p->type, p->special ? "true" : "false", p->begin, p->end, norm_of(told, t));
}

static void put_place(const tfm_told *told, const char *before, int rank, tfm_buf *out)
{
  const tfm_crew_rank *r = &told->job->crew.ranks[rank];
  (void)tfm_buf_printf(out, "%s{\"rank\":%d,", before, rank);
  put_string(out, "\"host\":", r->hello.host);
  (void)tfm_buf_printf(out, r->ready.node >= 0 ? ",\"numa\":%d}" : ",\"numa\":null}",
                       r->ready.node);
}

static void put_weights(const tfm_told *told, int64_t layer, tfm_buf *out)
{
  const int64_t T = told->T;
  (void)tfm_buf_str(out, ",\"attentions\":[");
  for (int64_t head = 0; head < told->N; ++head) {
    const float *weights = tfm_told_head(told, layer, head);
    (void)tfm_buf_str(out, head ? ",\n[" : "\n[");
    for (int64_t i = 0; i < T * T; ++i) {
      (void)tfm_buf_str(out, i == 0 ? "[" : i % T == 0 ? "],[" : ",");
      (void)tfm_buf_float(out, weights[i]);
    }
    (void)tfm_buf_str(out, "]]");
  }
  (void)tfm_buf_str(out, "]}");
}

void tfm_told_json(const tfm_told *told, tfm_buf *out)
{
  put_string(out, "{\"text\":", told->text);
  put_string(out, ",\"family\":", told->job->model.config.model_type);
  put_string(out, ",\"task\":", told->job->task->name);
  (void)tfm_buf_printf(out, ",\"truncated\":%s,\"pieces\":[\n",
                       told->truncated ? "true" : "false");
  for (int64_t t = 0; t < told->T; ++t) {
    put_piece(told, t, out);
  }
  (void)tfm_buf_str(out, "],\"layers\":[\n");
  for (int64_t layer = 0; layer < told->L; ++layer) {
    (void)tfm_buf_printf(out, "%s{\"layer\":%lld", layer ? ",\n" : "", (long long)layer);
    put_place(told, ",\"attention\":", tfm_told_rank(told, layer, 0), out);
    put_place(told, ",\"ffn\":", tfm_told_rank(told, layer, 1), out);
    put_weights(told, layer, out);
  }
  (void)tfm_buf_str(out, "],\"result\":{");
  for (int i = 0, n = 0; i < told->nfield; ++i) {
    const tfm_buf *value = &told->answer.value[i];
    if (value->n > 0) {
      put_string(out, n++ ? "," : "", told->fields[i]);
      (void)tfm_buf_char(out, ':');
      (void)tfm_buf_span(out, tfm_buf_view(value));
    }
  }
  (void)tfm_buf_str(out, "}}\n");
}
