#include "coordinator/input/parser.h"

bool tfm__record_white(const tfm__record *record)
{
  for (size_t i = 0; i < record->bytes.n; ++i) {
    char c = record->bytes.p[i];
    if (c != ' ' && !(c >= '\t' && c <= '\r')) {
      return false;
    }
  }
  return !record->too_long;
}

static tfm_status next_line(tfm__parser *p, tfm__window *w, tfm__record *record, bool *there,
                            tfm_err *err)
{
  (void)p;
  return tfm__window_line(w, record, there, err);
}

static void read_text(tfm__parser *p, const tfm__record *record)
{
  const tfm__columns *c = &p->columns;
  const char *missing = c->pair_named ? c->pair : c->list_named ? c->list : NULL;
  p->draft.text = tfm__draft_repair(&p->draft, record->bytes);
  if (missing) {
    tfm__draft_fail(&p->draft, "a line of text has no \"%.100s\": give JSONL, CSV or TSV",
                    missing);
  }
}

const tfm__format tfm__format_text = {
    .next = next_line, .blank = tfm__record_white, .read = read_text};
