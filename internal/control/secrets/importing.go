package secrets

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	pkcs12 "software.sslmate.com/src/go-pkcs12"
)

// Import is a file as it was handed in.
type Import struct {
	File []byte
	// Format is pem, pkcs12 or jks; empty finds it out.
	Format string
	// Password opens the file, KeyPassword the key in a JKS where it has one of its
	// own, Alias picks the entry of a JKS that holds several.
	Password, KeyPassword, Alias string
}

const (
	// maxCertificates bounds the certificates of one secret.
	maxCertificates = 1000
	// maxIterations bounds what the derivation of a key from a password may cost.
	maxIterations = 2_000_000
	// importTime bounds the time that reading one file takes.
	importTime = 10 * time.Second
	minRSABits = 2048
)

// imported is what a file held.
type imported struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// read reads a file within a bound of time: how long a password file takes is
// decided by whoever made it.
func (s *Service) read(ctx context.Context, in Import) (*imported, error) {
	return readWithin(ctx, in, importTime)
}

func readWithin(ctx context.Context, in Import, limit time.Duration) (*imported, error) {
	type answer struct {
		out *imported
		err error
	}
	done := make(chan answer, 1)
	go func() {
		defer func() {
			if fault := recover(); fault != nil {
				done <- answer{nil, invalid("file", "is damaged")}
			}
		}()
		out, err := readImport(in)
		done <- answer{out, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-done:
		return a.out, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, invalid("file", "takes too long to decrypt; make it again with fewer iterations")
	}
}

const (
	magicJKS   = 0xFEEDFEED
	magicJCEKS = 0xCECECECE
)

// formatOf finds out what a file is.
func formatOf(file []byte) string {
	switch {
	case bytes.Contains(file, []byte("-----BEGIN ")):
		return "pem"
	case len(file) >= 4 && binary.BigEndian.Uint32(file) == magicJKS:
		return "jks"
	case len(file) >= 4 && binary.BigEndian.Uint32(file) == magicJCEKS:
		return "jceks"
	case len(file) > 2 && file[0] == 0x30:
		return "pkcs12"
	}
	return ""
}

func readImport(in Import) (*imported, error) {
	if len(in.File) == 0 {
		return nil, invalid("file", "is missing; choose a PEM, PKCS#12 or JKS file")
	}
	if len(in.File) > MaxMaterial {
		return nil, invalid("file", "is longer than %d KiB", MaxMaterial>>10)
	}
	found := formatOf(in.File)
	if found == "jceks" {
		return nil, invalid("file", "is a JCEKS keystore, whose protection is out of date; convert it with: keytool -importkeystore -deststoretype PKCS12")
	}
	if in.Format != "" && found != "" && in.Format != found {
		return nil, invalid("format", "the file is %s, not %s", found, in.Format)
	}
	switch found {
	case "pem":
		return readPEM(in.File)
	case "pkcs12":
		return readPKCS12(in.File, in.Password)
	case "jks":
		return readJKS(in)
	}
	return nil, invalid("file", "is none of PEM, PKCS#12 and JKS")
}

func readPEM(file []byte) (*imported, error) {
	out, rest := &imported{}, file
	for n := 1; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE":
			if len(out.chain) >= maxCertificates {
				return nil, invalid("file", "holds more than %d certificates", maxCertificates)
			}
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, invalid("file", "block %d is a damaged certificate", n)
			}
			out.chain = append(out.chain, c)
		case strings.Contains(block.Type, "ENCRYPTED") || block.Headers["DEK-Info"] != "":
			return nil, invalid("file", "its key is encrypted with a pass phrase; hand in a PKCS#12 file, or decrypt it with: openssl pkey")
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			if out.key != nil {
				return nil, invalid("file", "holds more than one private key")
			}
			key, err := parseKey(block.Bytes)
			if err != nil {
				return nil, err
			}
			out.key = key
		case block.Type == "EC PARAMETERS":
		default:
			return nil, invalid("file", "block %d is neither a certificate nor a private key", n)
		}
	}
	if out.key == nil && len(out.chain) == 0 {
		return nil, invalid("file", "holds neither a certificate nor a key that can be read")
	}
	return out, nil
}

func parseKey(der []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		key, err = x509.ParsePKCS1PrivateKey(der)
	}
	if err != nil {
		key, err = x509.ParseECPrivateKey(der)
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, invalid("file", "its private key can not be read; it must be RSA, ECDSA or Ed25519")
	}
	return signer, nil
}

func readPKCS12(file []byte, password string) (*imported, error) {
	if cost := iterations(file, 0); cost > maxIterations {
		return nil, invalid("file", "asks for %d iterations to open; at most %d are accepted", cost, maxIterations)
	}
	key, leaf, others, err := pkcs12.DecodeChain(file, password)
	if err == nil {
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, invalid("file", "its private key is of no kind that is used here")
		}
		return &imported{signer, append([]*x509.Certificate{leaf}, others...)}, nil
	}
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, invalid("password", "is wrong for this PKCS#12 file")
	}
	chain, trustErr := pkcs12.DecodeTrustStore(file, password)
	if trustErr == nil {
		return &imported{chain: chain}, nil
	}
	if strings.Contains(err.Error(), "private key") || strings.Contains(err.Error(), "certificate missing") {
		return nil, invalid("file", "does not hold one private key with its certificate")
	}
	return nil, invalid("file", "is a PKCS#12 file that can not be read: it is damaged or protected in a way that is not supported")
}

// iterations is the greatest cost that a DER text asks for: an integer behind a
// salt. Octet strings that hold DER are looked into.
func iterations(der []byte, depth int) int64 {
	if depth > 16 {
		return 0
	}
	var worst int64
	text, salted := cryptobyte.String(der), false
	for !text.Empty() {
		var element cryptobyte.String
		var tag asn1.Tag
		full := text
		if !text.ReadAnyASN1(&element, &tag) {
			return worst
		}
		switch {
		case tag == asn1.INTEGER && salted:
			var n int64
			if !full.ReadASN1Integer(&n) {
				n = 1 << 62
			}
			worst = max(worst, n)
		case tag == asn1.OCTET_STRING || tag&0x20 != 0:
			worst = max(worst, iterations(element, depth+1))
		}
		salted = tag == asn1.OCTET_STRING
	}
	return worst
}

// keyed checks that there is a key with its certificate, and puts that one first.
func (i *imported) keyed(now time.Time) error {
	switch {
	case i.key == nil:
		return invalid("file", "holds no private key; a keystore needs one")
	case len(i.chain) == 0:
		return invalid("file", "holds no certificate for its key")
	}
	if err := strongKey(i.key.Public()); err != nil {
		return invalid("file", "%v", err)
	}
	at := slices.IndexFunc(i.chain, func(c *x509.Certificate) bool { return samePublic(c.PublicKey, i.key.Public()) })
	if at < 0 {
		return invalid("file", "its key does not belong to its certificate")
	}
	leaf := i.chain[at]
	i.chain = append([]*x509.Certificate{leaf}, slices.Delete(i.chain, at, at+1)...)
	if !now.Before(leaf.NotAfter) {
		return invalid("file", "its certificate has expired on %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	return nil
}

func samePublic(a, b any) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

func strongKey(public any) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < minRSABits {
			return fmt.Errorf("its RSA key has %d bits; at least %d are needed", key.N.BitLen(), minRSABits)
		}
	case *ecdsa.PublicKey:
		if key.Curve.Params().BitSize < 256 {
			return fmt.Errorf("its ECDSA key has %d bits; at least 256 are needed", key.Curve.Params().BitSize)
		}
	case ed25519.PublicKey:
	default:
		return errors.New("its key is of a kind that is not used here")
	}
	return nil
}

func certificatesPEM(chain []*x509.Certificate) string {
	var out bytes.Buffer
	for _, c := range chain {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return out.String()
}

func keyPEM(key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", errors.New("the private key can not be written as PKCS #8")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), nil
}
