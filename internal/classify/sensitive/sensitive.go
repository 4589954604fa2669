// Package sensitive names the class of one value, personal, payment or health data
// or a secret, by the value and by where it stands. A value that says by itself
// what it is, such as a card number that passes its checks, is known anywhere;
// one that many things look like, such as a name or nine digits, only where the
// words around it say so. It keeps no value and shows none: what others may see
// of one is its Shape. It is not a proof of absence.
package sensitive

// Class is one kind of sensitive data.
type Class string

// The built-in classes.
const (
	Name           Class = "name"
	Email          Class = "email"
	Phone          Class = "phone"
	Address        Class = "address"
	BirthDate      Class = "birth-date"
	NationalID     Class = "national-id"
	TaxID          Class = "tax-id"
	Passport       Class = "passport"
	DrivingLicence Class = "driving-licence"
	Vehicle        Class = "vehicle"
	Card           Class = "card"
	CardCode       Class = "card-code"
	IBAN           Class = "iban"
	BankAccount    Class = "bank-account"
	Health         Class = "health"
	HealthID       Class = "health-id"
	Coordinates    Class = "coordinates"
	JWT            Class = "jwt"
	Token          Class = "token"
	Key            Class = "key"
	PrivateKey     Class = "private-key"
	Password       Class = "password"
	IPAddress      Class = "ip-address"
	MACAddress     Class = "mac-address"
	DeviceID       Class = "device-id"
)

// Group is what the classes of one kind have in common.
type Group string

// The groups. Classes of own patterns belong to GroupOwn unless they are
// built-in ones.
const (
	GroupPersonal   Group = "personal"
	GroupPayment    Group = "payment"
	GroupHealth     Group = "health"
	GroupLocation   Group = "location"
	GroupCredential Group = "credential"
	GroupTechnical  Group = "technical"
	GroupOwn        Group = "own"
)

// index is a class as the place where its points are kept.
type index uint8

const (
	iName index = iota
	iEmail
	iPhone
	iAddress
	iBirthDate
	iNationalID
	iTaxID
	iPassport
	iDrivingLicence
	iVehicle
	iCard
	iCardCode
	iIBAN
	iBankAccount
	iHealth
	iHealthID
	iCoordinates
	iJWT
	iToken
	iKey
	iPrivateKey
	iPassword
	iIPAddress
	iMACAddress
	iDeviceID
	classCount
)

// Array that nothing writes to, in the order of the indices.
var classes = [classCount]struct {
	class Class
	group Group
	title string
}{
	{Name, GroupPersonal, "Names of people"},
	{Email, GroupPersonal, "E-mail addresses"},
	{Phone, GroupPersonal, "Telephone numbers"},
	{Address, GroupPersonal, "Postal addresses"},
	{BirthDate, GroupPersonal, "Dates of birth"},
	{NationalID, GroupPersonal, "National identity and social security numbers"},
	{TaxID, GroupPersonal, "Tax numbers"},
	{Passport, GroupPersonal, "Passport numbers"},
	{DrivingLicence, GroupPersonal, "Driving licence numbers"},
	{Vehicle, GroupPersonal, "Vehicle numbers and number plates"},
	{Card, GroupPayment, "Payment card numbers"},
	{CardCode, GroupPayment, "Card security codes"},
	{IBAN, GroupPayment, "International bank account numbers"},
	{BankAccount, GroupPayment, "National bank account numbers"},
	{Health, GroupHealth, "Diagnoses, medication and other health data"},
	{HealthID, GroupHealth, "Numbers of patients and health insurance"},
	{Coordinates, GroupLocation, "Geographic coordinates"},
	{JWT, GroupCredential, "JSON web tokens"},
	{Token, GroupCredential, "Session and access tokens"},
	{Key, GroupCredential, "API keys and client secrets"},
	{PrivateKey, GroupCredential, "Private keys"},
	{Password, GroupCredential, "Passwords, PINs and one-time codes"},
	{IPAddress, GroupTechnical, "IP addresses"},
	{MACAddress, GroupTechnical, "MAC addresses"},
	{DeviceID, GroupTechnical, "Device and subscriber numbers"},
}

// Classes gives every built-in class, in the order in which they are documented.
func Classes() []Class {
	out := make([]Class, 0, classCount)
	for i := range classes {
		out = append(out, classes[i].class)
	}
	return out
}

// Group gives the group of the class.
func (c Class) Group() Group {
	if i, ok := indexOf(c); ok {
		return classes[i].group
	}
	return GroupOwn
}

// Title names the class for people; a class of an own pattern is its own title.
func (c Class) Title() string {
	if i, ok := indexOf(c); ok {
		return classes[i].title
	}
	return string(c)
}

func indexOf(c Class) (index, bool) {
	for i := range classes {
		if classes[i].class == c {
			return index(i), true // #nosec G115 -- there are fewer than 256 classes
		}
	}
	return 0, false
}

// Context is the place of a value. Whatever is not known stays empty.
type Context struct {
	// Name is the name of the parameter, header or member; empty, or a number,
	// for the elements of an array.
	Name string
	// Path names the members around, the outermost first. The last is taken for
	// the nearest.
	Path []string
	// Route holds words of the request's path, such as "customers", "orders".
	Route []string
	// In is path, query, header, cookie or body.
	In string
	// Direction is request or response; only own patterns ask for it.
	Direction string
}
