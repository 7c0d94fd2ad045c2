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
	samples    = 8
	sampleSize = 512
)

// tokenQuarters is the estimate in quarters of a token.
func tokenQuarters(text []byte) int {
	var quarters int // of a token
	prev := tokenSpace
	run := 0 // length of the run of one class
	for _, c := range text {
		class := tokenClass[c]
		if class != prev {
			quarters += closeRun(prev, run)
			prev, run = class, 0
		}
		run++
	}
	return quarters + closeRun(prev, run)
}

const (
	tokenSpace uint8 = iota
	tokenLetter
	tokenDigit
	tokenMark
	tokenBreak
	tokenWide // a byte of a character beyond ASCII
)

// closeRun is what a run of n bytes of one class costs, in quarters of a token. A word of up to seven letters, with the
// blank before it, is mostly one token; longer ones break about every four letters more; digits go by three; marks by
// two; blanks of an indent go together; wide characters cost by their bytes.
func closeRun(class uint8, n int) int {
	if n == 0 {
		return 0
	}
	switch class {
	case tokenLetter:
		if n <= 7 {
			return 4
		}
		return 4 + (n - 7)
	case tokenDigit:
		return 4 * ((n + 2) / 3)
	case tokenMark:
		return 2 + 2*((n+1)/2)
	case tokenBreak:
		return 3
	case tokenWide:
		return (n*8 + 6) / 7
	default:
		if n == 1 {
			return 0
		}
		return 3
	}
}

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
