package injection

// Bounds on text in base64 or hexadecimal within a text.
const (
	encodedMin = 20       // characters of one word
	decodedMax = 2 << 10  // bytes that one of them is decoded to
	decodedAll = 16 << 10 // bytes of all of them in one message
)

// sextet is a base64 digit's value plus one, in both alphabets of RFC 4648; 0 for none.
var sextet = func() (t [256]uint8) {
	for i, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/" {
		t[c] = uint8(i + 1)
	}
	t['-'], t['_'] = 63, 64
	return t
}()

// appendDecoded appends what the word at the beginning of text says, when it is hexadecimal or base64 of text that one can
// read; nothing otherwise. A look at its first bytes is enough for nearly every word that is neither.
func appendDecoded(dst, text []byte) []byte {
	base := len(dst)
	for _, decode := range []func([]byte, []byte, int) []byte{appendHex, appendBase64} {
		if head := decode(dst, text, 18); readable(head[base:]) {
			if all := decode(dst, text, decodedMax); readable(all[base:]) {
				return all
			}
		}
	}
	return dst
}

func appendBase64(dst, text []byte, most int) []byte {
	var v uint32
	for i, n := 0, 0; i < len(text) && most > 0; i++ {
		s := sextet[text[i]]
		if s == 0 {
			break
		}
		v = v<<6 | uint32(s-1)
		if n++; n&3 != 1 {
			dst = append(dst, byte(v>>(4-2*(uint(n-2)&3))))
			most--
		}
	}
	return dst
}

func appendHex(dst, text []byte, most int) []byte {
	for i := 0; i+1 < len(text) && most > 0; i += 2 {
		hi, lo := hexDigit(text[i]), hexDigit(text[i+1])
		if hi < 0 || lo < 0 {
			break
		}
		dst = append(dst, byte(hi<<4|lo))
		most--
	}
	return dst
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// readable reports whether b is printable ASCII with a blank in it, at least a dozen bytes.
func readable(b []byte) bool {
	blanks := 0
	for _, c := range b {
		if c == ' ' {
			blanks++
		} else if c > '~' || c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(b) >= 12 && blanks > 0
}
