// Package analytics reads the events that MuleSoft's event report API gives, as
// CSV with a header or as JSON objects, into observations. It knows nothing of
// files.
package analytics

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"farrier.dev/farrier/internal/discovery"
	"farrier.dev/farrier/internal/traffic"
)

// Why an event gives no observation.
var (
	// ErrEvent reports a row or an object that is not an event.
	ErrEvent = errors.New("not an event of the analytics export")
	// ErrNoRequest reports an event without a path or a verb: the export did not ask for these fields.
	ErrNoRequest = errors.New("an event without resource path or verb: ask the export for these fields")
	// ErrHeader is given for the first row of CSV, which names the columns.
	ErrHeader = errors.New("the names of the columns")
)

// maxColumns is the most columns or members of an event.
const maxColumns = 200

// Parser reads the events of one export in their order. It is not safe for
// concurrent use.
type Parser struct {
	columns []string
}

// Recognises says that a line of CSV or the text of a JSON object has the fields
// of events. Names are compared without spaces, signs and case.
func Recognises(text string) bool {
	var names []string
	if strings.HasPrefix(text, "{") {
		var object map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &object) != nil {
			return false
		}
		for name := range object {
			names = append(names, normal(name))
		}
	} else {
		cells, err := split(text)
		if err != nil {
			return false
		}
		for _, c := range cells {
			names = append(names, normal(c))
		}
	}
	var path, verb, ours bool
	for _, n := range names {
		switch n {
		case "resourcepath":
			path = true
		case "verb":
			verb = true
		case "apiid", "apiname", "apiversionid", "apiversionname", "messageid", "violatedpolicyname", "clientip", "requestoutcome":
			ours = true
		}
	}
	return path && verb && ours
}

// Parse fills o from a row of CSV or the text of a JSON object. The target is
// left in o.Path as it was written.
func (p *Parser) Parse(text string, o *discovery.Observation) error {
	var value func(names ...string) string
	if strings.HasPrefix(text, "{") {
		object, err := members(text)
		if err != nil {
			return err
		}
		value = func(names ...string) string {
			for _, n := range names {
				if v := object[n]; v != "" {
					return v
				}
			}
			return ""
		}
	} else {
		cells, err := split(text)
		if err != nil || len(cells) > maxColumns {
			return ErrEvent
		}
		if p.columns == nil {
			for _, c := range cells {
				p.columns = append(p.columns, normal(c))
			}
			return ErrHeader
		}
		value = func(names ...string) string {
			for _, n := range names {
				for i, c := range p.columns {
					if c == n && i < len(cells) && cells[i] != "" {
						return cells[i]
					}
				}
			}
			return ""
		}
	}
	return fill(value, o)
}

func fill(value func(...string) string, o *discovery.Observation) error {
	o.Method, o.Path = value("verb"), value("resourcepath")
	if o.Method == "" || o.Path == "" {
		return ErrNoRequest
	}
	if !strings.HasPrefix(o.Path, "/") {
		o.Path = "/" + o.Path
	}
	// Query and headers are not in the export: the event counts, and teaches no parameters.
	o.Source = discovery.FromAnalytics
	if text := value("statuscode"); text != "" {
		status, err := strconv.Atoi(strings.TrimSuffix(text, ".0"))
		if err != nil || status < 0 || status > 999 {
			return ErrEvent
		}
		if status >= 100 {
			o.Status = status
		}
	}
	if text := value("timestamp", "time", "date"); text != "" {
		at, ok := parseTime(text)
		if !ok {
			return ErrEvent
		}
		o.Time = at
	}
	if a, err := netip.ParseAddr(value("clientip")); err == nil {
		o.Caller.Address = a.Unmap().WithZone("")
	}
	o.Caller.ClientID = value("applicationid", "application", "applicationname", "clientid")
	o.API = name(value("apiname", "apiid"), value("apiversionname", "apiversion"))
	if violated := value("violatedpolicyname"); violated != "" && !strings.EqualFold(violated, "null") {
		o.Refused = true
	}
	if strings.EqualFold(value("requestoutcome"), "POLICY_VIOLATION") {
		o.Refused = true
	}
	o.Request.Unseen = some(value("requestsize", "requestbytes"))
	o.Response.Unseen = some(value("responsesize", "responsebytes"))
	if agent := value("useragentname"); agent != "" {
		if version := value("useragentversion"); version != "" {
			agent += "/" + version
		}
		h := traffic.NewHeader(traffic.Field{Name: "user-agent", Value: agent})
		o.Request.Header = &h
	}
	return nil
}

// name joins the name of an API and its version; either may be missing.
func name(api, version string) string {
	if api == "" || version == "" {
		return api
	}
	return api + "/" + version
}

func some(size string) bool {
	n, err := strconv.ParseFloat(size, 64)
	return err == nil && n > 0
}

func parseTime(text string) (time.Time, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		if n < 100_000_000_000 {
			return time.Unix(n, 0).UTC(), true
		}
		return time.UnixMilli(n).UTC(), n < 100_000_000_000_000
	}
	for _, layout := range [...]string{
		time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999",
		"2006-01-02 15:04:05.999 -0700", "2006-01-02 15:04:05.999 MST", "01/02/2006 15:04:05", "Mon Jan _2 15:04:05 MST 2006", "Jan 2, 2006 3:04:05 PM",
	} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// members are the scalar members of an object under their normal names.
func members(text string) (map[string]string, error) {
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&object) != nil || len(object) > maxColumns {
		return nil, ErrEvent
	}
	out := make(map[string]string, len(object))
	for key, v := range object {
		switch scalar := v.(type) {
		case string:
			out[normal(key)] = scalar
		case json.Number:
			out[normal(key)] = scalar.String()
		}
	}
	return out, nil
}

// normal is a name in lower case with letters and digits only.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		}
		return -1
	}, name)
}

func split(line string) ([]string, error) {
	r := csv.NewReader(strings.NewReader(line))
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	return r.Read()
}
