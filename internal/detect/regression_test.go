package detect

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/traffic"
)

// regression is a file of the Core Rule Set's own tests.
type regression struct {
	RuleID int `yaml:"rule_id"`
	Tests  []struct {
		ID     int `yaml:"test_id"`
		Stages []struct {
			Input struct {
				Headers  map[string]string
				Method   string
				URI      string
				Version  string
				Data     string
				Encoded  string `yaml:"encoded_request"`
				Complete *bool  `yaml:"autocomplete_headers"`
			}
			Output struct {
				Log struct {
					Expect   []int `yaml:"expect_ids"`
					NoExpect []int `yaml:"no_expect_ids"`
				}
			}
		}
	}
}

var playAll = flag.Bool("regression", false, "play all tests of the Core Rule Set instead of the first of each rule")

// differences are the rules whose own tests we do not all satisfy, and why.
var differences = map[int]string{
	911100: "DELETE is allowed", 920100: "an absolute address without a path is read leniently",
	920170: "removed", 920171: "removed", 920180: "removed", 920300: "removed", 920310: "removed", 920311: "removed",
	920320: "removed", 920330: "removed", 920340: "removed", 920350: "removed", 920420: "removed", 920640: "removed", 921180: "removed",
	920250: "wants an option that we leave off", 920360: "wants a limit that we leave to other policies",
	920370: "as 920360", 920380: "as 920360", 920390: "as 920360", 920400: "as 920360", 920410: "as 920360",
	920430: "a request without version is refused by the reader", 920450: "Content-Encoding, Expect and Content-Range are allowed",
	944110: "wants a match that is spread over two attributes",
}

// perRule is how many tests of each rule are played without the flag.
const perRule = 2

// TestRegression plays the Core Rule Set's own tests of request rules against
// our readers of bodies, at level 4. Rules that must not match and do are only
// counted: they stem from names of elements, which we show to the rules and
// the set does not.
func TestRegression(t *testing.T) {
	rules, err := LoadRules(4)
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.Engine(Options{BodyLimit: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	played, missed, excess, unread := 0, map[int]int{}, map[int]int{}, 0
	err = fs.WalkDir(crstests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(name, "REQUEST-9") || strings.HasPrefix(name, "REQUEST-949") {
			return err
		}
		if files++; files%stride != 0 {
			return nil
		}
		text, err := fs.ReadFile(crstests.FS, name)
		if err != nil {
			return err
		}
		var file regression
		if err := yaml.Unmarshal(text, &file); err != nil {
			return err
		}
		for i, test := range file.Tests {
			if i >= perRule && !*playAll {
				break
			}
			for _, stage := range test.Stages {
				in := stage.Input
				x, err := stageExchange(in.Encoded, in.Method, in.URI, in.Version, in.Data, in.Headers, in.Complete == nil || *in.Complete)
				if err != nil {
					unread++
					continue
				}
				v := e.Judge(t.Context(), x, Lessons{})
				if v.Err != nil {
					t.Errorf("%d-%d: %v", file.RuleID, test.ID, v.Err)
				}
				has := func(id int) bool {
					return slices.ContainsFunc(v.Findings, func(f finding.Finding) bool { return f.Rule == fmt.Sprintf("crs-%d", id) })
				}
				played++
				for _, id := range stage.Output.Log.Expect {
					if !has(id) {
						missed[id]++
						if differences[id] == "" {
							t.Errorf("rule %d misses its test %d", id, test.ID)
						}
					}
				}
				for _, id := range stage.Output.Log.NoExpect {
					if has(id) {
						excess[id]++
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("played %d, unreadable %d; missed %v; in excess %v", played, unread, missed, excess)
	if played < 500/stride/2 {
		t.Errorf("only %d tests were found", played)
	}
}

func stageExchange(encoded, method, uri, version, data string, headers map[string]string, complete bool) (*traffic.Exchange, error) {
	if encoded != "" {
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			return nil, err
		}
		return ParseRequest(raw)
	}
	var b bytes.Buffer
	if method == "" {
		method = "GET"
	}
	if uri == "" {
		uri = "/"
	}
	if version == "" {
		version = "HTTP/1.1"
	}
	fmt.Fprintf(&b, "%s %s %s\r\n", method, uri, version)
	typed := false
	for name, value := range headers {
		typed = typed || strings.EqualFold(name, "content-type")
		if !strings.EqualFold(name, "content-length") && !strings.EqualFold(name, "transfer-encoding") {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if complete && data != "" && !typed {
		b.WriteString("Content-Type: application/x-www-form-urlencoded\r\n")
	}
	b.WriteString("\r\n" + data)
	return ParseRequest(b.Bytes())
}
