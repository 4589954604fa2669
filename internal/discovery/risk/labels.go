package risk

import (
	"slices"
	"strings"
	"unicode"

	"farrier.dev/farrier/internal/classify/sensitive"
	"farrier.dev/farrier/internal/discovery"
)

// Label is a business flow that an operation belongs to.
type Label struct {
	Name string `json:"name"`
	// Why names what tells it, as "path word checkout".
	Why string `json:"why"`
}

// The names of the labels.
const (
	Login         = "login"
	Logout        = "logout"
	Signup        = "signup"
	PasswordReset = "password-reset"
	OTP           = "otp"
	Token         = "token"
	Account       = "account"
	Admin         = "admin"
	Payment       = "payment"
	Checkout      = "checkout"
	Refund        = "refund"
	Cart          = "cart"
	Coupon        = "coupon"
	Search        = "search"
	Export        = "export"
	Upload        = "upload"
	LLM           = "llm"
)

// flow is what tells one label: words of the path, of which two may be needed
// together, names of parameters and fields, and methods.
type flow struct {
	label string
	// paths are words, or two joined by "+" that both must be there.
	paths string
	// names are of parameters or fields, normalised.
	names string
	// writes says that only methods that change something count.
	writes bool
}

// flows are the published words, in English, German, French, Spanish, Italian,
// Portuguese and Dutch, without accents.
func flows() []flow {
	return []flow{
		{Login, "login logon signin authenticate anmelden anmeldung einloggen connexion identification acceso ingresar entrar accedi accesso inloggen aanmelden log+in sign+in sessions+auth auth+session", "", true},
		{Logout, "logout logoff signout abmelden abmeldung deconnexion uitloggen afmelden log+out sign+out", "", false},
		{Signup, "signup register registration enroll enrolment enrollment registrierung registrieren inscription inscripcion registro iscrizione registrazione registratie cadastro sign+up create+account", "", true},
		{PasswordReset, "reset+password forgot+password password+recovery recover+password passwordreset resetpassword forgotpassword passwort+zurucksetzen passwort+vergessen oublie+mot contrasena+restablecer password+change changepassword senha+redefinir wachtwoord+vergeten password+forgotten", "newpassword resettoken", true},
		{OTP, "otp totp mfa 2fa sms verification+code verifycode onetimepassword einmalpasswort send+code verify+phone tan", "otp totp otpcode onetimecode mfacode smscode verificationcode", false},
		{Token, "token tokens oauth+token oauth2 jwt introspect revoke", "granttype refreshtoken clientassertion", false},
		{Account, "account accounts profile profiles konto konten kontoverwaltung profil compte cuenta perfil conto profilo conta rekening me users+settings", "", true},
		{Admin, "admin administrator administration administracion amministrazione verwaltung beheer management manage backoffice superuser root impersonate", "", false},
		{Payment, "payment payments pay charge charges billing invoice+pay zahlung zahlungen bezahlen bezahlung rechnung+zahlen paiement paiements pago pagos pagamento pagamenti pagamentos betaling betalingen subscription+renew card+authorize capture", "cardnumber cardcode cvv cvc pan iban", true},
		{Checkout, "checkout purchase kasse bestellen bestellung+abschliessen commander achat comprar compra acquisto afrekenen place+order orders+submit", "", true},
		{Refund, "refund refunds chargeback chargebacks reversal reimbursement erstattung ruckerstattung storno remboursement reembolso devolucion rimborso terugbetaling", "", true},
		{Cart, "cart carts basket baskets warenkorb panier carrito carrello carrinho winkelwagen", "", false},
		{Coupon, "coupon coupons voucher vouchers promo promotion promotions promocode giftcard gutschein gutscheine rabatt bon+achat cupon cupones buono sconto cupom kortingscode", "couponcode promocode vouchercode discountcode giftcard", false},
		{Search, "search searches find lookup autocomplete suggest suche suchen recherche rechercher buscar busqueda cerca ricerca busca zoeken", "searchterm searchquery", false},
		{Export, "export exports report reports download downloads bulk dump extract bericht berichte auswertung rapport informe informes relatorio rapportage", "", false},
		{Upload, "upload uploads attachment attachments import imports hochladen televerser subir caricare enviar+arquivo bijlage", "", true},
		{LLM, "llm chat+completions completions embeddings prompt prompts assistant assistants copilot chatbot generate+text messages+ai openai", "prompt maxtokens temperature", false},
	}
}

// Labels are the business flows that an operation belongs to, by the words of its path,
// the names of its parameters and fields, and the classes of its data.
func Labels(op *discovery.Operation) []Label {
	words := pathWords(op.Path + " " + op.Name)
	names := namesOf(op)
	var all []Label
	add := func(name, why string) {
		if !slices.ContainsFunc(all, func(l Label) bool { return l.Name == name }) {
			all = append(all, Label{name, why})
		}
	}
	for _, f := range flows() {
		if f.writes && !writes(op.Method) && op.Protocol != discovery.GraphQL && op.Protocol != discovery.SOAP {
			continue
		}
		for want := range strings.FieldsSeq(f.paths) {
			first, second, two := strings.Cut(want, "+")
			if slices.Contains(words, first) && (!two || slices.Contains(words, second)) {
				add(f.label, "path word "+strings.ReplaceAll(want, "+", " and "))
				break
			}
		}
		for want := range strings.FieldsSeq(f.names) {
			if place := names[want]; place != "" {
				add(f.label, "named "+place)
				break
			}
		}
	}
	byData(op, names, add)
	return all
}

// byData adds what classes of data and contents tell.
func byData(op *discovery.Operation, names map[string]string, add func(name, why string)) {
	if !writes(op.Method) {
		return
	}
	secret, user := "", names["username"]+names["email"]+names["login"]+names["user"]
	for _, d := range op.Data() {
		switch {
		case d.Direction == "request" && (d.Class == sensitive.Card || d.Class == sensitive.CardCode):
			add(Payment, "card data in "+d.Place)
		case d.Direction == "request" && d.Class == sensitive.Password:
			secret = d.Place
		}
	}
	if secret == "" {
		secret = names["password"]
	}
	if secret != "" && user != "" && names["newpassword"] == "" && names["confirmpassword"] == "" && names["firstname"] == "" && names["passwordconfirmation"] == "" {
		add(Login, "a user and a password in the request ("+secret+")")
	}
	if secret != "" && (names["confirmpassword"] != "" || names["firstname"] != "" || names["passwordconfirmation"] != "") && names["newpassword"] == "" {
		add(Signup, "a new password with data of a person in the request")
	}
	for _, b := range op.Bodies {
		if isUpload(b.Media) {
			add(Upload, "media type "+b.Media)
		}
	}
}

// maxNames bounds the names that are looked at.
const maxNames = 1000

// namesOf are the parameters and fields of requests by normalised name, with their place.
func namesOf(op *discovery.Operation) map[string]string {
	all := map[string]string{}
	put := func(name, place string) {
		if name = normalise(name); name != "" && len(all) < maxNames && all[name] == "" {
			all[name] = place
		}
	}
	for _, p := range op.Parameters {
		if p.In == "query" || p.In == "header" {
			put(p.Name, p.In+" "+p.Name)
		}
	}
	for _, b := range op.Bodies {
		if b.Schema == nil {
			continue
		}
		for name, member := range b.Schema.Members() {
			put(name, "body /"+name)
			for inner := range member.Members() {
				put(inner, "body /"+name+"/"+inner)
			}
		}
	}
	return all
}

func normalise(name string) string {
	var b strings.Builder
	for _, r := range plain(strings.ToLower(name)) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// plain takes accents off the letters of the languages that words are given in.
func plain(s string) string {
	return strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "ss", "é", "e", "è", "e", "ê", "e", "à", "a", "á", "a", "ã", "a", "â", "a", "ç", "c", "í", "i", "ì", "i", "ó", "o", "ò", "o", "õ", "o", "ô", "o", "ú", "u", "ù", "u", "û", "u", "ñ", "n").Replace(s)
}

// pathWords are the words of a path, templates left out: parted at signs and before
// capitals, and each whole segment too.
func pathWords(path string) []string {
	var all []string
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == ' ' }) {
		if strings.ContainsRune(segment, '{') {
			continue
		}
		all = append(all, normalise(segment))
		for part := range strings.FieldsFuncSeq(segment, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			all = append(all, plain(strings.ToLower(part)))
			start := 0
			for i, r := range part {
				if i > 0 && unicode.IsUpper(r) {
					all = append(all, plain(strings.ToLower(part[start:i])))
					start = i
				}
			}
			all = append(all, plain(strings.ToLower(part[start:])))
		}
	}
	return all
}
