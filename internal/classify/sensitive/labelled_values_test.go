package sensitive_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// dice are the one source of chance of a labelled set.
type dice struct {
	*rand.Rand
	// held says that names of places that were kept back from development may be
	// drawn, too.
	held bool
}

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }

// like fills a picture: # is a digit, * a digit but 0, @ a capital, ~ a small
// letter, $ a capital or digit.
func (d dice) like(picture string) string {
	b := []byte(picture)
	for i, c := range b {
		switch c {
		case '#':
			b[i] = byte('0' + d.IntN(10))
		case '*':
			b[i] = byte('1' + d.IntN(9))
		case '@':
			b[i] = byte('A' + d.IntN(26))
		case '~':
			b[i] = byte('a' + d.IntN(26))
		case '$':
			b[i] = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"[d.IntN(34)]
		}
	}
	return string(b)
}

func (d dice) from(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[d.IntN(len(alphabet))]
	}
	return string(b)
}

func (d dice) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(d.UintN(256))
	}
	return b
}

// day is a day between two years.
func (d dice) day(from, to int) time.Time {
	return time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, d.IntN((to-from)*365))
}

const (
	lowerAlphabet = "abcdefghijklmnopqrstuvwxyz"
	base62        = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

var (
	givens = strings.Fields("James Mary John Patricia Robert Jennifer Michael Linda David Elizabeth Lukas Anna Jürgen Sabine Heinz Greta Pierre Camille Élodie François " +
		"Carlos María José Lucía Giovanni Chiara Paolo Francesca João Beatriz Sander Femke Priya Arjun Wei Yuki Hiroshi Olga Dmitri Fatima Omar Zeynep Ngozi Kwame Astrid Lars Søren Aino Siobhán Rhys " +
		"Anne-Marie Jean-Luc")
	families = strings.Fields("Smith Johnson Williams Brown Jones Garcia Miller Davis O'Brien McDonald Müller Schmidt Schneider Weiß Becker Dubois Lefèvre Moreau Petit " +
		"Rodríguez Fernández Núñez Rossi Bianchi Esposito Silva Santos Pereira Jansen Bakker Visser Patel Sharma Chen Tanaka Ivanova Petrov Hassan Yılmaz Okafor Mensah Lindqvist Jørgensen Virtanen Murphy Evans " +
		"Smith-Jones Kowalski Nowak Novák")
	cities   = []string{"Berlin", "München", "London", "Leeds", "Paris", "Lyon", "Madrid", "Sevilla", "Roma", "Milano", "Lisboa", "Porto", "Amsterdam", "Utrecht", "New York", "San Diego", "Toronto", "São Paulo", "Zürich", "Wien"}
	products = []string{"Trail Running Shoe", "Wireless Mouse", "Espresso Machine", "Garden Hose 20 m", "Blue Cotton T-Shirt", "USB-C Cable", "Office Chair", "Organic Green Tea", "LED Lamp", "Mountain Bike", "Gold Plan", "Winter Jacket", "Cast Iron Pan", "Standing Desk", "Almond Milk"}
	firms    = []string{"Acme Corporation", "Müller & Söhne GmbH", "Northwind Traders Ltd", "Globex Inc.", "Initech LLC", "Banque du Lac SA", "Ferretería Sol S.L.", "Rossi Trasporti S.r.l.", "Van Dijk Logistics B.V.", "Contoso", "Umbrella Health AG", "Blue Ocean Shipping Co."}
	notes    = []string{"Please deliver before noon", "Customer asked for a refund", "The parcel was left at the door", "Second reminder sent", "No further action required", "Bitte beim Nachbarn abgeben", "Livraison en retard", "Handle with care", "Meeting moved to next week"}
)

func (d dice) given() string  { return givens[d.IntN(len(givens))] }
func (d dice) family() string { return families[d.IntN(len(families))] }

func givenName(d dice) string {
	switch d.IntN(10) {
	case 0:
		return strings.ToUpper(d.given())
	case 1:
		return strings.ToLower(d.given())
	case 2:
		return d.given() + " " + d.given()
	}
	return d.given()
}

func familyName(d dice) string {
	if d.IntN(8) == 0 {
		return d.one("van der ", "de la ", "von ", "Di ") + d.family()
	}
	return d.family()
}

func fullName(d dice) string {
	g, f := d.given(), d.family()
	switch d.IntN(8) {
	case 0:
		return f + ", " + g
	case 1:
		return d.one("Dr. ", "Mr ", "Mrs. ", "Frau ", "Herr ", "Mme ") + g + " " + f
	case 2:
		return g + " " + string([]rune(d.given())[:1]) + ". " + f
	case 3:
		return strings.ToUpper(g + " " + f)
	}
	return g + " " + f
}

var ascii = strings.NewReplacer("ü", "ue", "ö", "oe", "ä", "ae", "ß", "ss", "é", "e", "è", "e", "É", "E", "ç", "c", "í", "i", "á", "a", "ã", "a", "ú", "u", "ñ", "n", "ø", "o", "ı", "i", "'", "", "-", "", "Ç", "C", "ó", "o")

func mail(d dice) string {
	g, f := strings.ToLower(ascii.Replace(d.given())), strings.ToLower(ascii.Replace(d.family()))
	local := d.one(g+"."+f, g[:1]+f, g+"_"+f, f, g+strconv.Itoa(d.IntN(99)), g+"."+f+"+shop", f+"-"+g)
	at := d.one("example.com", "mail.example.org", "example.co.uk", "acme-corp.example", "post.example.de", "university.example.edu", "gmx.example.net", "example.io", "example.museum")
	if d.IntN(12) == 0 {
		return strings.ToUpper(local + "@" + at)
	}
	return local + "@" + at
}

// phone is an international number.
func phone(d dice) string {
	return d.like(d.one("+1 (*##) ###-####", "+1*#########", "+49 151 ########", "+4930#######", "+44 7### ######", "+4420########", "+33 6 ## ## ## ##", "+336########", "+34 6## ### ###",
		"+39 3## #######", "+351 91# ### ###", "+31 6 ########", "+55 11 9####-####", "+919#########", "+81-90-####-####", "+86 13# #### ####", "+61 4## ### ###", "+48 5## ### ###", "+46 70 ### ## ##", "+41 79 ### ## ##"))
}

// homePhone is a number as written within a country.
func homePhone(d dice) string {
	return d.like(d.one("(2*#) 5##-####", "3*#-5##-####", "4*#.5##.####", "7*#25#####", "030 ########", "0171/#######", "0151 ########", "089-#######", "06 ## ## ## ##", "01########", "020 7### ####",
		"07### ######", "6## ## ## ##", "91 ### ## ##", "06 #######", "3## #######", "(11) 9####-####", "06-########", "0049 89 #######", "004479########"))
}

// cardNumber is a number of a known network with a right check digit.
func cardNumber(d dice) string {
	picture := d.one("4##############", "4##############", "51#############", "55#############", "53#############", "2221###########", "2720###########", "34############", "37############",
		"6011###########", "65#############", "3528###########", "3589###########", "36###########", "62#############", "6759###########")
	return group(d, withLuhn(d.like(picture)))
}

// group writes a card number as people do.
func group(d dice, n string) string {
	sep := d.one("", "", " ", "-")
	if sep == "" {
		return n
	}
	cuts := []int{4, 8, 12}
	if len(n) == 15 || len(n) == 14 {
		cuts = []int{4, 10}
	}
	out, last := "", 0
	for _, c := range cuts {
		out += n[last:c] + sep
		last = c
	}
	return out + n[last:]
}

func luhnDigit(n string) int {
	sum := 0
	for i := range len(n) {
		v := int(n[len(n)-1-i] - '0')
		if i%2 == 0 {
			v *= 2
			if v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return (10 - sum%10) % 10
}

func withLuhn(n string) string { return n + strconv.Itoa(luhnDigit(n)) }

// noCard is a number of sixteen digits that fails Luhn's check.
func noCard(d dice) string {
	n := d.like(d.one("4##############", "5*#############", "*##############", "2024###########", "1000###########"))
	return n + strconv.Itoa((luhnDigit(n)+1+d.IntN(9))%10)
}

// ibanOf gives a country's account number with right check digits.
func ibanOf(d dice) string {
	country, picture, _ := strings.Cut(d.one("DE ##################", "GB @@@@##############", "FR #######################", "ES ####################", "IT @######################", "NL @@@@##########",
		"BE ############", "CH #################", "AT ################", "PL ########################", "PT #####################", "SE ####################", "NO ###########", "DK ##############", "FI ##############", "IE @@@@##############"), " ")
	bban := d.like(picture)
	rest := 0
	for _, c := range []byte(bban + country + "00") {
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	iban := fmt.Sprintf("%s%02d%s", country, 98-rest, bban)
	if d.IntN(3) > 0 {
		return iban
	}
	out := ""
	for i := range len(iban) {
		if i > 0 && i%4 == 0 {
			out += " "
		}
		out += string(iban[i])
	}
	return out
}

func noIban(d dice) string {
	iban := strings.ReplaceAll(ibanOf(d), " ", "")
	return iban[:2] + fmt.Sprintf("%02d", (int(iban[2]-'0')*10+int(iban[3]-'0')+1+d.IntN(50))%100) + iban[4:]
}

func street(d dice) string {
	n := strconv.Itoa(1 + d.IntN(250))
	f := d.family()
	switch d.IntN(9) {
	case 0:
		return n + " " + f + " " + d.one("Street", "St", "Ave", "Avenue", "Road", "Lane", "Drive", "Blvd")
	case 1:
		return n + " " + d.one("Main", "Park", "Oak", "Church", "Station") + " " + d.one("Street", "St.", "Road", "Rd", "Lane") + d.one("", ", Apt 4B", " #12")
	case 2:
		return d.one("Haupt", "Bahnhof", "Garten", "Linden", "Schiller") + d.one("straße ", "strasse ", "str. ", "weg ", "platz ", "allee ") + n + d.one("", "a", "b")
	case 3:
		return n + d.one("", " bis", ",") + d.one(" rue ", " avenue ", " boulevard ", " place ") + d.one("de la Paix", "Victor Hugo", "du Général Leclerc", "des Lilas")
	case 4:
		return d.one("Calle ", "Avenida ", "C/ ", "Plaza ") + d.one("Mayor", "de Alcalá", "del Sol", f) + d.one(" ", ", ") + n
	case 5:
		return d.one("Via ", "Viale ", "Piazza ", "Corso ") + d.one("Roma", "Garibaldi", "Dante", f) + d.one(" ", ", ") + n
	case 6:
		return d.one("Rua ", "Avenida ", "Travessa ") + d.one("Augusta", "das Flores", "do Ouro") + ", " + n
	case 7:
		return d.one("Kerk", "Dorps", "Prinsen", "School") + d.one("straat ", "laan ", "gracht ", "weg ") + n
	}
	return "P.O. Box " + d.like("*###")
}

func oneLine(d dice) string {
	return street(d) + ", " + postcode(d) + " " + cities[d.IntN(len(cities))]
}

func postcode(d dice) string {
	return d.like(d.one("*####", "*####", "*####-####", "SW1A #AA", "M# #@@", "*### AB", "K#A #B#", "*####", "#####-###", "*###"))
}

func birthDate(d dice) string {
	return d.day(1940, 2006).Format(d.one("2006-01-02", "2006-01-02", "2006-01-02", "02.01.2006", "01/02/2006", "20060102", "2006-01-02T00:00:00Z", "2 January 2006"))
}

func recentDate(d dice) string {
	return d.day(2018, 2026).Format(d.one("2006-01-02", "2006-01-02T15:04:05Z", "2006-01-02T15:04:05.000Z", "02.01.2006", "2006-01-02 15:04:05", "20060102", "2006-01-02T15:04:05+02:00"))
}

func uuid(d dice) string {
	b := d.bytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func jwt(d dice) string {
	enc := base64.RawURLEncoding
	head := enc.EncodeToString([]byte(d.one(`{"alg":"HS256","typ":"JWT"}`, `{"alg":"RS256","kid":"k1"}`, `{"typ":"at+jwt","alg":"ES256"}`)))
	body := enc.EncodeToString([]byte(`{"sub":"` + uuid(d) + `","exp":` + d.like("17########") + `}`))
	return head + "." + body + "." + enc.EncodeToString(d.bytes(32))
}

// secretText is what a generator of secrets gives.
func secretText(d dice) string {
	switch d.IntN(4) {
	case 0:
		return hex.EncodeToString(d.bytes(16 + 8*d.IntN(3)))
	case 1:
		return base64.RawURLEncoding.EncodeToString(d.bytes(24 + d.IntN(16)))
	case 2:
		return base64.StdEncoding.EncodeToString(d.bytes(32))
	}
	return d.from(base62, 24+d.IntN(20))
}

// issuedKey is a key whose issuer marks it; put together here so that no
// scanner of this repository takes the source for a leak.
func issuedKey(d dice) string {
	switch d.IntN(7) {
	case 0:
		return "AK" + "IA" + d.from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)
	case 1:
		return "gh" + "p_" + d.from(base62, 36)
	case 2:
		return "sk" + "_live_" + d.from(base62, 24)
	case 3:
		return "AI" + "za" + d.from(base62+"-_", 35)
	case 4:
		return "xo" + "xb-" + d.like("############-############-") + d.from(base62, 24)
	case 5:
		return "gl" + "pat-" + d.from(base62, 20)
	}
	return "np" + "m_" + d.from(base62, 36)
}

func privateKey(d dice) string {
	return "-----BEGIN " + d.one("", "RSA ", "EC ") + "PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString(d.bytes(48)) + "\n-----END PRIVATE KEY-----"
}

func password(d dice) string {
	return d.one("hunter2", "Summer2024!", "correct horse battery", "P@ssw0rd", "letmein123", d.given()+d.like("####!"), d.from(base62+"!$%&/()=?", 12), "s3cr3t-"+d.from(lowerAlphabet, 4))
}

func ipAddress(d dice) string {
	switch d.IntN(5) {
	case 0:
		return fmt.Sprintf("2001:db8:%x:%x::%x", d.IntN(65536), d.IntN(65536), 1+d.IntN(65535))
	case 1:
		return fmt.Sprintf("fe80::%x:%x:%x:%x", 1+d.IntN(65535), d.IntN(65536), d.IntN(65536), 1+d.IntN(65535))
	}
	return fmt.Sprintf("%d.%d.%d.%d", 11+d.IntN(110), d.IntN(256), d.IntN(256), 1+d.IntN(254))
}

func macAddress(d dice) string {
	b := d.bytes(6)
	sep := d.one(":", ":", "-")
	parts := make([]string, 6)
	for i := range parts {
		parts[i] = fmt.Sprintf("%02x", b[i])
	}
	out := strings.Join(parts, sep)
	return d.one(out, strings.ToUpper(out))
}

func latitude(d dice) string  { return strconv.FormatFloat(d.Float64()*170-85, 'f', 4+d.IntN(4), 64) }
func longitude(d dice) string { return strconv.FormatFloat(d.Float64()*358-179, 'f', 4+d.IntN(4), 64) }

func position(d dice) string {
	lat, lon := latitude(d), longitude(d)
	return d.one(lat+","+lon, lat+", "+lon, "POINT("+lon+" "+lat+")", "geo:"+lat+","+lon)
}

func icd10(d dice) string {
	return d.one("E11.9", "I10", "J45.909", "F32.1", "C50.911", "M54.5", "K21.0", "Z79.4", "N18.3", "G43.109", "S72.001A", "O80", d.like("J1#.#"), d.like("F4#.#"), d.like("C#*.#"))
}

func drugCode(d dice) string {
	return d.one(d.like("#####-####-##"), d.like("#####-###-##"), "A10BA02", "N02BE01", "C09AA05", "J01CA04", "L04AB02", "R03AC02")
}

func sickness(d dice) string {
	return d.one("Type 2 diabetes mellitus", "Essential hypertension", "Asthma, moderate persistent", "Major depressive disorder", "Chronic kidney disease stage 3", "Migraine with aura",
		"Fraktur des linken Unterarms", "Diabète de type 1", "Penicillin", "Peanuts", "Metformin 500 mg", "HIV positive")
}

func blood(d dice) string { return d.one("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-", "0+", "0-") }

// vin is a vehicle's number with its check digit.
func vin(d dice) string {
	const alphabet = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
	b := []byte(d.one("1HG", "WVW", "JTD", "WBA", "5YJ", "VF1", "ZFA") + d.from(alphabet, 5) + "0" + d.from(alphabet, 2) + d.like("######"))
	weights := [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}
	sum := 0
	for i, c := range b {
		v := int(c - '0')
		if c >= 'A' {
			v = int("12345678-12345-7-923456789"[c-'A'] - '0')
		}
		sum += v * weights[i]
	}
	b[8] = "0123456789X"[sum%11]
	return string(b)
}

func plate(d dice) string {
	return d.like(d.one("B-@@ ####", "M @@ ###", "@@##@@@", "@@-###-@@", "#### @@@", "@@### @@", "#@@@###"))
}

func version(d dice) string {
	return d.one(d.like("*.#.#"), d.like("*.#.#.#"), d.like("*.*#.#.*##"), d.like("v*.#.#-rc.#"), d.like("10.#.*.#"))
}

func timestamp(d dice) string {
	t := d.day(2020, 2026).Unix() + int64(d.IntN(86400))
	return d.one(strconv.FormatInt(t, 10), strconv.FormatInt(t*1000+int64(d.IntN(1000)), 10))
}

func price(d dice) string {
	return d.one(d.like("*#.##"), d.like("*##.##"), d.like("*.##"), d.like("*###"), d.like("*,###.##"), d.like("*#.## EUR"))
}

func gtin(d dice) string {
	n := d.like(d.one("40##########", "50##########", "97880#######", "############"))
	sum := 0
	for i := range 12 {
		w := 1
		if i%2 == 1 {
			w = 3
		}
		sum += w * int(n[i]-'0')
	}
	return n + strconv.Itoa((10-sum%10)%10)
}

func hash(d dice) string {
	return d.one(hex.EncodeToString(d.bytes(20)), hex.EncodeToString(d.bytes(32)), hex.EncodeToString(d.bytes(16)), hex.EncodeToString(d.bytes(4))[:7])
}

func fileName(d dice) string {
	return d.one("invoice-2024-03.pdf", "logo@2x.png", "report final.docx", "IMG_4711.JPG", "avatar.svg", "main.bundle.js", "Contract Müller.pdf", "data_export.csv")
}

func userAgent(d dice) string {
	return d.one("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36", "curl/8.5.0", "okhttp/4.12.0", "PostmanRuntime/7.39.0", "Dalvik/2.1.0 (Linux; U; Android 14)")
}
