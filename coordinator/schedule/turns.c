#include "coordinator/schedule/turns.h"

#include "core/base/mem.h"

#include <string.h>

typedef struct turn turn;

/* A branch of a text on a line. `sent` is what travels of it, and comes first: packs hold its
 * address. */
typedef struct {
  tfm_sequence sent;
  turn *turn;
  int32_t last; /* the token it goes on from */
  int32_t mark;
} member;

/* A text on a line, in a run of slots. */
struct turn {
  tfm_sequence *text; /* NULL: the slots are free */
  int line;
  int64_t done;         /* tokens stages have, or will when what is under way comes back */
  int64_t pages;        /* kept for it */
  int64_t flying, back; /* members under way, and those of them that came back */
  bool failed;
  member *members; /* [branches] */
  float *rows;     /* [branches, width] what came back */
  tfm_branches branches;
};

typedef struct {
  turn *turns; /* [texts] */
  int64_t running;
  int64_t pages;  /* nobody has reserved */
  int32_t *freed; /* [slots] whose pages stages still keep */
  int64_t nfreed;
} line_state;

struct tfm_turns {
  tfm_turns_options options;
  int64_t texts;          /* of a line */
  tfm_sequence **waiting; /* ring [window] */
  int64_t first, nwaiting;
  line_state *lines;
  turn *all;             /* [lines, texts] */
  member *members;       /* [lines, texts, branches] */
  tfm_branch *branches;  /* [lines, texts, 2, branches] */
  float *rows;           /* [lines, texts, branches, width] */
  int32_t *no_types;     /* [max_tokens] zeros */
  int32_t *freed;        /* [lines, slots] */
  tfm_sequence **chosen; /* [slots] for one pack */
};

static tfm_status make_memory(tfm_turns *t, tfm_err *err)
{
  const tfm_turns_options *o = &t->options;
  const size_t lines = (size_t)o->lines;
  const size_t slots = (size_t)o->slots;
  const size_t width = (size_t)o->branching.width;
  const size_t texts = lines * (size_t)t->texts;
  t->waiting = tfm_calloc((size_t)o->window, sizeof *t->waiting);
  t->lines = tfm_calloc(lines, sizeof *t->lines);
  t->all = tfm_calloc(texts, sizeof *t->all);
  t->members = tfm_calloc(texts * width, sizeof *t->members);
  t->branches = tfm_calloc(texts * 2 * width, sizeof *t->branches);
  t->rows = tfm_calloc(texts * width * (size_t)o->width, sizeof *t->rows);
  t->no_types = tfm_calloc((size_t)o->max_tokens, sizeof *t->no_types);
  t->chosen = tfm_calloc(slots, sizeof *t->chosen);
  t->freed = tfm_calloc(lines * slots, sizeof *t->freed);
  return t->waiting && t->lines && t->all && t->members && t->branches && t->rows &&
                 t->no_types && t->chosen && t->freed
             ? TFM_OK
             : tfm_fail(err, TFM_E_NOMEM, "%lld texts that grow", (long long)t->texts);
}

static void lay_out(tfm_turns *t)
{
  const tfm_turns_options *o = &t->options;
  const int64_t width = o->branching.width;
  for (int l = 0; l < o->lines; ++l) {
    t->lines[l] = (line_state){
        .turns = t->all + l * t->texts, .pages = o->pages, .freed = t->freed + l * o->slots};
  }
  for (int64_t i = 0; i < o->lines * t->texts; ++i) {
    turn *at = &t->all[i];
    at->line = (int)(i / t->texts);
    at->members = t->members + i * width;
    at->rows = t->rows + i * width * o->width;
    at->branches.running = t->branches + 2 * i * width;
    at->branches.done = at->branches.running + width;
    for (int64_t m = 0; m < width; ++m) {
      at->members[m].turn = at;
      at->members[m].sent.slot = (int32_t)(i % t->texts * width + m);
    }
  }
}

tfm_status tfm_turns_open(tfm_turns **out, const tfm_turns_options *options, tfm_err *err)
{
  TFM_ASSERT(options->branching.width <= options->slots &&
             options->branching.width <= options->max_tokens &&
             options->branching.tail <= TFM_TAIL_MOST);
  *out = NULL;
  tfm_turns *t = tfm_calloc(1, sizeof *t);
  if (!t) {
    return tfm_fail(err, TFM_E_NOMEM, "%lld texts that grow", (long long)options->slots);
  }
  t->options = *options;
  t->texts = options->slots / options->branching.width;
  const tfm_status st = make_memory(t, err);
  if (st != TFM_OK) {
    tfm_turns_close(t);
    return st;
  }
  lay_out(t);
  *out = t;
  return TFM_OK;
}

void tfm_turns_close(tfm_turns *turns)
{
  if (!turns) {
    return;
  }
  for (int64_t i = 0; turns->all && i < turns->options.lines * turns->texts; ++i) {
    tfm_branches_end(&turns->all[i].branches);
  }
  tfm_free(turns->waiting);
  tfm_free(turns->lines);
  tfm_free(turns->all);
  tfm_free(turns->members);
  tfm_free(turns->branches);
  tfm_free(turns->rows);
  tfm_free(turns->no_types);
  tfm_free(turns->chosen);
  tfm_free(turns->freed);
  tfm_free(turns);
}

bool tfm_turns_room(const tfm_turns *turns)
{
  return turns->nwaiting < turns->options.window;
}

/* Pages for the prompt and all that may be added; the token added last is never sent. Branches
 * share those that the prompt fills, and those of the source. */
static int64_t pages_of(const tfm_turns *turns, const tfm_sequence *text)
{
  const int64_t tokens = text->n + text->grow - 1;
  const int64_t all = (tokens + turns->options.page_tokens - 1) / turns->options.page_tokens;
  const int64_t shared = text->n / turns->options.page_tokens;
  const int64_t source =
      (text->nsource + turns->options.page_tokens - 1) / turns->options.page_tokens;
  return source + shared + turns->options.branching.width * (all - shared);
}

void tfm_turns_add(tfm_turns *turns, tfm_sequence *text)
{
  text->rows = 0;
  text->nend = 0;
  if (pages_of(turns, text) > turns->options.pages) {
    tfm_err bad = {0};
    (void)tfm_fail(
        &bad, TFM_E_NOMEM,
        "a text of %lld tokens, and %lld to come, wants %lld pages of keys and values "
        "of %lld; raise --kv-budget",
        (long long)tfm_sequence_rows(text), (long long)text->grow,
        (long long)pages_of(turns, text), (long long)turns->options.pages);
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

/* The next text that waits gets slots of the line, if there are any and pages for it. */
static bool admit(tfm_turns *turns, int line)
{
  line_state *l = &turns->lines[line];
  tfm_sequence *text = turns->nwaiting > 0 ? turns->waiting[turns->first] : NULL;
  if (!text || l->running == turns->texts || pages_of(turns, text) > l->pages) {
    return false;
  }
  turn *t = l->turns;
  while (t->text) {
    ++t;
  }
  t->text = text;
  t->pages = pages_of(turns, text);
  t->done = t->flying = t->back = 0;
  t->failed = false;
  tfm_branches_begin(&t->branches, &turns->options.branching, text);
  l->pages -= t->pages;
  ++l->running;
  turns->first = (turns->first + 1) % turns->options.window;
  --turns->nwaiting;
  return true;
}

static void send(turn *t, member *m, tfm_sequence what, tfm_sequence **chosen)
{
  what.item = t->text->item;
  what.slot = m->sent.slot;
  what.start = (int32_t)t->done;
  m->sent = what;
  m->mark = (int32_t)(what.n - 1);
  m->sent.marks = &m->mark;
  m->sent.rows = what.nmark;
  chosen[t->flying++] = &m->sent;
}

/* Whether the prompt's next tokens may be so few: an encoder reads its text in one piece. */
static bool fits(const turn *t, int64_t most)
{
  return t->text->nsource == 0 || t->done > 0 || tfm_sequence_rows(t->text) <= most;
}

/* Make the prompt's next tokens travel, at most `most` of them, or all of it with what an encoder
 * reads; returns how many rows that takes. */
static int64_t board_prompt(turn *t, int64_t most, tfm_sequence **chosen)
{
  const tfm_sequence *text = t->text;
  const int64_t left = text->n - t->done;
  const bool reads = text->nsource > 0 && t->done == 0;
  const int64_t n = left < most || reads ? left : most;
  const int64_t nsource = reads ? text->nsource : 0;
  send(t, &t->members[0],
       (tfm_sequence){.n = n,
                      .ids = text->ids + t->done,
                      .type_ids = text->type_ids + t->done,
                      .nmark = left <= n,
                      .nsource = nsource,
                      .source = text->source,
                      .parent = t->members[0].sent.slot},
       chosen);
  t->done += n;
  return n + nsource;
}

/* Branches that are to grow. */
static int64_t live(const tfm_turns *turns, const turn *t)
{
  int64_t n = 0;
  for (int64_t i = 0; i < turns->options.branching.width; ++i) {
    n += !t->branches.running[i].over;
  }
  return n;
}

/* Make the last token of each branch travel. */
static void board_branches(tfm_turns *turns, turn *t, tfm_sequence **chosen)
{
  for (int64_t i = 0; i < turns->options.branching.width; ++i) {
    const tfm_branch *branch = &t->branches.running[i];
    member *m = &t->members[i];
    if (!branch->over) {
      m->last = tfm_branches_last(&t->branches, i);
      send(t, m,
           (tfm_sequence){.n = 1,
                          .ids = &m->last,
                          .type_ids = turns->no_types,
                          .nmark = 1,
                          .parent = t->members[branch->parent].sent.slot},
           chosen);
    }
  }
  ++t->done;
}

/* How many texts the next micro-batch takes of those whose prompt is through: as many micro-batches
 * as keep the line busy, of like size. 0: those that are under way are worth waiting for. */
static int64_t share_of(const tfm_turns *turns, const line_state *l, int64_t ready,
                        int64_t in_flight)
{
  const int64_t groups = turns->options.groups;
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
    tfm_sequence *s = turns->chosen[i];
    pack->seqs[i] = s;
    pack->T += tfm_sequence_rows(s);
    pack->sources += s->nsource;
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
  return t->text && t->flying == 0 && (t->done >= t->text->n) == through;
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
  for (int64_t s = 0; s < turns->texts; ++s) {
    ready += is_home(&l->turns[s], true);
    begun += is_home(&l->turns[s], false);
  }
  int64_t share = share_of(turns, l, ready, begun > 0 ? 0 : in_flight);
  for (int64_t s = 0; s < turns->texts && share > 0; ++s) {
    turn *t = &l->turns[s];
    if (is_home(t, true) && live(turns, t) <= room) {
      board_branches(turns, t, turns->chosen + n);
      n += t->flying;
      room -= t->flying;
      --share;
    }
  }
  for (int64_t s = 0; s < turns->texts && room > 0; ++s) {
    if (is_home(&l->turns[s], false) && (n == 0 || fits(&l->turns[s], room))) {
      room -= board_prompt(&l->turns[s], room, turns->chosen + n);
      ++n;
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
  for (int64_t i = 0; i < turns->options.branching.width; ++i) {
    l->freed[l->nfreed++] = t->members[i].sent.slot;
  }
  tfm_branches_end(&t->branches);
  t->text = NULL;
}

/* All that was under way of a text is back. */
static tfm_status go_on(tfm_turns *turns, turn *t, tfm_err *err)
{
  tfm_status st = TFM_OK;
  const tfm_branching *how = &turns->options.branching;
  bool over = false;
  TFM_TRY(tfm_branches_step(&t->branches, how, t->rows, turns->options.width, &over, err));
  if (over) {
    TFM_TRY(tfm_branches_harvest(&t->branches, how, err));
    finish(turns, t);
  }

fail:
  return st;
}

tfm_status tfm_turns_take(tfm_turns *turns, tfm_sequence *sent, tfm_status status,
                          const float *values, tfm_err *err)
{
  turn *t = ((member *)(void *)sent)->turn;
  const int64_t width = turns->options.width;
  t->failed = t->failed || status != TFM_OK;
  if (sent->rows > 0 && status == TFM_OK) {
    memcpy(t->rows + t->back * width, values, (size_t)width * sizeof *values);
  }
  t->text->line = sent->line;
  t->text->batch = sent->batch;
  if (++t->back < t->flying) {
    return TFM_OK;
  }
  t->flying = t->back = 0;
  if (t->failed) {
    tfm_err bad = {0};
    (void)tfm_fail(&bad, TFM_E_INTERNAL,
                   "the model's result for this row is not finite (NaN or Infinity)");
    tfm_item_fail(t->text->item, &bad);
    finish(turns, t);
    return TFM_OK;
  }
  return sent->rows > 0 ? go_on(turns, t, err) : TFM_OK;
}
