package slurm

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// directive begins the lines of a job script that Slurm gives to burst_buffer.lua.
const directive = "#BB_LUA"

// Directives reads what a job script declares:
//
//	#BB_LUA datagravity dataset=c4@latest to=aws
//	#BB_LUA datagravity shards='train-{00..07}.tar' shards=val-*
//
// All such lines are one declaration, and the word may have a colon or an equals sign behind it, as in a comment. They are looked for
// where Slurm does: up to the first line that is neither empty nor a comment, and not beyond 64 KiB. Other #BB_LUA lines are
// somebody else's. Errors: [ErrDeclaration] with found true, and those of reading.
func Directives(script io.Reader) (d Declaration, found bool, err error) {
	var p pairs
	in := bufio.NewScanner(io.LimitReader(script, maxTextBytes))
	in.Buffer(nil, maxTextBytes+1)
	for in.Scan() {
		line := strings.TrimSuffix(in.Text(), "\r")
		if line == "" {
			continue
		}
		if line[0] != '#' {
			break
		}
		words, ok := directiveWords(line)
		if !ok {
			continue
		}
		found = true
		rest, err := p.read(words, false)
		if err != nil {
			return d, true, fmt.Errorf("%w, in %s", err, quoted(line))
		}
		if rest != "" {
			return d, true, fmt.Errorf("%w: a | ends it early, in %s: put values with one in quotes", ErrDeclaration, quoted(line))
		}
	}
	if err := in.Err(); err != nil {
		return d, found, fmt.Errorf("read the job script: %w", err)
	}
	if !found {
		return d, false, nil
	}
	d, err = p.declaration()
	return d, true, err
}

// directiveWords is what follows "#BB_LUA datagravity" in a line.
func directiveWords(line string) (words string, ok bool) {
	rest, ok := strings.CutPrefix(line, directive)
	if !ok {
		return "", false
	}
	trimmed := strings.TrimLeft(rest, " \t")
	rest2, ok := strings.CutPrefix(trimmed, keyword)
	if !ok || trimmed == rest {
		return "", false
	}
	switch {
	case rest2 == "":
		return "", true
	case strings.ContainsRune(" \t:=", rune(rest2[0])):
		return rest2[1:], true
	}
	return "", false
}
