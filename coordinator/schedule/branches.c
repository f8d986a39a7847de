#include "coordinator/schedule/branches.h"

#include "core/base/mem.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* What a beam's score begins with when there is none, and what forbids one. */
static const float nothing = -1.0e9f;

void tfm_branches_begin(tfm_branches *b, const tfm_branching *how, tfm_sequence *text)
{
  b->text = text;
  b->nnode = 0;
  b->made = 0;
  for (int64_t i = 0; i < how->width; ++i) {
    b->running[i] = (tfm_branch){.node = -1, .score = i > 0 ? nothing : 0.0f};
    b->done[i] = (tfm_branch){.node = -1, .score = nothing};
  }
}

void tfm_branches_end(tfm_branches *b)
{
  tfm_free(b->nodes);
  b->nodes = NULL;
  b->cap = 0;
}

static tfm_status add_node(tfm_branches *b, tfm_node node, int32_t *at, tfm_err *err)
{
  if (b->nnode == b->cap) {
    const int64_t cap = b->cap > 0 ? 2 * b->cap : 64;
    tfm_node *more = tfm_realloc(b->nodes, (size_t)cap, sizeof *more);
    if (!more) {
      return tfm_fail(err, TFM_E_NOMEM, "the text of row %lld",
                      (long long)b->text->item->row->number);
    }
    b->nodes = more;
    b->cap = cap;
  }
  b->nodes[b->nnode] = node;
  *at = (int32_t)b->nnode++;
  return TFM_OK;
}

int32_t tfm_branches_last(const tfm_branches *b, int64_t i)
{
  return b->nodes[b->running[i].node].id;
}

/* Whether a branch is over when `id` follows the node. */
static bool ends_with(const tfm_branches *b, const tfm_branching *how, int32_t node, int32_t id)
{
  int32_t tail[TFM_TAIL_MOST];
  int64_t at = how->tail;
  int64_t prompt = b->text->n;
  if (b->made + 1 == b->text->grow) {
    return true;
  }
  tail[--at] = id;
  for (; at > 0 && node >= 0; node = b->nodes[node].before) {
    tail[--at] = b->nodes[node].id;
  }
  while (at > 0 && prompt > 0) {
    tail[--at] = b->text->ids[--prompt];
  }
  return how->ends(how->arg, b->text, tail + at, how->tail - at);
}

/* ---- branches that do not see each other ---- */

static tfm_status grow_apart(tfm_branches *b, const tfm_branching *how, const float *rows,
                             int64_t stride, bool *over, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const bool first = b->made == 0;
  *over = true;
  for (int64_t i = 0; i < how->width; ++i) {
    tfm_branch *r = &b->running[i];
    if (r->over) {
      continue;
    }
    const tfm_node node = {.id = (int32_t)rows[0], .before = r->node, .log_prob = rows[1]};
    r->over = ends_with(b, how, r->node, node.id);
    r->parent = first ? 0 : (int32_t)i;
    TFM_TRY(add_node(b, node, &r->node, err));
    rows += first ? 2 : stride;
    *over = *over && r->over;
  }
  ++b->made;

fail:
  return st;
}

/* ---- beams ---- */

/* A continuation of a beam. */
typedef struct {
  int32_t beam, id;
  float log_prob; /* of the id */
  float score;    /* of all of it */
  float key;      /* what the best are taken by */
  bool over;
} continuation;

/* How far the table has got: its best come first, in order. */
typedef struct {
  continuation *c;
  int64_t n, most;
} best_list;

static void insert(best_list *list, const continuation *c)
{
  int64_t at = list->n;
  if (at == list->most && !(c->key > list->c[at - 1].key)) {
    return;
  }
  at -= at == list->most;
  for (; at > 0 && c->key > list->c[at - 1].key; --at) {
    list->c[at] = list->c[at - 1];
  }
  list->c[at] = *c;
  list->n += list->n < list->most;
}

/* What is as low as it can be travels as the lowest number there is. */
static float unfinite(float x)
{
  return x <= -FLT_MAX ? -INFINITY : x;
}

static void take_best(const tfm_branches *b, const tfm_branching *how, const float *rows,
                      int64_t stride, best_list *list)
{
  const int64_t k = how->candidates;
  for (int64_t i = 0; i < how->width; ++i) {
    const float *row = rows + (b->made == 0 ? 0 : i * stride);
    const float so_far = b->running[i].score;
    for (int64_t j = 0; j < k; ++j) {
      const float log_prob = unfinite(row[k + j]);
      continuation c = {.beam = (int32_t)i, .id = (int32_t)row[j], .log_prob = log_prob};
      c.score = log_prob + so_far;
      c.key = how->sampled ? unfinite(row[2 * k + j]) + so_far : c.score;
      insert(list, &c);
    }
  }
}

/* Those that end join the others that did, best first, as far as there is room. */
static tfm_status keep_ends(tfm_branches *b, const tfm_branching *how, const best_list *list,
                            tfm_err *err)
{
  const float length = (float)pow((double)(b->made + 1), how->length_penalty);
  for (int64_t j = 0; j < list->n && j < how->width; ++j) {
    const continuation *c = &list->c[j];
    const float score = c->score / length;
    int64_t at = how->width - 1;
    if (!c->over || (b->done[at].over && !(score > b->done[at].score))) {
      continue;
    }
    tfm_branch end = {.score = score, .over = true};
    const tfm_node node = {c->id, b->running[c->beam].node, c->log_prob};
    const tfm_status st = add_node(b, node, &end.node, err);
    if (st != TFM_OK) {
      return st;
    }
    for (; at > 0 && (!b->done[at - 1].over || score > b->done[at - 1].score); --at) {
      b->done[at] = b->done[at - 1];
    }
    b->done[at] = end;
  }
  return TFM_OK;
}

/* The best that did not end run on. */
static tfm_status run_on(tfm_branches *b, const tfm_branching *how, best_list *list,
                         best_list *next, tfm_err *err)
{
  tfm_status st = TFM_OK;
  int32_t before[TFM_BRANCHES_MOST];
  for (int64_t j = 0; j < list->n; ++j) {
    continuation c = list->c[j];
    c.score += c.over ? nothing : 0.0f;
    c.key = c.score;
    insert(next, &c);
  }
  for (int64_t i = 0; i < how->width; ++i) {
    before[i] = b->running[i].node;
  }
  for (int64_t i = 0; i < how->width; ++i) {
    const continuation *c = &next->c[i];
    const tfm_node node = {c->id, before[c->beam], c->log_prob};
    const int32_t parent = b->made == 0 ? 0 : c->beam; /* the prompt is one branch's alone */
    b->running[i] = (tfm_branch){.parent = parent, .score = c->score};
    TFM_TRY(add_node(b, node, &b->running[i].node, err));
  }

fail:
  return st;
}

/* Whether something that runs may still become better than the worst that ended; b->made counts
 * what runs. */
static bool may_improve(const tfm_branches *b, const tfm_branching *how)
{
  const bool any = how->early == TFM_EARLY_NEVER && how->length_penalty > 0.0;
  const double length = (double)(any ? b->text->grow : b->made);
  const float best = b->running[0].score / (float)pow(length, how->length_penalty);
  const tfm_branch *worst = &b->done[how->width - 1];
  return best > (worst->over ? worst->score : nothing);
}

static tfm_status search(tfm_branches *b, const tfm_branching *how, const float *rows,
                         int64_t stride, bool *over, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const int64_t k = how->candidates;
  bool all_end = true;
  continuation *c = tfm_calloc((size_t)(k + how->width), sizeof *c);
  if (!c) {
    return tfm_fail(err, TFM_E_NOMEM, "%lld continuations", (long long)k);
  }
  best_list list = {.c = c, .most = k};
  best_list next = {.c = c + k, .most = how->width};
  take_best(b, how, rows, stride, &list);
  for (int64_t j = 0; j < list.n; ++j) {
    list.c[j].over = ends_with(b, how, b->running[list.c[j].beam].node, list.c[j].id);
    all_end = all_end && list.c[j].over;
  }
  TFM_TRY(keep_ends(b, how, &list, err));
  TFM_TRY(run_on(b, how, &list, &next, err));
  ++b->made;
  const bool full = b->done[how->width - 1].over;
  *over = all_end || (full && how->early == TFM_EARLY_TRUE) || !may_improve(b, how);

fail:
  tfm_free(c);
  return st;
}

tfm_status tfm_branches_step(tfm_branches *b, const tfm_branching *how, const float *rows,
                             int64_t stride, bool *over, tfm_err *err)
{
  return how->candidates > 0 ? search(b, how, rows, stride, over, err)
                             : grow_apart(b, how, rows, stride, over, err);
}

/* ---- the end ---- */

static int64_t length_of(const tfm_branches *b, int32_t node)
{
  int64_t n = 0;
  for (; node >= 0; node = b->nodes[node].before) {
    ++n;
  }
  return n;
}

tfm_status tfm_branches_harvest(const tfm_branches *b, const tfm_branching *how, tfm_err *err)
{
  tfm_sequence *text = b->text;
  const tfm_branch *from = how->candidates > 0 ? b->done : b->running;
  text->ends = tfm_calloc((size_t)how->returned, sizeof *text->ends);
  text->rows = 0;
  for (int64_t i = 0; text->ends && i < how->returned; ++i) {
    text->ends[i] = (tfm_end){.rows = length_of(b, from[i].node), .score = from[i].score};
    text->rows += text->ends[i].rows;
  }
  text->values = tfm_calloc((size_t)(2 * text->rows + 1), sizeof *text->values);
  if (!text->ends || !text->values) {
    return tfm_fail(err, TFM_E_NOMEM, "the text of row %lld",
                    (long long)text->item->row->number);
  }
  text->nend = how->returned;
  float *at = text->values;
  for (int64_t i = 0; i < how->returned; ++i) {
    int64_t row = text->ends[i].rows;
    for (int32_t node = from[i].node; node >= 0; node = b->nodes[node].before) {
      --row;
      at[2 * row] = (float)b->nodes[node].id;
      at[2 * row + 1] = b->nodes[node].log_prob;
    }
    at += 2 * text->ends[i].rows;
  }
  return TFM_OK;
}
