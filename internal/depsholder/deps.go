//go:build holder

package depsholder

import (
	_ "github.com/crewjam/saml"
	_ "github.com/go-webauthn/webauthn/webauthn"
	_ "github.com/google/jsonschema-go/jsonschema"
	_ "github.com/jackc/pgx/v5/stdlib"
	_ "github.com/pavlo-v-chernykh/keystore-go/v4"
	_ "github.com/twmb/franz-go/pkg/kfake"
	_ "github.com/twmb/franz-go/pkg/kgo"
	_ "golang.org/x/crypto/acme"
	_ "software.sslmate.com/src/go-pkcs12"
)
