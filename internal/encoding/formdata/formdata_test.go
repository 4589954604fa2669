package formdata_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/encoding"
	"farrier.dev/farrier/internal/encoding/formdata"
)

const good = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n" +
	"--B\r\ncontent-disposition: Form-Data; name=\"f\\\"x\"; filename=\"C:\\dir\\x.txt\"; filename*=UTF-8''%e2%82%ac.txt\r\n" +
	"Content-Type: text/plain\r\nX-Other:  y \r\n\r\nline\r\n--b\r\n-B\r\n--B--\r\n"

func all(body, boundary string, lim formdata.Limits) (parts []formdata.Part, err error) {
	r := formdata.NewReader([]byte(body), boundary, lim)
	for {
		p, err := r.Next()
		if err == io.EOF { //nolint:errorlint // Next gives it bare
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		parts = append(parts, p)
	}
}

func TestParts(t *testing.T) {
	parts, err := all(good, "B", formdata.DefaultLimits())
	if err != nil || len(parts) != 2 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	a, f := parts[0], parts[1]
	if string(a.Name) != "a" || a.HasFilename || string(a.Content) != "1" {
		t.Errorf("first part: %+v", a)
	}
	if string(f.Name) != `f"x` || string(f.Filename) != `C:\dir\x.txt` || string(f.FilenameExt) != "€.txt" || !f.HasFilename ||
		string(f.ContentType) != "text/plain" || string(f.Content) != "line\r\n--b\r\n-B" || len(f.Headers) != 3 ||
		string(f.Headers[2].Value) != "y" {
		t.Errorf("second part: %+v", f)
	}
	for _, p := range parts {
		if good[p.ContentOffset:][:len(p.Content)] != string(p.Content) {
			t.Errorf("content is not at %d", p.ContentOffset)
		}
	}
	if parts, err := all("--B--", "B", formdata.DefaultLimits()); err != nil || len(parts) != 0 {
		t.Errorf("no parts: %v, %v", parts, err)
	}
	if parts, err := all("--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--B--", "B", formdata.DefaultLimits()); err != nil ||
		len(parts) != 1 || len(parts[0].Content) != 0 {
		t.Errorf("an empty part: %v, %v", parts, err)
	}
}

func TestRefusals(t *testing.T) {
	part := func(headers string) string { return "--B\r\n" + headers + "\r\n\r\n1\r\n--B--" }
	const d = "Content-Disposition: form-data; name=a"
	cases := []struct {
		name, body string
		reason     error
	}{
		{"empty", "", formdata.ErrStart},
		{"preamble", "\r\n" + part(d), formdata.ErrStart},
		{"not closed", strings.TrimSuffix(part(d), "--B--"), formdata.ErrEnd},
		{"cut in the delimiter", strings.TrimSuffix(part(d), "--"), formdata.ErrEnd},
		{"epilogue", part(d) + "\r\nx", formdata.ErrTrailing},
		{"padding", "--B \r\n" + d + "\r\n\r\n1\r\n--B--", formdata.ErrDelimiter},
		{"longer delimiter", "--B\r\n" + d + "\r\n\r\n1\r\n--BC\r\n--B--", formdata.ErrDelimiter},
		{"delimiter behind LF", "--B\r\n" + d + "\r\n\r\n1\n--B\r\n\r\n--B--", formdata.ErrLineEnd},
		{"delimiter behind CR", "--B\r\n" + d + "\r\n\r\n1\r--B\r\n\r\n--B--", formdata.ErrLineEnd},
		{"delimiter ends in LF", "--B\n" + d + "\r\n\r\n1\r\n--B--", formdata.ErrLineEnd},
		{"header ends in LF", "--B\r\n" + d + "\n\r\n1\r\n--B--", formdata.ErrLineEnd},
		{"no blank line", "--B\r\n" + d + "\r\n--B--\r\n", formdata.ErrHeader},
		{"delimiter in place of content", "--B\r\n" + d + "\r\n\r\n--B--\r\n", formdata.ErrDelimiter},
		{"no headers", "--B\r\n\r\n1\r\n--B--", formdata.ErrDisposition},
		{"other disposition", part("Content-Disposition: attachment; name=a"), formdata.ErrDisposition},
		{"no name", part("Content-Disposition: form-data; filename=a"), formdata.ErrDisposition},
		{"two names", part(d + "; name=b"), formdata.ErrDisposition},
		{"two filenames", part(d + "; filename=b; filename=c"), formdata.ErrDisposition},
		{"unknown parameter", part(d + "; x=b"), formdata.ErrDisposition},
		{"continued parameter", part(d + "; filename*0=b"), formdata.ErrDisposition},
		{"open quote", part(d + `; filename="b`), formdata.ErrDisposition},
		{"text behind a quote", part(d + `; filename="b"c`), formdata.ErrDisposition},
		{"semicolon at the end", part(d + ";"), formdata.ErrDisposition},
		{"bad charset", part(d + "; filename*=latin1''b"), formdata.ErrDisposition},
		{"bad escape", part(d + "; filename*=utf-8''%zz"), formdata.ErrDisposition},
		{"two dispositions", part(d + "\r\n" + d), formdata.ErrHeader},
		{"two content types", part(d + "\r\nContent-Type: a/b\r\nContent-Type: a/b"), formdata.ErrHeader},
		{"continued header", part(d + "\r\n ; filename=b"), formdata.ErrHeader},
		{"blank before the colon", part(d + "\r\nX : b"), formdata.ErrHeader},
		{"no colon", part(d + "\r\nX"), formdata.ErrHeader},
		{"control character", part(d + "\r\nX: \x00"), formdata.ErrHeader},
		{"carriage return inside", part(d + "\r\nX: a\rb"), formdata.ErrHeader},
		{"base64", part(d + "\r\nContent-Transfer-Encoding: base64"), formdata.ErrTransferEncoding},
	}
	for _, c := range cases {
		_, err := all(c.body, "B", formdata.DefaultLimits())
		var se *encoding.SyntaxError
		if !errors.As(err, &se) || !errors.Is(err, c.reason) || se.Offset > len(c.body) {
			t.Errorf("%s: %v, want %v", c.name, err, c.reason)
		}
	}
	t.Logf("played %d refusals", len(cases))
}

func TestLimits(t *testing.T) {
	part := "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
	size := len("Content-Disposition: form-data; name=a\r\n")
	body := strings.Repeat(part, 3) + "--B--"
	for _, c := range []struct {
		lim  formdata.Limits
		want string
	}{
		{formdata.Limits{MaxParts: 3, MaxHeaderBytes: size}, ""},
		{formdata.Limits{MaxParts: 2, MaxHeaderBytes: size}, "MaxParts"},
		{formdata.Limits{MaxParts: 3, MaxHeaderBytes: size - 1}, "MaxHeaderBytes"},
		{formdata.Limits{MaxParts: encoding.Off, MaxHeaderBytes: encoding.Off}, ""},
		{formdata.Limits{}, "MaxParts"},
	} {
		if _, err := all(body, "B", c.lim); encoding.Exceeded(err) != c.want || c.want == "" && err != nil {
			t.Errorf("%+v: %v, want %q", c.lim, err, c.want)
		}
	}
	flood := "--B\r\n" + strings.Repeat("X-A: b\r\n", 1<<17)
	if _, err := all(flood, "B", formdata.DefaultLimits()); encoding.Exceeded(err) != "MaxHeaderBytes" {
		t.Errorf("a megabyte of headers: %v", err)
	}
}

func TestBoundary(t *testing.T) {
	for in, want := range map[string]string{
		"multipart/form-data; boundary=B":                          "B",
		"Multipart/Form-Data; charset=utf-8; BOUNDARY=\"a b\"":     "a b",
		"multipart/form-data":                                      "",
		"multipart/form-data; boundary=":                           "",
		"multipart/form-data; boundary=a; boundary=b":              "",
		"multipart/form-data; boundary*0=a; boundary*1=b":          "",
		"multipart/form-data; boundary=\"a \"":                     "",
		"multipart/form-data; boundary=\"a\x7fb\"":                 "",
		"multipart/mixed; boundary=B":                              "",
		"multipart/form-data; boundary=" + strings.Repeat("a", 71): "",
	} {
		got, err := formdata.Boundary(in)
		if got != want || (want == "") != errors.Is(err, formdata.ErrContentType) {
			t.Errorf("Boundary(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

func TestPlainPartsAllocateLittle(t *testing.T) {
	body := []byte(strings.Repeat("--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n", 50) + "--B--")
	n := testing.AllocsPerRun(100, func() {
		r := formdata.NewReader(body, "B", formdata.DefaultLimits())
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	})
	// A string for the lower-case name of each header and parameter at most.
	if n > 110 {
		t.Errorf("50 parts allocate %v times, want 110 or less", n)
	}
	t.Logf("50 parts allocate %v times", n)
}

// FuzzReader holds that mime/multipart reads the same parts in what we accept.
func FuzzReader(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--B--"))
	f.Add([]byte("--B--\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		parts, err := all(string(body), "B", formdata.Limits{MaxParts: encoding.Off, MaxHeaderBytes: 8 << 10})
		if err != nil {
			return
		}
		theirs := multipart.NewReader(bytes.NewReader(body), "B")
		for i, p := range parts {
			q, err := theirs.NextRawPart()
			if err != nil {
				t.Fatalf("%q: part %d: mime/multipart says %v", body, i, err)
			}
			content, err := io.ReadAll(q)
			if err != nil || !bytes.Equal(content, p.Content) {
				t.Fatalf("%q: part %d is %q, mime/multipart reads %q, %v", body, i, p.Content, content, err)
			}
			if name := q.FormName(); name != "" && p.FilenameExt == nil && name != string(p.Name) {
				t.Fatalf("%q: name %q, mime/multipart reads %q", body, p.Name, name)
			}
		}
		if _, err := theirs.NextRawPart(); err != io.EOF {
			t.Fatalf("%q: %d parts, but mime/multipart goes on: %v", body, len(parts), err)
		}
	})
}
