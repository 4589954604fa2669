package har

import (
	"errors"
	"testing"

	"farrier.dev/farrier/internal/discovery"
)

const whole = `{"startedDateTime":"2026-11-22T12:00:00Z","request":{"method":"GET","url":"https://a.test/"},"response":{"status":200,"content":{"text":"aGVs\nbG8=","encoding":"base64"}}}`

func TestParse(t *testing.T) {
	tests := []struct {
		entry string
		want  error
	}{
		{whole, nil},
		{`[]`, ErrEntry},
		{`{"request":{"url":"https://a.test/"},"response":{"status":200}}`, ErrEntry},
		{`{"request":{"method":"GET","url":"https://a.test/"}}`, ErrNoAnswer},
		{`{"request":{"method":"GET","url":"https://a.test/"},"response":{"status":0}}`, ErrNoAnswer},
		{`{"request":{"method":"GET","url":"chrome-extension://a/b"},"response":{"status":200}}`, ErrScheme},
	}
	for _, test := range tests {
		var o discovery.Observation
		if err := Parse([]byte(test.entry), 4, &o); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", test.entry, err)
		}
		if test.want == nil && (string(o.Response.Body) != "hell" || !o.Response.Partial) {
			t.Errorf("%q %v", o.Response.Body, o.Response.Partial)
		}
	}
	t.Logf("%d entries", len(tests))
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"request":{"method":"POST","url":"ws://a/","postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a","value":"%"}]}},"response":{"status":200}}`))
	f.Fuzz(func(t *testing.T, entry []byte) {
		var o discovery.Observation
		if Parse(entry, 10, &o) == nil && (len(o.Request.Body) > 10 || len(o.Response.Body) > 10) {
			t.Fatal("a body larger than its limit")
		}
	})
}
