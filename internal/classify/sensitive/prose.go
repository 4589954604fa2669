package sensitive

import (
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// words weighs values of words: names, addresses, health.
func (b *best) words(v string, s *sketch) {
	if len(v) > 256 || s.slashes >= 2 && strings.Contains(v, "://") {
		return
	}
	if b.points[iName] > 0 {
		b.name(v, s)
	}
	if b.points[iAddress] > 0 {
		b.address(v, s)
	}
	if b.points[iHealth] > 0 {
		switch {
		case isBlood(v):
			b.take(iHealth, 10)
		case s.letters() >= 3 && s.letters() >= s.digits && s.lower > 0 && s.at == 0 && !isUUID(v):
			b.take(iHealth, 10)
		}
	}
}

// name weighs texts that may be the name of a person.
func (b *best) name(v string, s *sketch) {
	if s.digits > 0 || s.at > 0 || s.colons > 0 || s.slashes > 0 || s.letters() < 2 || len(v) > 80 || s.spaces > 6 || s.dots > 3 || company(v) {
		return
	}
	capitals, words := 0, 0
	start := true
	for i := range len(v) {
		c := v[i]
		switch {
		case isAlpha(c) || c >= 0x80:
			if start {
				words++
				if isUpper(c) || c >= 0x80 {
					capitals++
				}
			}
			start = false
		case c == ' ' || c == ',':
			start = true
		case c == '.':
			initial := i == 1 || i > 1 && !isAlpha(v[i-2])
			if i+1 < len(v) && v[i+1] != ' ' && v[i+1] != ',' && !initial {
				return // Not behind an initial or a title.
			}
			start = true
		case c == '-' || c == '\'' || c == '`':
		default:
			return
		}
	}
	switch {
	case words >= 2 && capitals >= 2:
		b.take(iName, 15)
	case words == 1 && capitals == 1:
		b.take(iName, 10)
	default:
		b.take(iName, 5)
	}
}

// company tells the legal forms in names of companies.
func company(v string) bool {
	v = strings.TrimRight(v, ". ")
	last := v[strings.LastIndexByte(v, ' ')+1:]
	var buf [maxLow]byte
	switch string(low(&buf, last)) {
	case "gmbh", "inc", "ltd", "llc", "ag", "sa", "s.a", "sas", "s.l", "sl", "s.r.l", "srl", "s.p.a", "spa", "b.v", "bv", "n.v", "nv", "kg", "ohg", "plc", "corp", "corporation", "co", "company", "group", "ab", "oy", "aps", "limited", "foundation", "university", "hospital", "bank":
		return strings.IndexByte(v, ' ') > 0
	}
	return strings.Contains(v, "&")
}

// address weighs lines of addresses.
func (b *best) address(v string, s *sketch) {
	switch {
	case s.at > 0 || s.colons > 0 || s.other > 4 || isUUID(v) || strings.HasPrefix(v, "0x"):
	case s.digits > 0 && s.letters() >= 3 && (s.spaces > 0 || s.high > 0) && street(v):
		b.take(iAddress, 25)
	case s.digits > 0 && s.letters() >= 3 && s.spaces > 0 && s.upper > 0:
		b.take(iAddress, 15)
	case s.digits == 0 && s.letters() >= 4 && s.spaces > 0 && s.upper > 0:
		b.take(iAddress, 5)
	case s.digits == 0 && s.letters() >= 6 && s.lower >= 3 && street(v):
		b.take(iAddress, 15)
	}
}

// street tells words for streets.
func street(v string) bool {
	for len(v) > 0 {
		end := strings.IndexAny(v, " ,./")
		word := v
		if end >= 0 {
			word, v = v[:end], v[end+1:]
		} else {
			v = ""
		}
		if streetWord(word) {
			return true
		}
	}
	return false
}

func streetWord(w string) bool {
	var buf [maxLow]byte
	s := low(&buf, w)
	n := len(s)
	switch string(s) {
	case "street", "st", "avenue", "ave", "av", "road", "rd", "lane", "ln", "drive", "dr", "blvd", "boulevard", "court", "ct", "place", "square", "terrace", "way", "highway", "hwy", "close", "crescent", "box", "apt", "suite", "floor",
		"rue", "chemin", "impasse", "allée", "quai", "cours", "calle", "avenida", "plaza", "paseo", "carrera", "carretera", "via", "viale", "piazza", "corso", "largo", "vicolo", "rua", "travessa", "praça", "estrada", "alameda", "c", "ul":
		return true
	}
	for _, end := range [...]string{"straße", "strasse", "str", "weg", "platz", "allee", "gasse", "ring", "damm", "ufer", "straat", "laan", "gracht", "plein", "kade", "gatan", "vägen", "gade", "vej", "veien", "katu", "tie"} {
		if len(s) > len(end) && string(s[n-len(end):]) == end {
			return true
		}
	}
	return false
}

// isBlood tells a blood group with its factor.
func isBlood(v string) bool {
	group := strings.TrimRight(v, " +-")
	if end := strings.IndexByte(v, ' '); end > 0 && len(v) <= 12 {
		var buf [maxLow]byte
		switch string(low(&buf, v[end+1:])) {
		case "positive", "negative", "pos", "neg":
			group = v[:end]
		}
	}
	return group == "A" || group == "B" || group == "AB" || group == "O" || group == "0"
}

// maxLow is the longest word that low gives.
const maxLow = 24

// low gives a word in small letters; of one that is too long, its beginning.
func low(buf *[maxLow]byte, w string) []byte {
	n := copy(buf[:], w)
	for i, c := range buf[:n] {
		if isUpper(c) {
			buf[i] = c | 0x20
		}
	}
	return buf[:n]
}

// secrets weighs keys, tokens and passwords.
func (b *best) secrets(v string, s *sketch) {
	if s.hyphens >= 10 && strings.HasPrefix(v, "-----BEGIN ") {
		if strings.Contains(v[:min(len(v), 64)], "PRIVATE KEY") {
			b.take(iPrivateKey, 90)
		}
		return
	}
	bare, scheme := credentials(v)
	if s.dots >= 2 && len(bare) > 24 && strings.HasPrefix(bare, "ey") && classify.Whole(bare) == classify.JWT {
		b.take(iJWT, 95)
		return
	}
	if marked(bare[0]) && len(bare) >= 16 {
		if issued(classify.Whole(bare)) {
			b.take(iKey, 95)
			return
		}
	}
	if scheme && b.points[iToken] >= 0 && !strings.ContainsRune(bare, ' ') && len(bare) >= 8 {
		b.take(iToken, 40)
		return
	}
	if b.points[iToken] > 0 || b.points[iKey] > 0 {
		if p := random(bare); p > 0 {
			b.take(iToken, p)
			b.take(iKey, p)
		}
	}
	if b.points[iPassword] > 0 && len(v) >= 4 && len(v) <= 128 && s.slashes < 3 && s.spaces < 6 && (len(v) >= 6 || s.digits > 0 || b.points[iPassword] >= 60) {
		b.take(iPassword, 10)
	}
}

// credentials cuts the scheme in front of credentials.
func credentials(v string) (bare string, scheme bool) {
	if strings.IndexByte(v, ' ') < 0 || strings.IndexByte("BbTAD", v[0]) < 0 {
		return v, false
	}
	for _, s := range [...]string{"Bearer ", "bearer ", "Basic ", "basic ", "Token ", "ApiKey ", "DPoP "} {
		if len(v) > len(s)+1 && strings.HasPrefix(v, s) {
			return strings.TrimSpace(v[len(s):]), true
		}
	}
	return v, false
}

// marked tells the letters that keys of known issuers begin with.
func marked(c byte) bool { return strings.IndexByte("AgxsrwyGnhdSp", c) >= 0 }

func issued(c classify.Class) bool {
	switch c {
	case classify.AWSKey, classify.GitHubToken, classify.GitLabToken, classify.SlackToken, classify.StripeKey, classify.GoogleKey, classify.APIKey:
		return true
	default:
		return false
	}
}

// random tells how much a text is like one of a generator.
func random(v string) int16 {
	if len(v) < 8 || v[0] == '.' || strings.ContainsAny(v, " <>{}\"@") || strings.Contains(v, "::") || strings.Contains(v, "://") || isDate(v) {
		return 0
	}
	numbers, letters, capitals := 0, 0, 0
	for i := range min(len(v), 128) {
		switch c := v[i]; {
		case isDigit(c):
			numbers++
		case isUpper(c):
			capitals++
			letters++
		case isLower(c):
			letters++
		}
	}
	switch {
	case v[0] == '/' && capitals == 0:
		return 0 // A path.
	case len(v) >= 16 && numbers > 0 && letters > 0:
		return 20
	case numbers > 0 && letters > 0:
		return 10
	case len(v) >= 20:
		return 10
	}
	return 0
}

// inside weighs what longer texts hold: an address in a comment, a card number in
// a message, a password in a URL.
func (b *best) inside(v string, s *sketch) {
	prose := s.spaces > 0 && s.letters() > 0 && len(v) >= 12
	link := s.colons > 0 && s.slashes >= 2
	if !prose && !link && (s.at == 0 || s.other == 0) || s.at == 0 && s.digits < 6 && s.hyphens < 10 && s.colons == 0 {
		return
	}
	for _, m := range classify.Find(v) {
		part := v[m.Start:m.End]
		switch m.Class {
		case classify.Email:
			if before := v[:m.Start]; part == v || fileEnd(part[strings.LastIndexByte(part, '.')+1:]) || strings.HasPrefix(v, "<") || strings.HasSuffix(before, "//") || strings.HasSuffix(before, "cid:") || link && strings.HasSuffix(before, "/") {
				continue
			}
			b.take(iEmail, 50)
		case classify.Card:
			b.take(iCard, 40)
		case classify.IBAN:
			b.take(iIBAN, 60)
		case classify.Phone:
			b.take(iPhone, 40)
		case classify.SSN:
			b.take(iNationalID, 35)
		case classify.JWT:
			b.take(iJWT, 90)
		case classify.PrivateKey:
			b.take(iPrivateKey, 90)
		case classify.Credentials:
			if link {
				b.take(iPassword, 40)
			}
		case classify.Secret, classify.Token:
		default:
			b.take(iKey, 90)
		}
	}
}
