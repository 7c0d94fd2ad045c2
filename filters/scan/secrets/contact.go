package secrets

// contactKinds are how a person is reached.
func contactKinds() []Kind {
	return []Kind{
		written(Kind{ID: "phone", Class: Personal, Why: "a telephone number: E.164 with a country's code, or a national form that nothing else has", begins: []string{"+#", "(#", "#"}, match: phone, check: nationalPhone,
			Hits:   []string{"call «+1 415 555 2671» now", "«+49 (30) 901820-0»", "«+442079460958»", "«(415) 555-2671»", "«415-555-2671»", "«(555) 123-4567»", "«1-800-555-0199»", "«06 12 34 56 78»", "«07700 900123»", "phone: «4155552671»", "电话：«13812345678»", "tel. «030 901820»", "«0049 30 901820»"},
			Misses: []string{"+12", "a+14155552671", "x + 1234567890", "+012 345 678 901", "115-555-2671", "415-555-26711", "4155552671", "2024-01-02 03:04:05", "(1) 2345", "1.415.555.2671.9", "+1234", "192.168.100.200", "6c 6f 20 61 6d 65 20 31 22 33"}},
			"###-###-####", "###.###.####", "1-###-###-####", "0# ## ## ## ##", "0#.##.##.##.##", "0#### ######", "0##-####-####"),
		{ID: emailID, Class: Personal, Why: "an e-mail address (RFC 5321), but for the user git, who is nobody",
			Hits:   []string{"write to «ada.lovelace+x@example.co.uk».", "<«a@b.org»>", `{"mail":"\n«bob_1@mail-2.example.com»"}`, "ghp_x:«y@example.org»"},
			Misses: []string{"@home", "a@b", "git@github.com:a/b.git", "lodash@4.17.21", "icon@2x.png", "user@host.1", "a@-b.com", "me at example.org", "@app.route", "x@y..com"}},
	}
}

const emailID = "email"

// localFrom is where the text before i is open from: a word there may turn out to be the first part of an address. from is
// where it is decided up to.
func (f *Finder) localFrom(b []byte, i, from int) int {
	if f.email < 0 {
		return i
	}
	j := i
	for j > from && i-j < contextMax && local[b[j-1]] {
		j--
	}
	return j
}

// mail judges the @ at i. The part before it is found backwards, at most contextMax bytes of it.
func (f *Finder) mail(t *text, i, from int) (s Span, a answer) {
	b := t.b
	s = Span{Kind: f.email, From: f.localFrom(b, i, from)}
	if s.From > 1 && b[s.From-1] == '\\' && i-s.From > 1 && escapeLetter(b[s.From]) {
		s.From++ // \n before an address in text that is quoted once more
	}
	for s.From < i && (b[s.From] == '.' || b[s.From] == '-' || b[s.From] == '%') {
		s.From++
	}
	if s.From == i || b[i-1] == '.' || string(b[s.From:i]) == "git" {
		return s, no
	}
	s.To, a = domain(t, i+1)
	return s, a
}

func escapeLetter(c byte) bool { return c == 'n' || c == 'r' || c == 't' }

// domain reads labels from i on, the last of which is a top-level domain's, all letters or xn--, and no file's extension.
func domain(t *text, i int) (end int, a answer) {
	const longest = 253
	label, top := i, -1
	for j := i; ; j++ {
		if j-i > longest {
			return 0, no
		}
		if j == len(t.b) && !t.end {
			return 0, more
		}
		if j < len(t.b) && (alnum[t.b[j]] || t.b[j] == '-') {
			continue
		}
		size := j - label
		if size == 0 || size > 63 || t.b[label] == '-' {
			break
		}
		if label > i && topLevel(t.b[label:j]) {
			top = j
		} else if label > i {
			top = -1
		}
		end = j
		if j == len(t.b) || t.b[j] != '.' {
			break
		}
		label = j + 1
	}
	if top < 0 || top != end {
		return 0, no
	}
	return top, yes
}

// topLevel reports whether b can be a top-level domain.
func topLevel(b []byte) bool {
	if len(b) > 4 && string(b[:4]) == "xn--" {
		return true
	}
	if len(b) < 2 || len(b) > 24 {
		return false
	}
	for _, c := range b {
		if !letters[c] {
			return false
		}
	}
	switch string(b) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "js", "ts", "css", "json", "xml", "html", "tsx", "jsx", "vue", "local", "service", "target", "socket", "timer":
		return false
	}
	return true
}

// phone tries a number with its country's code, then the national forms, then whatever is called a phone number.
func phone(t *text, i int) (int, answer) {
	if !wordBegins(t.b, i) {
		return 0, no
	}
	switch t.b[i] {
	case '+':
		return international(t, i, i+1)
	case '(':
		return parenthesised(t, i)
	}
	if !standsAlone(t.b, i) {
		return 0, no
	}
	if t.b[i] == '0' {
		switch t.prefix(i, "00") {
		case more:
			return 0, more
		case yes:
			if end, a := international(t, i, i+2); a != no {
				return end, a
			}
		}
	}
	return named(t, i)
}

var (
	phoneSet = set("0-9 ().-")
	zones1   = set("17") // country codes of one digit
	zones2   = "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 "
	zones3   = "21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99 " // the first two of three
)

// international wants a country's code at j and eight to fifteen digits, in groups that single signs divide.
func international(t *text, i, j int) (int, answer) {
	end, n, a := digits(t, j)
	if a != yes {
		return 0, a
	}
	d := t.b[j:end]
	if n < 8 || n > 15 || !country(d) || j-i == 2 && n == end-j {
		return 0, no
	}
	return t.closed(end)
}

func country(d []byte) bool {
	if zones1[d[0]] {
		return true
	}
	if !digit[d[1]] {
		return false
	}
	for _, zones := range [...]string{zones2, zones3} {
		for i := 0; i < len(zones); i += 3 {
			if zones[i] == d[0] && zones[i+1] == d[1] {
				return true
			}
		}
	}
	return false
}

// digits reads digits and the signs that divide them: where the last digit is, and how many there are. At most one sign
// stands between two digits, but for a parenthesis with a blank.
func digits(t *text, i int) (end, n int, a answer) {
	j, open := t.run(i, phoneSet, longestForm)
	if open {
		return 0, 0, more
	}
	signs := 0
	for k := i; k < j; k++ {
		c := t.b[k]
		if digit[c] {
			n, end, signs = n+1, k+1, 0
			continue
		}
		pair := signs == 1 && (c == '(' && t.b[k-1] == ' ' || t.b[k-1] == ')')
		if k == i || signs > 0 && !pair {
			break
		}
		signs++
	}
	if n == 0 {
		return 0, 0, no
	}
	return end, n, yes
}

// parenthesised wants the area in parentheses, then seven digits, the way North America writes it.
func parenthesised(t *text, i int) (int, answer) {
	for _, p := range [...]string{"(###) ###-####", "(###)###-####"} {
		f := form{pattern: p}
		if end, a := f.judge(t, i, nationalPhone, nil); a != no {
			return end, a
		}
	}
	return 0, no
}

// nationalPhone judges the digits of a national form: ten of North America, perhaps behind a 1, whose area and exchange begin
// with 2 to 9 (555 is what invented ones have, before any exchange), or ten or eleven that begin with 0 and no second 0.
func nationalPhone(d []byte) bool {
	if d[0] == '0' {
		return d[1] != '0' && various2(d[1:])
	}
	if len(d) == 11 && d[0] == '1' {
		d = d[1:]
	}
	return len(d) == 10 && d[0] >= '2' && (d[3] >= '2' || string(d[:3]) == "555") && !(d[1] == '1' && d[2] == '1') && various2(d)
}

// named takes whatever could be a number behind a word for one.
func named(t *text, i int) (int, answer) {
	end, n, a := digits(t, i)
	if a != yes {
		return 0, a
	}
	if n < 7 || n > 15 || !nearby(t.b[max(0, i-28):], min(i, 28), phoneWords) {
		return 0, no
	}
	return t.closed(end)
}

var phoneWords = []string{"phone", "tel:", "tel.", "mobile", "whatsapp", "telefon", "tel\u00e9fono", "t\u00e9l\u00e9phone", "handynummer", "cell:", "fax", "\u7535\u8bdd", "\u624b\u673a", "\u96fb\u8a71", "\u4fe1\u53f7"}
