/* Drawn from the bottom up:
 *
 *      title                          search
 *      |        @hash.v1         |
 *      |        @work.v1         | @read.v1 |
 *      |             @main.v1               |
 *      all
 */
#include "muctl_flame.h"
#include <string.h>

enum {
    WIDTH = 1200,
    MARGIN = 10,
    ROW = 17,
    TOP = 48, /* title and search */
    FONT = 12,
    BAR_FEWEST_LETTERS = 3,
};
#define BAR_WIDTH_MOST   (WIDTH - 2.0 * MARGIN)
#define BAR_WIDTH_LEAST  0.1 /* narrower ones are not drawn, nor what they call */
#define LETTER_WIDTH     7.2 /* of a font whose letters are equally wide */
#define BAR_TEXT_PADDING 3.0

static const char script[] =
    "(function () {\n"
    "var root = document.documentElement, bars = [], marked = [];\n"
    "Array.prototype.forEach.call(root.querySelectorAll('g.bar'), function (g) {\n"
    "  var r = g.querySelector('rect'), title = g.querySelector('title').textContent;\n"
    "  var bar = {g: g, r: r, t: g.querySelector('text'), x: +r.getAttribute('x'),\n"
    "    w: +r.getAttribute('width'), y: +r.getAttribute('y'), fill: r.getAttribute('fill'),\n"
    "    name: title.replace(/ \\([^()]*\\)$/, '')};\n"
    "  bars.push(bar);\n"
    "  g.addEventListener('click', function () { zoom(bar); });\n"
    "});\n"
    "function place(bar, x, w) {\n"
    "  var fits = Math.floor((w - 6) / 7.2), name = bar.name;\n"
    "  bar.g.style.display = '';\n"
    "  bar.r.setAttribute('x', x); bar.r.setAttribute('width', w);\n"
    "  bar.t.setAttribute('x', x + 3);\n"
    "  bar.t.textContent = fits < 3 ? '' : name.length <= fits ? name :\n"
    "    name.slice(0, fits - 2) + '..';\n"
    "}\n"
    "function zoom(to) {\n"
    "  bars.forEach(function (bar) {\n"
    "    var e = 0.05, scale = 1180 / to.w;\n"
    "    if (bar.y > to.y) {\n"
    "      if (bar.x <= to.x + e && bar.x + bar.w >= to.x + to.w - e) { place(bar, 10, 1180); }\n"
    "      else { bar.g.style.display = 'none'; }\n"
    "    } else if (bar.x >= to.x - e && bar.x + bar.w <= to.x + to.w + e) {\n"
    "      place(bar, 10 + (bar.x - to.x) * scale, bar.w * scale);\n"
    "    } else { bar.g.style.display = 'none'; }\n"
    "  });\n"
    "}\n"
    "function search() {\n"
    "  var words = prompt('Functions, as a regular expression:', ''), found = 0, end = -1, like;\n"
    "  marked.forEach(function (bar) { bar.r.setAttribute('fill', bar.fill); });\n"
    "  marked = [];\n"
    "  try { like = words ? new RegExp(words) : null; } catch (error) { like = null; }\n"
    "  if (like) {\n"
    "    marked = bars.filter(function (bar) { return like.test(bar.name); });\n"
    "    marked.forEach(function (bar) { bar.r.setAttribute('fill', '#e600e6'); });\n"
    "  }\n"
    "  marked.slice().sort(function (a, b) { return a.x - b.x || b.w - a.w; })\n"
    "    .forEach(function (bar) {\n"
    "      if (bar.x >= end - 0.05) { found += bar.w; end = bar.x + bar.w; }\n"
    "    });\n"
    "  document.getElementById('found').textContent = like ?\n"
    "    'found: ' + (100 * found / 1180).toFixed(1) + '%' : '';\n"
    "}\n"
    "document.getElementById('search').addEventListener('click', search);\n"
    "root.addEventListener('keydown', function (event) {\n"
    "  if ((event.ctrlKey || event.metaKey) && event.key === 'f') {\n"
    "    event.preventDefault(); search();\n"
    "  }\n"
    "});\n"
    "})();\n";

/* U+FFFE and U+FFFF are in no XML text; what else is not was cleaned away with control characters.
 */
static bool is_forbidden(const char *text)
{
    return strncmp(text, "\xef\xbf\xbe", 3) == 0 || strncmp(text, "\xef\xbf\xbf", 3) == 0;
}

static size_t letter_bytes(const char *text)
{
    size_t length = muclient_utf8_length(text);
    return length == 0 ? 1 : length;
}

/* At most so many letters. */
static void text_write(FILE *out, const char *text, size_t letters)
{
    while (text[0] != 0 && letters-- > 0) {
        size_t length = letter_bytes(text);
        switch (text[0]) {
        case '&': (void)fputs("&amp;", out); break;
        case '<': (void)fputs("&lt;", out); break;
        case '>': (void)fputs("&gt;", out); break;
        case '"': (void)fputs("&quot;", out); break;
        default:
            if (is_forbidden(text)) {
                (void)fputc('?', out);
            } else {
                (void)fwrite(text, 1, length, out);
            }
        }
        text += length;
    }
}

static size_t letter_count(const char *text)
{
    size_t count = 0;
    for (; text[0] != 0; text += letter_bytes(text)) {
        count++;
    }
    return count;
}

/* A colour of fire by the name; grey for what is no function of the program. */
static void colour_write(FILE *out, const char *name)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = name; at[0] != 0; at++) {
        hash = (hash ^ (unsigned char)at[0]) * 16777619u;
    }
    if (name[0] == '@' || name[0] == '#') {
        (void)fprintf(out, "#%02x%02x%02x", 205 + hash % 50, 60 + (hash >> 8) % 160,
                      (hash >> 16) % 55);
    } else {
        (void)fprintf(out, "#%02x%02x%02x", 200 + hash % 30, 200 + hash % 30, 205 + hash % 30);
    }
}

static void bar_write(FILE *out, const muctl_call_tree *tree, const muctl_call *call)
{
    double all = (double)tree->calls[0].total;
    double x = MARGIN + BAR_WIDTH_MOST * (double)call->start / all;
    double width = BAR_WIDTH_MOST * (double)call->total / all;
    if (width < BAR_WIDTH_LEAST) {
        return;
    }
    size_t y = TOP + (tree->depth - call->depth) * ROW;
    size_t letters = letter_count(call->name);
    double room = (width - 2 * BAR_TEXT_PADDING) / LETTER_WIDTH;
    size_t fits = room < BAR_FEWEST_LETTERS ? 0 : (size_t)room;
    (void)fputs("<g class=\"bar\"><title>", out);
    text_write(out, call->name, SIZE_MAX);
    (void)fprintf(out, " (%llu sample%s, %.2f%%)</title>", (unsigned long long)call->total,
                  call->total == 1 ? "" : "s", 100 * (double)call->total / all);
    (void)fprintf(out, "<rect x=\"%.1f\" y=\"%zu\" width=\"%.1f\" ", x, y, width);
    (void)fprintf(out, "height=\"%d\" rx=\"1\" fill=\"", ROW - 1);
    colour_write(out, call->name);
    (void)fprintf(out, "\"/><text x=\"%.1f\" y=\"%zu\">", x + BAR_TEXT_PADDING, y + FONT);
    if (fits > 0) {
        text_write(out, call->name, letters <= fits ? letters : fits - 2);
        (void)fputs(letters <= fits ? "" : "..", out);
    }
    (void)fputs("</text></g>\n", out);
}

void muctl_flame_write(FILE *out, const muctl_call_tree *tree, const char *title)
{
    size_t height = TOP + (tree->depth + 1) * ROW + MARGIN;
    (void)fprintf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%d\" "
                  "height=\"%zu\" viewBox=\"0 0 %d %zu\">\n",
                  WIDTH, height, WIDTH, height);
    (void)fprintf(out,
                  "<style>text { font: %dpx monospace; } g.bar, #search { cursor: pointer; } "
                  "g.bar text { pointer-events: none; }</style>\n"
                  "<rect width=\"100%%\" height=\"100%%\" fill=\"#fffff4\"/>\n"
                  "<text x=\"%d\" y=\"26\">",
                  FONT, MARGIN);
    text_write(out, title, SIZE_MAX);
    (void)fprintf(out,
                  "</text>\n<text id=\"found\" x=\"%d\" y=\"26\" text-anchor=\"end\"></text>\n"
                  "<text id=\"search\" x=\"%d\" y=\"26\" text-anchor=\"end\">search</text>\n",
                  WIDTH - MARGIN - 80, WIDTH - MARGIN);
    for (size_t i = 0; tree->calls[0].total > 0 && i < tree->count; i++) {
        bar_write(out, tree, &tree->calls[i]);
    }
    (void)fprintf(out, "<script><![CDATA[\n%s]]></script>\n</svg>\n", script);
}
