package decode

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"farrier.dev/farrier/internal/traffic"
)

// fuzzOptions are narrow, so that budgets are met.
var fuzzOptions = Options{MaxBytes: 2048, MaxValues: 200}

// readTwice opens a request twice, the second time with memory that was used.
func readTwice(t *testing.T, q *traffic.Request, used *Tree) {
	var fresh Tree
	Read(q, &fuzzOptions, &fresh)
	first := describe(&fresh)
	checkTree(t, &fresh, &fuzzOptions)
	Read(q, &fuzzOptions, used)
	if second := describe(used); first != second {
		t.Errorf("first:\n%s\nsecond:\n%s", first, second)
	}
}

// seeds gives the bodies of the tables whose media type has the part.
func seeds(f *testing.F, mediaType string, add func(q *traffic.Request)) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal(err)
	}
	for _, name := range files {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for i := 0; i+1 < len(archive.Files); i += 2 {
			q := request(f, archive.Files[i].Name, string(archive.Files[i].Data))
			if strings.Contains(q.Header.Get("content-type"), mediaType) {
				add(q)
			}
		}
	}
}

func FuzzRequest(f *testing.F) {
	seeds(f, "", func(q *traffic.Request) {
		f.Add(q.RawTarget, q.Header.Get("cookie"), q.Header.Get("x-note"), q.Header.Get("content-type"), string(q.Body.Bytes()))
	})
	var used Tree
	f.Fuzz(func(t *testing.T, target, cookie, note, contentType, body string) {
		q := &traffic.Request{Method: "POST", RawTarget: target, Path: "/"}
		_, q.RawQuery, _ = strings.Cut(target, "?")
		q.Header.Add("cookie", cookie)
		q.Header.Add("x-note", note)
		q.Header.Add("content-type", contentType)
		q.Header.Add("authorization", note)
		load(t, q, body)
		readTwice(t, q, &used)
	})
}

func fuzzBody(f *testing.F, mediaType, contentType string) {
	f.Helper()
	seeds(f, mediaType, func(q *traffic.Request) { f.Add(string(q.Body.Bytes())) })
	var used Tree
	f.Fuzz(func(t *testing.T, body string) {
		readTwice(t, post(t, contentType, body), &used)
	})
}

func FuzzJSON(f *testing.F)      { fuzzBody(f, "json", "application/json") }
func FuzzXML(f *testing.F)       { fuzzBody(f, "xml", "application/xml") }
func FuzzGraphQL(f *testing.F)   { fuzzBody(f, "graphql", "application/graphql") }
func FuzzMultipart(f *testing.F) { fuzzBody(f, "multipart", "multipart/form-data; boundary=b") }
func FuzzGRPC(f *testing.F)      { fuzzBody(f, "grpc", "application/grpc+proto") }
