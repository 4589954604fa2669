package secrets

import "slices"

// Kind is what a secret is.
type Kind string

// The kinds. The last four are Anypoint's shared secrets.
const (
	Keystore         Kind = "keystore"
	Truststore       Kind = "truststore"
	Certificate      Kind = "certificate"
	Pinset           Kind = "certificate-pinset"
	TLSContext       Kind = "tls-context"
	CRL              Kind = "crl-distributor"
	UsernamePassword Kind = "username-password"
	SymmetricKey     Kind = "symmetric-key"
	S3Credential     Kind = "s3-credential" //nolint:gosec // the name of a kind
	Blob             Kind = "blob"
)

// Kinds lists every kind.
func Kinds() []Kind {
	return []Kind{Keystore, Truststore, Certificate, Pinset, TLSContext, CRL, UsernamePassword, SymmetricKey, S3Credential, Blob}
}

// Title is the kind for people.
func (k Kind) Title() string {
	switch k {
	case Keystore:
		return "Keystore"
	case Truststore:
		return "Truststore"
	case Certificate:
		return "Certificate"
	case Pinset:
		return "Certificate pinset"
	case TLSContext:
		return "TLS context"
	case CRL:
		return "CRL distributor"
	case UsernamePassword:
		return "User name and password"
	case SymmetricKey:
		return "Symmetric key"
	case S3Credential:
		return "S3 credential"
	case Blob:
		return "Blob"
	}
	return string(k)
}

// Fields are the names by which a reference picks a part of a secret of the kind.
func (k Kind) Fields() []string {
	switch k {
	case Keystore:
		return []string{"key", "certificate"}
	case Truststore:
		return []string{"certificates"}
	case Certificate:
		return []string{"certificate"}
	case Pinset:
		return []string{"pins"}
	case TLSContext:
		return []string{"settings"}
	case CRL:
		return []string{"crl", "url"}
	case UsernamePassword:
		return []string{"password", "username"}
	case SymmetricKey:
		return []string{"key"}
	case S3Credential:
		return []string{"secretAccessKey", "accessKeyId"}
	case Blob:
		return []string{"value"}
	}
	return nil
}

// field is the field that a reference means: the first of the kind when it names
// none, unless both are needed together.
func (k Kind) field(name string) (string, bool) {
	fields := k.Fields()
	if name == "" && k != Keystore && len(fields) > 0 {
		return fields[0], true
	}
	return name, slices.Contains(fields, name)
}

// Generated is the field that scheduled rotation makes anew, empty when the kind
// can't be made here.
func (k Kind) Generated() string {
	switch k {
	case UsernamePassword:
		return "password"
	case SymmetricKey:
		return "key"
	case Keystore, Truststore, Certificate, Pinset, TLSContext, CRL, S3Credential, Blob:
		return ""
	}
	return ""
}
