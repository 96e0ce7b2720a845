# Prints C source with comments, strings and character constants blanked out; the number of lines stays.
# With -v keep_strings=1 strings stay (for #include lines).
{
    line = $0
    out = ""
    n = length(line)
    for (i = 1; i <= n; i++) {
        c = substr(line, i, 1)
        pair = substr(line, i, 2)
        if (in_comment) {
            if (pair == "*/") {
                in_comment = 0
                i++
            }
        } else if (pair == "/*") {
            in_comment = 1
            i++
            out = out " "
        } else if (pair == "//") {
            break
        } else if (c == "\"" || c == "'") {
            start = i
            for (i++; i <= n && substr(line, i, 1) != c; i++)
                if (substr(line, i, 1) == "\\") i++
            out = out (keep_strings ? substr(line, start, i - start + 1) : c c)
        } else {
            out = out c
        }
    }
    print out
}
