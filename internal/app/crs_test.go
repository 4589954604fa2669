package app_test

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	crstests "github.com/corazawaf/coraza-coreruleset/v4/tests"
	"go.yaml.in/yaml/v3"

	"farrier.dev/farrier/internal/traffic"
)

// crsStage is one request of the Core Rule Set's own tests, and what must come
// of it.
type crsStage struct {
	// test is RULE-NUMBER.
	test string
	raw  []byte
	want crsWant
}

// crsWant is what a stage expects.
type crsWant struct {
	match, noMatch []int
	// status is that of the answer, or 0; broken says that there may be none.
	status int
	broken bool
}

// crsOutcome is what came of a stage.
type crsOutcome struct {
	rules []int
	// status is what the client read, 0 for a closed connection.
	status  int
	outcome traffic.Outcome
}

// unread says that the gateway refused a request before rules read it: as no
// good one, or as one of a method or version that it does not speak.
func (o *crsOutcome) unread() bool {
	return o.outcome == traffic.RefusedByGateway && o.status/100 == 4 ||
		o.outcome == traffic.Errored && (o.status == http.StatusNotImplemented || o.status == http.StatusHTTPVersionNotSupported)
}

// passes says whether an outcome is as expected. A request that is refused
// before rules read it is as good as one that a rule matches, and a false alarm
// where none may match.
func (w *crsWant) passes(got *crsOutcome) bool {
	refusal := w.broken || w.status >= 400
	switch {
	case got.unread():
		return refusal || w.status == 0 && len(w.match) > 0
	case got.outcome == "":
		return w.broken
	case refusal && len(w.match) == 0, got.outcome != traffic.Served:
		return false
	}
	has := func(id int) bool { return slices.Contains(got.rules, id) }
	return !slices.ContainsFunc(w.match, func(id int) bool { return !has(id) }) && !slices.ContainsFunc(w.noMatch, has)
}

// crsFile is a file of the tests.
type crsFile struct {
	RuleID int `yaml:"rule_id"`
	Tests  []struct {
		ID     int `yaml:"test_id"`
		Stages []struct {
			Input  crsInput
			Output struct {
				Status int
				Broken bool `yaml:"expect_error"`
				Log    struct {
					Expect       []int  `yaml:"expect_ids"`
					NoExpect     []int  `yaml:"no_expect_ids"`
					MatchRegex   string `yaml:"match_regex"`
					NoMatchRegex string `yaml:"no_match_regex"`
				}
			}
		}
	}
}

type crsInput struct {
	Headers              map[string]string
	Method, URI, Version *string
	Data                 string
	Encoded              string `yaml:"encoded_request"`
	Complete             *bool  `yaml:"autocomplete_headers"`
}

// repeated is the one template that the tests use.
var repeated = regexp.MustCompile(`\{\{ "(.)" \| repeat (\d+) \}\}`)

// content is the body with its template written out.
func (in *crsInput) content() string {
	return repeated.ReplaceAllStringFunc(in.Data, func(template string) string {
		parts := repeated.FindStringSubmatch(template)
		n, _ := strconv.Atoi(parts[2]) // digits
		return strings.Repeat(parts[1], n)
	})
}

// bytes are the request as the client that the tests were written for sends
// it: unless the test says otherwise it adds Connection and Content-Length.
func (in *crsInput) bytes() ([]byte, error) {
	if in.Encoded != "" {
		return base64.StdEncoding.DecodeString(in.Encoded)
	}
	or := func(text *string, otherwise string) string { return *cmp.Or(text, &otherwise) }
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s\r\n", or(in.Method, "GET"), or(in.URI, "/"), or(in.Version, "HTTP/1.1"))
	given, body := map[string]bool{}, in.content()
	for _, name := range slices.Sorted(maps.Keys(in.Headers)) {
		given[strings.ToLower(name)] = true
		fmt.Fprintf(&b, "%s: %s\r\n", name, in.Headers[name])
	}
	if in.Complete == nil || *in.Complete {
		if !given["connection"] {
			b.WriteString("Connection: close\r\n")
		}
		if body != "" && !given["content-length"] && !given["transfer-encoding"] {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
		}
		if body != "" && !given["content-type"] {
			b.WriteString("Content-Type: application/x-www-form-urlencoded\r\n")
		}
	}
	return []byte(b.String() + "\r\n" + body), nil
}

// readCRS reads all tests, in the order of their files.
func readCRS() (stages []crsStage, err error) {
	err = fs.WalkDir(crstests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		text, err := fs.ReadFile(crstests.FS, name)
		if err != nil {
			return err
		}
		var file crsFile
		if err := yaml.Unmarshal(text, &file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, test := range file.Tests {
			for _, s := range test.Stages {
				raw, err := s.Input.bytes()
				if err != nil {
					return fmt.Errorf("%s: test %d: %w", name, test.ID, err)
				}
				one := crsStage{test: fmt.Sprintf("%d-%d", file.RuleID, test.ID), raw: raw, want: crsWant{
					match: s.Output.Log.Expect, noMatch: s.Output.Log.NoExpect, status: s.Output.Status, broken: s.Output.Broken,
				}}
				// Expressions look into the log of another program. All of them
				// look there for a match of the rule that the file is about.
				if s.Output.Log.MatchRegex != "" {
					one.want.match = append(one.want.match, file.RuleID)
				}
				if s.Output.Log.NoMatchRegex != "" {
					one.want.noMatch = append(one.want.noMatch, file.RuleID)
				}
				stages = append(stages, one)
			}
		}
		return nil
	})
	return stages, err
}

// exceptions are the reasons of testdata/crs-exceptions.txt by test or rule.
func exceptions(t *testing.T) map[string]string {
	t.Helper()
	file, err := os.Open("testdata/crs-exceptions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	found := map[string]string{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		key, reason, ok := strings.Cut(line, ": ")
		if _, twice := found[key]; !ok || reason == "" || twice {
			t.Fatalf("testdata/crs-exceptions.txt:%d: a line is TEST: REASON or RULE: REASON, each once", n)
		}
		found[key] = reason
	}
	return found
}

// TestCRS plays the Core Rule Set's own tests through a gateway that protects
// one API at paranoia level 4 and watches responses. Whatever plain Coraza
// passes must be passed here too, but for the listed exceptions; each of those
// must still be needed.
func TestCRS(t *testing.T) {
	stages, err := readCRS()
	if err != nil || len(stages) < 4000 {
		t.Fatalf("%d stages: %v", len(stages), err)
	}
	thinned := raced || testing.Short()
	if thinned {
		kept := stages[:0]
		for chunk := range slices.Chunk(stages, 20) {
			kept = append(kept, chunk[0])
		}
		stages = kept
	}
	gate, waf := newCRSGateway(t), newOracle(t)
	ours, theirs := make([]crsOutcome, len(stages)), make([]crsOutcome, len(stages))
	var workers sync.WaitGroup
	for w := range crsWorkers {
		workers.Go(func() {
			for i := w; i < len(stages); i += crsWorkers {
				ours[i] = gate.play(stages[i].raw)
				theirs[i] = waf.play(t, stages[i].raw)
			}
		})
	}
	workers.Wait()
	excepted := exceptions(t)
	needed := compareCRS(t, stages, excepted, ours, theirs)
	for _, key := range slices.Sorted(maps.Keys(excepted)) {
		if !needed[key] && !thinned {
			t.Errorf("the exception %s is not needed: %s", key, excepted[key])
		}
	}
}

const crsWorkers = 4

// compareCRS fails for what only Coraza passes, prints the figures, and returns
// the exceptions that are needed.
func compareCRS(t *testing.T, stages []crsStage, excepted map[string]string, ours, theirs []crsOutcome) map[string]bool {
	needed, reasons := map[string]bool{}, map[string]int{}
	byUs, byCoraza, byBoth, missing := 0, 0, 0, 0
	for i := range stages {
		s := &stages[i]
		we, they := s.want.passes(&ours[i]), s.want.passedByCoraza(&theirs[i])
		switch {
		case we && they:
			byBoth++
			byUs++
			byCoraza++
		case we:
			byUs++
		case they:
			byCoraza++
			key := s.test
			if excepted[key] == "" {
				key, _, _ = strings.Cut(s.test, "-")
			}
			if excepted[key] == "" {
				missing++
				t.Errorf("%s: want %+v, got %+v, Coraza %+v\n%.600q", s.test, s.want, ours[i], theirs[i], s.raw)
				continue
			}
			needed[key] = true
			reasons[excepted[key]]++
		}
	}
	t.Logf("%d stages: %d passed, %d by Coraza, %d by both, %d not by us without exception", len(stages), byUs, byCoraza, byBoth, missing)
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("%4d stages excepted: %s", reasons[reason], reason)
	}
	if byBoth < len(stages)*9/10 {
		t.Error("too few stages are passed to say anything")
	}
	return needed
}

// passedByCoraza says whether Coraza passes a stage. What is expected of the
// server in front of it, a refusal and no match, that is taken to do.
func (w crsWant) passedByCoraza(got *crsOutcome) bool {
	if len(w.match) == 0 && (w.broken || w.status >= 400) {
		return true
	}
	w.status, w.broken = 0, false
	return w.passes(got)
}
