// Package manpage writes manual pages: of commands, from what they tell of themselves, and of documents in Markdown. It is for builds; the
// program does not link it.
package manpage

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Book is what all pages have in their margins.
type Book struct {
	// Version of the program.
	Version string
	// Date is of the commit, not of the build, so that the same commit gives the same pages.
	Date time.Time
	// Section of a command's page; nil: "1" for all.
	Section func(c *cobra.Command) string
}

// Name of a command's page, without its section: datagravity-budget-approve.
func Name(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// Commands are the commands of a tree that have a page, from the root on.
func Commands(root *cobra.Command) (list []*cobra.Command) {
	list = append(list, root)
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && !c.IsAdditionalHelpTopicCommand() {
			list = append(list, Commands(c)...)
		}
	}
	return list
}

// SectionOf is the section that a command's page is in.
func (b Book) SectionOf(c *cobra.Command) string {
	if b.Section == nil {
		return "1"
	}
	return b.Section(c)
}

// Command makes the page of a command in roff; more is Markdown that goes before what else to see.
func (b Book) Command(c *cobra.Command, more string) []byte {
	var md strings.Builder
	printf := func(format string, a ...any) { fmt.Fprintf(&md, format, a...) }
	printf("## NAME\n\n%s - %s\n\n", escape(Name(c)), escape(c.Short))
	printf("## SYNOPSIS\n\n**%s**%s\n\n", escape(c.CommandPath()), escape(strings.TrimPrefix(c.UseLine(), c.CommandPath())))
	if text := paragraphs(c.Long); text != "" {
		printf("## DESCRIPTION\n\n%s\n", text)
	}
	if list := flags(c.NonInheritedFlags()); list != "" {
		printf("## OPTIONS\n\n%s", list)
	}
	var below []*cobra.Command
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			below = append(below, sub)
		}
	}
	if len(below) > 0 {
		printf("## COMMANDS\n\n")
		for _, sub := range below {
			printf("**%s**\n: %s\n\n", escape(b.reference(sub)), escape(sub.Short))
		}
	}
	printf("%s\n## SEE ALSO\n\n", more)
	if c.HasParent() {
		printf("**%s**, which has the flags of every command and the exit codes, ", escape(b.reference(c.Root())))
		if p := c.Parent(); p.HasParent() {
			printf("**%s**, ", escape(b.reference(p)))
		}
	}
	printf("**datagravity.yaml(5)**\n")
	return b.roff(Name(c), b.SectionOf(c), md.String())
}

func (b Book) reference(c *cobra.Command) string {
	return Name(c) + "(" + b.SectionOf(c) + ")"
}

// Document makes the page of a document, see [markdown].
func (b Book) Document(name, section, short, text string) []byte {
	return b.roff(name, section, fmt.Sprintf("## NAME\n\n%s - %s\n\n## DESCRIPTION\n\n%s", escape(name), escape(short), markdown(text)))
}

// roff renders Markdown under the title of a page.
func (b Book) roff(name, section, md string) []byte {
	head := fmt.Sprintf(".TH %q %q %q %q %q\n", strings.ToUpper(name), section, b.Date.UTC().Format("2006-01-02"), "datagravity "+b.Version, "datagravity")
	return append([]byte(head), md2man.Render([]byte(md))...)
}

// flags is a list of definitions.
func flags(set *pflag.FlagSet) string {
	var out strings.Builder
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "**--" + f.Name + "**"
		if f.Shorthand != "" {
			name = "**-" + f.Shorthand + "**, " + name
		}
		if value != "" {
			name += " *" + escape(value) + "*"
		}
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" && d != "0s" {
			usage += " (default " + d + ")"
		}
		fmt.Fprintf(&out, "%s\n: %s\n\n", name, escape(usage))
	})
	return out.String()
}
