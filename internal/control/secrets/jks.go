package secrets

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"strings"

	keystore "github.com/pavlo-v-chernykh/keystore-go/v4"
	"golang.org/x/crypto/cryptobyte"
)

// readJKS reads the key that the alias names with its chain, or the trusted
// certificates of a file without keys.
func readJKS(in Import) (*imported, error) {
	if err := checkJKS(in.File); err != nil {
		return nil, err
	}
	ks := keystore.New(keystore.WithOrderedAliases())
	if err := ks.Load(bytes.NewReader(in.File), []byte(in.Password)); err != nil {
		if strings.Contains(err.Error(), "digest") {
			return nil, invalid("password", "is wrong for this JKS file, or the file was altered")
		}
		return nil, invalid("file", "is a damaged JKS file")
	}
	aliases := ks.Aliases()
	if len(aliases) > maxCertificates {
		return nil, invalid("file", "holds more than %d entries", maxCertificates)
	}
	var keys []string
	out := &imported{}
	for _, alias := range aliases {
		if ks.IsPrivateKeyEntry(alias) {
			keys = append(keys, alias)
			continue
		}
		entry, err := ks.GetTrustedCertificateEntry(alias)
		if err != nil {
			continue
		}
		c, err := x509.ParseCertificate(entry.Certificate.Content)
		if err != nil {
			return nil, invalid("file", "entry %q is a damaged certificate", alias)
		}
		out.chain = append(out.chain, c)
	}
	alias, err := chooseAlias(strings.ToLower(in.Alias), keys)
	if err != nil || alias == "" {
		return out, err
	}
	return readJKSKey(ks, alias, cmp.Or(in.KeyPassword, in.Password))
}

// chooseAlias finds the key that is wanted; it is "" when there are none to choose of.
func chooseAlias(wanted string, keys []string) (string, error) {
	switch {
	case wanted == "" && len(keys) == 0:
		return "", nil
	case wanted == "" && len(keys) == 1:
		return keys[0], nil
	case wanted == "":
		return "", invalid("alias", "the file holds several keys; choose one of %s", strings.Join(keys[:min(len(keys), 10)], ", "))
	case !slices.Contains(keys, wanted):
		return "", invalid("alias", "there is no key of this alias in the file")
	}
	return wanted, nil
}

func readJKSKey(ks keystore.KeyStore, alias, password string) (*imported, error) {
	entry, err := ks.GetPrivateKeyEntry(alias, []byte(password))
	if err != nil {
		return nil, invalid("keyPassword", "is wrong for the key %q", alias)
	}
	out := &imported{}
	if out.key, err = parseKey(entry.PrivateKey); err != nil {
		return nil, err
	}
	for _, one := range entry.CertificateChain {
		c, err := x509.ParseCertificate(one.Content)
		if err != nil {
			return nil, invalid("file", "the chain of %q holds a damaged certificate", alias)
		}
		out.chain = append(out.chain, c)
	}
	return out, nil
}

// checkJKS walks the lengths of a JKS file, since its reader makes room for what
// they promise.
func checkJKS(file []byte) error {
	damaged := invalid("file", "is a damaged JKS file")
	in := cryptobyte.String(file)
	var magic, version, count uint32
	if !in.ReadUint32(&magic) || !in.ReadUint32(&version) || !in.ReadUint32(&count) || version < 1 || version > 2 {
		return damaged
	}
	if count > maxCertificates {
		return invalid("file", "holds more than %d entries", maxCertificates)
	}
	text := func() bool {
		var s cryptobyte.String
		return in.ReadUint16LengthPrefixed(&s)
	}
	long := func() bool {
		var n uint32
		return in.ReadUint32(&n) && uint64(n) <= uint64(len(in)) && in.Skip(int(n))
	}
	certificate := func() bool { return (version == 1 || text()) && long() }
	for range count {
		var tag, certificates uint32
		if !in.ReadUint32(&tag) || !text() || !in.Skip(8) {
			return damaged
		}
		switch tag {
		case 1:
			if !long() || !in.ReadUint32(&certificates) || certificates > maxCertificates {
				return damaged
			}
			for range certificates {
				if !certificate() {
					return damaged
				}
			}
		case 2:
			if !certificate() {
				return damaged
			}
		default:
			return damaged
		}
	}
	return nil
}
