package detect

import (
	"slices"
	"strings"

	"farrier.dev/farrier/internal/detect/decode"
	"farrier.dev/farrier/internal/detect/decode/layer"
)

// leastOpaque is the length from which a text may be mere Base64.
const leastOpaque = 128

// opaque says that rules would only find words in a text by accident: it is
// Base64, an address that holds its data as Base64, or a compressed file. What
// it holds, where that can be opened, are leaves of their own.
func opaque(text string) sealing {
	switch {
	case base64Alone(text), dataAddress(text):
		return coded
	case compressed(text):
		return packed
	}
	return unsealed
}

// mostSlashes is the share of slashes, one in so many, up to which a text is
// Base64 and no path of slashes.
const mostSlashes = 16

// base64Alone says that a text is long, mixed Base64 and nothing else. No path
// but one of slashes could be made of these characters.
func base64Alone(text string) bool {
	return len(text) >= leastOpaque && strings.Count(text, "/") <= len(text)/mostSlashes && base64Text(text) == len(text)
}

// base64Text is the length of a text that is all mixed Base64, 0 if it
// is not.
func base64Text(text string) int {
	var upper, lower, digit bool
	i := 0
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z':
			lower = true
		case 'A' <= c && c <= 'Z':
			upper = true
		case '0' <= c && c <= '9':
			digit = true
		case c != '+' && c != '/' && c != '=':
			return 0
		}
	}
	if upper && lower && digit {
		return i
	}
	return 0
}

// active are types of media that run code where they are opened by address.
var active = []string{"html", "xml", "svg", "script", "css"}

// dataAddress says that a text is "data:type;base64,..." (RFC 2397) of a type
// that runs no code.
func dataAddress(text string) bool {
	if len(text) < leastOpaque || !strings.EqualFold(text[:5], "data:") {
		return false
	}
	head, data, ok := strings.Cut(text[5:], ",")
	head = strings.ToLower(head)
	media, coded := strings.CutSuffix(head, ";base64")
	if !ok || !coded || strings.Trim(media, "abcdefghijklmnopqrstuvwxyz0123456789/+.-;=") != "" {
		return false
	}
	if media, _, _ = strings.Cut(media, ";"); !strings.Contains(media, "openxml") && slices.ContainsFunc(active, func(s string) bool { return strings.Contains(media, s) }) {
		return false
	}
	return base64Text(data) == len(data)
}

// containers are the first bytes of compressed files: gzip, ZIP (also of office
// documents), bzip2, xz, Zstandard, 7z and compressed fonts.
var containers = []string{"\x1f\x8b\x08", "PK\x03\x04", "BZh", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", "7z\xbc\xaf\x27\x1c", "wOFF", "wOF2"}

// compressed says that a text is a compressed file, not only called one: at
// least a quarter of its bytes is none of printable text.
func compressed(text string) bool {
	if !slices.ContainsFunc(containers, func(magic string) bool { return strings.HasPrefix(text, magic) }) {
		return false
	}
	foreign := 0
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' && c != '\r' && c != '\t' || c >= 0x7f {
			foreign++
		}
	}
	return foreign >= len(text)/4
}

// sealing says why the text of a node is not judged: what is opened below it
// says all.
type sealing uint8

const (
	unsealed sealing = iota
	// cells is a body or file that was split into cells.
	cells
	// coded is Base64.
	coded
	// packed is a compressed file.
	packed
)

// opens says that a step below a sealed text opens it, and does not just find
// something in it by accident.
func (s sealing) opens(step decode.Decoder) bool {
	switch s {
	case cells:
		return step.String() == layer.CSV.String()
	case coded:
		return step.String() == layer.Base64.String() // of either alphabet
	case unsealed, packed:
	}
	return true
}

// seal finds the texts that hold nothing but what they were opened into, and
// says whether the body is such a table.
func (w *work) seal() (table bool) {
	w.sealed = append(w.sealed[:0], make([]sealing, len(w.tree.Nodes))...)
	for i := range w.tree.Leaves {
		l := &w.tree.Leaves[i]
		if s := opaque(l.Text); s != unsealed {
			w.sealed[l.Node] = s
			continue
		}
		if l.Source != decode.BodyText && l.Source != decode.FileText || l.Layers != 1 {
			continue
		}
		if n := &w.tree.Nodes[l.Node]; n.Parent >= 0 && cells.opens(n.Step.Decoder) {
			w.sealed[n.Parent] = cells
			table = table || l.Source == decode.BodyText
		}
	}
	return table
}

// redundant says that the text at a node is sealed, or was decoded from one that
// is in a way that is beside the point.
func (w *work) redundant(node int32) bool {
	if w.sealed[node] != unsealed {
		return true
	}
	for below := node; ; below = node {
		if node = w.tree.Nodes[node].Parent; node < 0 {
			return false
		}
		if !w.sealed[node].opens(w.tree.Nodes[below].Step.Decoder) {
			return true
		}
	}
}
