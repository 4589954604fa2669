package publish

import (
	"context"
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/manifest"
	"farrier.dev/farrier/internal/revision"
	"farrier.dev/farrier/internal/router"
)

// noServer serves nothing yet.
type noServer struct{ loaded bool }

func (s *noServer) Load(context.Context, *router.Table) error { s.loaded = true; return nil }

func (*noServer) Table() *router.Table { return nil }

// TestTry refuses what could be built for each reason that publishing has, and serves
// nothing.
func TestTry(t *testing.T) {
	cases := []struct {
		name, says string
		change     func(o *Options)
	}{
		{"good", "", func(*Options) {}},
		{"amended", "no such secret", func(o *Options) {
			o.Amend = func(*revision.Revision) error { return errors.New("no such secret") }
		}},
		{"governed", "does not conform", func(o *Options) {
			o.Refuse = func(context.Context, *revision.Revision) []manifest.Problem {
				return []manifest.Problem{{Severity: manifest.Error, Message: "does not conform"}}
			}
		}},
		{"compiled", "the policy is broken", func(o *Options) {
			o.Compiled = func(*revision.Revision, router.Options) (*router.Table, error) {
				return nil, errors.New("the policy is broken")
			}
		}},
	}
	for _, c := range cases {
		server := &noServer{}
		o := Options{Server: server, Compiled: func(rev *revision.Revision, _ router.Options) (*router.Table, error) {
			return &router.Table{Revision: rev}, nil
		}}
		c.change(&o)
		problems := New(o).Try(t.Context(), &revision.Revision{})
		if manifest.HasErrors(problems) != (c.says != "") || !strings.Contains(text(problems), c.says) || server.loaded {
			t.Errorf("%s: %v, served %t", c.name, problems, server.loaded)
		}
	}
	t.Logf("%d cases", len(cases))
}
