#include "observe/page.h"

static const char style[] =
    ":root{color-scheme:light dark;--back:#fff;--text:#1d2733;--soft:#5b6878;--line:#d8dee6;"
    "--box:#f5f7fa;--main:#2f6fb7;--best:#1d8a5b;--busy:#2f6fb7;--starved:#c9d3df;"
    "--blocked:#d98324}\n"
    "@media(prefers-color-scheme:dark){:root{--back:#12171d;--text:#e4e9ef;--soft:#9aa7b5;"
    "--line:#323c48;--box:#1b222b;--main:#6aa5e6;--best:#4fc38d;--busy:#6aa5e6;--starved:#3d4a59;"
    "--blocked:#e0a050}}\n"
    "*{box-sizing:border-box}body{margin:0 "
    "auto;max-width:76rem;padding:1rem;background:var(--back);"
    "color:var(--text);font:15px/1.45 system-ui,sans-serif}\n"
    "h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.8rem 0 .5rem}"
    "p{margin:.3rem 0}.soft{color:var(--soft)}code{overflow-wrap:anywhere}\n"
    ".facts{display:flex;flex-wrap:wrap;gap:.6rem;margin:1rem 0}.facts div{flex:1 1 9rem;"
    "background:var(--box);border:1px solid var(--line);border-radius:6px;padding:.5rem .7rem}"
    ".facts b{display:block;font-size:1.15rem}\n"
    ".row{display:grid;grid-template-columns:minmax(4.2rem,16%) 1fr minmax(4rem,14%);gap:.5rem;"
    "align-items:center;margin:3px 0;font-size:.85rem}.row .end{text-align:right;"
    "font-variant-numeric:tabular-nums}\n"
    ".bar{position:relative;height:1.05rem;background:var(--box);border-radius:3px}"
    ".bar i{position:absolute;left:0;top:0;bottom:0;border-radius:3px;background:var(--main)}"
    ".bar i.best{background:var(--best)}.bar u{position:absolute;top:45%;height:2px;"
    "background:var(--text)}\n"
    ".parts{display:flex;height:.6rem;border-radius:2px;overflow:hidden;background:var(--box);"
    "margin:2px 0}.parts .busy,.key .busy{background:var(--busy)}.parts .starved,.key .starved"
    "{background:var(--starved)}.parts .blocked,.key .blocked{background:var(--blocked)}\n"
    ".key span{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 .9em}"
    ".plots{display:flex;flex-wrap:wrap;gap:1rem}.plots svg{flex:1 1 "
    "17rem;max-width:min(100%,34rem);"
    "height:auto;background:var(--box);border-radius:6px}svg text{fill:var(--soft);font-size:10px}"
    "svg .axis{stroke:var(--line)}svg .curve{fill:none;stroke:var(--main);stroke-width:2}"
    "svg circle{fill:var(--main)}svg .all{fill:var(--soft);opacity:.45}\n"
    ".table{overflow-x:auto}table{border-collapse:collapse;font-size:.82rem;"
    "font-variant-numeric:tabular-nums}th,td{padding:.25rem .55rem;text-align:right;"
    "border-bottom:1px solid var(--line);white-space:nowrap}\n"
    "th button{all:unset;cursor:pointer;white-space:nowrap}th button:focus-visible{outline:2px "
    "solid var(--main)}th[aria-sort=ascending] button::after{content:' \\2191'}"
    "th[aria-sort=descending] button::after{content:' \\2193'}td.text,th.text{text-align:left}"
    "td.name{max-width:26rem;overflow:hidden;text-overflow:ellipsis}td.why:not(:empty){white-space:"
    "normal;"
    "min-width:14rem;overflow-wrap:anywhere}.bad,.slower{color:var(--blocked)}.faster{color:var(--"
    "best)}\n";

void page_begin(FILE *out, const char *title)
{
    fprintf(
        out,
        "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
        "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n"
        "<title>%s</title>\n<link rel=icon href=\"data:,\">\n<style>\n%s</style>\n<h1>%s</h1>\n",
        title, style, title);
}

void page_end(FILE *out)
{
    fputs("</html>\n", out);
}

void page_escape(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '"')
            fputs("&quot;", out);
        else
            fputc(*text, out);
    }
}

void page_fact(FILE *out, const char *name, const char *value)
{
    fputs("<div><span class=soft>", out);
    page_escape(out, name);
    fputs("</span><b>", out);
    page_escape(out, value);
    fputs("</b></div>\n", out);
}

void page_parts(FILE *out, const char *name, const struct page_parts *parts)
{
    double busy = 100 * parts->busy, starved = 100 * parts->starved, blocked = 100 * parts->blocked;
    fprintf(out,
            "<div class=parts title=\"%s: busy %.0f%%, starved %.0f%%, blocked %.0f%%\">"
            "<span class=busy style=\"width:%.1f%%\"></span>"
            "<span class=starved style=\"width:%.1f%%\"></span>"
            "<span class=blocked style=\"width:%.1f%%\"></span></div>",
            name, busy, starved, blocked, busy, starved, blocked);
}
