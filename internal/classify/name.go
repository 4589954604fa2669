package classify

import "strings"

// maxName bounds how much of a name is looked at: its end, which says what is
// kept there.
const maxName = 96

// SecretName tells whether a header, parameter, field or variable of this name
// is expected to hold a secret: a password, key, token, session, one-time code
// or card number. Case does not matter, nor do separators; "clientSecret",
// "CLIENT-SECRET" and "clientsecret" are one name, but "author", "spinner" and
// "tokenize" hold none. It allocates nothing.
func SecretName(name string) bool {
	var w words
	w.split(name[max(0, len(name)-maxName):])
	if w.n == 0 || harmless(w.at(w.lastWord())) || w.n > 1 && asks(w.at(0)) {
		return false
	}
	for a := range w.n {
		if secretWord(w.at(a)) || glued(w.at(a)) || a == w.lastWord() && string(w.at(a)) == "auth" {
			return true
		}
		for b := a + 1; b < min(w.n, a+4); b++ {
			if joined(w.buf[w.start[a]:w.start[b+1]]) {
				return true
			}
		}
	}
	return false
}

// words are the words of a name in small letters, one behind the other.
type words struct {
	buf   [maxName]byte
	start [maxName + 1]int
	n     int
}

func (w *words) at(k int) []byte { return w.buf[w.start[k]:w.start[k+1]] }

// lastWord is the last word that is no number.
func (w *words) lastWord() int {
	k := w.n - 1
	for k > 0 && isDigit(w.at(k)[0]) {
		k--
	}
	return k
}

// split cuts a name at separators, between letters and digits and where the
// case of letters says that a word begins, as in userPIN or APIKey.
func (w *words) split(name string) {
	size := 0
	for i := range len(name) {
		c := name[i]
		if !isAlnum(c) {
			continue
		}
		if i == 0 || size == 0 || begins(name, i) {
			w.start[w.n] = size
			w.n++
		}
		if isUpper(c) {
			c |= 0x20
		}
		w.buf[size] = c
		size++
	}
	w.start[w.n] = size
}

func begins(name string, i int) bool {
	before, c := name[i-1], name[i]
	switch {
	case !isAlnum(before), isDigit(before) != isDigit(c):
		return true
	case isLower(before) && isUpper(c):
		return true
	}
	return isUpper(before) && isUpper(c) && i+1 < len(name) && isLower(name[i+1]) && name[i+1:] != "s"
}

// secretWord tells the words that stand for a secret by themselves.
func secretWord(w []byte) bool {
	switch string(w) {
	case "authorization", "cookie", "cookies", "password", "passwords", "passwd", "passwort", "passphrase",
		"passcode", "pwd", "pass", "psw", "secret", "secrets", "token", "tokens", "apikey", "apikeys", "jwt", "jws",
		"jwe", "session", "sessions", "sessid", "sessionid", "sid", "otp", "totp", "hotp", "pin", "pincode",
		"cvv", "cvc", "csc", "cvn", "ssn", "credential", "credentials", "creds", "bearer", "signature", "sig", "hmac",
		"samlresponse", "privatekey", "accesskey", "secretkey", "authkey", "cardnumber",
		"creditcard", "csrf", "xsrf", "assertion":
		return true
	}
	return joined(w)
}

// joined tells the secrets of several words, without their separators.
func joined(w []byte) bool {
	switch string(w) {
	case "apikey", "apikeys", "privatekey", "accesskey", "secretkey", "authkey", "signingkey", "encryptionkey",
		"masterkey", "sharedkey", "subscriptionkey", "storagekey", "accountkey", "functionskey", "servicekey",
		"sshkey", "hmackey", "aeskey", "clientkey", "consumerkey", "licensekey", "recoverykey", "recoverycode",
		"backupcode", "pincode", "password", "passphrase", "passcode", "passwd", "sessionid", "sessionkey",
		"sessid", "authcode", "authorizationcode", "verificationcode", "securitycode", "accesscode",
		"onetimecode", "onetimepassword", "mfacode", "smscode", "cardnumber", "cardno", "cardnum", "creditcard",
		"ccnumber", "ccnum", "cvvcode", "securityanswer", "secretanswer", "socialsecuritynumber", "samlresponse",
		"connectionstring", "authcookie", "userauth", "basicauth", "httpauth", "privkey":
		return true
	}
	return false
}

// glued tells words that were written without separators, as in dbpassword and
// csrftoken.
func glued(w []byte) bool {
	s := string(w)
	for _, end := range [...]string{
		"password", "passwd", "passphrase", "pwd", "secret", "token", "apikey", "sessionid", "sessid", "authorization",
		"privatekey", "secretkey", "accesskey", "cookie",
	} {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	return strings.HasPrefix(s, "password") && s != "passwordless" || strings.HasPrefix(s, "passwd")
}

// harmless tells last words by which a name speaks about a secret, and does not
// hold it: token_type, password_policy.
func harmless(w []byte) bool {
	switch string(w) {
	case "type", "types", "count", "counts", "endpoint", "policy", "length", "len", "expiry", "expires", "expiration",
		"timeout", "ttl", "lifetime", "limit", "limits", "enabled", "disabled", "required", "strength", "method",
		"methods", "consent", "format", "alg", "algorithm", "usage", "used", "size", "age", "attempts", "version",
		"status", "issuer", "domain":
		return true
	}
	return false
}

// asks tells first words by which a name asks for or counts what it names:
// max_tokens, has_password.
func asks(w []byte) bool {
	switch string(w) {
	case "max", "min", "num", "has", "is", "total", "count", "remaining", "forgot", "change", "show", "hide":
		return true
	}
	return false
}
