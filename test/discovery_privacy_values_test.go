package test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/url"
	"strings"

	"farrier.dev/farrier/internal/classify/sensitive"
)

// planted is a class of values that nothing may keep, and the names under which
// people send them.
type planted struct {
	class sensitive.Class
	names []string
	make  func(i int) string
	// alone says that the form alone tells the class, so that the value is recognised in
	// the place of a name, too.
	alone bool
}

// plantedEach is how many values of each class there are.
const plantedEach = 20

func plantedClasses() []planted {
	return []planted{
		{sensitive.Name, []string{"fullName", "customer_name"}, func(i int) string { return "Zorvina Quellmark" + syllable(i) }, true},
		{sensitive.Email, []string{"email", "contactEmail"}, func(i int) string { return fmt.Sprintf("zorvina.%02d@quellmark.example", i) }, true},
		{sensitive.Phone, []string{"phone", "mobileNumber"}, func(i int) string { return fmt.Sprintf("+49 151 %08d", 23456789+i*1117) }, true},
		{sensitive.Address, []string{"streetAddress", "shippingAddress"}, func(i int) string { return fmt.Sprintf("%d Quellmark Street, Zorvton %05d", 17+i, 90210+i*13) }, false},
		{sensitive.BirthDate, []string{"birthDate", "dateOfBirth"}, func(i int) string { return fmt.Sprintf("19%02d-%02d-%02d", 51+i, 1+i%12, 3+i) }, true},
		{sensitive.NationalID, []string{"ssn", "nationalId"}, func(i int) string { return fmt.Sprintf("5%02d-%02d-%04d", 20+i, 31+i, 4321+i*7) }, true},
		{sensitive.TaxID, []string{"taxId", "vatNumber"}, func(i int) string { return fmt.Sprintf("DE%09d", 136695976+i*10007) }, false},
		{sensitive.Passport, []string{"passportNumber", "passport"}, func(i int) string { return fmt.Sprintf("C%08d", 1234567+i*313) }, false},
		{sensitive.DrivingLicence, []string{"drivingLicence", "driverLicenseNumber"}, func(i int) string { return fmt.Sprintf("D%03d-%04d-%04d", 123+i, 4567+i, 8901+i) }, false},
		{sensitive.Vehicle, []string{"vin", "vehicleVin"}, func(i int) string { return fmt.Sprintf("1HGCM82633A%06d", 4352+i*77) }, false},
		{sensitive.Card, []string{"cardNumber", "pan"}, func(i int) string { return luhn(fmt.Sprintf("453201%09d", 112830366+i*9091)) }, true},
		{sensitive.CardCode, []string{"cvv", "cardCode"}, func(i int) string { return fmt.Sprintf("%03d", 733+i) }, false},
		{sensitive.IBAN, []string{"iban", "payoutIban"}, func(i int) string { return ibanOf(fmt.Sprintf("37040044%010d", 532013000+i*31)) }, true},
		{sensitive.BankAccount, []string{"accountNumber", "bankAccount"}, func(i int) string { return fmt.Sprintf("%010d", 7312345670+i*911) }, false},
		{sensitive.Health, []string{"diagnosis", "medicalCondition"}, func(i int) string { return "quellmark diabetes of kind " + syllable(i) }, false},
		{sensitive.HealthID, []string{"healthInsuranceNumber", "patientId"}, func(i int) string { return fmt.Sprintf("A%09d", 123456780+i*37) }, false},
		{sensitive.Coordinates, []string{"coordinates", "gpsLocation"}, func(i int) string { return fmt.Sprintf("52.5%05d,13.4%05d", 20008+i*71, 4954+i*53) }, true},
		{sensitive.JWT, []string{"idToken", "assertion"}, func(i int) string {
			return coded(`{"alg":"HS256","typ":"JWT"}`) + "." + coded(fmt.Sprintf(`{"sub":"zorvina-%02d@quellmark.example","iat":1700000%03d}`, i, i)) + "." + scrambled(i, 43)
		}, true},
		{sensitive.Token, []string{"accessToken", "refresh_token"}, func(i int) string { return "ghp_" + scrambled(100+i, 36) }, true},
		{sensitive.Key, []string{"apiKey", "secretKey"}, func(i int) string { return "AKIA" + strings.ToUpper(scrambled(200+i, 16)) }, true},
		{sensitive.PrivateKey, []string{"privateKey", "signingKeyPem"}, func(i int) string {
			return "-----BEGIN PRIVATE KEY-----\n" + scrambled(300+i, 60) + "\n" + scrambled(400+i, 60) + "\n-----END PRIVATE KEY-----"
		}, true},
		{sensitive.Password, []string{"password", "newPassword"}, func(i int) string { return fmt.Sprintf("zorv-Quell%02d!mark", i) }, false},
		{sensitive.IPAddress, []string{"ipAddress", "lastLoginIp"}, func(i int) string { return fmt.Sprintf("198.51.100.%d", 101+i) }, true},
		{sensitive.MACAddress, []string{"macAddress", "wifiMac"}, func(i int) string { return fmt.Sprintf("02:42:ac:1f:%02x:%02x", 17+i, 201-i) }, true},
		{sensitive.DeviceID, []string{"imei", "deviceImei"}, func(i int) string { return luhn(fmt.Sprintf("35209900%06d", 176148+i*1013)) }, false},
	}
}

// syllable is a short word for a number.
func syllable(i int) string {
	return string("bdfgklmnprst"[i%12]) + string("aeiou"[i%5]) + string("lmnrst"[i%6]) + string("aeiou"[(i/3)%5])
}

func coded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// scrambled is n letters and digits that look like chance.
func scrambled(seed, n int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	state := uint64(seed)*0x9e3779b97f4a7c15 + 12345
	out := make([]byte, n)
	for i := range out {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		out[i] = letters[state%uint64(len(letters))]
	}
	return string(out)
}

// luhn adds the check digit of cards and devices.
func luhn(digits string) string {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return digits + string(rune('0'+(10-sum%10)%10))
}

// ibanOf is a German account as an IBAN.
func ibanOf(account string) string {
	n, _ := new(big.Int).SetString(account+"131400", 10)
	return fmt.Sprintf("DE%02d%s", 98-new(big.Int).Mod(n, big.NewInt(97)).Int64(), account)
}

// searcher finds many texts at once: by their first bytes.
type searcher struct {
	byHead map[string][]string
	of     map[string]string
	values int
}

const searchHead = 6

// newSearcher finds values as they are and as they are often written.
func newSearcher(values []string) *searcher {
	s := &searcher{byHead: map[string][]string{}, of: map[string]string{}, values: len(values)}
	for _, value := range values {
		raw := []byte(value)
		forms := []string{value, strings.ToLower(value), strings.ToUpper(value), url.QueryEscape(value), url.PathEscape(value), strings.ReplaceAll(value, "\n", `\n`)}
		if len(value) > 5 {
			forms = append(forms, base64.StdEncoding.EncodeToString(raw)[:len(raw)*4/3], base64.RawURLEncoding.EncodeToString(raw)[:len(raw)*4/3], hex.EncodeToString(raw))
		}
		if len(value) < searchHead { // a few digits are everywhere
			forms = []string{`:"` + value + `"`, `: "` + value + `"`}
		}
		for _, form := range forms {
			if _, there := s.of[form]; there {
				continue
			}
			s.of[form] = value
			s.byHead[form[:searchHead]] = append(s.byHead[form[:searchHead]], form)
		}
	}
	return s
}

// find gives the values that stand in a text, with what is around them.
func (s *searcher) find(text string) (found []string) {
	seen := map[string]bool{}
	for i := 0; i+searchHead <= len(text); i++ {
		for _, form := range s.byHead[text[i:i+searchHead]] {
			if strings.HasPrefix(text[i:], form) && !seen[s.of[form]] {
				seen[s.of[form]] = true
				found = append(found, fmt.Sprintf("%q in %q", s.of[form], text[max(0, i-80):min(len(text), i+len(form)+40)]))
			}
		}
	}
	return found
}
