package lsp

import (
	"encoding/json"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"farrier.dev/farrier/internal/finding"
)

// encoding is how an editor counts the characters of a line.
type encoding uint8

const (
	utf16Units encoding = iota
	codePoints
)

// publish shows what a scan found, and takes away what it no longer found.
func (s *server) publish(r scanned) error {
	if r.err != nil {
		return s.notify("window/logMessage", logParams{Type: 1, Message: "farrier: " + r.err.Error()})
	}
	s.byFile = map[string][]finding.Finding{}
	for _, f := range r.findings {
		if f.Suppressed == "" && f.Location.File != "" {
			s.byFile[f.Location.File] = append(s.byFile[f.Location.File], f)
		}
	}
	texts := s.reader()
	for _, path := range slices.Sorted(maps.Keys(s.byFile)) {
		p := diagnosticsParams{URI: uriOf(path), Diagnostics: []diagnostic{}}
		for i := range s.byFile[path] {
			p.Diagnostics = append(p.Diagnostics, s.diagnosticOf(&s.byFile[path][i], texts))
		}
		s.shown[path] = true
		if err := s.notify("textDocument/publishDiagnostics", p); err != nil {
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(s.shown)) {
		if len(s.byFile[path]) > 0 {
			continue
		}
		delete(s.shown, path)
		if err := s.notify("textDocument/publishDiagnostics", diagnosticsParams{URI: uriOf(path), Diagnostics: []diagnostic{}}); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) diagnosticOf(f *finding.Finding, texts func(string) []string) diagnostic {
	d := diagnostic{Range: s.rangeOf(f.Location, texts), Severity: severity(f.Severity), Code: f.Rule, Source: "farrier", Message: f.Message}
	if f.Fix != "" {
		d.Message += "\n" + f.Fix
	}
	for _, step := range f.Way {
		if step.Location.File != "" {
			d.Related = append(d.Related, related{lspLocation{uriOf(step.Location.File), s.rangeOf(step.Location, texts)}, step.Message})
		}
	}
	return d
}

// severity is what editors have in its place: error, warning, information or hint.
func severity(s finding.Severity) int {
	switch s {
	case finding.Critical, finding.High:
		return 1
	case finding.Medium:
		return 2
	case finding.Low:
		return 3
	case finding.Info:
	}
	return 4
}

// codeActions offers the repairs of the findings in a range.
func (s *server) codeActions(m *message) error {
	var p codeActionParams
	if err := json.Unmarshal(m.Params, &p); err != nil {
		return s.refuse(m, invalidParams, "the range is malformed")
	}
	actions := []codeAction{}
	path, _ := pathOf(p.TextDocument.URI)
	texts := s.reader()
	for i := range s.byFile[path] {
		f := &s.byFile[path][i]
		if f.Repair == nil || len(f.Repair.Edits) == 0 {
			continue
		}
		d := s.diagnosticOf(f, texts)
		if d.Range.End.Line < p.Range.Start.Line || d.Range.Start.Line > p.Range.End.Line {
			continue
		}
		action := codeAction{Title: f.Rule + ": " + f.Repair.Title, Kind: "quickfix", Diagnostics: []diagnostic{d}, Preferred: f.Repair.Safe, Edit: workspaceEdit{map[string][]textEdit{}}}
		for _, e := range f.Repair.Edits {
			uri := uriOf(e.File)
			action.Edit.Changes[uri] = append(action.Edit.Changes[uri], textEdit{
				lspRange{s.position(texts(e.File), e.Start.Line, e.Start.Column), s.position(texts(e.File), e.End.Line, e.End.Column)}, e.Text,
			})
		}
		actions = append(actions, action)
	}
	return s.answer(m, actions)
}

// rangeOf is the range of a location; where its end is not known, to the end of
// the line.
func (s *server) rangeOf(at finding.Location, texts func(string) []string) lspRange {
	lines := texts(at.File)
	start := s.position(lines, at.Line, at.Column)
	if at.EndLine == 0 {
		return lspRange{start, s.position(lines, at.Line, 1<<30)}
	}
	return lspRange{start, s.position(lines, at.EndLine, at.EndColumn)}
}

// position is a place as the editor counts: lines and characters from 0.
func (s *server) position(lines []string, line, column int) position {
	line = max(line, 1)
	if line > len(lines) {
		return position{line - 1, 0}
	}
	text, character := lines[line-1], 0
	for range max(column, 1) - 1 {
		r, size := utf8.DecodeRuneInString(text)
		if size == 0 {
			break
		}
		text = text[size:]
		if character++; s.characters == utf16Units && utf16.RuneLen(r) == 2 {
			character++
		}
	}
	return position{line - 1, character}
}

// reader gives the lines of files, each read once; none for those that can't be
// read.
func (s *server) reader() func(path string) []string {
	read := map[string][]string{}
	return func(path string) []string {
		lines, known := read[path]
		if !known {
			text, held := s.open[path]
			if !held {
				text, _ = s.o.Read(path) // without it, ranges are only less exact
			}
			lines = strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
			read[path] = lines
		}
		return lines
	}
}

// pathOf is the path of a file URI (RFC 8089).
func pathOf(uri string) (string, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Path == "" || u.Host != "" && u.Host != "localhost" {
		return "", false
	}
	path := u.Path
	if len(path) > 2 && path[0] == '/' && path[2] == ':' {
		path = path[1:] // a drive of Windows
	}
	return filepath.Clean(filepath.FromSlash(path)), true
}

func uriOf(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
