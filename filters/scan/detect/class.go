package detect

// What a byte can mean to somebody's parser.
const (
	quiet  = 0         // letters, digits, and what no rule needs
	blank  = 1 << iota // separates words
	syntax             // means something to SQL, HTML, a shell or a path
	marker             // may begin an encoding
	high               // not ASCII
	ctrl               // a control byte
	dot                // joins the parts of a name: java.lang.Runtime, boot.ini
)

// classOf is the table of classes by byte. A value that is quiet all through is one word, see oneWord.
var classOf = func() (t [256]uint8) {
	for i := range t {
		switch {
		case i >= 0x80:
			t[i] = high
		case i < ' ' || i == 0x7f:
			t[i] = ctrl
		}
	}
	t[' '] = blank
	for _, c := range "'\"<>;|&$`(){}[]/=*#!^~@?:,.+-" {
		t[c] = syntax
	}
	for _, c := range "\\%&" {
		t[c] |= syntax | marker
	}
	for _, c := range "-_," { // alone they are in every id, date and model name
		t[c] = quiet
	}
	t['.'] = dot
	return t
}()

// lower is ASCII lower case by byte.
var lower = func() (t [256]byte) {
	for i := range t {
		t[i] = byte(i)
		if i >= 'A' && i <= 'Z' {
			t[i] += 'a' - 'A'
		}
	}
	return t
}()

// classes is the union of the classes of b's bytes.
func classes(b []byte) (c uint8) {
	for _, x := range b {
		c |= classOf[x]
	}
	return c
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) int {
	switch {
	case c <= '9':
		return int(c - '0')
	case c >= 'a':
		return int(c-'a') + 10
	}
	return int(c-'A') + 10
}
