package secrets

// paymentKinds are what money moves by.
func paymentKinds() []Kind {
	return []Kind{
		written(Kind{ID: "card", Class: Personal, Why: "a payment card: an issuer's range, its length, and the Luhn check (ISO/IEC 7812)", check: card,
			Hits:   []string{"pay with «4111 1111 1111 1111» 12/28", "«378282246310005»", "«3782-822463-10005»", "«5555-5555-5555-4444»,«6011000990139424»", "\\n«2223003122003222»"},
			Misses: []string{"4111 1111 1111 1112", "order 1234567890123456", "4111111111111111111", "0.4111111111111111", "id_4111111111111111", "v4111111111111111", "4111-1111-1111-1111-2"}},
			"################", "#### #### #### ####", "####-####-####-####", "###############", "#### ###### #####", "####-######-#####",
			"##############", "#### ###### ####", "####-######-####", "###################", "#### #### #### #### ###"),
		{ID: "iban", Class: Personal, Why: "an international bank account: a country's length, and the check modulo 97 (ISO 13616)", begins: []string{"@@"}, match: iban,
			Hits:   []string{"to «DE89 3704 0044 0532 0130 00» please", "«GB29NWBK60161331926819»", "«NO9386011117947»"},
			Misses: []string{"DE89 3704 0044 0532 0130 01", "DE89", "GB29NWBK6016133192681", "GB29NWBK60161331926819X", "AB12 CDEF"}},
	}
}

// card judges digits: who issues cards that begin so, of that length, and their sum.
func card(d []byte) bool {
	if !luhn(d) || !various2(d) {
		return false
	}
	two := int(d[0]-'0')*10 + int(d[1]-'0')
	four := two*100 + int(d[2]-'0')*10 + int(d[3]-'0')
	switch n := len(d); {
	case d[0] == '4': // Visa
		return n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34, two == 37: // American Express
		return n == 15
	case four == 6011, two == 65, four >= 6440 && four <= 6499, two == 62: // Discover, UnionPay
		return n == 16 || n == 19
	case four >= 3528 && four <= 3589: // JCB
		return n == 16
	case two == 36, two == 38, two == 39, four >= 3000 && four <= 3059: // Diners Club
		return n == 14
	case two == 50, two >= 56 && two <= 58, two == 67: // Maestro
		return n == 16 || n == 19
	}
	return false
}

// luhn is the check of ISO/IEC 7812-1, annex B.
func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}

// various2 reports whether the digits are more than one, over and over.
func various2(d []byte) bool {
	for _, c := range d {
		if c != d[0] {
			return true
		}
	}
	return false
}

// ibanTable is the length of account numbers by country (SWIFT, IBAN registry).
const ibanTable = `AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20`

// ibanLength is the length of a country's account numbers; 0 for one that has none.
func ibanLength(a, b byte) int {
	for i := 0; i < len(ibanTable); i += 4 {
		if ibanTable[i] == a && ibanTable[i+1] == b {
			return int(ibanTable[i+2]-'0')*10 + int(ibanTable[i+3]-'0')
		}
	}
	return 0
}

// iban reads country, check and account, in one piece or in groups of four.
func iban(t *text, i int) (int, answer) {
	b := t.b
	for j := range 4 {
		switch {
		case i+j == len(b) && !t.end:
			return 0, more
		case i+j == len(b), j < 2 && !upper[b[i+j]], j >= 2 && !digit[b[i+j]]:
			return 0, no
		}
	}
	length := ibanLength(b[i], b[i+1])
	if length == 0 {
		return 0, no
	}
	var chars [34]byte
	n, j, spaced := 0, i, false
	for n < length {
		if j == len(b) {
			if t.end {
				return 0, no
			}
			return 0, more
		}
		switch c := b[j]; {
		case upper[c] || digit[c]:
			if n > 4 && n%4 == 0 && spaced && b[j-1] != ' ' {
				return 0, no
			}
			chars[n] = c
			n++
		case c == ' ' && n > 0 && n%4 == 0 && b[j-1] != ' ' && (n == 4 || spaced):
			spaced = true
		default:
			return 0, no
		}
		j++
	}
	if !mod97(chars[:n]) {
		return 0, no
	}
	return t.closed(j)
}

// mod97 is the check of ISO 7064: the first four behind the others, letters as two digits, leave 1.
func mod97(chars []byte) bool {
	rest := 0
	for i := range chars {
		switch c := chars[(i+4)%len(chars)]; {
		case digit[c]:
			rest = (rest*10 + int(c-'0')) % 97
		default:
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}
