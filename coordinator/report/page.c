#include "coordinator/report/page.h"

static const char style[] =
    ":root{--page:#f3f2ec;--good:#0a7d4d;--bad:#c22f2e}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#101010;--good:#3fbf86;--bad:#f08080}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 "
    "system-ui,-apple-system,"
    "'Segoe UI',Roboto,'DejaVu Sans',sans-serif;-webkit-text-size-adjust:100%}\n"
    "main{max-width:1180px;margin:0 auto;padding:44px 24px 72px}\n"
    "h1{font-size:30px;line-height:1.2;letter-spacing:-.02em;margin:0;overflow-wrap:anywhere}\n"
    "h2{font-size:18px;letter-spacing:-.01em;margin:44px 0 2px}\n"
    "p{margin:0;color:var(--soft);max-width:78ch}p.lead{margin:6px 0 28px;font-size:16px}\n"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:12px}\n"
    ".tile,.card,.note{background:var(--surface);border:1px solid var(--grid);"
    "border-radius:12px}\n"
    ".tile{padding:14px 16px}.tile .k{color:var(--soft);font-size:13px}\n"
    ".tile .v{font-size:25px;font-weight:600;letter-spacing:-.02em;line-height:1.35;"
    "white-space:nowrap}\n"
    ".tile .v+.v{font-size:18px}.tile i{display:inline-block;width:10px;height:10px;"
    "border-radius:3px;margin-right:8px}\n"
    ".tile em{font-style:normal;font-size:13px;font-weight:500;margin-left:6px;"
    "letter-spacing:0}\n"
    "em.good{color:var(--good)}em.bad{color:var(--bad)}em.same{color:var(--soft)}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr));"
    "gap:12px;margin-top:14px}\n"
    ".card{padding:6px;overflow-x:auto}.card svg.plot{margin:0 auto}\n"
    ".note{margin-top:14px;padding:12px 16px;border-left:4px solid var(--c3)}\n"
    "table{border-collapse:collapse;width:100%;font-size:13px}\n"
    "th{color:var(--soft);font-weight:500;white-space:nowrap}\n"
    "th,td{padding:7px 12px;text-align:left;vertical-align:top;"
    "border-bottom:1px solid var(--grid);overflow-wrap:anywhere}\n"
    "tr:last-child td{border-bottom:0}td:first-child{white-space:nowrap;overflow-wrap:normal}\n"
    ".number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    "tr.differs td{background:color-mix(in srgb,var(--c3) 14%,transparent)}\n"
    "code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',"
    "monospace}\n"
    "footer{margin-top:48px;color:var(--soft);font-size:13px}\n"
    "@media print{body{background:none}.card,.tile{break-inside:avoid}}\n";

void tfm_page_begin(tfm_buf *out, const char *title, const char *lead)
{
  (void)tfm_buf_str(out,
                    "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
  tfm_plot_text(out, title);
  (void)tfm_buf_printf(out, "</title>\n<style>\n%s", tfm_plot_style());
  (void)tfm_buf_str(out, style);
  (void)tfm_buf_str(out, "</style>\n</head>\n<body>\n<main>\n<h1>");
  tfm_plot_text(out, title);
  (void)tfm_buf_str(out, "</h1>\n");
  if (lead) {
    (void)tfm_buf_str(out, "<p class=\"lead\">");
    tfm_plot_text(out, lead);
    (void)tfm_buf_str(out, "</p>\n");
  }
}

void tfm_page_end(tfm_buf *out)
{
  (void)tfm_buf_str(out,
                    "<footer>tfm-cluster " TFM_VERSION
                    ". This page holds all it shows.</footer>\n</main>\n</body>\n</html>\n");
}

void tfm_page_heading(tfm_buf *out, const char *title, const char *sentence)
{
  (void)tfm_buf_str(out, "<h2>");
  tfm_plot_text(out, title);
  (void)tfm_buf_str(out, "</h2>\n");
  if (sentence) {
    (void)tfm_buf_str(out, "<p>");
    tfm_plot_text(out, sentence);
    (void)tfm_buf_str(out, "</p>\n");
  }
}

void tfm_page_note(tfm_buf *out, const char *text)
{
  (void)tfm_buf_str(out, "<div class=\"note\">");
  tfm_plot_text(out, text);
  (void)tfm_buf_str(out, "</div>\n");
}

void tfm_page_cards_begin(tfm_buf *out)
{
  (void)tfm_buf_str(out, "<div class=\"cards\">\n");
}

void tfm_page_card_begin(tfm_buf *out)
{
  (void)tfm_buf_str(out, "<div class=\"card\">\n");
}

void tfm_page_card_end(tfm_buf *out)
{
  (void)tfm_buf_str(out, "</div>\n");
}

void tfm_page_cards_end(tfm_buf *out)
{
  (void)tfm_buf_str(out, "</div>\n");
}

void tfm_page_cell(tfm_buf *out, const char *text, bool number)
{
  (void)tfm_buf_str(out, number ? "<td class=\"number\">" : "<td>");
  tfm_plot_text(out, text);
  (void)tfm_buf_str(out, "</td>");
}
