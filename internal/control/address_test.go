package control

import (
	"net/url"
	"testing"
)

// TestReadable holds which addresses are text that every database takes.
func TestReadable(t *testing.T) {
	for address, want := range map[string]bool{
		"/apis/a/b?q=%C3%A9&after=x": true, "/": true, "/a?q=%0A": true,
		"/apis/%00": false, "/a%00b/c": false, "/apis/%ff": false, "/a?q=%00": false, "/a?q=a%00b": false, "/a?after=%c3%28": false, "/a?%00=q": false, "/a?q=x&q=%ff": false,
	} {
		u, err := url.ParseRequestURI(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := Readable(u); got != want {
			t.Errorf("%s is readable: %t, want %t", address, got, want)
		}
	}
}
