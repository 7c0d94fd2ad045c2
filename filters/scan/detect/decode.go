package detect

import "unicode/utf8"

// appendDecoded undoes one layer of every encoding that some parser behind us might undo: percent (with %u), backslash
// escapes, HTML entities, overlong UTF-8, look-alike characters; and it drops what shows nothing. changed reports
// whether anything was undone.
func appendDecoded(dst, src []byte) (out []byte, changed bool) {
	for i := 0; i < len(src); {
		c := src[i]
		n := 0
		switch {
		case c == '%':
			dst, n = appendPercent(dst, src[i:])
		case c == '\\':
			dst, n = appendEscape(dst, src[i:])
		case c == '&':
			dst, n = appendEntity(dst, src[i:])
		case c == '0':
			dst, n = appendHexDot(dst, src[i:])
		case c == 0:
			n = 1
		case c >= 0x80:
			dst, n = appendRune(dst, src[i:])
		}
		if n == 0 {
			dst = append(dst, c)
			i++
			continue
		}
		if n > 0 {
			changed = true
			i += n
			continue
		}
		i -= n // a sequence that stays as it is
	}
	return dst, changed
}

// appendPercent decodes %hh and %uhhhh.
func appendPercent(dst, b []byte) ([]byte, int) {
	if len(b) >= 3 && isHex(b[1]) && isHex(b[2]) {
		return append(dst, byte(unhex(b[1])<<4|unhex(b[2]))), 3
	}
	if len(b) >= 6 && b[1]|0x20 == 'u' {
		if r, ok := hexRune(b[2:6]); ok {
			return utf8.AppendRune(dst, r), 6
		}
	}
	return dst, 0
}

// appendEscape decodes \uhhhh, \u{h}, \xhh and \/.
func appendEscape(dst, b []byte) ([]byte, int) {
	if len(b) < 2 {
		return dst, 0
	}
	switch b[1] {
	case 'u', 'U':
		if len(b) >= 6 {
			if r, ok := hexRune(b[2:6]); ok {
				return utf8.AppendRune(dst, r), 6
			}
		}
		if len(b) > 3 && b[2] == '{' {
			for n := 3; n < len(b) && n < 10; n++ {
				if r, ok := hexRune(b[3:n]); b[n] == '}' && ok {
					return utf8.AppendRune(dst, r), n + 1
				}
			}
		}
	case 'x', 'X':
		if len(b) >= 4 && isHex(b[2]) && isHex(b[3]) {
			return append(dst, byte(unhex(b[2])<<4|unhex(b[3]))), 4
		}
	case '0', '1':
		if len(b) >= 4 && b[2] >= '0' && b[2] < '8' && b[3] >= '0' && b[3] < '8' {
			return append(dst, (b[1]-'0')<<6|(b[2]-'0')<<3|(b[3]-'0')), 4
		}
	case '/':
		return append(dst, '/'), 2
	}
	return dst, 0
}

func hexRune(b []byte) (rune, bool) {
	if len(b) == 0 {
		return 0, false
	}
	r := rune(0)
	for _, c := range b {
		if !isHex(c) {
			return 0, false
		}
		r = r<<4 | rune(unhex(c))
	}
	return r, true
}

// appendHexDot decodes 0x2e, 0x2f and 0x5c: path rules of some fuzzers' targets read them.
func appendHexDot(dst, b []byte) ([]byte, int) {
	if len(b) < 4 || b[1] != 'x' {
		return dst, 0
	}
	switch c := byte(unhexPair(b[2], b[3])); c {
	case '.', '/', '\\':
		return append(dst, c), 4
	}
	return dst, 0
}

func unhexPair(a, b byte) int {
	if !isHex(a) || !isHex(b) {
		return 0
	}
	return unhex(a)<<4 | unhex(b)
}

func hasHexDots(b []byte) bool {
	for i := 0; i+3 < len(b); i++ {
		if b[i] == '0' && b[i+1] == 'x' {
			if _, n := appendHexDot(nil, b[i:]); n > 0 {
				return true
			}
		}
	}
	return false
}

// entities are the named entities that stand for a byte some rule looks for.
var entities = map[string]string{
	"lt": "<", "gt": ">", "amp": "&", "quot": `"`, "apos": "'", "nbsp": " ", "colon": ":", "lpar": "(", "rpar": ")", "tab": "\t",
	"newline": "\n", "sol": "/", "bsol": `\`, "period": ".", "comma": ",", "excl": "!", "num": "#", "dollar": "$", "percnt": "%",
	"grave": "`", "lbrace": "{", "rbrace": "}", "lcub": "{", "rcub": "}", "equals": "=", "semi": ";", "plus": "+", "lsqb": "[",
	"rsqb": "]", "lbrack": "[", "rbrack": "]", "ast": "*", "vert": "|", "verbar": "|", "commat": "@", "lowbar": "_", "quest": "?",
}

// appendEntity decodes &#N; &#xN; and the named entities above; the semicolon may be missing after a number, as in HTML.
func appendEntity(dst, b []byte) ([]byte, int) {
	if len(b) < 3 {
		return dst, 0
	}
	if b[1] != '#' {
		for n := 2; n < len(b) && n < 11; n++ {
			if b[n] == ';' {
				var name [10]byte
				for i, c := range b[1:n] {
					name[i] = lower[c]
				}
				if s, ok := entities[string(name[:n-1])]; ok {
					return append(dst, s...), n + 1
				}
				return dst, 0
			}
		}
		return dst, 0
	}
	n, base := 2, 10
	if b[2]|0x20 == 'x' {
		n, base = 3, 16
	}
	from, r := n, 0
	for ; n < len(b) && n-from < 10 && isHex(b[n]) && (base == 16 || b[n] <= '9'); n++ {
		r = min(r*base+unhex(b[n]), utf8.MaxRune+1)
	}
	if n == from || r > utf8.MaxRune {
		return dst, 0
	}
	if n < len(b) && b[n] == ';' {
		n++
	}
	return utf8.AppendRune(dst, rune(r)), n
}
