package injection

import (
	"math"
	"strconv"
)

// Score is what was found in one message.
type Score struct {
	Value float64 // from 0 to 1; 0.8 is told of few harmless texts
	Words float64 // what the model adds, in logits
	Kept  int     // words that the system prompt keeps something back about
	found hits
	top   [tops]Feature
	s     *Scorer
}

// tops is how many of the model's features are told.
const tops = 3

// Feature is a word and the word before it as the model knows them: by number, never by letter.
type Feature struct {
	One, Pair uint32
	weight    int32
}

// note keeps f among the strongest. Words that the text repeats are noted once.
func (l *Look) note(f Feature) {
	at := tops - 1
	for i, o := range l.top {
		if o.Pair == f.Pair && o.weight > 0 {
			return
		}
		if f.weight > o.weight && i < at {
			at = i
		}
	}
	copy(l.top[at+1:], l.top[at:])
	l.top[at] = f
}

// keptPoints is what words about what is kept back add, in tenths of a logit: one may be chance.
func keptPoints(n int) int { return [...]int{0, 24, 40, 54}[min(n, 3)] }

// Close ends the message. An empty one scores 0.
func (l *Look) Close() Score {
	s := Score{s: l.s, found: l.found, top: l.top, Kept: l.kept}
	if l.read == 0 && s.found == 0 {
		return s
	}
	m := l.s.model
	s.Words = l.window.value()*m.Scale + m.Bias
	s.Value = m.Value(s.Words + s.Points())
	return s
}

// Points is what rules add, in logits.
func (s *Score) Points() float64 {
	points := keptPoints(s.Kept)
	for i := range s.s.rules {
		if s.found.has(i) {
			points += s.s.rules[i].Points
		}
	}
	return float64(points) / 10
}

// Rules lists the ids of the rules that were found.
func (s *Score) Rules() (ids []string) {
	for i := range s.s.rules {
		if s.found.has(i) || s.s.rules[i].Mark == Kept && s.Kept > 0 {
			ids = append(ids, s.s.rules[i].ID)
		}
	}
	return ids
}

// String explains every point, in logits: "0.93 = override +3.0, persona +2.6, words -1.2 (#1a2b3 +0.9), of 3.1". What is
// told of words are the numbers of their weights, so that a log line holds nothing of the text.
func (s *Score) String() string {
	if s.s == nil {
		return "0.00"
	}
	b := strconv.AppendFloat(nil, math.Floor(s.Value*100)/100, 'f', 2, 64)
	b = append(b, " ="...)
	for i := range s.s.rules {
		r := &s.s.rules[i]
		switch {
		case r.Mark == Kept && s.Kept > 0:
			b = appendPoints(b, r.ID, float64(keptPoints(s.Kept))/10)
		case s.found.has(i):
			b = appendPoints(b, r.ID, float64(r.Points)/10)
		default:
			continue
		}
		b = append(b, ',')
	}
	b = appendPoints(b, "words", s.Words)
	b = append(b, " ("...)
	for i, f := range s.top {
		if f.weight <= 0 {
			break
		}
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(strconv.AppendUint(append(b, '#'), uint64(f.One), 16), '.')
		b = strconv.AppendUint(b, uint64(f.Pair), 16)
	}
	b = append(b, "); 0.80 at "...)
	return string(strconv.AppendFloat(b, s.s.model.Mid, 'f', 1, 64))
}

func appendPoints(b []byte, name string, points float64) []byte {
	b = append(append(append(b, ' '), name...), ' ')
	if points >= 0 {
		b = append(b, '+')
	}
	return strconv.AppendFloat(b, points, 'f', 1, 64)
}
