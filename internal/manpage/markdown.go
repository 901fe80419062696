package manpage

import (
	"html"
	"regexp"
	"strings"
)

// escape keeps text as it is where Markdown would see markup in it.
func escape(s string) string {
	var out strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>#~|", r) {
			out.WriteByte('\\')
		}
		out.WriteRune(r)
	}
	return out.String()
}

// paragraphs turns the text of a help into Markdown: what is indented stands as it is written, the rest flows.
func paragraphs(s string) string {
	var out strings.Builder
	asIs := false
	for line := range strings.SplitSeq(strings.TrimSpace(s), "\n") {
		indented := strings.HasPrefix(line, "  ")
		if indented != asIs && line != "" {
			out.WriteByte('\n')
			asIs = indented
		}
		if indented {
			out.WriteString("    " + line[2:] + "\n")
			continue
		}
		out.WriteString(escape(line) + "\n")
	}
	return strings.TrimLeft(out.String(), "\n")
}

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->\n*`)
	title   = regexp.MustCompile(`(?m)^# .*\n`)
	link    = regexp.MustCompile(`\[([^\]]+)\]\([^)]+\)`)
)

// markdown makes a document of ours one that is fit for a page of 80 columns: without its title and comments, tables as lists of
// definitions, links as their text.
func markdown(s string) string {
	s = comment.ReplaceAllString(s, "")
	s = title.ReplaceAllString(s, "")
	var out strings.Builder
	lines := strings.Split(s, "\n")
	fenced := false
	for i, line := range lines {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		switch {
		case fenced || !strings.HasPrefix(line, "|"):
			if !fenced {
				line = link.ReplaceAllString(line, "$1")
			}
			out.WriteString(line + "\n")
		case i+1 < len(lines) && isRule(lines[i+1]) || isRule(line): // the table's head
		default:
			out.WriteString(definition(cells(link.ReplaceAllString(line, "$1"))))
		}
	}
	return strings.TrimLeft(out.String(), "\n")
}

func isRule(line string) bool {
	return strings.HasPrefix(line, "|") && strings.Trim(line, "|-: ") == ""
}

// cells of a row; a bar with a backslash before it is text.
func cells(row string) (list []string) {
	row = strings.ReplaceAll(strings.Trim(row, "| "), `\|`, "\x00")
	for c := range strings.SplitSeq(row, "|") {
		c = strings.NewReplacer("\x00", `\|`, "&lt;", `\<`).Replace(strings.TrimSpace(c))
		list = append(list, html.UnescapeString(c))
	}
	return list
}

// definition is a row of a table: what the first column names, in brackets what it is, and what is said of it.
func definition(row []string) string {
	term := strings.Trim(row[0], "`")
	if term != row[0] {
		term = "**" + escape(term) + "**"
	}
	switch len(row) {
	case 1:
		return term + "\n\n"
	case 2:
		return term + "\n: " + row[1] + "\n\n"
	}
	return term + " (" + row[1] + ")\n: " + strings.Join(row[2:], " ") + "\n\n"
}
