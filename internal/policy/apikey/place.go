package apikey

import (
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/traffic"
)

// take reads the key of a request, and removes it unless the service may read
// it. Two keys are none: it could not be said which one counts.
func (k *keys) take(x *traffic.Exchange) string {
	switch k.Location {
	case "query":
		return k.takeParameter(x)
	case "cookie":
		return k.takeCookie(&x.Request.Header)
	}
	values := x.Request.Header.Values(k.name)
	if len(values) != 1 {
		return ""
	}
	shown := values[0].Value
	if !k.Forward {
		x.Request.Header.Del(k.name)
	}
	return shown
}

func (k *keys) takeParameter(x *traffic.Exchange) string {
	shown, found := "", 0
	kept := make([]string, 0, 8)
	for pair := range strings.SplitSeq(x.Request.RawQuery, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if decoded, err := url.QueryUnescape(name); err != nil || decoded != k.name {
			kept = append(kept, pair)
			continue
		}
		found++
		shown, _ = url.QueryUnescape(value)
	}
	if found != 1 {
		return ""
	}
	if !k.Forward {
		x.Request.RawQuery = strings.Join(kept, "&")
	}
	return shown
}

func (k *keys) takeCookie(header *traffic.Header) string {
	shown, found := "", 0
	var kept []string
	for _, f := range header.Values("cookie") {
		for pair := range strings.SplitSeq(f.Value, ";") {
			pair = strings.TrimSpace(pair)
			name, value, _ := strings.Cut(pair, "=")
			if name != k.name {
				kept = append(kept, pair)
				continue
			}
			shown, found = value, found+1
		}
	}
	if found != 1 {
		return ""
	}
	if !k.Forward {
		header.Del("cookie")
		if len(kept) > 0 {
			header.Set("cookie", strings.Join(kept, "; "))
		}
	}
	return shown
}
