#include "coordinator/schedule/turns.h"

#include "core/base/mem.h"

#include <string.h>

/* A text on a line. `sent` is what travels of it, and comes first: packs hold its address. */
typedef struct {
  tfm_sequence sent;
  tfm_sequence *text; /* NULL: the slot is free */
  int line;
  int64_t done;  /* tokens stages have, or will when what is under way comes back */
  int64_t pages; /* kept for it */
  int32_t last;  /* the token it goes on from */
  int32_t mark;
  bool flying;
} turn;

typedef struct {
  turn *turns; /* [slots] */
  int64_t running;
  int64_t pages;  /* nobody has reserved */
  int32_t *freed; /* [slots] whose pages stages still keep */
  int64_t nfreed;
} line_state;

struct tfm_turns {
  tfm_turns_options options;
  tfm_sequence **waiting; /* ring [window] */
  int64_t first, nwaiting;
  line_state *lines;
  turn *all;         /* [lines, slots] */
  int32_t *no_types; /* [max_tokens] zeros */
  int32_t *freed;    /* [lines, slots] */
  turn **chosen;     /* [slots] for one pack */
};

tfm_status tfm_turns_open(tfm_turns **out, const tfm_turns_options *options, tfm_err *err)
{
  *out = NULL;
  tfm_turns *t = tfm_calloc(1, sizeof *t);
  const size_t slots = (size_t)options->slots;
  if (t) {
    t->options = *options;
    t->waiting = tfm_calloc((size_t)options->window, sizeof *t->waiting);
    t->lines = tfm_calloc((size_t)options->lines, sizeof *t->lines);
    t->all = tfm_calloc((size_t)options->lines * slots, sizeof *t->all);
    t->no_types = tfm_calloc((size_t)options->max_tokens, sizeof *t->no_types);
    t->chosen = tfm_calloc(slots, sizeof *t->chosen);
    t->freed = tfm_calloc((size_t)options->lines * slots, sizeof *t->freed);
  }
  if (!t || !t->waiting || !t->lines || !t->all || !t->no_types || !t->chosen || !t->freed) {
    tfm_turns_close(t);
    return tfm_fail(err, TFM_E_NOMEM, "%lld texts that grow", (long long)options->slots);
  }
  for (int l = 0; l < options->lines; ++l) {
    t->lines[l] = (line_state){.turns = t->all + (size_t)l * slots,
                               .pages = options->pages,
                               .freed = t->freed + (size_t)l * slots};
  }
  *out = t;
  return TFM_OK;
}

void tfm_turns_close(tfm_turns *turns)
{
  if (turns) {
    tfm_free(turns->waiting);
    tfm_free(turns->lines);
    tfm_free(turns->all);
    tfm_free(turns->no_types);
    tfm_free(turns->chosen);
    tfm_free(turns->freed);
    tfm_free(turns);
  }
}

bool tfm_turns_room(const tfm_turns *turns)
{
  return turns->nwaiting < turns->options.window;
}

/* Pages for the prompt and all that may be added; the token added last is never sent. */
static int64_t pages_of(const tfm_turns *turns, const tfm_sequence *text)
{
  const int64_t tokens = text->n + text->grow - 1;
  return (tokens + turns->options.page_tokens - 1) / turns->options.page_tokens;
}

void tfm_turns_add(tfm_turns *turns, tfm_sequence *text)
{
  text->rows = 0;
  if (pages_of(turns, text) > turns->options.pages) {
    tfm_err bad = {0};
    (void)tfm_fail(
        &bad, TFM_E_NOMEM,
        "a text of %lld tokens, and %lld to come, wants %lld pages of keys and values "
        "of %lld; raise --kv-budget",
        (long long)text->n, (long long)text->grow, (long long)pages_of(turns, text),
        (long long)turns->options.pages);
    tfm_item_fail(text->item, &bad);
    --text->item->waiting;
    return;
  }
  const int64_t at = (turns->first + turns->nwaiting) % turns->options.window;
  turns->waiting[at] = text;
  ++turns->nwaiting;
}

int64_t tfm_turns_held(const tfm_turns *turns)
{
  int64_t held = turns->nwaiting;
  for (int l = 0; l < turns->options.lines; ++l) {
    held += turns->lines[l].running;
  }
  return held;
}

static void forget_freed(line_state *l, int32_t slot)
{
  int64_t kept = 0;
  for (int64_t i = 0; i < l->nfreed; ++i) {
    l->freed[kept] = l->freed[i];
    kept += l->freed[i] != slot;
  }
  l->nfreed = kept;
}

/* The next text that waits gets a slot of the line, if there is one and pages for it. */
static bool admit(tfm_turns *turns, int line)
{
  line_state *l = &turns->lines[line];
  tfm_sequence *text = turns->nwaiting > 0 ? turns->waiting[turns->first] : NULL;
  if (!text || l->running == turns->options.slots || pages_of(turns, text) > l->pages) {
    return false;
  }
  turn *t = l->turns;
  while (t->text) {
    ++t;
  }
  forget_freed(l, (int32_t)(t - l->turns)); /* place 0 says as much */
  *t = (turn){.text = text, .line = line, .pages = pages_of(turns, text)};
  t->sent = (tfm_sequence){.item = text->item, .slot = (int32_t)(t - l->turns)};
  l->pages -= t->pages;
  ++l->running;
  turns->first = (turns->first + 1) % turns->options.window;
  --turns->nwaiting;
  return true;
}

/* Make the turn's next tokens travel, at most `most` of them; returns how many. */
static int64_t board(tfm_turns *turns, turn *t, int64_t most)
{
  const tfm_sequence *text = t->text;
  tfm_sequence *s = &t->sent;
  const int64_t left = text->n - t->done;
  s->start = (int32_t)t->done;
  s->n = left <= 0 ? 1 : left < most ? left : most;
  s->ids = left <= 0 ? &t->last : text->ids + t->done;
  s->type_ids = left <= 0 ? turns->no_types : text->type_ids + t->done;
  s->nmark = left <= s->n;
  t->mark = (int32_t)(s->n - 1);
  s->marks = &t->mark;
  s->rows = s->nmark;
  t->done += s->n;
  t->flying = true;
  return s->n;
}

/* How many texts the next micro-batch takes of those whose prompt is through: as many micro-batches
 * as stages, of like size. 0: those that are under way are worth waiting for. */
static int64_t share_of(const tfm_turns *turns, const line_state *l, int64_t ready,
                        int64_t in_flight)
{
  const int64_t groups = turns->options.stages;
  const int64_t least = l->running / groups > 1 ? l->running / groups : 1;
  const int64_t most = (l->running + groups - 1) / groups;
  if (ready < least && in_flight > 0) {
    return 0;
  }
  return ready < most ? ready : most;
}

static tfm_status make_pack(const tfm_turns *turns, line_state *l, int64_t n, tfm_pack **out,
                            tfm_err *err)
{
  tfm_pack *pack = tfm_calloc(1, sizeof *pack);
  if (pack) {
    pack->seqs = tfm_calloc((size_t)n, sizeof(tfm_sequence *));
    pack->freed = tfm_calloc((size_t)l->nfreed + 1, sizeof *pack->freed);
  }
  if (!pack || !pack->seqs || !pack->freed) {
    tfm_pack_close(pack);
    return tfm_fail(err, TFM_E_NOMEM, "a micro-batch of %lld texts", (long long)n);
  }
  for (int64_t i = 0; i < n; ++i) {
    tfm_sequence *s = &turns->chosen[i]->sent;
    pack->seqs[i] = s;
    pack->T += s->n;
    pack->rows += s->rows;
    pack->marks += s->nmark;
  }
  pack->B = n;
  pack->nfreed = l->nfreed;
  memcpy(pack->freed, l->freed, (size_t)l->nfreed * sizeof *l->freed);
  l->nfreed = 0;
  *out = pack;
  return TFM_OK;
}

/* Whether the turn is at home, and its prompt is (not) through. */
static bool is_home(const turn *t, bool through)
{
  return t->text && !t->flying && (t->done >= t->text->n) == through;
}

tfm_status tfm_turns_next(tfm_turns *turns, int line, int64_t in_flight, tfm_pack **pack,
                          tfm_err *err)
{
  line_state *l = &turns->lines[line];
  int64_t ready = 0;
  int64_t begun = 0;
  int64_t n = 0;
  int64_t room = turns->options.max_tokens;
  *pack = NULL;
  while (admit(turns, line)) {
  }
  for (int64_t s = 0; s < turns->options.slots; ++s) {
    ready += is_home(&l->turns[s], true);
    begun += is_home(&l->turns[s], false);
  }
  int64_t share = share_of(turns, l, ready, begun > 0 ? 0 : in_flight);
  for (int64_t s = 0; s < turns->options.slots && n < share && room > 0; ++s) {
    if (is_home(&l->turns[s], true)) {
      turns->chosen[n++] = &l->turns[s];
      room -= board(turns, &l->turns[s], 1);
    }
  }
  for (int64_t s = 0; s < turns->options.slots && room > 0; ++s) {
    if (is_home(&l->turns[s], false)) {
      turns->chosen[n++] = &l->turns[s];
      room -= board(turns, &l->turns[s], room);
    }
  }
  return n > 0 ? make_pack(turns, l, n, pack, err) : TFM_OK;
}

static void finish(tfm_turns *turns, turn *t)
{
  line_state *l = &turns->lines[t->line];
  --t->text->item->waiting;
  l->pages += t->pages;
  --l->running;
  l->freed[l->nfreed++] = t->sent.slot;
  t->text = NULL;
}

static tfm_status append(const tfm_turns *turns, tfm_sequence *text, const float *values,
                         tfm_err *err)
{
  const int64_t width = turns->options.width;
  if ((text->rows & (text->rows - 1)) ==
      0) { /* a power of two, or none: room for as many more */
    const int64_t rows = text->rows > 0 ? 2 * text->rows : 1;
    float *more = tfm_realloc(text->values, (size_t)(rows * width), sizeof *more);
    if (!more) {
      return tfm_fail(err, TFM_E_NOMEM, "the text of row %lld",
                      (long long)text->item->row->number);
    }
    text->values = more;
  }
  memcpy(text->values + text->rows * width, values, (size_t)width * sizeof *values);
  ++text->rows;
  return TFM_OK;
}

tfm_status tfm_turns_take(tfm_turns *turns, tfm_sequence *sent, tfm_status status,
                          const float *values, tfm_err *err)
{
  turn *t = (turn *)(void *)sent;
  t->flying = false;
  if (status != TFM_OK) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, TFM_E_INTERNAL,
                   "the model's result for this row is not finite (NaN or Infinity)");
    tfm_item_fail(t->text->item, &bad);
    finish(turns, t);
    return TFM_OK;
  }
  if (sent->rows == 0) {
    return TFM_OK;
  }
  tfm_status st = append(turns, t->text, values, err);
  if (st == TFM_OK) {
    t->last = (int32_t)values[0];
    if (t->text->rows == t->text->grow || turns->options.ends(turns->options.arg, t->text)) {
      finish(turns, t);
    }
  }
  return st;
}
