package source

import (
	"strings"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

const (
	maxMethod = 32
	maxTarget = 64 << 10
	maxHost   = 260
)

// finish turns what a file had written into what an observation promises: the
// target in o.Path is taken apart and normalised, host, method and protocol are
// brought into their form. The answer is why the observation is skipped, or "".
func finish(o *discovery.Observation, options *Options) string {
	if reason := method(o); reason != "" {
		return reason
	}
	if len(o.Path) > maxTarget {
		return "a target of more than 64 KiB"
	}
	raw := o.Path
	if raw == "" || raw[0] != '/' {
		var host string
		if o.Scheme, host, raw = absolute(raw, o.Scheme); raw == "" {
			return "a target that is no path, as of CONNECT and OPTIONS *"
		}
		o.Host = host
	}
	if cut := strings.IndexByte(raw, '#'); cut >= 0 {
		raw = raw[:cut]
	}
	raw, o.Query, _ = strings.Cut(raw, "?")
	path, err := traffic.NormalisePath(raw)
	if err != nil {
		return "a path that servers read in different ways: " + strings.TrimPrefix(err.Error(), traffic.ErrPath.Error()+": ")
	}
	o.Path = path
	if o.Scheme != "http" && o.Scheme != "https" {
		o.Scheme = ""
	}
	if o.Scheme == "" {
		o.Scheme = options.Scheme
	}
	host, ok := authority(o.Host, o.Scheme)
	if !ok {
		return "a host that is no name"
	}
	if o.Host = host; host == "" {
		o.Host = options.Host
	}
	o.Proto = proto(o.Proto)
	return ""
}

func method(o *discovery.Observation) string {
	if o.Method == "" || len(o.Method) > maxMethod {
		return "a method that is none"
	}
	lower := false
	for i := range len(o.Method) {
		switch c := o.Method[i]; {
		case 'A' <= c && c <= 'Z' || c == '-' || c == '_':
		case 'a' <= c && c <= 'z':
			lower = true
		default:
			return "a method that is none"
		}
	}
	if lower {
		o.Method = strings.ToUpper(o.Method)
	}
	return ""
}

// absolute takes a target with a scheme apart; the rest is empty when it has none.
func absolute(target, scheme string) (newScheme, host, rest string) {
	before, behind, found := strings.Cut(target, "://")
	before = strings.ToLower(before)
	switch {
	case !found:
		return scheme, "", ""
	case before == "ws":
		before = "http"
	case before == "wss":
		before = "https"
	case before != "http" && before != "https":
		return scheme, "", ""
	}
	end := strings.IndexAny(behind, "/?#")
	if end < 0 {
		return before, behind, "/"
	}
	host, rest = behind[:end], behind[end:]
	if rest[0] != '/' {
		rest = "/" + rest
	}
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = host[at+1:]
	}
	return before, host, rest
}

// authority brings a host into lower case and takes off a default port and a
// dot at its end. "_" and "*" are names that servers give to any host.
func authority(host, scheme string) (string, bool) {
	if host == "" || host == "_" || host == "*" || host == "-" {
		return "", true
	}
	if len(host) > maxHost {
		return "", false
	}
	lower := false
	for i := range len(host) {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']':
		case 'A' <= c && c <= 'Z':
			lower = true
		default:
			return "", false
		}
	}
	if lower {
		host = strings.ToLower(host)
	}
	name, port := host, ""
	if at := strings.LastIndexByte(host, ':'); at >= 0 && (strings.IndexByte(host, ':') == at || host[at-1] == ']') {
		name, port = host[:at], host[at+1:]
		if len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return "", false
		}
	}
	name = strings.TrimSuffix(name, ".")
	if name == "" {
		return "", false
	}
	switch {
	case port == "", port == "80" && scheme != "https", port == "443" && scheme != "http":
		return name, true
	}
	return name + ":" + port, true
}

func proto(text string) string {
	switch text {
	case "", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/3.0":
		return text
	case "HTTP/2", "h2", "h2c":
		return "HTTP/2.0"
	case "HTTP/3", "h3":
		return "HTTP/3.0"
	case "1.1", "1.0", "2.0", "3.0":
		return "HTTP/" + text
	}
	if len(text) > 16 {
		return ""
	}
	return strings.ToUpper(text)
}
