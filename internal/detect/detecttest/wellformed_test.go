package detecttest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"unicode/utf16"
)

// fromUTF16 undoes toUTF16 where a body begins with a byte order mark.
func fromUTF16(b []byte) []byte {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case !bytes.HasPrefix(b, []byte{0xff, 0xfe}):
		return b
	}
	var units []uint16
	for i := 2; i+1 < len(b); i += 2 {
		units = append(units, order.Uint16(b[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

func wellFormed(b []byte) error {
	d := xml.NewDecoder(bytes.NewReader(b))
	d.Strict = true
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// TestWellFormed holds documents to their format: a request that is refused
// because its JSON or XML is broken says nothing about detection.
func TestWellFormed(t *testing.T) {
	n := 0
	for name, corpus := range map[string]iter.Seq[Case]{"attacks": Attacks(), "benign": Benign(5000)} {
		for c := range corpus {
			header, _, _ := bytes.Cut(c.Raw, []byte("\r\n\r\n"))
			_, kind, _ := strings.Cut(string(header), "\r\nContent-Type: ")
			kind, _, _ = strings.Cut(kind, "\r\n")
			b := fromUTF16(body(c))
			switch {
			case c.Place == wrongType || c.Type == "xml-external-entity": // Go's decoder refuses entities of its own accord
			case strings.Contains(kind, "json") && !strings.Contains(kind, "ndjson"):
				n++
				if !json.Valid(b) {
					t.Errorf("%s: %s is not JSON: %q", name, c.Name, b)
				}
			case strings.Contains(kind, "/xml") || strings.Contains(kind, "+xml"):
				n++
				if err := wellFormed(b); err != nil {
					t.Errorf("%s: %s is not XML: %v: %q", name, c.Name, err, b)
				}
			}
		}
	}
	t.Logf("%d documents", n)
	if n < 3000 {
		t.Errorf("only %d documents", n)
	}
}

// TestEncoded wants every encoding to leave its mark: what says that it is
// encoded must not carry the plain text, unless there was nothing to encode.
func TestEncoded(t *testing.T) {
	played, bare := counts{}, counts{}
	for c := range Attacks() {
		if c.Encoding == plain || c.Type == "graphql-abuse" {
			continue
		}
		played[c.Encoding]++
		if strings.Contains(string(c.Raw), c.Payload) || strings.Contains(string(c.Raw), escapeURL(c.Payload, "*")) {
			bare[c.Encoding]++
			if c.Encoding != mixed && c.Encoding != nestedJSON && c.Encoding != fullWidth {
				t.Errorf("%s carries the plain text", c.Name)
			}
		}
	}
	for encoding, n := range played {
		t.Logf("%-24s %4d, of which %d are as plain", encoding, n, bare[encoding])
		if (encoding == mixed || encoding == fullWidth) && bare[encoding] > n/4 {
			t.Errorf("%d of %d in %s are plain", bare[encoding], n, encoding)
		}
	}
}
