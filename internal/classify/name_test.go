package classify_test

import (
	"strings"
	"testing"

	"farrier.dev/farrier/internal/classify"
)

func TestSecretName(t *testing.T) {
	secret := `authorization Authorization PROXY-AUTHORIZATION cookie Cookie set-cookie Set-Cookie password Password
		PASSWORD passwd pwd passWord user_password userPassword userpassword dbPassword db-passwd newPassword2 password1
		secret client_secret clientSecret clientsecret CLIENT-SECRET token access_token accessToken accesstoken ACCESS_TOKEN
		refresh_token id_token csrf_token csrfToken csrfmiddlewaretoken X-CSRF-Token api_key apikey apiKey API_KEY APIKEY
		APIKey x-api-key X-Api-Key xApiKey session session_id sessionId sessionid JSESSIONID PHPSESSID connect.sid jwt JWT
		x-jwt otp OTP otpCode pin PIN userPIN pin_code pincode cvv CVV cvv2 cvc card.cvc private_key privateKey PRIVATE_KEY
		ssh-key aws_secret_access_key secretAccessKey accessKey subscription-key Ocp-Apim-Subscription-Key X-Auth X-Auth-Token
		X-Amz-Security-Token X-Amz-Signature sig SAMLResponse passphrase creditCard card_number cardNumber ssn
		user[password] credentials.value verification_code authorization_code bearer tokens`
	open := `author authors authority authenticated spinner spin tokenize tokenizer tokenized secretary compass compassion
		passenger bypass password_policy passwordless token_type tokenType token_endpoint max_tokens maxTokens session_timeout
		sessionCount cookie_consent user username email name id key keys keyboard monkey pinned pinning opinion pinterest
		mapping shipping topping cvs description assign signal design signup code zipcode card cardinal carding host
		content-type user-agent accept x-request-id page limit sort has_password is_secret hotpink otplike passed passive
		obsession possession discookied jwtlike keyId`
	played := 0
	for _, name := range strings.Fields(secret) {
		played++
		if !classify.SecretName(name) {
			t.Errorf("SecretName(%q) = false, want true", name)
		}
	}
	for _, name := range append(strings.Fields(open), "", "_", "-", "123") {
		played++
		if classify.SecretName(name) {
			t.Errorf("SecretName(%q) = true, want false", name)
		}
	}
	if played < 120 {
		t.Fatalf("played %d names, want 120 or more", played)
	}
	t.Logf("played %d names", played)
}

func TestSecretNameOfAnyLength(t *testing.T) {
	if !classify.SecretName(strings.Repeat("x_", 1<<12) + "password") {
		t.Error("the end of a long name decides, and was not seen")
	}
	if n := testing.AllocsPerRun(100, func() { classify.SecretName("X-Some-ordinaryHeader-Name42") }); n != 0 {
		t.Errorf("SecretName allocates %v times, want 0", n)
	}
}

func TestSegment(t *testing.T) {
	cases := []struct{ in, want string }{
		{"", ""},
		{"orders", "orders"},
		{"v1", "v1"},
		{"v20240101", "v20240101"},
		{"v2.0.1", "v2.0.1"},
		{"oauth2", "oauth2"},
		{"iso8601", "iso8601"},
		{"sha256", "sha256"},
		{"covid19", "covid19"},
		{"user-profile", "user-profile"},
		{"summer-2024", "summer-2024"},
		{"facade", "facade"},
		{"decade", "decade"},
		{"deadbeef", "deadbeef"},
		{"{id}", "{id}"},
		{"getCustomerOrdersByRegion", "getCustomerOrdersByRegion"},
		{"internationalization", "internationalization"},
		{"how-to-shoe-a-mule-without-tears", "how-to-shoe-a-mule-without-tears"},
		{"index.html", "index.html"},
		{"0", "{int}"},
		{"1234567", "{int}"},
		{"4111111111111111", "{int}"},
		{"3f2504e0-4f89-11d3-9a0c-0305e82c3301", "{uuid}"},
		{"3F2504E0-4F89-11D3-9A0C-0305E82C3301", "{uuid}"},
		{"507f1f77bcf86cd799439011", "{hex}"},
		{"3f2504e04f8911d39a0c0305e82c3301", "{hex}"},
		{"0x1a2b", "{hex}"},
		{"e3b0c442", "{hex}"},
		{"2024-02-29", "{date}"},
		{"2024-02-29T10:00:00Z", "{date}"},
		{"2024-13-29", "{token}"},
		{"bob@example.com", "{email}"},
		{"bob%40example.com", "{email}"},
		{"ORD-1234", "{token}"},
		{"user_123456", "{token}"},
		{"k3j90x22m4q8", "{token}"},
		{"01ARZ3NDEKTSV4RRFFQ69G5FAV", "{token}"},
		{"V1StGXR8_Z5jdHi6B-myT", "{token}"},
		{"dQw4w9WgXcQ", "{token}"},
		{"ghp_" + strings.Repeat("a1B2", 9), "{token}"},
		{"{4111 1111 1111 1111}", "{token}"},
		{"password=hunter2", "{token}"},
		{strings.Repeat("word-", 20), "{token}"},
	}
	for _, c := range cases {
		if got := classify.Segment(c.in); got != c.want {
			t.Errorf("Segment(%q) = %q, want %q", c.in, got, c.want)
		}
	}
	t.Logf("played %d segments", len(cases))
}
