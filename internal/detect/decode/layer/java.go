package layer

// Type codes of Java's object streams (Java Object Serialization Specification,
// section 6.4.2).
const (
	tcClassDesc  = 0x72
	tcString     = 0x74
	tcLongString = 0x7c
)

// java hands out class names and strings of a serialised object. It looks for
// their type codes instead of following the grammar, which needs the classes;
// what merely looks like a string is judged as text and does no harm.
func (o *opener) java() {
	text := o.text
	if len(text) < 5 || text[0] != 0xac || text[1] != 0xed {
		return
	}
	bad := 0 // the first byte from here on that is no text
	for i := 4; i+3 < len(text) && !o.stopped; {
		name, start, n := "string", i+3, int(text[i+1])<<8|int(text[i+2])
		switch text[i] {
		case tcClassDesc:
			name = "class"
			if n > maxClassName {
				n = 0
			}
		case tcString:
		case tcLongString:
			if i+9 > len(text) || text[i+1]|text[i+2]|text[i+3]|text[i+4] != 0 {
				i++
				continue
			}
			start = i + 9
			n = int(text[i+5])<<24 | int(text[i+6])<<16 | int(text[i+7])<<8 | int(text[i+8])
		default:
			i++
			continue
		}
		if n == 0 || n > len(text)-start {
			i++
			continue
		}
		for bad = max(bad, start); bad < len(text) && !isJunk(text[bad]); {
			bad++
		}
		if bad < start+n && !mostlyText(text[start:min(start+n, start+4096)], bad-start) {
			i++
			continue
		}
		if !o.emit(Java, name, text[start:start+n]) {
			return
		}
		i = start + n
	}
}

// isJunk tells the bytes that text does not hold.
func isJunk(c byte) bool { return c < 0x20 && !isBlank(c) || c == 0x7f }

// mostlyText forgives junk in a string whose first clean bytes are many: else
// one control character would hide an attack.
func mostlyText(s string, clean int) bool { return clean >= 16 || clean*10 >= len(s)*9 }
