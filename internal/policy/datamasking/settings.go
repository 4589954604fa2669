package datamasking

// Settings are what operators set.
type Settings struct {
	// Direction says whether requests, responses or both are masked.
	Direction string `json:"direction" default:"response" enum:"request|response|both"`
	// Fields are the fields of bodies that are masked. Where two lead to one place, the first counts.
	Fields []Field `json:"fields" default:"[]"`
	// Headers are the headers that are masked.
	Headers []Header `json:"headers" default:"[]"`
	// Detect masks what looks like sensitive data in all values of bodies to which no field leads. It recognises forms and is no proof of absence: what must be masked belongs into fields.
	Detect []Detection `json:"detect" default:"[]"`
	// ClearFor are callers who read clear text. A cache in front of this policy would give what they read to others; keep responses behind it.
	ClearFor ClearFor `json:"clearFor" default:"{}"`
	// HashKey is the key of hash masks, at least 16 characters.
	HashKey string `json:"hashKey" default:"" secret:"true"`
	// StatusCode is that of refusals; 0 is 400 for requests and 502 for responses.
	StatusCode int `json:"statusCode" default:"0" min:"0" max:"599"`
	// BodyLimit is the length in bytes of the longest body that is masked; a longer one is refused.
	BodyLimit int64 `json:"bodyLimit" default:"1048576" min:"1024" max:"10485760"`
	// OnOtherContent says what happens to bodies that are neither JSON, nor XML, nor a form (application/x-www-form-urlencoded): they are refused, or pass unmasked.
	OnOtherContent string `json:"onOtherContent" default:"refuse" enum:"refuse|pass"`
	// OnStream says what happens to event streams, WebSocket and gRPC, whose messages can not be rewritten: they are refused, or pass unmasked (skip), which is recorded.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

// Masking says what is put in the place of a value.
type Masking struct {
	// Mask is what becomes of a value. full: eight mask characters, which do not tell its length. partial: keepFirst and keepLast characters stay, each other becomes a mask character. hash: 32 hexadecimal digits of its HMAC-SHA-256 under hashKey, equal for equal values. remove: the field is taken out. null: null in JSON, nothing in XML and forms. Numbers and truth values become texts.
	Mask string `json:"mask" default:"full" enum:"full|partial|hash|remove|null"`
	// KeepFirst is how many characters partial keeps at the beginning. A value that is no longer than what would be kept is masked as by full.
	KeepFirst int `json:"keepFirst" default:"0" min:"0" max:"64"`
	// KeepLast is how many characters partial keeps at the end.
	KeepLast int `json:"keepLast" default:"0" min:"0" max:"64"`
	// MaskCharacter is the character of the mask.
	MaskCharacter string `json:"maskCharacter" default:"*" minLength:"1"`
}

// Field is a field of a body.
type Field struct {
	// Path leads to the field: a JSON pointer in which * stands for one name or item and ** for any number, or a dot form, as payload.customer.ssn. In XML the names are those of elements, the root first, @name an attribute; in a form those of parameters. Where it leads to an object or array, all values in it are meant.
	Path string `json:"path" required:"true" minLength:"1"`
	Masking
}

// Header is a header.
type Header struct {
	// Name is its name, in any case.
	Name string `json:"name" required:"true" minLength:"1"`
	Masking
}

// Detection is a kind of data that is masked wherever it stands.
type Detection struct {
	// Types are the kinds: email, card (known issuers, with Luhn's check), iban (with its check), ssn (with hyphens), phone (E.164, with the plus sign), jwt, private-key, aws-key, github-token, gitlab-token, slack-token, stripe-key, google-key, api-key, credentials, secret, token.
	Types []string `json:"types" required:"true" minItems:"1"`
	Masking
}

// ClearFor are callers who read clear text: one that is enough.
type ClearFor struct {
	// Clients are the ids of client applications that an earlier policy verified.
	Clients []string `json:"clients" default:"[]"`
	// Roles are those of which the caller has one.
	Roles []string `json:"roles" default:"[]"`
	// Scopes are those of which the token has one.
	Scopes []string `json:"scopes" default:"[]"`
	// RolesClaim leads to the claim that holds the roles, a list or words in one text, as realm_access.roles.
	RolesClaim string `json:"rolesClaim" default:"roles" minLength:"1"`
	// ScopesClaim leads to the claim that holds the scopes; empty takes scope, then scp.
	ScopesClaim string `json:"scopesClaim" default:""`
}
