package postman

import (
	"errors"
	"strings"
	"testing"

	"farrier.dev/farrier/internal/discovery"
)

const one = `{"item":[{"request":{"method":"GET","url":"{{base}}/a"},"response":[{"code":200,"body":"hello"}]}]}`

func TestParse(t *testing.T) {
	var seen []*discovery.Observation
	take := func(o *discovery.Observation) { seen = append(seen, o) }
	if err := Parse([]byte(one), 4, take); err != nil || len(seen) != 1 || seen[0].Path != "/a" || string(seen[0].Response.Body) != "hell" || !seen[0].Response.Partial {
		t.Fatal(err, len(seen))
	}
	if err := Parse([]byte(strings.Repeat(`{"item":[`, 100)+strings.Repeat(`]}`, 100)), 4, take); !errors.Is(err, ErrItem) {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(one))
	f.Fuzz(func(_ *testing.T, text []byte) {
		_ = Parse(text, 10, func(*discovery.Observation) {})
	})
}
