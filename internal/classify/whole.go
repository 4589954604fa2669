package classify

// Whole gives the class of text when one match of Find would cover all of it, ""
// otherwise. It allocates nothing.
func Whole(text string) Class {
	if text == "" {
		return ""
	}
	f := finder{text: text}
	if m := f.at(0); m.Start == 0 && m.End == len(text) {
		return m.Class
	}
	return ""
}

// Luhn tells whether digits, each a byte from 0 to 9, pass the check of ISO/IEC
// 7812-1, annex B.
func Luhn(digits []byte) bool { return luhn(digits) }
