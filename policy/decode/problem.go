package decode

import (
	"strings"

	"blaze/telemetry/setting"
)

// Problem is one thing wrong with a policy, at its place.
type Problem struct {
	Pos  Pos
	Path string
	Want string
	Got  string
	Hint string
	// Warning: legal, but hardly meant.
	Warning bool
}

// Error renders file:line:column: path: want …; got ….
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Pos.String())
	if p.Warning {
		b.WriteString(": warning")
	}
	if p.Path != "" {
		b.WriteString(": " + p.Path)
	}
	b.WriteString(": want " + p.Want + "; got " + p.Got)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Locate gives each problem in err, whose paths are absolute, its place.
func Locate(err error, marks Marks) []Problem {
	var out []Problem
	for _, p := range setting.Problems(err) {
		hint := p.Hint
		if m := marks[p.Path]; hint == "" && m.Variable != "" {
			hint = setting.Meant(filled(m.Variable))
		}
		out = append(out, Problem{Pos: marks.Find(p.Path).Pos, Path: p.Path, Want: p.Want, Got: p.Got, Hint: hint})
	}
	return out
}
