// Package setting holds the scalar values a policy is written in (sizes, shares, name patterns) and the one form in
// which anything wrong with a policy is said. It decides nothing; every section's configuration is made of it.
package setting

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Problem is one thing wrong with a policy. Path is relative to the section that found it ("limits[2].per"); the
// policy loader puts the section in front and adds file, line and column.
type Problem struct {
	Path string
	Want string
	Got  string
	// Hint, if not empty, is a suggestion such as: did you mean "limit"?
	Hint string
}

func (p *Problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: want %s; got %s", p.Path, p.Want, p.Got)
	if p.Hint != "" {
		b.WriteString("; " + p.Hint)
	}
	return b.String()
}

// Wrong makes a Problem; got is printed the way a person would write it.
func Wrong(path, want string, got any) error {
	s := fmt.Sprint(got)
	if v, ok := got.(string); ok {
		s = strconv.Quote(v)
	}
	return &Problem{Path: path, Want: want, Got: s}
}

// Under puts prefix before the path of every Problem in err, which may be joined. Other errors become a Problem at
// prefix itself. A nil err stays nil.
func Under(prefix string, err error) error {
	var out []error
	for _, p := range Problems(err) {
		q := *p
		switch {
		case q.Path == "":
			q.Path = prefix
		case prefix != "" && q.Path[0] != '[':
			q.Path = prefix + "." + q.Path
		default:
			q.Path = prefix + q.Path
		}
		out = append(out, &q)
	}
	return errors.Join(out...)
}

// Problems lists every Problem in err, in order.
func Problems(err error) []*Problem {
	switch e := err.(type) {
	case nil:
		return nil
	case *Problem:
		return []*Problem{e}
	case interface{ Unwrap() []error }:
		var out []*Problem
		for _, sub := range e.Unwrap() {
			out = append(out, Problems(sub)...)
		}
		return out
	}
	var p *Problem
	if errors.As(err, &p) {
		return []*Problem{p}
	}
	return []*Problem{{Want: "a usable value", Got: err.Error()}}
}

// Bytes is a size in bytes. In a policy: 16MiB, 64KiB, 10MB, or a plain number of bytes.
type Bytes int64

var units = []struct {
	name string
	size int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// UnmarshalText reads "16MiB" and "1.5MiB"; negative sizes, fractions of a byte, exponents and overflow are errors.
func (b *Bytes) UnmarshalText(text []byte) error {
	s, size := strings.TrimSpace(string(text)), int64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(s, u.name); ok {
			s, size = strings.TrimSpace(n), u.size
			break
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "0123456789.") != "" || size == 1 && f != math.Trunc(f) || f*float64(size) >= 1<<62 {
		return errors.New("not a size")
	}
	*b = Bytes(f * float64(size))
	return nil
}

// Want says what UnmarshalText reads.
func (*Bytes) Want() string { return "a size such as 16MiB" }

func (b Bytes) String() string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; int64(b) >= u.size && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// Percent is a share between 0 and 1. In a policy: 50%.
type Percent float64

// UnmarshalText reads "50%"; a share under 0 or over 100 % is an error.
func (p *Percent) UnmarshalText(text []byte) error {
	s, ok := strings.CutSuffix(strings.TrimSpace(string(text)), "%")
	f, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if !ok || err != nil || !(f >= 0 && f <= 100) {
		return errors.New("not a share")
	}
	*p = Percent(f / 100)
	return nil
}

// Want says what UnmarshalText reads.
func (*Percent) Want() string { return "a share such as 10%" }

func (p Percent) String() string { return strconv.FormatFloat(float64(p)*100, 'f', -1, 64) + "%" }

// Match reports whether s matches pattern, in which * stands for any run of characters (none too). Linear time.
func Match(pattern, s string) bool {
	fixed := strings.IndexByte(pattern, '*')
	if fixed < 0 {
		return pattern == s
	}
	return len(s) >= fixed && s[:fixed] == pattern[:fixed] && matchStars(pattern[fixed:], s[fixed:])
}

func matchStars(pattern, s string) bool {
	star, mark, i, j := -1, 0, 0, 0
	for j < len(s) {
		switch {
		case i < len(pattern) && pattern[i] == '*':
			star, mark = i, j
			i++
		case i < len(pattern) && pattern[i] == s[j]:
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(pattern) && pattern[i] == '*' {
		i++
	}
	return i == len(pattern)
}

// MatchAny reports whether s matches any of patterns.
func MatchAny(patterns []string, s string) bool {
	for _, p := range patterns {
		if Match(p, s) {
			return true
		}
	}
	return false
}

// Nearest returns the name in names that looks most like got, or "" when none is near enough to be a slip of the
// finger: at most two edits for short names, three for long ones.
func Nearest(got string, names []string) string {
	if len(got) > 8 {
		return Within(3, got, names)
	}
	return Within(2, got, names)
}

// Within returns the name in names that is the fewest edits from got, and at most so many; "" when there is none.
func Within(edits int, got string, names []string) string {
	best, at := "", edits+1
	for _, n := range names {
		if d := distance(got, n); d < at && d < max(len(n), 2) {
			best, at = n, d
		}
	}
	return best
}

// DidYouMean asks, as a Hint, whether the nearest of names was meant; "" when none is near.
func DidYouMean(got string, names []string) string { return Meant(Nearest(got, names)) }

// Meant asks, as a Hint, whether what is meant is name; "" when there is none.
func Meant(name string) string {
	if name == "" {
		return ""
	}
	return "did you mean " + strconv.Quote(name) + "?"
}

// distance is the Levenshtein distance.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		prev := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			prev, row[j] = row[j], min(row[j]+1, row[j-1]+1, prev+cost)
		}
	}
	return row[len(b)]
}
