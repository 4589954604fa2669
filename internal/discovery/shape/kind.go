package shape

// Type is a type of JSON.
type Type string

// The types. Array is also that of a parameter that comes several times or with
// commas.
const (
	String  Type = "string"
	Integer Type = "integer"
	Number  Type = "number"
	Boolean Type = "boolean"
	Null    Type = "null"
	Array   Type = "array"
	Object  Type = "object"
)

// kind is the type and format of one value: each value has exactly one, the most
// special that it fits.
type kind uint8

const (
	kindNone kind = iota
	kindNull
	kindBoolean
	kindInt32
	kindInt64
	kindHuge // an integer beyond int64
	kindFraction
	kindArray
	kindList // of a parameter: with commas
	kindObject
	kindFile
	// From here on strings.
	kindText
	kindEmpty
	kindWord // letters, digits, "_", "-" and "."; no more than 40
	kindDigits
	kindUUID
	kindDate
	kindDateTime
	kindDateTimeOther
	kindTime
	kindDuration
	kindEmail
	kindURI
	kindHostname
	kindIPv4
	kindIPv6
	kindHex
	kindObjectID
	kindBase64
	kindJWT
	kinds
)

// kindNames are as they are stored; those of formats are the names of the formats.
func (k kind) String() string {
	return [...]string{
		"", "null", "boolean", "int32", "int64", "integer", "double", "array", "list", "object", "binary",
		"text", "empty", "word", "digits", "uuid", "date", "date-time", "timestamp", "time", "duration", "email",
		"uri", "hostname", "ipv4", "ipv6", "hex", "object-id", "byte", "jwt",
	}[k]
}

func kindNamed(name string) kind {
	for k := kindNone + 1; k < kinds; k++ {
		if k.String() == name {
			return k
		}
	}
	return kindNone
}

func (k kind) text() bool { return k >= kindText }

func (k kind) kindType() Type {
	switch k {
	case kindNull:
		return Null
	case kindBoolean:
		return Boolean
	case kindInt32, kindInt64, kindHuge:
		return Integer
	case kindFraction:
		return Number
	case kindArray, kindList:
		return Array
	case kindObject:
		return Object
	default:
		return String
	}
}

// numberKind is the kind of a number as JSON writes it.
func numberKind(s string) kind {
	digits := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' || c == 'e' || c == 'E':
			return kindFraction
		case c != '-':
			digits++
		}
	}
	negative := s[0] == '-'
	s = s[len(s)-digits:]
	switch {
	case digits < 10 || digits == 10 && (s <= "2147483647" || negative && s == "2147483648"):
		return kindInt32
	case digits < 19 || digits == 19 && (s <= "9223372036854775807" || negative && s == "9223372036854775808"):
		return kindInt64
	}
	return kindHuge
}

// textKind is the kind of a text that may stand for a value of any type: of a
// parameter, a field of a form, an element of XML.
func textKind(s string) kind {
	if s == "true" || s == "false" {
		return kindBoolean
	}
	if isNumber(s) {
		if k := numberKind(s); k != kindHuge {
			return k
		}
	}
	return stringKind(s)
}

// isNumber tells an optional minus, digits without zeros before them, and perhaps
// a fraction.
func isNumber(s string) bool {
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	if i == 0 || i > 1 && s[0] == '0' {
		return false
	}
	if i == len(s) {
		return true
	}
	fraction := s[i+1:]
	return s[i] == '.' && fraction != "" && len(fraction) < 20 && allDigits(fraction)
}
