package xsd

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode/utf8"
)

// lexicals are the forms of built-in types whose form is regular.
var lexicals = struct {
	decimal, integer, float, duration, language, year, yearMonth, month, monthDay, day *regexp.Regexp
}{
	decimal:   regexp.MustCompile(`^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$`),
	integer:   regexp.MustCompile(`^[+-]?[0-9]+$`),
	float:     regexp.MustCompile(`^(?:[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[Ee][+-]?[0-9]{1,9})?|-?INF|NaN)$`),
	duration:  regexp.MustCompile(`^-?P(?:(?:[0-9]+Y)?(?:[0-9]+M)?(?:[0-9]+D)?(?:T(?:[0-9]+H)?(?:[0-9]+M)?(?:[0-9]+(?:\.[0-9]+)?S)?)?)$`),
	language:  regexp.MustCompile(`^[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*$`),
	year:      regexp.MustCompile(`^-?(?:[1-9][0-9]{4,}|[0-9]{4})` + zonePattern + `$`),
	yearMonth: regexp.MustCompile(`^-?(?:[1-9][0-9]{4,}|[0-9]{4})-(?:0[1-9]|1[0-2])` + zonePattern + `$`),
	month:     regexp.MustCompile(`^--(?:0[1-9]|1[0-2])` + zonePattern + `$`),
	monthDay:  regexp.MustCompile(`^--(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])` + zonePattern + `$`),
	day:       regexp.MustCompile(`^---(?:0[1-9]|[12][0-9]|3[01])` + zonePattern + `$`),
}

const zonePattern = `(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))?`

func matches(r *regexp.Regexp) func(string) bool {
	return func(text string) bool { return r.MatchString(text) }
}

// short bounds numbers, whose comparison costs time.
func short(r *regexp.Regexp) func(string) bool {
	return func(text string) bool { return len(text) <= maxNumber && r.MatchString(text) }
}

func isDuration(text string) bool {
	return len(text) <= maxNumber && lexicals.duration.MatchString(text) && !strings.HasSuffix(text, "P") && !strings.HasSuffix(text, "T")
}

func isInstant(primitive string) func(string) bool {
	return func(text string) bool {
		_, _, ok := instant(text, primitive)
		return ok
	}
}

func isNameOf(text string, colons bool) bool {
	if text == "" {
		return false
	}
	for i, c := range text {
		if !inSet(nameStartTable, c) && (i == 0 || !inSet(nameRestTable, c)) || c == ':' && !colons {
			return false
		}
	}
	return utf8.ValidString(text)
}

var nameStartTable, nameRestTable = nameStart(), set{{'-', '.'}, {'0', '9'}, {0xB7, 0xB7}, {0x300, 0x36F}, {0x203F, 0x2040}}

func inSet(s set, c rune) bool {
	for _, r := range s {
		if r.from <= c && c <= r.to {
			return true
		}
	}
	return false
}

func isNCName(text string) bool { return isNameOf(text, false) }

func isNMTOKEN(text string) bool {
	for _, c := range text {
		if !inSet(nameStartTable, c) && !inSet(nameRestTable, c) {
			return false
		}
	}
	return text != ""
}

func isBase64(text string) bool {
	_, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(text, " ", ""))
	return err == nil
}

func isHex(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil
}

// builtins makes the built-in types.
func builtins() map[Name]*Type {
	b := &builder{types: map[Name]*Type{}}
	anyType := &Type{Name: Name{SchemaNamespace, "anyType"}, complex: true, mixed: true, anyAttribute: &wildcard{anything: true, process: "lax"}}
	anyType.content = (&particle{
		kind: sequenceKind, min: 1, max: 1,
		parts: []*particle{(&particle{kind: anyKind, max: -1, any: &wildcard{anything: true, process: "lax"}}).settle()},
	}).settle()
	b.types[anyType.Name] = anyType
	b.add("anySimpleType", "anyType", &simple{})
	for _, p := range []struct {
		name    string
		lexical func(string) bool
	}{
		{"boolean", func(s string) bool { return s == "true" || s == "false" || s == "1" || s == "0" }},
		{"decimal", short(lexicals.decimal)},
		{"float", short(lexicals.float)},
		{"double", short(lexicals.float)},
		{"duration", isDuration},
		{"dateTime", isInstant("dateTime")},
		{"date", isInstant("date")},
		{"time", isInstant("time")},
		{"gYear", matches(lexicals.year)},
		{"gYearMonth", matches(lexicals.yearMonth)},
		{"gMonth", matches(lexicals.month)},
		{"gMonthDay", matches(lexicals.monthDay)},
		{"gDay", matches(lexicals.day)},
		{"hexBinary", isHex},
		{"base64Binary", isBase64},
		{"anyURI", func(s string) bool { return !strings.ContainsAny(s, "\x00<>\"{}|\\^`") }},
		{"QName", func(s string) bool { return strings.Count(s, ":") <= 1 && isNameOf(s, true) }},
	} {
		b.add(p.name, "anySimpleType", &simple{primitive: p.name, lexical: p.lexical, space: collapse})
	}
	b.add("string", "anySimpleType", &simple{primitive: "string"})
	b.add("normalizedString", "string", &simple{primitive: "string", space: replaceSpace})
	b.add("token", "normalizedString", &simple{primitive: "string", space: collapse})
	for _, p := range []struct {
		name, base string
		lexical    func(string) bool
	}{
		{"language", "token", matches(lexicals.language)},
		{"NMTOKEN", "token", isNMTOKEN},
		{"Name", "token", func(s string) bool { return isNameOf(s, true) }},
		{"NCName", "Name", isNCName},
		{"ID", "NCName", isNCName},
		{"IDREF", "NCName", isNCName},
	} {
		b.add(p.name, p.base, &simple{primitive: "string", lexical: p.lexical, space: collapse})
	}
	b.addIntegers()
	for _, list := range [][2]string{{"NMTOKENS", "NMTOKEN"}, {"IDREFS", "IDREF"}} {
		t := b.add(list[0], "anySimpleType", &simple{space: collapse, item: b.types[Name{SchemaNamespace, list[1]}].simple})
		t.simple.facets.least = 1
	}
	return b.types
}

type builder struct{ types map[Name]*Type }

func (b *builder) add(name, base string, s *simple) *Type {
	t := &Type{Name: Name{SchemaNamespace, name}, base: b.types[Name{SchemaNamespace, base}], simple: s}
	s.facets, s.owner = noFacets(nil), t
	b.types[t.Name] = t
	return t
}

func (b *builder) addIntegers() {
	for _, p := range []struct{ name, base, minimum, maximum string }{
		{"integer", "decimal", "", ""},
		{"nonPositiveInteger", "integer", "", "0"},
		{"negativeInteger", "nonPositiveInteger", "", "-1"},
		{"nonNegativeInteger", "integer", "0", ""},
		{"positiveInteger", "nonNegativeInteger", "1", ""},
		{"long", "integer", "-9223372036854775808", "9223372036854775807"},
		{"int", "long", "-2147483648", "2147483647"},
		{"short", "int", "-32768", "32767"},
		{"byte", "short", "-128", "127"},
		{"unsignedLong", "nonNegativeInteger", "0", "18446744073709551615"},
		{"unsignedInt", "unsignedLong", "0", "4294967295"},
		{"unsignedShort", "unsignedInt", "0", "65535"},
		{"unsignedByte", "unsignedShort", "0", "255"},
	} {
		t := b.add(p.name, p.base, &simple{primitive: "decimal", lexical: short(lexicals.integer), space: collapse})
		f := &t.simple.facets
		f.minimum, f.hasMinimum = p.minimum, p.minimum != ""
		f.maximum, f.hasBound = p.maximum, p.maximum != ""
	}
}
