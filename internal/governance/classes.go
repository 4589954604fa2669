package governance

import (
	"regexp"

	"farrier.dev/farrier/internal/classify"
)

// The classes of data that names tell of and values do not.
const (
	classBirth    = "birth-date"
	classHealth   = "health"
	classIdentity = "identity-document"
	classAccount  = "bank-account"
)

// namedClasses are the classes of data by the names of their fields, in small
// letters with hyphens. The first that matches is taken. Names that only speak
// about such data are left out: email-verified, phone-type.
var namedClasses = []struct {
	class string
	name  *regexp.Regexp
}{
	{string(classify.SSN), regexp.MustCompile(`(^|-)(ssn|social-?security(-?(number|no|id))?)$`)},
	{string(classify.Card), regexp.MustCompile(`(^|-)((credit|debit|payment)-?card(-?(number|no|pan))?|card-?(number|no|pan)|cvv2?|cvc2?)$`)},
	{string(classify.IBAN), regexp.MustCompile(`(^|-)iban$`)},
	{classAccount, regexp.MustCompile(`(^|-)((bank-?)?account-?(number|no)|routing-?number|sort-?code)$`)},
	{classIdentity, regexp.MustCompile(`(^|-)(passport(-?(number|no|id))?|driv(er|ing)s?-?licen[cs]e(-?(number|no))?|national-?(id|identity|insurance)(-?(number|no))?|tax-?(id|number|payer-?id)|personal-?(id|identity)-?(number|code))$`)},
	{classBirth, regexp.MustCompile(`(^|-)(birth-?(date|day)|date-?of-?birth|dob)$`)},
	{classHealth, regexp.MustCompile(`(^|-)(diagnos[ie]s|blood-?(type|group)|medical-?(record|history|condition)s?|health-?(record|status|condition)s?|disabilit(y|ies))$`)},
	{string(classify.Email), regexp.MustCompile(`(^|-)e?-?mail(-?(address|addr))?$`)},
	{string(classify.Phone), regexp.MustCompile(`(^|-)((tele|mobile-?|cell-?|home-?|work-?|fax-?)?phone|telephone|mobile|msisdn|fax)(-?(number|no|nr))?$`)},
}

// classOf is the class of data that a field of this name holds; empty for none
// that is known to be sensitive.
func classOf(name string) string {
	kebab := words(name)
	for i := range namedClasses {
		if namedClasses[i].name.MatchString(kebab) {
			return namedClasses[i].class
		}
	}
	if holdsSecret(name) {
		return string(classify.Secret)
	}
	return ""
}

// noSecrets are names that speak about a secret or of a token that opens nothing:
// places in lists, keys by which requests are told apart, postal codes of India.
var noSecrets = regexp.MustCompile(`^((.*-)?(page|paging|pagination|continuation|continue|sync|delta|cursor|skip|next|prev|previous|start|starting|resume|marker|iterator|scroll|list|search|idempotency|client-request|request)-?tokens?|client-token|token-?(count|id|address|uri|url|info)s?|(.*-)?tokens-?(used|count|limit)?|pin-?code|.*-(names?|label|title|description|date|at|index|header|field|param|location|realm|scopes?|groups?|template|rules?|config|configuration|settings?|provider|store|type))$`)

// holdsSecret says whether a field of this name holds a secret.
func holdsSecret(name string) bool {
	return classify.SecretName(name) && !noSecrets.MatchString(words(name))
}
