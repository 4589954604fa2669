package seclang

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"
)

var requestFiles = []string{
	"REQUEST-901-INITIALIZATION", "REQUEST-911-METHOD-ENFORCEMENT", "REQUEST-913-SCANNER-DETECTION",
	"REQUEST-920-PROTOCOL-ENFORCEMENT", "REQUEST-921-PROTOCOL-ATTACK", "REQUEST-922-MULTIPART-ATTACK",
	"REQUEST-930-APPLICATION-ATTACK-LFI", "REQUEST-931-APPLICATION-ATTACK-RFI",
	"REQUEST-932-APPLICATION-ATTACK-RCE", "REQUEST-933-APPLICATION-ATTACK-PHP",
	"REQUEST-934-APPLICATION-ATTACK-GENERIC", "REQUEST-941-APPLICATION-ATTACK-XSS",
	"REQUEST-942-APPLICATION-ATTACK-SQLI", "REQUEST-943-APPLICATION-ATTACK-SESSION-FIXATION",
	"REQUEST-944-APPLICATION-ATTACK-JAVA", "REQUEST-999-COMMON-EXCEPTIONS-AFTER",
}

// crsText is the Core Rule Set for requests at one paranoia level.
func crsText(level int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
SecRuleEngine DetectionOnly
SecRequestBodyAccess Off
SecArgumentsLimit 100000
SecRxPreFilter Off
SecDefaultAction "phase:1,log,noauditlog,pass"
SecDefaultAction "phase:2,log,noauditlog,pass"
SecAction "id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=4250,setvar:tx.blocking_paranoia_level=%[1]d,setvar:tx.detection_paranoia_level=%[1]d"
`, level)
	for _, name := range requestFiles {
		b.WriteString("Include @owasp_crs/" + name + ".conf\n")
	}
	return b.String()
}

func compileCRS(t testing.TB, level int, o Options) *Set {
	t.Helper()
	s, err := Compile(coreruleset.FS, []Source{{Name: "setup", Text: crsText(level)}}, o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// regression is a file of the Core Rule Set's own tests.
type regression struct {
	RuleID int `yaml:"rule_id"`
	Tests  []struct {
		ID     int `yaml:"test_id"`
		Stages []struct {
			Input struct {
				Headers map[string]string
				Method  string
				URI     string
				Version string
				Data    string
				Encoded string `yaml:"encoded_request"`
			}
		}
	}
}

type example struct {
	name string
	in   Input
}

// crsExamples are the requests of the Core Rule Set's own tests, in order.
func crsExamples(t testing.TB) []example {
	t.Helper()
	all, err := readExamples()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var readExamples = sync.OnceValues(func() ([]example, error) {
	var all []example
	err := fs.WalkDir(crstests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(name, "REQUEST-9") {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, name)
		if err != nil {
			return err
		}
		var file regression
		if err := yaml.Unmarshal(text, &file); err != nil {
			return err
		}
		for _, test := range file.Tests {
			for i, stage := range test.Stages {
				in := stage.Input
				q := request{method: in.Method, uri: in.URI, version: in.Version, body: in.Data}
				for _, k := range slices.Sorted(func(yield func(string) bool) {
					for k := range in.Headers {
						if !yield(k) {
							return
						}
					}
				}) {
					q.headers = append(q.headers, [2]string{k, in.Headers[k]})
				}
				if in.Encoded != "" {
					raw, err := base64.StdEncoding.DecodeString(in.Encoded)
					if err != nil {
						return err
					}
					q = parseRaw(string(raw))
				}
				all = append(all, example{fmt.Sprintf("%d-%d/%d", file.RuleID, test.ID, i), q.input()})
			}
		}
		return nil
	})
	return all, err
})

// request is just enough of a request to make an Input of it.
type request struct {
	method, uri, version, body string
	headers                    [][2]string
}

func parseRaw(raw string) request {
	head, body, _ := strings.Cut(strings.ReplaceAll(raw, "\r\n", "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	first := strings.SplitN(lines[0]+"  ", " ", 3)
	q := request{method: first[0], uri: strings.TrimSpace(first[1]), version: strings.TrimSpace(first[2]), body: body}
	for _, l := range lines[1:] {
		k, v, _ := strings.Cut(l, ":")
		q.headers = append(q.headers, [2]string{k, strings.TrimSpace(v)})
	}
	return q
}

func (q request) input() Input {
	if q.method == "" {
		q.method = "GET"
	}
	if q.uri == "" {
		q.uri = "/"
	}
	if q.version == "" {
		q.version = "HTTP/1.1"
	}
	in := Input{}
	add := func(c Collection, k, v string) { in.Values = append(in.Values, Value{c, k, v}) }
	uri, _, _ := strings.Cut(q.uri, "#")
	path, query, _ := strings.Cut(uri, "?")
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	base := path
	if i := strings.LastIndexAny(path, `/\`); i >= 0 && len(path) > i+1 {
		base = path[i+1:]
	}
	add(RequestMethod, "", q.method)
	add(RequestProtocol, "", q.version)
	add(RequestLine, "", q.method+" "+q.uri+" "+q.version)
	add(RequestURI, "", uri)
	add(RequestURIRaw, "", q.uri)
	add(RequestFilename, "", path)
	add(RequestBasename, "", base)
	add(QueryString, "", query)
	add(RemoteAddr, "", "10.0.0.1")
	pairs(query, func(k, v string) { add(ArgsGet, k, v) })
	contentType := ""
	for _, h := range q.headers {
		add(RequestHeaders, h[0], h[1])
		switch strings.ToLower(h[0]) {
		case "content-type":
			contentType = h[1]
		case "cookie":
			for _, c := range strings.Split(h[1], ";") {
				k, v, _ := strings.Cut(strings.TrimSpace(c), "=")
				add(RequestCookies, k, v)
			}
		}
	}
	q.content(contentType, add)
	return in
}

func (q request) content(contentType string, add func(c Collection, k, v string)) {
	add(RequestBodyLength, "", fmt.Sprint(len(q.body)))
	if q.body == "" {
		return
	}
	kind, parameters, _ := mime.ParseMediaType(contentType)
	switch {
	case strings.HasPrefix(kind, "multipart/") && parameters["boundary"] != "":
		add(ReqbodyProcessor, "", "MULTIPART")
		m := multipart.NewReader(strings.NewReader(q.body), parameters["boundary"])
		for {
			p, err := m.NextRawPart()
			if err != nil {
				return
			}
			text, _ := io.ReadAll(p)
			for k, vs := range p.Header {
				for _, v := range vs {
					add(MultipartPartHeaders, p.FormName(), k+": "+v)
				}
			}
			if p.FileName() != "" {
				add(Files, "", p.FileName())
				add(FilesNames, "", p.FormName())
			} else {
				add(ArgsPost, p.FormName(), string(text))
			}
		}
	case strings.Contains(kind, "json"):
		add(ReqbodyProcessor, "", "JSON")
		var v any
		d := json.NewDecoder(bytes.NewReader([]byte(q.body)))
		d.UseNumber()
		if d.Decode(&v) == nil {
			flatten("json", v, add)
		}
		add(RequestBody, "", q.body)
	case strings.Contains(kind, "xml"):
		add(ReqbodyProcessor, "", "XML")
		add(XML, "/*", q.body)
		add(XML, "//@*", q.body)
	default:
		add(ReqbodyProcessor, "", "URLENCODED")
		add(RequestBody, "", q.body)
		pairs(q.body, func(k, v string) { add(ArgsPost, k, v) })
	}
}

func flatten(key string, v any, add func(c Collection, k, v string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, one := range v {
			flatten(key+"."+k, one, add)
		}
	case []any:
		for i, one := range v {
			flatten(fmt.Sprintf("%s.%d", key, i), one, add)
		}
	case nil:
	default:
		add(ArgsPost, key, fmt.Sprint(v))
	}
}

func pairs(text string, add func(k, v string)) {
	for _, p := range strings.Split(text, "&") {
		if p == "" {
			continue
		}
		k, v, _ := strings.Cut(p, "=")
		add(lenient(k), lenient(v))
	}
}

func lenient(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}
