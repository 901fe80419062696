package manpage

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func tree() (root, sub, deep *cobra.Command) {
	nothing := func(*cobra.Command, []string) {}
	root = &cobra.Command{Use: "prog", Short: "Do it", Long: "First line\nof a paragraph with train-{0..9}*.tar.\n\n  prog sub    indented, as it is\n  second"}
	sub = &cobra.Command{Use: "sub FILE", Short: "Below", Run: nothing}
	deep = &cobra.Command{Use: "deep", Short: "Further below", Run: nothing}
	hidden := &cobra.Command{Use: "secret", Hidden: true, Run: nothing}
	root.PersistentFlags().String("config", "", "configuration `file`")
	sub.Flags().IntP("count", "c", 3, "how many_of them")
	sub.Flags().Bool("old", false, "x")
	_ = sub.Flags().MarkHidden("old")
	root.AddCommand(sub, hidden)
	sub.AddCommand(deep)
	return root, sub, deep
}

// read takes what only roff needs out of a page.
func read(page []byte) string { return strings.NewReplacer(`\-`, "-", `\&`, "").Replace(string(page)) }

func TestCommand(t *testing.T) {
	root, sub, deep := tree()
	book := Book{Version: "1.2", Date: time.Unix(0, 0), Section: func(c *cobra.Command) string {
		if c == deep {
			return "8"
		}
		return "1"
	}}
	for _, c := range []struct {
		c    *cobra.Command
		want []string
	}{
		{root, []string{".TH \"PROG\" \"1\" \"1970-01-01\" \"datagravity 1.2\" \"datagravity\"\n", ".SH NAME\n", "prog - Do it", "of a paragraph with train-{0..9}*.tar.",
			".EX\nprog sub    indented, as it is\nsecond\n", "\\fB--config\\fP \\fIfile\\fP\nconfiguration file", "\\fBprog-sub(1)\\fP\nBelow"}},
		{sub, []string{"\\fBprog sub\\fP FILE [flags]", "\\fB-c\\fP, \\fB--count\\fP \\fIint\\fP\nhow many_of them (default 3)", "\\fBprog-sub-deep(8)\\fP", ".SH SEE ALSO", "\\fBprog(1)\\fP, which has"}},
		{deep, []string{".TH \"PROG-SUB-DEEP\" \"8\"", "\\fBprog-sub(1)\\fP, "}},
	} {
		page := read(book.Command(c.c, ""))
		for _, want := range c.want {
			if !strings.Contains(page, want) {
				t.Errorf("%s: no %q in\n%s", Name(c.c), want, page)
			}
		}
		for _, never := range []string{"secret", "--old"} {
			if strings.Contains(page, never) {
				t.Errorf("%s: %q in\n%s", Name(c.c), never, page)
			}
		}
	}
	if list := Commands(root); len(list) != 3 {
		t.Errorf("%d pages", len(list))
	}
}

func TestMoreGoesBeforeWhatElseToSee(t *testing.T) {
	_, sub, _ := tree()
	page := read(Book{}.Command(sub, "## FILES\n\n*/etc/x*\n: a file\n"))
	if files, see := strings.Index(page, ".SH FILES"), strings.Index(page, ".SH SEE ALSO"); files < 0 || see < files {
		t.Errorf("FILES at %d, SEE ALSO at %d in\n%s", files, see, page)
	}
}

func TestDocument(t *testing.T) {
	page := read(Book{}.Document("prog.yaml", "5", "its configuration", `<!-- made by x -->

# Configuration

See [the other](other.md).

## Fields

| field | value | |
| --- | --- | --- |
| `+"`a_b`"+` | text | A \| B, \*.tar, &lt;x> |
| word | meaning |

`+"```yaml\n| not: a table\n[not](a link)\n```\n"))
	for _, want := range []string{"prog.yaml - its configuration", ".SH DESCRIPTION\nSee the other.", ".SH Fields\n", ".TP\n\\fBa_b\\fP (text)\nA | B, *.tar, <x>", ".TP\nword\nmeaning",
		"| not: a table\n[not](a link)\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	for _, never := range []string{"made by", "Configuration\n", "---"} {
		if strings.Contains(page, never) {
			t.Errorf("%q in\n%s", never, page)
		}
	}
}
