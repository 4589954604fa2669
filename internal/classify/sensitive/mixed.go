package sensitive

import (
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// mixed weighs values of letters and digits: account numbers, the numbers of
// states that hold letters, vehicles, codes of health, postal codes.
func (b *best) mixed(v string, s *sketch) {
	if isUUID(v) {
		b.take(iDeviceID, 5)
		return
	}
	if len(v) > 48 || s.colons > 0 || s.at > 0 || s.high > 0 || s.other > 1 || s.spaces > 8 {
		return
	}
	if isAlpha(v[0]) && isAlpha(v[1]) && len(v) >= 15 && classify.Whole(v) == classify.IBAN {
		b.take(iIBAN, 70)
	}
	var buf [24]byte
	c := compact(&buf, v)
	if c == nil {
		return
	}
	b.stateLetters(v, c, s)
	b.healthCodes(v, c)
	if shape, check := vin(c); shape && len(v) == 17 {
		b.take(iVehicle, grouped(check, 30, 10))
	}
	if len(c) >= 4 && len(c) <= 9 && s.digits <= 5 && s.lower == 0 {
		b.take(iVehicle, 5)
	}
	if len(c) >= 4 && len(c) <= 9 && s.digits >= 2 && s.lower == 0 && s.dots == 0 && s.slashes == 0 {
		b.take(iAddress, 5) // A postal code of letters and digits.
	}
	if s.digits >= 3 && len(c) >= 5 && len(c) <= 20 && s.lower < 3 && s.spaces+s.hyphens+s.dots+s.slashes <= 5 {
		for _, class := range [...]index{iNationalID, iTaxID, iPassport, iDrivingLicence, iHealthID} {
			b.take(class, 5)
		}
	}
	if b.points[iBankAccount] >= 40 && s.digits >= 6 && len(c) <= 20 && s.upper <= 4 && s.lower == 0 {
		b.take(iBankAccount, 5)
	}
}

// passportZone weighs the first line of a travel document's machine-readable
// zone (ICAO 9303).
func (b *best) passportZone(v string) {
	if (v[0] == 'P' || v[0] == 'I') && strings.Contains(v, "<<") {
		b.take(iPassport, 60)
	}
}

func (b *best) stateLetters(v string, c []byte, s *sketch) {
	if s.lower > 0 && s.upper > 0 {
		return
	}
	switch {
	case len(c) == 16 && codiceFiscale(c), len(c) == 18 && len(v) == 18 && (mexican(c) || chinese(c)), finnish(v):
		b.take(iNationalID, 55)
	case len(c) == 9 && spanish(c):
		b.take(iNationalID, 30)
	case len(c) == 9 && british(c):
		b.take(iNationalID, grouped(s.spaces > 2, 40, 20))
	case len(c) == 10 && germanCard(c):
		b.take(iNationalID, 20)
	case len(c) == 9 && shaped(c, "A9999999A") && strings.IndexByte("STFGM", c[0]) >= 0:
		b.take(iNationalID, 20) // Singapore.
	}
	switch {
	case len(c) == 10 && shaped(c, "AAAAA9999A") && strings.IndexByte("PCFHATBLJG", c[3]) >= 0:
		b.take(iTaxID, 20)
	case len(c) >= 8 && len(c) <= 14 && isAlpha(c[0]) && isAlpha(c[1]) && s.digits >= 7:
		b.take(iTaxID, 10)
	}
}

func (b *best) healthCodes(v string, c []byte) {
	switch {
	case len(c) >= 3 && len(c) <= 8 && isAlpha(c[0]) && isDigit(c[1]) && (isDigit(c[2]) || isAlpha(c[2])) && (len(v) == 3 || v[3] == '.' && len(c) == len(v)-1 && len(c) > 3):
		b.take(iHealth, 10) // ICD-10.
	case len(v) == 7 && looks(v, "A99AA99"):
		b.take(iHealth, 10) // ATC.
	case len(c) == 11 && isDigit(c[0]) && shaped(c, "9AX9AX9AA99"):
		b.take(iHealthID, 20) // Medicare.
	}
	if len(c) == 10 && insured(c) && len(v) == 10 {
		b.take(iHealthID, 20)
	}
}

func isUUID(s string) bool { return looks(s, "XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX") }

// coordinates weighs a latitude or a longitude, and pairs.
func (b *best) coordinates(v string, s *sketch) {
	switch {
	case len(v) > 64:
		return
	case s.letters() == 5 && (strings.HasPrefix(v, "POINT(") || strings.HasPrefix(v, "POINT (") || strings.HasPrefix(v, "point(")):
		b.take(iCoordinates, 60)
		return
	case s.letters() == 3 && strings.HasPrefix(v, "geo:") && strings.IndexByte(v, ',') > 0:
		b.take(iCoordinates, 60)
		return
	case s.letters() > 0 || s.other > 3:
		return
	}
	places, size := degree(v, 180)
	if places < 0 {
		return
	}
	if size == len(v) {
		switch {
		case places >= 2:
			b.take(iCoordinates, 10)
		case places >= 0 && b.points[iCoordinates] >= 40:
			b.take(iCoordinates, 5)
		}
		return
	}
	rest := strings.TrimLeft(v[size:], ", ;")
	if len(rest) == len(v)-size {
		return
	}
	second, all := degree(rest, 180)
	if all != len(rest) || second < 0 {
		return
	}
	if places >= 3 && second >= 3 {
		b.take(iCoordinates, 40)
	} else {
		b.take(iCoordinates, 5)
	}
}

// degree reads a number of at most three digits before the point, at most most,
// and gives how many digits stand behind it, -1 for none, and where it ends.
func degree(v string, most int) (places, end int) {
	i := 0
	if v != "" && (v[0] == '-' || v[0] == '+') {
		i++
	}
	from := i
	for i < len(v) && isDigit(v[i]) {
		i++
	}
	if i == from || i-from > 3 || atoi([]byte(v[from:i])) > most {
		return -1, 0
	}
	if i == len(v) || v[i] != '.' {
		return 0, i
	}
	i++
	from = i
	for i < len(v) && isDigit(v[i]) {
		i++
	}
	return i - from, i
}

// date weighs days that may be those of a birth.
func (b *best) date(v string, s *sketch) {
	if b.points[iBirthDate] <= 0 || len(v) > 40 || s.digits < 5 {
		return
	}
	if isDate(v) || s.letters() >= 3 && s.letters() <= 12 && s.digits <= 6 && s.spaces >= 1 {
		b.take(iBirthDate, 10)
	}
}

func isDate(v string) bool {
	for _, shape := range [...]string{"9999-99-99", "9999/99/99", "9999.99.99"} {
		if len(v) >= 10 && looks(v[:10], shape) && (len(v) == 10 || v[10] == 'T' || v[10] == ' ' || v[10] == '+' || v[10] == 'Z') {
			return calendar(v[0:4], v[5:7], v[8:10])
		}
	}
	for _, shape := range [...]string{"99.99.9999", "99/99/9999", "99-99-9999"} {
		if looks(v, shape) {
			return calendar(v[6:10], v[3:5], v[0:2]) || calendar(v[6:10], v[0:2], v[3:5])
		}
	}
	for _, shape := range [...]string{"9.9.9999", "9/9/9999", "99/9/9999", "9/99/9999", "9.99.9999", "99.9.9999"} {
		if looks(v, shape) {
			return v[len(v)-4:] > "1850" && v[len(v)-4:] < "2100"
		}
	}
	return looks(v, "99999999") && (calendar(v[0:4], v[4:6], v[6:8]) || calendar(v[4:8], v[2:4], v[0:2]))
}

func calendar(year, month, day string) bool {
	return year > "1850" && year < "2100" && month >= "01" && month <= "12" && day >= "01" && day <= "31"
}
