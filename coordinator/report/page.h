/** A page of HTML that holds all it shows: its frame, figures in tiles, cards around pictures, and
 *  tables. It follows the reader's light or dark scheme; colours are those of plot.h. */
#ifndef TFM_COORDINATOR_REPORT_PAGE_H
#define TFM_COORDINATOR_REPORT_PAGE_H

#include "coordinator/report/plot.h"

/** Everything up to the first part. lead: a line below the title, or NULL. Texts are escaped, here
 * and below. */
void tfm_page_begin(tfm_buf *out, const char *title, const char *lead);
void tfm_page_end(tfm_buf *out);

/** A heading, with a sentence below that says how to read what follows; or NULL. */
void tfm_page_heading(tfm_buf *out, const char *title, const char *sentence);

/** A box that stands out. */
void tfm_page_note(tfm_buf *out, const char *text);

/** Cards side by side where there is room: begin, then card_begin, a picture, card_end ..., end. */
void tfm_page_cards_begin(tfm_buf *out);
void tfm_page_card_begin(tfm_buf *out);
void tfm_page_card_end(tfm_buf *out);
void tfm_page_cards_end(tfm_buf *out);

/** A cell of a table; number: to the right. */
void tfm_page_cell(tfm_buf *out, const char *text, bool number);

#endif
