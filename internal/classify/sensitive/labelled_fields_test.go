//nolint:misspell // words of many languages
package sensitive_test

// field is a place of a document: its label, "" for what is not sensitive, its
// names as words by language (those behind ! are kept back from development),
// and what stands there.
type field struct {
	label, names string
	value        func(dice) string
}

func words(of ...string) func(dice) string { return func(d dice) string { return d.one(of...) } }

func picture(of ...string) func(dice) string {
	return func(d dice) string { return d.like(d.one(of...)) }
}

func either(of ...func(dice) string) func(dice) string {
	return func(d dice) string { return of[d.IntN(len(of))](d) }
}

var (
	product = either(words(products...))
	firm    = either(words(firms...))
	city    = either(words(cities...))
	note    = either(words(notes...))
	boolean = words("true", "false", "0", "1", "yes", "no")
	count   = picture("#", "*#", "*##", "*###")
)

// person is what documents hold of someone: one of these fields may stand in
// any place that is about a person.
var person = []field{
	{"name", "en: first name, given name, !forename / de: vorname / fr: prenom / es: primer nombre / it: nome di battesimo / pt: primeiro nome / nl: voornaam", givenName},
	{"name", "en: last name, surname, family name / de: nachname, !familienname / fr: nom de famille / es: apellidos, apellido / it: cognome / pt: sobrenome, apelido / nl: achternaam", familyName},
	{"name", "en: full name, name, !legal name / de: name, vollstaendiger name / fr: nom, nom complet / es: nombre, nombre completo / it: nome, !nome completo / pt: nome, nome completo / nl: naam, volledige naam", fullName},
	{"email", "en: email, email address, e mail, !contact email / de: email, email adresse / fr: courriel, adresse email / es: correo electronico, correo / it: email, indirizzo email / pt: email / nl: emailadres, email", mail},
	{"phone", "en: phone, phone number, telephone, mobile, !cell phone, !daytime phone / de: telefon, telefonnummer, handy, !mobilnummer / fr: telephone, numero de telephone, !portable / es: telefono, movil / it: telefono, cellulare / pt: telefone, telemovel, !celular / nl: telefoon, telefoonnummer, !mobiel", either(phone, phone, homePhone)},
	{"birth-date", "en: date of birth, birth date, dob, !birthday / de: geburtsdatum, !geburtstag / fr: date de naissance / es: fecha de nacimiento / it: data di nascita / pt: data de nascimento, !data nascimento / nl: geboortedatum", birthDate},
}

var postal = []field{
	{"address", "en: street, address line 1, line1, !street address, !address1 / de: strasse, !strasse und hausnummer / fr: rue, adresse ligne 1, !voie / es: calle, direccion / it: via, indirizzo / pt: rua, endereco, !morada / nl: straat, straatnaam", street},
	{"address", "en: zip, zip code, postal code, postcode / de: plz, postleitzahl / fr: code postal / es: codigo postal / it: cap, codice postale / pt: cep, codigo postal / nl: postcode", postcode},
	{"", "en: country, country code / de: land / fr: pays / es: pais / it: paese / pt: pais / nl: land", words("DE", "US", "FR", "Germany", "España", "GB")},
	{"", "en: address type, type / de: adressart / fr: type adresse / es: tipo / it: tipo / pt: tipo / nl: soort", words("home", "billing", "shipping", "work")},
}

var oneLineAddress = []field{
	{"address", "en: address, full address, !formatted address, !home address / de: adresse, anschrift / fr: adresse / es: direccion / it: indirizzo / pt: endereco / nl: adres", oneLine},
}

// national are the numbers of states under the names they have there.
var national = []field{
	{"national-id", "en: ssn, social security number, !ss number", ssn},
	{"national-id", "en: nino, national insurance number, !ni number", nino},
	{"tax-id", "en: tax id, steuer id / de: steuer id, steueridentifikationsnummer, !idnr", steuerID},
	{"national-id", "en: id card number, identity card number / de: personalausweisnummer, ausweisnummer", personalausweis},
	{"national-id", "en: social security number, nir / fr: numero securite sociale, nir, !numero secu", nir},
	{"national-id", "en: dni, national id / es: dni, nif, documento identidad, !nie", dni},
	{"national-id", "en: fiscal code / it: codice fiscale, !cod fiscale", codiceFiscale},
	{"national-id", "en: bsn, citizen service number / nl: bsn, burgerservicenummer, !sofinummer", bsn},
	{"national-id", "en: national register number / nl: rijksregisternummer / fr: numero registre national, !niss", rijksregister},
	{"national-id", "en: ahv number, social insurance number / de: ahv nummer, !ahvn13 / fr: numero avs", ahv},
	{"national-id", "en: personnummer, personal identity number, !personal number", personnummer},
	{"national-id", "en: hetu, henkilotunnus, personal identity code", hetu},
	{"national-id", "en: cpr, cpr number, !cpr nummer", cpr},
	{"national-id", "en: fodselsnummer, national identity number", fodselsnummer},
	{"national-id", "en: pesel, numer pesel", pesel},
	{"tax-id", "en: cpf, taxpayer id / pt: cpf, !numero cpf", cpf},
	{"tax-id", "en: cnpj / pt: cnpj", cnpj},
	{"national-id", "en: aadhaar, aadhaar number, !aadhar no", aadhaar},
	{"tax-id", "en: pan number, income tax pan, !pan card", panOfIndia},
	{"national-id", "en: sin, social insurance number", sin},
	{"tax-id", "en: tfn, tax file number", tfn},
	{"national-id", "en: curp / es: curp, clave curp", curp},
	{"national-id", "en: resident id, id number, !identity number", residentID},
	{"national-id", "en: my number, individual number, !mynumber", myNumber},
	{"national-id", "en: id number, sa id number, !rsa id", southAfrican},
	{"tax-id", "en: ein, employer identification number, !fein", ein},
	{"tax-id", "en: vat id, vat number, vat registration number / de: ust id nr, umsatzsteuer id / fr: numero tva / es: nif iva / it: partita iva / pt: numero iva / nl: btw nummer", vat},
	{"passport", "en: passport number, passport no, passport, !travel document number / de: reisepassnummer, passnummer / fr: numero passeport / es: numero pasaporte, pasaporte / it: numero passaporto / pt: numero passaporte / nl: paspoortnummer", passport},
	{"driving-licence", "en: driving licence number, drivers license, driver license number, !dl number / de: fuehrerscheinnummer / fr: numero permis conduire / es: permiso de conducir, !licencia de conducir / it: numero patente / pt: carta de conducao / nl: rijbewijsnummer", licence},
}

// numbers in neutral places: only those whose make-up says what they are.
var bare = []field{
	{"card", "en: value, data, field1, input", cardNumber},
	{"iban", "en: value, data, field1, input", ibanOf},
	{"email", "en: value, login, user, q, search, to, username", mail},
	{"jwt", "en: value, data, assertion, state", jwt},
	{"key", "en: value, data, config, env", issuedKey},
	{"private-key", "en: value, data, pem, content", privateKey},
	{"phone", "en: value, to, from, recipient", func(d dice) string {
		return d.like(d.one("+1415#######", "+4915#########", "+336########", "+4477########"))
	}},
	{"national-id", "en: value, data", either(codiceFiscale, hetu, curp, residentID, ssn)},
	{"tax-id", "en: value, data", func(d dice) string {
		for {
			if n := cpf(d); len(n) == 14 {
				return n
			}
		}
	}},
	{"coordinates", "en: value, location, center, !near", position},
	{"ip-address", "en: value, host, source, peer", ipAddress},
	{"mac-address", "en: value, device, interface", macAddress},
	{"email", "en: comment, note, message, description", func(d dice) string { return d.one(notes...) + ", " + mail(d) }},
	{"card", "en: comment, note, message", func(d dice) string { return "Card " + cardNumber(d) + " was declined" }},
	{"iban", "en: comment, note, message", func(d dice) string { return "please pay to " + ibanOf(d) + " this week" }},
}

var payment = []field{
	{"card", "en: card number, number, pan, credit card number, !cc number, !account pan / de: kartennummer, kreditkartennummer / fr: numero carte / es: numero tarjeta / it: numero carta / pt: numero cartao / nl: kaartnummer", cardNumber},
	{"card-code", "en: cvv, cvc, security code, card security code, !cvv2 / de: pruefziffer karte, kartenpruefnummer / fr: cryptogramme, code securite / es: codigo seguridad / it: codice sicurezza / pt: codigo seguranca / nl: cvc", picture("###", "###", "####")},
	{"name", "en: cardholder name, holder name, card holder, !name on card / de: karteninhaber / fr: titulaire, titulaire carte / es: titular, titular tarjeta / it: titolare carta / pt: titular / nl: kaarthouder", fullName},
	{"", "en: brand, card type, scheme, network", words("visa", "mastercard", "amex", "maestro")},
	{"", "en: last4, last four, card last four", picture("####")},
	{"", "en: masked number, masked pan, card number", func(d dice) string {
		return d.one("************", "XXXXXXXXXXXX", "4111********", "**** **** **** ", "xxxx-xxxx-xxxx-") + d.like("####")
	}},
	{"", "en: exp month, expiry month", picture("0*")},
	{"", "en: amount, total, amount due / de: betrag / fr: montant / es: importe / it: importo / pt: valor / nl: bedrag", price},
	{"", "en: currency / de: waehrung", words("EUR", "USD", "GBP")},
}

var banking = []field{
	{"iban", "en: iban, account iban, bank account, !creditor iban / de: iban, kontonummer iban / fr: iban / es: iban / it: iban / pt: iban / nl: iban, rekeningnummer", ibanOf},
	{"bank-account", "en: bank account number, account number, !acct no / de: kontonummer, bankkonto / fr: numero compte bancaire, numero de compte / es: numero cuenta, cuenta bancaria / it: numero conto / pt: numero conta / nl: bankrekening", bankAccount},
	{"name", "en: account holder, account holder name, beneficiary name / de: kontoinhaber / fr: titulaire compte / es: titular cuenta / it: intestatario / pt: titular conta / nl: rekeninghouder", fullName},
	{"", "en: bank name, bank / de: bankname / fr: nom banque / es: nombre banco / it: nome banca / pt: nome banco / nl: naam bank", words("Deutsche Bank", "Barclays", "BNP Paribas", "Santander")},
	{"", "en: transaction id, end to end id, payment reference / de: verwendungszweck / fr: reference / es: referencia / it: riferimento / pt: referencia / nl: referentie", picture("TX-########", "E2E$$$$$$$$$$$$", "INV-2024-####", "##########")},
	{"", "en: balance, available balance / de: saldo", price},
	{"", "en: account type", words("checking", "savings", "CURRENT")},
}

var hospital = []field{
	{"health", "en: diagnosis code, icd10, icd code, icd10 code / de: diagnose code, icd / fr: code cim10, code diagnostic / es: codigo diagnostico / it: codice diagnosi / pt: codigo diagnostico / nl: diagnosecode", icd10},
	{"health", "en: diagnosis, medical condition, !primary diagnosis / de: diagnose / fr: diagnostic / es: diagnostico / it: diagnosi / pt: diagnostico / nl: diagnose", sickness},
	{"health", "en: allergy, allergies, medication, medications / de: allergie, medikament / fr: allergies, medicament / es: alergias, medicamento / it: allergie, farmaco / pt: alergias, medicamento / nl: allergie, medicijn", sickness},
	{"health", "en: blood type, blood group / de: blutgruppe / fr: groupe sanguin / es: grupo sanguineo, tipo de sangre / it: gruppo sanguigno / pt: tipo sanguineo / nl: bloedgroep", blood},
	{"health", "en: ndc, drug code, ndc code, atc code, !medication code", drugCode},
	{"health-id", "en: mrn, medical record number, !patient number / de: patientennummer / fr: numero patient, !ipp", mrn},
	{"health-id", "en: nhs number, nhs no", nhsNumber},
	{"health-id", "en: npi, provider npi", npi},
	{"health-id", "en: medicare number, mbi, !medicare id", medicare},
	{"health-id", "en: health insurance number, insurance member id / de: krankenversichertennummer, versichertennummer, kvnr", kvnr},
	{"", "en: ward, department, room", words("Cardiology", "Station 4B", "ICU", "Room 12", "Radiology")},
	{"", "en: status, appointment status", words("booked", "arrived", "cancelled", "final")},
	{"", "en: visit number, encounter id, bed", picture("V#######", "B-##", "#####")},
	{"", "en: hospital name, clinic, facility name", words("St. Mary Hospital", "Charité Berlin", "Clinique du Parc")},
}

var secrets = []field{
	{"password", "en: password, new password, user password, passwd, pwd, !current password / de: passwort, kennwort / fr: mot de passe / es: contrasena, clave acceso / it: password / pt: senha, palavra passe / nl: wachtwoord", password},
	{"password", "en: pin, otp, one time code, !verification code", picture("####", "######")},
	{"token", "en: access token, refresh token, token, session token, auth token, csrf token, !reset token", secretText},
	{"token", "en: session id, sessionid, jsessionid, phpsessid, !sid", secretText},
	{"jwt", "en: id token, access token, token, authorization, jwt", jwt},
	{"token", "en: authorization, proxy authorization", func(d dice) string { return "Bearer " + secretText(d) }},
	{"jwt", "en: authorization", func(d dice) string { return "Bearer " + jwt(d) }},
	{"key", "en: api key, apikey, x api key, client secret, secret key, signing key, access key, !subscription key, !webhook secret", secretText},
	{"key", "en: api key, token, secret, access key id", issuedKey},
	{"private-key", "en: private key, ssh key, key, tls key", privateKey},
	{"", "en: token type", words("Bearer", "bearer", "DPoP")},
	{"", "en: expires in, token expiry, token ttl", picture("3600", "86400", "*##")},
	{"", "en: next page token, page token, continuation token, next cursor, cursor", secretText},
	{"", "en: password policy, password strength, password hint enabled, otp enabled, has password, mfa method", words("strict", "strong", "true", "sms", "false")},
	{"", "en: grant type, scope, response type", words("client_credentials", "openid profile", "code", "read:orders")},
	{"", "en: password, token, api key, secret", words("", "null", "********", "[redacted]", "***", "<redacted>")},
	{"", "en: key, sort key, partition key, cache key, key id, kid", words("customer", "name", "orders:2024", "primary", "k1", "status")},
}

var network = []field{
	{"ip-address", "en: ip, ip address, client ip, remote addr, !source address / de: ip adresse / fr: adresse ip / es: direccion ip / it: indirizzo ip / pt: endereco ip / nl: ip adres", ipAddress},
	{"mac-address", "en: mac, mac address, hardware address, !wifi mac", macAddress},
	{"device-id", "en: imei, imei number, device imei", imei},
	{"device-id", "en: imsi, iccid", picture("26201##########", "8949###############", "310410#########")},
	{"device-id", "en: advertising id, idfa, gaid, !ad id", uuid},
	{"", "en: firmware version, version, os version, software version, fw / de: firmware version / fr: version / es: version / it: versione / pt: versao / nl: versie", version},
	{"", "en: port, channel, rssi, signal strength", picture("8080", "443", "-*#", "*#")},
	{"", "en: device model, model, device name, device type", words("iPhone 15 Pro", "SM-G991B", "Raspberry Pi 4", "Sensor A4", "thermostat")},
	{"", "en: firmware build, build number", version},
	{"", "en: cidr, subnet, network", words("10.0.0.0/8", "192.168.1.0/24", "172.16.0.0/12")},
	{"", "en: device id, thing id, sensor id", either(uuid, picture("sensor-####", "dev_########"))},
	{"", "en: oid, snmp oid", words("1.3.6.1.2.1.1.1.0", "1.3.6.1.4.1.311", "2.5.4.3")},
}

var place = []field{
	{"coordinates", "en: latitude, lat, geo lat, !gps latitude / de: breitengrad, latitude / fr: latitude / es: latitud / it: latitudine / pt: latitude / nl: breedtegraad", latitude},
	{"coordinates", "en: longitude, lon, lng, geo lng, !gps longitude / de: laengengrad, longitude / fr: longitude / es: longitud / it: longitudine / pt: longitude / nl: lengtegraad", longitude},
	{"coordinates", "en: coordinates, geo location, position, lat lng, !gps", position},
	{"", "en: latency, latency ms, lag, language", words("12.52", "48.1372", "en", "de-DE", "103")},
	{"", "en: length, longest, width, height, depth / de: laenge, breite, hoehe / fr: longueur / es: longitud total / it: lunghezza / nl: lengte", picture("*#.#", "#.##", "*##")},
	{"", "en: dimensions, size, resolution, range", words("12.5,33.1", "1920x1080", "10, 20", "40x30x20 cm", "0.5,1.5")},
	{"", "en: altitude, speed, heading, accuracy", picture("*#.#", "*##.##")},
	{"", "en: city, town, location name / de: ort, stadt", city},
}

var vehicles = []field{
	{"vehicle", "en: vin, vehicle identification number, chassis number / de: fahrgestellnummer, fin / fr: numero chassis / es: numero bastidor, bastidor / it: numero telaio / pt: chassis / nl: chassisnummer", vin},
	{"vehicle", "en: license plate, number plate, plate number, registration plate, !vehicle registration / de: kennzeichen, amtliches kennzeichen / fr: plaque immatriculation, immatriculation / es: matricula / it: targa / pt: matricula, placa / nl: kenteken", plate},
	{"", "en: make, model, vehicle type, fuel", words("Volkswagen", "Golf", "truck", "diesel", "Model 3")},
	{"", "en: mileage, odometer, year", picture("*####", "20##", "*#####")},
}

// trade are the look-alikes of shops and logistics.
var trade = []field{
	{"", "en: order number, order no, order id, purchase order / de: bestellnummer, auftragsnummer / fr: numero commande / es: numero pedido / it: numero ordine / pt: numero pedido / nl: bestelnummer, ordernummer", either(noCard, noCard, cardNumberAsOrder, picture("ORD-2024-######", "*########", "*##########", "############"))},
	{"", "en: tracking number, tracking id, shipment number, !consignment number / de: sendungsnummer / fr: numero suivi / es: numero seguimiento / it: numero spedizione / pt: codigo rastreio / nl: trackingnummer", either(noCard, picture("1Z999AA1##########", "JD0146##########", "##########", "RR#########DE", "*###########", "00340434########"))},
	{"", "en: sku, product code, item number, article number, part number / de: artikelnummer / fr: reference article / es: codigo producto / it: codice articolo / pt: codigo produto / nl: artikelnummer", picture("SKU-#####", "@@@-####-@@", "########@", "@@######@", "E1*.#", "A10@@0#", "########", "@##.#")},
	{"", "en: ean, gtin, barcode, isbn, upc", gtin},
	{"", "en: invoice number, invoice id, reference, ticket number / de: rechnungsnummer / fr: numero facture / es: numero factura / it: numero fattura / pt: numero fatura / nl: factuurnummer", picture("INV-####", "RE2024####", "##########", "###-##-####", "2024-0#-####", "*#########")},
	{"", "en: product name, item name, title, label / de: produktname, bezeichnung / fr: nom produit, libelle / es: nombre producto / it: nome prodotto / pt: nome produto / nl: productnaam", product},
	{"", "en: price, unit price, amount, subtotal, tax amount / de: preis, einzelpreis / fr: prix, prix unitaire / es: precio / it: prezzo / pt: preco / nl: prijs", price},
	{"", "en: quantity, qty, count, stock / de: menge, anzahl / fr: quantite / es: cantidad / it: quantita / pt: quantidade / nl: aantal", count},
	{"", "en: description, note, comment / de: beschreibung, bemerkung / fr: description, remarque / es: descripcion, nota / it: descrizione / pt: descricao / nl: omschrijving", note},
	{"", "en: warehouse, bin location, shelf, dock", words("WH-01", "A-12-3", "Dock 7", "B12")},
	{"", "en: condition, treatment, state", words("new", "used", "A", "B", "refurbished")},
	{"", "en: carrier, shipping method, service level", words("DHL Express", "UPS Ground", "standard", "FedEx")},
	{"", "en: color, size, material / de: farbe, groesse", words("Blue", "XL", "#ff8800", "Cotton", "42")},
	{"", "en: weight, volume", picture("*.#", "*#.## kg", "#.###")},
	{"", "en: category, category name, department / de: kategorie / fr: categorie / es: categoria / it: categoria / pt: categoria / nl: categorie", words("Shoes", "Home and Garden", "Electronics", "Gourmet Food")},
	{"", "en: brand name, manufacturer, supplier name / de: hersteller, lieferant / fr: fabricant, fournisseur / es: fabricante, proveedor / it: produttore, fornitore / pt: fabricante, fornecedor / nl: fabrikant, leverancier", firm},
}

func cardNumberAsOrder(d dice) string { return withLuhn(d.like("4##############")) }

// everyday are look-alikes that stand in all documents.
var everyday = []field{
	{"", "en: id, uuid, object id, correlation id, resource id", either(uuid, picture("*#######", "usr_$$$$$$$$$$$$", "cus_$$$$$$$$$$$$$$"))},
	{"", "en: created at, updated at, timestamp, modified, last login, valid from, order date, due date / de: erstellt am, datum, faellig am / fr: date creation, date commande / es: fecha creacion, fecha pedido / it: data creazione / pt: data criacao / nl: aangemaakt op, datum", either(recentDate, recentDate, timestamp)},
	{"", "en: timestamp, ts, time, epoch, event time", timestamp},
	{"", "en: etag, hash, checksum, commit, sha256, digest, revision, !fingerprint", hash},
	{"", "en: version, api version, schema version, build / fr: version / es: version / it: versione / pt: versao", version},
	{"", "en: status, type, state, kind, role", words("ACTIVE", "pending", "user", "admin", "individual", "closed", "Approved")},
	{"", "en: user agent", userAgent},
	{"", "en: file name, filename, document name, attachment / de: dateiname / fr: nom fichier / es: nombre archivo / it: nome file / pt: nome arquivo / nl: bestandsnaam", fileName},
	{"", "en: company name, company, organization, organisation name, employer / de: firma, firmenname / fr: nom entreprise, societe / es: empresa, nombre empresa / it: azienda, ragione sociale / pt: empresa / nl: bedrijfsnaam", firm},
	{"", "en: email verified, phone verified, has address, is birthday, email opt in", boolean},
	{"", "en: phone type, email type, name type, number type, contact type", words("mobile", "work", "home", "official")},
	{"", "en: message id, in reply to", func(d dice) string {
		return "<" + d.like("##########.") + d.from(lowerAlphabet, 8) + "@mail.example.com>"
	}},
	{"", "en: url, website, link, href, avatar url", words("https://www.example.com/a/b", "https://cdn.example.com/img/12.png", "http://localhost:8080/health")},
	{"", "en: trace id, span id, request id, x request id, traceparent", either(hash, uuid)},
	{"", "en: idempotency key, client request id", either(uuid, hash)},
	{"", "en: locale, language, timezone, mime type, content type", words("en-US", "de", "Europe/Berlin", "application/json", "text/html; charset=utf-8")},
	{"", "en: page, limit, offset, total, per page", count},
	{"", "en: sort, order by, fields, filter, expand", words("name", "-created_at", "email,asc", "status eq 'open'")},
	{"", "en: package, dependency, image", words("lodash@4.17.21", "@scope/pkg", "nginx:1.27", "ghcr.example/app@sha256")},
	{"", "en: template name, team name, channel name, role name, event name, plan name, group name, project name / de: rollenname, gruppenname / fr: nom equipe / es: nombre grupo / it: nome gruppo / pt: nome grupo / nl: groepsnaam", words("Welcome Mail", "Platform Team", "Support", "Order Created", "Gold", "Summer Campaign")},
	{"", "en: percentage, rate, score, progress", picture("0.##", "*#", "*#.#")},
	{"", "en: thumbnail, image data, content, body", func(d dice) string { return "iVBORw0KGgo" + d.from(base62, 60) }},
	{"", "en: cron, schedule, duration, time of day", words("0 0 * * *", "PT15M", "12:30:45", "08:00-17:00")},
	{"", "en: error code, reason code, code, grade", words("E12", "A4", "NOT_FOUND", "400", "F01", "B2", "E1001")},
	{"", "en: email template, email subject, phone model, address format, password reset url", words("welcome", "Your order has shipped", "Pixel 8", "single-line", "https://example.com/reset")},
	{"", "en: age group, birth order, name length, gender", words("18-25", "2", "12", "f", "male")},
	{"", "en: value, data, field1, input", either(noCard, noIban, product, uuid, picture("###-####-##", "*###", "#.##"), hash, version, timestamp)},
	{"", "en: mobile, phone, cell", words("true", "false", "B12", "null", "")},
	{"", "en: wallet address, contract address", func(d dice) string { return "0x" + d.from("0123456789abcdef", 40) }},
}
