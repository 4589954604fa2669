package tokenization

import (
	"strings"
)

// tokenize makes the token of a value under a key.
func (c *format) tokenize(value string, k *key) (string, error) {
	switch {
	case c.Domain == "maskCharacter":
		return c.mask(value), nil
	case len(value) > c.longest:
		return "", errLong
	}
	cells, err := c.read(value)
	if err != nil {
		return "", err
	}
	if c.Domain == "creditCardNumber" && !c.known(cells) {
		return "", errDomain
	}
	if err := c.permute(cells, k, true); err != nil {
		return "", err
	}
	token := c.spoil(write(value, cells), cells)
	if c.KeyIDPrefix {
		token = k.id + ":" + token
	}
	if len(token) > c.longest {
		return "", errLong
	}
	return token, nil
}

// detokenize gives the value of a token. The key is that which the token names,
// where its format has room for a name.
func (c *format) detokenize(token string, k *key, all map[string]*key) (string, error) {
	if len(token) > c.longest {
		return "", errToken
	}
	if c.KeyIDPrefix {
		id, rest, ok := strings.Cut(token, ":")
		if k = all[id]; !ok || k == nil {
			return "", errKey
		}
		token = rest
	}
	text, ok := c.mend(token)
	if !ok {
		return "", errToken
	}
	cells, err := c.readToken(text)
	if err != nil {
		return "", errToken
	}
	if c.TokenFormat.CCNFormat.ValidLuhnDigit && luhnOf(cells) != 0 {
		return "", errToken
	}
	if err := c.permute(cells, k, false); err != nil {
		return "", err
	}
	if c.Domain == "creditCardNumber" && !c.known(cells) {
		return "", errToken
	}
	if c.TokenRules.PreserveSSNSerialNumber {
		for _, one := range cells {
			if int(one.numeral) >= len(decimals) {
				return "", errToken
			}
		}
	}
	return write(text, cells), nil
}

// read finds the characters of a value that take part.
func (c *format) read(value string) ([]cell, error) {
	switch c.Domain {
	case "creditCardNumber":
		return digitsOf(value, " -")
	case "socialSecurityNumber":
		cells, err := digitsOf(value, "-")
		if err != nil || len(cells) != 9 || len(value) != 9 && (len(value) != 11 || value[3] != '-' || value[6] != '-') {
			return nil, errDomain
		}
		if c.TokenRules.PreserveSSNSerialNumber {
			wide(cells)
		}
		return cells, nil
	case "decimal":
		return cellsOf(value, false, decimals)
	case "laxDecimal":
		return cellsOf(value, true, decimals)
	case "emailAddress":
		return mailCells(value)
	case "laxAlphanumeric":
		return cellsOf(value, true, base62)
	case "string":
		return cellsOf(value, false, printable)
	case "laxUpperCaseLowerCaseDecimalPreserving":
		return cellsOf(value, true, decimals, uppers, lowers)
	case "laxUpperCaseDecimalPreserving":
		return cellsOf(value, true, decimals, uppers)
	case "laxLowerCaseDecimalPreserving":
		return cellsOf(value, true, decimals, lowers)
	}
	return nil, errDomain
}

// wide gives the digits before the serial number more characters.
func wide(cells []cell) {
	for i := range cells[:5] {
		cells[i].alphabet = base36
	}
}

// readToken is read for a token.
func (c *format) readToken(token string) ([]cell, error) {
	if !c.TokenRules.PreserveSSNSerialNumber {
		return c.read(token)
	}
	// The first five places hold letters too; digits in their place show the shape.
	plain := []byte(token)
	for i, seen := 0, 0; i < len(plain) && seen < 5; i++ {
		if strings.IndexByte(base36, plain[i]) >= 0 {
			plain[i], seen = '0', seen+1
		}
	}
	cells, err := c.read(string(plain))
	if err != nil {
		return nil, err
	}
	for i := range cells {
		cells[i].numeral = uint16(strings.IndexByte(base36, token[cells[i].at])) //nolint:gosec // below 36
	}
	return cells, nil
}

// mailCells are the letters and digits of an address up to its last dot, which
// stands in the host name.
func mailCells(value string) ([]cell, error) {
	at, dot := strings.IndexByte(value, '@'), strings.LastIndexByte(value, '.')
	if at < 1 || dot < at+2 || dot == len(value)-1 || strings.Count(value, "@") > 1 {
		return nil, errDomain
	}
	for i := range len(value) {
		if value[i] <= ' ' || value[i] >= 0x7F {
			return nil, errDomain
		}
	}
	return cellsOf(value[:dot], true, decimals, uppers, lowers)
}

// permute replaces the characters that are not preserved. Those that are go into
// the tweak: equal middles of two values do not become equal.
func (c *format) permute(cells []cell, k *key, encrypt bool) error {
	if c.header+c.tail >= len(cells) {
		return errShort
	}
	tweak := make([]byte, 0, len(c.tweak)+c.header+c.tail)
	tweak = append(tweak, c.tweak...)
	for i, one := range cells {
		if i < c.header || i >= len(cells)-c.tail {
			tweak = append(tweak, one.alphabet[one.numeral])
		}
	}
	last := len(cells) - c.tail
	if !c.TokenFormat.CCNFormat.ValidLuhnDigit {
		return k.ciphers.permute(cells[c.header:last], tweak, encrypt)
	}
	// The number passes Luhn's check before and after: its last free digit follows
	// from the others.
	if err := k.ciphers.permute(cells[c.header:last-1], tweak, encrypt); err != nil {
		return err
	}
	fixLuhn(cells, last-1)
	return nil
}

// forced is the range of digits, counted from the left, that become letters.
func (c *format) forced(digits int) (from, to int, ok bool) {
	f := c.TokenRules.ForceInvalid
	if f == nil {
		return 0, 0, true
	}
	if from = f.StartOffset; f.From == "right" {
		from = digits - f.StartOffset - f.Width
	}
	return from, from + f.Width, from >= 0 && from+f.Width <= digits
}

const letters = "ABCDEFGHIJ"

// spoil puts letters in the place of digits. Where the value is too short for
// that, its token is not marked; mend then expects none.
func (c *format) spoil(token string, cells []cell) string {
	from, to, ok := c.forced(len(cells))
	if !ok || from == to {
		return token
	}
	out := []byte(token)
	for _, one := range cells[from:to] {
		out[one.at] = letters[one.numeral]
	}
	return string(out)
}

// mend undoes spoil and says whether the token was marked as it must be.
func (c *format) mend(token string) (string, bool) {
	if c.TokenRules.ForceInvalid == nil {
		return token, true
	}
	marked := func(b byte) bool { return b >= 'A' && b <= 'J' }
	digits := 0
	for i := range len(token) {
		if b := token[i]; marked(b) || b >= '0' && b <= '9' {
			digits++
		}
	}
	from, to, ok := c.forced(digits)
	out := []byte(token)
	n := 0
	for i, b := range out {
		if !marked(b) && (b < '0' || b > '9') {
			continue
		}
		if want := ok && n >= from && n < to; want != marked(b) {
			return "", false
		}
		if marked(b) {
			out[i] = b - 'A' + '0'
		}
		n++
	}
	return string(out), true
}

// mask puts the mask in the place of all that is not kept.
func (c *format) mask(value string) string {
	count := 0
	for _, r := range value {
		if !strings.ContainsRune(c.keep, r) {
			count++
		}
	}
	header, tail := c.header, c.tail
	if header+tail >= count {
		header, tail = 0, 0
	}
	var b strings.Builder
	n := 0
	for _, r := range value {
		switch {
		case strings.ContainsRune(c.keep, r):
			b.WriteRune(r)
			continue
		case n < header || n >= count-tail:
			b.WriteRune(r)
		default:
			b.WriteString(c.maskRune)
		}
		n++
	}
	return b.String()
}
