package tokenization

// Settings are what operators set.
type Settings struct {
	// Direction says whether fields of the request or of the response are rewritten.
	Direction string `json:"direction" default:"response" enum:"request|response"`
	// Fields are the fields and how each is tokenized. Where two lead to one place, the first counts.
	Fields []Field `json:"fields" required:"true" minItems:"1"`
	// Formats are the formats that fields name.
	Formats []Format `json:"formats" required:"true" minItems:"1"`
	// Keys are the keys, the active one and those of tokens that are still about.
	Keys []Key `json:"keys" required:"true" minItems:"1"`
	// ActiveKey is the id of the key of new tokens; empty takes the first. Tokens that do not tell their key are read with this one.
	ActiveKey string `json:"activeKey" default:""`
	// KeyHeader is a header that tells by which key the tokens of a message were made: tokenization sets it, detokenization reads and removes it. A format-preserving token has no room for the id of its key, and trying keys would give false values; so whoever keeps tokens keeps this id beside them. Empty uses none.
	KeyHeader string `json:"keyHeader" default:""`
	// KeyExpression gives the id of the key by which the tokens of a message were made, as #[payload.keyId]. It is for detokenization; null and an empty text stand for keyHeader, then for the active key.
	KeyExpression string `json:"keyExpression" default:"" expr:"true"`
	// FailOnUnmatched refuses a message with a value that does not fit its format, as one that is too short to be tokenized safely. Otherwise such a value passes as it is.
	FailOnUnmatched bool `json:"failOnUnmatched" default:"true"`
	// StatusCode is that of refusals; 0 is 400 for requests and 502 for responses.
	StatusCode int `json:"statusCode" default:"0" min:"0" max:"599"`
	// BodyLimit is the length in bytes of the longest body that is rewritten; a longer one is refused.
	BodyLimit int64 `json:"bodyLimit" default:"1048576" min:"1024" max:"10485760"`
	// OnOtherContent says what happens to bodies that are neither JSON, nor XML, nor a form (application/x-www-form-urlencoded): they are refused, or pass.
	OnOtherContent string `json:"onOtherContent" default:"refuse" enum:"refuse|pass"`
	// OnStream says what happens to event streams, WebSocket and gRPC, whose messages can not be rewritten: they are refused, or pass (skip), which is recorded.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

// Field is a field and its format.
type Field struct {
	// Path leads to the field: a JSON pointer in which * stands for one name or item and ** for any number, or a dot form, as payload.customer.ssn. In XML the names are those of elements, the root first, @name an attribute; in a form those of parameters. Where it leads to an object or array, all values in it are meant. Numbers become texts.
	Path string `json:"path" default:""`
	// Expression is another name for path.
	Expression string `json:"expression" default:""`
	// Format is the name of the format.
	Format string `json:"format" required:"true" minLength:"1"`
}

// Key is a key with its id.
type Key struct {
	// ID names the key: 1 to 16 letters, digits, - and _.
	ID string `json:"id" required:"true" minLength:"1"`
	// Key are 32 bytes in base64; an AES-256 key.
	Key string `json:"key" required:"true" minLength:"1" secret:"true"`
}

// Format says which values are tokenized and what their tokens look like.
type Format struct {
	// Name is the name of the format.
	Name string `json:"name" required:"true" minLength:"1"`
	// Domain says which values there are and of what tokens consist. creditCardNumber: numbers of creditCards, also with blanks or hyphens between digits, which stay. decimal: digits. laxDecimal: digits, all other characters stay. socialSecurityNumber: nine digits, also as 123-45-6789. emailAddress: letters and digits of an address up to the last dot become letters and digits. laxAlphanumeric: letters and digits, all other characters stay. string: printable ASCII. The three ending in Preserving: letters of the named case become letters of that case and digits digits, all other characters stay. maskCharacter: a mask by maskRules, from which there is no way back.
	Domain string `json:"domain" required:"true" enum:"creditCardNumber|decimal|laxDecimal|socialSecurityNumber|emailAddress|laxAlphanumeric|string|laxUpperCaseLowerCaseDecimalPreserving|laxUpperCaseDecimalPreserving|laxLowerCaseDecimalPreserving|maskCharacter"`
	// TokenRules say what stays of a value and what marks a token.
	TokenRules TokenRules `json:"tokenRules" default:"{}"`
	// TokenFormat bounds tokens.
	TokenFormat TokenFormat `json:"tokenFormat" default:"{}"`
	// CreditCards are the numbers that creditCardNumber knows; none means the common issuers.
	CreditCards []CreditCard `json:"creditCards" default:"[]"`
	// MaskRules are those of maskCharacter.
	MaskRules *MaskRules `json:"maskRules"`
	// Tweak makes equal values of two formats equal or different tokens: equal domains with equal tweak and key give equal tokens. Empty takes the name of the format.
	Tweak string `json:"tweak" default:""`
	// KeyIDPrefix writes the id of the key and a colon before each token, so that keys can be changed. The formats of cards, social security numbers, mail addresses and decimal have no room for it.
	KeyIDPrefix bool `json:"keyIdPrefix" default:"false"`
}

// TokenRules say what stays of a value and what marks a token.
type TokenRules struct {
	// PreserveHeaderTrailer keeps the first and last characters of the domain.
	PreserveHeaderTrailer HeaderTrailer `json:"preserveHeaderTrailer" default:"{}"`
	// ForceInvalid puts letters (A for 0 to J for 9) in the place of digits, so that nobody takes a token for a value. It is for creditCardNumber, decimal and socialSecurityNumber.
	ForceInvalid *ForceInvalid `json:"forceInvalid"`
	// PreserveSSNSerialNumber keeps the last four digits of a social security number. The five that remain are too few for a safe permutation of digits; they become letters and digits.
	PreserveSSNSerialNumber bool `json:"preserveSsnSerialNumber" default:"false"`
}

// HeaderTrailer is how many characters stay at either end.
type HeaderTrailer struct {
	// HeaderPreserve is the number at the beginning.
	HeaderPreserve int `json:"headerPreserve" default:"0" min:"0" max:"12"`
	// TrailerPreserve is the number at the end.
	TrailerPreserve int `json:"trailerPreserve" default:"0" min:"0" max:"12"`
}

// ForceInvalid says where letters mark a token.
type ForceInvalid struct {
	// Width is the number of digits that become letters.
	Width int `json:"width" default:"1" min:"1" max:"2"`
	// StartOffset is the number of digits before them.
	StartOffset int `json:"startOffset" default:"0" min:"0" max:"99"`
	// From is the end from which startOffset counts.
	From string `json:"from" default:"left" enum:"left|right"`
}

// TokenFormat bounds tokens.
type TokenFormat struct {
	// CCNFormat is for creditCardNumber.
	CCNFormat CCNFormat `json:"ccnFormat" default:"{}"`
	// VariableLengthToken is for domains whose values have any length. Without it tokens have at most 1024 characters.
	VariableLengthToken *VariableLengthToken `json:"variableLengthToken"`
}

// CCNFormat says how tokens of card numbers look.
type CCNFormat struct {
	// ValidLuhnDigit makes tokens pass Luhn's check. It asks for luhnCheck on every card. One digit is then given by the others.
	ValidLuhnDigit bool `json:"validLuhnDigit" default:"false"`
}

// VariableLengthToken bounds the length of tokens.
type VariableLengthToken struct {
	// MaximumTokenLength is the length of the longest token, the id of a key included; values of which tokens would be longer do not fit the format.
	MaximumTokenLength int `json:"maximumTokenLength" default:"32" min:"2" max:"8192"`
}

// CreditCard is a range of card numbers.
type CreditCard struct {
	// Name is the issuer.
	Name string `json:"name" default:""`
	// StartPrefix are the first digits of the lowest number.
	StartPrefix string `json:"startPrefix" required:"true" minLength:"1"`
	// EndPrefix are the first digits of the highest number, as many as startPrefix has; empty is startPrefix.
	EndPrefix string `json:"endPrefix" default:""`
	// LuhnCheck asks that the number passes Luhn's check.
	LuhnCheck bool `json:"luhnCheck" default:"true"`
	// NumberOfDigits is the length of the number.
	NumberOfDigits int `json:"numberOfDigits" default:"16" min:"12" max:"19"`
}

// MaskRules are those of maskCharacter.
type MaskRules struct {
	// MaskChar is the character of the mask.
	MaskChar string `json:"maskChar" default:"*" minLength:"1"`
	// IgnoreChars are characters that stay where they are, as hyphens.
	IgnoreChars string `json:"ignoreChars" default:""`
	// PreserveHeaderTrailer keeps the first and last characters of those not ignored. A value that has no more than these is masked as a whole.
	PreserveHeaderTrailer HeaderTrailer `json:"preserveHeaderTrailer" default:"{}"`
}
