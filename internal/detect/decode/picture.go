package decode

import (
	"bytes"
	"encoding/base64"
	"strings"
)

const dataURL = "data:"

// pictures are how the contents of harmless data URLs begin.
var pictures = map[string][]string{
	"data:image/png;base64":       {"\x89PNG\r\n\x1a\n"},
	"data:image/jpeg;base64":      {"\xff\xd8\xff"},
	"data:image/jpg;base64":       {"\xff\xd8\xff"},
	"data:image/gif;base64":       {"GIF87a", "GIF89a"},
	"data:image/webp;base64":      {"RIFF"},
	"data:application/pdf;base64": {"%PDF-"},
}

// embeddedPicture says that a value is a data URL which holds the picture or
// document that it claims, and no program text. Rules would take the mere words
// of such an address for an attack.
func (t *Tree) embeddedPicture(value string) bool {
	head, coded, ok := strings.Cut(value, ",")
	magic, known := pictures[head]
	if !ok || !known {
		return false
	}
	if n := base64.StdEncoding.DecodedLen(len(coded)); cap(t.scrap) < n {
		t.scrap = make([]byte, 0, n)
	}
	content, err := base64.StdEncoding.AppendDecode(t.scrap[:0], asBytes(coded))
	if err != nil || bytes.Contains(content, []byte("<?")) || containsFold(content, "<script") {
		return false
	}
	for _, begin := range magic {
		if bytes.HasPrefix(content, []byte(begin)) {
			return true
		}
	}
	return false
}

// containsFold says whether text holds word, which is in lower case, in any
// spelling of its ASCII letters.
func containsFold(text []byte, word string) bool {
	for {
		i := bytes.IndexByte(text, word[0])
		if i < 0 || len(text)-i < len(word) {
			return false
		}
		if strings.EqualFold(asText(text[i:i+len(word)]), word) {
			return true
		}
		text = text[i+1:]
	}
}

// magics are how binary contents begin that hold nothing to judge, and what
// they are.
var magics = []struct{ begin, name string }{
	{"\x89PNG\r\n\x1a\n", "png"},
	{"\xff\xd8\xff", "jpeg"},
	{"GIF87a", "gif"},
	{"GIF89a", "gif"},
	{"RIFF", "riff"},
	{"%PDF-", "pdf"},
	{"PK\x03\x04", "zip"},
	{"PK\x05\x06", "zip"},
	{"BM", "bmp"},
	{"II*\x00", "tiff"},
	{"MM\x00*", "tiff"},
	{"\x00\x00\x01\x00", "icon"},
	{"OggS", "ogg"},
	{"ID3", "mp3"},
	{"fLaC", "flac"},
	{"\x1aE\xdf\xa3", "matroska"},
	{"wOFF", "font"},
	{"wOF2", "font"},
	{"7z\xbc\xaf\x27\x1c", "7z"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"},
}

// programs are how programs begin that hide in pictures.
var programs = [...]string{"<?php", "<?=", "<%@", "<%=", "<script", "<jsp:", "#!/"}

// binaryName says what a binary content is by its magic number, or "". A picture
// that holds the beginning of a program is none.
func binaryName(content string) string {
	name := magicName(content)
	if name == "" || name == "zip" || name == "pdf" {
		return name
	}
	for _, p := range programs {
		if strings.Contains(content[:min(len(content), maxPicture)], p) {
			return ""
		}
	}
	return name
}

// maxPicture is how far a picture is looked at for programs, in bytes.
const maxPicture = 8 << 10

func magicName(content string) string {
	for _, m := range magics {
		if strings.HasPrefix(content, m.begin) {
			return m.name
		}
	}
	if len(content) > 12 && content[4:8] == "ftyp" {
		return "mp4"
	}
	return ""
}
