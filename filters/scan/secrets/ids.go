package secrets

// idKinds are numbers that a state gives a person. Where the check alone is weak, the number's name must stand near it.
func idKinds() []Kind {
	return []Kind{
		written(Kind{ID: "us_ssn", Class: Personal, Why: "a US social security number, by the rules for its parts (SSA)", check: ssn,
			Hits:   []string{"SSN: «219-09-9998»", "it's «123-45-6789»."},
			Misses: []string{"000-12-3456", "666-12-3456", "912-12-3456", "123-00-4567", "123-45-0000", "1123-45-6789", "123-45-67890", "part 7-123-45-6789"}},
			"###-##-####"),
		written(Kind{ID: "uk_nino", Class: Personal, Why: "a UK national insurance number, by the rules for its letters (HMRC)", begins: []string{"@@"}, check: nino,
			Hits: []string{"NI «AB123456C»", "«QQ 12 34 56 A» is no number, but «CE 12 34 56 A» is"}, Misses: []string{"BG123456A", "AB123456E", "AB123456CD", "XAB123456C", "OO123456A"}},
			"@@######@", "@@ ## ## ## @"),
		written(Kind{ID: "de_tax_id", Class: Personal, Why: "a German tax id: one digit twice or thrice among ten, and a check digit (ISO 7064 mod 11,10)", check: steuerID,
			Hits: []string{"IdNr «86095742719»", "«86 095 742 719»", "«47036892816»"}, Misses: []string{"86095742718", "12345678901", "01234567891"}},
			"###########", "## ### ### ###"),
		written(Kind{ID: "fr_nir", Class: Personal, Why: "a French social security number: sex, month, and a key modulo 97 (INSEE)", check: nir,
			Hits: []string{"«2 55 08 14 168 025 38»", "«255081416802538»"}, Misses: []string{"2 55 08 14 168 025 39", "955081416802538", "255991416802538"}},
			"###############", "# ## ## ## ### ### ##", "############# ##"),
		written(Kind{ID: "es_dni", Class: Personal, Why: "a Spanish DNI or NIE: its letter follows from the number modulo 23", begins: []string{"X#", "Y#", "Z#", "X-", "Y-", "Z-"}, check: dni,
			Hits: []string{"DNI «12345678Z»", "«12345678-Z»", "NIE «X1234567L»", "«Y-1234567-X»"}, Misses: []string{"12345678A", "X1234567A", "123456789Z"}},
			"########@", "########-@", "@#######@", "@-#######-@"),
		written(Kind{ID: "it_codice_fiscale", Class: Personal, Why: "an Italian tax code: its form and its check letter", begins: []string{"@@"}, check: codiceFiscale,
			Hits: []string{"CF «RSSMRA85T10A562S»"}, Misses: []string{"RSSMRA85T10A562T", "RSSMRA85T10A562SX", "RSSMRA85Z10A562S"}},
			"@@@@@@##@##@###@"),
		written(Kind{ID: "nl_bsn", Class: Personal, Why: "a Dutch citizen service number: eleven-proof, and called so", check: bsn, near: []string{"bsn", "burgerservice", "sofinummer", "sofi-nummer"},
			Hits: []string{"BSN: «111222333»", "burgerservicenummer «123456782»"}, Misses: []string{"111222333", "BSN: 111222334"}},
			"#########"),
		written(Kind{ID: "pl_pesel", Class: Personal, Why: "a Polish PESEL: a date of birth and a check digit, and called so", check: pesel, near: []string{"pesel"},
			Hits: []string{"PESEL «44051401359»"}, Misses: []string{"44051401359", "PESEL 44051401358", "PESEL 44991401359"}},
			"###########"),
		written(Kind{ID: "br_cpf", Class: Personal, Why: "a Brazilian CPF: two check digits", check: cpf,
			Hits: []string{"CPF «529.982.247-25»"}, Misses: []string{"529.982.247-26", "111.111.111-11", "529.982.247-255"}},
			"###.###.###-##"),
		written(Kind{ID: "br_cpf_plain", Class: Personal, Why: "a Brazilian CPF without its points, where it is called so", check: cpf, near: []string{"cpf"},
			Hits: []string{"CPF: «52998224725»"}, Misses: []string{"52998224725"}},
			"###########"),
		written(Kind{ID: "cn_resident_id", Class: Personal, Why: "a Chinese resident id: province, date of birth, and a check digit (GB 11643)", check: residentID,
			Hits: []string{"身份证«11010519491231002X»。", "«440524188001010014»"}, Misses: []string{"11010519491331002X", "110105194912310021", "990105194912310021"}},
			"##################", "#################X"),
		written(Kind{ID: "in_aadhaar", Class: Personal, Why: "an Indian Aadhaar number: Verhoeff's check, and called so", check: aadhaar, near: []string{"aadhaar", "aadhar", "uidai"},
			Hits: []string{"Aadhaar «2341 2341 2346»", "aadhaar no. «234123412346»"}, Misses: []string{"2341 2341 2346", "Aadhaar 2341 2341 2347"}},
			"#### #### ####", "############"),
		written(Kind{ID: "sg_nric", Class: Personal, Why: "a Singaporean NRIC or FIN: its letter follows from the digits", begins: []string{"S#", "T#", "F#", "G#"}, check: nric,
			Hits: []string{"NRIC «S1234567D»", "«G1234567X»"}, Misses: []string{"S1234567A", "T1234567D", "S12345678D"}},
			"@#######@"),
	}
}

func value(d []byte) (n int) {
	for _, c := range d {
		n = n*10 + int(c-'0')
	}
	return n
}

func ssn(d []byte) bool {
	area := value(d[:3])
	return area != 0 && area != 666 && area < 900 && value(d[3:5]) != 0 && value(d[5:]) != 0
}

func nino(c []byte) bool {
	switch string(c[:2]) {
	case "BG", "GB", "NK", "KN", "TN", "NT", "ZZ":
		return false
	}
	return !notIn(c[0], "DFIQUV") && !notIn(c[1], "DFIOQUV") && c[8] <= 'D'
}

// notIn reports whether c is one of those that may not be there.
func notIn(c byte, these string) bool {
	for i := 0; i < len(these); i++ {
		if these[i] == c {
			return true
		}
	}
	return false
}

func steuerID(d []byte) bool {
	var count [10]int
	for _, c := range d[:10] {
		count[c-'0']++
	}
	repeated := 0
	for _, n := range count {
		switch {
		case n > 3:
			return false
		case n > 1:
			repeated++
		}
	}
	if d[0] == '0' || repeated != 1 {
		return false
	}
	p := 10
	for _, c := range d[:10] {
		s := (int(c-'0') + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return (11-p)%10 == int(d[10]-'0')
}

func nir(d []byte) bool {
	month := value(d[3:5])
	if d[0] != '1' && d[0] != '2' || month < 1 || month > 12 && month < 20 || month > 42 && month < 50 {
		return false
	}
	return 97-value(d[:13])%97 == value(d[13:])
}

func dni(c []byte) bool {
	digits := c[:len(c)-1]
	n := 0
	if len(c) != 9 {
		return false
	}
	if upper[digits[0]] {
		n = int(digits[0]-'X') * 1e7
		digits = digits[1:]
	}
	return "TRWAGMYFPDXBNJZSQVHLCKE"[(n+value(digits))%23] == c[8]
}

func codiceFiscale(c []byte) bool {
	const months = "ABCDEHLMPRST"
	if day := value(c[9:11]); !notIn(c[8], months) || day == 0 || day > 31 && day < 41 || day > 71 {
		return false
	}
	odd := [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, ch := range c[:15] {
		v := int(ch - '0')
		if upper[ch] {
			v = int(ch - 'A')
		}
		if i%2 == 0 {
			v = odd[v]
		}
		sum += v
	}
	return byte('A'+sum%26) == c[15]
}

func bsn(d []byte) bool {
	sum := 0
	for i := range 8 {
		sum += (9 - i) * int(d[i]-'0')
	}
	return (sum-int(d[8]-'0'))%11 == 0 && value(d) != 0
}

func pesel(d []byte) bool {
	if month, day := value(d[2:4])%20, value(d[4:6]); month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	sum := 0
	for i, w := range [...]int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1} {
		sum += w * int(d[i]-'0')
	}
	return sum%10 == 0
}

func cpf(d []byte) bool {
	if !various2(d) {
		return false
	}
	for n := 9; n <= 10; n++ {
		sum := 0
		for i := range n {
			sum += (n + 1 - i) * int(d[i]-'0')
		}
		if sum*10%11%10 != int(d[n]-'0') {
			return false
		}
	}
	return true
}

func residentID(c []byte) bool {
	province, year, month, day := value(c[:2]), value(c[6:10]), value(c[10:12]), value(c[12:14])
	if province < 11 || province > 82 || year < 1800 || year > 2100 || month < 1 || month > 12 || day < 1 || day > 31 {
		return false
	}
	sum := 0
	for i, w := range [...]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2} {
		sum += w * int(c[i]-'0')
	}
	return "10X98765432"[sum%11] == c[17]
}

// aadhaar is Verhoeff's check: the digits walk through the dihedral group of order ten.
func aadhaar(d []byte) bool {
	if d[0] < '2' {
		return false
	}
	permute := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range d {
		v := int(d[len(d)-1-i] - '0')
		for range i % 8 {
			v = permute[v]
		}
		c = dihedral(c, v)
	}
	return c == 0
}

// dihedral multiplies in the group of the turns (0 to 4) and flips (5 to 9) of a pentagon.
func dihedral(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return 5 + (a+b-5)%5
	case b < 5:
		return 5 + (a-5-b+5)%5
	}
	return (a - b + 5) % 5
}

func nric(c []byte) bool {
	sum := 0
	if c[0] == 'T' || c[0] == 'G' {
		sum = 4
	}
	for i, w := range [...]int{2, 7, 6, 5, 4, 3, 2} {
		sum += w * int(c[1+i]-'0')
	}
	letters := "JZIHGFEDCBA"
	if c[0] == 'F' || c[0] == 'G' {
		letters = "XWUTRQPNMLK"
	}
	return letters[sum%11] == c[8]
}
