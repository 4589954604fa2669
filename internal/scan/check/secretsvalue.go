package check

import (
	"regexp"
	"slices"
	"strings"

	"farrier.dev/farrier/internal/classify"
)

// dummyForms are what people write where a secret has yet to be put, and values
// that others put in before the program runs.
var dummyForms = regexp.MustCompile(`(?i)^(?:x+|\*+|[.\-_?#]+|todo|tbd|fixme|dummy|fake|mock|n/?a|none|null|nil|empty|blank|undefined|unknown|value|string|true|false|yes|no|on|off|` +
	`placeholder|encrypted|masked|hidden|redacted|sample|example|not[-_ ]?(?:set|used|applicable|needed)|to[-_ ]?be[-_ ].*|tbc|` +
	`change[-_ ]?(?:me|this).*|replace[-_ ]?(?:me|this|with|by)?(?:[-_ ].*)?|(?:your|enter|insert|put|provide|specify|add|fill|set|dummy|fake|sample|example|mock|some|replace)[-_ .]?.*|` +
	`.*[-_ .](?:here|placeholder|dummy|example|sample|todo|tbd|goes[-_ ]here)|` +
	`(?:my|the|a)[-_ .]?(?:super[-_ .]?)?(?:password|passwd|pwd|secret|token|key|api[-_ .]?key|client[-_ .]?secret)|` +
	`<.*>|\{\{.*\}\}|%[^%]*%|@[^@]*@|__.*__|#\{.*\}#?|\$\(.*\)|\$[a-z_][a-z0-9_]*|\$\{\{.*\}\}|\(.*\)|\[.*\]|\.\.\.)$`)

// keptElsewhere are values that name a secret which is kept somewhere else, or that
// are encrypted by other tools.
var keptElsewhere = regexp.MustCompile(`(?i)^(?:vault:|kv/|arn:aws:|ref\+|azure-key-vault|aws-secrets|secretsmanager|keyvault|projects/[^/]+/secrets|enc\(|\{cipher\}|\{aes|\{xor\}|\{enc|\$ansible_vault|secret://|op://|env:|sys:|\{[a-z0-9+/]{20,}={0,2}\})`)

// weakValues are the passwords that everybody tries first.
var weakValues = regexp.MustCompile(`(?i)^(?:changeit|passw(?:or)?d|p[@a]ss(?:w[o0]rd|wd)?(?:1|12|123|1234)?!?|password[0-9!@#]{1,4}|admin(?:istrator)?(?:1|12|123|1234)?|mule(?:soft|esb)?(?:1|123|1234)?|` +
	`1{3,8}|0{3,8}|123(?:4(?:5(?:6(?:7(?:8(?:90?)?)?)?)?)?)?|abc123|abcd?1?234|qwerty|welcome1?|letmein|secret(?:1|123)?|default|root|toor|guest|oracle|tiger|scott|postgres|mysql|mariadb|system|manager|sa|tomcat|test(?:1|123|1234)?|demo|user|artemis|activemq|rabbitmq|sftp|ftp)$`)

// isMarked says whether a text is a placeholder, an expression or encrypted, wholly
// or in part.
func isMarked(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "#[") || strings.HasPrefix(text, "![") || strings.HasPrefix(text, "p(")
}

// isDummy says whether a text stands for a secret, without being one.
func isDummy(text string) bool {
	return text == "" || dummyForms.MatchString(text) || keptElsewhere.MatchString(text) || strings.Contains(text, "EXAMPLE")
}

// isPlain says whether a text is a value as it is: no placeholder, no dummy.
func isPlain(text string) bool {
	text = strings.TrimSpace(text)
	return len(text) <= 4096 && !strings.ContainsAny(text, "\r\n") && !isMarked(text) && !isDummy(text)
}

// isSecret says whether a text in a secret's place is one of its own: plain,
// and neither what everybody tries first nor a key that its form gives away, which
// other rules tell.
func isSecret(text string) bool {
	text = strings.TrimSpace(text)
	return isPlain(text) && !weakValues.MatchString(text) && issuedKey(text) == ""
}

// issuedKey is the class of a key that is known by its form, empty for none.
func issuedKey(text string) classify.Class {
	for _, m := range classify.Find(text) {
		if issuer(m.Class) != "" && !namesOnly(text[m.Start:m.End]) {
			return m.Class
		}
	}
	return ""
}

// namesOnly tells the identifiers of AWS that name users, groups and roles: they
// open nothing.
func namesOnly(key string) bool {
	switch key[:min(len(key), 4)] {
	case "AROA", "AIDA", "AGPA", "ANPA":
		return true
	}
	return false
}

// issuer is who issues the keys of a class, empty for what has no issuer.
func issuer(class classify.Class) string {
	switch class { //nolint:exhaustive // the others are no keys
	case classify.AWSKey:
		return "an access key of AWS"
	case classify.GitHubToken:
		return "a token of GitHub"
	case classify.GitLabToken:
		return "a token of GitLab"
	case classify.SlackToken:
		return "a token of Slack"
	case classify.StripeKey:
		return "a secret key of Stripe"
	case classify.GoogleKey:
		return "a key of Google"
	case classify.APIKey:
		return "a key whose form names its issuer"
	}
	return ""
}

// nameWords cuts a name into words of small letters.
func nameWords(name string) []string {
	var words []string
	start := 0
	flush := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(name[start:end]))
		}
	}
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		switch {
		case !letter:
			flush(i)
			start = i + 1
		case i > start && 'A' <= c && c <= 'Z' && (name[i-1] < 'A' || name[i-1] > 'Z'):
			flush(i)
			start = i
		}
	}
	flush(len(name))
	return words
}

// strength says how surely what a name is given to is a secret.
type strength uint8

// The strengths: none; perhaps, where the value looks like one; a key, which people
// don't think out; surely.
const (
	noSecret strength = iota
	maybeSecret
	keySecret
	sureSecret
)

var (
	// aboutSecret are last words of names that speak about a secret.
	aboutSecret = regexp.MustCompile(`^(?:urls?|uris?|path|paths|file|filename|location|dir|folder|name|names|id|ids|host|port|header|headers|prefix|suffix|scope|scopes|audience|class|topic|queue|` +
		`query|label|message|text|regex|pattern|hint|field|param|parameter|cron|interval|cache|store|alias|aliases|type|types|endpoint|policy|length|len|expiry|expires|expiration|` +
		`timeout|ttl|lifetime|limit|enabled|disabled|required|strength|method|methods|consent|format|alg|algorithm|mode|usage|size|age|attempts|retries|version|status|issuer|domain|` +
		`flow|variable|var|resource|basepath|provider|manager|service|grant|group|user|username|role|description|error|code|min|max|count|seconds|minutes|millis|time|frequency|delay|date|buffer|operation|property|properties|env|environment|region|table|column|object|vault|key_?store|rotation|days|encoding|charset|separator|delimiter)$`)
	toldWords  = regexp.MustCompile(`^(?:errors?|messages?|msg|label|labels|text|title|i18n|validation|tooltip|help|description|placeholder|regex|page|screen|button|example)$`)
	sureWords  = regexp.MustCompile(`(?:password|passwd|passwort|passphrase|passcode|pwd|secret)$|^(?:pass|psw|secrets|passwords)$`)
	keyJoined  = regexp.MustCompile(`(?:apikey|privatekey|secretkey|secretaccesskey|signingkey|encryptionkey|encryptkey|decryptionkey|masterkey|accountkey|sharedkey|sharedaccesskey|subscriptionkey|functionkey|functionskey|storagekey|consumersecret|clientsecret|authtoken|accesstoken|apitoken|securitytoken|bearertoken|refreshtoken|sastoken|securekey)$`)
	sureTokens = regexp.MustCompile(`(?:token|apikeys|credential|credentials|bearer|jwt)$`)
)

// mayNameSecret is a quick question: whether a text has a part of a word that
// stands for secrets.
func mayNameSecret(text string) bool {
	text = strings.ToLower(text)
	for _, part := range [...]string{"pass", "pwd", "psw", "secret", "key", "token", "credential", "bearer", "jwt"} {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// secretStrength says how surely the value of a property of this name is a secret.
func secretStrength(name string) strength {
	if !mayNameSecret(name) {
		return noSecret
	}
	words := nameWords(name)
	if len(words) == 0 || len(words) > 30 {
		return noSecret
	}
	last := len(words) - 1
	for last > 0 && strings.Trim(words[last], "0123456789") == "" {
		last--
	}
	words[last] = strings.TrimRight(words[last], "0123456789")
	if words[last] == "" || aboutSecret.MatchString(words[last]) || slices.ContainsFunc(words, toldWords.MatchString) {
		return noSecret
	}
	if sureWords.MatchString(words[last]) {
		return sureSecret
	}
	joined := strings.Join(words[max(0, last-2):last+1], "")
	switch {
	case keyJoined.MatchString(joined):
		return keySecret
	case sureTokens.MatchString(words[last]):
		return maybeSecret
	}
	for _, w := range words[:last] {
		if sureWords.MatchString(w) {
			return maybeSecret
		}
	}
	return noSecret
}

var (
	pathForm   = regexp.MustCompile(`(?i)^(?:/|\./|\.\./|[a-z]:\\|classpath:|file:|~/)|\.(?:jks|p12|pfx|pem|key|crt|cer|json|xml|ya?ml|properties|txt|dwl)$|^[\w.+-]+@[\w-]+\.[\w.]+$`)
	classForm  = regexp.MustCompile(`^[a-z]\w*(?:\.[a-z]\w*)+\.[A-Z]\w*$`)
	opaqueForm = regexp.MustCompile(`[0-9]`)
	numberForm = regexp.MustCompile(`^-?[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d|px|%)?$`)
)

// looksSecret says whether the value of a property may be the secret that its name
// speaks of: no path, address, number or sentence.
func looksSecret(value string, how strength) bool {
	value = strings.Trim(strings.TrimSpace(value), `"'`)
	switch {
	case len(value) < 3, strings.ContainsAny(value, " \t"), strings.Contains(value, "://"), pathForm.MatchString(value), classForm.MatchString(value):
		return false
	case how == sureSecret:
		return true
	case numberForm.MatchString(value):
		return false
	case how == keySecret && (len(value) >= 24 || len(value) >= 8 && opaqueForm.MatchString(value)):
		return true
	}
	return len(value) >= 12 && opaqueForm.MatchString(value) && strings.IndexFunc(value, func(c rune) bool { return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' }) >= 0
}

// constantText is the text that an attribute stands for: itself, or the one text
// in "#['…']".
func constantText(value string) string {
	inner, found := strings.CutPrefix(strings.TrimSpace(value), "#[")
	inner, closed := strings.CutSuffix(inner, "]")
	inner = strings.TrimSpace(inner)
	if !found || !closed || len(inner) < 2 || inner[0] != '\'' && inner[0] != '"' || inner[len(inner)-1] != inner[0] {
		return value
	}
	if text := inner[1 : len(inner)-1]; !strings.ContainsAny(text, `'"\$`) {
		return text
	}
	return value
}
