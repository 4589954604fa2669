package template

import "strings"

// The codes of languages (ISO 639-1), countries (ISO 3166-1) and currencies (ISO 4217)
// that paths are likely to hold.
const (
	languages = " aa ab af am ar as az ba be bg bn bo br bs ca co cs cy da de dz el en eo es et eu fa fi fo fr fy ga gd gl gu ha he hi hr ht hu hy ia id ie " +
		"is it ja jv ka kk km kn ko ku ky la lb ln lo lt lv mg mi mk ml mn mr ms mt my nb ne nl nn no oc om or pa pl ps pt qu rm rn ro ru rw sa sd si sk " +
		"sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ug uk ur uz vi vo wo xh yi yo zh zu "
	countries = " AD AE AF AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CF CG CH CI CL CM CN CO CR CU CV CY CZ DE DJ DK DM " +
		"DO DZ EC EE EG ER ES ET FI FJ FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ IR IS IT JM JO JP KE KG KH KI KM KN KP KR KW KZ LA " +
		"LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MK ML MM MN MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PR PS PT PW PY QA " +
		"RO RS RU RW SA SB SC SD SE SG SI SK SL SM SN SO SR SS ST SV SY SZ TD TG TH TJ TL TM TN TO TR TT TV TW TZ UA UG UK US UY UZ VA VC VE VN VU WS YE ZA ZM ZW "
	currencies = " AED ARS AUD BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW KWD MAD MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON " +
		"RUB SAR SEK SGD THB TRY TWD UAH USD UYU VND ZAR BTC ETH "
)

func isLanguage(s string) bool { return len(s) == 2 && isLower(s[0]) && within(languages, s) }

func isCode(s string) bool {
	return len(s) == 2 && within(countries, s) || len(s) == 3 && within(currencies, s)
}

// within looks for a code of two or three letters in a list.
func within(list, s string) bool {
	for at := 0; ; {
		i := strings.Index(list[at:], s)
		if i < 0 {
			return false
		}
		i += at
		if list[i-1] == ' ' && list[i+len(s)] == ' ' {
			return true
		}
		at = i + 1
	}
}
