/* What is told, as a page: pieces, where layers ran, and heat maps of every layer and head. */
#include "coordinator/report/page.h"
#include "coordinator/explain/told.h"

#include <math.h>
#include <stdio.h>

static const char style[] =
    "<style>\n"
    ".text{font-size:19px;line-height:2.1;overflow-wrap:anywhere;color:var(--ink);"
    "max-width:none}\n"
    ".text span{background:var(--surface);border:1px solid var(--grid);border-radius:6px;"
    "padding:3px 6px;margin-right:3px;white-space:pre}\n"
    ".text span.special{color:var(--soft);border-style:dashed}\n"
    ".text span small{color:var(--soft);font-size:11px;margin-left:5px}\n"
    "#maps{display:grid;grid-template-columns:minmax(0,max-content) minmax(0,1fr);gap:12px;"
    "margin-top:14px;align-items:start}\n"
    "@media (max-width:900px){#maps{grid-template-columns:minmax(0,1fr)}}\n"
    "#grid{display:grid;gap:3px;padding:10px;max-height:76vh;overflow:auto}\n"
    "#grid canvas{width:44px;height:44px;image-rendering:pixelated;border-radius:3px;"
    "cursor:pointer;outline:1px solid var(--grid)}\n"
    "#grid canvas.on{outline:2.5px solid var(--c8)}\n"
    "#grid b{font-weight:400;font-size:11px;color:var(--soft);align-self:center;"
    "text-align:center}\n"
    "#one{padding:16px;overflow:auto;max-height:76vh}#one canvas{display:block}\n"
    "#said{min-height:1.6em;font-variant-numeric:tabular-nums;color:var(--ink);"
    "position:sticky;left:0}\n"
    "label{color:var(--soft);font-size:13px;margin-right:14px}\n"
    ".ramp{display:inline-block;vertical-align:middle;width:110px;height:11px;margin:0 6px;"
    "border:1px solid var(--grid);border-radius:3px;"
    "background:linear-gradient(to right,var(--surface),var(--c1))}\n"
    "select{font:inherit;color:var(--ink);background:var(--surface);"
    "border:1px solid var(--axis);border-radius:6px;padding:2px 6px;margin-left:6px}\n"
    "</style>\n";

/* The heat maps. Weights are two hexadecimal digits each, 0 to 255. */
static const char script[] =
    "<script>\n'use strict';\n"
    "const D=JSON.parse(document.getElementById('data').textContent),T=D.pieces.length;\n"
    "const $=id=>document.getElementById(id);let L=D.layers-1,H=-1,hot=null;\n"
    "const at=(l,h,q,k)=>{const s=D.weights[l][h],i=2*(q*T+k);"
    "return parseInt(s.slice(i,i+2),16)/255};\n"
    "const weight=(l,h,q,k)=>{if(h>=0)return at(l,h,q,k);let s=0;"
    "for(let i=0;i<D.heads;i++)s+=at(l,i,q,k);return s/D.heads};\n"
    "const css=n=>getComputedStyle(document.documentElement).getPropertyValue(n).trim();\n"
    "const rgb=c=>{c=c.slice(1);if(c.length===3)c=[...c].map(x=>x+x).join('');"
    "return[0,2,4].map(i=>parseInt(c.slice(i,i+2),16))};\n"
    "let low,high,ink,soft,mark;\n"
    "const colours=()=>{low=rgb(css('--surface'));high=rgb(css('--c1'));ink=css('--ink');"
    "soft=css('--soft');mark=css('--c8')};\n"
    "const shade=v=>{v=Math.pow(v,.6);return low.map((a,i)=>Math.round(a+(high[i]-a)*v))};\n"
    "const thumb=(c,l,h)=>{c.width=c.height=T;const x=c.getContext('2d'),"
    "p=x.createImageData(T,T);for(let q=0;q<T;q++)for(let k=0;k<T;k++){"
    "const s=shade(weight(l,h,q,k)),i=4*(q*T+k);p.data[i]=s[0];p.data[i+1]=s[1];"
    "p.data[i+2]=s[2];p.data[i+3]=255}x.putImageData(p,0,0)};\n"
    "const short=s=>{const c=[...s];return c.length>14?c.slice(0,13).join('')+'\\u2026':s};\n"
    "const cell=()=>Math.max(14,Math.min(34,Math.floor(620/T)));\n"
    "const pad=()=>{const x=$('big').getContext('2d');x.font=font();"
    "return 16+Math.max(...D.pieces.map(p=>x.measureText(short(p)).width))};\n"
    "const font=()=>'12px system-ui,-apple-system,\"Segoe UI\",Roboto,\"DejaVu "
    "Sans\",sans-serif';\n"
    "const draw=()=>{const c=$('big'),s=cell(),m=pad(),w=m+T*s+2,r=window.devicePixelRatio||1;"
    "c.width=w*r;c.height=w*r;c.style.width=c.style.height=w+'px';const x=c.getContext('2d');"
    "x.scale(r,r);x.font=font();x.textBaseline='middle';"
    "for(let q=0;q<T;q++)for(let k=0;k<T;k++){const p=shade(weight(L,H,q,k));"
    "x.fillStyle=`rgb(${p})`;x.fillRect(m+k*s,m+q*s,s-1,s-1)}"
    "for(let i=0;i<T;i++){x.fillStyle=hot&&hot[0]===i?mark:D.special[i]?soft:ink;"
    "x.textAlign='right';x.fillText(short(D.pieces[i]),m-8,m+i*s+s/2);"
    "x.save();x.translate(m+i*s+s/2,m-8);x.rotate(-Math.PI/2);x.textAlign='left';"
    "x.fillStyle=hot&&hot[1]===i?mark:D.special[i]?soft:ink;x.fillText(short(D.pieces[i]),0,0);"
    "x.restore()}if(hot){x.strokeStyle=mark;x.lineWidth=2;"
    "x.strokeRect(m+hot[1]*s,m+hot[0]*s,s-1,s-1)}};\n"
    "const name=()=>`layer ${L}, ${H<0?'mean of all heads':'head '+H}`;\n"
    "const say=()=>{$('said').textContent=hot?`${D.pieces[hot[0]]} \\u2192 "
    "${D.pieces[hot[1]]}: `+"
    "`${weight(L,H,hot[0],hot[1]).toFixed(3)}  (${name()})`:"
    "`${name()}: rows are who looks, columns who is looked at; a row sums to 1`};\n"
    "const show=()=>{document.querySelectorAll('#grid canvas').forEach(c=>c.classList.toggle("
    "'on',+c.dataset.l===L&&+c.dataset.h===H));$('layer').value=L;$('head').value=H;draw();say("
    ")};\n"
    "const build=()=>{colours();const g=$('grid');g.textContent='';"
    "g.style.gridTemplateColumns=`repeat(${D.heads+2},auto)`;"
    "const word=t=>{const b=document.createElement('b');b.textContent=t;g.append(b)};"
    "word('');word('mean');for(let h=0;h<D.heads;h++)word(h);"
    "for(let l=0;l<D.layers;l++){word(l);for(let h=-1;h<D.heads;h++){"
    "const c=document.createElement('canvas');c.dataset.l=l;c.dataset.h=h;"
    "c.title=`layer ${l}, ${h<0?'mean':'head '+h}`;thumb(c,l,h);"
    "c.addEventListener('click',()=>{L=l;H=h;show()});g.append(c)}}show()};\n";

/* The same script: who listens to what. */
static const char listening[] =
    "const option=(s,v,t)=>{const o=document.createElement('option');o.value=v;"
    "o.textContent=t;s.append(o)};\n"
    "for(let l=0;l<D.layers;l++)option($('layer'),l,l);option($('head'),-1,'mean of all');"
    "for(let h=0;h<D.heads;h++)option($('head'),h,h);\n"
    "$('layer').addEventListener('change',e=>{L=+e.target.value;show()});"
    "$('head').addEventListener('change',e=>{H=+e.target.value;show()});\n"
    "$('big').addEventListener('mousemove',e=>{const "
    "b=e.target.getBoundingClientRect(),s=cell(),"
    "m=pad(),k=Math.floor((e.clientX-b.left-m)/s),q=Math.floor((e.clientY-b.top-m)/s);"
    "hot=q>=0&&k>=0&&q<T&&k<T?[q,k]:null;draw();say()});\n"
    "$('big').addEventListener('mouseleave',()=>{hot=null;draw();say()});\n"
    "document.addEventListener('keydown',e=>{if(e.target.tagName==='SELECT')return;"
    "const d={ArrowUp:[-1,0],ArrowDown:[1,0],ArrowLeft:[0,-1],ArrowRight:[0,1]}[e.key];"
    "if(!d)return;e.preventDefault();L=Math.max(0,Math.min(D.layers-1,L+d[0]));"
    "H=Math.max(-1,Math.min(D.heads-1,H+d[1]));show()});\n"
    "matchMedia('(prefers-color-scheme:dark)').addEventListener('change',build);build();\n"
    "</script>\n";

/* JSON inside of a page: what would end its element is escaped, too. */
static void put_string(tfm_buf *out, const char *text)
{
  tfm_buf quoted = {0};
  (void)tfm_buf_json_string(&quoted, tfm_span_of(text));
  for (size_t i = 0; i < quoted.n; ++i) {
    if (quoted.data[i] == '<') {
      (void)tfm_buf_str(out, "\\u003c");
    } else {
      (void)tfm_buf_char(out, quoted.data[i]);
    }
  }
  tfm_buf_fini(&quoted);
}

static void put_head(const tfm_told *told, int64_t layer, int64_t head, tfm_buf *out)
{
  static const char digits[] = "0123456789abcdef";
  const float *weights = tfm_told_head(told, layer, head);
  (void)tfm_buf_char(out, '"');
  for (int64_t i = 0; i < told->T * told->T; ++i) {
    const float scaled = weights[i] * 255.0f + 0.5f;
    const int level = scaled < 255.0f ? (int)scaled : 255;
    (void)tfm_buf_char(out, digits[level / 16]);
    (void)tfm_buf_char(out, digits[level % 16]);
  }
  (void)tfm_buf_char(out, '"');
}

static void put_data(const tfm_told *told, tfm_buf *out)
{
  (void)tfm_buf_printf(out,
                       "<script type=\"application/json\" id=\"data\">{\"layers\":%lld,"
                       "\"heads\":%lld,\"pieces\":[",
                       (long long)told->L, (long long)told->N);
  for (int64_t t = 0; t < told->T; ++t) {
    (void)tfm_buf_str(out, t ? "," : "");
    put_string(out, told->pieces[t].text);
  }
  (void)tfm_buf_str(out, "],\"special\":[");
  for (int64_t t = 0; t < told->T; ++t) {
    (void)tfm_buf_printf(out, "%s%d", t ? "," : "", told->pieces[t].special);
  }
  (void)tfm_buf_str(out, "],\"weights\":[");
  for (int64_t layer = 0; layer < told->L; ++layer) {
    (void)tfm_buf_str(out, layer ? ",\n[" : "\n[");
    for (int64_t head = 0; head < told->N; ++head) {
      (void)tfm_buf_str(out, head ? "," : "");
      put_head(told, layer, head, out);
    }
    (void)tfm_buf_char(out, ']');
  }
  (void)tfm_buf_str(out, "]}</script>\n");
}

static void put_pieces(const tfm_told *told, tfm_buf *out)
{
  (void)tfm_buf_str(out, "<p class=\"text\">");
  for (int64_t t = 0; t < told->T; ++t) {
    const tfm_piece *p = &told->pieces[t];
    (void)tfm_buf_str(out, p->special ? "<span class=\"special\">" : "<span>");
    tfm_plot_text(out, p->text);
    (void)tfm_buf_printf(out, "<small>%d</small></span>", p->id);
  }
  (void)tfm_buf_str(out, "</p>\n");
}

static void put_rank(const tfm_told *told, int rank, tfm_buf *out)
{
  const tfm_crew_rank *r = &told->job->crew.ranks[rank];
  tfm_buf text = {0};
  (void)tfm_buf_printf(&text, "rank %d, %s", rank, r->hello.host);
  if (r->ready.node >= 0) {
    (void)tfm_buf_printf(&text, ", NUMA node %d", r->ready.node);
  }
  tfm_page_cell(out, tfm_buf_cstr(&text), false);
  tfm_buf_fini(&text);
}

static void put_layer(const tfm_told *told, int64_t layer, tfm_buf *out)
{
  tfm_told_pair pairs[3];
  tfm_buf text = {0};
  const int n = tfm_told_pairs(told, layer, pairs, 3);
  (void)tfm_buf_printf(out, "<tr><td class=\"number\">%lld</td>", (long long)layer);
  put_rank(told, tfm_told_rank(told, layer, 0), out);
  put_rank(told, tfm_told_rank(told, layer, 1), out);
  for (int i = 0; i < n; ++i) {
    (void)tfm_buf_printf(&text, "%s%s \xe2\x86\x92 %s %.2f", i ? ", " : "",
                         told->pieces[pairs[i].query].text, told->pieces[pairs[i].key].text,
                         (double)pairs[i].weight);
  }
  tfm_page_cell(out, tfm_buf_cstr(&text), false);
  (void)tfm_buf_printf(out, "<td class=\"number\">%.1f %%</td></tr>\n",
                       100 * tfm_told_to_specials(told, layer));
  tfm_buf_fini(&text);
}

static void put_layers(const tfm_told *told, tfm_buf *out)
{
  (void)tfm_buf_str(
      out,
      "<div class=\"cards\"><div class=\"card\"><table>\n<tr><th class=\"number\">Layer</th>"
      "<th>Attention ran on</th><th>Feed-forward ran on</th>"
      "<th>Strongest, specials and itself aside</th>"
      "<th class=\"number\">To specials</th></tr>\n");
  for (int64_t layer = 0; layer < told->L; ++layer) {
    put_layer(told, layer, out);
  }
  (void)tfm_buf_str(out, "</table></div></div>\n");
}

static void put_result(const tfm_told *told, tfm_buf *out)
{
  (void)tfm_buf_str(out, "<div class=\"cards\"><div class=\"card\"><table>\n");
  for (int i = 0; i < told->nfield; ++i) {
    tfm_buf value = {0};
    (void)tfm_buf_span(&value, tfm_buf_view(&told->answer.value[i]));
    if (value.n > 0) {
      (void)tfm_buf_str(out, "<tr>");
      tfm_page_cell(out, told->fields[i], false);
      tfm_page_cell(out, tfm_buf_cstr(&value), false);
      (void)tfm_buf_str(out, "</tr>\n");
    }
    tfm_buf_fini(&value);
  }
  (void)tfm_buf_str(out, "</table></div></div>\n");
}

void tfm_told_page(const tfm_told *told, tfm_buf *out)
{
  char lead[200];
  (void)snprintf(lead, sizeof lead, "%.64s, %.64s: %lld layers of %lld heads",
                 told->job->model.config.model_type, told->job->task->name, (long long)told->L,
                 (long long)told->N);
  tfm_page_begin(out, "One text's way through the model", lead);
  (void)tfm_buf_str(out, style);
  tfm_page_heading(out, "Pieces", "What the tokenizer made of the text, with their ids.");
  put_pieces(told, out);
  tfm_page_heading(out, "Attention",
                   "Choose a layer and a head, by the small maps or with the arrow keys.");
  (void)tfm_buf_str(
      out, "<div id=\"maps\"><div class=\"card\" id=\"grid\"></div><div class=\"card\" "
           "id=\"one\"><label>Layer<select id=\"layer\"></select></label>"
           "<label>Head<select id=\"head\"></select></label><label>0<span "
           "class=\"ramp\"></span>1</label><p id=\"said\"></p>"
           "<canvas id=\"big\"></canvas></div></div>\n");
  tfm_page_heading(out, "Layers", "Where each ran, and who attended to whom most in any head.");
  put_layers(told, out);
  tfm_page_heading(out, "Result", NULL);
  put_result(told, out);
  put_data(told, out);
  (void)tfm_buf_str(out, script);
  (void)tfm_buf_str(out, listening);
  tfm_page_end(out);
}
