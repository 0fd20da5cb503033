# header_page.awk: a page for section 3 of the manual from a public header, whose comments are the text.
#
#     awk -v version=VERSION -f header_page.awk include/millrace/pool.h >millrace-pool.3
#
# The first comment is the description; its first line, "millrace/pool.h - what it is.", gives the name.
function escape(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    return text ~ /^[.']/ ? "\\&" text : text
}
FNR == 1 { in_first = 1; next }
in_first && /\*\// { in_first = 0; print ".SH DECLARATIONS\n.nf"; next }
in_first {
    sub(/^ \*? ?/, "")
    if (!named) {
        named = 1
        split($0, parts, " - ")
        header = parts[1]
        name = header
        sub(/\.h$/, "", name)
        sub(/\//, "-", name)
        summary = parts[2]
        next
    }
    if (!begun && $0 != "") { # the summary goes on
        summary = summary " " $0
        next
    }
    if (!begun) {
        begun = 1
        sub(/\.$/, "", summary)
        printf ".TH %s 3 \"%s\" \"millrace %s\" \"Library Functions\"\n", toupper(name), date, version
        printf ".SH NAME\n%s \\- %s\n", escape(name), escape(summary)
        printf ".SH SYNOPSIS\n.nf\n#include <%s>\n\ncc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs millrace)\n.fi\n.SH DESCRIPTION\n", header
        next
    }
    print $0 == "" ? ".PP" : escape($0)
    next
}
/^#ifdef __cplusplus/ { skips = 1 }
/^#endif/ { skips = 0; next }
skips || /^#(ifndef|define) MILLRACE_/ || /^#include/ { next }
$0 == "" { gap = 1; next }
{
    if (gap && begun_code) print ""
    gap = 0
    begun_code = 1
    sub(/^MR_API /, "")
    print escape($0)
}
END { print ".fi" }
