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
  bool begun;     /* some of it was under way */
  turn *donor;    /* whose pages its first ones are; NULL: they are its own */
  int64_t shared; /* tokens in those, whole pages */
  int64_t sure;   /* tokens that went through all stages, and well */
  bool rests;     /* over: its slot is kept for texts that begin like it */
  bool awaited;   /* by a text that has its first pages and has not begun */
  uint64_t since; /* when it came to rest */
  int32_t *kept;  /* [nkept] its ids then */
  int64_t nkept;
  member *members; /* [branches] */
  float *rows;     /* [branches, width] what came back */
  tfm_branches branches;
};

typedef struct {
  turn *turns; /* [texts] */
  int64_t running, resting;
  int64_t pages;  /* nobody has reserved */
  int32_t *freed; /* [slots] whose pages stages still keep */
  int64_t nfreed;
  uint64_t refused; /* turns->changes when the text in front did not fit */
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
  uint64_t changes;      /* of what is free, so far, and 1 */
  int64_t shared;        /* tokens of prompts that did not travel */
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
  t->changes = 1;
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
    tfm_free(turns->all[i].kept);
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

int64_t tfm_turns_shared(const tfm_turns *turns)
{
  return turns->shared;
}

/* ---- pages that texts share --------------------------------------------------------------- */

/* Pages nest: of a donor's, those below its own `shared` are its donor's. So each page is counted
 * once, by the turn it is called to belong to, and stages free it when the last slot lets it go. */

/* Whether its keys and values are what they are because it came in one piece. */
static bool indivisible(const tfm_turns *turns, const tfm_sequence *text)
{
  return turns->options.piece_most > 0 && text->n > turns->options.piece_most;
}

/* Tokens of whole pages that the text begins with and the turn has, or will: a text's last token
 * must travel. */
static int64_t common(const tfm_turns *turns, const turn *t, const tfm_sequence *text)
{
  const int64_t page = turns->options.page_tokens;
  const int32_t *ids = t->rests ? t->kept : t->text->ids;
  const int64_t n = t->rests ? t->nkept : t->text->n;
  const int64_t most = n < text->n - 1 ? n : text->n - 1;
  int64_t at = 0;
  if (text->nsource > 0 || indivisible(turns, text) ||
      (!t->rests && indivisible(turns, t->text))) {
    return 0;
  }
  while (at + page <= most &&
         memcmp(ids + at, text->ids + at, (size_t)page * sizeof *ids) == 0) {
    at += page;
  }
  return at;
}

static turn *best_donor(const tfm_turns *turns, const line_state *l, const tfm_sequence *text,
                        int64_t *shared)
{
  turn *best = NULL;
  *shared = 0;
  for (int64_t s = 0; s < turns->texts; ++s) {
    turn *t = &l->turns[s];
    const int64_t n = t->text || t->rests ? common(turns, t, text) : 0;
    best = n > *shared ? t : best;
    *shared = n > *shared ? n : *shared;
  }
  /* Who has the pages itself: one that got them from another may not have begun. */
  while (best && best->donor && *shared <= best->shared) {
    best = best->donor;
  }
  return best;
}

/* Who shares no more pages with x than x does with its donor has them of that one. */
static void hand_over(tfm_turns *turns, turn *x)
{
  line_state *l = &turns->lines[x->line];
  for (int64_t s = 0; s < turns->texts; ++s) {
    turn *t = &l->turns[s];
    t->donor = t->donor == x && t->shared <= x->shared ? x->donor : t->donor;
  }
}

/* Of those who have pages of x, the one with the most of them; NULL: there is none. */
static turn *heir_of(const tfm_turns *turns, const turn *x, bool begun)
{
  const line_state *l = &turns->lines[x->line];
  turn *heir = NULL;
  for (int64_t s = 0; s < turns->texts; ++s) {
    turn *t = &l->turns[s];
    if (t->donor == x && t->begun == begun && (!heir || t->shared > heir->shared)) {
      heir = t;
    }
  }
  return heir;
}

/* A turn gives its pages back, and others have some of them. Of those that have begun the one with
 * the most keeps them: they are its own from now on. What is beyond goes, and of those that were to
 * begin there the one with the most makes it anew. The others have theirs of these two. */
static void leave_heirs(tfm_turns *turns, turn *x)
{
  hand_over(turns, x);
  for (int begun = 1; begun >= 0; --begun) {
    turn *heir = heir_of(turns, x, begun == 1);
    if (heir) {
      const int64_t place = heir->shared;
      const int64_t pages = (place - x->shared) / turns->options.page_tokens;
      x->pages -= pages;
      heir->pages += pages;
      heir->donor = x->donor;
      heir->shared = x->shared;
      heir->done = heir->begun ? heir->done : heir->shared;
      x->donor = heir;
      x->shared = place;
      hand_over(turns, x);
    }
  }
}

static void give_back(tfm_turns *turns, turn *t)
{
  line_state *l = &turns->lines[t->line];
  leave_heirs(turns, t);
  l->pages += t->pages;
  l->resting -= t->rests;
  t->rests = false;
  t->donor = NULL;
  ++turns->changes;
  for (int64_t i = 0; i < turns->options.branching.width; ++i) {
    l->freed[l->nfreed++] = t->members[i].sent.slot;
  }
}

/* A text that is over, and the only one of its slot, keeps it: the next ones may begin like it, a
 * conversation's next turn does. False when there is no memory to remember it. */
static bool rest(tfm_turns *turns, turn *t)
{
  line_state *l = &turns->lines[t->line];
  const tfm_sequence *text = t->text;
  const int64_t page = turns->options.page_tokens;
  const int64_t used = (t->done + page - 1) / page - t->shared / page;
  if (t->failed || turns->options.branching.width > 1 || text->nsource > 0 ||
      indivisible(turns, text) || t->done < page) {
    return false;
  }
  tfm_free(t->kept);
  t->kept = tfm_calloc((size_t)t->done, sizeof *t->kept);
  if (!t->kept) {
    return false;
  }
  memcpy(t->kept, text->ids, (size_t)text->n * sizeof *t->kept);
  for (int64_t i = text->n; i < t->done; ++i) {
    t->kept[i] = (int32_t)text->values[2 * (i - text->n)];
  }
  t->nkept = t->done;
  l->pages += t->pages - used;
  t->pages = used;
  t->rests = true;
  t->since = turns->changes++;
  ++l->resting;
  return true;
}

/* The turn that rests longest, of those nobody waits for; NULL: there is none. */
static turn *oldest(const tfm_turns *turns, const line_state *l)
{
  turn *old = NULL;
  for (int64_t s = 0; s < turns->texts; ++s) {
    turn *t = &l->turns[s];
    old = t->rests && !t->awaited && (!old || t->since < old->since) ? t : old;
  }
  return old;
}

/* Who must stay, because a text is to begin with its pages. */
static void note_awaited(const tfm_turns *turns, line_state *l)
{
  for (int64_t s = 0; s < turns->texts; ++s) {
    l->turns[s].awaited = false;
  }
  for (int64_t s = 0; s < turns->texts; ++s) {
    turn *t = &l->turns[s];
    if (t->text && !t->begun && t->donor) {
      t->donor->awaited = true;
    }
  }
}

/* Slots and pages for a text: turns that rest give way, at last the one it would share with. */
static bool make_room(tfm_turns *turns, line_state *l, const tfm_sequence *text, turn **donor,
                      int64_t *shared)
{
  const int64_t all = pages_of(turns, text);
  note_awaited(turns, l);
  const bool others = *donor && (*donor)->awaited;
  if (*donor) {
    (*donor)->awaited = true;
  }
  while (l->running + l->resting == turns->texts ||
         all - *shared / turns->options.page_tokens > l->pages) {
    turn *old = oldest(turns, l);
    if (!old && *donor && (*donor)->rests && !others) {
      old = *donor;
      *donor = NULL;
      *shared = 0;
    }
    if (!old) {
      return false;
    }
    give_back(turns, old);
  }
  return true;
}

/* The line with the fewest texts of those that may have room for another; NULL: there is none. */
static line_state *roomiest(const tfm_turns *turns)
{
  line_state *best = NULL;
  for (int i = 0; i < turns->options.lines; ++i) {
    line_state *l = &turns->lines[i];
    const bool open = l->running < turns->texts && l->refused != turns->changes;
    best = open && (!best || l->running < best->running) ? l : best;
  }
  return best;
}

/* The next text that waits gets slots of the line, if there are pages for it. */
static void admit(tfm_turns *turns, line_state *l)
{
  tfm_sequence *text = turns->waiting[turns->first];
  int64_t shared = 0;
  turn *donor = best_donor(turns, l, text, &shared);
  if (!make_room(turns, l, text, &donor, &shared)) {
    l->refused = turns->changes;
    return;
  }
  turn *t = l->turns;
  while (t->text || t->rests) {
    ++t;
  }
  t->text = text;
  t->donor = donor;
  t->shared = t->done = shared;
  t->pages = pages_of(turns, text) - shared / turns->options.page_tokens;
  t->flying = t->back = t->sure = 0;
  t->failed = t->begun = false;
  tfm_branches_begin(&t->branches, &turns->options.branching, text);
  l->pages -= t->pages;
  ++l->running;
  ++turns->changes;
  turns->first = (turns->first + 1) % turns->options.window;
  --turns->nwaiting;
}

/* Texts that wait are shared out, whichever line asks: the first would else have them all. */
static void admit_all(tfm_turns *turns)
{
  line_state *l = roomiest(turns);
  while (l && turns->nwaiting > 0) {
    admit(turns, l);
    l = roomiest(turns);
  }
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
static bool fits(const tfm_turns *turns, const turn *t, int64_t most)
{
  const bool whole = t->text->nsource > 0 || indivisible(turns, t->text);
  return !whole || t->done > 0 || tfm_sequence_rows(t->text) <= most;
}

/* Make the prompt's next tokens travel, at most `most` of them, or all of it with what an encoder
 * reads; returns how many rows that takes. */
static int64_t board_prompt(tfm_turns *turns, turn *t, int64_t most, tfm_sequence **chosen)
{
  const tfm_sequence *text = t->text;
  const int64_t left = text->n - t->done;
  const bool reads = text->nsource > 0 && t->done == 0;
  const int64_t n = left < most || reads || indivisible(turns, text) ? left : most;
  const int64_t nsource = reads ? text->nsource : 0;
  const turn *from = !t->begun && t->donor ? t->donor : t;
  if (!t->begun) {
    turns->shared += t->shared;
    t->begun = true;
    ++turns->changes;
  }
  send(t, &t->members[0],
       (tfm_sequence){.n = n,
                      .ids = text->ids + t->done,
                      .type_ids = text->type_ids + t->done,
                      .nmark = left <= n,
                      .nsource = nsource,
                      .source = text->source,
                      .parent = from->members[0].sent.slot},
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

/* Whether stages have the pages it begins with. That they are on their way is not enough: all slots
 * of a micro-batch go on from what was there before it, and of a text that fails at one stage those
 * behind it keep nothing but zeros. */
static bool may_begin(const turn *t)
{
  return t->begun || !t->donor || t->donor->sure >= t->shared;
}

/* Whether the turn is at home, and its prompt is (not) through. */
static bool is_home(const turn *t, bool through)
{
  return t->text && t->flying == 0 && (t->done >= t->text->n) == through;
}

/* Tokens of prompts that may travel now. */
static int64_t tokens_ready(const tfm_turns *turns, const line_state *l)
{
  int64_t tokens = 0;
  for (int64_t s = 0; s < turns->texts; ++s) {
    const turn *t = &l->turns[s];
    if (is_home(t, false) && may_begin(t)) {
      tokens += t->text->n - t->done + (t->done == 0 ? t->text->nsource : 0);
    }
  }
  return tokens;
}

/* How many of them the next micro-batch takes: an equal share for each that keeps the line busy,
 * but not so few that products are slow, nor so many that the stages behind wait for one. */
static int64_t chunk_of(const tfm_turns *turns, int64_t tokens)
{
  enum { FEWEST = 64 };
  const int64_t groups = turns->options.groups;
  const int64_t share = (tokens + groups - 1) / groups;
  const int64_t chunk = share > FEWEST ? share : FEWEST;
  return chunk < turns->options.prompt_tokens ? chunk : turns->options.prompt_tokens;
}

tfm_status tfm_turns_next(tfm_turns *turns, int line, int64_t in_flight, tfm_pack **pack,
                          tfm_err *err)
{
  line_state *l = &turns->lines[line];
  int64_t ready = 0;
  int64_t n = 0;
  int64_t room = turns->options.max_tokens;
  *pack = NULL;
  admit_all(turns);
  for (int64_t s = 0; s < turns->texts; ++s) {
    ready += is_home(&l->turns[s], true);
  }
  const int64_t prompts = tokens_ready(turns, l);
  int64_t share = share_of(turns, l, ready, prompts > 0 ? 0 : in_flight);
  for (int64_t s = 0; s < turns->texts && share > 0; ++s) {
    turn *t = &l->turns[s];
    if (is_home(t, true) && live(turns, t) <= room) {
      board_branches(turns, t, turns->chosen + n);
      n += t->flying;
      room -= t->flying;
      --share;
    }
  }
  int64_t chunk = chunk_of(turns, prompts);
  for (int64_t s = 0; s < turns->texts && room > 0 && chunk > 0; ++s) {
    turn *t = &l->turns[s];
    if (is_home(t, false) && may_begin(t) && (n == 0 || fits(turns, t, room))) {
      const int64_t rows =
          board_prompt(turns, t, room < chunk ? room : chunk, turns->chosen + n);
      room -= rows;
      chunk -= rows;
      ++n;
    }
  }
  return n > 0 ? make_pack(turns, l, n, pack, err) : TFM_OK;
}

static void finish(tfm_turns *turns, turn *t)
{
  --turns->lines[t->line].running;
  if (!rest(turns, t)) {
    give_back(turns, t);
  }
  --t->text->item->waiting;
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
  t->sure = t->done;
  return sent->rows > 0 ? go_on(turns, t, err) : TFM_OK;
}
