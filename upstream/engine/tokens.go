package engine

// EstimateTokens estimates the tokens of text by byte class; no tokenizer is asked. It is meant for reservations, which
// the engine's own count then settles: about right for prose and code in Latin script, some twentieth low for other
// scripts. Text may be a JSON string's raw bytes. A long text is judged by samples spread over it, so that the cost is
// the same for every length. See the README for how the weights were found.
func EstimateTokens(text []byte) int {
	if len(text) <= samples*sampleSize {
		return (tokenQuarters(text) + 3) / 4
	}
	quarters := 0
	step := (len(text) - sampleSize) / (samples - 1)
	for i := range samples {
		quarters += tokenQuarters(text[i*step : i*step+sampleSize])
	}
	return int((int64(quarters)*int64(len(text))/(samples*sampleSize) + 3) / 4)
}

const (
	samples    = 16
	sampleSize = 128
)

// tokenQuarters is the estimate in quarters of a token. Each byte is a step from one state to the next, which has to
// wait for the step before; so four parts of the text are read side by side. A part begins in the state that the bytes
// before it lead to.
func tokenQuarters(text []byte) int {
	n := len(text) / 4
	if n < warmUp {
		return quartersOf(text)
	}
	a, b, c, d := text[:n], text[n:][:n], text[2*n:][:n], text[3*n:][:n]
	var sa, sb, sc, sd uint8
	for i := range warmUp {
		sb = uint8(tokenSteps[sb|tokenClass[a[n-warmUp+i]]])
		sc = uint8(tokenSteps[sc|tokenClass[b[n-warmUp+i]]])
		sd = uint8(tokenSteps[sd|tokenClass[c[n-warmUp+i]]])
	}
	sum := 0
	for i := range a {
		ta, tb := tokenSteps[sa|tokenClass[a[i]]], tokenSteps[sb|tokenClass[b[i]]]
		tc, td := tokenSteps[sc|tokenClass[c[i]]], tokenSteps[sd|tokenClass[d[i]]]
		sum += int(ta>>8 + tb>>8 + tc>>8 + td>>8)
		sa, sb, sc, sd = uint8(ta), uint8(tb), uint8(tc), uint8(td)
	}
	for _, c := range text[4*n:] {
		td := tokenSteps[sd|tokenClass[c]]
		sum += int(td >> 8)
		sd = uint8(td)
	}
	return sum
}

// warmUp is longer than any run whose length still matters to a word.
const warmUp = 8

func quartersOf(text []byte) (sum int) {
	s := uint8(0)
	for _, c := range text {
		t := tokenSteps[s|tokenClass[c]]
		sum += int(t >> 8)
		s = uint8(t)
	}
	return sum
}

const (
	tokenSpace uint8 = iota
	tokenLetter
	tokenDigit
	tokenMark
	tokenBreak
	tokenWide // a byte of a character beyond ASCII
)

// tokenRuns holds, for every class, what each byte of a run of it costs, in quarters of a token, and where in the list the
// run goes on behind the last. A word of up to seven letters, with the blank before it, is mostly one token; longer ones
// break about every four letters more; digits go by three; marks by two; blanks of an indent go together; wide
// characters cost by their bytes, eight sevenths a quarter each.
var tokenRuns = [...]struct {
	costs []uint16
	again int
}{
	tokenSpace:  {[]uint16{0, 3, 0}, 2},
	tokenLetter: {[]uint16{4, 0, 0, 0, 0, 0, 0, 1}, 7},
	tokenDigit:  {[]uint16{4, 0, 0}, 0},
	tokenMark:   {[]uint16{4, 0, 2, 0}, 2},
	tokenBreak:  {[]uint16{3, 0}, 1},
	tokenWide:   {[]uint16{2, 1, 1, 1, 1, 1, 1}, 0},
}

// tokenSteps is the next state, from a state and the class of a byte, and what that byte costs, in the upper half. A
// state is a place in a run, shifted to leave room for a class; 0 is the start of a text.
var tokenSteps = func() (t [256]uint16) {
	first := [len(tokenRuns)]int{}
	states := 1
	for class, r := range tokenRuns {
		first[class] = states
		states += len(r.costs)
	}
	state := func(class, place int) uint16 { return uint16(first[class]+place) << 3 }
	enter := func(from int) {
		for class, r := range tokenRuns {
			t[from<<3|class] = r.costs[0]<<8 | state(class, 0)
		}
	}
	enter(0)
	for class, r := range tokenRuns {
		for place := range r.costs {
			from, next := first[class]+place, place+1
			if next == len(r.costs) {
				next = r.again
			}
			enter(from)
			t[from<<3|class] = r.costs[next]<<8 | state(class, next)
		}
	}
	return t
}()

var tokenClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= 0x80:
			t[c] = tokenWide
		case c|0x20 >= 'a' && c|0x20 <= 'z':
			t[c] = tokenLetter
		case c >= '0' && c <= '9':
			t[c] = tokenDigit
		case c == '\n' || c == '\r':
			t[c] = tokenBreak
		case c == ' ' || c == '\t':
			t[c] = tokenSpace
		default:
			t[c] = tokenMark
		}
	}
	return t
}()
