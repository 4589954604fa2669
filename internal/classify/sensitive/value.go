package sensitive

import (
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// value weighs every class that the value may be of.
func (b *best) value(v string) {
	s := draw(v)
	b.secrets(v, &s)
	if v[1] == '<' && s.other > 4 {
		b.passportZone(v)
	}
	if s.at > 0 && s.spaces == 0 {
		b.email(v)
	}
	if s.digits > 0 {
		if s.letters() == 0 {
			b.number(v, &s)
		} else {
			b.mixed(v, &s)
		}
		b.coordinates(v, &s)
		b.date(v, &s)
	}
	if s.colons > 1 || s.dots == 3 || s.hyphens == 5 || s.dots == 2 && len(v) == 14 {
		b.network(v, &s)
	}
	if s.letters() > 0 || b.points[iHealth] > 0 {
		b.words(v, &s)
	}
	if b.score < accepted {
		b.inside(v, &s)
	}
}

// fileEnd are ends of file names that also look like the end of a host's name.
func fileEnd(end string) bool {
	var buf [maxLow]byte
	switch string(low(&buf, end)) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "json", "html", "pdf", "ico", "woff", "xml", "txt", "csv":
		return true
	}
	return false
}

func (b *best) email(v string) {
	v = strings.TrimPrefix(v, "mailto:")
	if strings.HasPrefix(v, "<") || classify.Whole(v) != classify.Email || fileEnd(v[strings.LastIndexByte(v, '.')+1:]) {
		return
	}
	b.take(iEmail, 60)
}

// number weighs values of digits and what parts them.
func (b *best) number(v string, s *sketch) {
	n := s.digits
	switch {
	case n >= 3 && n <= 4 && n == len(v):
		b.take(iCardCode, 10)
		if n == 4 {
			b.take(iAddress, 10)
		}
		return
	case n < 4 || n > 20 || s.colons > 0:
		return
	}
	b.phone(v, s)
	if v[0] == '+' || v[0] == '(' || s.other > 0 || s.spaces+s.dots+s.hyphens+s.slashes > 6 {
		return
	}
	var buf [20]byte
	d := digits(buf[:0])
	for i := range len(v) {
		if isDigit(v[i]) {
			d = append(d, v[i]-'0')
		}
	}
	decimal := s.dots == 1 && n+1 == len(v)
	if decimal {
		return
	}
	b.state(v, d, s)
	bare := n == len(v)
	if n >= 13 && n <= 19 && s.dots == 0 && s.slashes == 0 && classify.Whole(v) == classify.Card {
		if bare {
			b.take(iCard, 40)
		} else {
			b.take(iCard, 60)
		}
	}
	if bare && n >= 14 {
		b.take(iDeviceID, 5)
		if n == 15 && d.luhn() {
			b.take(iDeviceID, 15)
		}
	}
	if n >= 6 && s.dots == 0 {
		b.take(iBankAccount, 5)
	}
	if n <= 8 && bare || n <= 9 && (looks(v, "99999-9999") || looks(v, "99999-999") || looks(v, "9999-999") || looks(v, "999-9999") || looks(v, "999 99")) {
		b.take(iAddress, 10)
	}
	if n >= 6 && n <= 18 && bare || looks(v, "99999-9999-99") || looks(v, "99999-999-99") || looks(v, "9999-9999-99") || looks(v, "99999-9999-9") {
		b.take(iHealth, 10)
	}
}

// state weighs the numbers of states by how many digits they have.
func (b *best) state(v string, d digits, s *sketch) {
	if n := len(d); n >= 5 && n <= 16 && s.dots+s.hyphens+s.spaces+s.slashes <= 4 {
		for _, class := range [...]index{iNationalID, iTaxID, iPassport, iDrivingLicence, iHealthID} {
			b.take(class, 5)
		}
	}
	switch len(d) {
	case 9:
		b.nine(v, d)
	case 10:
		b.ten(v, d)
	case 11:
		b.eleven(v, d)
	case 12:
		if d[0] >= 2 && d.verhoeff() {
			b.take(iNationalID, grouped(looks(v, "9999 9999 9999"), 30, 15))
		}
		if d.myNumber() {
			b.take(iNationalID, 10)
		}
		if d.day(6, 4) && d[2:].luhn() && (d.number(0, 2) == 19 || d.number(0, 2) == 20) {
			b.take(iNationalID, 25)
		}
	case 13:
		if d.number(0, 3) == 756 && d.ean13() {
			b.take(iNationalID, grouped(s.dots == 3, 60, 30))
		}
		if d.day(4, 2) && (d.luhn() || looks(v, "999999-9999999")) {
			b.take(iNationalID, 15)
		}
	case 14:
		if d.cnpj() {
			b.take(iTaxID, grouped(looks(v, "99.999.999/9999-99"), 60, 20))
		}
	case 15:
		if d.nir() {
			b.take(iNationalID, 40)
		}
	case 18:
		var buf [18]byte
		for i := range d {
			buf[i] = d[i] + '0'
		}
		if chinese(buf[:]) {
			b.take(iNationalID, 50)
		}
	}
}

func grouped(is bool, then, otherwise int16) int16 {
	if is {
		return then
	}
	return otherwise
}

func (b *best) nine(v string, d digits) {
	if d.ssn() {
		b.take(iNationalID, grouped(looks(v, "999-99-9999"), 35, 5))
	}
	if looks(v, "99-9999999") {
		b.take(iTaxID, 10)
	}
	if d.bsn() || d.luhn() {
		b.take(iNationalID, 10)
	}
	if d.weigh("14375869A")%11 == 0 {
		b.take(iTaxID, 10)
	}
}

func (b *best) ten(v string, d digits) {
	if d.nhs() || d.npi() {
		b.take(iHealthID, 15)
	}
	dashed := len(v) == 11 && (v[6] == '-' || v[6] == '+' || v[6] == '/')
	if d.day(4, 2) && d.luhn() {
		b.take(iNationalID, grouped(dashed, 25, 10))
	}
	if dashed && finnish(v) {
		b.take(iNationalID, 55)
	}
	if d.day(0, 2) {
		b.take(iNationalID, grouped(dashed, 15, 5))
	}
}

func (b *best) eleven(v string, d digits) {
	if d.cpf() {
		b.take(iTaxID, grouped(looks(v, "999.999.999-99"), 60, 20))
	}
	if d.belgian() {
		b.take(iNationalID, grouped(len(v) > 11, 60, 25))
	}
	if d.norwegian() {
		b.take(iNationalID, 30)
	}
	if d.pesel() {
		b.take(iNationalID, 15)
	}
	if d[0] != 0 && d.iso7064() {
		b.take(iTaxID, 10)
	}
}

// phone weighs telephone numbers: with the plus sign of E.164, and as they are
// written within a country.
func (b *best) phone(v string, s *sketch) {
	if v[0] == '+' {
		if classify.Whole(v) == classify.Phone {
			b.take(iPhone, 40)
		}
		return
	}
	if s.digits < 6 || s.digits > 15 || s.colons > 0 || s.slashes > 1 || s.other > 2 || s.other > 0 && strings.IndexByte(v, ')') < 0 {
		return
	}
	if s.dots == 1 && s.spaces+s.hyphens == 0 && v[0] != '0' {
		return // A decimal number.
	}
	switch {
	case looks(v, "(999) 999-9999"), looks(v, "(999)999-9999"), looks(v, "1-999-999-9999"):
		b.take(iPhone, 30)
	case looks(v, "999-999-9999"), looks(v, "999.999.9999"), looks(v, "999 999 9999"):
		b.take(iPhone, 20)
	default:
		b.take(iPhone, 10)
	}
}

// network weighs addresses of computers.
func (b *best) network(v string, s *sketch) {
	if s.dots == 3 && s.letters() == 0 && s.digits+3+s.colons == len(v) && s.colons <= 1 {
		host, _, _ := strings.Cut(v, ":")
		b.ipv4(host)
		return
	}
	if s.colons >= 2 && s.colons <= 7 && isIPv6(v) {
		b.take(iIPAddress, 45)
		return
	}
	switch {
	case looks(v, "XX:XX:XX:XX:XX:XX"), looks(v, "XX-XX-XX-XX-XX-XX"):
	case looks(v, "XXXX.XXXX.XXXX"):
	default:
		return
	}
	for i := range len(v) {
		if c := v[i]; (isAlpha(c) || isDigit(c)) && !isHex(c) {
			return
		}
	}
	b.take(iMACAddress, 50)
}

// ipv4 weighs four numbers. Small ones are more often a version; the addresses
// of the machine itself say nothing of anybody.
func (b *best) ipv4(v string) {
	small, rest := true, v
	for k := range 4 {
		part, after, _ := strings.Cut(rest, ".")
		rest = after
		if part == "" || len(part) > 3 || len(part) > 1 && part[0] == '0' || atoi([]byte(part)) > 255 {
			return
		}
		small = small && (len(part) == 1 || k == 0 && part == "10" || len(part) == 2 && k > 0 && part < "20")
	}
	if strings.HasPrefix(v, "127.") || strings.HasPrefix(v, "0.") || v == "255.255.255.255" {
		return
	}
	b.take(iIPAddress, grouped(small, 20, 40))
}

// isIPv6 tells eight groups of hexadecimal digits, or fewer around "::"; eight
// single bytes are an EUI-64 or a serial number.
func isIPv6(v string) bool {
	if v == "::1" || v == "::" {
		return false
	}
	if i := strings.IndexByte(v, '%'); i > 0 {
		v = v[:i]
	}
	groups, size, empty, bytes := 1, 0, 0, true
	for i := range len(v) {
		switch c := v[i]; {
		case c == ':':
			if size == 0 && i > 1 {
				empty++
			}
			bytes = bytes && size == 2
			groups++
			size = 0
		case isHex(c) && size < 4:
			size++
		default:
			return false
		}
	}
	double := strings.Contains(v, "::")
	bytes = bytes && size == 2
	return !double && !bytes && empty == 0 && groups == 8 && size > 0 || double && empty <= 1 && groups <= 8 && !strings.Contains(v, ":::")
}
