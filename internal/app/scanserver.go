package app

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"farrier.dev/farrier/internal/finding"
	"farrier.dev/farrier/internal/mule"
	"farrier.dev/farrier/internal/scan"
	"farrier.dev/farrier/internal/scan/lsp"
)

// ScanServer is a language server that shows findings in an editor.
func ScanServer(ctx context.Context, in io.Reader, out io.Writer, o ScanOptions) error {
	o.Progress, o.Since, o.SBOM, o.Output.Format, o.Output.FailOn = nil, "", "", "text", "none"
	s := &scanning{o: o}
	if err := s.load(ctx, nil); err != nil {
		return err
	}
	return lsp.Serve(ctx, in, out, lsp.Options{Scan: s.forEditor, Read: readForEditor, Version: version()})
}

func readForEditor(path string) ([]byte, error) {
	return os.ReadFile(path)
}

// forEditor scans the folders that an editor has open, with what it holds unsaved.
func (s *scanning) forEditor(ctx context.Context, folders []string, open map[string][]byte) ([]finding.Finding, error) {
	if len(folders) == 0 {
		return nil, nil
	}
	workspace, err := mule.Find(ctx, folders, mule.Limits{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = workspace.Close() }()
	rep, err := scan.Run(ctx, &unsaved{workspace, open}, s.options)
	if err != nil {
		return nil, err
	}
	return rep.Findings, nil
}

// unsaved is a workspace in which the texts count that an editor holds.
type unsaved struct {
	*mule.Workspace
	open map[string][]byte
}

// Read reads a project.
func (u *unsaved) Read(ctx context.Context, i int) (*mule.Project, error) {
	p, err := u.Workspace.Read(ctx, i)
	if err != nil {
		return nil, err
	}
	texts := map[string][]byte{}
	for name, f := range p.Files {
		if text, held := u.open[filepath.Clean(filepath.FromSlash(f.Path))]; held {
			texts[name] = text
		}
	}
	if len(texts) == 0 {
		return p, nil
	}
	return p.With(ctx, texts)
}
