package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6238 with SHA-1 is what authenticators speak; HMAC does not lean on collisions
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The parameters of codes, which all authenticators understand (RFC 6238).
const (
	totpStep   = 30 // seconds
	totpDigits = 6
	totpBytes  = 20
)

// newTOTPSecret makes a shared secret.
func newTOTPSecret() []byte {
	secret := make([]byte, totpBytes)
	rand.Read(secret) //nolint:errcheck,gosec // crypto/rand.Read never fails: it ends the program instead
	return secret
}

// totpText is a secret as people type it.
func totpText(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// totpURI is a secret as authenticators read it from a picture.
func totpURI(secret []byte, account string) string {
	return fmt.Sprintf("otpauth://totp/Farrier:%s?secret=%s&issuer=Farrier", url.PathEscape(account), totpText(secret))
}

// hotp is the code of a counter (RFC 4226).
func hotp(secret []byte, counter uint64, digits int) string {
	var message [8]byte
	binary.BigEndian.PutUint64(message[:], counter)
	mac := hmac.New(sha1.New, secret)
	mac.Write(message[:])
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	value := uint64(binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff)
	modulus := uint64(1)
	for range digits {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", digits, value%modulus)
}

// checkTOTP finds the time step of a code: the present one, or one beside it, for
// clocks differ. A step that was used, or one before it, is refused.
func checkTOTP(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	code = strings.ReplaceAll(code, " ", "")
	if len(code) != totpDigits {
		return 0, false
	}
	present := now.Unix() / totpStep
	for _, at := range []int64{present - 1, present, present + 1} {
		if at <= last || at < 0 {
			continue
		}
		if subtle.ConstantTimeCompare([]byte(hotp(secret, uint64(at), totpDigits)), []byte(code)) == 1 {
			step, ok = at, true
		}
	}
	return step, ok
}
