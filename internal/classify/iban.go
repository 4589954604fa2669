package classify

// iban is a country, two check digits and as many letters and digits as the
// country uses, in one piece or in groups of four.
func (f *finder) iban(i int) Match {
	if len(f.text)-i < 15 || !isAlpha(f.text[i]) || !isAlpha(f.text[i+1]) ||
		!isDigit(f.text[i+2]) || !isDigit(f.text[i+3]) {
		return Match{}
	}
	want := ibanLength(string([]byte{f.text[i] &^ 0x20, f.text[i+1] &^ 0x20}))
	if want == 0 {
		return Match{}
	}
	var buf [34]byte
	n, p := 0, i
	for n < want && p < len(f.text) {
		c := f.text[p]
		if (c == ' ' || c == '+') && n%4 == 0 && n > 0 && f.text[p-1] != c {
			p++
			continue
		}
		if !isAlnum(c) {
			return Match{}
		}
		if isLower(c) {
			c &^= 0x20
		}
		buf[n] = c
		n++
		p++
	}
	if n < want || f.alnumAt(p) || !mod97(buf[:n]) {
		return Match{}
	}
	return Match{IBAN, i, p}
}

// mod97 is the check of ISO 13616 (ISO/IEC 7064, MOD 97-10).
func mod97(iban []byte) bool {
	rest := 0
	for k := range iban {
		c := iban[(k+4)%len(iban)]
		if isDigit(c) {
			rest = (rest*10 + int(c-'0')) % 97
		} else {
			rest = (rest*100 + int(c-'A') + 10) % 97
		}
	}
	return rest == 1
}

// ibanLength gives the length of the account numbers of a country, from the
// IBAN registry, or 0.
func ibanLength(country string) int {
	switch country {
	case "NO":
		return 15
	case "BE":
		return 16
	case "DK", "FO", "FI", "GL", "NL", "SD", "FK":
		return 18
	case "MK", "SI":
		return 19
	case "AT", "BA", "EE", "KZ", "XK", "LT", "LU", "MN":
		return 20
	case "HR", "LV", "LI", "CH":
		return 21
	case "BH", "BG", "CR", "GE", "DE", "IE", "ME", "RS", "GB", "VA":
		return 22
	case "TL", "GI", "IQ", "IL", "SO", "AE", "OM":
		return 23
	case "AD", "CZ", "MD", "PK", "RO", "SA", "SK", "ES", "SE", "TN", "VG":
		return 24
	case "LY", "PT", "ST":
		return 25
	case "IS", "TR":
		return 26
	case "FR", "GR", "IT", "MC", "MR", "SM", "BI", "DJ":
		return 27
	case "AL", "AZ", "BY", "CY", "DO", "SV", "GT", "HU", "LB", "PL", "NI":
		return 28
	case "BR", "EG", "PS", "QA", "UA":
		return 29
	case "JO", "KW", "MU", "YE":
		return 30
	case "MT", "SC":
		return 31
	case "LC":
		return 32
	case "RU":
		return 33
	}
	return 0
}
