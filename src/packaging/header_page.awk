# header_page.awk: a page for section 3 of the manual from a public header, whose comments are the text.
#
#     awk -v version=VERSION -f header_page.awk include/millrace/pool.h >millrace-pool.3
#
# The first comment is the description; its first line, "millrace/pool.h - what it is.", gives the name. Then comes each
# declaration, broken to fit 80 columns, with its comment below it; likewise each member of a struct or enum.
function escape(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    return text ~ /^[.']/ ? "\\&" text : text
}

# Begins a paragraph, but at the beginning of a section, where there is one.
function put_paragraph() {
    if (!at_start)
        print ".PP"
    at_start = 0
}

# Lines of a comment: paragraphs, "- " lists, and what is indented by four, which is left as it is.
function put_text(text, lines, count, i, verbatim, ended, blanks) {
    count = split(text, lines, "\n")
    for (i = 1; i <= count; i++) {
        if (lines[i] == "") {
            blanks++
            continue
        }
        ended = blanks > 0
        if ((lines[i] ~ /^    /) != verbatim) {
            if (verbatim)
                print ".fi"
            verbatim = !verbatim
            ended = 1
        } else if (verbatim) {
            while (blanks-- > 0)
                print ""
            ended = 0
        }
        blanks = 0
        if (ended && lines[i] !~ /^- /)
            put_paragraph()
        if (ended && verbatim)
            print ".nf"
        if (lines[i] ~ /^- /) {
            printf ".IP \\- 2\n%s\n", escape(substr(lines[i], 3))
        } else {
            if (!verbatim)
                sub(/^ +/, "", lines[i])
            print escape(lines[i])
        }
        at_start = 0
    }
    if (verbatim)
        print ".fi"
}

function put_note(text) {
    if (text == "")
        return
    print ".RS 4"
    at_start = 1
    put_text(text)
    at_start = 0
    print ".RE"
}

# Where to break the text so that at most width characters come before: behind a comma, else where a word ends; 0: nowhere.
function break_at(text, width, at) {
    for (at = width; at > 20; at--)
        if (substr(text, at - 1, 2) == ", ")
            return at
    for (at = width; at > 20; at--)
        if (substr(text, at, 1) == " ")
            return at
    return 0
}

function put_code(text, width, at, indent) {
    gsub(/[ \t]+/, " ", text)
    print ".nf"
    while (length(text) > width && (at = break_at(text, width))) {
        print escape(indent substr(text, 1, at - 1))
        text = substr(text, at + 1)
        if (indent == "")
            width -= 8
        indent = "        "
    }
    print escape(indent text)
    print ".fi"
}

# Is there no more to come of the member or declaration?
function is_whole(text, opened, closed) {
    opened = gsub(/\(/, "(", text)
    closed = gsub(/\)/, ")", text)
    return text ~ /[;,]$/ && opened == closed
}

function put_member() {
    if (member == "")
        return
    print ".RS 4"
    put_code(member, 64)
    put_note(member_note)
    print ".RE"
    member = member_note = ""
}

# What belongs to no declaration: "---- plugins ----" is a heading.
function put_aside(text) {
    if (text ~ /^---- .* ----$/) {
        gsub(/ ?---- ?/, "", text)
        print ".SS " toupper(substr(text, 1, 1)) escape(substr(text, 2))
        at_start = 1
    } else if (text != "") {
        put_paragraph()
        put_text(text)
    }
}

# The end of a block: declarations, and what was said before or beside them.
function put_block() {
    if (code == "" && !is_open) {
        put_aside(note)
    } else if (code != "") {
        put_paragraph()
        put_code(code, 68)
        put_note(note)
    }
    code = note = ""
}

function add(text, line) {
    return text == "" ? line : text "\n" line
}

# The text of a line of comment goes to what it is about.
function comment_line(text) {
    if (is_open && is_beside)
        member_note = add(member_note, text)
    else if (is_open)
        before_note = add(before_note, text)
    else
        note = add(note, text)
}

function code_line(text) {
    if (text ~ /^(struct|enum|union) [a-z_]* ?\{$/) {
        note_of_all = note
        note = ""
        put_block()
        put_paragraph()
        put_code(text, 68)
        if (note_of_all != "") {
            put_note(note_of_all)
            print ".sp"
        }
        is_open = 1
    } else if (is_open && text ~ /^\};/) {
        put_member()
        put_code(text, 68)
        is_open = 0
    } else if (is_open) {
        if (member == "" || is_whole(member)) {
            put_member()
            member_note = before_note
            before_note = ""
        }
        member = member == "" ? text : member " " text
    } else if (text ~ /^#/) {
        put_block_before_define(text)
    } else {
        if (is_whole(code))
            put_block()
        code = code == "" ? text : code " " text
    }
}

# Definitions of the preprocessor are lines of their own.
function put_block_before_define(text) {
    if (code != "")
        put_block()
    code = text
}

FNR == 1 { in_first = 1; next }
in_first && /\*\// {
    in_first = 0
    put_text(description)
    print ".SH DECLARATIONS"
    at_start = 1
    next
}
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
        if ((at = index(summary, ". "))) {
            description = substr(summary, at + 2) "\n"
            summary = substr(summary, 1, at)
        }
        sub(/\.$/, "", summary)
        printf ".TH %s 3 \"%s\" \"millrace %s\" \"Library Functions\"\n.nh\n.ad l\n", toupper(name), date, version
        printf ".SH NAME\n%s \\- %s\n", escape(name), escape(summary)
        printf ".SH SYNOPSIS\n.nf\n#include <%s>\n\ncc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs millrace)\n.fi\n.SH DESCRIPTION\n", header
        at_start = 1
        next
    }
    description = description (description == "" ? "" : "\n") $0
    next
}
/^#ifdef __cplusplus|^#if / { skips = 1 }
/^#endif/ { skips = 0; next }
/^\{$/ && !is_open { in_body = 1 } # of an inline function: what it does is in its comment
in_body { in_body = !/^\}/; next }
skips || /^#(ifndef|define) MILLRACE_/ || /^#include/ { next }
$0 == "" { if (!is_open) put_block(); next }
in_comment {
    ends = sub(/ *\*\/.*$/, "")
    sub(/^ +/, "")
    if (!is_beside)
        sub(/^\* ?/, "")
    if (!(ends && $0 == ""))
        comment_line($0)
    in_comment = !ends
    next
}
{
    sub(/^MR_API /, "")
    sub(/ ?MR_PRINTF\([0-9, ]*\)/, "")
    at = index($0, "/*")
    text = at ? substr($0, 1, at - 1) : $0
    sub(/^ +/, "", text)
    sub(/ +$/, "", text)
    is_beside = text != ""
    if (is_beside)
        code_line(text)
    else if (is_open)
        put_member()
    else if (code != "")
        put_block()
    if (!at)
        next
    text = substr($0, at + 2)
    in_comment = !sub(/ *\*\/.*$/, "", text)
    sub(/^ +/, "", text)
    if (text != "")
        comment_line(text)
}
END { put_block() }
