package policy

import (
	"errors"
	"sort"
	"strings"

	"blaze/policy/decode"
)

// Problem is one thing wrong with a policy, at its file, line and column.
type Problem = decode.Problem

// Problems is every problem of one policy, in the order of its files.
type Problems []Problem

// Error has one problem a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// ProblemsIn lists the problems of an error of this package; an error of another kind becomes one problem.
func ProblemsIn(err error) Problems {
	if err == nil {
		return nil
	}
	var ps Problems
	if errors.As(err, &ps) {
		return ps
	}
	return Problems{{Pos: decode.Pos{File: "policy"}, Want: "a policy that can be read", Got: err.Error()}}
}

// ordered sorts problems by place, files in the order they were read, and leaves each out that is there twice.
func ordered(ps []Problem, files []string) Problems {
	rank := make(map[string]int, len(files))
	for i, f := range files {
		rank[f] = i
	}
	place := func(p Problem) int {
		if i, ok := rank[p.Pos.File]; ok {
			return i
		}
		return len(files) // included files, after those that include them
	}
	sort.SliceStable(ps, func(i, j int) bool {
		a, b := ps[i], ps[j]
		switch {
		case place(a) != place(b):
			return place(a) < place(b)
		case a.Pos.File != b.Pos.File:
			return a.Pos.File < b.Pos.File
		case a.Pos.Line != b.Pos.Line:
			return a.Pos.Line < b.Pos.Line
		}
		return a.Pos.Column < b.Pos.Column
	})
	var out Problems
	for i, p := range ps {
		if i == 0 || p != ps[i-1] {
			out = append(out, p)
		}
	}
	return out
}
