package tokenization

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"farrier.dev/farrier/internal/secret/ff1"
)

// format is a Format, checked.
type format struct {
	Format
	cards          []card
	header, tail   int
	tweak          []byte
	longest        int
	maskRune, keep string
}

// defaultCards are the numbers of the common issuers.
var defaultCards = [...]CreditCard{
	{"Visa", "4", "", true, 13},
	{"Visa", "4", "", true, 16},
	{"Visa", "4", "", true, 19},
	{"Mastercard", "51", "55", true, 16},
	{"Mastercard", "2221", "2720", true, 16},
	{"American Express", "34", "", true, 15},
	{"American Express", "37", "", true, 15},
	{"Discover", "6011", "", true, 16},
	{"Discover", "644", "659", true, 16},
	{"JCB", "3528", "3589", true, 16},
	{"Diners Club", "300", "305", true, 14},
	{"Diners Club", "36", "", true, 14},
	{"Diners Club", "38", "39", true, 14},
	{"UnionPay", "62", "", true, 16},
}

// card is a CreditCard, checked.
type card struct {
	from, to string
	luhn     bool
	digits   int
}

// longestToken is the length of the longest token without variableLengthToken.
// The cost of a token grows with the square of its length.
const longestToken = 1024

func compileFormat(f Format) (*format, error) {
	c := &format{Format: f, header: f.TokenRules.PreserveHeaderTrailer.HeaderPreserve, tail: f.TokenRules.PreserveHeaderTrailer.TrailerPreserve}
	c.longest = longestToken
	if f.Tweak == "" {
		c.Tweak = f.Name
	}
	const longestTweak = 256
	if len(c.Tweak) > longestTweak {
		return nil, fmt.Errorf("tweak: longer than %d bytes", longestTweak)
	}
	c.tweak = append([]byte(c.Tweak), 0)
	if err := c.checkRules(); err != nil {
		return nil, err
	}
	if v := f.TokenFormat.VariableLengthToken; v != nil {
		if slices.Contains(fixedLength, f.Domain) {
			return nil, errors.New("tokenFormat.variableLengthToken: the domain has lengths of its own; remove it")
		}
		c.longest = v.MaximumTokenLength
	}
	if f.KeyIDPrefix && (slices.Contains(fixedLength, f.Domain) || f.Domain == "decimal" || f.Domain == "emailAddress") {
		return nil, fmt.Errorf("keyIdPrefix: tokens of %s have no room for the id of a key; use keyHeader, or another domain", f.Domain)
	}
	if f.Domain == "maskCharacter" {
		return c, c.compileMask()
	}
	if f.MaskRules != nil {
		return nil, errors.New("maskRules: they are for maskCharacter; remove them or change the domain")
	}
	return c, c.compileNumbers()
}

// fixedLength are the domains whose values have lengths of their own.
var fixedLength = []string{"creditCardNumber", "socialSecurityNumber", "maskCharacter"}

// checkRules refuses rules that are not for the domain.
func (c *format) checkRules() error {
	invalid := c.TokenRules.ForceInvalid
	switch {
	case invalid != nil && c.Domain != "creditCardNumber" && c.Domain != "decimal" && c.Domain != "socialSecurityNumber":
		return errors.New("tokenRules.forceInvalid: only creditCardNumber, decimal and socialSecurityNumber have characters to spare; remove it")
	case c.TokenRules.PreserveSSNSerialNumber && c.Domain != "socialSecurityNumber":
		return errors.New("tokenRules.preserveSsnSerialNumber: it is for socialSecurityNumber; remove it")
	case c.TokenRules.PreserveSSNSerialNumber && invalid != nil:
		return errors.New("tokenRules.forceInvalid: with preserveSsnSerialNumber tokens hold letters already; remove it")
	case c.TokenFormat.CCNFormat.ValidLuhnDigit && c.Domain != "creditCardNumber":
		return errors.New("tokenFormat.ccnFormat.validLuhnDigit: it is for creditCardNumber; remove it")
	case c.TokenFormat.CCNFormat.ValidLuhnDigit && invalid != nil:
		return errors.New("tokenRules.forceInvalid: contradicts validLuhnDigit; remove one")
	case len(c.CreditCards) > 0 && c.Domain != "creditCardNumber":
		return errors.New("creditCards: they are for creditCardNumber; remove them or change the domain")
	case c.Domain == "maskCharacter" && (c.header+c.tail > 0 || invalid != nil):
		return errors.New("tokenRules: a mask has maskRules instead; remove them")
	}
	return nil
}

func (c *format) compileMask() error {
	rules := MaskRules{MaskChar: "*"}
	if c.MaskRules != nil {
		rules = *c.MaskRules
	}
	if utf8.RuneCountInString(rules.MaskChar) != 1 {
		return errors.New("maskRules.maskChar: must be one character")
	}
	c.maskRune, c.keep = rules.MaskChar, rules.IgnoreChars
	c.header, c.tail = rules.PreserveHeaderTrailer.HeaderPreserve, rules.PreserveHeaderTrailer.TrailerPreserve
	return nil
}

// compileNumbers checks that enough of a number is tokenized.
func (c *format) compileNumbers() error {
	if c.TokenRules.PreserveSSNSerialNumber {
		c.tail = max(c.tail, 4)
	}
	if c.Domain == "socialSecurityNumber" {
		radix := len(decimals)
		if c.TokenRules.PreserveSSNSerialNumber {
			radix = len(base36)
		}
		return enough("tokenRules", radix, 9-c.header-c.tail)
	}
	if c.Domain != "creditCardNumber" {
		return nil
	}
	cards := c.CreditCards
	if len(cards) == 0 {
		cards = defaultCards[:]
	}
	for i, one := range cards {
		if one.EndPrefix == "" {
			one.EndPrefix = one.StartPrefix
		}
		at := fmt.Sprintf("creditCards[%d]", i)
		digits := func(s string) bool { return s != "" && strings.Trim(s, decimals) == "" }
		switch {
		case !digits(one.StartPrefix) || !digits(one.EndPrefix) || len(one.StartPrefix) != len(one.EndPrefix) || one.StartPrefix > one.EndPrefix || len(one.StartPrefix) > 12:
			return errors.New(at + ": startPrefix and endPrefix must be two beginnings of equal length, at most 12 digits, the lower one first")
		case c.TokenFormat.CCNFormat.ValidLuhnDigit && !one.LuhnCheck:
			return errors.New(at + ".luhnCheck: validLuhnDigit asks for numbers that pass Luhn's check; set it, or validLuhnDigit to false")
		}
		left := one.NumberOfDigits - c.header - c.tail
		if c.TokenFormat.CCNFormat.ValidLuhnDigit {
			left--
		}
		if err := enough(at, len(decimals), left); err != nil {
			return err
		}
		c.cards = append(c.cards, card{one.StartPrefix, one.EndPrefix, one.LuhnCheck, one.NumberOfDigits})
	}
	return nil
}

func enough(at string, radix, places int) error {
	if math.Pow(float64(radix), float64(max(0, places))) < ff1.MinDomain {
		return fmt.Errorf("%s: only %d characters are left to be tokenized, of which fewer than 1,000,000 exist; preserve fewer (and without validLuhnDigit one more is left)", at, max(0, places))
	}
	return nil
}

// known says whether a number is that of a card.
func (c *format) known(cells []cell) bool {
	var room [19]byte
	number := room[:0]
	for _, one := range cells {
		number = append(number, decimals[one.numeral])
	}
	return slices.ContainsFunc(c.cards, func(one card) bool {
		if len(number) != one.digits || one.luhn && luhnOf(cells) != 0 {
			return false
		}
		prefix := string(number[:len(one.from)])
		return one.from <= prefix && prefix <= one.to
	})
}
