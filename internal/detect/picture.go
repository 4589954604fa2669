package detect

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// pictureMagic is how the content of harmless data URLs begins.
var pictureMagic = map[string][]string{
	"data:image/png;base64,":       {"\x89PNG\r\n\x1a\n"},
	"data:image/jpeg;base64,":      {"\xff\xd8\xff"},
	"data:image/jpg;base64,":       {"\xff\xd8\xff"},
	"data:image/gif;base64,":       {"GIF87a", "GIF89a"},
	"data:image/webp;base64,":      {"RIFF"},
	"data:application/pdf;base64,": {"%PDF-"},
}

// embeddedPicture says that a value is a data URL which holds the picture or
// document that it claims, and no program text. The rules would take the mere
// words of such an address for an attack.
func embeddedPicture(value string) bool {
	if !strings.HasPrefix(value, "data:") {
		return false
	}
	comma := strings.IndexByte(value, ',')
	if comma < 0 {
		return false
	}
	magic, ok := pictureMagic[value[:comma+1]]
	if !ok {
		return false
	}
	content, err := base64.StdEncoding.DecodeString(value[comma+1:])
	if err != nil || bytes.Contains(content, []byte("<?")) || bytes.Contains(bytes.ToLower(content), []byte("<script")) {
		return false
	}
	for _, begin := range magic {
		if bytes.HasPrefix(content, []byte(begin)) {
			return true
		}
	}
	return false
}
