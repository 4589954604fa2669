package secret

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
)

// storedForm is a reference to a kept secret: GROUP/NAME, the field of it where it
// has several, and the versions that it is pinned to.
var storedForm = regexp.MustCompile(`^\$\{secret:([A-Za-z0-9][A-Za-z0-9_-]{2,34})/([A-Za-z0-9][A-Za-z0-9_-]{0,63})(?:\.([A-Za-z]{1,32}))?(?:@([0-9]{1,9}(?:-[0-9]{1,9}){0,5}))?\}$`)

// storedPrefix is how every reference to a kept secret begins.
const storedPrefix = "${secret:"

// Stored is a reference to a secret that Farrier keeps, as a setting holds it:
// "${secret:GROUP/NAME}" or "${secret:GROUP/NAME.FIELD}". In a revision it is pinned
// to the version that serves: "${secret:GROUP/NAME@7}".
type Stored struct {
	Group, Name, Field string
	// Pins are the version of the secret and, for what is made of several, those of
	// its parts; none says that the current one is meant.
	Pins []int
}

// IsStored reports whether a setting is meant as a reference to a kept secret.
func IsStored(value string) bool { return strings.HasPrefix(value, storedPrefix) }

// ParseStored reads a reference.
func ParseStored(value string) (Stored, error) {
	m := storedForm.FindStringSubmatch(value)
	if m == nil {
		return Stored{}, errors.New("this is no reference to a secret; write ${secret:GROUP/NAME} or ${secret:GROUP/NAME.FIELD}")
	}
	ref := Stored{Group: m[1], Name: m[2], Field: m[3]}
	if m[4] != "" {
		for pin := range strings.SplitSeq(m[4], "-") {
			n, err := strconv.Atoi(pin)
			if err != nil {
				return Stored{}, err
			}
			ref.Pins = append(ref.Pins, n)
		}
	}
	return ref, nil
}

// String writes the reference as ParseStored reads it.
func (s Stored) String() string {
	var b strings.Builder
	b.WriteString(storedPrefix + s.Group + "/" + s.Name)
	if s.Field != "" {
		b.WriteString("." + s.Field)
	}
	for i, pin := range s.Pins {
		b.WriteByte("@-"[min(i, 1)])
		b.WriteString(strconv.Itoa(pin))
	}
	b.WriteByte('}')
	return b.String()
}

// Bare is the reference without its pins.
func (s Stored) Bare() Stored {
	s.Pins = nil
	return s
}
