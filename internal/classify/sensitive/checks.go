package sensitive

import "farrier.dev/farrier/internal/classify"

// digits are the digits of a number, each from 0 to 9, without what parts them.
type digits []byte

// luhn is the check of ISO/IEC 7812-1.
func (d digits) luhn() bool { return classify.Luhn(d) }

// weigh sums the digits by their weights, a string of one character for each:
// 0 to 9, and A for 10.
func (d digits) weigh(weights string) int {
	sum := 0
	for i := range min(len(d), len(weights)) {
		w := int(weights[i] - '0')
		if weights[i] >= 'A' {
			w = int(weights[i]-'A') + 10
		}
		sum += int(d[i]) * w
	}
	return sum
}

// number reads digits i to j.
func (d digits) number(i, j int) int {
	n := 0
	for _, c := range d[i:j] {
		n = n*10 + int(c)
	}
	return n
}

// day tells a day and month at the two places.
func (d digits) day(day, month int) bool {
	dd, mm := d.number(day, day+2), d.number(month, month+2)
	return 1 <= dd && dd <= 31 && 1 <= mm && mm <= 12
}

// iso7064 is the check MOD 11,10 of German tax numbers and Croatian OIB.
func (d digits) iso7064() bool {
	p := 10
	for _, c := range d[:len(d)-1] {
		s := (int(c) + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return (11-p)%10 == int(d[len(d)-1])
}

// verhoeff is the check of Aadhaar numbers: the multiplication of the group of a
// pentagon's turns and mirrorings.
func (d digits) verhoeff() bool {
	const permuted = "1576283094"
	c := 0
	for i := range d {
		v := int(d[len(d)-1-i])
		for range i % 8 {
			v = int(permuted[v] - '0')
		}
		c = pentagon(c, v)
	}
	return c == 0
}

func pentagon(a, b int) int {
	switch {
	case a < 5 && b < 5:
		return (a + b) % 5
	case a < 5:
		return (a+b)%5 + 5
	case b < 5:
		return (a-b)%5 + 5
	}
	return (a - b + 5) % 5
}

// mod11 is the check digit of Brazilian numbers: 0 when the rest is below 2.
func (d digits) mod11(weights string) bool {
	want := 0
	if r := d.weigh(weights) % 11; r >= 2 {
		want = 11 - r
	}
	return want == int(d[len(weights)])
}

func (d digits) cpf() bool {
	same := true
	for _, c := range d {
		same = same && c == d[0]
	}
	return !same && d.mod11("A98765432") && d.mod11("BA98765432")
}

func (d digits) cnpj() bool {
	return d.mod11("543298765432") && d.mod11("6543298765432")
}

// nir is the French number: sex, year, month, place, serial and a key. Corsica's
// letters are not read.
func (d digits) nir() bool {
	return (d[0] == 1 || d[0] == 2) && d.number(3, 5) >= 1 && d.number(3, 5) <= 99 && 97-d.number(0, 13)%97 == d.number(13, 15)
}

func (d digits) belgian() bool {
	if !d.day(4, 2) {
		return false
	}
	rest := 97 - d.number(9, 11)
	return d.number(0, 9)%97 == rest || (2000000000+d.number(0, 9))%97 == rest
}

func (d digits) norwegian() bool {
	return d.day(0, 2) && (d.weigh("3761894521"))%11 == 0 && (d.weigh("54327654321"))%11 == 0
}

func (d digits) pesel() bool {
	month := d.number(2, 4) % 20
	return 1 <= month && month <= 12 && d.number(4, 6) >= 1 && d.number(4, 6) <= 31 && d.weigh("13791379131")%10 == 0
}

func (d digits) ean13() bool { return d.weigh("1313131313131")%10 == 0 }

func (d digits) bsn() bool {
	return (d.weigh("98765432")-int(d[8]))%11 == 0 && d.number(0, 9) > 0
}

func (d digits) myNumber() bool {
	want := 0
	if r := d.weigh("65432765432") % 11; r > 1 {
		want = 11 - r
	}
	return want == int(d[11])
}

func (d digits) npi() bool {
	full := [15]byte{8, 0, 8, 4, 0}
	copy(full[5:], d)
	return (d[0] == 1 || d[0] == 2) && digits(full[:]).luhn()
}

func (d digits) nhs() bool {
	return (11-d.weigh("A98765432")%11)%11 == int(d[9])
}

func (d digits) ssn() bool {
	area := d.number(0, 3)
	return area != 0 && area != 666 && area < 900 && d.number(3, 5) != 0 && d.number(5, 9) != 0
}

// looks tells whether s has the shape: 9 is a digit, A a letter, X either;
// anything else stands for itself. Letters count in both cases.
func looks(s, shape string) bool {
	if len(s) != len(shape) {
		return false
	}
	for i := range len(s) {
		switch shape[i] {
		case '9':
			if !isDigit(s[i]) {
				return false
			}
		case 'A':
			if !isAlpha(s[i]) {
				return false
			}
		case 'X':
			if !isDigit(s[i]) && !isAlpha(s[i]) {
				return false
			}
		default:
			if s[i] != shape[i] {
				return false
			}
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isAlpha(c byte) bool { return isUpper(c) || isLower(c) }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func upper(c byte) byte {
	if isLower(c) {
		c &^= 0x20
	}
	return c
}

// compact copies the letters and digits of s in capitals to buf.
func compact(buf *[24]byte, s string) []byte {
	n := 0
	for i := range len(s) {
		if c := s[i]; isDigit(c) || isAlpha(c) {
			if n == len(buf) {
				return nil
			}
			buf[n] = upper(c)
			n++
		}
	}
	return buf[:n]
}

func atoi(s []byte) int {
	n := 0
	for _, c := range s {
		n = n*10 + int(c-'0')
	}
	return n
}

func shaped(s []byte, shape string) bool { return looks(string(s), shape) }

func codiceFiscale(s []byte) bool {
	const odd = "BAFHJNPRTVCESULDGIMOQKWZYX"
	if !shaped(s, "AAAAAA99A99A999A") {
		return false
	}
	sum := 0
	for i, c := range s[:15] {
		v := int(c - '0')
		if isAlpha(c) {
			v = int(c - 'A')
		}
		if i%2 == 0 {
			v = int(odd[v] - 'A')
		}
		sum += v
	}
	return int(s[15]-'A') == sum%26
}

// spanish tells DNI and NIE by their letter.
func spanish(s []byte) bool {
	const letters = "TRWAGMYFPDXBNJZSQVHLCKE"
	if shaped(s, "99999999A") {
		return letters[atoi(s[:8])%23] == s[8]
	}
	return shaped(s, "A9999999A") && s[0] >= 'X' && s[0] <= 'Z' && letters[(int(s[0]-'X')*10000000+atoi(s[1:8]))%23] == s[8]
}

// finnish tells a personal identity code without its sign of the century.
func finnish(s string) bool {
	const letters = "0123456789ABCDEFHJKLMNPRSTUVWXY"
	if len(s) != 11 || !looks(s[:6], "999999") || !looks(s[7:10], "999") {
		return false
	}
	switch s[6] {
	case '-', '+', 'A', 'B', 'C', 'D', 'E', 'F', 'U', 'V', 'W', 'X', 'Y':
	default:
		return false
	}
	n := 0
	for _, c := range []byte(s[:6] + s[7:10]) {
		n = n*10 + int(c-'0')
	}
	return letters[n%31] == upper(s[10])
}

func british(s []byte) bool {
	if !shaped(s, "AA999999A") || s[8] > 'D' {
		return false
	}
	for _, c := range s[:2] {
		switch c {
		case 'D', 'F', 'I', 'Q', 'U', 'V':
			return false
		}
	}
	return s[1] != 'O'
}

func mexican(s []byte) bool {
	if !shaped(s, "AAAA999999AAAAAAX9") || s[10] != 'H' && s[10] != 'M' && s[10] != 'X' {
		return false
	}
	sum := 0
	for i, c := range s[:17] {
		v := int(c - '0')
		if isAlpha(c) {
			v = int(c-'A') + 10
			if c > 'N' {
				v++ // Ñ stands between N and O.
			}
		}
		sum += v * (18 - i)
	}
	return (10-sum%10)%10 == int(s[17]-'0')
}

func chinese(s []byte) bool {
	const weights, check = "79A584216379A5842", "10X98765432"
	if len(s) != 18 || !shaped(s[:17], "99999999999999999") {
		return false
	}
	var d [17]byte
	for i := range d {
		d[i] = s[i] - '0'
	}
	n := digits(d[:])
	year := n.number(6, 10)
	return year >= 1900 && year < 2100 && n.day(12, 10) && check[n.weigh(weights)%11] == s[17]
}

// germanCard tells the number of an identity card with its check digit.
func germanCard(s []byte) bool {
	if len(s) != 10 || !isAlpha(s[0]) || !isDigit(s[9]) {
		return false
	}
	sum := 0
	for i, c := range s[:9] {
		v := int(c - '0')
		if isAlpha(c) {
			v = int(c-'A') + 10
		}
		sum += v * int("731"[i%3]-'0')
	}
	return sum%10 == int(s[9]-'0')
}

// vin tells the number of a vehicle that has the check digit of North America.
func vin(s []byte) (shape, check bool) {
	const weights, values = "8765432A098765432", "12345678012345070923456789"
	if len(s) != 17 {
		return false, false
	}
	sum, letters, numbers := 0, 0, 0
	for i, c := range s {
		v := int(c - '0')
		if isAlpha(c) {
			if c == 'I' || c == 'O' || c == 'Q' {
				return false, false
			}
			v = int(values[c-'A'] - '0')
			letters++
		} else {
			numbers++
		}
		w := int(weights[i] - '0')
		if weights[i] == 'A' {
			w = 10
		}
		sum += v * w
	}
	shape = letters >= 2 && numbers >= 3 && isDigit(s[13]) && isDigit(s[14]) && isDigit(s[15]) && isDigit(s[16])
	return shape, shape && "0123456789X"[sum%11] == s[8]
}

func insured(s []byte) bool {
	if !shaped(s, "A999999999") {
		return false
	}
	v := int(s[0]-'A') + 1
	full := [10]byte{byte(v / 10), byte(v % 10)} // #nosec G115 -- at most 26
	for i, c := range s[1:9] {
		full[i+2] = c - '0'
	}
	sum := 0
	for i, c := range full {
		p := int(c) * (1 + i%2)
		sum += p/10 + p%10
	}
	return sum%10 == int(s[9]-'0')
}
