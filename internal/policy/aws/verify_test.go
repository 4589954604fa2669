package aws

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"farrier.dev/farrier/internal/traffic"
)

// verify computes the signature of a request as a server reads it, from the
// headers that the signature names.
func verify(r *http.Request, c *credentials) error {
	got := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(got, "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	_, rest, _ = strings.Cut(got, "Credential="+c.id+"/")
	where, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(where, "/")
	if len(parts) != 4 {
		return fmt.Errorf("scope %q", where)
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	m := &message{method: r.Method, host: r.Host, path: path, query: query, payload: hashHex(content)}
	for name := range strings.SplitSeq(names, ";") {
		for _, value := range r.Header.Values(name) {
			m.header = append(m.header, traffic.Field{Name: name, Value: value})
		}
	}
	at, err := time.Parse(dateFormat, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return err
	}
	want, err := authorize4(m, c, scope{parts[2], parts[1], at})
	if err != nil || want != got || r.Header.Get("X-Amz-Content-Sha256") != m.payload {
		return fmt.Errorf("the server computes\n%s\nand reads\n%s, %w", want, got, err)
	}
	return nil
}
