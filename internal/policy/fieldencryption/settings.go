package fieldencryption

// Settings are what operators set.
type Settings struct {
	// Direction says whether fields of the request or of the response are meant. To keep fields encrypted with the service, encrypt requests and decrypt responses.
	Direction string `json:"direction" required:"true" enum:"request|response"`
	// Fields are the fields. Where two lead to one place, the first counts.
	Fields []Field `json:"fields" required:"true" minItems:"1"`
	// Form says how values are written. aes-gcm: enc:v1:KEY:DATA, encrypted by AES-256-GCM, for those who have the same key. jwe: a compact JSON Web Encryption (RFC 7516) with the content encryption A256GCM, for those who bring keys of their own; empty texts of XML and forms stay, since not all read a JWE of nothing. Nothing else is accepted.
	Form string `json:"form" default:"aes-gcm" enum:"aes-gcm|jwe"`
	// Keys are the keys, the active one and those of values that are still about.
	Keys []Key `json:"keys" required:"true" minItems:"1"`
	// ActiveKey is the id of the key that new values are encrypted with; empty takes the first.
	ActiveKey string `json:"activeKey" default:""`
	// Scope is what values are bound to beside the context of their field: a value that was moved to another scope or field is refused. Empty is the name of the API; give two APIs one scope to let one read what the other wrote.
	Scope string `json:"scope" default:""`
	// RequireContext refuses a JWE that is not bound to scope and context by the parameter ctx of its protected header, as those that others made are not. It is for field-decryption.
	RequireContext bool `json:"requireContext" default:"true"`
	// OnPlain says what field-decryption does with a value that is not encrypted: it refuses the message, or lets the value pass, while not all are encrypted yet.
	OnPlain string `json:"onPlain" default:"refuse" enum:"refuse|pass"`
	// StatusCode is that of refusals; 0 is 400 for requests and 502 for responses.
	StatusCode int `json:"statusCode" default:"0" min:"0" max:"599"`
	// MaxFields is how many values of one message may be encrypted or decrypted; each costs time, most with RSA.
	MaxFields int `json:"maxFields" default:"100" min:"1" max:"100000"`
	// BodyLimit is the length in bytes of the longest body; a longer one is refused.
	BodyLimit int64 `json:"bodyLimit" default:"1048576" min:"1024" max:"10485760"`
	// OnOtherContent says what happens to bodies that are neither JSON, nor XML, nor a form (application/x-www-form-urlencoded): they are refused, or pass.
	OnOtherContent string `json:"onOtherContent" default:"refuse" enum:"refuse|pass"`
	// OnStream says what happens to event streams, WebSocket and gRPC, whose messages can not be rewritten: they are refused, or pass (skip), which is recorded.
	OnStream string `json:"onStream" default:"refuse" enum:"refuse|skip"`
}

// Field is a field that is encrypted as a whole.
type Field struct {
	// Path leads to the field: a JSON pointer in which * stands for one name or item and ** for any number, or a dot form, as payload.customer.ssn. In XML the names are those of elements, the root first, @name an attribute; in a form those of parameters. Objects, arrays and elements are encrypted whole, with all that is in them; null stays.
	Path string `json:"path" required:"true" minLength:"1"`
	// Context is what values of the field are bound to; empty is the path as it is written. Give it where two paths lead to the same values, as /ssn and /customers/*/ssn.
	Context string `json:"context" default:""`
}

// Key is a key with its id.
type Key struct {
	// ID names the key in values: 1 to 64 letters, digits, -, _ and dots.
	ID string `json:"id" required:"true" minLength:"1"`
	// Key is 32 bytes in base64 (aes-gcm, and jwe with alg dir), or for jwe a key in PEM or as a JWK: RSA of at least 2048 bits (RSA-OAEP-256) or EC (ECDH-ES). A public key can encrypt only.
	Key string `json:"key" required:"true" minLength:"1" secret:"true"`
}
