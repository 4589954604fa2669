package importer

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// oneLine makes text of strangers fit for a line of a report.
func oneLine(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit] + "..."
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && r != ' ' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// slug makes a name of a resource of any text: letters, digits and dashes in lower
// case, at most 80 bytes; "" when nothing is left.
func slug(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r + 'a' - 'A')
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 80 {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}

// variableName makes a name of a variable of parts.
func variableName(parts ...string) string {
	name := strings.ToUpper(strings.ReplaceAll(slug(strings.Join(parts, "-")), "-", "_"))
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return "V_" + name
	}
	return name
}

// text is the text or number of the first key that has one.
func text(m map[string]any, keys ...string) string {
	for _, key := range keys {
		switch v := m[key].(type) {
		case string:
			if v != "" {
				return v
			}
		case json.Number:
			return v.String()
		}
	}
	return ""
}

// flag is true for true and "true".
func truth(m map[string]any, key string) bool {
	return m[key] == true || m[key] == "true"
}

func object(m map[string]any, key string) map[string]any {
	inner, _ := m[key].(map[string]any)
	return inner
}

func objects(m map[string]any, key string) []map[string]any {
	list, _ := m[key].([]any)
	var out []map[string]any
	for _, one := range list {
		if o, ok := one.(map[string]any); ok {
			out = append(out, o)
		}
	}
	return out
}

func words(m map[string]any, key string) []string {
	list, ok := m[key].([]any)
	if one, single := m[key].(string); single && one != "" {
		return []string{one}
	}
	if !ok {
		return nil
	}
	var out []string
	for _, one := range list {
		if s, ok := one.(string); ok && s != "" {
			out = append(out, s)
		}
	}
	return out
}

func number(m map[string]any, key string) int64 {
	n, err := strconv.ParseInt(text(m, key), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func has(m map[string]any, keys ...string) bool {
	for _, key := range keys {
		if v, ok := m[key]; ok && v != nil {
			return true
		}
	}
	return false
}

// hidden matches what stands in exports in the place of a secret.
var hidden = regexp.MustCompile(`^([*•●xX]{3,}|<(hidden|masked|redacted|sensitive)>|\[(hidden|masked|redacted|sensitive)\])$`)

func masked(value string) bool { return hidden.MatchString(strings.TrimSpace(value)) }

// printable cuts a text to what may stand in names and descriptions.
func printable(value string, limit int) string {
	value = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(value, "")))
	for len(value) > limit {
		_, size := utf8.DecodeLastRuneInString(value)
		value = value[:len(value)-size]
	}
	return strings.TrimSpace(value)
}
