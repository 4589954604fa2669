package spectral

import (
	"encoding/base64"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"farrier.dev/farrier/internal/encoding/tree"
)

// formatKeyword judges texts and numbers by the formats of JSON Schema and
// OpenAPI; unknown ones judge nothing.
func formatKeyword(name string) keyword {
	if good := numberFormat(name); good != nil {
		return func(v *validation, n *tree.Node, _ *evaluated) bool {
			return !n.Is(tree.Number) || good(numberOf(n)) || v.fail("format", n, "must match format %q", name)
		}
	}
	good := textFormat(name)
	if good == nil {
		return nil
	}
	return func(v *validation, n *tree.Node, _ *evaluated) bool {
		return !n.Is(tree.String) || good(n.Text) || v.fail("format", n, "must match format %q", name)
	}
}

func numberFormat(name string) func(float64) bool {
	whole := func(f float64) bool { return f == float64(int64(f)) }
	switch name {
	case "int32":
		return func(f float64) bool { return whole(f) && f >= -1<<31 && f < 1<<31 }
	case "int64":
		return whole
	}
	return nil
}

var (
	emailFormat       = regexp.MustCompile(`(?i)^[a-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$`)
	hostnameFormat    = regexp.MustCompile(`(?i)^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-0-9a-z]{0,61}[0-9a-z])?)*\.?$`)
	uuidFormat        = regexp.MustCompile(`(?i)^(?:urn:uuid:)?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$`)
	durationFormat    = regexp.MustCompile(`^P(?:\d+(?:\.\d+)?W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)$`)
	timeFormat        = regexp.MustCompile(`(?i)^(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:z|[+-]\d\d(?::?\d\d)?)$`)
	pointerFormat     = regexp.MustCompile(`^(?:/(?:[^~/]|~0|~1)*)*$`)
	relativePointer   = regexp.MustCompile(`^(?:0|[1-9][0-9]*)(?:#|(?:/(?:[^~/]|~0|~1)*)*)$`)
	uriTemplateFormat = regexp.MustCompile(`^(?:[^\x00-\x20"'<>%\\^` + "`" + `{|}]|%[0-9a-fA-F]{2}|\{[+#./;?&=,!@|]?(?:[a-zA-Z0-9_]|%[0-9a-fA-F]{2})+(?::[1-9][0-9]{0,3}|\*)?(?:,(?:[a-zA-Z0-9_]|%[0-9a-fA-F]{2})+(?::[1-9][0-9]{0,3}|\*)?)*\})*$`)
	uriCharacters     = regexp.MustCompile(`^(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$`)
)

func textFormat(name string) func(string) bool {
	switch name {
	case "date":
		return func(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }
	case "date-time":
		return isDateTime
	case "time":
		return timeFormat.MatchString
	case "duration":
		return func(s string) bool { return durationFormat.MatchString(s) && !strings.HasSuffix(s, "T") && s != "P" }
	case "email":
		return emailFormat.MatchString
	case "hostname":
		return func(s string) bool { return len(s) <= 254 && hostnameFormat.MatchString(s) }
	case "ipv4":
		return func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && a.Is4() }
	case "ipv6":
		return func(s string) bool { ip := net.ParseIP(s); return ip != nil && strings.Contains(s, ":") }
	case "uuid":
		return uuidFormat.MatchString
	case "uri", "url":
		return func(s string) bool { return isURI(s, true) }
	case "uri-reference":
		return func(s string) bool { return isURI(s, false) }
	case "uri-template":
		return uriTemplateFormat.MatchString
	case "json-pointer":
		return pointerFormat.MatchString
	case "json-pointer-uri-fragment":
		return func(s string) bool {
			rest, found := strings.CutPrefix(s, "#")
			return found && pointerFormat.MatchString(rest)
		}
	case "relative-json-pointer":
		return relativePointer.MatchString
	case "regex":
		return func(s string) bool { _, err := compileRegex(s, ""); return err == nil }
	case "byte":
		return func(s string) bool {
			_, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\r", "", "\n", "").Replace(s))
			return err == nil
		}
	}
	return nil
}

func isDateTime(s string) bool {
	if len(s) < 20 || s[10] != 'T' && s[10] != 't' && s[10] != ' ' {
		return false
	}
	_, err := time.Parse(time.DateOnly, s[:10])
	return err == nil && timeFormat.MatchString(s[11:])
}

func isURI(s string, absolute bool) bool {
	u, err := url.Parse(s)
	return err == nil && uriCharacters.MatchString(s) && (!absolute || u.Scheme != "" && (u.Host != "" || u.Path != "" || u.Opaque != ""))
}
