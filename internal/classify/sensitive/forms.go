package sensitive

// Form is one line of the published table of what values look like: its score
// is what the value adds to that of the place.
type Form struct {
	Class Class
	What  string
	Score float64
	// Example is made up.
	Example string
}

// Forms gives the published table. Where no word of the place speaks for their
// class, forms of less than Accepted are of none.
func Forms() []Form { return append(personalForms(), otherForms()...) }

func form(c Class, score float64, what, example string) Form { return Form{c, what, score, example} }

func personalForms() []Form {
	return []Form{
		form(Name, 0.15, "two or more words that begin with capitals, without digits and without the legal form of a company", "Ada Lovelace"),
		form(Name, 0.1, "one word that begins with a capital", "Lovelace"),
		form(Name, 0.05, "other words without digits", "ada"),
		form(Email, 0.6, "a mail address, no name of a file", "ada@example.org"),
		form(Email, 0.5, "a text that holds a mail address", "please write to ada@example.org"),
		form(Phone, 0.4, "E.164 with its plus sign", "+49 30 1234567"),
		form(Phone, 0.3, "North America with parentheses", "(212) 555-0123"),
		form(Phone, 0.2, "North America in groups", "212-555-0123"),
		form(Phone, 0.1, "6 to 15 digits", "0301234567"),
		form(Address, 0.25, "a number and a word for streets", "Hauptstraße 5"),
		form(Address, 0.15, "words and a number", "12 Rosengarten"),
		form(Address, 0.1, "a postal code of digits", "12345"),
		form(Address, 0.05, "a postal code with letters, or words", "SW1A1AA"),
		form(BirthDate, 0.1, "a day", "1980-02-03"),
		form(NationalID, 0.55, "Codice fiscale, CURP, Finnish and Chinese numbers, with check characters", "RSSMRA80A01H501U"),
		form(NationalID, 0.6, "Belgian and Swiss numbers in groups, with check digits", "756.9217.0769.85"),
		form(NationalID, 0.5, "Chinese number of digits only, with date and check digit", "110105194912310038"),
		form(NationalID, 0.4, "French number with its key, British number in groups", "AB 12 34 56 C"),
		form(NationalID, 0.35, "US social security number with hyphens", "219-09-9999"),
		form(NationalID, 0.3, "Spanish DNI and NIE, Norwegian number, Aadhaar in groups, with check characters", "12345678Z"),
		form(NationalID, 0.2, "British number, German identity card, Singapore", "AB123456C"),
		form(NationalID, 0.05, "5 to 20 letters and digits in the shape of a number", "X-4711-22"),
		form(TaxID, 0.6, "CPF and CNPJ in groups, with check digits", "529.982.247-25"),
		form(TaxID, 0.2, "Indian PAN; CPF and CNPJ of digits, with check digits", "ABCPE1234F"),
		form(TaxID, 0.1, "number of value-added tax, EIN, German and Australian numbers with check digits", "DE136695976"),
		form(Passport, 0.6, "machine-readable zone", "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"),
		form(Passport, 0.05, "5 to 20 letters and digits in the shape of a number", "C01X00T47"),
		form(DrivingLicence, 0.05, "5 to 20 letters and digits in the shape of a number", "B072RRE2I55"),
		form(Vehicle, 0.3, "vehicle identification number with the check digit of North America", "1M8GDM9AXKP042788"),
		form(Vehicle, 0.1, "vehicle identification number", "WVWZZZ1JZ3W386752"),
		form(Vehicle, 0.05, "4 to 9 letters and digits", "B-MW 4711"),
	}
}

func otherForms() []Form {
	return []Form{
		form(Card, 0.6, "13 to 19 digits in groups of a known issuer and length, with Luhn's check digit", "4111 1111 1111 1111"),
		form(Card, 0.4, "the same in one piece, or inside a text", "4111111111111111"),
		form(CardCode, 0.1, "three or four digits", "123"),
		form(IBAN, 0.7, "country, its length and check digits", "DE89370400440532013000"),
		form(IBAN, 0.6, "a text that holds one", "please pay to DE89370400440532013000"),
		form(BankAccount, 0.05, "6 to 20 digits", "0532013000"),
		form(Health, 0.1, "ICD-10, ATC or NDC code, blood group, any text", "E11.9"),
		form(HealthID, 0.2, "Medicare and German insurance numbers", "1EG4-TE5-MK73"),
		form(HealthID, 0.15, "NHS number and NPI with check digits", "9434765919"),
		form(HealthID, 0.05, "5 to 20 letters and digits in the shape of a number", "MRN-123456"),
		form(Coordinates, 0.6, "point or geo URI", "POINT(11.5755 48.1372)"),
		form(Coordinates, 0.4, "two numbers with three or more places", "48.1372, 11.5755"),
		form(Coordinates, 0.1, "a number up to 180 with two or more places", "48.1372"),
		form(JWT, 0.95, "JSON web token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
		form(Token, 0.4, "behind Bearer or Basic", "Bearer CAUQAA9xkLm2"),
		form(Token, 0.2, "16 or more letters and digits", "CAUQAA9xkLm2o4PzQ71k"),
		form(Token, 0.1, "8 or more letters and digits", "CAUQAA9x"),
		form(Key, 0.95, "key of an issuer that marks its keys", "npm"+"_0123456789abcdefABCDEF0123456789abcd"),
		form(Key, 0.2, "16 or more letters and digits", "CAUQAA9xkLm2o4PzQ71k"),
		form(PrivateKey, 0.9, "private key in PEM form", "-----BEGIN "+"PRIVATE KEY-----"),
		form(Password, 0.4, "URL with user and password", "ftp://ada:hunter2@example.org/"),
		form(Password, 0.1, "any short text", "hunter2"),
		form(IPAddress, 0.45, "IPv6", "2001:db8::1"),
		form(IPAddress, 0.4, "IPv4, not of the machine itself", "203.0.113.7"),
		form(IPAddress, 0.2, "IPv4 of small numbers, as versions are", "1.2.3.4"),
		form(MACAddress, 0.5, "six bytes", "00:00:5e:00:53:01"),
		form(DeviceID, 0.15, "15 digits with Luhn's check digit", "490154203237518"),
		form(DeviceID, 0.05, "14 to 20 digits, or a UUID", "262011234567890"),
	}
}
